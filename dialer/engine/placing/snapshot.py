"""The pacer's input for one decision: seats and their stages, calls in progress, free channels and call starts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import chain, combinations

from dialer.domain.enums import CampaignKind
from dialer.domain.view import SeatState
from dialer.engine.asterisk_servers.state import AsteriskServers
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call
from dialer.engine.campaigns.runs import CampaignRun, CampaignRuns
from dialer.engine.core import Core
from dialer.engine.placing.fair_shares import FairShares
from dialer.engine.seats.seats import Seats
from dialer.engine.seats.state import Seat
from dialer.engine.trunks.state import TrunkPool
from dialer.pacing.port import BusySeat, Pacer, PacingSnapshot, RingingCall
from dialer.rules.calling_hours import count_seconds_left_to_call_today

MOST_SKILLS = 8
"""With more skills than this, not all sets of skills are tried: each further skill doubles their number."""

_InFlight = tuple[tuple[RingingCall, ...], tuple[float, ...]]
"""Ringing calls, and the waiting times of answered voters without a seat (seconds)."""

_IN_CALL = frozenset({SeatState.TALKING, SeatState.WRAP_UP})
_ON_BREAK = frozenset({SeatState.PAUSED, SeatState.LOST})


class Snapshots:
    """Collects the input of a campaign's pacing decision (the snapshot): seats, calls and free channels.

    It has the seats with the campaign's skill, and the calls that only these seats can take. If agents have several
    skills, it has the group of skills whose calls leave the fewest seats free.
    """

    def __init__(
        self,
        core: Core,
        servers: AsteriskServers,
        trunks: TrunkPool,
        seats: Seats,
        calls: LiveCalls,
        runs: CampaignRuns,
        fair_shares: FairShares,
    ) -> None:
        self._core = core
        self._servers = servers
        self._trunks = trunks
        self._seats = seats
        self._calls = calls
        self._runs = runs
        self._fair_shares = fair_shares

    def collect_pacing_input(
        self,
        run: CampaignRun,
        used: Mapping[str, int],
        unsent: Mapping[str, int],
        *,
        kept_seats: Collection[str] = (),
        seats_of_share: float | None = None,
    ) -> PacingSnapshot:
        """Return the input of a pacing decision for a campaign, as of now.

        Args:
            used: the number of used channels by trunk.
            unsent: the number of calls not sent yet by trunk.
            kept_seats: seats that only other campaigns may use.
            seats_of_share: the campaign's share of the seats, as a number of seats; None: all of them.
        """
        now = self._core.clock.monotonic()
        seats: list[Seat] = []
        ringing: tuple[RingingCall, ...] = ()
        waiting: tuple[float, ...] = ()
        active = 0
        if run.spec.kind is CampaignKind.AGENTS:
            seats, (ringing, waiting) = self._find_scarcest_skill_group(run, now, kept_seats)
        else:  # a flow's calls need no seat: only their number counts
            active = len(
                [call for call in self._list_outbound_calls(run) if not call.leg.cancelled or call.is_answered]
            )
        free, busy, paused = self._count_seats_by_use(seats, now, run.spec.campaign_id)
        trunks = self._servers.filter_reachable_trunks(run.spec.trunks)
        room = self._trunks.count_free_channels(trunks, used, now)
        if run.spec.channels is not None:
            room = min(room, run.spec.channels - self._count_channels_of_campaign(run))
        allowed = self._limit_calls_to_speed_limit(run, room)
        hours = (run.calling_hours, run.spec.lawful_hours)
        share = 1.0
        if seats_of_share is not None:
            share = min(1.0, seats_of_share / max(1, free + sum(not seat.leaving for seat in busy)))
        return PacingSnapshot(
            now_seconds=now,
            free_seats=free,
            busy_seats=busy,
            paused_seats=paused,
            ringing=ringing,
            waiting_seconds=waiting,
            free_channels=max(0, allowed),
            held_back=allowed < room,
            cps_budget=self._trunks.count_calls_that_may_start(trunks, used, now, unsent),
            active_calls=active,
            seconds_left=count_seconds_left_to_call_today(hours, self._core.zone, self._core.clock.now()),
            share=share,
        )

    def _count_seats_by_use(self, seats: Iterable[Seat], now: float, own: str) -> tuple[int, tuple[BusySeat, ...], int]:
        """Return three values: the number of free seats, the busy seats, and the number of seats on a break.

        Each seat is read only once, because in a large centre this is the slowest part of a decision.
        """
        free = paused = 0
        busy: list[BusySeat] = []
        for seat in seats:
            state = seat.state
            if state is SeatState.READY:
                free += seat.is_free_for_voter
            elif state in _ON_BREAK:
                paused += 1
            elif state is SeatState.RESERVED or state in _IN_CALL:
                closing = seat.closing_since_seconds
                began = seat.since.seconds if closing is None else closing
                # Before the talk has begun, it does not matter how long the agent has looked at a preview.
                elapsed = 0.0 if state is SeatState.RESERVED else now - began
                pacer = None if seat.campaign_id == own else self._find_pacer_of_campaign_with_agents(seat.campaign_id)
                busy.append(BusySeat(seat.conversation_stage, elapsed, seat.is_agent_leaving, pacer))
        return free, tuple(busy), paused

    def _find_pacer_of_campaign_with_agents(self, campaign_id: str | None) -> Pacer | None:
        """Return the pacer of a campaign with agents, which predicts when busy seats become free. Return None for other
        campaigns.
        """
        if campaign_id is None or campaign_id not in self._runs:
            return None
        run = self._runs[campaign_id]
        return run.pacer if run.spec.kind is CampaignKind.AGENTS else None

    def _limit_calls_to_speed_limit(self, run: CampaignRun, room: int) -> int:
        """Return how many more calls a campaign may place under its supervisor's speed limit, at most `room`."""
        speed, allowed = run.get_speed_limit_in_force(self._core.clock.now()), room
        if speed is not None and speed.max_calls is not None:
            allowed = min(allowed, speed.max_calls - len(self._list_outbound_calls(run)))
        if speed is not None and speed.calls_per_seat is not None:
            at_work = sum(seat.is_taking_calls for seat in self._seats.find_seats_serving_campaign(run.spec))
            unanswered = sum(not call.is_answered for call in self._list_outbound_calls(run))
            # At least one call, otherwise the limit would act as a pause.
            allowed = min(allowed, max(1, int(speed.calls_per_seat * at_work)) - unanswered)
        return allowed

    def _find_scarcest_skill_group(
        self, run: CampaignRun, now: float, kept_seats: Collection[str]
    ) -> tuple[list[Seat], _InFlight]:
        """Return the seats and calls of the group of skills that leaves the campaign the fewest seats.

        A group contains the campaign's own skill. It has all seats with one of its skills, and all calls that need one
        of them. Every call can get a seat if no group has more calls than seats (Hall 1935).
        """
        skills = self._get_required_skill_by_campaign()
        own = skills[run.spec.campaign_id]
        if len(set(skills.values())) == 1 and not kept_seats:
            return self._seats.find_seats_serving_campaign(run.spec), self._list_calls_in_flight(
                self._list_calls_that_need_agents(skills, {own}), run, now
            )
        serving = {
            skill: {
                seat.name for seat in self._seats.find_seats_serving_campaign(self._runs[campaign_id].spec)
            }.difference(kept_seats)
            for campaign_id, skill in skills.items()
        }
        others = sorted(self._find_skills_sharing_seats(own, serving) - {own}, key=str)
        flights = {
            skill: self._list_calls_in_flight(self._list_calls_that_need_agents(skills, {skill}), run, now)
            for skill in (own, *others)
        }
        ready = {seat.name for seat in self._seats.list_seats() if seat.is_free_for_voter}
        working = {seat.name for seat in self._seats.list_seats() if seat.is_taking_calls}
        free = {skill: serving[skill] & ready for skill in flights}
        at_work = {skill: serving[skill] & working for skill in flights}
        calls = {skill: len(ringing) + len(waiting) for skill, (ringing, waiting) in flights.items()}
        sizes = range(len(others) + 1) if len(others) < MOST_SKILLS else (0, 1, len(others))
        sets = [(own, *more) for size in sizes for more in combinations(others, size)]

        def compute_seats_left_for_skills(some: tuple[str | None, ...]) -> tuple[int, float]:
            load = sum(calls[skill] for skill in some)
            spare = len(frozenset[str]().union(*(free[skill] for skill in some))) - load
            seats = len(frozenset[str]().union(*(at_work[skill] for skill in some)))
            # If no seat is free for a further call, a pacer may dial ahead: then the calls per seat at work decide.
            return max(0, spare), -(load + 1) / max(1, seats)

        chosen = min(sets, key=compute_seats_left_for_skills)
        seats = [seat for seat in self._seats.list_seats() if any(seat.name in serving[skill] for skill in chosen)]
        ringing, waiting = zip(*(flights[skill] for skill in chosen), strict=True)
        return seats, (tuple(chain(*ringing)), tuple(chain(*waiting)))

    def _get_required_skill_by_campaign(self) -> dict[str, str | None]:
        """Return the skill that each campaign requires (None = no skill), by campaign id.

        If supervisors have restricted seats to certain campaigns, the campaign's id takes the place of its skill.
        """
        if self._seats.has_seats_restricted_to_campaigns:
            return {campaign_id: campaign_id for campaign_id, _ in self._runs.list_campaign_runs_by_id()}
        return {campaign_id: run.spec.skill for campaign_id, run in self._runs.list_campaign_runs_by_id()}

    def _find_skills_sharing_seats(self, own: str | None, serving: Mapping[str | None, set[str]]) -> set[str | None]:
        """Return this skill and all skills that compete with it for the same seats, directly or through other skills.
        Only seats that take calls count.
        """
        working = {seat.name for seat in self._seats.list_seats() if seat.is_taking_calls}
        found, reached = {own}, serving[own] & working
        while True:
            more = {skill for skill, seats in serving.items() if skill not in found and seats & reached}
            if not more:
                return found
            found |= more
            reached = working & frozenset().union(*(serving[skill] for skill in found))

    def _list_calls_that_need_agents(
        self, skills: Mapping[str, str | None], some: Collection[str | None]
    ) -> list[Call]:
        """Return the calls that need an agent with one of these skills and have none yet.

        Calls that a flow passes to an agent are included.
        """
        campaigns = [campaign_id for campaign_id, skill in skills.items() if skill in some]
        calls = chain.from_iterable(self._calls.find_calls_without_seat(campaign_id) for campaign_id in campaigns)
        return self._filter_calls_on_reachable_servers([call for call in calls if call.kind is CampaignKind.AGENTS])

    def _filter_calls_on_reachable_servers(self, calls: list[Call]) -> list[Call]:
        """Return only the calls on reachable Asterisk servers.

        A call on an unreachable server cannot be connected, so it needs no seat.
        """
        servers, unreachable = self._servers, self._servers.unreachable_asterisk_servers
        return (
            [call for call in calls if servers.get_server_of_trunk(call.trunk) not in unreachable]
            if unreachable
            else calls
        )

    def _list_outbound_calls(self, run: CampaignRun) -> list[Call]:
        calls = self._calls.find_calls_of_campaign(run.spec.campaign_id)
        return self._filter_calls_on_reachable_servers([call for call in calls if not call.inbound])

    def _count_channels_of_campaign(self, run: CampaignRun) -> int:
        """Return the number of channels that count towards a campaign's own limit.

        In a campaign with agents, inbound calls count too.
        """
        if run.spec.kind is CampaignKind.AGENTS:
            calls = self._filter_calls_on_reachable_servers(self._calls.find_calls_of_campaign(run.spec.campaign_id))
            return sum(call.kind is CampaignKind.AGENTS for call in calls)
        return len(self._list_outbound_calls(run))

    def _list_calls_in_flight(self, calls: Iterable[Call], run: CampaignRun, now: float) -> _InFlight:
        """Return the unanswered calls, and how long each answered voter has waited for an agent (seconds).

        `run` is the campaign that will place calls. Calls of other campaigns are returned with their own answer rate.
        """
        ringing: list[RingingCall] = []
        waiting: list[float] = []
        own = run.spec.campaign_id
        for call in calls:
            leg = call.leg
            if leg.answered_seconds is None:
                if not leg.cancelled and call.reserved_seat is None:  # a call with a reserved seat needs no other seat
                    rang = None if leg.ringing_seconds is None else now - leg.ringing_seconds
                    chance = (
                        None
                        if call.campaign_id == own
                        else self._fair_shares.get_answer_rate_of_campaign(call.campaign_id)
                    )
                    ringing.append(RingingCall(now - leg.began_seconds, chance, rang))
            else:
                waiting.append(now - leg.answered_seconds)
        return tuple(ringing), tuple(waiting)
