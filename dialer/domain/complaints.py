"""Complaints about calls, and the answers to them. They contain only ids, never names, phone numbers or free text.
Without I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dialer.domain.model import AttemptId


class ComplaintTopic(StrEnum):
    """The subject of a voter's complaint about calls."""

    TOO_OFTEN = "too-often"
    WRONG_TIME = "wrong-time"
    AFTER_OPT_OUT = "after-opt-out"
    SILENT_CALL = "silent-call"  # silence, or an abandoned call
    CONDUCT = "conduct"  # how the agent spoke
    CONTENT = "content"  # what was said or played
    CONSENT = "consent"  # how we obtained the number
    OTHER = "other"


class ComplaintChannel(StrEnum):
    """How a complaint about calls was received."""

    CALL = "call"
    LETTER = "letter"
    EMAIL = "email"
    PERSON = "person"
    AUTHORITY = "authority"  # a regulator, an election authority, a court
    OTHER = "other"


class ComplaintRemedy(StrEnum):
    """The action taken after a complaint about calls."""

    EXPLAINED = "explained"
    OPTED_OUT = "opted-out"  # the number is suppressed
    CORRECTED = "corrected"  # a mistake of ours was corrected
    UNFOUNDED = "unfounded"
    PASSED_ON = "passed-on"  # to the responsible body


@dataclass(frozen=True, slots=True)
class Complaint:
    """A voter's complaint about calls, as it was received."""

    key: str  # idempotency key: a repeat is not recorded again
    at: float  # when it was made (epoch seconds)
    about: ComplaintTopic
    channel: ComplaintChannel
    campaign_id: str | None = None
    attempt_id: AttemptId | None = None  # the call, if it is known
    phone_id: int | None = None


@dataclass(frozen=True, slots=True)
class ComplaintAnswer:
    """The answer to a complaint: what was done about it. The latest answer counts."""

    key: str
    complaint_id: int
    at: float
    answer: ComplaintRemedy
