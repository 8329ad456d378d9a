"""Decide how many calls each campaign places now, and which of its unanswered calls are cancelled."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from dialer.domain.alerts import AlertKind
from dialer.domain.enums import CampaignKind
from dialer.domain.view import CallState, Hold, HoldReason, SeatState
from dialer.engine.alerts.state import Alerts
from dialer.engine.asterisk_servers.state import AsteriskServers
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.campaigns.runs import CampaignRun, CampaignRuns
from dialer.engine.core import Core
from dialer.engine.placing.fair_shares import (
    CampaignLoad,
    Contender,
    FairShares,
    SeatUse,
    Turn,
    count_seats_usable_at_cap,
)
from dialer.engine.placing.holds import CampaignHolds
from dialer.engine.placing.hoppers import Hoppers
from dialer.engine.placing.originate import Originator
from dialer.engine.placing.reserved_seats import ReservedSeats
from dialer.engine.placing.snapshot import Snapshots
from dialer.engine.seats.seats import Seats
from dialer.engine.trunks.channels import Channels
from dialer.engine.trunks.service import Trunks
from dialer.pacing.cancelling import sort_calls_to_hang_up
from dialer.pacing.port import Limit, PacingSnapshot

_log = structlog.get_logger(__name__)

LOOK_AGAIN_SECONDS = 1.0  # a pacer's decision changes as talks get longer, without any event
_RINGS = frozenset({CallState.SENDING, CallState.DIALLING, CallState.RINGING})
_WORKS_FOR_CAMPAIGN = frozenset({SeatState.RESERVED, SeatState.TALKING, SeatState.WRAP_UP})


@dataclass(slots=True)
class _Turns:
    """The data of one pacing decision, shared by all campaigns with agents: channels and unsent calls by trunk, and
    each pacer's input (snapshot).
    """

    used: Counter[str]
    unsent: Counter[str]
    contenders: list[Contender] = field(default_factory=list)
    seats_of_share: dict[str, float] = field(default_factory=dict)  # by campaign: how many seats' time it gets
    snapshots: dict[str, PacingSnapshot] = field(default_factory=dict)  # by campaign, until a call changes


class Placing:
    """Decides how many calls each campaign places now.

    A call counts as in progress from this decision on, even before it is committed and sent.
    """

    def __init__(
        self,
        core: Core,
        alerts: Alerts,
        servers: AsteriskServers,
        calls: LiveCalls,
        channels: Channels,
        runs: CampaignRuns,
        holds: CampaignHolds,
        trunks: Trunks,
        snapshots: Snapshots,
        fair_shares: FairShares,
        seats: Seats,
        hoppers: Hoppers,
        originator: Originator,
        reserved: ReservedSeats,
    ) -> None:
        self._core = core
        self._alerts = alerts
        self._servers = servers
        self._calls = calls
        self._channels = channels
        self._runs = runs
        self._holds = holds
        self._snapshots = snapshots
        self._fair_shares = fair_shares
        self._seats = seats
        self._reserved = reserved
        self._trunks = trunks
        self._pool = trunks.pool
        self._hoppers = hoppers
        self._originator = originator
        self._turn = 0
        self._placed_in: dict[str, int] = {}  # number of the last decision in which each campaign placed calls

    # Deciding

    def place_calls_of_all_campaigns(self) -> float:
        """Place all calls that may be placed now. Returns the seconds after which to decide again if no event comes
        earlier.
        """
        self._reserved.release_unneeded_seat_reservations()
        runs = self._runs.list_campaign_runs()
        seconds = self._place_calls_of_campaigns_with_agents(
            [run for run in runs if run.spec.kind is CampaignKind.AGENTS]
        )  # campaigns with agents get call starts first
        others = [run for run in runs if run.spec.kind is not CampaignKind.AGENTS]
        # They take turns, longest wait first, so that none takes all call starts.
        others.sort(key=lambda run: self._placed_in.get(run.spec.campaign_id, 0))
        return min([seconds, *(self._place_calls_of_campaign(run) for run in others)])

    def _place_calls_of_campaigns_with_agents(self, runs: Sequence[CampaignRun]) -> float:
        """Place the calls of all campaigns with agents. Return the seconds after which to decide again.

        If several campaigns want to call, they share the agents' time. If only one wants to call, it places as many
        calls as its pacing allows.
        """
        if len(runs) > 1:
            self._record_agent_time(runs)
        ready = [run for run in runs if not self._cancel_calls_if_forbidden_to_dial(run)]
        wanting = [run for run in ready if run.hopper]
        if len(wanting) < 2:
            self._fair_shares.give_all_agent_time_to_campaign(
                {run.spec.campaign_id: run.agent_time_weight for run in wanting}
            )
            return min(map(self._place_calls_of_permitted_campaign, ready), default=LOOK_AGAIN_SECONDS)
        turns = _Turns(self._channels.count_used_channels(), self._channels.count_unsent_calls())
        turns.contenders = [self._create_contender_for_agent_time(run, turns) for run in wanting]
        turns.seats_of_share = self._fair_shares.divide_seats_among_campaigns(turns.contenders)
        for run in ready:
            self._hoppers.return_expiring_numbers_to_queue(run)
            snapshot = self._get_pacing_input_of_campaign(run, turns)
            if self._cancel_excess_calls(run, snapshot):
                turns.snapshots.clear()
        self._fair_shares.place_calls_in_turns(turns.contenders)
        for run in ready:
            self._hoppers.refill_hopper_with_numbers_to_dial(run)
        return min(
            (self._count_seconds_to_next_call_start(run, turns.unsent) for run in ready), default=LOOK_AGAIN_SECONDS
        )

    def _cancel_calls_if_forbidden_to_dial(self, run: CampaignRun) -> bool:
        """Return whether a campaign must not dial now. If so, cancel its ringing calls for which there is no seat."""
        hold, nobody = (
            self._holds.find_reason_campaign_may_not_dial(run),
            self._holds.explain_lack_of_agents(run),
        )
        if (
            nobody is not None and self._servers.is_any_asterisk_server_up
        ):  # even if another hold applies: an answered voter would be abandoned
            self._cancel_unanswered_calls(run, but_kept=True)
        hold = hold or nobody
        if hold is None:
            hold = self._trunks.explain_suspension_of_all_trunks(
                run.spec.campaign_id, self._servers.filter_reachable_trunks(run.spec.trunks)
            )
        else:
            self._alerts.clear_alert(AlertKind.TRUNKS, run.spec.campaign_id)
        self._raise_alert_if_rules_stop_campaign(run, hold)
        if hold is not None and hold != run.hold:
            _log.info("campaign.held", campaign=run.spec.campaign_id, reason=str(hold))
        run.hold = hold
        if hold is not None:
            if run.hopper:
                self._hoppers.return_all_numbers_to_queue(run)
            if nobody is None:
                self._cancel_calls_when_dialling_stops(run)
        return hold is not None

    def _place_calls_of_campaign(self, run: CampaignRun) -> float:
        """Place the calls of a campaign without agents, if it may dial. Return the seconds after which to decide again."""
        return (
            LOOK_AGAIN_SECONDS
            if self._cancel_calls_if_forbidden_to_dial(run)
            else self._place_calls_of_permitted_campaign(run)
        )

    def _place_calls_of_permitted_campaign(self, run: CampaignRun) -> float:
        """Place the calls of a campaign that may dial and need not share its agents now. Return the seconds after which
        to decide again.
        """
        now, trunks = self._core.clock.monotonic(), self._servers.filter_reachable_trunks(run.spec.trunks)
        self._hoppers.return_expiring_numbers_to_queue(run)
        used = self._channels.count_used_channels()
        unsent = self._channels.count_unsent_calls()
        if run.spec.kind is CampaignKind.IVR and self._pool.count_calls_that_may_start(trunks, used, now, unsent) == 0:
            # Without a wait for a call start all channels are in use; the end of a call sets `wake`.
            left = self._pool.count_seconds_to_next_call_start(trunks, now, unsent)
            return max(0.01, min(LOOK_AGAIN_SECONDS, left)) if left > 0 else LOOK_AGAIN_SECONDS
        snapshot = self._snapshots.collect_pacing_input(run, used, unsent)
        self._cancel_excess_calls(run, snapshot)
        if self._originator.place_calls_of_campaign(
            run, self._count_calls_that_may_be_placed(run, snapshot), used, unsent
        ):
            self._turn += 1
            self._placed_in[run.spec.campaign_id] = self._turn
        self._hoppers.refill_hopper_with_numbers_to_dial(run)
        return self._count_seconds_to_next_call_start(run, unsent, no_start_left=snapshot.cps_budget == 0)

    def _count_calls_that_may_be_placed(self, run: CampaignRun, snapshot: PacingSnapshot) -> int:
        """Return how many calls a campaign's pacing, its trunks and its hopper allow now."""
        wanted = min(run.pacer.count_calls_to_place(snapshot), snapshot.cps_budget, snapshot.free_channels)
        if wanted > 0:
            _log.debug(
                "campaign.paced", campaign=run.spec.campaign_id, pacing=str(run.pacer.explain_last_pacing_decision())
            )
        return min(wanted, len(run.hopper))

    def _count_seconds_to_next_call_start(
        self, run: CampaignRun, unsent: Counter[str], *, no_start_left: bool = False
    ) -> float:
        """Return the seconds after which a campaign may place calls again, if no event comes earlier."""
        trunks = self._servers.filter_reachable_trunks(run.spec.trunks)
        left = self._pool.count_seconds_to_next_call_start(trunks, self._core.clock.monotonic(), unsent)
        if left > 0 and (no_start_left or run.hopper):
            return max(0.01, min(LOOK_AGAIN_SECONDS, left))
        return LOOK_AGAIN_SECONDS  # free channels and new claims set `wake`

    # Campaigns that share agents

    def _record_agent_time(self, runs: Sequence[CampaignRun]) -> None:
        now = self._core.clock.monotonic()
        seats: dict[str, list[SeatUse]] = defaultdict(list)
        for seat in self._seats.list_seats():
            if seat.state in _WORKS_FOR_CAMPAIGN and seat.campaign_id is not None:
                talks = seat.state is not SeatState.RESERVED
                elapsed = now - seat.since.seconds if talks else 0.0
                seats[seat.campaign_id].append(SeatUse(elapsed, is_wrapping_up=seat.state is SeatState.WRAP_UP))
        loads: dict[str, CampaignLoad] = {}
        for run in runs:
            calls = [
                call
                for call in self._calls.find_calls_without_seat(run.spec.campaign_id)
                if call.reserved_seat is None and not call.leg.cancelled
            ]
            waiting = sum(call.is_answered for call in calls)
            loads[run.spec.campaign_id] = CampaignLoad(seats[run.spec.campaign_id], len(calls) - waiting, waiting)
        self._fair_shares.record_agent_time(now, loads)

    def _create_contender_for_agent_time(self, run: CampaignRun, turns: _Turns) -> Contender:
        seats = [seat.name for seat in self._seats.find_seats_serving_campaign(run.spec) if seat.is_taking_calls]
        return Contender(
            run.spec.campaign_id,
            run.agent_time_weight,
            frozenset(seats),
            partial(self._place_calls_in_turn, run, turns),
        )

    def _get_pacing_input_of_campaign(
        self, run: CampaignRun, turns: _Turns, kept_seats: Collection[str] = ()
    ) -> PacingSnapshot:
        """Return the pacer's input for a campaign that shares agents. The previous input is used again unless calls
        have changed.
        """
        campaign_id = run.spec.campaign_id
        snapshot = None if kept_seats else turns.snapshots.get(campaign_id)
        if snapshot is None:
            snapshot = self._snapshots.collect_pacing_input(
                run,
                turns.used,
                turns.unsent,
                kept_seats=kept_seats,
                seats_of_share=turns.seats_of_share.get(campaign_id),
            )
            if not kept_seats:
                turns.snapshots[campaign_id] = snapshot
        return snapshot

    def _place_calls_in_turn(self, run: CampaignRun, turns: _Turns, most: int, kept_seats: Collection[str]) -> Turn:
        """Place up to `most` calls of a campaign that shares its agents.

        If the campaign has reached its abandoned-call cap, each call first reserves a free seat. Otherwise another
        campaign's voter could take the seat.
        """
        snapshot = self._get_pacing_input_of_campaign(run, turns, kept_seats)
        wanted = self._count_calls_that_may_be_placed(run, snapshot)
        limited_by = run.pacer.explain_last_pacing_decision().limited_by
        at_cap = limited_by is Limit.HARD_STOP and snapshot.share < 1.0
        if at_cap:
            seats = count_seats_usable_at_cap(turns.seats_of_share[run.spec.campaign_id])
            free = snapshot.free_seats - len(snapshot.waiting_seconds)
            room = min(free, seats - self._count_seats_in_use(run), snapshot.cps_budget, snapshot.free_channels)
            wanted = min(max(0, room), len(run.hopper))
        count = min(wanted, most)
        if count == 0:
            return Turn(0, limited_by if run.hopper else None)
        placed = self._originator.place_calls_of_campaign(run, count, turns.used, turns.unsent, with_seats=at_cap)
        if placed > 0:
            turns.snapshots.clear()
        return Turn(placed, limited_by if count < most and run.hopper else None)

    def _count_seats_in_use(self, run: CampaignRun) -> int:
        return sum(
            seat.campaign_id == run.spec.campaign_id and seat.state in _WORKS_FOR_CAMPAIGN
            for seat in self._seats.list_seats()
        )

    def _raise_alert_if_rules_stop_campaign(self, run: CampaignRun, hold: Hold | None) -> None:
        """Raise an alert if the calling rules stop the campaign until a person changes something."""
        if hold is not None and hold.reason is HoldReason.RULES and hold.until is None:
            self._alerts.raise_alert(AlertKind.RULES_HOLD, campaign=run.spec.campaign_id, problem=hold.text)
        else:
            self._alerts.clear_alert(AlertKind.RULES_HOLD, run.spec.campaign_id)

    # Cancelling

    def _cancel_unanswered_calls(self, run: CampaignRun, *, but_kept: bool = False) -> None:
        for call in self._calls.find_calls_of_campaign(run.spec.campaign_id):
            if not (but_kept and self._reserved.is_seat_reserved(call)):
                self._calls.cancel_call(call)

    def _cancel_calls_when_dialling_stops(self, run: CampaignRun) -> None:
        """Cancel calls of a campaign that may not dial now: all previews, and ringing calls for which there is no seat.

        If a required sound is missing, cancel all ringing calls. Without a connection to the switch, ringing calls are
        cancelled after the reconnection.
        """
        for call in self._calls.find_calls_of_campaign(run.spec.campaign_id):
            if call.leg.preview is not None:
                self._calls.cancel_call(call)
        if run.inaudible_sound is not None and self._servers.is_any_asterisk_server_up:
            self._cancel_unanswered_calls(run)
            return
        rings = any(not call.is_answered for call in self._calls.find_calls_of_campaign(run.spec.campaign_id))
        if run.spec.kind is CampaignKind.AGENTS and rings and self._servers.is_any_asterisk_server_up:
            used, unsent = self._channels.count_used_channels(), self._channels.count_unsent_calls()
            self._cancel_excess_calls(run, self._snapshots.collect_pacing_input(run, used, unsent))

    def cancel_calls_of_campaign(self, run: CampaignRun) -> None:
        """Cancel a campaign's unanswered calls and return its reserved numbers to the queue."""
        self._cancel_unanswered_calls(run)
        self._hoppers.return_all_numbers_to_queue(run)

    def _cancel_excess_calls(self, run: CampaignRun, snapshot: PacingSnapshot) -> bool:
        """Hang up ringing calls of a campaign for which no seat will be free. Return whether there were any."""
        excess = run.pacer.count_ringing_calls_to_hang_up(snapshot) if snapshot.ringing else 0
        if excess > 0:
            away = self._servers.unreachable_asterisk_servers
            unanswered = [
                (call.placed_monotonic_seconds, call.ringing_monotonic_seconds, call)
                for call in self._calls.find_calls_of_campaign(run.spec.campaign_id)
                if call.call_state in _RINGS
                and not call.leg.cancelled
                and call.reserved_seat is None
                and self._servers.get_server_of_trunk(call.trunk) not in away
            ]
            least = run.spec.minimum_ring_seconds
            for call in sort_calls_to_hang_up(unanswered, snapshot.now_seconds, least)[:excess]:
                self._calls.cancel_call(call)
        return excess > 0
