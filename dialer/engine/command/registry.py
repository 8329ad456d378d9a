"""What a command is: a frozen record that says how it is carried out; and, where it may come over MQTT, who may ask it how. Pure.

A command is one class with one registration, `@offered(...)`: the page of topics, the wire's own list of names and the test of
every command by every role are made of them. What is not registered is refused, and each is refused to everybody whose role it
does not name: the role is the word of the settings ([[supervisors]]) or of the users' table, never the sender's.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeVar, dataclass_transform

from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.errors import CommandRefused
from dialer.domain.model import Receipt
from dialer.domain.person_ids import is_id
from dialer.engine.command.desks import Desks

AT_THE_SEAT = frozenset({Role.DESK, Role.SUPERVISOR})
BOOTHS = frozenset({Role.BOOTH_DESK, Role.SUPERVISOR})
RULES = frozenset({Role.COMPLIANCE, Role.SUPERVISOR})
SUPERVISOR_ALONE = frozenset({Role.SUPERVISOR})

LINE = r"[^\x00-\x1f\x7f\ud800-\udfff]"
"""A letter of a text in a command: no controls, and no half characters, which JSON can hold."""


class Command(ABC):
    """What may be asked of the engine. One inbox takes it; the engine alone changes state."""

    @abstractmethod
    async def carry_out(self, desks: Desks) -> str:
        """Do it; one line that says what was done. Raises CommandRefused, StoreError where it was not kept."""


@dataclass(frozen=True, slots=True)
class CommandOfSeat(Command):
    """A command for one seat."""

    seat: str


class ReceiptedCommand(Command):
    """A command that is kept with its receipt. Where it cannot be kept nothing is decided: the same one may be sent again."""

    receipt: Receipt | None  # a field of each; None: nobody waits for an answer, as at a phone's keys

    @property
    @abstractmethod
    def thanks(self) -> str:
        """One line that says what was kept."""


class Urgency(IntEnum):
    """Which lane a command waits in; each has a worker of its own, so that none waits for one of another."""

    STOP_ALL = 0
    HALT = 1  # fewer calls
    USUAL = 2
    LONG = 3  # minutes perhaps


@dataclass(frozen=True, slots=True)
class Value:
    """What a command carries beside its id, name and expiry: how it is read from JSON, and what the wire's schema says of it."""

    key: str
    meaning: str  # in a refusal
    read: Callable[[object], Any]  # raises ValueError for what it is not; its text is shown
    json_type: Any = str  # for the schema
    description: str = ""  # in the schema


@dataclass(frozen=True, slots=True)
class CommandKind:
    """A command as it may come over MQTT."""

    make: Callable[..., Command]  # takes the values of `needs` and of `may`, in order
    needs: tuple[str, ...]  # keys of VALUES
    roles: frozenset[Role]
    may: tuple[str, ...] = ()  # keys of VALUES that may be left out: None then
    repeatable: bool = False  # done twice it is as done once, or its receipt keeps it from being done twice
    urgency: Urgency = Urgency.USUAL
    takes_sender: bool = False  # `make` takes the sender's name too, after the values
    by_position: bool = False  # it holds one in the store: it is kept nowhere else, and in the audit only where refused
    meaning: str = ""  # what it does


COMMANDS: dict[str, CommandKind] = {}
"""By name, in the order of the pages."""
VALUES: dict[str, Value] = {}
"""By key."""

C = TypeVar("C", bound=Command)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def offered(
    name: str,
    *values: Value,
    roles: frozenset[Role],
    may: tuple[Value, ...] = (),
    make: Callable[..., Command] | None = None,
    repeatable: bool = False,
    urgency: Urgency = Urgency.USUAL,
    takes_sender: bool = False,
    by_position: bool = False,
) -> Callable[[type[C]], type[C]]:
    """Make a class a frozen dataclass and offer it over MQTT; `values`, then what `may` be left out, are what `make` takes."""

    def register(fields: type[C]) -> type[C]:
        command = dataclass(frozen=True, slots=True)(fields)
        known = {value.key: value for value in (*values, *may)}
        if name in COMMANDS or any(VALUES.get(key, value) is not value for key, value in known.items()):
            raise ValueError(f"the command {name}, or one of its values, is registered twice")
        VALUES.update(known)
        needs, left_out = tuple(value.key for value in values), tuple(value.key for value in may)
        meaning = " ".join((command.__doc__ or "").split())
        making = make or command
        how = (left_out, repeatable, urgency, takes_sender, by_position)
        COMMANDS[name] = CommandKind(making, needs, roles, *how, meaning)
        return command

    return register


def read_value(command: str, key: str, value: object) -> Any:
    """A command's value of a key. Raises CommandRefused that says what it must be."""
    kind = VALUES[key]
    try:
        return kind.read(value)
    except (ValueError, OverflowError) as error:  # a number of four hundred digits, say
        why = f" ({error})" if isinstance(error, ValueError) and str(error) else ""
        raise CommandRefused(f"`{command}` needs `{key}`, {kind.meaning}{why}") from error


def read_moment(value: object) -> float:
    """A moment, epoch seconds; milliseconds are none. Raises ValueError."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1e11:
        raise ValueError
    return float(value)


def read_flag(value: object) -> bool:
    """True or false. Raises ValueError."""
    if not isinstance(value, bool):
        raise ValueError
    return value


def number_of(least: float, most: float, *, whole: bool = True) -> Callable[[object], float]:
    """Reads a number of that range, `whole` or any; true and false are none."""

    def read(value: object) -> float:
        kinds = int if whole else int | float
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            raise ValueError
        return value

    return read


def listed(value: object, most: int, *, least: int = 1) -> list[Any]:
    """A list of so many. Raises ValueError."""
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise ValueError(f"a list of {least} to {most}" if least else f"a list of at most {most}")
    return value


def text_of(pattern: str) -> Callable[[object], str]:
    """Reads a text that is all `pattern`, in ASCII digits and classes."""
    form = re.compile(pattern)

    def read(value: object) -> str:
        if not isinstance(value, str) or not form.fullmatch(value):
            raise ValueError
        return value

    return read


def read_id(value: object) -> str:
    """Reads an id: no name and no number."""
    if not isinstance(value, str) or not is_id(value):
        raise ValueError
    return value


SEAT = Value("seat", "the seat's name", text_of("(?a:[A-Za-z0-9-]{1,20})"), description="the seat's name")
REASON = Value(
    "reason",
    "a word or two",
    text_of(LINE + "{1,64}"),
    description="of seat-pause, seat-preview-skip and unknown-release: a word or two",
)
