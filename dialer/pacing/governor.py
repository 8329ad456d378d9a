"""The abandoned-call governor: what the caps still allow, and how bold the look-ahead may be.

Two loops. The inner one finds the alpha at which calls are abandoned at the lowest target, by stochastic approximation
at every answered call. The outer one scales it by x, the abandoned-call rate that every window can bear from now on, as
a multiple of that target. What a window can bear follows from its room: the abandoned calls that it can still take
without passing its hard stop, with the answers that it will surely have when it is judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log, sqrt
from typing import ClassVar

from dialer.domain.enums import Reserve
from dialer.pacing.estimators import Learned
from dialer.pacing.port import AnswersOfLate, Cap
from dialer.pacing.tuning import Tuning

BUCKETS = 720
"""Buckets per window: 5 s for an hour, 2 minutes for a day, an hour for 30 days."""


class Tally:
    """Live answers and abandoned calls in one sliding window.

    It errs on the safe side by a bucket: an answer leaves the count a bucket early, an abandoned call a bucket late.
    """

    def __init__(self, window_seconds: float) -> None:
        """`window_seconds`: the window's length; an invalid one counts as one second."""
        self.window_seconds = window_seconds if 1.0 <= window_seconds < float("inf") else 1.0
        self._width = self.window_seconds / BUCKETS
        self._buckets: dict[int, list[int]] = {}  # answers and abandoned calls, oldest first
        self.answers = self.abandoned = 0  # in the window
        self._newest: int | None = None  # the bucket of the latest time
        self._asked: tuple[int, int] | None = None
        self._leaving = 0, 0

    def count(self, now: float, answers: int = 0, abandoned: int = 0) -> None:
        """Add to the counts; negative numbers subtract, down to 0."""
        self.advance(now)
        counts = self._buckets.setdefault(self._bucket(now), [0, 0])
        answers = max(answers, -self.answers)
        counts[0] += answers
        counts[1] += abandoned
        self.answers += answers
        self.abandoned += abandoned

    def advance(self, now: float) -> None:
        """Remove what has left the window."""
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

    def staying(self, now: float, ahead_seconds: float) -> tuple[int, int]:
        """Return the answers and abandoned calls that will still be in the window in `ahead_seconds`."""
        self.advance(now)
        if ahead_seconds >= self.window_seconds:
            return 0, 0
        asked = self._bucket(now), self._bucket(now + ahead_seconds) - BUCKETS
        if asked != self._asked:  # everything in a bucket leaves evenly over the bucket's time
            answers = abandoned = 0
            for bucket, counts in self._buckets.items():
                if bucket > asked[1]:
                    break
                answers += counts[0]
                abandoned += counts[1] if bucket < asked[1] else 0
            self._asked, self._leaving = asked, (answers, abandoned)
        return max(0, self.answers - self._leaving[0]), max(0, self.abandoned - self._leaving[1])

    def unfilled_seconds(self, now: float) -> float:
        """Return the seconds until the window is full: from then on answers leave it."""
        self.advance(now)
        oldest = next(iter(self._buckets), None)
        return self.window_seconds if oldest is None else max(0.0, self.window_seconds - now + oldest * self._width)

    def _bucket(self, now: float) -> int:
        return int(now // self._width)

    def recount(self, now: float, of_late: Sequence[AnswersOfLate]) -> None:
        """Replace the counts by what is on record, oldest first."""
        held: dict[int, list[int]] = {}
        for each in of_late:
            bucket = self._bucket(now - max(0.0, each.age_seconds))
            for place, number in ((bucket - 1, [each.answers, 0]), (bucket, [0, each.abandoned])):
                counts = held.setdefault(place, [0, 0])
                counts[0] += max(0, number[0])
                counts[1] += max(0, number[1])
        self._buckets = {bucket: counts for bucket, counts in sorted(held.items()) if any(counts)}
        self._asked = self._newest = None
        self.answers, self.abandoned = (sum(counts[which] for counts in self._buckets.values()) for which in (0, 1))
        self.advance(now)


class Governor(Learned):
    """Keeps every cap of a campaign's profile. Without a cap no call is ever put at risk."""

    KEPT: ClassVar = {"_level": (-20.0, 0.0)}

    def __init__(self, caps: Sequence[Cap], tuning: Tuning) -> None:
        """`caps`: the windows of the profile. A target above its hard stop counts as the hard stop."""
        self._tuning = tuning
        self.tallies = [Tally(cap.window_seconds) for cap in caps]
        self.hold(caps)
        self.now = 0.0
        """The time of all questions and events; whoever owns the governor advances it."""
        self.boldness = tuning.least_boldness
        """x: the abandoned-call rate that the windows can bear, as a multiple of the target."""
        self.room = 0.0
        """The abandoned calls that every window can still take without passing its hard stop."""
        self._level = log(max(1e-6, self.target))
        self._seats = 0
        self._left = 0.0  # of the calling day
        self._sure = 0.0  # answers per second that can be relied on

    def hold(self, caps: Sequence[Cap]) -> None:
        """Take over these caps, for the same windows."""
        targets = [max(0.0, min(cap.target, cap.hard_stop)) for cap in caps]
        self._windows = list(zip(caps, self.tallies, targets, strict=True))
        self.target = min(targets, default=0.0)
        self.hard_stop = min((cap.hard_stop for cap in caps), default=0.0)
        """The lowest hard stop."""

    def answered(self, *, at_once: bool = False) -> None:
        """Count a person who answered; or an answer by the carrier (`at_once`), which bore no risk."""
        self.count(answers=1)
        self._learn((self._tuning.at_once_lesson if at_once else 1.0) * self.target * self.boldness)

    def abandoned(self) -> None:
        """Count a person who answered and got no seat in time."""
        self.count(abandoned=1)
        self._learn(-1.0)

    def count(self, answers: int = 0, abandoned: int = 0) -> None:
        """Add to the counts of each window. An answer that was a machine is subtracted: it makes no room for an
        abandoned call.
        """
        for tally in self.tallies:
            tally.count(self.now, answers, abandoned)

    def _learn(self, surprise: float) -> None:
        """Adjust alpha by the difference between what came and what was expected."""
        tuning = self._tuning
        step = tuning.step * sqrt(min(1.0, tuning.usual_seats / max(1.0, self._seats)))
        self._level = min(log(tuning.most_alpha), max(log(tuning.least_alpha), self._level + step * surprise))

    def alpha(self, *, seats: int, answers_per_second: float, seconds_left: float | None) -> float:
        """Return the probability of being abandoned that the last call may have.

        `seats` take callers and bring `answers_per_second` at one call per free seat; the calling day ends in
        `seconds_left` (None: unknown, and no future answers are relied on).
        """
        tuning = self._tuning
        self._seats, self._left = seats, max(0.0, seconds_left or 0.0)
        self._sure = tuning.sure_share * answers_per_second
        bears = [self._bears(*window) for window in self._windows]
        self.room = min((room for room, _ in bears), default=0.0)
        bearable = min((rate for _, rate in bears), default=0.0)
        x = bearable / max(1e-9, self.target)
        self.boldness = min(tuning.most_boldness, max(tuning.least_boldness, x)) if self.target > 0.0 else 0.0
        small: float = min(1.0, max(1, seats) / tuning.usual_seats) ** tuning.small_site_power
        return exp(self._level) * self.boldness * small

    def _bears(self, cap: Cap, tally: Tally, target: float) -> tuple[float, float]:
        """Return the abandoned calls that a window can still take, and the abandoned-call rate that it can bear from
        now on.

        Room counts the answers that will surely come until the window is full or the day ends. Where abandoned calls
        will then be left, it is also checked half a window ahead.
        """
        tuning = self._tuning
        unfilled = min(self._left, tally.unfilled_seconds(self.now))
        at_end = cap.hard_stop * (tally.answers + self._sure * unfilled)
        ahead = min(self._left, max(unfilled, tuning.foreseen_share * tally.window_seconds))
        answers, abandoned = tally.staying(self.now, ahead)
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

    def drops_to_target(self) -> float:
        """Return the abandoned calls that every window's target still allows; may be negative. No cap: 0."""
        for tally in self.tallies:
            tally.advance(self.now)
        return min((target * tally.answers - tally.abandoned for _, tally, target in self._windows), default=0.0)

    def worst_case_room(self, free_seats: int) -> float:
        """Return how many calls beyond the free seats may be in flight if each of them may be abandoned.

        No reserving cap may be passed, at once or when the calling day ends. Before d callers are abandoned, others
        have taken the free seats: with `a` of n answers abandoned, a + d must not pass hard_stop * (n + free_seats +
        d). Negative where a cap is passed already, infinite without a reserving cap.
        """
        room = float("inf")
        for cap, tally, _ in self._windows:
            if cap.reserve is None or cap.hard_stop >= 1.0:
                continue
            ahead = 0.0 if cap.reserve is Reserve.EVERY_INSTANT else min(cap.window_seconds, self._left)
            answers, abandoned = tally.staying(self.now, ahead)
            answers_then = answers + max(0, free_seats) + self._sure * ahead
            allowed = max(0.0, cap.hard_stop) * answers_then - abandoned
            room = min(room, allowed / (1.0 - max(0.0, cap.hard_stop)))
        return room

    def recount(self, of_late: Mapping[float, Sequence[AnswersOfLate]]) -> None:
        """Replace the counts by what is on record, by window length. A window without records is empty."""
        for cap, tally, _ in self._windows:
            tally.recount(self.now, of_late.get(cap.window_seconds, ()))
