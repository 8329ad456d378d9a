"""Retry rules: when a number is due again after an attempt, according to the campaign's settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dialer.domain.enums import MarkKind
from dialer.domain.model import Disposition, Outcome

_HOUR_SECONDS = 3600.0
_AFTER_NAMED_HOUR_SECONDS = 45 * 60.0  # a voter who votes "at about H" is called again at H:45
_FINAL_OUTCOMES = frozenset({Outcome.INVALID_NUMBER, Outcome.UNKNOWN, Outcome.COMPLETED})
_FINAL_DISPOSITIONS = frozenset({Disposition.REFUSED, Disposition.OPT_OUT})
SOON_SECONDS = 60.0  # retry after a call that was never placed or was cancelled


@dataclass(frozen=True, slots=True)
class RetryRules:
    """A campaign's limits for repeated calls to a number: attempts, and the waiting time after each outcome
    (seconds).
    """

    max_attempts: int
    busy_seconds: float
    no_answer_seconds: float
    other_seconds: float
    abandoned_lock_seconds: float
    own_call_back_wait_seconds: float = 900.0


def compute_retry_time_after_outcome(
    rules: RetryRules, outcome: Outcome, attempt_number: int, now: float, *, message_left: bool = False
) -> float | None:
    """Return when the number is due again after a call with this outcome (epoch seconds), or None if never in this
    campaign.

    A number is not called again after the outcome `unknown` (the voter may have been called), after a message on an
    answering machine, or after a completed IVR flow. But the voter's answers in the flow may make the number due again
    (`compute_retry_time_after_voter_mark`).
    """
    if outcome in {Outcome.REFUSED, Outcome.CANCELLED}:
        return now + SOON_SECONDS  # nobody was called, so this does not count as one of max_attempts
    if outcome in _FINAL_OUTCOMES or message_left or attempt_number >= rules.max_attempts:
        return None
    return _compute_retry_time_of_outcome(rules, outcome, now)


def _compute_retry_time_of_outcome(rules: RetryRules, outcome: Outcome, now: float) -> float:
    match outcome:
        case Outcome.BUSY:
            return now + rules.busy_seconds
        case Outcome.NO_ANSWER | Outcome.REJECTED:
            return now + rules.no_answer_seconds
        case Outcome.ABANDONED:
            return now + rules.abandoned_lock_seconds
        case _:
            return now + rules.other_seconds


def compute_next_booth_worker_call_time(
    rules: RetryRules, every_seconds: float, outcome: Outcome, *, reported: bool, now: float
) -> float | None:
    """Return when a booth worker is called next after a call (epoch seconds), or None if never.

    After a conversation or a report of voters, the next call follows `every_seconds` later. After other outcomes, it
    follows sooner, or never if the number is invalid or the outcome unknown.
    """
    if outcome in {Outcome.REFUSED, Outcome.CANCELLED}:
        return now + SOON_SECONDS
    if outcome in {Outcome.INVALID_NUMBER, Outcome.UNKNOWN}:
        return None
    if reported or outcome in {Outcome.COMPLETED, Outcome.CONNECTED}:
        return now + every_seconds
    return _compute_retry_time_of_outcome(rules, outcome, now)


def compute_worker_call_time_after_disposition(
    rules: RetryRules, every_seconds: float, disposition: Disposition, now: float
) -> float | None:
    """Return when a booth worker is due again after an agent's disposition (epoch seconds), or None if never."""
    if disposition in _FINAL_DISPOSITIONS or disposition is Disposition.WRONG_NUMBER:
        return None
    is_retry = disposition in {Disposition.CALL_BACK, Disposition.MACHINE}
    return now + (rules.other_seconds if is_retry else every_seconds)


def compute_retry_time_after_voter_mark(
    rules: RetryRules, kind: MarkKind, hour: int | None, attempt_number: int, now: float, zone: ZoneInfo
) -> float | None:
    """Return when a number is due again after a mark (epoch seconds), or None if never.

    A mark is a recorded fact about one voter. The number stays due, because other voters of the household may still
    have to be called. The store removes the number from the list when no such voter is left.
    """
    if attempt_number >= rules.max_attempts:
        return None
    if kind is MarkKind.LATER and hour is not None:
        return compute_requested_call_time(hour, now, zone)
    return now + rules.other_seconds


def compute_retry_time_after_disposition(
    rules: RetryRules, disposition: Disposition, hour: int | None, attempt_number: int, now: float, zone: ZoneInfo
) -> float | None:
    """Return when the number is due again after an agent's disposition (epoch seconds), or None if never."""
    if disposition in _FINAL_DISPOSITIONS:
        return None
    mark = MarkKind.LATER if disposition is Disposition.LATER else MarkKind.NOT_YET
    return compute_retry_time_after_voter_mark(rules, mark, hour, attempt_number, now, zone)


def compute_requested_call_time(hour: int, now: float, zone: ZoneInfo) -> float:
    """Return when to call a voter who asked for a later call at an hour of today (local, 0-23).

    The call is due 45 minutes past the hour, but not earlier than 15 minutes from now.
    """
    local = datetime.fromtimestamp(now, zone)
    named = local.replace(hour=hour, minute=0, second=0, microsecond=0) + timedelta(seconds=_AFTER_NAMED_HOUR_SECONDS)
    return max(named.timestamp(), now + _HOUR_SECONDS / 4)
