"""Field types of commands.

The description of a type says what the field is and its format. It is shown in docs, help and refusals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from dialer.domain.model import ATTEMPT_ID_PATTERN, AttemptId
from dialer.domain.person_ids import ID_PATTERN, MOST_ID

MAX_INTEGER = 2**63 - 1
"""The largest integer that the store can hold."""
MAX_EPOCH_SECONDS = 1e11
"""Limit of times in epoch seconds. A larger time is probably in milliseconds."""

ONE_LINE = r"^[^\x00-\x1f\x7f]{1,%d}$"
"""Pattern of a text without control characters. Insert the maximum length with `%`."""


class Record(BaseModel):
    """Base class of objects within a command. Unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


@dataclass(frozen=True)
class AllowedMembers:
    """The members of an enum that a command's field accepts, if it does not accept all. Used in the field's annotation."""

    members: tuple[StrEnum, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return a pydantic schema that refuses the enum members which this annotation does not allow."""
        return core_schema.no_info_before_validator_function(self._require_allowed_enum_member, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return a JSON schema that lists the allowed members."""
        return {"type": "string", "enum": [member.value for member in self.members]}

    def _require_allowed_enum_member(self, value: object) -> object:
        if value not in self.members:
            *others, last = (f"'{member.value}'" for member in self.members)
            allowed = f"{', '.join(others)} or {last}"
            raise ValueError(f"must be {allowed}")
        return value


def create_field_validator(is_valid: Callable[[Any], object], refusal: str) -> AfterValidator:
    """Return a pydantic validator that refuses a field's value if `is_valid(value)` is False.

    The error message is the field's name, followed by `refusal`.
    """

    def refuse_invalid_value(value: Any) -> Any:
        if not is_valid(value):
            raise ValueError(refusal)
        return value

    return AfterValidator(refuse_invalid_value)


SeatName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9-]{1,20}$", description="name of the seat: letters, digits and dashes, at most 20")
]
CampaignId = Annotated[str, Field(pattern=ONE_LINE % 128, description="ID of the campaign, at most 128 characters")]
CallAttemptId = Annotated[
    AttemptId, Field(pattern=ATTEMPT_ID_PATTERN, description="ID of the call attempt, from `seats/{seat}`")
]
Reason = Annotated[str, Field(pattern=ONE_LINE % 64, description="reason in a few words, at most 64 characters")]
PeriodOfDay = Annotated[
    str,
    Field(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
        description="period of the day such as 09:00-13:00; the end may be 24:00",
    ),
    create_field_validator(lambda period: period[:5] < period[6:], "must end after it starts"),
]
StoreId = Annotated[int, Field(ge=1, le=MAX_INTEGER)]
EpochSeconds = Annotated[float, Field(gt=0, lt=MAX_EPOCH_SECONDS)]
RecordedTime = Annotated[float, Field(description="epoch seconds, UTC", ge=0, le=MAX_EPOCH_SECONDS)]
PersonId = Annotated[str, Field(pattern=ID_PATTERN, min_length=1, max_length=MOST_ID)]
Responsible = Annotated[
    PersonId,
    Field(
        description="who is responsible, for the audit: an ID of letters, dots, dashes and at most 6 digits; no name, no"
        " phone number"
    ),
]
BatchId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="ID of the batch that the records belong to, for the audit: letters, digits, dots, dashes and underscores,"
        " at most 64",
    ),
]
NumberHash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
