"""Commands that put a call on hold, transfer it, or consult somebody about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dialer.engine.command.base import SEAT_ROLES, CommandContext, SeatCommand

if TYPE_CHECKING:
    from dialer.engine.services import Services

TransferTarget = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", description="name of a target in `[[transfers]]` of the settings")
]


class SeatHold(SeatCommand):
    """Put the voter on hold, with music."""

    name: Literal["seat-hold"] = "seat-hold"
    roles = SEAT_ROLES

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.transfers.put_voter_on_hold(self.seat)


class SeatResume(SeatCommand):
    """Take the voter off hold."""

    name: Literal["seat-resume"] = "seat-resume"
    roles = SEAT_ROLES

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.transfers.resume_conversation_after_hold(self.seat)


class SeatTransfer(SeatCommand):
    """Blind transfer: the agent goes to wrap-up at once, and the voter hears music until the target answers."""

    name: Literal["seat-transfer"] = "seat-transfer"
    roles = SEAT_ROLES
    audited = (*SeatCommand.audited, "to")

    to: TransferTarget

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.transfers.start_blind_transfer(self.seat, self.to)


class SeatConsult(SeatCommand):
    """Start a warm transfer: the target is called and speaks with the agent while the voter hears music."""

    name: Literal["seat-consult"] = "seat-consult"
    roles = SEAT_ROLES
    audited = (*SeatCommand.audited, "to")

    to: TransferTarget

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.transfers.start_consultation(self.seat, self.to)


class SeatMerge(SeatCommand):
    """Bring the voter into the consultation: a three-way call."""

    name: Literal["seat-merge"] = "seat-merge"
    roles = SEAT_ROLES

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.transfers.start_three_way_call(self.seat)


class SeatCompleteTransfer(SeatCommand):
    """Complete a warm transfer: the agent goes to wrap-up, and the voter and the target stay connected."""

    name: Literal["seat-complete-transfer"] = "seat-complete-transfer"
    roles = SEAT_ROLES

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.transfers.complete_transfer(self.seat)


class SeatCancelConsult(SeatCommand):
    """Cancel the consultation: the target is hung up, and the agent is alone with the voter again."""

    name: Literal["seat-cancel-consult"] = "seat-cancel-consult"
    roles = SEAT_ROLES

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.transfers.cancel_consultation(self.seat)
