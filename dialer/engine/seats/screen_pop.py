"""What an agent's page shows: who is on the line, by ids, before the voice is there, and anew when something of it was said
elsewhere; and a supervisor's line of text.
"""

from __future__ import annotations

from dataclasses import asdict, replace

import structlog

from dialer.domain.errors import CommandRefused, StoreError
from dialer.domain.model import AttemptId
from dialer.domain.view import SupervisorsLine
from dialer.engine.acd.service import Acd
from dialer.engine.centre import Centre
from dialer.engine.effects import StartTimer, StopTimer, TimerExpired, TimerKind
from dialer.engine.placing.snapshot import seats_of
from dialer.store.port import StandingOrder, of_seat
from dialer.store.sqlite import Store

SEAT_MESSAGE = "seat-message"
MESSAGE_SECONDS = 600.0
_log = structlog.get_logger(__name__)


class ScreenPops:
    """Reads it once for each call that comes to a seat. `Centre.pops` has it, by seat."""

    def __init__(self, centre: Centre, store: Store) -> None:
        self._centre = centre
        self._store = store
        self._asked: dict[str, AttemptId] = {}  # by seat: the attempt that was read, or is being read

    def look(self, seat_name: str, attempt_id: AttemptId, *, again: bool) -> None:
        """The call comes to the seat, or is there; `again`: something was said elsewhere of a voter or of the number."""
        if again or self._asked.get(seat_name) != attempt_id:
            self._asked[seat_name] = attempt_id
            self._centre.core.spawn(self._read(seat_name, attempt_id), "screen-pop")

    async def _read(self, seat_name: str, attempt_id: AttemptId) -> None:
        try:
            found = await self._store.screen_pop(attempt_id)
        except StoreError as error:
            _log.warning("screen-pop.not-read", attempt=attempt_id, problem=str(error))
            found = None
        seat = self._centre.seats[seat_name]
        if found is None or seat.attempt_id != attempt_id:
            if self._asked.get(seat_name) == attempt_id:
                del self._asked[seat_name]
            return
        before = self._centre.seats.screen_pops.get(seat_name)
        if before is not None and before.attempt_id == attempt_id:
            found = found.after(before)
        self._centre.seats.screen_pops[seat_name] = found
        self._centre.seats.notify(seat_name)


class Messages:
    """One line at a seat: a newer one takes its place."""

    def __init__(self, centre: Centre, acd: Acd, store: Store) -> None:
        self._centre = centre
        self._acd = acd
        self._store = store

    async def send_to_seat(self, seat_name: str, text: str, sender: str) -> str:
        """To the agent at a seat. Raises CommandRefused where nobody is there, StoreError."""
        if self._centre.seats.require(seat_name).agent is None:
            raise CommandRefused(f"seat {seat_name} has no agent who could read it")
        await self._send([seat_name], text, sender)
        return f"seat {seat_name}: on the agent's page"

    async def send_to_campaign(self, campaign_id: str, text: str, sender: str) -> str:
        """To every agent who serves a campaign. Raises CommandRefused where there is none, StoreError."""
        run = self._centre.campaigns.require(campaign_id)
        names = [seat.name for seat in seats_of(self._centre, run) if seat.agent is not None]
        if not names:
            raise CommandRefused(f"no agent is there who serves campaign {campaign_id}")
        await self._send(names, text, sender)
        return f"campaign {campaign_id}: on the pages of {len(names)} agents"

    async def read(self, seat_name: str, at: float) -> str:
        """The agent has read the one of that moment, as it was told. Raises StoreError."""
        there = self._centre.seats.require(seat_name).message
        if there is not None and abs(there.at - at) < 0.001:  # the wire has milliseconds
            await self._store.end_order(of_seat(seat_name), SEAT_MESSAGE)
            self.forget(seat_name)
        return f"seat {seat_name}: read"

    def forget(self, seat_name: str) -> None:
        """It is read, or old."""
        self._centre.core.do(StopTimer(f"message/{seat_name}"))
        self._set(seat_name, None)

    async def _send(self, names: list[str], text: str, sender: str) -> None:
        line = SupervisorsLine(text, self._centre.core.clock.now(), sender)
        content, until = asdict(line), line.at + MESSAGE_SECONDS
        await self._store.keep_orders(
            [StandingOrder(of_seat(name), SEAT_MESSAGE, content, line.at, until) for name in names]
        )
        for name in names:
            if self._centre.seats[name].agent is not None:
                self._put(name, line)

    def show_again(self, seat_name: str, order: StandingOrder) -> None:
        """What an earlier run of the dialler was told for a seat that has its agent again."""
        self._put(seat_name, SupervisorsLine(**order.content))

    def _put(self, seat_name: str, line: SupervisorsLine) -> None:
        left = line.at + MESSAGE_SECONDS - self._centre.core.clock.now()
        self._centre.core.do(
            StartTimer(f"message/{seat_name}", max(0.0, left), TimerExpired(TimerKind.MESSAGE_EXPIRED, seat_name))
        )
        self._set(seat_name, line)

    def _set(self, seat_name: str, message: SupervisorsLine | None) -> None:
        seat = self._centre.seats[seat_name]
        if seat.message != message:
            self._centre.seats.put(seat, replace(seat, message=message))
            self._centre.seats.notify(seat_name)
