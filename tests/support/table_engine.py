"""A fake engine with the real table of users."""

from __future__ import annotations

from dialer.domain.view import CentreView
from dialer.engine.command.base import FROM_DIALLER, Command, CommandContext
from dialer.engine.users.commands import IssuePassword, UserCommand
from dialer.engine.users.service import Users
from tests.support.fake_centre import FakeEngine


class TableEngine(FakeEngine):
    """Executes commands about users and records all others."""

    def __init__(self, users: Users, view: CentreView | None = None) -> None:
        super().__init__(view)
        self._users = users

    async def execute_command(self, command: Command, context: CommandContext = FROM_DIALLER) -> str:
        if isinstance(command, UserCommand):
            return await command.save_user_change(self._users, context)
        if isinstance(command, IssuePassword):
            return await self._users.add_password_reset_to_audit_log(command.user, context.sender)
        return await super().execute_command(command, context)
