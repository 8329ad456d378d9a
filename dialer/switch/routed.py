"""Two switches as one: calls go by their trunk's endpoint, seats are always Asterisk's, and a resync speaks for both."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Protocol

from dialer.domain.errors import SwitchUnreachable
from dialer.domain.model import AttemptId
from dialer.domain.switch import (
    CallSwitch,
    EventSink,
    History,
    OriginateRequest,
    PartyId,
    PartyRequest,
    Place,
    SeatSound,
    Switch,
    SwitchEvent,
    SwitchUp,
)


class CarrierSwitch(CallSwitch, Protocol):
    """A second switch that has calls but no seats."""

    def live(self) -> frozenset[AttemptId]:
        """The attempts that are, or may be, calls there."""
        ...

    def report_states(self) -> None:
        """The engine knows the live calls now: tell it where each stands."""
        ...


class RoutedSwitch:
    """Implements `dialer.domain.switch.Switch`."""

    def __init__(self, primary: Switch | None, carrier: CarrierSwitch, endpoints: Collection[str]) -> None:
        """`endpoints` are those of the carrier's trunks. `primary` None: there is no Asterisk, and no seat."""
        self._primary = primary
        self._carrier = carrier
        self._endpoints = frozenset(endpoints)

    def merged(self, sink: EventSink) -> EventSink:
        """A sink for the primary's events: what it says lives is joined with what lives at the carrier."""

        def take(event: SwitchEvent) -> None:
            if isinstance(event, SwitchUp):
                sink(replace(event, live_attempts=event.live_attempts | self._carrier.live()))
                self._carrier.report_states()
            else:
                sink(event)

        return take

    async def originate(self, request: OriginateRequest) -> None:
        """See `Switch.originate`."""
        await (self._carrier if request.endpoint in self._endpoints else self._asterisk()).originate(request)

    async def hang_up(self, attempt_id: AttemptId) -> None:
        """See `Switch.hang_up`."""
        await self._of(attempt_id).hang_up(attempt_id)

    async def connect(self, attempt_id: AttemptId, seat: str, *, record: bool = False) -> None:
        """See `Switch.connect`."""
        await self._of(attempt_id).connect(attempt_id, seat, record=record)

    async def play_message(self, attempt_id: AttemptId) -> None:
        """See `Switch.play_message`."""
        await self._of(attempt_id).play_message(attempt_id)

    def unanswered_seconds(self) -> float:
        """See `Switch.unanswered_seconds`: each request to the carrier has a time limit of its own."""
        return 0.0 if self._primary is None else self._primary.unanswered_seconds()

    async def call_seat(self, seat: str, endpoint: str) -> None:
        """See `Switch.call_seat`."""
        await self._asterisk().call_seat(seat, endpoint)

    async def call_for_log_in(self, seat: str, endpoint: str) -> None:
        """See `Switch.call_for_log_in`."""
        await self._asterisk().call_for_log_in(seat, endpoint)

    async def answer_key(self, seat: str, sound: SeatSound) -> None:
        """See `Switch.answer_key`."""
        await self._asterisk().answer_key(seat, sound)

    async def history(self, attempt_ids: Collection[AttemptId]) -> History:
        """See `Switch.history`."""
        return await self._asterisk().history(attempt_ids)

    async def seat_packets(self, seat: str) -> int:
        """See `Switch.seat_packets`."""
        return await self._asterisk().seat_packets(seat)

    async def release_seat(self, seat: str) -> None:
        """See `Switch.release_seat`."""
        await self._asterisk().release_seat(seat)

    async def hold(self, attempt_id: AttemptId, seat: str) -> None:
        """See `Switch.hold`."""
        await self._asterisk().hold(attempt_id, seat)

    async def hand_over(self, attempt_id: AttemptId) -> None:
        """See `Switch.hand_over`."""
        await self._asterisk().hand_over(attempt_id)

    async def call_party(self, request: PartyRequest) -> None:
        """See `Switch.call_party`."""
        await self._asterisk().call_party(request)

    async def move_party(self, party_id: PartyId, place: Place) -> None:
        """See `Switch.move_party`."""
        await self._asterisk().move_party(party_id, place)

    async def release_party(self, party_id: PartyId) -> None:
        """See `Switch.release_party`."""
        await self._asterisk().release_party(party_id)

    async def mute_recording(self, attempt_id: AttemptId, *, muted: bool) -> None:
        """See `Switch.mute_recording`."""
        await self._asterisk().mute_recording(attempt_id, muted=muted)

    def _of(self, attempt_id: AttemptId) -> CallSwitch:
        return self._carrier if attempt_id in self._carrier.live() else self._asterisk()

    def _asterisk(self) -> Switch:
        if self._primary is None:
            raise SwitchUnreachable("this site has no Asterisk: only Twilio's trunks carry calls")
        return self._primary


def without_asterisk(sink: Callable[[SwitchEvent], None], carrier: CarrierSwitch) -> None:
    """Tell the engine that the carrier alone is the switch, and is there."""
    sink(SwitchUp(carrier.live(), frozenset(), (), restarted=False))
    carrier.report_states()
