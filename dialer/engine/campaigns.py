"""Which campaigns dial, and how: as supervisors and the settings say, and as long as their voters hear what they must."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict

from config.words import CampaignKind
from dialer.domain.errors import CommandRefused, StoreError
from dialer.domain.model import CampaignState
from dialer.domain.view import AlertLevel, CampaignChange, CampaignSpeed
from dialer.engine.agents import Agents
from dialer.engine.call import Call
from dialer.engine.effects import Notify
from dialer.engine.eligibility import ClockGuard, Eligibility
from dialer.engine.pins import PinCheck
from dialer.engine.placing import Placing
from dialer.engine.plan import Flows, Outside, Reread
from dialer.engine.trunks import TrunkPool
from dialer.engine.world import CampaignRun, Centre
from dialer.pacing.port import Governed
from dialer.rules.calling_hours import next_day
from dialer.store.port import StandingOrder, of_campaign
from dialer.store.sqlite import Store

SPEED = "speed"
ABANDONED_TARGET = "abandoned-target"


class Campaigns:
    """Pauses, resumes and stops them."""

    def __init__(self, centre: Centre, store: Store, flows: Flows, placing: Placing, clock_guard: ClockGuard) -> None:
        """`placing` cancels the calls of one that stops."""
        self._centre = centre
        self._store = store
        self._flows = flows
        self._placing = placing
        self._clock_guard = clock_guard
        self.standing: str | None = None
        """Why nobody here may resume a campaign; None: they may."""
        self._before: dict[str, CampaignState] = {}  # of those that stand still: what they go on to

    def accept_clock(self) -> str:
        """The machine's clock, which was set while the dialler ran, is right."""
        return self._clock_guard.accept()

    async def reload_flows(self) -> str:
        """Read the flows again: calls that run go on with the version they began with; a wrong one changes nothing (FlowError)."""
        changed = await asyncio.to_thread(self._flows.reload)
        for run in self._centre.campaigns.values():
            self._hear_again(run)
        return f"flows reloaded; changed: {', '.join(sorted(set(changed))) or 'none'}"

    async def set_campaign_state(self, campaign_id: str, state: CampaignState) -> str:
        """Pause, resume or stop a campaign; what stands still stays so when the others go on. Raises CommandRefused, StoreError
        once it is so here and was not kept.
        """
        run = self._centre.campaign(campaign_id)
        if self.standing is not None and state is CampaignState.RUNNING:
            raise CommandRefused(self.standing)
        self._before.pop(campaign_id, None)
        self._change(run, state)
        await self._store.set_campaign_state(campaign_id, state)
        return f"campaign {campaign_id}: {state.value}"

    async def stop_all(self) -> str:
        """Every campaign stops, whatever the store does; raises StoreError once all are stopped and some were not kept so."""
        runs = self._centre.campaigns
        self._before.clear()
        for run in runs.values():
            self._change(run, CampaignState.STOPPED)
        trouble: StoreError | None = None
        for campaign_id, run in runs.items():
            try:
                await self._store.set_campaign_state(campaign_id, run.state)  # it may have been resumed meanwhile
            except StoreError as error:
                trouble = error
        if trouble is not None:
            raise trouble
        return f"stopped {len(runs)} campaigns"

    def stand_still(self, why: str, stopped: Mapping[str, CampaignState]) -> dict[str, CampaignState]:
        """Every campaign stops, here and now, and none is resumed while `standing` says why not; the store is not told. Returns
        those that go on afterwards, and as what: `stopped` are stopped already.
        """
        self.standing = why
        runs = self._centre.campaigns
        self._before.update(stopped)
        self._before.update({name: run.state for name, run in runs.items() if run.state is not CampaignState.STOPPED})
        for run in runs.values():
            self._change(run, CampaignState.STOPPED)
        return dict(self._before)

    def go_on(self) -> dict[str, CampaignState]:
        """They no longer stand still, here and now; returns what goes on, and as what. The store is not told."""
        self.standing = None
        states = {name: state for name, state in self._before.items() if name in self._centre.campaigns}
        self._before.clear()
        for campaign_id, state in states.items():
            self._change(self._centre.campaigns[campaign_id], state)
        return states

    async def set_speed(
        self, campaign_id: str, most_calls: int | None, calls_per_seat: float | None, sender: str
    ) -> str:
        """Hold a campaign to so many calls until midnight, or to none; what rings rings on. Raises CommandRefused, StoreError."""
        run = self._centre.campaign(campaign_id)
        if calls_per_seat is not None and run.spec.kind is not CampaignKind.AGENTS:
            raise CommandRefused(f"campaign {campaign_id} has no agents: give `most_calls`")
        now = self._centre.clock.now()
        if most_calls is None and calls_per_seat is None:
            await self._store.end_order(of_campaign(campaign_id), SPEED)
            run.speed, said = None, "as fast as it may again"
        else:
            speed = CampaignSpeed(most_calls, calls_per_seat, next_day(self._centre.zone, now), sender)
            await self._store.keep_orders(
                [StandingOrder(of_campaign(campaign_id), SPEED, asdict(speed), now, speed.until)]
            )
            run.speed, said = speed, "held to that until midnight"
        self._centre.wake.set()
        self._centre.then(Notify(CampaignChange(campaign_id)))
        return f"campaign {campaign_id}: {said}"

    def speed_again(self, campaign_id: str, order: StandingOrder) -> None:
        """What an earlier run of the dialler was told."""
        self._centre.campaigns[campaign_id].speed = CampaignSpeed(**order.content)

    async def steer(self, campaign_id: str, target: float | None, sender: str) -> str:
        """Steer to that abandoned share, None: to the settings' own, until another is given. Raises CommandRefused, StoreError."""
        run = self._centre.campaign(campaign_id)
        if not isinstance(run.pacer, Governed) or not run.pacer.caps:
            raise CommandRefused(f"campaign {campaign_id} abandons nobody: its pacing steers to no share")
        most = run.spec.most_abandoned_target
        if target is not None and target > most:
            raise CommandRefused(f"the rules profile allows {most:.2%} at most")
        if target is None:
            await self._store.end_order(of_campaign(campaign_id), ABANDONED_TARGET)
        else:
            content = {"target": target, "sender": sender}
            now = self._centre.clock.now()
            await self._store.keep_orders([StandingOrder(of_campaign(campaign_id), ABANDONED_TARGET, content, now)])
        self._steer(run, target, sender)
        return f"campaign {campaign_id}: steered to {run.pacer.caps[0].target:.2%} of live answers"

    def steered_again(self, campaign_id: str, order: StandingOrder) -> None:
        """What an earlier run of the dialler was told; never beyond what the profile allows by now."""
        run = self._centre.campaigns[campaign_id]
        if isinstance(run.pacer, Governed):
            target = min(float(order.content["target"]), run.spec.most_abandoned_target)
            self._steer(run, target, str(order.content["sender"]))

    def _steer(self, run: CampaignRun, target: float | None, sender: str) -> None:
        assert isinstance(run.pacer, Governed)  # noqa: S101 - whoever calls has looked
        run.pacer.steer(run.spec.abandoned_target if target is None else target)
        run.steered_by = None if target is None else sender
        self._centre.wake.set()
        self._centre.then(Notify(CampaignChange(run.spec.campaign_id)))

    def _change(self, run: CampaignRun, state: CampaignState) -> None:
        """At once: a stop must not wait for the disk."""
        run.state = state
        if state is CampaignState.STOPPED:
            self._placing.cancel_campaign(run)
        if state is CampaignState.RUNNING:
            self._hear_again(run)
        self._centre.wake.set()
        self._centre.then(Notify(CampaignChange(run.spec.campaign_id)))

    # Campaigns whose voters do not hear what they must: a question nobody can answer, an abandoned caller's message. Held, until
    # somebody who has put the sound there resumes the campaign or reloads the flows.

    def hold_unheard(self, call: Call, sound: str) -> None:
        """This call's voter did not hear that sound: its campaign calls nobody else. Callers who come in are only told of."""
        run = self._centre.campaigns[call.campaign_id]
        if call.inbound:
            text = f"callers of campaign {call.campaign_id} do not hear {sound}: `dialer check` names what Asterisk does not find"
        else:
            run.unheard = sound
            text = (
                f"campaign {call.campaign_id} is held: its voters do not hear {sound}; put it below Asterisk's sounds directory "
                "(`dialer check` names what is missing), then resume the campaign"
            )
        self._centre.raise_alert(f"unheard-{call.campaign_id}", AlertLevel.CRITICAL, text)
        self._centre.wake.set()

    def _hear_again(self, run: CampaignRun) -> None:
        run.unheard = None
        self._centre.clear_alert(f"unheard-{run.spec.campaign_id}")
        self._centre.wake.set()


class SettingsAgain:
    """A settings file that was changed while the dialler runs: taken whole or not at all. What of it may change beside calls is
    the reader's to say; here it is put in force.
    """

    def __init__(
        self, centre: Centre, outside: Outside, eligibility: Eligibility, trunks: TrunkPool, agents: Agents
    ) -> None:
        self._centre = centre
        self._store = outside.store
        self._reread = outside.reread
        self._agents = agents
        self._eligibility = eligibility
        self._trunks = trunks
        self._one_at_a_time = asyncio.Lock()  # what is read later is taken later

    async def reload_settings(self) -> str:
        """Take what was changed; calls on their way go on as they began. Raises CommandRefused, StoreError, and then nothing
        has changed.
        """
        if self._reread is None:
            raise CommandRefused("this dialler has its settings from no file")
        async with self._one_at_a_time:
            found = await asyncio.to_thread(self._reread)
            if not found.changed:
                return "the settings are as they were"
            pins = await asyncio.to_thread(PinCheck, found.plan.agents)
            version = await self._store.record_rules_version(found.plan.rules_text, self._centre.clock.now())
            self._take(found, version)
            if found.plan.agents:
                self._agents.change_accounts(found.plan.agents, pins)
            return f"settings taken: {', '.join(found.changed)}"

    def _take(self, found: Reread, version: str) -> None:
        self._eligibility.use_version(version)
        for plan in found.plan.campaigns:
            run = self._centre.campaigns[plan.spec.campaign_id]
            run.spec = plan.spec
            self._eligibility.use_rules(plan.rules)
            self._centre.then(Notify(CampaignChange(plan.spec.campaign_id)))
        for trunk in found.plan.trunks:
            self._trunks.allow(trunk.name, trunk.channels, trunk.calls_per_second)
        found.taken()
        self._centre.wake.set()
