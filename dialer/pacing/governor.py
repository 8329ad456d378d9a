"""The abandoned-call governor: what the caps still allow, and how bold the look-ahead may be.

Two loops. The inner one finds the alpha that makes calls drop at the lowest target, by stochastic approximation at
every answered call. The outer one scales it by x, the drop rate that every window can bear from now on as a multiple
of that target. What a window can bear follows from its room: the abandoned calls that it can still take, with the answers
that it will surely hold when it is judged, and not pass its hard stop.
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
"""Buckets a window: 5 s for an hour, 2 minutes for a day, an hour for 30 days."""


class Tally:
    """Live answers and abandoned calls of one sliding window.

    It errs on the safe side of a bucket: an answer leaves the count a bucket early, an abandoned call a bucket late.
    """

    def __init__(self, window_seconds: float) -> None:
        """`window_seconds`: the window's length; a nonsensical one is a second."""
        self.window_seconds = window_seconds if 1.0 <= window_seconds < float("inf") else 1.0
        self._width = self.window_seconds / BUCKETS
        self._buckets: dict[int, list[int]] = {}  # answers and abandoned calls, the oldest first
        self.answers = self.abandoned = 0  # in the window
        self._newest: int | None = None  # the bucket of the last moment that was seen
        self._asked: tuple[int, int] | None = None
        self._leaving = 0, 0

    def count(self, now: float, answers: int = 0, abandoned: int = 0) -> None:
        """Count what came; a number below 0 takes back, no more than there is."""
        self.advance(now)
        counts = self._buckets.setdefault(self._bucket(now), [0, 0])
        answers = max(answers, -self.answers)
        counts[0] += answers
        counts[1] += abandoned
        self.answers += answers
        self.abandoned += abandoned

    def advance(self, now: float) -> None:
        """Let go of what has left the window."""
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
        """(answers, abandoned calls) of now that will still be in the window after `ahead_seconds`."""
        self.advance(now)
        if ahead_seconds >= self.window_seconds:
            return 0, 0
        asked = self._bucket(now), self._bucket(now + ahead_seconds) - BUCKETS
        if asked != self._asked:  # what leaves is the same for all of a bucket's time
            answers = abandoned = 0
            for bucket, counts in self._buckets.items():
                if bucket > asked[1]:
                    break
                answers += counts[0]
                abandoned += counts[1] if bucket < asked[1] else 0
            self._asked, self._leaving = asked, (answers, abandoned)
        return max(0, self.answers - self._leaving[0]), max(0, self.abandoned - self._leaving[1])

    def unfilled_seconds(self, now: float) -> float:
        """Seconds until the window has its length: from then on answers leave it."""
        self.advance(now)
        oldest = next(iter(self._buckets), None)
        return self.window_seconds if oldest is None else max(0.0, self.window_seconds - now + oldest * self._width)

    def _bucket(self, now: float) -> int:
        return int(now // self._width)

    def recount(self, now: float, of_late: Sequence[AnswersOfLate]) -> None:
        """Hold what is on record, oldest first, in the place of what was counted."""
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
    """Holds every cap of a campaign's profile. Without a cap nothing is ever put at risk."""

    KEPT: ClassVar = {"_level": (-20.0, 0.0)}

    def __init__(self, caps: Sequence[Cap], tuning: Tuning) -> None:
        """`caps`: the windows of the profile; a target above its hard stop counts as the hard stop."""
        self._tuning = tuning
        self.tallies = [Tally(cap.window_seconds) for cap in caps]
        self.hold(caps)
        self.now = 0.0
        """The moment of everything that is asked or told; whoever holds the governor moves it on."""
        self.boldness = tuning.least_boldness
        """x: the drop rate that the windows can bear, as a multiple of the target."""
        self.room = 0.0
        """Abandoned calls that every window can still take and not pass its hard stop."""
        self._level = log(max(1e-6, self.target))
        self._seats = 0
        self._left = 0.0  # seconds of the calling day
        self._sure = 0.0  # answers a second that surely come

    def hold(self, caps: Sequence[Cap]) -> None:
        """Hold these from now on: of the same windows, with other shares."""
        targets = [max(0.0, min(cap.target, cap.hard_stop)) for cap in caps]
        self._windows = list(zip(caps, self.tallies, targets, strict=True))
        self.target = min(targets, default=0.0)
        self.hard_stop = min((cap.hard_stop for cap in caps), default=0.0)
        """The lowest."""

    def answered(self, *, at_once: bool = False) -> None:
        """A person answered; or, `at_once`, the carrier did, which bore no risk."""
        self.count(answers=1)
        self._learn((self._tuning.at_once_lesson if at_once else 1.0) * self.target * self.boldness)

    def abandoned(self) -> None:
        """A person who had answered got no seat in time."""
        self.count(abandoned=1)
        self._learn(-1.0)

    def count(self, answers: int = 0, abandoned: int = 0) -> None:
        """Count what came, in each window; an answer that was a machine is taken back: it makes no room for an abandoned call."""
        for tally in self.tallies:
            tally.count(self.now, answers, abandoned)

    def _learn(self, surprise: float) -> None:
        """Move the level by what came over what was expected."""
        tuning = self._tuning
        step = tuning.step * sqrt(min(1.0, tuning.usual_seats / max(1.0, self._seats)))
        self._level = min(log(tuning.most_alpha), max(log(tuning.least_alpha), self._level + step * surprise))

    def alpha(self, *, seats: int, answers_per_second: float, seconds_left: float | None) -> float:
        """The chance to be abandoned that the last call may be placed with.

        `seats` take callers and bring `answers_per_second` if only one call is placed for each that is free; the calling day
        ends in `seconds_left` (None: nobody knows, and nothing to come is counted on).
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
        """Drops that a window can still take, and the drop rate, per answer from now on, that it can bear.

        Room is as it is with the answers that will surely come until the window is full or the day ends, and, where drops will be
        left in it by then, half a window ahead: answers leave a full window with them, and those that came close together are the
        last to go.
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
        """Abandoned calls that every window's target has room for now; may be below 0. No cap: no room."""
        for tally in self.tallies:
            tally.advance(self.now)
        return min((target * tally.answers - tally.abandoned for _, tally, target in self._windows), default=0.0)

    def worst_case_room(self, free_seats: int) -> float:
        """Calls in flight beyond the free seats of which every one may be dropped, and no reserving cap is passed: at once, or
        when the calling day ends, with the answers of one call for each free seat until then.

        Before d callers are dropped, others have taken the free seats: with `a` abandoned of n answers, a + d must not pass
        hard_stop * (n + free_seats + d). Calls, below 0 where a cap is passed already; infinite where none reserves.
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
        """Hold what is on record, by the window's length; a window of which nothing is told is empty."""
        for cap, tally, _ in self._windows:
            tally.recount(self.now, of_late.get(cap.window_seconds, ()))
