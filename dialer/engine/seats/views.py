"""The published view of a seat, as MQTT and the web pages show it."""

from __future__ import annotations

from dialer.domain.clock import Instant
from dialer.domain.view import ScreenPop, SeatState, SeatView
from dialer.engine.calls.state import Call
from dialer.engine.seats.state import Seat, SeatTally
from dialer.engine.transfers.state import CallTransfer

_WORKING = frozenset({SeatState.TALKING, SeatState.WRAP_UP})


def make_seat_view(
    seat: Seat, tally: SeatTally, call: Call | None, transfer: CallTransfer | None, pop: ScreenPop | None, now: Instant
) -> SeatView:
    """Return the published view of an agent's seat, with its live `call` and the `transfer` of that call."""
    in_state = now.seconds - seat.since.seconds
    worked = in_state if seat.state in _WORKING else 0.0
    logged_in = 0.0 if seat.state is SeatState.OFFLINE else in_state
    for state, seconds in tally.seconds.items():
        if state in _WORKING:
            worked += seconds
        if state is not SeatState.OFFLINE:
            logged_in += seconds
    recording = None
    if seat.state is SeatState.TALKING and call is not None and call.talk.recorded:
        recording = "paused" if call.talk.recording_paused else "on"
    dialling = (
        call is not None and call.reserved_seat == seat.name and call.leg.preview is None and not call.is_answered
    )
    return SeatView(
        seat=seat.name,
        at=now.at,
        agent=seat.agent,
        state=seat.state,
        since=now.at - in_state,
        campaign_id=seat.campaign_id,
        attempt_id=seat.attempt_id,
        utilisation=worked / logged_in if logged_in > 0 else 0.0,
        calls=tally.calls,
        reason=seat.reason if seat.state is SeatState.PAUSED else None,
        transfer=transfer.stage if transfer is not None and seat.state is SeatState.TALKING else None,
        phone_on_hold=seat.phone_on_hold,
        recording=recording,
        message=seat.message,
        campaigns=tuple(sorted(seat.campaigns)),
        preview=None if call is None else call.leg.preview,
        dialling=dialling,
        screen_pop=pop if pop is not None and pop.attempt_id == seat.attempt_id else None,
    )
