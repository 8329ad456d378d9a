"""Call-backs that agents have promised to make themselves.

When a call-back is due, the agent's seat is reserved after the current call, and the number is called for this seat. If
the agent is not ready, any agent may take the call some time later.
"""

from __future__ import annotations

from dataclasses import replace

import structlog

from dialer.domain.errors import CommandRefused, RefusedBecause, StoreError
from dialer.domain.model import AttemptId, DispositionRecord
from dialer.domain.view import SeatState
from dialer.engine.acd.service import Acd
from dialer.engine.core import Core
from dialer.engine.effects import StartTimer, StopTimer, StoreFailed, TimerExpired, TimerKind
from dialer.engine.preview.service import OwnCalls
from dialer.engine.seats.seats import Seats
from dialer.engine.seats.state import Seat
from dialer.store.own_call_backs import OwnCallBack
from dialer.store.store import Store

LOOK_SECONDS = 1.0  # retry interval while the agent's seat is busy
AWAY_SECONDS = 5.0  # retry interval while the agent is not logged in
REFUSED_SECONDS = 15.0  # retry interval after a refused call
GRACE_SECONDS = 60.0  # time after which calls dialled earlier for a ready seat have ended
_BUSY = frozenset({SeatState.TALKING, SeatState.WRAP_UP})
_FINAL_REFUSALS = frozenset({RefusedBecause.NOT_LISTED, RefusedBecause.CLOSED, RefusedBecause.NOT_DUE})
_log = structlog.get_logger(__name__)


class OwnCallBacks:
    """Places the call-backs that agents promised to make themselves, when they are due."""

    def __init__(self, core: Core, seats: Seats, acd: Acd, own_calls: OwnCalls, store: Store) -> None:
        self._core = core
        self._seats = seats
        self._acd = acd
        self._own_calls = own_calls
        self._store = store
        self._waiting: dict[AttemptId, OwnCallBack] = {}  # by the attempt in which the call-back was promised

    async def load_promised_call_backs(self) -> None:
        """Load the promised call-backs from the store. Raises StoreError."""
        for own in await self._store.read_call_backs_reserved_for_agents(self._core.clock.now()):
            self._schedule_call_back(own)

    def replace_promised_call_back(self, campaign_id: str, phone_id: int, record: DispositionRecord) -> None:
        """Replace the call-back that was promised to a number by the one in `record`, the agent's new disposition.

        If the new disposition promises no call-back, the earlier one is only removed.
        """
        for own in [*self._waiting.values()]:
            if (own.campaign_id, own.phone_id) == (campaign_id, phone_id):
                self._remove_call_back(own)
        if record.own_at is not None and record.agent is not None and record.retry_at is not None:
            self._schedule_call_back(
                OwnCallBack(
                    campaign_id, phone_id, record.agent, record.attempt_id, at=record.own_at, until=record.retry_at
                )
            )

    def on_call_back_due(self, attempt_id: AttemptId) -> None:
        """Call the number of a promised call-back that is due. If the agent is absent, busy or not ready, try again
        later.
        """
        own, now = self._waiting.get(attempt_id), self._core.clock.now()
        if own is None:
            return
        if now >= own.until:
            self._remove_call_back(own)
            return
        seat, campaign = self._find_seat_of_agent(own), self._core.plan.campaigns.get(own.campaign_id)
        if seat is None or campaign is None or not seat.can_serve_campaign(campaign.spec.skill, own.campaign_id):
            if seat is not None:
                self._release_reserved_seat(seat.name)
            self._start_call_back_timer(own, AWAY_SECONDS)
        elif seat.state in _BUSY:
            self._seats.update_seat_state(seat, replace(seat, call_back_promised=True))
            self._start_call_back_timer(own, LOOK_SECONDS)
        elif self._is_seat_free_for_call_back(seat, own, now):
            self._seats.update_seat_state(seat, replace(seat, call_back_promised=True))
            self._core.spawn_background_task(self._dial_promised_call_back(own, seat.name), "own-call-back")
        else:
            self._start_call_back_timer(own, LOOK_SECONDS)

    def _is_seat_free_for_call_back(self, seat: Seat, own: OwnCallBack, now: float) -> bool:
        """Return whether the agent's seat is ready and no other voter is about to be connected to it."""
        if seat.state is not SeatState.READY or not seat.is_phone_usable or not seat.phone_up:
            return False
        return (
            seat.call_back_promised
            or not self._own_calls.do_ringing_calls_need_free_seats()
            or now - max(own.at, seat.since.at) >= GRACE_SECONDS
        )

    async def _dial_promised_call_back(self, own: OwnCallBack, seat_name: str) -> None:
        try:
            await self._own_calls.dial_promised_call_back(seat_name, own.campaign_id, own.phone_id)
        except CommandRefused as refused:
            _log.info("call_back.not_placed", seat=seat_name, attempt=own.attempt_id, problem=str(refused))
            self._release_reserved_seat(seat_name)
            if refused.why not in _FINAL_REFUSALS:
                self._start_call_back_timer(own, REFUSED_SECONDS)
                return
        except StoreError as error:
            self._core.request_side_effects(StoreFailed(error))
            self._release_reserved_seat(seat_name)
            self._start_call_back_timer(own, REFUSED_SECONDS)
            return
        self._waiting.pop(AttemptId(own.attempt_id), None)

    def _find_seat_of_agent(self, own: OwnCallBack) -> Seat | None:
        return next((seat for seat in self._seats.list_seats() if seat.agent == own.agent), None)

    def _schedule_call_back(self, own: OwnCallBack) -> None:
        self._waiting[AttemptId(own.attempt_id)] = own
        self._start_call_back_timer(own, max(0.0, own.at - self._core.clock.now()))

    def _start_call_back_timer(self, own: OwnCallBack, seconds: float) -> None:
        attempt_id = AttemptId(own.attempt_id)
        self._core.request_side_effects(
            StartTimer(f"own/{attempt_id}", seconds, TimerExpired(TimerKind.OWN_CALL_BACK, attempt_id=attempt_id))
        )

    def _remove_call_back(self, own: OwnCallBack) -> None:
        del self._waiting[AttemptId(own.attempt_id)]
        self._core.request_side_effects(StopTimer(f"own/{own.attempt_id}"))
        seat = self._find_seat_of_agent(own)
        if seat is not None:
            self._release_reserved_seat(seat.name)

    def _release_reserved_seat(self, seat_name: str) -> None:
        """Release the seat that was reserved for a call-back, so that it gets other calls."""
        seat = self._seats[seat_name]
        if seat.call_back_promised:
            self._acd.update_seat_and_connect_waiting_voter(seat, replace(seat, call_back_promised=False))
