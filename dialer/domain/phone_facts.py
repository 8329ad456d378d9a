"""What is known of a phone number besides who is on it: consent, registers, and when it was called before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Consent(StrEnum):
    """Whether a number's owner has agreed to be called."""

    UNKNOWN = "unknown"
    GIVEN = "given"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class PhoneFacts:
    """What the rules must know of a number, as the store had it when the number was claimed."""

    attempts_today: int  # since the day's start, across campaigns; what was never placed does not count
    conversations_today: int  # of them, those in which a person was talked to or keyed something in
    abandoned_at: float | None  # when a call to it was last abandoned, in whatever campaign
    registers: tuple[str, ...] = ()  # do-not-call registers on which it stands
    consent: Consent = Consent.UNKNOWN
    opted_out: bool = False
    called_at: float | None = None  # when the last call ended, in whatever campaign; one that was never placed is none
    talked_at: float | None = None  # likewise the last conversation, whoever called whom
    campaigns: tuple[str, ...] = ()  # that have the number; told where there was a conversation


@dataclass(frozen=True, slots=True)
class CallGaps:
    """How long every campaign leaves a number alone after a call, and after a talk by the strictest campaign that has it."""

    least_seconds: float = 0.0
    after_talk_seconds: Mapping[str, float] = field(default_factory=dict)  # by campaign: its own retry

    def free_at(self, called_at: float | None, talked_at: float | None, campaigns: Iterable[str]) -> float:
        """The epoch second from which the number may be called again; 0: nothing holds it."""
        after_call = called_at + self.least_seconds if called_at is not None and self.least_seconds else 0.0
        if talked_at is None:
            return after_call
        longest = max((self.after_talk_seconds.get(campaign, 0.0) for campaign in campaigns), default=0.0)
        return max(after_call, talked_at + longest if longest else 0.0)


NO_GAPS = CallGaps()
"""Of calls that the person expects: of booth workers, who are on the site's own list and are called for their rounds."""


@dataclass(frozen=True, slots=True)
class Register:
    """A do-not-call register as it was imported."""

    name: str
    dated: float  # epoch seconds: when its keeper issued it
    numbers: int
