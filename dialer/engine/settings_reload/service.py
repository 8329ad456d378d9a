"""A settings file that has changed while the dialler runs: all of it comes into force, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext

from dialer.domain.errors import CommandRefused
from dialer.domain.model import CampaignState
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.campaigns.runs import CampaignRun
from dialer.engine.campaigns.service import Campaigns
from dialer.engine.core import Core
from dialer.engine.plan import Dependencies, EnginePlan, Reread
from dialer.engine.roll_import.state import RollImportState
from dialer.engine.seats.pins import PinCheck
from dialer.engine.seats.service import Agents
from dialer.engine.turnout.polls import Polls


class SettingsReload:
    """Reloads the settings."""

    def __init__(
        self,
        core: Core,
        calls: LiveCalls,
        polls: Polls,
        roll_import: RollImportState,
        outside: Dependencies,
        campaigns: Campaigns,
        agents: Agents,
        use_plan: Sequence[Callable[[], None]],
    ) -> None:
        """`use_plan`: what else takes over the plan in force, besides campaigns and agents."""
        self._core = core
        self._calls = calls
        self._polls = polls
        self._roll_import = roll_import
        self._store = outside.store
        self._reread = outside.reread
        self._campaigns = campaigns
        self._agents = agents
        self._use_plan = use_plan
        self._one_at_a_time = asyncio.Lock()  # so that the settings read last come into force last

    async def reload_settings(self) -> str:
        """Put changed settings into force. Calls in progress go on. Raises CommandRefused, StoreError: then nothing has
        changed.
        """
        if self._reread is None:
            raise CommandRefused("this dialler has its settings from no file")
        stops = self._campaigns.stops
        async with self._one_at_a_time:
            found = await asyncio.to_thread(self._reread)
            if not (found.changed or found.others):
                return "the settings are as they were"
            pins = await asyncio.to_thread(PinCheck, found.plan.agents.values())
            async with self._begun(found.plan) as new:
                await self._store.apply_settings(found.told, found.plan.rules_text, self._core.clock.now())
                stopped = [*new] if self._campaigns.stops != stops else []  # all were meanwhile, these among them
                for name in stopped:
                    new[name].state = CampaignState.STOPPED
                self._take(found, new, pins)
                for name in stopped:
                    await self._campaigns.set_campaign_state(name, CampaignState.STOPPED)
            said = [("settings taken", found.changed), ("for other programs to read", found.others)]
            return "; ".join(f"{what}: {', '.join(names)}" for what, names in said if names)

    @asynccontextmanager
    async def _begun(self, plan: EnginePlan) -> AsyncIterator[dict[str, CampaignRun]]:
        """Prepare the campaigns that are new in the plan. No roll is imported meanwhile: it would miss them."""
        new = [each for name, each in plan.campaigns.items() if name not in self._core.plan.campaigns]
        for each in new:
            if any(self._calls.of_campaign(each.spec.campaign_id)):
                raise CommandRefused(
                    f"nothing was taken: the last calls of campaign {each.spec.campaign_id} are not over; again in a moment"
                )
        if new and self._roll_import.lock.locked():
            raise CommandRefused("nothing was taken: a roll is being taken in; again when it is in")
        async with self._roll_import.lock if new else nullcontext():
            yield {each.spec.campaign_id: await self._campaigns.load(each, in_chunks=True) for each in new}

    def _take(self, found: Reread, new: Mapping[str, CampaignRun], pins: PinCheck) -> None:
        """Put the settings into force. Nothing in it waits or can fail."""
        found.taken()
        self._core.plan = found.plan
        self._polls.use_plan()
        for use_plan in self._use_plan:
            use_plan()
        self._campaigns.use_plan(new)
        if found.plan.agents:
            self._agents.use_pins(pins)
        self._agents.use_plan()
        self._core.wake.set()
