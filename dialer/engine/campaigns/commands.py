"""Commands for campaigns: which of them dial, with which flows, by which clock. Pure."""

from __future__ import annotations

from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.model import CampaignState
from dialer.engine.command.desks import Desks
from dialer.engine.command.registry import LINE, RULES, SUPERVISOR_ALONE, Command, Urgency, Value, offered, text_of

CAMPAIGN = Value(
    "campaign", "the campaign's id", text_of(LINE + "{1,128}"), description="of the commands of a campaign"
)


@offered("pause", CAMPAIGN, roles=RULES, repeatable=True, urgency=Urgency.HALT)
class PauseCampaign(Command):
    """No new calls of this campaign; live and ringing ones go on."""

    campaign: str

    async def carry_out(self, desks: Desks) -> str:
        return await desks.campaigns.set_campaign_state(self.campaign, CampaignState.PAUSED)


@offered("resume", CAMPAIGN, roles=SUPERVISOR_ALONE, repeatable=True)
class ResumeCampaign(Command):
    """Dial again, a stopped campaign too."""

    campaign: str

    async def carry_out(self, desks: Desks) -> str:
        return await desks.campaigns.set_campaign_state(self.campaign, CampaignState.RUNNING)


@offered("stop", CAMPAIGN, roles=RULES, repeatable=True, urgency=Urgency.HALT)
class StopCampaign(Command):
    """No new calls of this campaign, and ringing ones are cancelled."""

    campaign: str

    async def carry_out(self, desks: Desks) -> str:
        return await desks.campaigns.set_campaign_state(self.campaign, CampaignState.STOPPED)


@offered("stop-all", roles=RULES, repeatable=True, urgency=Urgency.STOP_ALL)
class StopAll(Command):
    """Stop every campaign. One that the settings bring later stands still too, until any is resumed."""

    async def carry_out(self, desks: Desks) -> str:
        return await desks.campaigns.stop_all()


@offered("reload-flows", roles=SUPERVISOR_ALONE | {Role.UPLINK}, repeatable=True)
class ReloadFlows(Command):
    """Read the flows again: the next call has the new version. A flow that is wrong leaves all of them as they are."""

    async def carry_out(self, desks: Desks) -> str:
        return await desks.campaigns.reload_flows()


@offered("reload-settings", roles=SUPERVISOR_ALONE | {Role.UPLINK}, repeatable=True)
class ReloadSettings(Command):
    """Read the settings' file again and take what was changed, all of it or nothing: what needs a restart is named."""

    async def carry_out(self, desks: Desks) -> str:
        return await desks.settings.reload_settings()


@offered("accept-clock", roles=SUPERVISOR_ALONE, repeatable=True)
class AcceptClock(Command):
    """The machine's clock, which was set, is right: dial again."""

    async def carry_out(self, desks: Desks) -> str:
        return desks.campaigns.accept_clock()
