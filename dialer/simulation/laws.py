"""The random laws of a simulated centre: answer rates, ring times, conversations, what the desk tells.

Every law is a frozen record that draws from a generator handed in, so that a scenario is plain data and a day follows
from its seed alone. Times are seconds.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from random import Random
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Course:
    """A figure over the day: `points` of (second, value), in steps or joined by lines; constant before and after."""

    points: tuple[tuple[float, float], ...]
    joined: bool = False

    @classmethod
    def constant(cls, value: float) -> Course:
        """The same value all day."""
        return cls(((0.0, value),))

    def at(self, seconds: float) -> float:
        """The value at `seconds` after the day's start."""
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
"""How a call rings: (answered or not, seconds to its answer or end, seconds to "ringing" or None when it never rings)."""


class TalkTimes(Protocol):
    """How long conversations last."""

    def draw(self, seconds: float, random: Random) -> float:
        """A conversation that begins `seconds` into the day."""
        ...


class RingSource(Protocol):
    """How long calls ring, and how those end that nobody answers."""

    @property
    def ring_out_seconds(self) -> float:
        """A call that rings for so long is given up."""
        ...

    def draw(self, answered: bool, random: Random) -> Ring:
        """A call that is answered within the ring-out, or one that is not."""
        ...


@dataclass(frozen=True, slots=True)
class SwappedLists:
    """A new list of numbers every `every_seconds`, whose answer rate is drawn evenly between `lowest` and `highest`."""

    every_seconds: float
    lowest: float
    highest: float

    def course(self, hours: float, random: Random) -> Course:
        """One day's answer rates."""
        lists = math.ceil(hours * 3600.0 / self.every_seconds)
        return Course(tuple((n * self.every_seconds, random.uniform(self.lowest, self.highest)) for n in range(lists)))


@dataclass(frozen=True, slots=True)
class TalkLaw:
    """How long a conversation lasts: gamma, lognormal, or a mixture of two gammas ("bimodal").

    `mean` may move through the day. `short_share` of a bimodal law's conversations are of mean `short_mean_seconds`
    (a refusal), the others as long as the overall mean asks for; both then have the variation `cv`.
    """

    mean: Course
    cv: float = 0.8
    shape: str = "lognormal"
    short_share: float = 0.5
    short_mean_seconds: float = 30.0

    def draw(self, seconds: float, random: Random) -> float:
        """A conversation that begins `seconds` into the day."""
        mean = self.mean.at(seconds)
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
class GammaRings:
    """Times from the Originate to the answer, or to the end of a call that nobody answers.

    Answers: gamma of shape 4 and mean `answer_mean_seconds`, drawn again beyond the ring-out. Of the other calls
    `busy_share` meet a busy line, `unreachable_share` fail with no ringing at all, and the rest ring out: with the
    defaults they last 20.4 s on average, the figure that follows from the progressive rows of the design's table
    (59.1 s idle at 30 % answers, 125.8 s at 15 %).
    """

    answer_mean_seconds: float = 11.0
    ring_out_seconds: float = 30.0
    busy_share: float = 0.18
    busy_mean_seconds: float = 5.0
    unreachable_share: float = 0.204
    unreachable_mean_seconds: float = 5.0
    set_up_seconds: tuple[float, float] = (1.0, 3.0)  # originate to "ringing"

    def draw(self, answered: bool, random: Random) -> Ring:
        """A call that is answered within the ring-out, or one that is not."""
        set_up = random.uniform(*self.set_up_seconds)
        if answered:
            seconds = self.ring_out_seconds
            while seconds >= self.ring_out_seconds:
                seconds = random.gammavariate(4.0, self.answer_mean_seconds / 4.0)
            return True, seconds, min(set_up, 0.5 * seconds)
        kind = random.random()
        if kind < self.busy_share:
            seconds = 2.0 + random.expovariate(1.0 / max(0.1, self.busy_mean_seconds - 2.0))
            return False, min(seconds, self.ring_out_seconds), None
        if kind < self.busy_share + self.unreachable_share:
            seconds = 1.0 + random.expovariate(1.0 / max(0.1, self.unreachable_mean_seconds - 1.0))
            return False, min(seconds, self.ring_out_seconds), None
        return False, self.ring_out_seconds, min(set_up, 0.5 * self.ring_out_seconds)


@dataclass(frozen=True, slots=True)
class SignalLaw:
    """The desk's signals of where a conversation is, imperfect as agents are.

    "Closing" comes a lognormal time of mean `closing_seconds` and variation `closing_cv` before the end; it is missing in
    `missing_share` of the conversations, and in `false_share` it comes at a random moment of the talk instead. The wrap-up
    form is half filled after 40 to 80 % of the wrap-up, and in `unfilled_share` that is never seen.
    """

    closing_seconds: float = 15.0
    closing_cv: float = 0.5
    missing_share: float = 0.2
    false_share: float = 0.08
    unfilled_share: float = 0.2

    def closing_at(self, talk_seconds: float, random: Random) -> float | None:
        """Seconds into the talk at which "closing" is pressed, or None."""
        kind = random.random()
        if kind < self.missing_share:
            return None
        if kind < self.missing_share + self.false_share:
            return random.random() * talk_seconds
        variance = math.log1p(self.closing_cv**2)
        before = random.lognormvariate(math.log(self.closing_seconds) - variance / 2.0, math.sqrt(variance))
        return talk_seconds - before if before < talk_seconds else 0.5 * random.random() * talk_seconds

    def filled_at(self, wrap_up_seconds: float, random: Random) -> float | None:
        """Seconds into the wrap-up at which the form is half filled, or None."""
        share = random.uniform(0.4, 0.8)
        return None if random.random() < self.unfilled_share else share * wrap_up_seconds


@dataclass(frozen=True, slots=True)
class BreakLaw:
    """Breaks: after a call with `chance`, announced during the call with `announced_share`, of mean `mean_seconds`."""

    chance: float = 0.02
    announced_share: float = 0.7
    mean_seconds: float = 600.0
