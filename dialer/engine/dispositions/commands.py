"""Commands that say what came of a call: by its attempt, so that no click is ever another voter's. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from dialer.domain.enums import MarkKind
from dialer.domain.errors import CommandRefused
from dialer.domain.model import AttemptId, Confidence, Disposition, DispositionDetails, Receipt, VoterOutcome
from dialer.engine.command.desks import Desks
from dialer.engine.command.registry import (
    AT_THE_SEAT,
    SEAT,
    CommandOfSeat,
    ReceiptedCommand,
    Value,
    listed,
    number_of,
    offered,
    read_flag,
    read_moment,
    text_of,
)
from dialer.engine.external_records.commands import MOST_INTEGER, WireRecord, checked

MOST_VOTERS = 30
MOST_ANSWERS = 50
NO_DETAILS = DispositionDetails()
_SAYABLE = tuple(each.value for each in Disposition if each is not Disposition.NONE)


@dataclass(frozen=True, slots=True)
class VoterReport(WireRecord):
    """What was said of one voter on the number that was called."""

    voter: Annotated[int, Field(description="the voter's id in this centre's store", ge=1, le=MOST_INTEGER)]
    mark: Literal["voted", "not-yet", "later", "will-not", "wrong-number", "moved", "deceased"]
    hour: Annotated[int | None, Field(description="with later: 0 to 23", ge=0, le=23)] = None
    confidence: Annotated[
        Literal["said", "told"] | None,
        Field(
            description="said by that voter, or told by another; null: said by whom the call addresses, told of others"
        ),
    ] = None


_VOTERS = TypeAdapter(list[VoterReport])


def _read_voters(value: object) -> tuple[VoterOutcome, ...]:
    reports: list[VoterReport] = checked(_VOTERS, listed(value, MOST_VOTERS))
    if len({each.voter for each in reports}) < len(reports):
        raise ValueError("a voter stands there twice")
    if any((each.hour is None) is (each.mark == "later") for each in reports):
        raise ValueError("an hour goes with later, and with nothing else")
    return tuple(
        VoterOutcome(each.voter, MarkKind(each.mark), each.hour, each.confidence and Confidence(each.confidence))
        for each in reports
    )


def _read_answers(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not 1 <= len(value) <= MOST_ANSWERS:
        raise ValueError(f"an object of 1 to {MOST_ANSWERS}")
    return {_name_in_script(name): _name_in_script(each) for name, each in value.items()}


def _read_disposition(value: object) -> Disposition:
    if value not in _SAYABLE:
        raise ValueError
    return Disposition(value)


_name_in_script = text_of("[a-z][a-z0-9_]{0,39}")
_id_of_attempt = text_of("(?a:[A-Za-z0-9-]{1,64})")

ATTEMPT = Value(
    "attempt",
    "the id of the call that is spoken of",
    lambda value: AttemptId(_id_of_attempt(value)),
    description="of seat-dispose, seat-take-back-disposition, seat-preview-dial and seat-preview-skip: the call that is meant, as"
    " `seats/{seat}` names it",
)
DISPOSITION = Value(
    "disposition",
    f"one of {', '.join(_SAYABLE)}",
    _read_disposition,
    Literal[_SAYABLE],
    "of seat-dispose",
)
HOUR = Value(
    "hour", "an hour of the day, 0 to 23", number_of(0, 23), int, "of seat-dispose, with later: when the voter will go"
)
VOTERS = Value(
    "voters",
    f"1 to {MOST_VOTERS} voters of the number that was called",
    _read_voters,
    list[VoterReport],
    f"of seat-dispose: what was said of each voter of the household; at most {MOST_VOTERS}, all kept or none. A voter who does"
    " not stand here has no mark, but whom the call addresses has that of the disposition",
)
CALL_BACK_AT = Value(
    "call_back_at",
    "epoch seconds, UTC",
    read_moment,
    float,
    "of seat-dispose, with call-back: when the number is to be called again",
)
OWN = Value(
    "own",
    "true or false",
    read_flag,
    bool,
    "of seat-dispose, with call_back_at: the call is for the same agent, if signed in and ready then; for anyone"
    " `own_call_back_wait_minutes` later",
)
NOTE = Value(
    "note",
    "the id of a note: a small letter, then letters, digits and dashes",
    text_of("(?a:[a-z][A-Za-z0-9-]{0,63})"),
    description="of seat-dispose: the id of a note that the client keeps, such as note-7, or a UUID behind a letter",
)
LANGUAGE = Value(
    "language",
    "a language's code of two or three small letters, such as hi",
    text_of("[a-z]{2,3}"),
    description="of seat-dispose, with language: which one the voter speaks; the next call is in it",
)
ANSWERS = Value(
    "answers",
    f'1 to {MOST_ANSWERS} answers to questions of the campaign\'s script, by name: {{"knows_booth": "told"}}',
    _read_answers,
    dict[str, str],
    f"of seat-dispose: what was answered to the script's questions, by their names; at most {MOST_ANSWERS}, kept with the word"
    " or not at all. One that is not in the campaign's script is refused with it",
)
_GOES_WITH = {"hour": Disposition.LATER, "call_back_at": Disposition.CALL_BACK, "language": Disposition.LANGUAGE}


def _dispose(
    seat: str,
    attempt: AttemptId,
    disposition: Disposition,
    hour: int | None,
    voters: tuple[VoterOutcome, ...] | None,
    call_back_at: float | None,
    language: str | None,
    note: str | None,
    answers: dict[str, str] | None,
    own: bool | None,
) -> SeatDispose:
    """Raises CommandRefused where one value does not go with another."""
    given = {"hour": hour, "call_back_at": call_back_at, "language": language}
    for key, with_what in _GOES_WITH.items():
        if given[key] is not None and disposition is not with_what:
            raise CommandRefused(f"`{key}` goes with the disposition {with_what.value}: leave `{key}` out")
    if disposition is Disposition.LATER and hour is None:
        raise CommandRefused("the disposition later needs `hour`, an hour of the day, 0 to 23")
    if own and call_back_at is None:
        raise CommandRefused("`own` goes with `call_back_at`, its hour: leave `own` out, or give one")
    details = DispositionDetails(attempt, voters or (), call_back_at, bool(own), language, note, answers or {})
    return SeatDispose(seat=seat, disposition=disposition, hour=hour, details=details)


@offered(
    "seat-dispose",
    SEAT,
    ATTEMPT,
    DISPOSITION,
    may=(HOUR, VOTERS, CALL_BACK_AT, LANGUAGE, NOTE, ANSWERS, OWN),
    roles=AT_THE_SEAT,
    make=_dispose,
    repeatable=True,
)
class SeatDispose(CommandOfSeat, ReceiptedCommand):
    """What the agent says of the call in progress or just ended. Ends the wrap-up."""

    disposition: Disposition
    hour: int | None = None  # 0-23, with LATER
    details: DispositionDetails = NO_DETAILS
    receipt: Receipt | None = None

    @property
    def attempt(self) -> AttemptId | None:
        """Of which call; None: of the one that the seat has."""
        return self.details.attempt_id

    @property
    def thanks(self) -> str:
        return f"seat {self.seat}: {self.disposition.value} is kept"

    async def carry_out(self, desks: Desks) -> str:
        return await desks.dispositions.dispose(self.seat, self.disposition, self.hour, self.details, self.receipt)


@offered("seat-take-back-disposition", SEAT, ATTEMPT, roles=AT_THE_SEAT, repeatable=True)
class SeatTakeBackDisposition(CommandOfSeat, ReceiptedCommand):
    """What was said of a call a moment ago was a slip: its marks are taken back, and another word is taken for that call.

    An opt-out stands, and so does a refusal: the number is suppressed everywhere, and others have been told.
    """

    attempt: AttemptId
    receipt: Receipt | None = None

    @property
    def thanks(self) -> str:
        return f"seat {self.seat}: taken back; say what came of that call"

    async def carry_out(self, desks: Desks) -> str:
        return await desks.dispositions.take_back(self.seat, self.attempt, self.receipt)
