"""What the predictive policy learns of durations: how long talk and wrap-up last, how long phones ring.

Every estimator forgets exponentially, starts from a prior worth a few observations, and stays finite for any input.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

HAZARD_EDGES: tuple[float, ...] = (
    *(0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 27, 33, 40, 50, 60, 75, 90, 110, 135, 165, 200, 250, 300, 400, 600),
)
"""Bin edges in seconds of piecewise-constant hazards; the last bin has no end."""

RING_STEP_SECONDS = 0.5
RING_STEPS = 160
"""Steps of the ring-time laws, 80 s; the last one holds all that is longer."""

LONGEST_SECONDS = 14_400.0
"""Durations are cut here: a seat forgotten in talk for a day must not outweigh everything else."""

_EDGES = np.array(HAZARD_EDGES, dtype=np.float64)
_WIDTHS = np.append(np.diff(_EDGES), np.inf)
_MIDDLES = (np.arange(RING_STEPS) + 0.5) * RING_STEP_SECONDS


def sane_seconds(seconds: float) -> float:
    """A duration in 0..LONGEST_SECONDS, whatever was measured (negative, infinite, not a number)."""
    return min(LONGEST_SECONDS, max(0.0, seconds))  # max(0.0, nan) is 0.0


def finite_list(value: object, length: int, *, signed: bool = False) -> Vector:
    """A saved list of `length` finite numbers, none below 0 unless `signed`. Raises ValueError when it is not."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != length:
        raise ValueError(f"not a list of {length} numbers")
    numbers = np.array([float(number) for number in value], dtype=np.float64)
    if not np.isfinite(numbers).all() or (not signed and (numbers < 0).any()):
        raise ValueError("a number is out of range")
    return numbers


class Hazard:
    """The rate at which a state ends, by elapsed time: piecewise constant, exponentially forgotten, shrunk.

    Occurrence / exposure estimates per bin (the maximum likelihood under censoring), each shrunk to the overall rate
    as if SHRINK endings had been seen at it. The shape keeps MEMORY endings; a level factor keeps LEVEL_MEMORY, so
    that a drift of the mean is followed without losing the shape.
    """

    MEMORY = 1500.0
    LEVEL_MEMORY = 150.0
    SHRINK = 4.0
    LEVEL_PRIOR = 25.0
    PRIOR_ENDINGS = 5.0

    def __init__(self, prior_mean_seconds: float, prior_endings: float = PRIOR_ENDINGS) -> None:
        """`prior_mean_seconds`: how long the state lasts before anything is known, as if `prior_endings` had been seen.
        A state that is not expected to end that way at all wants a small part of one, or that would hardly ever be learned."""
        self._prior_endings = prior_endings
        self._prior_rate = 1.0 / max(0.5, prior_mean_seconds)
        self._endings = np.zeros(len(_EDGES))
        self._exposure = np.zeros(len(_EDGES))
        self._level = [0.0, 0.0]  # endings lately, and how many the shape would have had
        self._shape: Vector = np.full(len(_EDGES), self._prior_rate)

    def ended(self, seconds: float, *, censored: bool = False) -> None:
        """The state lasted `seconds` and ended; or, `censored`, went over into another state."""
        seconds = sane_seconds(seconds)
        at_risk = np.clip(seconds - _EDGES, 0.0, _WIDTHS)
        self._endings *= 1.0 - 1.0 / self.MEMORY
        self._exposure *= 1.0 - 1.0 / self.MEMORY
        self._exposure += at_risk
        keep = 1.0 - 1.0 / self.LEVEL_MEMORY
        endings, expected = self._level
        self._level = [endings * keep, expected * keep + float(at_risk @ self._shape)]
        if not censored:
            self._endings[bisect_right(HAZARD_EDGES, seconds) - 1] += 1.0
            self._level[0] += 1.0

    def rates(self, running: Sequence[float] = ()) -> Vector:
        """Endings per second in each bin. `running`: elapsed seconds of states that have not ended yet, which count
        as exposure, so that long ones are not missed while only short ones have ended."""
        exposure, running_expected = self._exposure, 0.0
        if len(running):
            at_risk = np.clip(np.asarray(running)[:, None] - _EDGES, 0.0, _WIDTHS).sum(axis=0)
            exposure = exposure + at_risk
            running_expected = float(at_risk @ self._shape)
        prior = self._prior_endings
        overall = (float(self._endings.sum()) + prior) / (float(exposure.sum()) + prior / self._prior_rate)
        self._shape = (self._endings + self.SHRINK) / (exposure + self.SHRINK / overall)
        endings, expected = self._level
        level = (endings + self.LEVEL_PRIOR) / (expected + running_expected + self.LEVEL_PRIOR)
        return self._shape * min(4.0, max(0.25, level))

    def state(self) -> dict[str, object]:
        """Counts as plain JSON types."""
        return {
            "endings": self._endings.tolist(),
            "exposure": self._exposure.tolist(),
            "level": list(self._level),
            "shape": self._shape.tolist(),
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Take up what `state` gave. Raises KeyError, TypeError or ValueError for a damaged one."""
        endings, exposure, shape = (finite_list(state[key], len(_EDGES)) for key in ("endings", "exposure", "shape"))
        level = finite_list(state["level"], 2)
        self._endings, self._exposure, self._shape, self._level = endings, exposure, shape, level.tolist()


def _survival(counts: Vector) -> Vector:
    """P(T >= i steps) for i = 0..RING_STEPS, from counts per step."""
    tail = np.append(np.cumsum(counts[::-1])[::-1], 0.0)
    survival: Vector = tail / max(1e-12, float(tail[0]))
    return survival


def _prior_answered(mean_seconds: float) -> Vector:
    """Eight answered calls of a gamma law, k = 3."""
    shape = (_MIDDLES / mean_seconds) ** 2 * np.exp(-3.0 * _MIDDLES / mean_seconds)
    prior: Vector = 8.0 * shape / shape.sum()
    return prior


def _prior_ring_out() -> Vector:
    """Eight unanswered calls: half ring out at about 30 s, the others end at any time to 40 s."""
    late = ((_MIDDLES > 27.0) & (_MIDDLES < 33.0)).astype(np.float64)
    early = (_MIDDLES < 40.0).astype(np.float64)
    prior: Vector = 4.0 * late / late.sum() + 4.0 * early / early.sum()
    return prior


def _prior_silent() -> Vector:
    """Four calls that fail without ringing, after 3 s on average."""
    fading = np.exp(-_MIDDLES / 3.0)
    prior: Vector = 4.0 * fading / fading.sum()
    return prior


@dataclass(frozen=True, slots=True)
class RingLaw:
    """What is known of ring times, as survival functions P(T >= step) on RING_STEP_SECONDS steps.

    `answered`, `failed_rung`: seconds since "ringing" of calls that are answered, and that rang and failed.
    `failed_silent`: seconds since the Originate of calls that failed without ringing. `silent`: seconds from Originate
    to "ringing". On a line that never says "ringing" before an answer (`signalled` is False) `answered` counts from
    the Originate and every failed call is a silent one.
    """

    answered: Vector
    failed_rung: Vector
    failed_silent: Vector
    silent: Vector
    answered_rung_share: float
    failed_rung_share: float
    delay_seconds: float

    @property
    def signalled(self) -> bool:
        """Whether calls are seen to ring before they are answered."""
        return self.answered_rung_share > 0.5

    def answer_times(self, count: int) -> list[float]:
        """Seconds from Originate to answer at the middles of `count` equally likely parts of the law."""
        wanted = 1.0 - (np.arange(count) + 0.5) / count
        steps = np.interp(-wanted, -self.answered, np.arange(len(self.answered)))
        delay = self.delay_seconds if self.signalled else 0.0
        return [float(step) * RING_STEP_SECONDS + delay for step in steps]

    def still_ringing(self, elapsed: Vector, ringing: Vector) -> tuple[Vector, Vector, Vector]:
        """Where calls stand. `elapsed`: seconds since each was placed; `ringing`: since it rang, below 0: not yet.

        Returns each call's step in the `answered` law (below 0 while "ringing" is yet to come), and how likely it is
        to be where it is now if it will be answered, and if it will fail.
        """
        since_placed = elapsed / RING_STEP_SECONDS
        if not self.signalled:
            return since_placed, _at(self.answered, since_placed), _at(self.failed_silent, since_placed)
        rung = ringing >= 0.0
        since_rung = np.maximum(0.0, ringing) / RING_STEP_SECONDS
        to_come = np.minimum(-1.0, since_placed - self.delay_seconds / RING_STEP_SECONDS)
        yet_silent = _at(self.silent, since_placed)
        share = self.answered_rung_share
        answered = np.where(rung, share * _at(self.answered, since_rung), share * yet_silent + 1.0 - share)
        share = self.failed_rung_share
        failed_yet_silent = share * yet_silent + (1.0 - share) * _at(self.failed_silent, since_placed)
        failed = np.where(rung, share * _at(self.failed_rung, since_rung), failed_yet_silent)
        return np.where(rung, since_rung, to_come), answered, failed

    def answered_later(self, steps: Vector, later: Vector) -> Matrix:
        """P(an answered call that is at a step, shape (calls,), is answered `later` steps on, shape (moments,))."""
        now = _at(self.answered, np.maximum(0.0, steps))
        then = _at(self.answered, np.maximum(0.0, steps[:, None] + later))
        out: Matrix = (now[:, None] - then) / np.maximum(now, 1e-4)[:, None]
        return out


def _at(survival: Vector, steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """A survival function at fractional steps, by linear interpolation; beyond its end, its last values."""
    within = np.minimum(steps, len(survival) - 2.0)
    below = within.astype(np.int64)
    low = survival[below]
    value: NDArray[np.float64] = low + (within - below) * (survival[below + 1] - low)
    return value


class RingTimes:
    """Learns the RingLaw: histograms on half-second steps, and the carrier's delay from Originate to "ringing"."""

    MEMORY = 1000.0
    RECENT = 40.0
    LONG = 1500.0
    PRIOR_DELAYS = 4.0
    USUAL_PRIOR = 150.0  # calls: a carrier that our own first calls slow down is not to pass for a slow one
    AT_ONCE_SECONDS = 1.0
    """Nobody answers a phone that soon after the Originate, and before it rings: the carrier did."""
    AT_ONCE_MEMORY = 10.0  # calls: such a fault of the carrier begins and ends in a moment
    MOST_AT_ONCE = 0.8  # however many were: a call that rings on must not count as failed, for the fault may be over

    def __init__(self, prior_answer_seconds: float = 10.0) -> None:
        """`prior_answer_seconds`: how long an answered call rings before anything is known."""
        self._answered = _prior_answered(prior_answer_seconds)
        self._failed_rung = _prior_ring_out()
        self._failed_silent = _prior_silent()
        self._silent = np.where(_MIDDLES < 4.0, 1.0, 0.0)
        self._rung_among_answered = [8.0, 8.0]
        self.at_once_share = 0.0  # share of the last few calls that the carrier answered
        self.delay_seconds = 2.0  # from Originate to "ringing", lately
        self.usual_delay_seconds = 2.0  # the same over hours
        self._delays_seen = self.PRIOR_DELAYS

    @property
    def delays_heard(self) -> float:
        """How often "ringing" was heard."""
        return self._delays_seen - self.PRIOR_DELAYS

    def rang(self, seconds: float) -> None:
        """The carrier said "ringing" `seconds` after the Originate."""
        seconds = sane_seconds(seconds)
        self._delays_seen += 1.0
        self.delay_seconds += (seconds - self.delay_seconds) / min(self._delays_seen, self.RECENT)
        self.usual_delay_seconds += (seconds - self.usual_delay_seconds) / min(
            self._delays_seen + self.USUAL_PRIOR, self.LONG
        )
        self._silent *= 1.0 - 1.0 / self.MEMORY
        self._silent[_step(seconds)] += 1.0
        self._told_at_once(False)

    def ended(self, *, answered: bool, seconds: float, ringing_seconds: float | None) -> None:
        """A call was answered or failed `seconds` after the Originate, `ringing_seconds` after it rang (None: never)."""
        keep = 1.0 - 1.0 / self.MEMORY
        rung = ringing_seconds is not None
        since = sane_seconds(seconds if ringing_seconds is None else ringing_seconds)
        if answered:
            at_once = not rung and since < self.AT_ONCE_SECONDS
            self._told_at_once(at_once)
            if at_once:
                return
            signalled = self._rung_among_answered[0] > 0.5 * self._rung_among_answered[1]
            if signalled and not rung:
                since = max(0.0, since - self.delay_seconds)
            self._answered *= keep
            self._answered[_step(since)] += 1.0
            rang, everything = self._rung_among_answered
            self._rung_among_answered = [0.99 * rang + rung, 0.99 * everything + 1.0]
            return
        self._failed_rung *= keep
        self._failed_silent *= keep
        (self._failed_rung if rung else self._failed_silent)[_step(since)] += 1.0

    def cut_off(self, *, seconds: float, ringing_seconds: float | None, chance: float) -> None:
        """A call was hung up at that time, and would have been answered with probability `chance`: what it would have
        come to is spread over what is known of longer calls (the self-consistent estimate of Efron, 1967)."""
        if ringing_seconds is None:
            return
        step = _step(sane_seconds(ringing_seconds))
        self._spread(self._answered, step, chance)
        self._spread(self._failed_rung, step, 1.0 - chance)

    def _spread(self, counts: Vector, step: int, part: float) -> None:
        """Count `part` of a call that ended after `step`, where such calls were seen to end."""
        later = float(counts[step:].sum())
        if later > 0.0:
            counts *= 1.0 - part / self.MEMORY
            counts[step:] *= 1.0 + part / later

    def law(self) -> RingLaw:
        """The law as it is known now."""
        rung, silent = float(self._failed_rung.sum()), float(self._failed_silent.sum())
        rang, everything = self._rung_among_answered
        return RingLaw(
            answered=_survival(self._answered_or_at_once()),
            failed_rung=_survival(self._failed_rung),
            failed_silent=_survival(self._failed_silent),
            silent=_survival(self._silent),
            answered_rung_share=min(0.99, rang / everything),
            failed_rung_share=rung / (rung + silent),
            delay_seconds=self.delay_seconds,
        )

    def _told_at_once(self, at_once: bool) -> None:
        """A call was answered at once, or it rang or was answered later."""
        self.at_once_share += (at_once - self.at_once_share) / self.AT_ONCE_MEMORY

    def _answered_or_at_once(self) -> Vector:
        """Counts of one, by step, of both kinds of answers."""
        at_once = min(self.MOST_AT_ONCE, self.at_once_share)
        counts = self._answered * ((1.0 - at_once) / float(self._answered.sum()))
        counts[0] += at_once
        return counts

    def state(self) -> dict[str, object]:
        """Counts as plain JSON types."""
        return {
            "at-once": self.at_once_share,
            "answered": self._answered.tolist(),
            "failed-rung": self._failed_rung.tolist(),
            "failed-silent": self._failed_silent.tolist(),
            "silent": self._silent.tolist(),
            "rung-among-answered": list(self._rung_among_answered),
            "delays": [self.delay_seconds, self.usual_delay_seconds, self._delays_seen],
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Take up what `state` gave. Raises KeyError, TypeError or ValueError for a damaged one."""
        answered, rung, failed_silent, silent = (
            finite_list(state[key], RING_STEPS) for key in ("answered", "failed-rung", "failed-silent", "silent")
        )
        shares, delays = finite_list(state["rung-among-answered"], 2), finite_list(state["delays"], 3)
        if (
            shares[1] <= 0
            or delays[2] < 1
            or not (answered.sum() and rung.sum() + failed_silent.sum() and silent.sum())
        ):
            raise ValueError("counts of ring times are missing")
        self._answered, self._failed_rung, self._failed_silent, self._silent = answered, rung, failed_silent, silent
        self._rung_among_answered = shares.tolist()
        (self.at_once_share,) = np.minimum(1.0, finite_list([state.get("at-once", 0.0)], 1)).tolist()
        self.delay_seconds, self.usual_delay_seconds, self._delays_seen = delays.tolist()


def _step(seconds: float) -> int:
    return min(RING_STEPS - 1, int(seconds / RING_STEP_SECONDS))


class BreakHabit:
    """The share of calls after which a seat goes on a break instead of becoming free."""

    MEMORY = 500.0
    PRIOR_CALLS = 30.0

    def __init__(self) -> None:
        self._breaks = 0.0
        self._calls = self.PRIOR_CALLS
        self._last_free: float | None = None

    def freed(self, now: float) -> None:
        """A seat became free after a call."""
        self._calls = (self._calls - self.PRIOR_CALLS) * (1.0 - 1.0 / self.MEMORY) + self.PRIOR_CALLS + 1.0
        self._breaks *= 1.0 - 1.0 / self.MEMORY
        self._last_free = now

    def left(self, now: float, *, announced: bool) -> None:
        """A seat went on a break after a call; an `announced` one was not counted on and says nothing new."""
        if announced:
            return
        if self._last_free != now:  # told in place of "wrap-up ended"; else that call is counted already
            self._calls += 1.0
        self._breaks += 1.0

    @property
    def share(self) -> float:
        """Breaks per call, 0 to 0.9."""
        return min(0.9, self._breaks / self._calls)

    def state(self) -> list[float]:
        """Counts as plain JSON types."""
        return [self._breaks, self._calls]

    def restore(self, state: object) -> None:
        """Take up what `state` gave. Raises TypeError or ValueError for a damaged one."""
        breaks, calls = finite_list(state, 2).tolist()
        self._breaks, self._calls = breaks, max(calls, self.PRIOR_CALLS)
