"""Complaints about calls, and the answers to them. They contain only ids, never names, phone numbers or free text.
Without I/O.
"""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.enums import ComplaintChannel, ComplaintRemedy, ComplaintTopic
from dialer.domain.model import AttemptId


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
