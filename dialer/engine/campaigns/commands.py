"""Commands that start, pause, stop and pace campaigns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dialer.domain.errors import CommandRefused
from dialer.domain.model import LEAST_PER_SEAT, MOST_CALLS, MOST_PER_SEAT, MOST_WEIGHT, CampaignState
from dialer.engine.command.base import COMPLIANCE_ROLES, SUPERVISOR_ONLY, Command, CommandContext, Urgency
from dialer.engine.command.fields import CampaignId, PeriodOfDay
from dialer.settings.supervision import UserName

if TYPE_CHECKING:
    from dialer.engine.services import Services

LEAST_TARGET, MOST_TARGET = 0.0005, 0.1
MOST_PERIODS = 8
"""The most periods in a campaign's calling hours."""


class PauseCampaign(Command):
    """Pause a campaign: no new calls. Ringing and connected calls continue."""

    name: Literal["pause"] = "pause"
    roles = COMPLIANCE_ROLES
    urgency = Urgency.HALT
    is_idempotent = True

    campaign_id: CampaignId

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.campaigns.set_campaign_state(self.campaign_id, CampaignState.PAUSED)


class ResumeCampaign(Command):
    """Resume a paused or stopped campaign."""

    name: Literal["resume"] = "resume"
    roles = SUPERVISOR_ONLY
    is_idempotent = True

    campaign_id: CampaignId

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.campaigns.set_campaign_state(self.campaign_id, CampaignState.RUNNING)


class StopCampaign(Command):
    """Stop a campaign: no new calls, and ringing calls are cancelled."""

    name: Literal["stop"] = "stop"
    roles = COMPLIANCE_ROLES
    urgency = Urgency.HALT
    is_idempotent = True

    campaign_id: CampaignId

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.campaigns.set_campaign_state(self.campaign_id, CampaignState.STOPPED)


class StopAll(Command):
    """Stop every campaign. Campaigns that the settings add later are stopped too, until any campaign is resumed."""

    name: Literal["stop-all"] = "stop-all"
    roles = COMPLIANCE_ROLES
    urgency = Urgency.STOP_ALL
    is_idempotent = True

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.campaigns.stop_all_campaigns()


class ApproveCampaign(Command):
    """Record in the audit log that the sender approves a campaign that somebody else has set up or changed on the web
    page. The page sends this command before it accepts the approval.
    """

    name: Literal["campaign-approve"] = "campaign-approve"
    roles = SUPERVISOR_ONLY
    is_idempotent = True
    audited = ("campaign_id", "author", "digest")

    campaign_id: CampaignId
    author: Annotated[UserName, Field(description="the user who has set up or changed the campaign")]
    digest: Annotated[
        str,
        Field(
            pattern=r"^[0-9a-f]{64}$",
            description="SHA-256 of the campaign's lines in the settings before the change, a zero byte, and its lines after it",
        ),
    ]

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        if self.author == context.sender:
            raise CommandRefused("nobody can approve their own campaign: ask another supervisor")
        return f"the approval of campaign {self.campaign_id} is recorded in the audit log"


class SetSpeed(Command):
    """Limit the calls of a campaign until the day ends. A command without a limit removes the campaign's limits. The
    campaign never dials faster than its settings, trunks and pacing allow.
    """

    name: Literal["speed"] = "speed"
    roles = SUPERVISOR_ONLY
    is_idempotent = True
    audited = (*Command.audited, "max_calls", "calls_per_seat")

    campaign_id: CampaignId
    max_calls: Annotated[
        int | None,
        Field(ge=1, le=MOST_CALLS, description=f"maximum concurrent calls of the campaign, 1 to {MOST_CALLS}"),
    ] = None
    calls_per_seat: Annotated[
        float | None,
        Field(
            ge=LEAST_PER_SEAT,
            le=MOST_PER_SEAT,
            description=f"maximum unanswered calls per available agent, {LEAST_PER_SEAT:g} to {MOST_PER_SEAT:g}",
        ),
    ] = None

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.campaigns.set_campaign_speed_limit(
            self.campaign_id, self.max_calls, self.calls_per_seat, context.sender
        )


class SetAbandonedTarget(Command):
    """Set the abandoned-call rate that a campaign's pacing aims at, at most the maximum of the rules profile. It stays
    in force until it is reset. The rate's upper limits (caps) do not change.
    """

    name: Literal["abandoned-target"] = "abandoned-target"
    roles = SUPERVISOR_ONLY
    is_idempotent = True

    campaign_id: CampaignId
    abandoned_target: Annotated[
        float | None,
        Field(
            ge=LEAST_TARGET,
            le=MOST_TARGET,
            description=f"share of live answers that may be abandoned, {LEAST_TARGET:g} to {MOST_TARGET:g} (0.01 is 1 %);"
            " left out: the rate of the settings",
        ),
    ] = None

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.campaigns.set_abandoned_rate_target(
            self.campaign_id, self.abandoned_target, context.sender
        )


class SetCampaignWeight(Command):
    """Set a campaign's weight. Campaigns that share agents get the agents' time in proportion to their weights. The
    weight stays in force until it is reset.
    """

    name: Literal["weight"] = "weight"
    roles = SUPERVISOR_ONLY
    is_idempotent = True
    audited = (*Command.audited, "weight")

    campaign_id: CampaignId
    weight: Annotated[
        float | None,
        Field(
            ge=0,
            le=MOST_WEIGHT,
            description=f"0 to {MOST_WEIGHT:g}; 0: only the time that the other campaigns leave; left out: the weight of the"
            " settings",
        ),
    ] = None

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.campaigns.set_campaign_weight(self.campaign_id, self.weight, context.sender)


class SetCallingHours(Command):
    """Set the calling hours of a campaign for every day. They must be within the hours of the rules profile, and stay
    in force until they are reset. Outside them no call is placed; calls in progress continue.
    """

    name: Literal["calling-hours"] = "calling-hours"
    roles = SUPERVISOR_ONLY
    is_idempotent = True
    audited = (*Command.audited, "hours")

    campaign_id: CampaignId
    hours: Annotated[
        tuple[PeriodOfDay, ...] | None,
        Field(
            min_length=1,
            max_length=MOST_PERIODS,
            description=f"1 to {MOST_PERIODS} periods such as 09:00-13:00, in the centre's time zone; left out: the hours of"
            " the settings",
        ),
    ] = None

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.campaigns.set_calling_hours(self.campaign_id, self.hours, context.sender)


class AcceptClock(Command):
    """Confirm that the computer's clock is right, after dialling has stopped because the clock was set. Dialling then
    continues.
    """

    name: Literal["accept-clock"] = "accept-clock"
    roles = SUPERVISOR_ONLY
    is_idempotent = True

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return services.campaigns.accept_wall_clock_as_correct()
