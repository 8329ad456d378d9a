"""The abandoned-call governor: it decides how many calls may be abandoned, and how much risk pacing may take.

A cap limits the abandoned-call rate in a sliding time window. It has a target, and a hard stop that must not be
exceeded. Alpha is the allowed risk: the highest probability with which the last call placed may be abandoned.

Two control loops set alpha. The inner loop changes alpha after each answered or abandoned call, until the
abandoned-call rate meets the lowest target of all caps (stochastic approximation). The outer loop multiplies alpha by a
factor at each decision: the abandoned-call rate allowed from now on, divided by the lowest target. The allowed rate
depends on how many calls may still be abandoned in a cap's window before its hard stop is reached. Answers that are
certain to come in the window are included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log, sqrt
from typing import ClassVar

from dialer.domain.enums import Reserve
from dialer.pacing.estimators import Learned
from dialer.pacing.port import Cap, RecentAnswers
from dialer.pacing.tuning import Tuning

BUCKETS = 720
"""Buckets per window. A bucket is 5 s for a window of an hour, 2 minutes for a day, an hour for 30 days."""


class Tally:
    """Counts answered and abandoned calls in the sliding time window of a cap (limit of the abandoned-call rate).

    The window is divided into short time slots. To be safe, an answered call leaves the count one slot early, and an
    abandoned call one slot late.
    """

    def __init__(self, window_seconds: float) -> None:
        """Create the empty counts of a cap whose sliding time window is `window_seconds` long. An invalid length counts
        as one second.
        """
        self.window_seconds = window_seconds if 1.0 <= window_seconds < float("inf") else 1.0
        self._width = self.window_seconds / BUCKETS
        self._buckets: dict[int, list[float]] = {}  # answers and abandoned calls by bucket, oldest first
        self.answers = self.abandoned = 0.0  # totals in the window
        self._newest: int | None = None  # the bucket of the latest time
        self._asked: tuple[int, int] | None = None
        self._leaving = 0.0, 0.0

    def add_answered_and_abandoned_counts(self, now: float, answers: float = 0.0, abandoned: float = 0.0) -> None:
        """Add answers and abandoned calls to the counts of a cap's time window. Negative numbers subtract, down to 0."""
        self.remove_calls_outside_time_window(now)
        counts = self._buckets.setdefault(self._get_slot_of_time_window(now), [0.0, 0.0])
        answers = max(answers, -self.answers)
        counts[0] += answers
        counts[1] += abandoned
        self.answers += answers
        self.abandoned += abandoned

    def remove_calls_outside_time_window(self, now: float) -> None:
        """Move a cap's time window so that it ends at `now`, and remove the counted calls that are no longer in it."""
        bucket = int(now // self._width)
        if bucket == self._newest:
            return
        self._newest = bucket
        last = bucket - BUCKETS
        while self._buckets and (oldest := next(iter(self._buckets))) <= last:
            counts = self._buckets[oldest]
            self.answers -= counts[0]
            counts[0] = 0
            if oldest == last:
                return
            self.abandoned -= counts[1]
            del self._buckets[oldest]

    def count_past_calls_still_in_window(self, now: float, ahead_seconds: float) -> tuple[float, float]:
        """Return how many of the counted answers and abandoned calls will still be in the time window after
        `ahead_seconds`.
        """
        self.remove_calls_outside_time_window(now)
        if ahead_seconds >= self.window_seconds:
            return 0.0, 0.0
        asked = (
            self._get_slot_of_time_window(now),
            self._get_slot_of_time_window(now + ahead_seconds) - BUCKETS,
        )
        if asked != self._asked:  # compute the counts that leave by then
            answers = abandoned = 0.0
            for bucket, counts in self._buckets.items():
                if bucket > asked[1]:
                    break
                answers += counts[0]
                abandoned += counts[1] if bucket < asked[1] else 0
            self._asked, self._leaving = asked, (answers, abandoned)
        return max(0.0, self.answers - self._leaving[0]), max(0.0, self.abandoned - self._leaving[1])

    def count_seconds_until_window_full(self, now: float) -> float:
        """Return the seconds until the oldest counted calls leave the cap's time window.

        If no calls are counted, return the length of the window.
        """
        self.remove_calls_outside_time_window(now)
        oldest = next(iter(self._buckets), None)
        return self.window_seconds if oldest is None else max(0.0, self.window_seconds - now + oldest * self._width)

    def _get_slot_of_time_window(self, now: float) -> int:
        return int(now // self._width)

    def restore_answered_and_abandoned_counts(self, now: float, recent: Sequence[RecentAnswers]) -> None:
        """Replace the counts of the time window by counts from the store (`recent`, oldest calls first)."""
        self._buckets = {}
        self.correct_answered_and_abandoned_counts(
            now,
            [RecentAnswers(each.age_seconds, max(0.0, each.answers), max(0.0, each.abandoned)) for each in recent],
        )

    def correct_answered_and_abandoned_counts(self, now: float, changes: Sequence[RecentAnswers]) -> None:
        """Add changes to the counts of past calls in the time window. Negative numbers subtract."""
        held = self._buckets
        for each in changes:
            bucket = self._get_slot_of_time_window(now - max(0.0, each.age_seconds))
            for place, number in ((bucket - 1, (each.answers, 0.0)), (bucket, (0.0, each.abandoned))):
                counts = held.setdefault(place, [0.0, 0.0])
                counts[0] += number[0]
                counts[1] += number[1]
        self._buckets = {bucket: counts for bucket, counts in sorted(held.items()) if any(counts)}
        self._asked = self._newest = None
        self.answers, self.abandoned = (sum(counts[which] for counts in self._buckets.values()) for which in (0, 1))
        self.remove_calls_outside_time_window(now)


class Governor(Learned):
    """Keeps a campaign within its limits of the abandoned-call rate (caps). Without a cap it allows no risk of
    abandoned calls.
    """

    SAVED: ClassVar = {"_level": (-20.0, 0.0)}

    def __init__(self, caps: Sequence[Cap], tuning: Tuning) -> None:
        """Create the governor with the abandoned-call caps of the rules profile. A target above its hard stop is
        lowered to the hard stop.
        """
        self._tuning = tuning
        self.tallies = [Tally(cap.window_seconds) for cap in caps]
        self.set_abandoned_call_caps(caps)
        self.now = 0.0
        """The current time for all methods, advanced by the owner of the governor."""
        self.boldness = tuning.least_boldness
        """x, the abandoned-call rate that all windows can bear, as a multiple of the target."""
        self.room = 0.0
        """The abandoned calls that all windows can still take without exceeding a hard stop."""
        self._level = log(max(1e-6, self.target))
        self._seats = 0
        self._left = 0.0  # seconds left of the calling day
        self._sure = 0.0  # answers per second that are certain enough to count on

    def set_abandoned_call_caps(self, caps: Sequence[Cap]) -> None:
        """Replace the abandoned-call caps. The new caps must have time windows of the same lengths."""
        targets = [max(0.0, min(cap.target, cap.hard_stop)) for cap in caps]
        self._windows = list(zip(caps, self.tallies, targets, strict=True))
        self.target = min(targets, default=0.0)
        self.hard_stop = min((cap.hard_stop for cap in caps), default=0.0)
        """The lowest hard stop of the caps."""

    def count_answered_call(self, *, at_once: bool = False) -> None:
        """Count a call that a person has answered.

        `at_once` means that the voter answered as soon as the call was placed, when a seat was still free. Such a call
        says little about the risk of abandoned calls, so it changes the allowed risk less.
        """
        self.add_answered_and_abandoned_counts(answers=1)
        self._adapt_allowed_risk_of_abandoned_calls(
            (self._tuning.at_once_lesson if at_once else 1.0) * self.target * self.boldness
        )

    def count_abandoned_call(self) -> None:
        """Count an abandoned call: answered by a person who got no seat in time."""
        self.add_answered_and_abandoned_counts(abandoned=1)
        self._adapt_allowed_risk_of_abandoned_calls(-1.0)

    def count_call_taken_for_machine(self, share: float) -> None:
        """Count a call that the dialler ended because it detected an answering machine.

        `share` is the probability (0-1) that a person had answered. Such a call counts as abandoned.
        """
        self.add_answered_and_abandoned_counts(answers=share, abandoned=share)
        self._adapt_allowed_risk_of_abandoned_calls(-share)

    def add_answered_and_abandoned_counts(self, answers: float = 0.0, abandoned: float = 0.0) -> None:
        """Add answered and abandoned calls to the time window of every cap (limit of the abandoned-call rate).

        Negative numbers subtract, for example if a call counted as answered by a person was answered by a machine.
        """
        for tally in self.tallies:
            tally.add_answered_and_abandoned_counts(self.now, answers, abandoned)

    def _adapt_allowed_risk_of_abandoned_calls(self, surprise: float) -> None:
        """Raise or lower the allowed risk of abandoned calls (alpha) after an answered or abandoned call.

        `surprise` is the expected number of abandoned calls minus the actual number.
        """
        tuning = self._tuning
        step = tuning.step * sqrt(min(1.0, tuning.usual_seats / max(1.0, self._seats)))
        self._level = min(log(tuning.most_alpha), max(log(tuning.least_alpha), self._level + step * surprise))

    def calculate_allowed_risk_of_abandoned_calls(
        self, *, seats: int, answers_per_second: float, seconds_left: float | None
    ) -> float:
        """Return the allowed risk (alpha): the highest probability (0-1) with which the last call placed may be
        abandoned.

        Args:
            seats: the number of seats that take callers.
            answers_per_second: the answers that these seats would get if one call were placed for each free seat.
            seconds_left: the time until the calling day ends. If it is None (unknown), no future answers are assumed.
        """
        tuning = self._tuning
        self._seats, self._left = seats, max(0.0, seconds_left or 0.0)
        self._sure = tuning.sure_share * answers_per_second
        bears = [self._compute_limits_on_abandoned_calls(*window) for window in self._windows]
        self.room = min((room for room, _ in bears), default=0.0)
        bearable = min((rate for _, rate in bears), default=0.0)
        x = bearable / max(1e-9, self.target)
        self.boldness = min(tuning.most_boldness, max(tuning.least_boldness, x)) if self.target > 0.0 else 0.0
        size = max(1, seats) / tuning.usual_seats
        by_size: float = size ** (tuning.small_site_power if size < 1.0 else tuning.large_site_power)
        return exp(self._level) * self.boldness * by_size

    def _compute_limits_on_abandoned_calls(self, cap: Cap, tally: Tally, target: float) -> tuple[float, float]:
        """Return how many more calls may be abandoned before a cap's hard stop is reached, and the rate (0-1) allowed
        from now on.

        Answers that are certain to come until the window is full, or until the day ends, are included. If some of the
        counted abandoned calls stay in the window longer, the number is also computed for a later time, when the oldest
        answers have left the window. The lower number is returned.
        """
        tuning = self._tuning
        unfilled = min(self._left, tally.count_seconds_until_window_full(self.now))
        at_end = cap.hard_stop * (tally.answers + self._sure * unfilled)
        ahead = min(self._left, max(unfilled, tuning.foreseen_share * tally.window_seconds))
        answers, abandoned = tally.count_past_calls_still_in_window(self.now, ahead)
        room = at_end - tally.abandoned
        if abandoned:
            room = min(room, cap.hard_stop * (answers + self._sure * ahead) - abandoned)
        size = max(1.0, at_end / tuning.usual_drops)
        kept = sqrt(min(1.0, max(0.0, at_end) / tuning.few_drops))
        due = target * tally.answers
        short = due - tally.abandoned - min(tuning.target_margin, 0.75 * sqrt(due))
        spending: float = (
            cap.hard_stop * tuning.room_share * (max(0.0, room - kept) / size**tuning.drops_power) ** tuning.room_power
        )
        return room, min(target + short / tuning.target_answers, spending)

    def count_abandoned_calls_still_allowed(self) -> float:
        """Return how many more calls may be abandoned before the target of an abandoned-call cap is exceeded.

        The number is negative if a target is exceeded already, and 0 without a cap.
        """
        for tally in self.tallies:
            tally.remove_calls_outside_time_window(self.now)
        return min((target * tally.answers - tally.abandoned for _, tally, target in self._windows), default=0.0)

    def count_calls_allowed_in_worst_case(self, free_seats: int) -> float:
        """Return how many more calls than free seats may be in flight if, in the worst case, all of these extra calls
        are abandoned.

        Only caps with a `reserve` are checked. They must hold even in the worst case, now and at the end of the calling
        day. A call is abandoned only if others have taken all free seats. So if a of n answers were abandoned, d more
        may be abandoned while a + d <= hard_stop * (n + free_seats + d). The result is negative if a cap is exceeded
        already, and infinite if no cap has a reserve.
        """
        room = float("inf")
        for cap, tally, _ in self._windows:
            if cap.reserve is None or cap.hard_stop >= 1.0:
                continue
            ahead = 0.0 if cap.reserve is Reserve.EVERY_INSTANT else min(cap.window_seconds, self._left)
            answers, abandoned = tally.count_past_calls_still_in_window(self.now, ahead)
            answers_then = answers + max(0, free_seats) + self._sure * ahead
            allowed = max(0.0, cap.hard_stop) * answers_then - abandoned
            room = min(room, allowed / (1.0 - max(0.0, cap.hard_stop)))
        return room

    def restore_answered_and_abandoned_counts(self, recent: Mapping[float, Sequence[RecentAnswers]]) -> None:
        """Replace the counts of answers and abandoned calls, on which all caps are checked, by counts from the store.

        `recent` maps the length of each cap's time window (seconds) to its counts. Windows without calls are emptied.
        """
        for cap, tally, _ in self._windows:
            tally.restore_answered_and_abandoned_counts(self.now, recent.get(cap.window_seconds, ()))

    def correct_answered_and_abandoned_counts(self, changes: Mapping[float, Sequence[RecentAnswers]]) -> None:
        """Add changes to the counts of past calls, on which all caps are checked. Negative numbers subtract.

        `changes` maps the length of each cap's time window (seconds) to its changes.
        """
        for cap, tally, _ in self._windows:
            tally.correct_answered_and_abandoned_counts(self.now, changes.get(cap.window_seconds, ()))
