"""Commands that manage users: who may give commands, in addition to the people in the settings.

Each command is committed with its receipt and its audit entry in one transaction.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dialer.domain.enums import USER_ROLES, SupervisorRole
from dialer.engine.command.base import SUPERVISOR_ONLY, Command, CommandContext, ReceiptedCommand
from dialer.engine.command.fields import AllowedMembers
from dialer.settings.supervision import UserName

if TYPE_CHECKING:
    from dialer.engine.services import Services
    from dialer.engine.users.service import Users

User = Annotated[
    UserName,
    Field(description="name of the user: 1 to 32 lower-case letters, digits and dashes, of them at most 6 digits"),
]


class UserCommand(ReceiptedCommand):
    """Base class of commands that need only the table of users. While no dialler runs, the command line executes them
    itself.
    """

    @abstractmethod
    async def save_user_change(self, users: Users, context: CommandContext) -> str:
        """Store the change of a user. Return one line that says what is committed. Raises
        CommandRefused, StoreError.
        """

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await self.save_user_change(services.users, context)


class SetUser(UserCommand):
    """Add a user, or change a user's role. Nobody can change their own role, or that of a supervisor in
    the settings.
    """

    name: Literal["user-set"] = "user-set"
    roles = SUPERVISOR_ONLY

    user: User
    role: Annotated[SupervisorRole, AllowedMembers(USER_ROLES), Field(description="what the user may do")]

    @property
    def format_reply_to_command(self) -> str:
        return f"{self.user} has the role {self.role.value}"

    async def save_user_change(self, users: Users, context: CommandContext) -> str:
        await users.add_or_change_user(self.user, self.role, context.sender, context.receipt)
        return self.format_reply_to_command


class IssuePassword(Command):
    """Record in the audit that a user is about to get a one-time password, which the web page then shows to the sender."""

    name: Literal["user-password"] = "user-password"
    roles = SUPERVISOR_ONLY
    is_idempotent = True

    user: User

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.users.add_password_reset_to_audit_log(self.user, context.sender)


class RemoveUser(UserCommand):
    """Remove a user. The user's next command is refused."""

    name: Literal["user-remove"] = "user-remove"
    roles = SUPERVISOR_ONLY

    user: User

    @property
    def format_reply_to_command(self) -> str:
        return f"{self.user} is removed"

    async def save_user_change(self, users: Users, context: CommandContext) -> str:
        await users.remove_user(self.user, context.sender, context.receipt)
        return self.format_reply_to_command
