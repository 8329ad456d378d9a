"""Decide how many calls each campaign places now, and which of its unanswered calls are cancelled."""

from __future__ import annotations

import structlog

from dialer.domain.alerts import AlertKind
from dialer.domain.enums import CampaignKind
from dialer.domain.view import CallState, Hold, HoldReason
from dialer.engine.alerts.state import Alerts
from dialer.engine.asterisk_servers.state import AsteriskServers
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.campaigns.runs import CampaignRun, CampaignRuns
from dialer.engine.core import Core
from dialer.engine.placing.holds import CampaignHolds
from dialer.engine.placing.hoppers import Hoppers
from dialer.engine.placing.originate import Originator
from dialer.engine.placing.reserved_seats import ReservedSeats
from dialer.engine.placing.snapshot import Snapshots
from dialer.engine.trunks.channels import Channels
from dialer.engine.trunks.service import Trunks
from dialer.pacing.cancelling import sort_calls_to_hang_up
from dialer.pacing.port import PacingSnapshot

_log = structlog.get_logger(__name__)

LOOK_AGAIN_SECONDS = 1.0  # a pacer's decision changes as talks get longer, without any event
_RINGS = frozenset({CallState.SENDING, CallState.DIALLING, CallState.RINGING})


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
        order: list[CampaignRun] = []
        for kind in (CampaignKind.AGENTS, CampaignKind.IVR):  # campaigns with agents get call starts first
            runs = [run for run in self._runs.list_campaign_runs() if run.spec.kind is kind]
            # Campaigns of a kind take turns, longest wait first, so that none takes all call starts.
            order += sorted(runs, key=lambda run: self._placed_in.get(run.spec.campaign_id, 0))
        return min((self._place_calls_of_campaign(run) for run in order), default=LOOK_AGAIN_SECONDS)

    def _place_calls_of_campaign(self, run: CampaignRun) -> float:
        hold, nobody = self._holds.find_reason_campaign_is_held(run), self._holds.find_reason_no_agent_can_serve(run)
        if (
            nobody is not None and self._servers.is_any_asterisk_server_up
        ):  # even if another hold applies: an answered voter would be abandoned
            self._cancel_unanswered_calls(run, but_kept=True)
        hold = hold or nobody
        if hold is None:
            hold = self._trunks.find_reason_all_trunks_rest(
                run.spec.campaign_id, self._servers.filter_reachable_trunks(run.spec.trunks)
            )
        else:
            self._alerts.clear_alert(AlertKind.TRUNKS, run.spec.campaign_id)
        self._raise_alert_about_rules(run, hold)
        if hold is not None and hold != run.hold:
            _log.info("campaign.held", campaign=run.spec.campaign_id, reason=str(hold))
        run.hold = hold
        if hold is not None:
            if run.hopper:
                self._hoppers.return_all_claimed_numbers(run)
            if nobody is None:
                self._cancel_calls_of_held_campaign(run)
            return LOOK_AGAIN_SECONDS
        now, trunks = self._core.clock.monotonic(), self._servers.filter_reachable_trunks(run.spec.trunks)
        self._hoppers.return_expiring_claimed_numbers(run)
        used = self._channels.count_used_channels()
        unsent = self._channels.count_unsent_calls()
        if run.spec.kind is CampaignKind.IVR and self._pool.count_calls_that_may_start(trunks, used, now, unsent) == 0:
            # Without a wait for a call start all channels are in use; the end of a call sets `wake`.
            left = self._pool.count_seconds_to_next_call_start(trunks, now, unsent)
            return max(0.01, min(LOOK_AGAIN_SECONDS, left)) if left > 0 else LOOK_AGAIN_SECONDS
        snapshot = self._snapshots.take_pacing_snapshot(run, used, unsent)
        self._cancel_excess_calls(run, snapshot)
        wanted = min(run.pacer.count_calls_to_place(snapshot), snapshot.cps_budget, snapshot.free_channels)
        if wanted > 0:
            _log.debug(
                "campaign.paced", campaign=run.spec.campaign_id, pacing=str(run.pacer.explain_last_pacing_decision())
            )
        if self._originator.place_calls_of_campaign(run, min(wanted, len(run.hopper)), used, unsent):
            self._turn += 1
            self._placed_in[run.spec.campaign_id] = self._turn
        self._hoppers.refill_hopper(run)
        left = self._pool.count_seconds_to_next_call_start(trunks, now, unsent)
        if left > 0 and (snapshot.cps_budget == 0 or run.hopper):
            return max(0.01, min(LOOK_AGAIN_SECONDS, left))
        return LOOK_AGAIN_SECONDS  # free channels and new claims set `wake`

    def _raise_alert_about_rules(self, run: CampaignRun, hold: Hold | None) -> None:
        """Raise an alert if the rules hold the campaign until somebody changes something."""
        if hold is not None and hold.reason is HoldReason.RULES and hold.until is None:
            self._alerts.raise_alert(AlertKind.RULES_HOLD, campaign=run.spec.campaign_id, problem=hold.text)
        else:
            self._alerts.clear_alert(AlertKind.RULES_HOLD, run.spec.campaign_id)

    # Cancelling

    def _cancel_unanswered_calls(self, run: CampaignRun, *, but_kept: bool = False) -> None:
        for call in self._calls.find_calls_of_campaign(run.spec.campaign_id):
            if not (but_kept and self._reserved.is_seat_reserved(call)):
                self._calls.cancel_call(call)

    def _cancel_calls_of_held_campaign(self, run: CampaignRun) -> None:
        """End the previews of a held campaign, and cancel ringing calls for which there is no seat. Ringing calls for
        which there is a seat continue.

        If voters cannot hear a required sound, all ringing calls are cancelled. Without a connection to the switch
        nothing can be hung up; the next decision after reconnecting does it.
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
            self._cancel_excess_calls(run, self._snapshots.take_pacing_snapshot(run, used, unsent))

    def cancel_calls_of_campaign(self, run: CampaignRun) -> None:
        """Cancel a campaign's unanswered calls and return its reserved numbers to the queue."""
        self._cancel_unanswered_calls(run)
        self._hoppers.return_all_claimed_numbers(run)

    def _cancel_excess_calls(self, run: CampaignRun, snapshot: PacingSnapshot) -> None:
        """Hang up ringing calls of a campaign for which no seat will be free."""
        excess = run.pacer.count_excess_calls(snapshot) if snapshot.ringing else 0
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
