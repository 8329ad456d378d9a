"""The command that carries an order of headquarters. Who sends it is no matter: its signatures are what counts. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter

from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.orders import MOST_LETTERS, MOST_SIGNATURES, LeaderSignature
from dialer.engine.command.desks import Desks
from dialer.engine.command.registry import Command, Urgency, Value, offered
from dialer.engine.external_records.commands import checked

_SIGNATURES = TypeAdapter(Annotated[list[LeaderSignature], Field(min_length=1, max_length=MOST_SIGNATURES)])


def _read_text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MOST_LETTERS:
        raise ValueError
    return value


def _read_signatures(value: object) -> tuple[LeaderSignature, ...]:
    return tuple(checked(_SIGNATURES, value))


ORDER = Value(
    "order",
    f"an order's text of 1 to {MOST_LETTERS} letters",
    _read_text,
    description="of headquarters-order: the order, JSON as text, as it was signed (docs/headquarters.md)",
)
SIGNATURES = Value(
    "signatures",
    f"1 to {MOST_SIGNATURES} leaders' signatures",
    _read_signatures,
    list[LeaderSignature],
    "of headquarters-order: whose it is",
)


@offered(
    "headquarters-order",
    ORDER,
    SIGNATURES,
    roles=frozenset({Role.UPLINK, Role.SUPERVISOR}),
    repeatable=True,
    urgency=Urgency.HALT,  # whoever floods it must hold up no stop-all of this centre
)
class ObeyOrder(Command):
    """What headquarters' leaders have signed is done, once: stop-all, pause, quota, resume."""

    order: str
    signatures: tuple[LeaderSignature, ...]

    async def carry_out(self, desks: Desks) -> str:
        return await desks.headquarters.obey(self.order, self.signatures)
