"""Facts about a phone number that the calling rules need: consent, do-not-call registers, and earlier calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Consent(StrEnum):
    """The consent to calls by the owner of a phone number: unknown, given or withdrawn."""

    UNKNOWN = "unknown"
    GIVEN = "given"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class PhoneFacts:
    """Facts about a phone number that the calling rules check. They were read when the number was reserved for
    dialling.
    """

    attempts_today: int  # calls placed today, by all campaigns
    conversations_today: int  # calls of these in which a person talked or pressed a key
    abandoned_at: float | None  # when a call to the number was last abandoned, in any campaign
    registers: tuple[str, ...] = ()  # do-not-call registers that contain the number
    consent: Consent = Consent.UNKNOWN
    opted_out: bool = False
    called_at: float | None = None  # when the last placed call ended, in any campaign
    talked_at: float | None = None  # when the last conversation ended, inbound or outbound
    campaigns: tuple[str, ...] = ()  # campaigns that have the number; set only after a conversation


@dataclass(frozen=True, slots=True)
class CallIntervals:
    """The minimum time between calls to a number, and each campaign's longer minimum after a conversation (seconds)."""

    least_seconds: float = 0.0
    after_talk_seconds: Mapping[str, float] = field(default_factory=dict)  # retry interval by campaign

    def find_next_call_time(self, called_at: float | None, talked_at: float | None, campaigns: Iterable[str]) -> float:
        """Return when a phone number may next be called (epoch seconds; 0 = now).

        `called_at` and `talked_at` are when the number's last call and last conversation ended. After a conversation,
        the longest interval of the `campaigns` applies.
        """
        after_call = called_at + self.least_seconds if called_at is not None and self.least_seconds else 0.0
        if talked_at is None:
            return after_call
        longest = max((self.after_talk_seconds.get(campaign, 0.0) for campaign in campaigns), default=0.0)
        return max(after_call, talked_at + longest if longest else 0.0)


NO_INTERVALS = CallIntervals()
"""No minimum intervals, for calls to booth workers, who expect them."""


@dataclass(frozen=True, slots=True)
class Register:
    """An imported do-not-call register: its name, its date of issue, and how many numbers it lists."""

    name: str
    dated: float  # when its issuer published it (epoch seconds)
    numbers: int
