"""Commands that import records from outside calls, or release call attempts whose result is unknown.

The records are marks (facts about voters), official turnout, complaints and opt-outs. They contain ids only. The
commands need only the store, so the command line can execute them while no dialler runs.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dialer.domain.complaints import Complaint, ComplaintAnswer
from dialer.domain.enums import ComplaintChannel, ComplaintRemedy, ComplaintTopic, Confidence, MarkKind
from dialer.domain.model import ATTEMPT_ID_PATTERN, AttemptId, Mark, MarkSource
from dialer.domain.official_turnout import OfficialFigure
from dialer.engine.command.base import BOOTH_ROLES, COMPLIANCE_ROLES, Command, CommandContext
from dialer.engine.command.fields import (
    BatchId,
    NumberHash,
    PersonId,
    Reason,
    Record,
    RecordedTime,
    Responsible,
    StoreId,
    create_field_validator,
)
from dialer.engine.roll_import.commands import ListSource

if TYPE_CHECKING:
    from dialer.engine.external_records.service import ExternalRecords
    from dialer.engine.services import Services

MAX_MARKS = 100
MAX_FIGURES = 100
MAX_OPT_OUTS = 100
MAX_ATTEMPTS = 100

RecordKey = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9._/-]{1,128}$",
        description="unique key, chosen by the sender; a repeat changes nothing",
    ),
]


def _is_iso_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


class MarkReport(Record):
    """A mark (a fact about a voter) that does not come from a call."""

    key: RecordKey
    voter_id: Annotated[StoreId, Field(description="ID of the voter in this centre's store")]
    kind: Literal["voted", "not-yet", "will-not", "moved", "deceased"]
    source: Literal["booth-worker", "relative", "import", "correction"]
    at: RecordedTime
    reported_by: Annotated[PersonId | None, Field(description="ID of the person who reported it")] = None
    confidence: Annotated[
        Literal["seen", "said", "told"] | None, Field(description="how certain it is; null: as usual for its source")
    ] = None

    def create_voter_mark_from_imported_report(self) -> Mark:
        """Return the reported mark (a fact about a voter) in the form that the engine uses."""
        return Mark(
            key=self.key,
            voter_id=self.voter_id,
            kind=MarkKind(self.kind),
            source=MarkSource(self.source),
            at=self.at,
            agent=self.reported_by,
            confidence=self.confidence and Confidence(self.confidence),
        )


class FigureReport(Record):
    """The official cumulative turnout of an area at one hour of the poll."""

    day: Annotated[
        str,
        Field(description="polling day, such as 2026-04-22", pattern=r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}$"),
        create_field_validator(_is_iso_date, "is not a date"),
    ]
    constituency_number: StoreId
    part_number: Annotated[StoreId | None, Field(description="null: of the whole constituency")]
    hour: Annotated[
        str,
        Field(
            description="hour of the poll, such as 09:00, or final", pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|final)$"
        ),
    ]
    share: Annotated[float, Field(description="share of the electors, 0 to 1", ge=0, le=1)]
    state_code: Annotated[
        str | None,
        Field(description="required where several states have the number", pattern=r"^[^\x00-\x1f\x7f]{1,128}$"),
    ] = None

    def create_turnout_figure_from_imported_report(self) -> OfficialFigure:
        """Return the turnout figure in the form that the engine uses."""
        return OfficialFigure(
            date.fromisoformat(self.day),
            self.constituency_number,
            self.part_number,
            self.hour,
            self.share,
            (self.state_code or "").upper(),
        )


class ComplaintReport(Record):
    """A voter's complaint about calls."""

    key: RecordKey
    at: RecordedTime
    about: Literal["too-often", "wrong-time", "after-opt-out", "silent-call", "conduct", "content", "consent", "other"]
    channel: Literal["call", "letter", "email", "person", "authority", "other"]
    campaign_id: Annotated[str | None, Field(max_length=128, description="ID of the campaign")] = None
    attempt_id: Annotated[str | None, Field(max_length=64, description="ID of the call attempt that it is about")] = (
        None
    )
    phone_id: Annotated[
        StoreId | None, Field(description="ID of the number in this centre's store, never the number itself")
    ] = None

    def create_complaint_from_imported_report(self) -> Complaint:
        """Return the complaint in the form that the engine uses."""
        return Complaint(
            key=self.key,
            at=self.at,
            about=ComplaintTopic(self.about),
            channel=ComplaintChannel(self.channel),
            campaign_id=self.campaign_id,
            attempt_id=None if self.attempt_id is None else AttemptId(self.attempt_id),
            phone_id=self.phone_id,
        )


class AnswerReport(Record):
    """The answer to a complaint: what was done about it. The latest answer counts."""

    key: RecordKey
    complaint: Annotated[StoreId, Field(description="number of the complaint")]
    at: RecordedTime
    answer: Literal["explained", "opted-out", "corrected", "unfounded", "passed-on"]

    def create_complaint_answer_from_imported_report(self) -> ComplaintAnswer:
        """Return the answer to a complaint in the form that the engine uses."""
        return ComplaintAnswer(self.key, self.complaint, self.at, ComplaintRemedy(self.answer))


class RecordsCommand(Command):
    """Base class of commands that need only the store, and no running dialler."""

    @abstractmethod
    async def save_records_of_command(self, records: ExternalRecords, context: CommandContext) -> str:
        """Store the records of the command. Return one line that says what is committed. Raises CommandRefused,
        StoreError.
        """

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await self.save_records_of_command(services.records, context)


class RecordMarks(RecordsCommand):
    """Save marks (facts about voters) that do not come from calls, all of them or none."""

    name: Literal["marks"] = "marks"
    roles = BOOTH_ROLES
    is_idempotent = True

    marks: Annotated[
        tuple[MarkReport, ...],
        Field(min_length=1, max_length=MAX_MARKS, description=f"1 to {MAX_MARKS} marks, all saved or none"),
    ]
    batch: BatchId
    who: Responsible

    @property
    def imported_record_count(self) -> int:
        return len(self.marks)

    async def save_records_of_command(self, records: ExternalRecords, context: CommandContext) -> str:
        marks = tuple(each.create_voter_mark_from_imported_report() for each in self.marks)
        return await records.import_voter_marks(marks, self.batch, context.describe_responsible_person(self.who))


class RecordOfficialTurnout(RecordsCommand):
    """Save official turnout figures, all of them or none."""

    name: Literal["official-turnout"] = "official-turnout"
    roles = BOOTH_ROLES
    is_idempotent = True

    figures: Annotated[
        tuple[FigureReport, ...],
        Field(min_length=1, max_length=MAX_FIGURES, description=f"1 to {MAX_FIGURES} figures, all saved or none"),
    ]
    who: Responsible

    @property
    def imported_record_count(self) -> int:
        return len(self.figures)

    async def save_records_of_command(self, records: ExternalRecords, context: CommandContext) -> str:
        figures = tuple(each.create_turnout_figure_from_imported_report() for each in self.figures)
        return await records.import_turnout(figures, context.describe_responsible_person(self.who))


class FileComplaint(RecordsCommand):
    """Save a complaint about calls."""

    name: Literal["complaint"] = "complaint"
    roles = COMPLIANCE_ROLES
    is_idempotent = True

    complaint: Annotated[ComplaintReport, Field(description="the complaint")]
    who: Responsible

    async def save_records_of_command(self, records: ExternalRecords, context: CommandContext) -> str:
        return await records.store_complaint(
            self.complaint.create_complaint_from_imported_report(), context.describe_responsible_person(self.who)
        )


class AnswerComplaint(RecordsCommand):
    """Save the answer to a complaint: what was done about it."""

    name: Literal["complaint-answer"] = "complaint-answer"
    roles = COMPLIANCE_ROLES
    is_idempotent = True

    answer: Annotated[AnswerReport, Field(description="the answer to the complaint")]
    who: Responsible

    async def save_records_of_command(self, records: ExternalRecords, context: CommandContext) -> str:
        return await records.answer_complaint(
            self.answer.create_complaint_answer_from_imported_report(),
            context.describe_responsible_person(self.who),
        )


class RecordOptOuts(RecordsCommand):
    """Save opt-outs that do not come from calls, each as the keyed hash of its phone number, all of them or none."""

    name: Literal["opt-outs"] = "opt-outs"
    roles = COMPLIANCE_ROLES
    is_idempotent = True

    hashes: Annotated[
        tuple[NumberHash, ...],
        Field(
            min_length=1,
            max_length=MAX_OPT_OUTS,
            description=f"1 to {MAX_OPT_OUTS} hashes of numbers, 64 hexadecimal digits each, as in `results/opt-outs`",
        ),
    ]
    fingerprint: Annotated[
        str,
        Field(
            pattern=r"^[0-9a-f]{16}$",
            description="fingerprint of the secret that the numbers are hashed with: 16 hexadecimal digits",
        ),
    ]
    source: ListSource
    batch: BatchId
    who: Responsible

    @property
    def imported_record_count(self) -> int:
        return len(self.hashes)

    async def save_records_of_command(self, records: ExternalRecords, context: CommandContext) -> str:
        who = context.describe_responsible_person(self.who)
        return await records.import_opt_outs(self.hashes, self.fingerprint, self.source, self.batch, who)


class ReleaseUnknownAttempts(RecordsCommand):
    """Release call attempts whose result is unknown, all of them or none: their numbers may be dialled again."""

    name: Literal["unknown-release"] = "unknown-release"
    roles = COMPLIANCE_ROLES

    attempts: Annotated[
        tuple[Annotated[AttemptId, Field(pattern=ATTEMPT_ID_PATTERN)], ...],
        Field(
            min_length=1,
            max_length=MAX_ATTEMPTS,
            description=f"IDs of 1 to {MAX_ATTEMPTS} attempts, from `dialer unknown list`, all released or none",
        ),
    ]
    reason: Reason
    who: Responsible

    @property
    def imported_record_count(self) -> int:
        return len(self.attempts)

    async def save_records_of_command(self, records: ExternalRecords, context: CommandContext) -> str:
        return await records.allow_redial_after_unknown_call_result(
            self.attempts, self.reason, context.describe_responsible_person(self.who)
        )
