"""What is known of a phone number besides who is on it: consent, registers, and how earlier calls to it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Consent(StrEnum):
    """Whether a number's owner has agreed to be called."""

    UNKNOWN = "unknown"
    GIVEN = "given"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class NumberHistory:
    """How all earlier calls to a number ended, over all campaigns; those that say nothing of it are left out."""

    answers: int = 0  # by a person
    no_answers: int = 0
    busy: int = 0
    machines: int = 0
    near_answers: int = 0  # of the answers, those at about this time of day
    near_misses: int = 0  # of the others, likewise
    called_us: int = 0  # calls that came in from it

    @property
    def calls(self) -> int:
        """All of them, those that came in aside."""
        return self.answers + self.no_answers + self.busy + self.machines

    @property
    def near_calls(self) -> int:
        """Those at about this time of day."""
        return self.near_answers + self.near_misses


@dataclass(frozen=True, slots=True)
class PhoneFacts:
    """What the rules must know of a number, as the store had it when the number was claimed."""

    attempts_today: int  # since the day's start, across campaigns; what was never placed does not count
    conversations_today: int  # of them, those in which a person was talked to or keyed something in
    abandoned_at: float | None  # when a call to it was last abandoned, in whatever campaign
    registers: tuple[str, ...] = ()  # do-not-call registers on which it stands
    consent: Consent = Consent.UNKNOWN
    opted_out: bool = False
    history: NumberHistory = NumberHistory()


@dataclass(frozen=True, slots=True)
class Register:
    """A do-not-call register as it was imported."""

    name: str
    dated: float  # epoch seconds: when its keeper issued it
    numbers: int
