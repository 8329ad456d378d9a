"""What a pacer may know at the moment of a decision, read off the centre: seats and their stages, calls and their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import phonenumbers

from dialer.calls import Call
from dialer.engine.state import CampaignRun, Centre
from dialer.model import CampaignKind, Claim
from dialer.pacing.number_answers import NumberSigns
from dialer.pacing.port import BusySeat, PacingSnapshot, RingingCall
from dialer.seats import Seat
from dialer.trunks import TrunkPool
from dialer.view import CallState, SeatState

_BUSY = frozenset({SeatState.RESERVED, SeatState.TALKING, SeatState.WRAP_UP})
_ON_BREAK = frozenset({SeatState.PAUSED, SeatState.LOST})


def pacing_snapshot(centre: Centre, trunks: TrunkPool, run: CampaignRun, used: dict[str, int]) -> PacingSnapshot:
    """What the pacer may know now. Campaigns with agents share the seats, so each sees the calls of all of them; one that asks
    for a skill sees the seats that have it, and the calls that only they may take.
    """
    now = centre.clock.monotonic()
    for_agents = run.spec.kind is CampaignKind.AGENTS
    calls = (
        [call for call in centre.calls.values() if _competes(centre, call, run)]
        if for_agents
        else [call for call in centre.calls_of(run.spec.campaign_id) if not call.inbound]
    )
    room = trunks.free_channels(run.spec.trunks, used, now)
    if run.spec.channels is not None:
        room = min(room, run.spec.channels - sum(1 for call in calls if call.campaign_id == run.spec.campaign_id))
    ringing, waiting, active = _in_flight(centre, calls, run, now)
    seats = seats_of(centre, run) if for_agents else ()
    return PacingSnapshot(
        now_seconds=now,
        hour=datetime.fromtimestamp(centre.clock.now(), centre.zone).hour,
        free_seats=sum(1 for seat in seats if seat.state is SeatState.READY),
        busy_seats=tuple(_busy(seat, now) for seat in seats if seat.state in _BUSY),
        paused_seats=sum(1 for seat in seats if seat.state in _ON_BREAK),
        ringing=ringing,
        waiting_seconds=waiting,
        free_channels=max(0, room),
        cps_budget=trunks.startable(run.spec.trunks, used, now),
        next_answer_probability=answer_probability(run, run.hopper[0]) if run.hopper else None,
        active_calls=active,
    )


def seats_of(centre: Centre, run: CampaignRun) -> list[Seat]:
    """The seats whose agents may take this campaign's calls."""
    return [seat for seat in centre.seats.values() if seat.can_serve(run.spec.skill)]


def _competes(centre: Centre, call: Call, run: CampaignRun) -> bool:
    """Whether whatever seat takes this call is one that the campaign could have had."""
    skill = run.spec.skill
    return call.kind is CampaignKind.AGENTS and (
        skill is None or centre.campaigns[call.campaign_id].spec.skill == skill
    )


def _busy(seat: Seat, now: float) -> BusySeat:
    began = seat.since.seconds if seat.closing_since_seconds is None else seat.closing_since_seconds
    return BusySeat(seat.stage, now - seat.since.seconds, now - began, leaving=seat.leaving)


def _in_flight(
    centre: Centre, calls: Iterable[Call], run: CampaignRun, now: float
) -> tuple[tuple[RingingCall, ...], tuple[float, ...], int]:
    """Calls that ring, seconds that answered voters have waited for a seat, and how many are in a flow. One pass: the hot one.

    Of another campaign's call of whose number nothing is told, that campaign's own rate is: ours would be wrong.
    """
    ringing: list[RingingCall] = []
    waiting: list[float] = []
    active = 0
    own = run.spec.campaign_id
    for call in calls:
        if call.answered_seconds is None:
            if not call.cancelled and call.kept_seat is None:  # one with a seat of its own competes for none
                rang = None if call.ringing_seconds is None else now - call.ringing_seconds
                chance = call.answer_probability
                if chance is None and call.campaign_id != own:
                    chance = centre.campaigns[call.campaign_id].numbers.usual_rate
                ringing.append(RingingCall(now - call.began_seconds, chance, rang))
        elif call.in_flow:
            active += 1
        elif call.state is CallState.WAITING:
            waiting.append(now - call.answered_seconds)
    return tuple(ringing), tuple(waiting), active


# Numbers


def answer_probability(run: CampaignRun, claim: Claim) -> float | None:
    """P(this number is answered), where the campaign has learned what its signs say; None: no more than the mean is known."""
    signs = signs_of(run, claim) if run.numbers.tells else None
    return None if signs is None else run.numbers.tell(signs)


def signs_of(run: CampaignRun, claim: Claim) -> NumberSigns | None:
    """What is known of a claim's number; None for calls that meet no agent, whose pacing asks for nothing of the kind."""
    if run.spec.kind is not CampaignKind.AGENTS or claim.facts is None:
        return None
    return NumberSigns(claim.facts.history, claim.attempt_number, claim.booth_id, _is_landline(claim.number))


def _is_landline(number: str) -> bool:
    """Of a number in E.164. An Indian mobile is known on sight (levels 6-9 of the National Numbering Plan 2003)."""
    if number.startswith("+91") and number[3:4] in ("6", "7", "8", "9"):
        return False
    try:
        kind = phonenumbers.number_type(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False
    return kind == phonenumbers.PhoneNumberType.FIXED_LINE
