"""Commands for a supervisor's line of text on agents' pages. Pure."""

from __future__ import annotations

import re

from dialer.domain.errors import CommandRefused
from dialer.engine.campaigns.commands import CAMPAIGN
from dialer.engine.command.desks import Desks
from dialer.engine.command.registry import (
    AT_THE_SEAT,
    LINE,
    SEAT,
    SUPERVISOR_ALONE,
    Command,
    CommandOfSeat,
    Value,
    offered,
    read_moment,
)

MOST_LETTERS = 200
MOST_DIGITS = 6
_TEXT = re.compile(LINE + f"{{1,{MOST_LETTERS}}}")


def _read_text(value: object) -> str:
    if not isinstance(value, str) or not _TEXT.fullmatch(value) or not value.strip():
        raise ValueError
    if sum(letter.isdigit() for letter in value) > MOST_DIGITS:
        raise ValueError(f"more than {MOST_DIGITS} digits may be a phone number, which no message carries")
    return value.strip()


TEXT = Value(
    "text",
    f"a line of 1 to {MOST_LETTERS} letters",
    _read_text,
    description=f"of seat-message: a line of at most {MOST_LETTERS} letters, {MOST_DIGITS} of them digits; no voter's name, "
    "for everybody reads it who reads seats/{seat}",
)
READ_AT = Value(
    "message_at",
    "the message's `at`, as seats/{seat} tells it",
    read_moment,
    float,
    "of seat-message-read: the message's `at`, as seats/{seat} tells it",
)


@offered("seat-message", TEXT, may=(SEAT, CAMPAIGN), roles=SUPERVISOR_ALONE, takes_sender=True)
class SeatMessage(Command):
    """A line of text on the page of the agent at a seat, or of all who serve a campaign, until it is read or 10 minutes old."""

    text: str
    seat: str | None
    campaign: str | None
    supervisor: str

    async def carry_out(self, desks: Desks) -> str:
        if self.seat is not None and self.campaign is None:
            return await desks.messages.send_to_seat(self.seat, self.text, self.supervisor)
        if self.campaign is not None and self.seat is None:
            return await desks.messages.send_to_campaign(self.campaign, self.text, self.supervisor)
        raise CommandRefused("`seat-message` needs `seat` or `campaign`, one of them")


@offered("seat-message-read", SEAT, READ_AT, roles=AT_THE_SEAT, repeatable=True)
class SeatMessageRead(CommandOfSeat):
    """The agent has read that message: it goes from the page. A newer one stays."""

    message_at: float

    async def carry_out(self, desks: Desks) -> str:
        return await desks.messages.read(self.seat, self.message_at)
