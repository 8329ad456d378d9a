"""Campaigns: start, pause, resume and stop them, and set their speed limits, calling hours and abandoned-call targets."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dialer.domain.alerts import AlertKind
from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.errors import CommandRefused
from dialer.domain.model import CampaignState, Claim
from dialer.domain.view import CampaignChange, CampaignSpeed
from dialer.engine.alerts.state import Alerts
from dialer.engine.calls.state import Call
from dialer.engine.campaigns.abandoned_counts import restore_counts_of_abandoned_calls
from dialer.engine.campaigns.enrolment import add_roll_numbers_to_campaign_queue
from dialer.engine.campaigns.runs import CampaignRun, CampaignRuns
from dialer.engine.core import Core
from dialer.engine.effects import Notify
from dialer.engine.placing.clock_guard import ClockGuard
from dialer.engine.placing.service import Placing
from dialer.engine.plan import CampaignPlan
from dialer.engine.turnout.polls import Polls
from dialer.flows.library import FlowLibrary
from dialer.polling_day.priorities import BoothOrder
from dialer.rules.calling_hours import (
    create_daily_calling_hours,
    format_periods_of_day,
    get_local_midnight_before,
    get_next_midnight,
    merge_adjoining_periods,
    parse_period_of_day,
)
from dialer.store.standing_orders import StandingOrder, format_campaign_as_order_addressee
from dialer.store.store import Store

SPEED = "speed"
ABANDONED_TARGET = "abandoned-target"
WEIGHT = "weight"
CALLING_HOURS = "calling-hours"


class Campaigns:
    """Executes commands for campaigns: pause, resume, stop, speed limit, weight, calling hours and abandoned-call target."""

    def __init__(
        self,
        core: Core,
        alerts: Alerts,
        runs: CampaignRuns,
        polls: Polls,
        store: Store,
        flows: FlowLibrary,
        placing: Placing,
        clock_guard: ClockGuard,
    ) -> None:
        """Create the service that executes commands for campaigns. `placing` cancels the calls of a campaign that is
        stopped.
        """
        self._core = core
        self._alerts = alerts
        self._runs = runs
        self._polls = polls
        self._store = store
        self._flows = flows
        self._placing = placing
        self._clock_guard = clock_guard
        self.suspended_because: str | None = None
        """Why campaigns cannot be resumed at this centre; None: they can."""
        self.stops = 0  # number of stop-all commands in this run
        self._states_before_stop: dict[str, CampaignState] = {}  # by campaign: its state before a stop by headquarters

    async def load_campaign_from_store(self, plan: CampaignPlan, *, in_chunks: bool) -> CampaignRun:
        """Load a campaign from the store, add the phone numbers of the electoral roll to its queue, and return it.

        It does not dial yet. Raises StoreError.
        """
        store, campaign_id = self._store, plan.spec.campaign_id
        purpose, now = plan.rules.purpose, self._core.clock.now()
        first_state = CampaignState.PAUSED if plan.spec.starts_paused else CampaignState.RUNNING
        state = await store.add_or_update_campaign(campaign_id, plan.spec.kind, purpose, first_state)
        # The list of booth workers is short, and each chunk would search all of it.
        if in_chunks and purpose is not Purpose.BOOTH_WORKERS:
            await add_roll_numbers_to_campaign_queue(store, campaign_id)
        else:
            await store.add_roll_numbers_to_queue(campaign_id)
        hopper = deque[Claim]()
        weight = 1.0 if self._core.plan.polling is None else self._core.plan.polling.weights.voter
        order = BoothOrder(self._polls.booths, weight, in_hand=hopper)
        run = CampaignRun(plan.spec, purpose, plan.pacer, state, order, hopper)
        midnight = get_local_midnight_before(self._core.zone, now)
        run.outcomes.update(await store.count_attempts_by_outcome(campaign_id, midnight))
        run.taken_for_machines = await store.count_calls_taken_for_machines(campaign_id, midnight)
        run.progress = await store.read_campaign_progress(campaign_id, now)
        learned = await store.read_pacer_state(campaign_id)
        if learned is not None:
            run.restore_learned_state_of_pacer(learned)
        run.judged = await store.count_judged_calls_of_campaign(campaign_id)
        await restore_counts_of_abandoned_calls(run, store, self._core.clock)
        for ordered in await store.read_supervisor_orders_in_force(now):
            if ordered.addressee == format_campaign_as_order_addressee(campaign_id):
                self._restore_supervisor_order(run, ordered)
        return run

    def _restore_supervisor_order(self, run: CampaignRun, ordered: StandingOrder) -> None:
        """Restore the speed limit, weight, calling hours or abandoned-call target that a supervisor set in an earlier
        run.

        The target is limited to what the rules profile allows now.
        """
        if ordered.command == SPEED:
            run.speed = CampaignSpeed(**ordered.content)
        elif ordered.command == WEIGHT:
            run.weight_set = float(ordered.content["weight"]), str(ordered.content["sender"])
        elif ordered.command == CALLING_HOURS:
            periods = [parse_period_of_day(each) for each in ordered.content["hours"]]
            run.hours_set = create_daily_calling_hours(periods), str(ordered.content["sender"])
        elif ordered.command == ABANDONED_TARGET and run.pacer.caps:
            target = min(float(ordered.content["target"]), run.spec.most_abandoned_target)
            self._change_abandoned_rate_target(run, target, str(ordered.content["sender"]))

    def apply_settings_of_campaigns(self, new: Mapping[str, CampaignRun]) -> None:
        """Apply the campaigns of the current settings.

        `new` has the added campaigns. Removed campaigns place no more calls.
        """
        for run in self._runs.apply_settings_of_campaigns(new):
            self._states_before_stop.pop(run.spec.campaign_id, None)
            run.state = CampaignState.STOPPED
            self._clear_unplayable_sound_alert(run)
        for name, run in new.items():
            if self.suspended_because is not None:
                self._states_before_stop[name], run.state = run.state, CampaignState.STOPPED
        for name, plan in self._core.plan.campaigns.items():
            self._apply_settings_to_campaign(self._runs[name], plan)
        self._runs.recheck_refused_numbers()
        for name, _ in self._runs.list_campaign_runs_by_id():
            self._core.request_side_effects(Notify(CampaignChange(name)))

    def _apply_settings_to_campaign(self, run: CampaignRun, plan: CampaignPlan) -> None:
        """Apply changed settings to a campaign.

        A supervisor's abandoned-call target stays in force, limited to what the rules profile allows now.
        """
        run.spec = plan.spec
        if run.pacer.caps and plan.pacer.caps and run.pacer is not plan.pacer:
            steered = run.pacer.caps[0].target if run.target_set_by is not None else None
            run.pacer.set_abandoned_call_caps(plan.pacer.caps)
            if steered is not None:
                run.pacer.set_abandoned_rate_target(min(steered, plan.spec.most_abandoned_target))

    def accept_wall_clock_as_correct(self) -> str:
        """Accept the time of the machine's clock, after dialling has stopped because the clock was set. Dialling then
        continues.
        """
        return self._clock_guard.accept_wall_clock_as_correct()

    async def reload_flows(self) -> str:
        """Reload the IVR flows from their files. Calls in progress keep their version. Raises FlowError for an invalid
        flow: nothing changes then.
        """
        changed = await asyncio.to_thread(self._flows.reload_flows_and_scripts)
        for run in self._runs.list_campaign_runs():
            self._clear_unplayable_sound_alert(run)
        return f"flows reloaded; changed: {', '.join(sorted(set(changed))) or 'none'}"

    async def set_campaign_state(self, campaign_id: str, state: CampaignState) -> str:
        """Pause, resume or stop a campaign. Raises CommandRefused.

        Raises StoreError if the new state could not be stored; it is in force all the same.
        """
        run = self._runs.require_campaign_in_settings(campaign_id)
        if self.suspended_because is not None and state is CampaignState.RUNNING:
            raise CommandRefused(self.suspended_because)
        self._states_before_stop.pop(campaign_id, None)
        self._change_campaign_state(run, state)
        await self._store.set_campaign_state(campaign_id, state)
        return f"campaign {campaign_id}: {state.value}"

    async def stop_all_campaigns(self) -> str:
        """Stop every campaign, even if the store fails.

        Campaigns that are added later are stopped too, until any campaign is resumed. Raises StoreError if all
        campaigns are stopped but this could not be stored.
        """
        self.stops += 1
        self._states_before_stop.clear()
        self._stop_all_campaign_runs()
        await self._store.stop_campaigns(self._core.clock.now())
        return f"stopped {len(self._core.plan.campaigns)} campaigns"

    def suspend_all_campaigns(self, why: str, stopped: Mapping[str, CampaignState]) -> dict[str, CampaignState]:
        """Stop every campaign by order of headquarters. No campaign can be resumed until the order ends.

        `why` is the reason in the refusals. `stopped` has the campaigns' states before an earlier stop by headquarters.
        Return each campaign's state before the stop, by campaign id. The caller must store these states for
        `resume_all_campaigns`.
        """
        self.suspended_because = why
        runs = {name: run for name, run in self._runs.list_campaign_runs_by_id() if name in self._core.plan.campaigns}
        self._states_before_stop.update(stopped)
        self._states_before_stop.update(
            {name: run.state for name, run in runs.items() if run.state is not CampaignState.STOPPED}
        )
        self._stop_all_campaign_runs()
        return dict(self._states_before_stop)

    def _stop_all_campaign_runs(self) -> None:
        """Stop all campaigns. Removed campaigns are stopped too, because they may still have ringing calls."""
        for run in self._runs.list_campaign_runs():
            self._change_campaign_state(run, CampaignState.STOPPED)

    def resume_all_campaigns(self) -> dict[str, CampaignState]:
        """Restore the state that every campaign had before headquarters stopped it. Return these states by campaign id.

        Does not write to the store.
        """
        self.suspended_because = None
        states = {name: state for name, state in self._states_before_stop.items() if name in self._core.plan.campaigns}
        self._states_before_stop.clear()
        for campaign_id, state in states.items():
            self._change_campaign_state(self._runs[campaign_id], state)
        return states

    async def set_campaign_speed_limit(
        self, campaign_id: str, max_calls: int | None, calls_per_seat: float | None, sender: str
    ) -> str:
        """Limit a campaign's calls until midnight, or remove the limit. Ringing calls continue. Raises CommandRefused,
        StoreError.
        """
        run = self._runs.require_campaign_in_settings(campaign_id)
        if calls_per_seat is not None and run.spec.kind is not CampaignKind.AGENTS:
            raise CommandRefused(
                f"campaign {campaign_id} has no agents, so `calls_per_seat` does not apply: set `max_calls` instead"
            )
        if max_calls is None and calls_per_seat is None:
            await self._save_supervisor_order(campaign_id, SPEED, None)
            run.speed, said = None, "speed limit removed"
        else:
            midnight = get_next_midnight(self._core.zone, self._core.clock.now())
            speed = CampaignSpeed(max_calls, calls_per_seat, midnight, sender)
            await self._save_supervisor_order(campaign_id, SPEED, asdict(speed), until=midnight)
            run.speed, said = speed, "speed limit set until midnight"
        self._core.wake.set()
        self._core.request_side_effects(Notify(CampaignChange(campaign_id)))
        return f"campaign {campaign_id}: {said}"

    async def set_campaign_weight(self, campaign_id: str, weight: float | None, sender: str) -> str:
        """Set the weight that determines a campaign's share of the agents' time. None resets it to the weight in the
        settings.

        Raises CommandRefused, StoreError.
        """
        run = self._runs.require_campaign_in_settings(campaign_id)
        if run.spec.kind is not CampaignKind.AGENTS:
            raise CommandRefused(
                f"campaign {campaign_id} has no agents to share: set the weight of a campaign with agents"
            )
        content = None if weight is None else {"weight": weight, "sender": sender}
        await self._save_supervisor_order(campaign_id, WEIGHT, content)
        run.weight_set = None if weight is None else (weight, sender)
        self._core.wake.set()
        self._core.request_side_effects(Notify(CampaignChange(campaign_id)))
        return f"campaign {campaign_id}: the weight of its share of the agents' time is {run.agent_time_weight:g}"

    async def set_calling_hours(self, campaign_id: str, hours: Sequence[str] | None, sender: str) -> str:
        """Set the daily calling hours of a campaign, as periods such as 09:00-13:00. None resets them to the hours in
        the settings.

        Raises StoreError, or CommandRefused, for example for hours outside those of the rules profile.
        """
        run, new = self._runs.require_campaign_in_settings(campaign_id), None
        if hours is not None:
            periods = merge_adjoining_periods(parse_period_of_day(each) for each in hours)
            outside = self._core.plan.gate.describe_periods_outside_profile(periods, self._core.clock.now())
            if outside is not None:
                raise CommandRefused(f"campaign {campaign_id}: {outside}")
            new = create_daily_calling_hours(periods)
        content = None if new is None else {"hours": format_periods_of_day(new.weekday), "sender": sender}
        await self._save_supervisor_order(campaign_id, CALLING_HOURS, content)
        run.hours_set = None if new is None else (new, sender)
        self._core.wake.set()
        self._core.request_side_effects(Notify(CampaignChange(campaign_id)))
        return f"campaign {campaign_id}: the calling hours are {', '.join(format_periods_of_day(run.calling_hours.weekday))}"

    async def set_abandoned_rate_target(self, campaign_id: str, target: float | None, sender: str) -> str:
        """Set a campaign's abandoned-call target. None resets it to the target in the settings.

        Raises CommandRefused, StoreError.
        """
        run = self._runs.require_campaign_in_settings(campaign_id)
        if not run.pacer.caps:
            raise CommandRefused(
                f"campaign {campaign_id} has no abandoned-call target, because its pacing never dials ahead of free"
                " agents: set a target for a campaign with predictive or ratio pacing"
            )
        most = run.spec.most_abandoned_target
        if target is not None and target > most:
            raise CommandRefused(
                f"campaign {campaign_id}: the abandoned-call target must be at most {most:.2%}, the maximum of the rules"
                " profile"
            )
        content = None if target is None else {"target": target, "sender": sender}
        await self._save_supervisor_order(campaign_id, ABANDONED_TARGET, content)
        self._change_abandoned_rate_target(run, target, sender)
        return f"campaign {campaign_id}: the abandoned-call target is {run.pacer.caps[0].target:.2%} of live answers"

    async def _save_supervisor_order(
        self, campaign_id: str, command: str, content: Mapping[str, Any] | None, until: float | None = None
    ) -> None:
        """Save a supervisor's order about a campaign, such as a speed limit, in place of the previous one.

        If `content` is None, only delete the previous order. `until` is when the order ends (epoch seconds). Raises
        StoreError.
        """
        addressee = format_campaign_as_order_addressee(campaign_id)
        if content is None:
            await self._store.delete_supervisor_order(addressee, command)
        else:
            order = StandingOrder(addressee, command, content, self._core.clock.now(), until)
            await self._store.save_supervisor_orders([order])

    def _change_abandoned_rate_target(self, run: CampaignRun, target: float | None, sender: str) -> None:
        run.pacer.set_abandoned_rate_target(run.spec.abandoned_target if target is None else target)
        run.target_set_by = None if target is None else sender
        self._core.wake.set()
        self._core.request_side_effects(Notify(CampaignChange(run.spec.campaign_id)))

    def _change_campaign_state(self, run: CampaignRun, state: CampaignState) -> None:
        """Set a campaign's state at once, without waiting for the store: a stop must not wait for the disk."""
        run.state = state
        if state is CampaignState.STOPPED:
            self._placing.cancel_calls_of_campaign(run)
        if state is CampaignState.RUNNING:
            self._clear_unplayable_sound_alert(run)
        self._core.wake.set()
        self._core.request_side_effects(Notify(CampaignChange(run.spec.campaign_id)))

    # A campaign is held if a required sound (a question, the information message) cannot be played. The hold ends when
    # somebody has installed the sound and resumes the campaign or reloads the flows.

    def stop_campaign_with_unplayable_sound(self, call: Call, sound: str) -> None:
        """Stop dialling for the campaign of a call in which a required sound could not be played. If the call is
        inbound, only raise an alert.
        """
        run = self._runs[call.campaign_id]
        if call.inbound:
            kind = AlertKind.NO_AUDIO_INBOUND
        else:
            kind = AlertKind.NO_AUDIO
            run.inaudible_sound = sound
        self._alerts.raise_alert(kind, campaign=call.campaign_id, sound=sound)
        self._core.wake.set()

    def _clear_unplayable_sound_alert(self, run: CampaignRun) -> None:
        run.inaudible_sound = None
        for kind in (AlertKind.NO_AUDIO, AlertKind.NO_AUDIO_INBOUND):
            self._alerts.clear_alert(kind, run.spec.campaign_id)
        self._core.wake.set()
