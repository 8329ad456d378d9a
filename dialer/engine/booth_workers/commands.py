"""Commands that record which voters have voted. A booth worker reads out their serial numbers (on the electoral roll)
on a call, and the agent enters them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dialer.engine.command.base import SEAT_ROLES, CommandContext, SeatCommand

if TYPE_CHECKING:
    from dialer.engine.services import Services


class SeatSerials(SeatCommand):
    """Record voters as having voted, by their serial numbers on the roll. A booth worker reads the numbers out on the
    call; the agent enters them before the wrap-up ends.
    """

    name: Literal["seat-serials"] = "seat-serials"
    roles = SEAT_ROLES

    serials: Annotated[
        str,
        Field(
            pattern=r"^(?:[0-9]{1,5}:)?[0-9]{1,5}(?:,[0-9]{1,5}){0,199}$",
            description='1 to 200 serial numbers with commas between them, such as "12,15,340"; with the number of the part before'
            ' them, such as "7:12,15", where the booth worker has several parts',
        ),
    ]

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        part, colon, numbers = self.serials.rpartition(":")
        serials = tuple(map(int, numbers.split(",")))
        return await services.booth_workers.mark_voters_as_voted(self.seat, serials, int(part) if colon else None)


class SeatUndoSerial(SeatCommand):
    """Withdraw the serial number that the agent entered last in the call with a booth worker. The voter with this
    number no longer counts as having voted.
    """

    name: Literal["seat-undo-serial"] = "seat-undo-serial"
    roles = SEAT_ROLES

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.booth_workers.undo_last_serial_number(self.seat)
