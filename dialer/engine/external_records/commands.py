"""Commands that bring what comes from outside the calls: marks, official turnout, complaints, opt-outs. Pure.

What stands in each is the wire's own type (ids only, no name, no number), apart from the records that the engine keeps.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from dialer.domain.complaints import Complaint, ComplaintAnswer, ComplaintChannel, ComplaintRemedy, ComplaintTopic
from dialer.domain.enums import MarkKind
from dialer.domain.model import AttemptId, Confidence, Mark, MarkSource
from dialer.domain.official_turnout import OfficialFigure
from dialer.domain.person_ids import ID_PATTERN, MOST_ID, is_number_hash
from dialer.engine.command.desks import Desks, RecordsDesk
from dialer.engine.command.registry import BOOTHS, RULES, Command, Value, listed, offered, read_id, text_of

MOST_SECONDS = 1e11
"""Later than any time that is meant: what is beyond it is no epoch second, and too large to be reckoned with."""
MOST_INTEGER = 2**63 - 1
"""What the store can hold."""
MOST_MARKS = 100
MOST_FIGURES = 100
MOST_OPT_OUTS = 100
EnteredTime = Annotated[float, Field(description="epoch seconds, UTC", ge=0, le=MOST_SECONDS, allow_inf_nan=False)]
_STATE = r"^[^\x00-\x1f\x7f]{1,128}$"


class WireRecord:
    """What stands in a list of a command, with these keys and no others."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class MarkReport(WireRecord):
    """A mark that comes from outside the calls. `key` is the key: a repeat changes nothing."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,128}$")]
    voter: Annotated[int, Field(description="the voter's id in this centre's store", ge=1, le=MOST_INTEGER)]
    kind: Literal["voted", "not-yet", "will-not", "moved", "deceased"]
    source: Literal["booth-worker", "relative", "import", "correction"]
    at: EnteredTime
    by: Annotated[
        str | None, Field(description="who says so: an id", pattern=ID_PATTERN, min_length=1, max_length=MOST_ID)
    ] = None
    confidence: Annotated[
        Literal["seen", "said", "told"] | None, Field(description="how sure it is; null: as its source has it")
    ] = None


@dataclass(frozen=True, slots=True)
class FigureReport(WireRecord):
    """Official cumulative turnout of an area by an hour of the poll."""

    day: Annotated[str, Field(description="2026-04-22", pattern=r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}$")]
    constituency_number: Annotated[int, Field(ge=1, le=MOST_INTEGER)]
    part_number: Annotated[int | None, Field(description="null: of the whole constituency", ge=1, le=MOST_INTEGER)]
    by: Annotated[
        str, Field(description="an hour of the poll, 09:00, or final", pattern=r"^(([01]\d|2[0-3]):[0-5]\d|final)$")
    ]
    share: Annotated[float, Field(description="a share, 0 to 1", ge=0, le=1)]
    state_code: Annotated[str | None, Field(description="where several have the number", pattern=_STATE)] = None


@dataclass(frozen=True, slots=True)
class ComplaintReport(WireRecord):
    """A complaint about calls. `key` is the key: a repeat changes nothing."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,128}$")]
    at: EnteredTime
    about: Literal["too-often", "wrong-time", "after-opt-out", "silent-call", "conduct", "content", "consent", "other"]
    channel: Literal["call", "letter", "email", "person", "authority", "other"]
    campaign: Annotated[str | None, Field(max_length=128)] = None
    attempt: Annotated[str | None, Field(description="the call that it is about", max_length=64)] = None
    phone: Annotated[
        int | None, Field(description="the number's id in this centre's store, not the number", ge=1, le=MOST_INTEGER)
    ] = None


@dataclass(frozen=True, slots=True)
class AnswerReport(WireRecord):
    """What was done about a complaint; the last answer counts."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,128}$")]
    complaint: Annotated[int, Field(description="its number", ge=1, le=MOST_INTEGER)]
    at: EnteredTime
    answer: Literal["explained", "opted-out", "corrected", "unfounded", "passed-on"]


_MARKS = TypeAdapter(list[MarkReport])
_FIGURES = TypeAdapter(list[FigureReport])
_COMPLAINT = TypeAdapter(ComplaintReport)
_ANSWER = TypeAdapter(AnswerReport)


def checked(adapter: TypeAdapter[Any], value: object) -> Any:
    """The value as its type. Raises ValueError that names the place and the fault, and nothing of what stood there."""
    try:
        return adapter.validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise ValueError(f"{place}: {first['msg']}".removeprefix(": ")) from error


def _read_marks(value: object) -> tuple[Mark, ...]:
    return tuple(
        Mark(
            key=each.key,
            voter_id=each.voter,
            kind=MarkKind(each.kind),
            source=MarkSource(each.source),
            at=each.at,
            agent=each.by,
            confidence=None if each.confidence is None else Confidence(each.confidence),
        )
        for each in checked(_MARKS, listed(value, MOST_MARKS))
    )


def _read_figures(value: object) -> tuple[OfficialFigure, ...]:
    return tuple(
        OfficialFigure(
            date.fromisoformat(each.day),
            each.constituency_number,
            each.part_number,
            each.by,
            each.share,
            (each.state_code or "").upper(),
        )
        for each in checked(_FIGURES, listed(value, MOST_FIGURES))
    )


def _read_complaint(value: object) -> Complaint:
    report: ComplaintReport = checked(_COMPLAINT, value)
    return Complaint(
        key=report.key,
        at=report.at,
        about=ComplaintTopic(report.about),
        channel=ComplaintChannel(report.channel),
        campaign_id=report.campaign,
        attempt_id=None if report.attempt is None else AttemptId(report.attempt),
        phone_id=report.phone,
    )


def _read_answer(value: object) -> ComplaintAnswer:
    report: AnswerReport = checked(_ANSWER, value)
    return ComplaintAnswer(report.key, report.complaint, report.at, ComplaintRemedy(report.answer))


def _read_hashes(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_OPT_OUTS or not all(map(is_number_hash, value)):
        raise ValueError(f"a list of 1 to {MOST_OPT_OUTS}, each of 64 hexadecimal digits")
    return tuple(value)


WHO = Value(
    "who",
    "who answers for it: an id, no name and no number",
    read_id,
    description="who answers for it, for the audit: an id",
)
BATCH = Value(
    "batch",
    "what the records came with: an id",
    text_of("[A-Za-z0-9._-]{1,64}"),
    description="what the records came with, for the audit: an id",
)
MARKS = Value(
    "marks", f"1 to {MOST_MARKS} marks", _read_marks, list[MarkReport], f"at most {MOST_MARKS}, all kept or none"
)
FIGURES = Value(
    "figures",
    f"1 to {MOST_FIGURES} official figures",
    _read_figures,
    list[FigureReport],
    f"at most {MOST_FIGURES}, all kept or none",
)
COMPLAINT = Value("complaint", "the complaint", _read_complaint, ComplaintReport)
ANSWER = Value("answer", "the answer to a complaint", _read_answer, AnswerReport)
HASHES = Value(
    "hashes",
    f"1 to {MOST_OPT_OUTS} hashes of numbers",
    _read_hashes,
    list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]],
    f"of opt-outs: the numbers, hashed as in results/opt-outs; at most {MOST_OPT_OUTS}",
)
FINGERPRINT = Value(
    "fingerprint",
    "the fingerprint of the secret",
    text_of("[0-9a-f]{16}"),
    description="of opt-outs: which secret they are hashed under",
)
SOURCE = Value(
    "source",
    "where they come from: an id, no name and no number",
    read_id,
    description="of opt-outs: where they come from: an id",
)


class RecordsCommand(Command):
    """A command that needs the store alone: it is carried out where no dialler runs, too."""

    @abstractmethod
    async def keep(self, records: RecordsDesk) -> str:
        """Keep what it brings; one line that says what was kept. Raises CommandRefused, StoreError where it was not."""

    async def carry_out(self, desks: Desks) -> str:
        return await self.keep(desks.records)


@offered("marks", MARKS, BATCH, WHO, roles=BOOTHS, repeatable=True)
class TakeMarks(RecordsCommand):
    """Marks that come from outside the calls, all of them or none."""

    marks: tuple[Mark, ...]
    batch: str  # what they came with
    who: str

    async def keep(self, records: RecordsDesk) -> str:
        return await records.take_marks(self.marks, self.batch, self.who)


@offered("official-turnout", FIGURES, WHO, roles=BOOTHS, repeatable=True)
class EnterTurnout(RecordsCommand):
    """Official turnout, all figures or none."""

    figures: tuple[OfficialFigure, ...]
    who: str

    async def keep(self, records: RecordsDesk) -> str:
        return await records.enter_turnout(self.figures, self.who)


@offered("complaint", COMPLAINT, WHO, roles=RULES, repeatable=True)
class FileComplaint(RecordsCommand):
    """A complaint about calls."""

    complaint: Complaint
    who: str

    async def keep(self, records: RecordsDesk) -> str:
        return await records.file_complaint(self.complaint, self.who)


@offered("complaint-answer", ANSWER, WHO, roles=RULES, repeatable=True)
class AnswerComplaint(RecordsCommand):
    """What was done about a complaint."""

    answer: ComplaintAnswer
    who: str

    async def keep(self, records: RecordsDesk) -> str:
        return await records.answer_complaint(self.answer, self.who)


@offered("opt-outs", HASHES, FINGERPRINT, SOURCE, BATCH, WHO, roles=RULES, repeatable=True)
class TakeOptOuts(RecordsCommand):
    """Numbers that opted out outside the calls, each as its keyed hash, all of them or none."""

    hashes: tuple[str, ...]
    fingerprint: str  # of the secret that they are under
    source: str
    batch: str  # what they came with
    who: str

    async def keep(self, records: RecordsDesk) -> str:
        return await records.take_opt_outs(self.hashes, self.fingerprint, self.source, self.batch, self.who)
