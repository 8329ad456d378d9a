"""Commands for calls that an agent dials: previews, and numbers that the agent chooses from the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dialer.engine.command.base import SEAT_ROLES, CommandContext, SeatCommand
from dialer.engine.command.fields import CallAttemptId, CampaignId, Reason, StoreId

if TYPE_CHECKING:
    from dialer.engine.services import Services


class SeatPreviewDial(SeatCommand):
    """Dial the call that the seat previews. The rules are checked again. If they forbid the call now, it is not placed
    and the preview ends.
    """

    name: Literal["seat-preview-dial"] = "seat-preview-dial"
    roles = SEAT_ROLES
    is_idempotent = True

    attempt_id: CallAttemptId

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.previews.dial_previewed_call(self.seat, self.attempt_id)


class SeatPreviewSkip(SeatCommand):
    """Skip the call that the seat previews. It is not counted as an attempt and is due again after
    `other_retry_minutes`.
    """

    name: Literal["seat-preview-skip"] = "seat-preview-skip"
    roles = SEAT_ROLES
    is_idempotent = True

    attempt_id: CallAttemptId
    reason: Reason

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return services.previews.skip_previewed_call(self.seat, self.attempt_id)


class SeatDial(SeatCommand):
    """Dial a number that is due in the campaign's list, for the agent at the seat. The campaign's settings must allow
    it.
    """

    name: Literal["seat-dial"] = "seat-dial"
    roles = SEAT_ROLES

    campaign_id: CampaignId
    phone_id: Annotated[
        StoreId,
        Field(description="ID of the number in this centre's store, from `seats/{seat}`; never the number itself"),
    ]

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.previews.dial_number_for_agent(self.seat, self.campaign_id, self.phone_id)
