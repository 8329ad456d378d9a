"""Commands of an agent during a call: hold, transfer, consult. Pure."""

from __future__ import annotations

from dialer.engine.command.desks import Desks
from dialer.engine.command.registry import AT_THE_SEAT, SEAT, CommandOfSeat, Value, offered, text_of

TO = Value(
    "to",
    "a name of [[transfers]]",
    text_of("[a-z0-9][a-z0-9-]{0,31}"),
    description="of a transfer or consult: a name of [[transfers]]",
)


@offered("seat-hold", SEAT, roles=AT_THE_SEAT)
class SeatHold(CommandOfSeat):
    """The voter hears music; the agent does not hear the voter."""

    async def carry_out(self, desks: Desks) -> str:
        return await desks.transfers.hold(self.seat)


@offered("seat-resume", SEAT, roles=AT_THE_SEAT)
class SeatResume(CommandOfSeat):
    """The voter comes off hold."""

    async def carry_out(self, desks: Desks) -> str:
        return await desks.transfers.resume(self.seat)


@offered("seat-transfer", SEAT, TO, roles=AT_THE_SEAT)
class SeatTransfer(CommandOfSeat):
    """Blind: the agent goes to wrap-up at once, the voter hears music until the target answers."""

    to: str  # a name of [[transfers]]

    async def carry_out(self, desks: Desks) -> str:
        return await desks.transfers.transfer(self.seat, self.to)


@offered("seat-consult", SEAT, TO, roles=AT_THE_SEAT)
class SeatConsult(CommandOfSeat):
    """Warm: the target is called into the seat while the voter hears music."""

    to: str

    async def carry_out(self, desks: Desks) -> str:
        return await desks.transfers.consult(self.seat, self.to)


@offered("seat-merge", SEAT, roles=AT_THE_SEAT)
class SeatMerge(CommandOfSeat):
    """The voter joins agent and target: three-way."""

    async def carry_out(self, desks: Desks) -> str:
        return await desks.transfers.merge(self.seat)


@offered("seat-complete-transfer", SEAT, roles=AT_THE_SEAT)
class SeatCompleteTransfer(CommandOfSeat):
    """The agent leaves to wrap-up; voter and target stay together."""

    async def carry_out(self, desks: Desks) -> str:
        return await desks.transfers.complete(self.seat)


@offered("seat-cancel-consult", SEAT, roles=AT_THE_SEAT)
class SeatCancelConsult(CommandOfSeat):
    """The target is let go and the agent has the voter alone again."""

    async def carry_out(self, desks: Desks) -> str:
        return await desks.transfers.cancel_consult(self.seat)
