"""Commands for agents at their seats: log in and off, pause. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialer.domain.pin_proof import PinProof, read_proof
from dialer.engine.command.desks import Desks
from dialer.engine.command.registry import (
    AT_THE_SEAT,
    LINE,
    REASON,
    SEAT,
    SUPERVISOR_ALONE,
    CommandOfSeat,
    Value,
    offered,
    text_of,
)

MOST_CAMPAIGNS = 50


@dataclass(frozen=True, slots=True)
class SeatLogIn(CommandOfSeat):
    """An agent takes a seat: its phone is called and nailed up; the seat is ready once the phone is there.

    Where the settings have agents, `agent` is one's number and `pin` must be right.
    """

    agent: str
    pin: str = field(default="", repr=False)

    async def carry_out(self, desks: Desks) -> str:
        return await desks.seats.log_in(self.seat, self.agent, self.pin)


AGENT = Value(
    "agent",
    "the agent's number",
    text_of("(?a:[A-Za-z0-9._-]{1,40})"),
    description="of seat-sign-in: the agent's number",
)
PROOF = Value(
    "proof",
    "a proof that the PIN was right, as docs/seats.md says",
    read_proof,
    description="of seat-sign-in: that the PIN was right, which is never sent; where the settings have agents",
)


@offered("seat-sign-in", SEAT, AGENT, may=(PROOF,), roles=AT_THE_SEAT)
class SeatSignIn(CommandOfSeat):
    """An agent takes a seat from a page: the seat's phone is called and nailed up. Who has the seat already keeps it."""

    agent: str
    proof: PinProof | None

    async def carry_out(self, desks: Desks) -> str:
        return await desks.seats.sign_in(self.seat, self.agent, self.proof)


@offered("seat-call", SEAT, roles=AT_THE_SEAT)
class SeatCall(CommandOfSeat):
    """Ring the phone of a seat that nobody has, for an agent to answer and key in number and PIN."""

    async def carry_out(self, desks: Desks) -> str:
        return await desks.seats.call_for_log_in(self.seat)


@offered("seat-unlock", SEAT, roles=SUPERVISOR_ALONE)
class SeatUnlock(CommandOfSeat):
    """A supervisor unlocks a seat after too many wrong log-ins, and the agents that were locked with it."""

    async def carry_out(self, desks: Desks) -> str:
        return desks.seats.unlock(self.seat)


@offered("seat-pause", SEAT, REASON, roles=AT_THE_SEAT)
class SeatPause(CommandOfSeat):
    """No further calls to this seat; during a conversation it takes effect after it."""

    reason: str

    async def carry_out(self, desks: Desks) -> str:
        return await desks.seats.pause(self.seat, self.reason)


_read_campaign = text_of(LINE + "{1,128}")


def _read_campaigns(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MOST_CAMPAIGNS:
        raise ValueError
    return tuple(sorted({_read_campaign(each) for each in value}))


CAMPAIGNS = Value(
    "campaigns",
    f"a list of at most {MOST_CAMPAIGNS} campaigns' ids",
    _read_campaigns,
    list[str],
    "of seat-campaigns: those that the seat serves from now on, and no others; empty: all again",
)


@offered("seat-campaigns", SEAT, CAMPAIGNS, roles=SUPERVISOR_ALONE, repeatable=True)
class SeatCampaigns(CommandOfSeat):
    """The seat takes calls of these campaigns alone, until its agent logs off. A call that it has goes on."""

    campaigns: tuple[str, ...]

    async def carry_out(self, desks: Desks) -> str:
        return await desks.seats.serve(self.seat, self.campaigns)


@offered("seat-ready", SEAT, roles=AT_THE_SEAT)
class SeatReady(CommandOfSeat):
    """The seat takes calls again: ends a pause, and a wrap-up."""

    async def carry_out(self, desks: Desks) -> str:
        return await desks.seats.make_ready(self.seat)


@offered("seat-log-off", SEAT, roles=AT_THE_SEAT)
class SeatLogOff(CommandOfSeat):
    """The agent leaves; a conversation is finished first."""

    async def carry_out(self, desks: Desks) -> str:
        return await desks.seats.log_off(self.seat)


@offered("seat-hang-up", SEAT, roles=AT_THE_SEAT)
class SeatHangUp(CommandOfSeat):
    """End the voter's call; the seat goes to wrap-up."""

    async def carry_out(self, desks: Desks) -> str:
        return await desks.seats.hang_up(self.seat)


@offered("seat-closing", SEAT, roles=AT_THE_SEAT)
class SeatClosing(CommandOfSeat):
    """The talk comes to its end (the last page of the script), or the wrap-up does (its form is half filled).

    Changes nothing for the agent; the pacer knows sooner when the seat will be free.
    """

    async def carry_out(self, desks: Desks) -> str:
        return desks.seats.closing(self.seat)
