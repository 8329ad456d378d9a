"""Live answers and abandoned calls in a sliding window."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from dialer.pacing.port import AnswersOfLate

BUCKETS = 720
"""Buckets a window: 5 s for an hour, 2 minutes for a day, an hour for 30 days."""


class _Counts:
    """Numbers by bucket, with running totals so that "how many up to a bucket" is one search."""

    def __init__(self) -> None:
        self.buckets: list[int] = []
        self.totals: list[int] = []  # of everything up to and with that bucket, since the start
        self.gone = 0  # of that, what has left the window
        self._first = 0  # index of the first bucket in the window

    @property
    def inside(self) -> int:
        """The count in the window."""
        return (self.totals[-1] if self.totals else 0) - self.gone

    def add(self, bucket: int, number: int) -> None:
        """Add to a bucket; one that lies before the last goes to the last."""
        if self.buckets and self.buckets[-1] >= bucket:
            self.totals[-1] += number
        else:
            self.totals.append((self.totals[-1] if self.totals else 0) + number)
            self.buckets.append(bucket)

    def take_back(self) -> None:
        """One less in the newest bucket that has any; nothing inside is nothing to take."""
        if self.inside <= 0:
            return
        for index in range(len(self.totals) - 1, self._first - 1, -1):
            self.totals[index] -= 1
            if self.totals[index] >= (self.totals[index - 1] if index else 0):
                return

    def forget_before(self, bucket: int) -> None:
        """Let buckets before `bucket` leave the window."""
        while self._first < len(self.buckets) and self.buckets[self._first] < bucket:
            self.gone = self.totals[self._first]
            self._first += 1
        if self._first > 2 * BUCKETS:
            del self.buckets[: self._first - 1], self.totals[: self._first - 1]
            self._first = 1

    def spread(self, most: int) -> list[int]:
        """Up to `most` buckets that hold something, oldest first, spread evenly over those in the window."""
        held = len(self.buckets) - self._first
        step = max(1, -(-held // max(1, most)))
        return self.buckets[self._first :: step]

    def leaving_before(self, bucket: int) -> int:
        """How many of the count inside lie before `bucket`."""
        index = bisect_left(self.buckets, bucket, lo=self._first)
        return max(0, self.totals[index - 1] - self.gone) if index else 0

    def ages(self, bucket: int) -> list[list[int]]:
        """Pairs (age in buckets, count) of what is inside, oldest first."""
        pairs = []
        before = self.gone
        for at, total in zip(self.buckets[self._first :], self.totals[self._first :], strict=True):
            pairs.append([bucket - at, total - before])
            before = total
        return pairs


class Tally:
    """Live answers and abandoned calls of one sliding window.

    It errs on the safe side of a bucket: an answer leaves the count a bucket early, an abandoned call a bucket late.
    """

    def __init__(self, window_seconds: float) -> None:
        """`window_seconds`: the window's length; a nonsensical one is a second."""
        self.window_seconds = window_seconds if 1.0 <= window_seconds < float("inf") else 1.0
        self._width = self.window_seconds / BUCKETS
        self._answers = _Counts()
        self._abandoned = _Counts()
        self._advanced_to: int | None = None

    @property
    def answers(self) -> int:
        """Live answers in the window."""
        return self._answers.inside

    @property
    def abandoned(self) -> int:
        """Abandoned calls in the window."""
        return self._abandoned.inside

    def count_answer(self, now: float) -> None:
        """A person answered."""
        self.advance(now)
        self._answers.add(self._bucket(now), 1)

    def take_back_answer(self, now: float) -> None:
        """One that was counted was no person."""
        self.advance(now)
        self._answers.take_back()

    def count_abandoned(self, now: float) -> None:
        """A person who had answered was abandoned."""
        self.advance(now)
        self._abandoned.add(self._bucket(now), 1)

    def advance(self, now: float) -> None:
        """Let go of what has left the window."""
        bucket = self._bucket(now)
        if bucket == self._advanced_to:
            return
        self._advanced_to = bucket
        self._answers.forget_before(bucket - BUCKETS + 1)
        self._abandoned.forget_before(bucket - BUCKETS)

    def staying(self, now: float, ahead_seconds: float) -> tuple[int, int]:
        """(answers, abandoned calls) of now that will still be in the window after `ahead_seconds`."""
        then = self._bucket(now + ahead_seconds)
        return (
            self.answers - self._answers.leaving_before(then - BUCKETS + 1),
            self.abandoned - self._abandoned.leaving_before(then - BUCKETS),
        )

    def leaving_times(self, now: float, most: int) -> list[float]:
        """Seconds from now to the last moments before an abandoned call leaves the window; up to `most` of them."""
        bucket = self._bucket(now)
        return [max(0, at + BUCKETS - bucket) * self._width for at in self._abandoned.spread(most)]

    def _bucket(self, now: float) -> int:
        return int(now // self._width)

    def state(self, now: float) -> dict[str, object]:
        """Counts by age: a restarted dialler has another time axis."""
        bucket = self._bucket(now)
        return {
            "window_seconds": self.window_seconds,
            "answers": self._answers.ages(bucket),
            "abandoned": self._abandoned.ages(bucket),
        }

    def recount(self, now: float, of_late: Sequence[AnswersOfLate]) -> None:
        """Hold what is on record, oldest first, in the place of what was counted."""
        answers, abandoned = _Counts(), _Counts()
        for each in of_late:
            bucket = self._bucket(now - max(0.0, each.age_seconds))
            if each.answers > 0:
                answers.add(bucket - 1, each.answers)
            if each.abandoned > 0:
                abandoned.add(bucket, each.abandoned)
        self._answers, self._abandoned = answers, abandoned
        self._advanced_to = None

    def restore(self, state: Mapping[str, object], now: float) -> None:
        """Take up counts, as if no time had passed since. Raises KeyError, TypeError or ValueError."""
        bucket = self._bucket(now)
        restored = []
        for name in ("answers", "abandoned"):
            counts = _Counts()
            for age, number in _ages(state[name]):
                counts.add(bucket - age, number)
            restored.append(counts)
        self._answers, self._abandoned = restored
        self._advanced_to = None


def _ages(value: object) -> list[tuple[int, int]]:
    """Pairs of age and count, oldest first, checked."""
    if not isinstance(value, Sequence):
        raise TypeError("not a list of buckets")
    pairs = [(int(age), int(number)) for age, number in value]
    ages = [age for age, _ in pairs]
    if any(age < 0 or number < 0 for age, number in pairs) or ages != sorted(ages, reverse=True):
        raise ValueError("buckets out of order")
    return pairs
