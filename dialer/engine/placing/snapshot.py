"""What a pacer may know at the moment of a decision, read off the centre: seats and their stages, calls and their numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import chain, combinations

from dialer.domain.enums import CampaignKind
from dialer.domain.view import CallState, SeatState
from dialer.engine.calls.state import Call
from dialer.engine.campaigns.runs import CampaignRun
from dialer.engine.centre import Centre
from dialer.engine.seats.state import Seat
from dialer.engine.trunks.state import TrunkPool
from dialer.pacing.port import BusySeat, PacingSnapshot, RingingCall
from dialer.rules.calling_hours import seconds_left

MOST_SKILLS = 8
"""Skills, its own among them, up to which all sets are looked at: there are twice as many for each skill more."""

_InFlight = tuple[tuple[RingingCall, ...], tuple[float, ...]]
"""Calls that ring, and seconds that answered voters have waited for a seat."""

_BUSY = frozenset({SeatState.RESERVED, SeatState.TALKING, SeatState.WRAP_UP})
_AT_WORK = _BUSY | {SeatState.READY}
_ON_BREAK = frozenset({SeatState.PAUSED, SeatState.LOST})


def pacing_snapshot(
    centre: Centre, trunks: TrunkPool, run: CampaignRun, used: dict[str, int], leaving: dict[str, int]
) -> PacingSnapshot:
    """What the pacer may know now, with so many channels `used` and calls `leaving`, by trunk. Campaigns with agents share the
    seats: a campaign sees those that have the skill it asks for, and the calls that no others may take. Where some of its seats
    serve other skills as well, it sees all seats that these campaigns have among them and all their calls, if that leaves it less.
    """
    now = centre.core.clock.monotonic()
    seats: list[Seat] = []
    ringing: tuple[RingingCall, ...] = ()
    waiting: tuple[float, ...] = ()
    active = 0
    if run.spec.kind is CampaignKind.AGENTS:
        seats, (ringing, waiting) = _tightest(centre, run, now)
    else:  # whose calls compete for no seat: how many there are is all that counts
        active = len([call for call in _outbound(centre, run) if not call.leg.cancelled or call.answered])
    lines = centre.servers.reachable(run.spec.trunks)
    room = trunks.free_channels(lines, used, now)
    if run.spec.channels is not None:
        room = min(room, run.spec.channels - _channels_taken(centre, run))
    allowed = _allowed(centre, run, room)
    return PacingSnapshot(
        now_seconds=now,
        free_seats=sum(seat.free for seat in seats),
        busy_seats=tuple(_busy(seat, now) for seat in seats if seat.state in _BUSY),
        paused_seats=sum(1 for seat in seats if seat.state in _ON_BREAK),
        ringing=ringing,
        waiting_seconds=waiting,
        free_channels=max(0, allowed),
        held_back=allowed < room,
        cps_budget=trunks.startable(lines, used, now, leaving),
        active_calls=active,
        seconds_left=seconds_left((run.spec.hours, run.spec.lawful_hours), centre.core.zone, centre.core.clock.now()),
    )


def _allowed(centre: Centre, run: CampaignRun, room: int) -> int:
    """Of so many calls more those that a supervisor's word lets the campaign have."""
    speed, allowed = run.speed_at(centre.core.clock.now()), room
    if speed is not None and speed.most_calls is not None:
        allowed = min(allowed, speed.most_calls - len(_outbound(centre, run)))
    if speed is not None and speed.calls_per_seat is not None:
        there = sum(at_work(seat) for seat in seats_of(centre, run))
        rings = sum(not call.answered for call in _outbound(centre, run))
        # One at least, or it would be a pause.
        allowed = min(allowed, max(1, int(speed.calls_per_seat * there)) - rings)
    return allowed


def seats_of(centre: Centre, run: CampaignRun) -> list[Seat]:
    """The seats whose agents may take this campaign's calls."""
    skill, campaign_id = run.spec.skill, run.spec.campaign_id
    return [seat for seat in centre.seats.reachable() if seat.can_serve(skill, campaign_id)]


def at_work(seat: Seat) -> bool:
    """Whether the seat takes calls, now or once it has done with one."""
    return seat.state in _AT_WORK and not seat.leaving


def _tightest(centre: Centre, run: CampaignRun, now: float) -> tuple[list[Seat], _InFlight]:
    """The seats and the calls among which a campaign has the least room: of its own skill, or of any that share seats with it.

    Calls can all have a seat of their own if no set of skills has more calls than seats that serve one of them (Hall 1935), so the
    tightest set that a call more would be in is what bounds it.
    """
    skills = _skills(centre)
    own = skills[run.spec.campaign_id]
    if len(set(skills.values())) == 1:
        return seats_of(centre, run), _in_flight(centre, _for_agents(centre, skills, {own}), run, now)
    serving = {
        skill: {seat.name for seat in seats_of(centre, centre.campaigns[campaign_id])}
        for campaign_id, skill in skills.items()
    }
    others = sorted(_sharing(centre, own, serving) - {own}, key=str)
    flights = {skill: _in_flight(centre, _for_agents(centre, skills, {skill}), run, now) for skill in (own, *others)}
    ready = {seat.name for seat in centre.seats.all() if seat.free}
    working = {seat.name for seat in centre.seats.all() if at_work(seat)}
    free = {skill: serving[skill] & ready for skill in flights}
    there = {skill: serving[skill] & working for skill in flights}
    calls = {skill: len(ringing) + len(waiting) for skill, (ringing, waiting) in flights.items()}
    sizes = range(len(others) + 1) if len(others) < MOST_SKILLS else (0, 1, len(others))
    sets = [(own, *more) for size in sizes for more in combinations(others, size)]

    def room(some: tuple[str | None, ...]) -> tuple[int, float]:
        load = sum(calls[skill] for skill in some)
        spare = len(frozenset[str]().union(*(free[skill] for skill in some))) - load
        seats_there = len(frozenset[str]().union(*(there[skill] for skill in some)))
        # Where no seat is free for a call more, a pacer may dial ahead: then by the calls that each seat at work would have.
        return max(0, spare), -(load + 1) / max(1, seats_there)

    chosen = min(sets, key=room)
    seats = [seat for seat in centre.seats.all() if any(seat.name in serving[skill] for skill in chosen)]
    ringing, waiting = zip(*(flights[skill] for skill in chosen), strict=True)
    return seats, (tuple(chain(*ringing)), tuple(chain(*waiting)))


def _skills(centre: Centre) -> dict[str, str | None]:
    """By campaign its skill, or itself where a seat serves some alone; of all, for flows hand callers to agents too."""
    if any(seat.campaigns for seat in centre.seats.all()):
        return {campaign_id: campaign_id for campaign_id, _ in centre.campaigns.items()}
    return {campaign_id: run.spec.skill for campaign_id, run in centre.campaigns.items()}


def _sharing(centre: Centre, own: str | None, serving: Mapping[str | None, set[str]]) -> set[str | None]:
    """The skills whose calls may take a seat at work that this one's could have, or so on through others."""
    working = {seat.name for seat in centre.seats.all() if at_work(seat)}
    found, reached = {own}, serving[own] & working
    while True:
        more = {skill for skill, who in serving.items() if skill not in found and who & reached}
        if not more:
            return found
        found |= more
        reached = working & frozenset().union(*(serving[skill] for skill in found))


def _for_agents(centre: Centre, skills: Mapping[str, str | None], some: Collection[str | None]) -> list[Call]:
    theirs = {campaign_id for campaign_id, skill in skills.items() if skill in some}
    agents = [call for call in centre.calls.all() if call.kind is CampaignKind.AGENTS]
    return _reached(centre, [call for call in agents if call.campaign_id in theirs])


def _reached(centre: Centre, calls: list[Call]) -> list[Call]:
    """Those of an Asterisk that is not reached while others are can come to nobody, and take nothing from the others' calls."""
    servers, away = centre.servers, centre.servers.unreachable
    return [call for call in calls if servers.of_trunk(call.trunk) not in away] if away else calls


def _outbound(centre: Centre, run: CampaignRun) -> list[Call]:
    return _reached(centre, [call for call in centre.calls.of_campaign(run.spec.campaign_id) if not call.inbound])


def _channels_taken(centre: Centre, run: CampaignRun) -> int:
    """Of the campaign's own: its calls to agents, callers among them, or its calls into flows."""
    if run.spec.kind is CampaignKind.AGENTS:
        return sum(
            call.kind is CampaignKind.AGENTS
            for call in _reached(centre, centre.calls.of_campaign(run.spec.campaign_id))
        )
    return len(_outbound(centre, run))


def _busy(seat: Seat, now: float) -> BusySeat:
    if seat.state is SeatState.RESERVED:  # the talk has not begun, however long its agent has looked at a preview
        return BusySeat(seat.stage, 0.0, leaving=seat.leaving)
    began = seat.since.seconds if seat.closing_since_seconds is None else seat.closing_since_seconds
    return BusySeat(seat.stage, now - began, leaving=seat.leaving)


def _in_flight(centre: Centre, calls: Iterable[Call], run: CampaignRun, now: float) -> _InFlight:
    """Calls that ring, and seconds that answered voters have waited for a seat. One pass: the hot one.

    Of another campaign's call that campaign's own answer rate is told: ours would be wrong.
    """
    ringing: list[RingingCall] = []
    waiting: list[float] = []
    own = run.spec.campaign_id
    for call in calls:
        leg = call.leg
        if leg.answered_seconds is None:
            if not leg.cancelled and call.kept_seat is None:  # one with a seat of its own competes for none
                rang = None if leg.ringing_seconds is None else now - leg.ringing_seconds
                chance = None if call.campaign_id == own else centre.campaigns[call.campaign_id].answer_rate
                ringing.append(RingingCall(now - leg.began_seconds, chance, rang))
        elif call.state is CallState.WAITING:
            waiting.append(now - leg.answered_seconds)
    return tuple(ringing), tuple(waiting)
