"""When a number is due again after an attempt. Pure; the intervals are settings of the campaign."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dialer.domain.enums import MarkKind
from dialer.domain.model import Disposition, Outcome

_HOUR_SECONDS = 3600.0
_AFTER_NAMED_HOUR_SECONDS = 45 * 60.0  # "at about H": called again at H:45, when the voter will be back
_CLOSED_FOR_GOOD = frozenset({Outcome.INVALID_NUMBER, Outcome.UNKNOWN, Outcome.COMPLETED})
_OF_THE_NUMBER = frozenset({Disposition.REFUSED, Disposition.OPT_OUT})
SOON_SECONDS = 60.0  # the call never reached the voter: try again soon


@dataclass(frozen=True, slots=True)
class RetryRules:
    """The campaign's retry settings (seconds)."""

    max_attempts: int
    busy_seconds: float
    no_answer_seconds: float
    other_seconds: float
    abandoned_lock_seconds: float
    own_call_back_wait_seconds: float = 900.0


def after_outcome(rules: RetryRules, outcome: Outcome, attempt_number: int, now: float) -> float | None:
    """Return when the number is due again (epoch seconds). None: never again in this campaign.

    A completed flow is final, but its marks may open the number again (`after_mark`). `unknown` is final: it may have
    been a call.
    """
    if outcome in {Outcome.REFUSED, Outcome.CANCELLED}:
        return now + SOON_SECONDS  # no phone was answered: this does not use up the attempts
    if outcome in _CLOSED_FOR_GOOD or attempt_number >= rules.max_attempts:
        return None
    return _after_unheard(rules, outcome, now)


def _after_unheard(rules: RetryRules, outcome: Outcome, now: float) -> float:
    match outcome:
        case Outcome.BUSY:
            return now + rules.busy_seconds
        case Outcome.NO_ANSWER | Outcome.REJECTED:
            return now + rules.no_answer_seconds
        case Outcome.ABANDONED:
            return now + rules.abandoned_lock_seconds
        case _:
            return now + rules.other_seconds


def after_worker_call(
    rules: RetryRules, every_seconds: float, outcome: Outcome, *, reported: bool, now: float
) -> float | None:
    """Return when a booth worker is called again: `every_seconds` after a report, sooner without one. None: never."""
    if outcome in {Outcome.REFUSED, Outcome.CANCELLED}:
        return now + SOON_SECONDS
    if outcome in {Outcome.INVALID_NUMBER, Outcome.UNKNOWN}:
        return None
    if reported or outcome in {Outcome.COMPLETED, Outcome.CONNECTED}:
        return now + every_seconds
    return _after_unheard(rules, outcome, now)


def after_worker_disposition(
    rules: RetryRules, every_seconds: float, disposition: Disposition, now: float
) -> float | None:
    """Return when a booth worker is called again after an agent's disposition (epoch seconds). None: never."""
    if disposition in _OF_THE_NUMBER or disposition is Disposition.WRONG_NUMBER:
        return None
    again = disposition in {Disposition.CALL_BACK, Disposition.MACHINE}
    return now + (rules.other_seconds if again else every_seconds)


def after_mark(
    rules: RetryRules, kind: MarkKind, hour: int | None, attempt_number: int, now: float, zone: ZoneInfo
) -> float | None:
    """Return when the number is due after a mark that a voter entered (epoch seconds). None: never.

    A mark is about one voter; others of the household are still called. The store closes a number on which nobody is
    pending.
    """
    if attempt_number >= rules.max_attempts:
        return None
    if kind is MarkKind.LATER and hour is not None:
        return after_named_hour(hour, now, zone)
    return now + rules.other_seconds


def after_disposition(
    rules: RetryRules, disposition: Disposition, hour: int | None, attempt_number: int, now: float, zone: ZoneInfo
) -> float | None:
    """Return when the number is due after an agent's disposition (epoch seconds). None: never."""
    if disposition in _OF_THE_NUMBER:
        return None
    mark = MarkKind.LATER if disposition is Disposition.LATER else MarkKind.NOT_YET
    return after_mark(rules, mark, hour, attempt_number, now, zone)


def after_named_hour(hour: int, now: float, zone: ZoneInfo) -> float:
    """Return 45 minutes past the hour (0-23, local) that the voter named today; soon, if that has passed."""
    local = datetime.fromtimestamp(now, zone)
    named = local.replace(hour=hour, minute=0, second=0, microsecond=0) + timedelta(seconds=_AFTER_NAMED_HOUR_SECONDS)
    return max(named.timestamp(), now + _HOUR_SECONDS / 4)
