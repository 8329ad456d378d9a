"""The command that reloads the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from dialer.domain.enums import SupervisorRole as Role
from dialer.engine.command.base import SUPERVISOR_ONLY, Command, CommandContext

if TYPE_CHECKING:
    from dialer.engine.services import Services


class ReloadSettings(Command):
    """Reload the settings file. All changes take effect, or none does. The reply names the settings that need a
    restart.
    """

    name: Literal["reload-settings"] = "reload-settings"
    roles = SUPERVISOR_ONLY | {Role.UPLINK}
    is_idempotent = True

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.settings.reload_settings()
