"""Commands for calls that their agent dials: what is shown first, and numbers of the list. Pure."""

from __future__ import annotations

from dialer.domain.model import AttemptId
from dialer.engine.campaigns.commands import CAMPAIGN
from dialer.engine.command.desks import Desks
from dialer.engine.command.registry import AT_THE_SEAT, REASON, SEAT, CommandOfSeat, Value, number_of, offered
from dialer.engine.dispositions.commands import ATTEMPT
from dialer.engine.external_records.commands import MOST_INTEGER

PHONE = Value(
    "phone",
    "the id of a number in this centre's store, never the number",
    number_of(1, MOST_INTEGER),
    int,
    "of seat-dial: the number's id in this centre's store, as `seats/{seat}` has it; never the number itself",
)


@offered("seat-preview-dial", SEAT, ATTEMPT, roles=AT_THE_SEAT, repeatable=True)
class SeatPreviewDial(CommandOfSeat):
    """Dial the call that is shown at the seat. The rules are asked again; what they forbid now is given back."""

    attempt: AttemptId

    async def carry_out(self, desks: Desks) -> str:
        return await desks.own_calls.dial(self.seat, self.attempt)


@offered("seat-preview-skip", SEAT, ATTEMPT, REASON, roles=AT_THE_SEAT, repeatable=True)
class SeatPreviewSkip(CommandOfSeat):
    """Do not dial what is shown: no attempt is used up, and the number is due again after `other_retry_minutes`."""

    attempt: AttemptId
    reason: str  # for the audit

    async def carry_out(self, desks: Desks) -> str:
        return desks.own_calls.skip(self.seat, self.attempt)


@offered("seat-dial", SEAT, CAMPAIGN, PHONE, roles=AT_THE_SEAT)
class SeatDial(CommandOfSeat):
    """Call a number that is in the campaign's list and due, for the agent at the seat; where its settings allow that."""

    campaign: str
    phone: int

    async def carry_out(self, desks: Desks) -> str:
        return await desks.own_calls.dial_number(self.seat, self.campaign, self.phone)
