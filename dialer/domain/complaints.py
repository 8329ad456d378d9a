"""Complaints about calls: what a compliance officer must be able to show. Pure. Ids only: no name, no number, no free text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dialer.domain.model import AttemptId


class ComplaintTopic(StrEnum):
    """What somebody complains of."""

    TOO_OFTEN = "too-often"
    WRONG_TIME = "wrong-time"
    AFTER_OPT_OUT = "after-opt-out"
    SILENT_CALL = "silent-call"  # nobody spoke, or the call was abandoned
    CONDUCT = "conduct"  # how the agent spoke
    CONTENT = "content"  # what was said or played
    CONSENT = "consent"  # where the number comes from
    OTHER = "other"


class ComplaintChannel(StrEnum):
    """How the complaint came."""

    CALL = "call"
    LETTER = "letter"
    EMAIL = "email"
    PERSON = "person"
    AUTHORITY = "authority"  # a regulator, an election authority, a court
    OTHER = "other"


class ComplaintRemedy(StrEnum):
    """What was done about it."""

    EXPLAINED = "explained"
    OPTED_OUT = "opted-out"  # the number is suppressed
    CORRECTED = "corrected"  # something here was wrong and is mended
    UNFOUNDED = "unfounded"
    PASSED_ON = "passed-on"  # to whoever must answer it


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint as it was made."""

    key: str  # the same key is recorded once
    at: float  # epoch seconds: when it was made
    about: ComplaintTopic
    channel: ComplaintChannel
    campaign_id: str | None = None
    attempt_id: AttemptId | None = None  # the call that it is about, where that is known
    phone_id: int | None = None


@dataclass(frozen=True, slots=True)
class ComplaintAnswer:
    """What was done about a complaint; the last answer counts."""

    key: str
    complaint_id: int
    at: float
    answer: ComplaintRemedy
