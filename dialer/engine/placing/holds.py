"""The reasons why a campaign may not dial now."""

from __future__ import annotations

from datetime import datetime

from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.model import CampaignState
from dialer.domain.switch import Switch
from dialer.domain.view import Hold, HoldReason
from dialer.engine.asterisk_servers.state import AsteriskServers
from dialer.engine.campaigns.runs import CampaignRun
from dialer.engine.core import Core
from dialer.engine.placing.clock_guard import ClockGuard
from dialer.engine.placing.eligibility import Eligibility
from dialer.engine.seats.seats import Seats
from dialer.engine.store_age.service import StoreAge
from dialer.engine.store_commits import StoreCommits
from dialer.engine.turnout.polls import Polls
from dialer.rules.gate import FINAL_REASONS

UNANSWERED_SECONDS = 0.9  # with a ping every second, dialling over a half-open connection stops within 2 s


class CampaignHolds:
    """Finds out why a campaign may not dial now: switch, store, clock, campaign state, calling hours, rules or missing
    agents.
    """

    def __init__(
        self,
        core: Core,
        servers: AsteriskServers,
        switch: Switch,
        clock_guard: ClockGuard,
        store_age: StoreAge,
        commits: StoreCommits,
        eligibility: Eligibility,
        polls: Polls,
        seats: Seats,
    ) -> None:
        self._core = core
        self._servers = servers
        self._switch = switch
        self._clock_guard = clock_guard
        self._store_age = store_age
        self._commits = commits
        self._eligibility = eligibility
        self._polls = polls
        self._seats = seats

    def find_reason_campaign_may_not_dial(self, run: CampaignRun, trunk: str | None = None) -> Hold | None:
        """Return why a campaign may not dial now, or None if it may dial. With `trunk`, consider only calls over this
        trunk.

        Agents are not considered here, see `explain_lack_of_agents`.
        """
        return self._find_reason_centre_may_not_dial(run, trunk) or self._find_campaign_reason_not_to_dial(run)

    def _find_reason_centre_may_not_dial(self, run: CampaignRun, trunk: str | None) -> Hold | None:
        servers = self._servers
        trunks = run.spec.trunks if trunk is None else (trunk,)
        servers.unresponsive = frozenset(
            server
            for server in servers.up
            if self._switch.get_age_of_oldest_pending_action(server) > UNANSWERED_SECONDS
        )
        if self._core.draining:
            return Hold(HoldReason.STOPPING)
        if self._clock_guard.has_clock_changed_without_confirmation():
            return Hold(HoldReason.CLOCK_SET)
        if not servers.find_servers_accepting_calls(trunks):
            up = any(servers.get_server_of_trunk(each) in servers.up for each in trunks)
            return Hold(HoldReason.SWITCH_SILENT if up else HoldReason.NO_SWITCH)
        if self._commits.problem is not None:
            return Hold(HoldReason.STORE)
        return self._store_age.find_reason_not_to_dial()

    def _find_campaign_reason_not_to_dial(self, run: CampaignRun) -> Hold | None:
        now, zone = self._core.clock.now(), self._core.zone
        if run.spec.campaign_id not in self._core.plan.campaigns:
            return Hold(HoldReason.STOPPED, "removed from the settings")
        if run.state is not CampaignState.RUNNING:
            return Hold(HoldReason.PAUSED if run.state is CampaignState.PAUSED else HoldReason.STOPPED)
        if run.inaudible_sound is not None:
            return Hold(HoldReason.NO_AUDIO, f"the sound {run.inaudible_sound} cannot be played")
        if not run.calling_hours.are_calls_allowed_at(zone, now):
            opening = run.calling_hours.find_next_time_calls_are_allowed((zone,), now)
            until = datetime.fromtimestamp(opening, zone).strftime(" until %H:%M") if opening else ""
            return Hold(HoldReason.CALLING_HOURS, f"outside calling hours{until}", opening)
        ruling = self._eligibility.check_rules_for_campaign(run)
        if not ruling.is_call_allowed:
            return Hold(HoldReason.RULES, str(ruling), ruling.next_at)
        if run.is_campaign_completed and (correctable := _count_refused_numbers_by_correctable_reason(run)):
            numbers = ", ".join(f"{reason} {count:,}" for reason, count in correctable.items())
            return Hold(
                HoldReason.RULES, f"only refused numbers remain ({numbers}): `dialer rules check` says what is missing"
            )
        if run.purpose is Purpose.BOOTH_WORKERS and not self._polls.find_calling_deadlines_by_booth():
            return Hold(HoldReason.NO_POLL)
        return None

    def explain_lack_of_agents(self, run: CampaignRun) -> Hold | None:
        """Return why no agent at work can take calls of this campaign.

        Return None if an agent can, or if the campaign needs no agents.
        """
        if run.spec.kind is not CampaignKind.AGENTS:
            return None
        if any(seat.is_taking_calls for seat in self._seats.find_seats_serving_campaign(run.spec)):
            return None
        if any(seat.is_taking_calls and seat.campaigns for seat in self._seats.list_seats()):
            return Hold(HoldReason.NO_AGENT, "no agent is available: some are restricted to other campaigns")
        skill = run.spec.skill
        return Hold(HoldReason.NO_AGENT, "" if skill is None else f"no agent with the skill {skill} is available")


def _count_refused_numbers_by_correctable_reason(run: CampaignRun) -> dict[str, int]:
    """Return how many numbers the rules refuse for each reason that a person can remove, such as a missing consent."""
    return {reason: count for reason, count in run.progress.refused.items() if reason not in FINAL_REASONS}
