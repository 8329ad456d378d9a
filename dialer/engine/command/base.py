"""The class that every command extends."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.model import Receipt
from dialer.engine.command.fields import SeatName
from dialer.settings.supervision import OWN_USER

if TYPE_CHECKING:
    from dialer.engine.services import Services

SEAT_ROLES = frozenset({Role.DESK, Role.SUPERVISOR})
BOOTH_ROLES = frozenset({Role.BOOTH_DESK, Role.SUPERVISOR})
COMPLIANCE_ROLES = frozenset({Role.COMPLIANCE, Role.SUPERVISOR})
SUPERVISOR_ONLY = frozenset({Role.SUPERVISOR})

registry: dict[str, type[Command]] = {}
"""Commands by name, as far as their modules are imported. `catalogue.COMMANDS` has all of them."""


class Urgency(IntEnum):
    """Which queue a command waits in. Each has a worker of its own, so a command never waits for one of another urgency."""

    STOP_ALL = 0
    HALT = 1  # places fewer calls
    NORMAL = 2
    LONG = 3  # may take minutes


@dataclass(frozen=True, slots=True)
class CommandContext:
    """How a command arrived."""

    sender: str = OWN_USER
    receipt: Receipt | None = None
    """Stored in the transaction that executes a `ReceiptedCommand`; None where nobody waits for a reply."""

    def responsible(self, named: str) -> str:
        """Return who is responsible, for the audit: the person whom the sender names, and the sender if that is another."""
        return named if self.sender in {named, OWN_USER} else f"{named} by {self.sender}"


FROM_DIALLER = CommandContext()
"""Of commands that the dialler's own code gives."""


class Command(BaseModel):
    """A request to the engine: its fields, who may send it, and what it does.

    A subclass with a field `name: Literal["..."]` is a command of the MQTT interface: it registers itself, and the reader,
    the rights, docs/reference/topics.md, asyncapi.json and `dialer command` follow from the class. Users read its docstring and the
    descriptions of its fields. A subclass without a name is for the dialler's own code only.

    Code passes values of the declared types; JSON is read with `reading.read_command`. Either is validated strictly.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)

    roles: ClassVar[frozenset[Role]] = frozenset()
    """Who may send it."""
    urgency: ClassVar[Urgency] = Urgency.NORMAL
    is_idempotent: ClassVar[bool] = False
    """Executing it twice has the effect of executing it once. Others are executed at most once, even over a crash."""
    is_stored: ClassVar[bool] = True
    """False: it carries a position of its own in the store. Neither it nor its reply is stored, and only refusals are audited."""
    audited: ClassVar[tuple[str, ...]] = ("campaign", "seat", "attempt", "reason", "who", "user")
    """Fields that the audit entry shows, where the command has them."""

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Register a command of the MQTT interface. Raises TypeError for a command that is not complete."""
        super().__pydantic_init_subclass__(**options)
        if "name" not in cls.model_fields:
            return
        name = cls.model_fields["name"].default
        if name in registry:
            raise TypeError(f"the command {name} is registered twice")
        if not cls.roles:
            raise TypeError(f"the command {name} needs roles")
        for field in (*cls.required_fields(), *cls.optional_fields()):
            if not cls.model_fields[field].description:
                raise TypeError(f"the command {name} needs a description of its field {field}")
        registry[name] = cls

    @classmethod
    def meaning(cls) -> str:
        """Return what it does, in one line."""
        return " ".join((cls.__doc__ or "").split())

    @classmethod
    def required_fields(cls) -> tuple[str, ...]:
        """Return the names of the fields that a message must have, besides `id`, `name` and `expires_at`."""
        return tuple(cls._fields(required=True))

    @classmethod
    def optional_fields(cls) -> tuple[str, ...]:
        """Return the names of the fields that a message may have."""
        return tuple(cls._fields(required=False))

    @classmethod
    def _fields(cls, *, required: bool) -> Iterator[str]:
        return (name for name, field in cls.model_fields.items() if name != "name" and field.is_required() is required)

    @property
    def record_count(self) -> int:
        """How many records it imports: marks, figures, opt-outs."""
        return 0

    @abstractmethod
    async def execute(self, services: Services, context: CommandContext) -> str:
        """Execute it. Return one line that says what was done.

        Raises CommandRefused where it is not possible now, StoreError where it could not be committed.
        """


class SeatCommand(Command):
    """A command for one seat."""

    seat: SeatName


class ReceiptedCommand(Command):
    """A command that is committed together with its receipt: it is never done without its reply, nor done twice.

    Where the commit fails nothing has changed, and the same message may be sent again.
    """

    is_idempotent = True

    @property
    @abstractmethod
    def reply(self) -> str:
        """One line that says what is committed, known before it is."""
