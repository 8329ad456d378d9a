"""Commands for users: who may give commands, beside those of the settings. Pure.

Each is kept with its receipt, its entry in the audit and what it changes in one transaction.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from dialer.domain.enums import USER_ROLES, SupervisorRole
from dialer.domain.model import Receipt
from dialer.engine.command.desks import Desks, UsersDesk
from dialer.engine.command.registry import SUPERVISOR_ALONE, Command, ReceiptedCommand, Value, offered
from dialer.settings.supervision import UserName

_NAME: TypeAdapter[str] = TypeAdapter(UserName)
_ROLES = tuple(role.value for role in USER_ROLES)


def _read_name(value: object) -> str:
    try:
        return _NAME.validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        own_words = first["type"] == "value_error"
        raise ValueError(first["msg"].removeprefix("Value error, ") if own_words else "") from error


def _read_role(value: object) -> SupervisorRole:
    if value not in _ROLES:
        raise ValueError
    return SupervisorRole(value)


USER = Value(
    "user",
    "a name of 1 to 32 small letters, digits and dashes, at most 6 of them digits",
    _read_name,
    description="of user-set and user-remove: whose rights are meant",
)
ROLE = Value("role", f"one of {', '.join(_ROLES)}", _read_role, Literal[_ROLES], "of user-set: what this user may do")


class UserCommand(ReceiptedCommand):
    """A command that needs the table of users alone: it is carried out where no dialler runs, too."""

    @abstractmethod
    async def keep(self, users: UsersDesk) -> str:
        """Keep it; one line that says what was kept. Raises CommandRefused, StoreError where it was not."""

    async def carry_out(self, desks: Desks) -> str:
        return await self.keep(desks.users)


@offered("user-set", USER, ROLE, roles=SUPERVISOR_ALONE, repeatable=True, takes_sender=True)
class SetUser(UserCommand):
    """A user is added, or has another role. Nobody changes their own, and those of the settings stay as these say."""

    user: str
    role: SupervisorRole
    sender: str
    receipt: Receipt | None = None

    @property
    def thanks(self) -> str:
        return f"{self.user} has the role {self.role.value}"

    async def keep(self, users: UsersDesk) -> str:
        await users.set(self.user, self.role, self.sender, self.receipt)
        return self.thanks


@offered("user-password", USER, roles=SUPERVISOR_ALONE, repeatable=True, takes_sender=True)
class NotePassword(Command):
    """A user is about to be given a one-time password on the desk's page: it is in the audit before anybody sees it."""

    user: str
    sender: str

    async def carry_out(self, desks: Desks) -> str:
        return await desks.users.note_password(self.user, self.sender)


@offered("user-remove", USER, roles=SUPERVISOR_ALONE, repeatable=True, takes_sender=True)
class RemoveUser(UserCommand):
    """A user may do nothing any more, from the next command on."""

    user: str
    sender: str
    receipt: Receipt | None = None

    @property
    def thanks(self) -> str:
        return f"{self.user} is no user any more"

    async def keep(self, users: UsersDesk) -> str:
        await users.remove(self.user, self.sender, self.receipt)
        return self.thanks
