"""The command that reloads the call flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from dialer.domain.enums import SupervisorRole as Role
from dialer.engine.command.base import SUPERVISOR_ONLY, Command, CommandContext

if TYPE_CHECKING:
    from dialer.engine.services import Services


class ReloadFlows(Command):
    """Reload the call flows from their files. New calls use the new versions. If one flow is invalid, no flow is
    changed.
    """

    name: Literal["reload-flows"] = "reload-flows"
    roles = SUPERVISOR_ONLY | {Role.UPLINK}
    is_idempotent = True

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.campaigns.reload_flows()
