"""Apply a settings file that has changed while the dialler runs: all changes or none."""

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
from dialer.engine.plan import Dependencies, EnginePlan, ReloadedSettings
from dialer.engine.roll_import.state import RollImportState
from dialer.engine.seats.pins import PinCheck
from dialer.engine.seats.service import Agents
from dialer.engine.turnout.polls import Polls


class SettingsReload:
    """Reloads the settings file while the dialler runs."""

    def __init__(
        self,
        core: Core,
        calls: LiveCalls,
        polls: Polls,
        roll_import: RollImportState,
        dependencies: Dependencies,
        campaigns: Campaigns,
        agents: Agents,
        use_plan: Sequence[Callable[[], None]],
    ) -> None:
        """Create the service that reloads the settings. `use_plan` has the functions with which other features apply
        new settings.
        """
        self._core = core
        self._calls = calls
        self._polls = polls
        self._roll_import = roll_import
        self._store = dependencies.store
        self._read_settings = dependencies.reload_settings
        self._campaigns = campaigns
        self._agents = agents
        self._apply_plan = use_plan
        self._one_at_a_time = (
            asyncio.Lock()
        )  # reloads run one after another, so that the settings read last come into force last

    async def reload_settings(self) -> str:
        """Reload the settings file and apply its changes. Calls in progress continue.

        Raises CommandRefused or StoreError; then nothing has changed.
        """
        if self._read_settings is None:
            raise CommandRefused(
                "this dialler was started without a settings file, so it has nothing to reload: start it with -c FILE"
            )
        stops = self._campaigns.stops
        async with self._one_at_a_time:
            found = await asyncio.to_thread(self._read_settings)
            if not (found.changed or found.others):
                return "no setting has changed"
            pins = PinCheck(found.plan.agents.values())
            async with self._load_campaigns_of_reloaded_settings(found.plan) as new:
                await self._store.save_settings_and_rules_in_force(
                    found.values, found.plan.rules_text, self._core.clock.now()
                )
                stopped = (
                    [*new] if self._campaigns.stops != stops else []
                )  # a stop-all came meanwhile, and includes the new campaigns
                for name in stopped:
                    new[name].state = CampaignState.STOPPED
                self._apply_reloaded_settings(found, new, pins)
                for name in stopped:
                    await self._campaigns.set_campaign_state(name, CampaignState.STOPPED)
            lists = [("settings applied", found.changed), ("changed for other programs", found.others)]
            return "; ".join(f"{title}: {', '.join(names)}" for title, names in lists if names)

    @asynccontextmanager
    async def _load_campaigns_of_reloaded_settings(self, plan: EnginePlan) -> AsyncIterator[dict[str, CampaignRun]]:
        """Load the campaigns that the reloaded settings add.

        No electoral roll may be imported at the same time, because the new campaigns would miss its numbers.
        """
        new = [each for name, each in plan.campaigns.items() if name not in self._core.plan.campaigns]
        for each in new:
            if any(self._calls.find_calls_of_campaign(each.spec.campaign_id)):
                raise CommandRefused(
                    f"no setting was changed: campaign {each.spec.campaign_id} is not in the settings any"
                    " more, but still has calls. Reload again when they have ended"
                )
        if new and self._roll_import.lock.locked():
            raise CommandRefused(
                "no setting was changed: a roll is being imported. Try again when the import is complete"
            )
        async with self._roll_import.lock if new else nullcontext():
            yield {
                each.spec.campaign_id: await self._campaigns.load_campaign_from_store(each, in_chunks=True)
                for each in new
            }

    def _apply_reloaded_settings(self, found: ReloadedSettings, new: Mapping[str, CampaignRun], pins: PinCheck) -> None:
        """Put the reloaded settings into force. No step waits or can fail, so either all settings change or none."""
        found.apply()
        self._core.plan = found.plan
        self._polls.apply_settings_of_polling_days()
        for use_plan in self._apply_plan:
            use_plan()
        self._campaigns.apply_settings_of_campaigns(new)
        if found.plan.agents:
            self._agents.set_agent_pins(pins)
        self._agents.apply_settings_of_seats_and_agents()
        self._core.wake.set()
