"""Random distributions of a simulated centre: answer rates, ring times, talk times, agents' signals and breaks.

A distribution draws from the random generator that it is given, so the seed determines the whole day. Times are in
seconds.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from random import Random
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DayCurve:
    """A value that changes over the day, such as an answer rate, given as `points` of (second, value).

    If `joined`, the value changes linearly between points, otherwise in steps.
    """

    points: tuple[tuple[float, float], ...]
    joined: bool = False

    @classmethod
    def create_constant_curve(cls, value: float) -> DayCurve:
        """Return a curve that has the same value all day."""
        return cls(((0.0, value),))

    def get_value_at_time_of_day(self, seconds: float) -> float:
        """Return the curve's value `seconds` after the start of the day."""
        points = self.points
        if len(points) == 1:
            return points[0][1]
        place = bisect_right(points, (seconds, math.inf)) - 1
        if place < 0:
            return points[0][1]
        if not self.joined or place + 1 == len(points):
            return points[place][1]
        (start, low), (end, high) = points[place], points[place + 1]
        return low + (high - low) * (seconds - start) / (end - start)


Ring = tuple[bool, float, float | None]
"""(whether answered, seconds to the answer or the end, seconds to "ringing" or None if it never rings)."""


class TalkTimes(Protocol):
    """The interface of distributions from which the lengths of conversations are drawn."""

    def pick_random_talk_seconds(self, seconds: float, random: Random) -> float:
        """Draw the length of a conversation that begins `seconds` into the day."""
        ...


class RingTimes(Protocol):
    """The interface of distributions from which ring times are drawn."""

    @property
    def maximum_ring_seconds(self) -> float:
        """The ring time after which the dialler ends an unanswered call (seconds)."""
        ...

    def pick_random_ring_time(self, answered: bool, random: Random) -> Ring:
        """Draw how long a call rings. `answered` says whether it is answered before `maximum_ring_seconds`."""
        ...


@dataclass(frozen=True, slots=True)
class SwappedLists:
    """Random answer rates that change every `every_seconds`, as if the campaign switched to another list of numbers.

    Each rate is drawn uniformly from `lowest` to `highest`.
    """

    every_seconds: float
    lowest: float
    highest: float

    def pick_random_answer_rates_of_day(self, hours: float, random: Random) -> DayCurve:
        """Draw the answer rates of one day."""
        lists = math.ceil(hours * 3600.0 / self.every_seconds)
        return DayCurve(
            tuple((n * self.every_seconds, random.uniform(self.lowest, self.highest)) for n in range(lists))
        )


@dataclass(frozen=True, slots=True)
class TalkDistribution:
    """A distribution of talk times: "gamma", "lognormal", or "bimodal" (a mixture of two gammas).

    `cv` is the coefficient of variation. In a bimodal distribution, `short_share` of the conversations are refusals
    with the mean `short_mean_seconds`.
    """

    mean: DayCurve
    cv: float = 0.8
    shape: str = "lognormal"
    short_share: float = 0.5
    short_mean_seconds: float = 30.0

    def pick_random_talk_seconds(self, seconds: float, random: Random) -> float:
        """Draw the length of a conversation that begins `seconds` into the day."""
        mean = self.mean.get_value_at_time_of_day(seconds)
        if self.shape == "lognormal":
            variance = math.log1p(self.cv * self.cv)
            return random.lognormvariate(math.log(mean) - variance / 2.0, math.sqrt(variance))
        if self.shape == "bimodal":
            short = self.short_mean_seconds
            is_short = random.random() < self.short_share
            mean = short if is_short else (mean - self.short_share * short) / (1.0 - self.short_share)
        shape = 1.0 / (self.cv * self.cv)
        return random.gammavariate(shape, mean / shape)


@dataclass(frozen=True, slots=True)
class GammaRingTimes:
    """Times until a call is answered or ends unanswered. The time to the answer has a gamma distribution.

    Of the unanswered calls, `busy_share` are busy, `unreachable_share` fail without ringing, and the rest ring to the
    limit.
    """

    answer_mean_seconds: float = 11.0
    maximum_ring_seconds: float = 30.0
    busy_share: float = 0.18
    busy_mean_seconds: float = 5.0
    unreachable_share: float = 0.204
    unreachable_mean_seconds: float = 5.0
    set_up_seconds: tuple[float, float] = (1.0, 3.0)  # from the start of the call to "ringing"

    def pick_random_ring_time(self, answered: bool, random: Random) -> Ring:
        """Draw how long a call rings. `answered` says whether it is answered before `maximum_ring_seconds`."""
        set_up = random.uniform(*self.set_up_seconds)
        if answered:
            seconds = self.maximum_ring_seconds
            while seconds >= self.maximum_ring_seconds:
                seconds = random.gammavariate(4.0, self.answer_mean_seconds / 4.0)
            return True, seconds, min(set_up, 0.5 * seconds)
        kind = random.random()
        if kind < self.busy_share:
            seconds = 2.0 + random.expovariate(1.0 / max(0.1, self.busy_mean_seconds - 2.0))
            return False, min(seconds, self.maximum_ring_seconds), None
        if kind < self.busy_share + self.unreachable_share:
            seconds = 1.0 + random.expovariate(1.0 / max(0.1, self.unreachable_mean_seconds - 1.0))
            return False, min(seconds, self.maximum_ring_seconds), None
        return False, self.maximum_ring_seconds, min(set_up, 0.5 * self.maximum_ring_seconds)


@dataclass(frozen=True, slots=True)
class StageSignals:
    """Simulated signals that agents will soon be free.

    An agent signals "closing" before the talk ends. During the wrap-up, the agent's page signals that the form is half
    filled. Some signals are missing or wrong, as in practice.
    """

    closing_seconds: float = 15.0
    closing_cv: float = 0.5
    missing_share: float = 0.2
    false_share: float = 0.08
    unfilled_share: float = 0.2

    def pick_random_time_of_closing_signal(self, talk_seconds: float, random: Random) -> float | None:
        """Draw when the agent signals "closing" (seconds after the start of the talk). Return None for a talk without
        the signal.
        """
        kind = random.random()
        if kind < self.missing_share:
            return None
        if kind < self.missing_share + self.false_share:
            return random.random() * talk_seconds
        variance = math.log1p(self.closing_cv**2)
        before = random.lognormvariate(math.log(self.closing_seconds) - variance / 2.0, math.sqrt(variance))
        return talk_seconds - before if before < talk_seconds else 0.5 * random.random() * talk_seconds

    def pick_random_time_of_form_signal(self, wrap_up_seconds: float, random: Random) -> float | None:
        """Draw when the page signals a half-filled wrap-up form (seconds after the start of the wrap-up).

        Return None for a wrap-up without the signal.
        """
        share = random.uniform(0.4, 0.8)
        return None if random.random() < self.unfilled_share else share * wrap_up_seconds


@dataclass(frozen=True, slots=True)
class BreakHabits:
    """How often and how long simulated agents take a break after a call, and how often they announce it during the
    call.
    """

    chance: float = 0.02
    announced_share: float = 0.7
    mean_seconds: float = 600.0
