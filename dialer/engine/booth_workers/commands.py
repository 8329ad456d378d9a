"""Commands for booth workers on the line: the serials that they say to an agent. Pure."""

from __future__ import annotations

import re

from dialer.engine.command.desks import Desks
from dialer.engine.command.registry import AT_THE_SEAT, SEAT, CommandOfSeat, Value, offered

_SERIALS = re.compile(r"(?:([0-9]{1,5}):)?([0-9]{1,5}(?:,[0-9]{1,5}){0,199})", re.ASCII)


def _read_serials(value: object) -> tuple[tuple[int, ...], int | None]:
    """The serials, and their part where one is named."""
    found = _SERIALS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError
    return tuple(map(int, found[2].split(","))), None if found[1] is None else int(found[1])


SERIALS = Value(
    "serials",
    "serials with commas, after the part and a colon where the booth worker has several",
    _read_serials,
    description='of seat-serials: "12,15,340", or "7:12,15" where the worker has several parts',
)


@offered("seat-serials", SEAT, SERIALS, roles=AT_THE_SEAT, make=lambda seat, given: SeatSerials(seat, *given))
class SeatSerials(CommandOfSeat):
    """Serials that a booth worker says to the agent, during the call or its wrap-up: those voters have voted."""

    serials: tuple[int, ...]
    part: int | None = None  # None: the worker has only one

    async def carry_out(self, desks: Desks) -> str:
        return await desks.workers.take_serials(self.seat, self.serials, self.part)


@offered("seat-take-back", SEAT, roles=AT_THE_SEAT)
class SeatTakeBack(CommandOfSeat):
    """The last serial of the call was a mistake."""

    async def carry_out(self, desks: Desks) -> str:
        return await desks.workers.take_back_last(self.seat)
