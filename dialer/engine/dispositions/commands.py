"""Commands that save or undo the disposition of a call.

Each command names the call attempt, so that a late click never applies to the next voter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from dialer.domain.enums import Confidence, MarkKind
from dialer.domain.model import Disposition, DispositionDetails, VoterOutcome
from dialer.engine.command.base import SEAT_ROLES, CommandContext, ReceiptedCommand, SeatCommand
from dialer.engine.command.fields import (
    AllowedMembers,
    CallAttemptId,
    EpochSeconds,
    Record,
    StoreId,
    create_field_validator,
)

if TYPE_CHECKING:
    from dialer.engine.services import Services

MAX_VOTERS = 30
MAX_ANSWERS = 50
_NO_DETAILS = DispositionDetails()
_CHOICES = tuple(each for each in Disposition if each is not Disposition.NONE)
_FIELDS_OF = {"hour": Disposition.LATER, "call_back_at": Disposition.CALL_BACK, "language": Disposition.LANGUAGE}

Hour = Annotated[int, Field(ge=0, le=23, description="hour of the day, 0 to 23")]
ScriptName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class VoterReport(Record):
    """The outcome that the agent enters for one of the voters who share the called number."""

    voter_id: Annotated[StoreId, Field(description="ID of the voter in this centre's store")]
    mark: Literal["voted", "not-yet", "later", "will-not", "wrong-number", "moved", "deceased"]
    hour: Annotated[Hour | None, Field(description="with `later`: hour of the day, 0 to 23")] = None
    confidence: Annotated[
        Literal["said", "told"] | None,
        Field(
            description="said by the voter, or told by somebody else; null: said for the voter whom the call addresses, told for"
            " others"
        ),
    ] = None

    @model_validator(mode="after")
    def _require_hour_only_if_called_later(self) -> Self:
        if (self.hour is None) is (self.mark == "later"):
            raise ValueError(
                "must have `hour` (0 to 23) if `mark` is `later`, and no `hour` if `mark` has another value"
            )
        return self

    def create_voter_outcome_from_agent_report(self) -> VoterOutcome:
        """Return the voter's outcome in the form that the engine uses."""
        confidence = self.confidence and Confidence(self.confidence)
        return VoterOutcome(self.voter_id, MarkKind(self.mark), self.hour, confidence)


class SeatDispose(SeatCommand, ReceiptedCommand):
    """Save the outcome of the current call, or of the call that just ended, and end the wrap-up."""

    name: Literal["seat-dispose"] = "seat-dispose"
    roles = SEAT_ROLES

    attempt_id: CallAttemptId
    disposition: Annotated[Disposition, AllowedMembers(_CHOICES), Field(description="outcome of the call")]
    hour: Annotated[
        Hour | None, Field(description="required with `later`: the hour at which the voter will vote, 0 to 23")
    ] = None
    voters: Annotated[
        tuple[VoterReport, ...] | None,
        Field(
            min_length=1,
            max_length=MAX_VOTERS,
            description=f"one entry for each voter of the household, 1 to {MAX_VOTERS}, all saved or none. The voter whom the call"
            " addresses has the mark of the disposition if not in this list; other voters have none",
        ),
        create_field_validator(
            lambda voters: voters is None or len({each.voter_id for each in voters}) == len(voters),
            "must have each voter once",
        ),
    ] = None
    call_back_at: Annotated[
        EpochSeconds | None, Field(description="with `call-back`: when to call again, epoch seconds, UTC")
    ] = None
    language: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z]{2,3}$",
            description="with `language`: the voter's language, a code of two or three letters such as hi; the next call uses it",
        ),
    ] = None
    note: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z][A-Za-z0-9-]{0,63}$",
            description="ID of a note that the sender stores: a lower-case letter, then letters, digits and dashes, at most 64",
        ),
    ] = None
    answers: Annotated[
        dict[ScriptName, ScriptName] | None,
        Field(
            min_length=1,
            max_length=MAX_ANSWERS,
            description=f'1 to {MAX_ANSWERS} answers to questions of the campaign\'s script, by name: {{"knows_booth": "told"}}. If'
            " the script has no such question or answer, nothing is saved",
        ),
    ] = None
    own_call_back: Annotated[
        bool | None,
        Field(
            description="with `call_back_at`, true: the same agent calls back if ready at that time; any agent"
            " `own_call_back_wait_minutes` later"
        ),
    ] = None

    @model_validator(mode="after")
    def _require_fields_of_disposition(self) -> Self:
        for field, disposition in _FIELDS_OF.items():
            if getattr(self, field) is not None and self.disposition is not disposition:
                raise ValueError(
                    f"`{field}` is allowed with the disposition {disposition.value} only: leave `{field}` out"
                )
        if self.disposition is Disposition.LATER and self.hour is None:
            raise ValueError("the disposition `later` needs `hour`, the hour of the day, 0 to 23")
        if self.own_call_back and self.call_back_at is None:
            raise ValueError(
                "`own_call_back` needs `call_back_at`: add the time as `call_back_at`, or leave `own_call_back` out"
            )
        return self

    @property
    def disposition_details(self) -> DispositionDetails:
        """Return the details that the agent entered with the disposition, such as a note, other voters' outcomes or the
        time of a call-back.
        """
        return DispositionDetails(
            attempt_id=self.attempt_id,
            voters=tuple(each.create_voter_outcome_from_agent_report() for each in self.voters or ()),
            call_back_at=self.call_back_at,
            own=bool(self.own_call_back),
            language=self.language,
            note=self.note,
            answers=self.answers or {},
        )

    @property
    def format_reply_to_command(self) -> str:
        return f"seat {self.seat}: {self.disposition.value} is saved"

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        dispositions = services.dispositions
        return await dispositions.save_disposition(
            self.seat, self.disposition, self.hour, self.disposition_details, context.receipt
        )


class SeatUndoDisposition(SeatCommand, ReceiptedCommand):
    """Undo the outcome of a call that was saved moments ago, with the facts recorded about voters, so that another
    outcome can be saved. An opt-out and a refusal cannot be undone: the number is suppressed everywhere already.
    """

    name: Literal["seat-undo-disposition"] = "seat-undo-disposition"
    roles = SEAT_ROLES

    attempt_id: CallAttemptId

    @property
    def format_reply_to_command(self) -> str:
        return f"seat {self.seat}: the outcome is undone; save the right outcome of that call"

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.dispositions.undo_disposition(self.seat, self.attempt_id, context.receipt)


class PhoneKeyDisposition(SeatCommand):
    """Save the disposition (call result) that an agent entered on the phone, for the seat's current or latest call."""

    disposition: Disposition
    hour: int | None = None  # with LATER

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.dispositions.save_disposition(self.seat, self.disposition, self.hour, _NO_DETAILS, None)
