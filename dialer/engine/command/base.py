"""The base class of all commands."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.model import Receipt
from dialer.domain.person_ids import OWN_USER
from dialer.engine.command.fields import SeatName

if TYPE_CHECKING:
    from dialer.engine.services import Services

SEAT_ROLES = frozenset({Role.DESK, Role.SUPERVISOR})
BOOTH_ROLES = frozenset({Role.BOOTH_DESK, Role.SUPERVISOR})
COMPLIANCE_ROLES = frozenset({Role.COMPLIANCE, Role.SUPERVISOR})
SUPERVISOR_ONLY = frozenset({Role.SUPERVISOR})

registry: dict[str, type[Command]] = {}
"""The commands whose modules are imported, by name. `catalogue.COMMANDS` has all commands."""


class Urgency(IntEnum):
    """The queue of a received command. Each queue has its own worker, so an urgent command never waits for a slow one."""

    STOP_ALL = 0
    HALT = 1  # commands that reduce calling
    NORMAL = 2
    LONG = 3  # commands that may take minutes


@dataclass(frozen=True, slots=True)
class CommandContext:
    """The sender of a command, and the reply (receipt) to store with the command."""

    sender: str = OWN_USER
    receipt: Receipt | None = None
    """The receipt that a `ReceiptedCommand` stores in its transaction; None if nobody waits for a reply."""

    def describe_responsible_person(self, named: str) -> str:
        """Return who is responsible for the command, as the audit shows it: the `named` person, followed by "by SENDER"
        if somebody else has sent the command.
        """
        return named if self.sender in {named, OWN_USER} else f"{named} by {self.sender}"


FROM_DIALLER = CommandContext()
"""The context of commands from the dialler's own code."""


class Command(BaseModel):
    """A request to the engine: its fields, who may send it, and what it does.

    A subclass with a field `name: Literal["..."]` is a command of the MQTT interface. Its permissions, documentation
    and form in `dialer command` are generated from the class, so users read its docstring and field descriptions. A
    subclass without a name is used only inside the dialler.

    Code passes values of the declared types; JSON is read with `reading.read_command`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)

    roles: ClassVar[frozenset[Role]] = frozenset()
    """The roles that may send the command."""
    urgency: ClassVar[Urgency] = Urgency.NORMAL
    is_idempotent: ClassVar[bool] = False
    """True: executing the command twice has the same effect as once. Other commands are executed at most once, even
    after a crash.
    """
    is_stored: ClassVar[bool] = True
    """False: the command and its reply are not stored, because it contains a position that identifies repeats. Only
    refusals are audited.
    """
    audited: ClassVar[tuple[str, ...]] = ("campaign_id", "seat", "attempt_id", "reason", "who", "user")
    """Names of the fields that the audit entry contains."""

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Register a command of the MQTT interface. Raises TypeError if the command is incomplete."""
        super().__pydantic_init_subclass__(**options)
        if "name" not in cls.model_fields:
            return
        name = cls.model_fields["name"].default
        if name in registry:
            raise TypeError(f"two command classes have the name {name}: rename one of them")
        if not cls.roles:
            raise TypeError(f"the class of command {name} needs `roles`, the roles that may send it")
        for field in (*cls.list_required_field_names(), *cls.list_optional_field_names()):
            if not cls.model_fields[field].description:
                raise TypeError(f"the class of command {name} needs a description of its field {field}")
        registry[name] = cls

    @classmethod
    def format_command_description(cls) -> str:
        """Return the description of a command, in one line."""
        return " ".join((cls.__doc__ or "").split())

    @classmethod
    def list_required_field_names(cls) -> tuple[str, ...]:
        """Return the names of the fields that a message with this command must have, besides `id`, `name` and
        `expires_at`.
        """
        return tuple(cls._list_field_names(required=True))

    @classmethod
    def list_optional_field_names(cls) -> tuple[str, ...]:
        """Return the names of the fields that a message with this command may have."""
        return tuple(cls._list_field_names(required=False))

    @classmethod
    def _list_field_names(cls, *, required: bool) -> Iterator[str]:
        return (name for name, field in cls.model_fields.items() if name != "name" and field.is_required() is required)

    @property
    def imported_record_count(self) -> int:
        """Return how many records (voters' answers, turnout figures, opt-outs) the command imports."""
        return 0

    @abstractmethod
    async def execute_command(self, services: Services, context: CommandContext) -> str:
        """Execute the command. Return one line that says what was done. Raises CommandRefused if the command is not
        possible now, StoreError if its changes could not be committed.
        """


class SeatCommand(Command):
    """Base class of the commands for one agent's seat."""

    seat: SeatName


class ReceiptedCommand(Command):
    """Base class of commands that are committed in one transaction with their reply (receipt), so that none is executed
    twice or without a reply.

    If the commit fails, nothing has changed, and the same message may be sent again.
    """

    is_idempotent = True

    @property
    @abstractmethod
    def format_reply_to_command(self) -> str:
        """Return the reply to the command: one line that says what is stored. The reply is created before the
        transaction is committed.
        """
