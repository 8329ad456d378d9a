"""Estimators for predictive pacing: they learn how long talks, wrap-ups and ringing last, and how many calls are
answered.

Every estimator starts from an assumption (prior) that counts as a few observations. Older observations count
exponentially less. The estimates stay finite for any input.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dialer.pacing.lookahead import append_squares_and_cubes
from dialer.pacing.port import RingingCall
from dialer.pacing.tuning import Tuning

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

HAZARD_EDGES: tuple[float, ...] = (
    *(0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 27, 33, 40, 50, 60, 75, 90, 110, 135, 165, 200, 250, 300, 400, 600),
)
"""Bin edges of the piecewise-constant hazards (seconds). The last bin has no end."""
STEP_SECONDS = 0.5
STEPS = 160
"""Number of steps of the ring-time distributions (80 s in all). The last step includes all longer times."""
LONGEST_SECONDS = 14_400.0
"""Maximum of measured durations: a seat left talking for a day must not outweigh everything else."""

_NONE: Vector = np.zeros(0)
_EDGES = np.array(HAZARD_EDGES, dtype=np.float64)
_WIDTHS = np.append(np.diff(_EDGES), np.inf)
_MIDDLES = (np.arange(STEPS) + 0.5) * STEP_SECONDS


def limit_duration_to_valid_range(seconds: float) -> float:
    """Return a measured duration, limited to 0..LONGEST_SECONDS. The measured value may be negative, infinite or not a
    number.
    """
    return min(LONGEST_SECONDS, max(0.0, seconds))  # max(0.0, nan) is 0.0


def compute_odds_against_event(probability: float) -> float:
    """Return the odds (1 - p) / p against an event with probability p. The result is finite also for 0, 1 and invalid
    values.
    """
    probability = _limit_answer_rate_to_valid_range(probability)
    return (1.0 - probability) / probability


class Learned:
    """Base class of estimators whose learned state survives a restart. `SAVED` lists the attributes to save."""

    SAVED: ClassVar[Mapping[str, tuple[float, float] | None]] = {}
    """The attributes to save, each with the valid range of its numbers; None: the attribute, or each of its values, is
    Learned too.
    """

    def get_learned_state(self) -> dict[str, object]:
        """Return the estimator's learned state as plain JSON types."""
        return {name: _convert_learned_value_to_json(getattr(self, name)) for name in self.SAVED}

    def restore_learned_state(self, state: object) -> None:
        """Restore the learned state from a value that `get_learned_state` returned.

        Raises:
            KeyError, TypeError, ValueError: the value is damaged. The estimator may be half restored.
        """
        if not isinstance(state, Mapping):
            raise TypeError(
                "the saved pacing state is damaged (an estimator is not a mapping of names to values): pacing starts without it"
            )
        for name, within in self.SAVED.items():
            known = getattr(self, name)
            if within is None:
                for part, one in known.items() if isinstance(known, dict) else [(None, known)]:
                    one.restore_learned_state(state[name] if part is None else state[name][part])
                continue
            saved = np.array(state[name], dtype=np.float64)
            if saved.shape != np.shape(known) or not ((saved >= within[0]) & (saved <= within[1])).all():
                raise ValueError(
                    f"the saved pacing state is damaged (the value of {name} is out of range): pacing starts without it"
                )
            setattr(self, name, saved if isinstance(known, np.ndarray) else type(known)(saved.tolist()))


def _convert_learned_value_to_json(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _convert_learned_value_to_json(one) for name, one in value.items()}
    return value.get_learned_state() if isinstance(value, Learned) else np.asarray(value).tolist()


class Hazard(Learned):
    """Estimates how likely a talk or wrap-up is to end in the next second, given how long it has lasted (hazard rate).

    Elapsed time is divided into bins. A bin's rate is the number of endings in it, divided by the seconds spent in it.
    The rate of a bin with few endings is drawn towards the overall rate. Agents may announce that a talk will end soon;
    how often they do so is estimated in the same way.
    """

    SAVED: ClassVar = {"_endings": (0.0, 1e9), "_exposure": (0.0, 1e12)}

    def __init__(self, tuning: Tuning, prior_mean_seconds: float) -> None:
        """Create the estimator for one stage of calls, such as the talk. `prior_mean_seconds` is the mean duration of
        the stage that is assumed at first.
        """
        self._tuning = tuning
        self.memory = tuning.hazard_memory  # number of endings in the memory
        self._prior = np.array([[tuning.prior_endings], [0.0]])
        self._prior_seconds = tuning.prior_endings * prior_mean_seconds
        self._endings = np.zeros((2, len(_EDGES)))  # row 0: endings; row 1: changes into the inner state
        self._exposure = np.zeros(len(_EDGES))

    def learn_stage_duration(self, seconds: float, *, went_over: bool = False) -> None:
        """Learn how long a talk or wrap-up lasted (seconds).

        If `went_over` is True, its agent has announced the end, and `seconds` is the time until this announcement.
        """
        seconds = limit_duration_to_valid_range(seconds)
        self._endings *= 1.0 - 1.0 / self.memory
        self._exposure *= 1.0 - 1.0 / self.memory
        self._exposure += np.minimum(np.maximum(seconds - _EDGES, 0.0), _WIDTHS)
        self._endings[int(went_over), bisect_right(HAZARD_EDGES, seconds) - 1] += 1.0

    def estimate_end_rates(self, ongoing: Vector = _NONE) -> Matrix:
        """Return the rates (per second) at which talks or wrap-ups end, and at which agents announce their end.

        The result has a row for each of the two rates, and a column for each bin of elapsed time.

        Args:
            ongoing: elapsed seconds of the talks or wrap-ups in progress. They count while few endings are known,
                because the first known endings are those of the shortest talks.
        """
        share = max(0.0, 1.0 - self.number_of_learned_durations / self.memory)
        exposure = self._exposure + share * np.clip(ongoing[:, None] - _EDGES, 0.0, _WIDTHS).sum(axis=0)
        seconds = exposure.sum() + self._prior_seconds
        overall = (self._endings.sum(axis=1, keepdims=True) + self._prior) / seconds
        shrink = self._tuning.hazard_shrink
        rates: Matrix = (self._endings + shrink) * overall / (exposure * overall + shrink)
        return rates

    @property
    def number_of_learned_durations(self) -> float:
        """Return how many ended talks or wrap-ups the estimates are based on. Older ones count less."""
        return float(self._endings.sum())

    @property
    def mean_duration_seconds(self) -> float:
        """Return the mean duration of the talk or wrap-up (seconds)."""
        return float(
            (self._exposure.sum() + self._prior_seconds) / (self.number_of_learned_durations + self._prior.sum())
        )


# Row numbers of the ring-time distributions, which are counts by steps of STEP_SECONDS.
_ANSWER_RING, _FAIL_RING = 0, 1  # from "ringing" to the answer; from "ringing" to an unanswered end
_ANSWER_SILENT, _FAIL_SILENT = 2, 3  # from the Originate to "ringing", or to the end of a call that never rang
_ANSWER = 4  # from the Originate to the answer

PER_SECOND = 4
"""Rows of the table per second. They are finer than the steps, so that the nearest row is exact enough."""
ROWS = int(STEPS * STEP_SECONDS) * PER_SECOND
_LAST_SECONDS = (ROWS - 1) / PER_SECOND


class RingTimes(Learned):
    """Estimates how long calls ring, and how long they are silent before the phone rings.

    Answered and unanswered calls have separate distributions.
    """

    SAVED: ClassVar = {"_counts": (0.0, 1e9), "at_once": (0.0, 1.0)}

    def __init__(self, tuning: Tuning, answer_seconds: float = 10.0) -> None:
        """Create the estimator of ring times. `answer_seconds` is the ring time of answered calls that is assumed at
        first.
        """
        self._tuning = tuning
        self.at_once = 0.0
        """The share of the last few calls that the carrier itself answered (0-1)."""
        within, late = (_MIDDLES < 40.0).astype(float), ((_MIDDLES > 27.0) & (_MIDDLES < 33.0)).astype(float)
        set_up = (_MIDDLES < 4.0).astype(float)
        gamma = (_MIDDLES / answer_seconds) ** 2 * np.exp(
            -3.0 * _MIDDLES / answer_seconds
        )  # gamma distribution of shape 3
        fading = np.exp(-_MIDDLES / 3.0)
        laws = (
            (0.5, gamma),
            (2.0 / 3.0, late, within),
            (1.0, set_up, gamma),
            (1.0, set_up, set_up, fading),
            (1.0, gamma),
        )
        priors = [share * np.mean([shape / shape.sum() for shape in shapes], axis=0) for share, *shapes in laws]
        self._counts: Matrix = tuning.prior_rings * np.stack(priors)

    @property
    def is_ringing_reported_by_carrier(self) -> bool:
        """Return whether the carrier reports that a phone is ringing before the call is answered. Some carriers never
        do.
        """
        return bool(self._counts[_ANSWER_RING].sum() > self._tuning.least_rung * self._counts[_ANSWER_SILENT].sum())

    def learn_ring_time_of_ended_call(self, *, answered: bool, seconds: float, ringing_seconds: float | None) -> None:
        """Record that a call was answered or failed.

        Args:
            seconds: the time since its Originate.
            ringing_seconds: the time since its phone began to ring, or None if the carrier never reported ringing.
        """
        at_once = answered and ringing_seconds is None and seconds < self._tuning.at_once_seconds
        self.at_once += (at_once - self.at_once) / self._tuning.at_once_memory
        if at_once:
            return  # an answer by the carrier says nothing about how long people let a phone ring
        ring, silent = (_ANSWER_RING, _ANSWER_SILENT) if answered else (_FAIL_RING, _FAIL_SILENT)
        counts, seconds = self._counts, limit_duration_to_valid_range(seconds)
        for law in (ring, silent, _ANSWER) if answered else (ring, silent):
            counts[law] *= 1.0 - 1.0 / self._tuning.ring_memory
        rang = limit_duration_to_valid_range(ringing_seconds or 0.0)
        counts[silent, _find_histogram_bin_of_duration(max(0.0, seconds - rang))] += 1.0
        if ringing_seconds is not None:
            counts[ring, _find_histogram_bin_of_duration(rang)] += 1.0
        if answered:
            counts[_ANSWER, _find_histogram_bin_of_duration(seconds)] += 1.0

    @property
    def number_of_calls_learned_from(self) -> float:
        """Return the number of ended calls from which the ring times are estimated."""
        return float(self._counts[_ANSWER_SILENT : _FAIL_SILENT + 1].sum())

    def count_ring_times(self, calls: Sequence[RingingCall], chances: Vector) -> Matrix:
        """Return histograms of ring times, from ended calls and from calls in flight.

        It is unknown when a call in flight will end. So it is spread over the times at which it may end (a step of the
        self-consistent estimate, Efron 1967). Calls in flight count only while few calls have ended, because the first
        calls to end are the shortest.

        Args:
            chances: for each call in flight, the probability (0-1) that it will be answered.
        """
        counts = self._counts.copy()
        shares = np.maximum(0.0, 1.0 - counts.sum(axis=1) / self._tuning.ring_memory)
        rings = np.array([ringing is not None for _, _, ringing in calls], dtype=bool)
        elapsed, rang = (
            np.array(
                [_find_histogram_bin_of_duration(limit_duration_to_valid_range(each)) for each in seconds],
                dtype=np.intp,
            )
            for seconds in ([call.elapsed_seconds for call in calls], [call.ringing_seconds or 0.0 for call in calls])
        )
        for ring, silent, weights in (
            (_ANSWER_RING, _ANSWER_SILENT, chances),
            (_FAIL_RING, _FAIL_SILENT, 1.0 - chances),
        ):
            before = counts[silent].sum()
            _spread_calls_over_end_times(counts[silent], elapsed[~rings], shares[silent] * weights[~rings])
            counts[ring] *= counts[silent].sum() / max(1e-9, before)  # as many of them will ring as of the others
            _spread_calls_over_end_times(counts[ring], rang[rings], shares[ring] * weights[rings])
            np.add.at(counts[silent], np.maximum(0, elapsed - rang)[rings], shares[silent] * weights[rings])
        _spread_calls_over_end_times(counts[_ANSWER], elapsed, shares[_ANSWER] * chances)
        return counts

    def learn_from_hung_up_call(self, *, seconds: float, ringing_seconds: float | None, chance: float) -> None:
        """Record that the dialler hung up a call, which would have been answered with the probability `chance` (0-1).

        It is unknown how long the call would have rung. So the call is spread over all ring times that are longer than
        its own (self-consistent estimate, Efron 1967).
        """
        if ringing_seconds is None:
            return
        rang = limit_duration_to_valid_range(ringing_seconds)
        silent = _find_histogram_bin_of_duration(max(0.0, limit_duration_to_valid_range(seconds) - rang))
        for law, since, part in (
            (_ANSWER_RING, rang, chance),
            (_ANSWER, limit_duration_to_valid_range(seconds), chance),
            (_FAIL_RING, rang, 1.0 - chance),
        ):
            step = _find_histogram_bin_of_duration(since)
            later = float(self._counts[law, step:].sum())
            if later > 0.0:
                self._counts[law] *= 1.0 - part / self._tuning.ring_memory
                self._counts[law, step:] *= 1.0 + part / later
        self._counts[_ANSWER_SILENT, silent] += chance
        self._counts[_FAIL_SILENT, silent] += 1.0 - chance


def _spread_calls_over_end_times(counts: Vector, since: NDArray[np.intp], weights: Vector) -> None:
    """Count calls in flight as if they had ended, spread over the times at which other calls ended.

    `counts` has the number of ended calls by time step, and is changed. `since` has the time step that each call in
    flight has reached. `weights` says how much each of these calls counts.
    """
    tail = np.cumsum(counts[::-1])[::-1]
    counts *= 1.0 + np.cumsum(np.bincount(since, weights, minlength=STEPS) / np.maximum(tail, 1e-9))


def _find_histogram_bin_of_duration(seconds: float) -> int:
    return min(STEPS - 1, int(seconds / STEP_SECONDS))


class InFlightTable:
    """A table of the probability that a call in flight will be answered, by how long it has been in flight.

    The first ROWS rows are for calls whose phone does not ring yet, by seconds since the Originate. The other rows are
    for ringing calls, by seconds since the carrier reported "ringing".
    """

    def __init__(
        self, rings: RingTimes, tuning: Tuning, calls: Sequence[RingingCall] = (), chances: Vector = _NONE
    ) -> None:
        """Create the table from the distributions of ring times.

        Args:
            calls: the calls in flight, which count while few calls have ended.
            chances: the probability that each of them will be answered.
        """
        moments = tuning.moments
        counts = rings.count_ring_times(calls, chances)
        at_once = min(tuning.most_at_once, rings.at_once)
        by_carrier = at_once * counts[_ANSWER].sum()
        counts[_ANSWER] *= 1.0 - at_once
        counts[_ANSWER, 0] += by_carrier
        tail = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
        survival = tail / np.maximum(tail[:, :1], 1e-9)
        age = np.arange(ROWS) / PER_SECOND

        def compute_share_of_calls_still_ringing(law: int, seconds: Matrix) -> Matrix:
            out: Matrix = np.interp(seconds / STEP_SECONDS, np.arange(STEPS), survival[law])
            return out

        wanted = 1.0 - (np.arange(moments) + 0.5) / moments
        self.moments: Vector = np.interp(-wanted, -survival[_ANSWER], np.arange(STEPS)) * STEP_SECONDS
        """The future moments considered (seconds from now): midpoints of equally likely parts of the distribution of
        answer times.
        """
        rang = np.minimum(0.99, tail[:2, 0] / np.maximum(tail[2:4, 0], 1e-9))
        if_answered = np.concatenate(
            (
                compute_share_of_calls_still_ringing(_ANSWER_SILENT, age),
                rang[0] * compute_share_of_calls_still_ringing(_ANSWER_RING, age),
            )
        )
        if_failed = np.concatenate(
            (
                compute_share_of_calls_still_ringing(_FAIL_SILENT, age),
                rang[1] * compute_share_of_calls_still_ringing(_FAIL_RING, age),
            )
        )
        self.ratio: Vector = (if_failed + 5e-4) / (if_answered + 1e-4)
        """P(still in flight | it will fail) / P(still in flight | it will be answered), by row."""
        later = age[:, None] + self.moments
        answered = [
            1.0
            - compute_share_of_calls_still_ringing(law, later)
            / np.maximum(compute_share_of_calls_still_ringing(law, age), 1e-4)[:, None]
            for law in (_ANSWER, _ANSWER_RING)
        ]
        self.answered: Matrix = np.maximum(0.0, np.concatenate(answered))
        """P(answered by each moment | it will be answered), by row."""
        self.powers = append_squares_and_cubes(self.answered)
        self.new: Vector = self.answered[0]
        """P(answered by each moment | it will be answered), for a call that is placed now."""

    @staticmethod
    def find_rows_of_ringing_calls(calls: Iterable[RingingCall]) -> list[int]:
        """Return each call's row number in this table of answer probabilities.

        The row depends on how long the phone has rung or, if it does not ring yet, on the time since the Originate.
        """
        rows = []  # a time that is negative or not a number gets the first row
        for elapsed, _, ringing in calls:
            seconds = ringing if ringing is not None and ringing < elapsed else elapsed
            row = int(seconds * PER_SECOND + 0.5) if 0.0 < seconds < _LAST_SECONDS else ROWS - 1 if seconds > 0.0 else 0
            rows.append(row if ringing is None else ROWS + row)
        return rows


class AnswerRate(Learned):
    """The answer rate of a campaign: a mean over calls, in which older calls count exponentially less.

    Ringing calls count as partly unanswered. If they were left out, the estimate would be too high, because an answer
    ends a call sooner than a failure. The estimate would also follow a change of the rate late, after one ring time.
    """

    SAVED: ClassVar = {"rate": (1e-4, 1.0 - 1e-4), "calls": (1e-3, 1e9)}

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self.memory = tuning.answer_memory  # number of calls in the memory
        self.rate = tuning.answer_rate
        """The rate from the calls that have ended (0-1)."""
        self.calls = tuning.answer_rate_calls
        """The number of calls that the rate is based on, at most the memory."""

    def reset_answer_rate_for_new_numbers(self) -> None:
        """Reset the answer rate to that of a new campaign, because from now on the campaign dials numbers with another
        answer rate.
        """
        self.rate, self.calls = self._tuning.answer_rate, self._tuning.answer_rate_calls

    def learn_whether_call_was_answered(self, *, answered: bool) -> None:
        """Record that a call was answered or failed."""
        self.calls = (1.0 - 1.0 / self.memory) * self.calls + 1.0
        self.rate = _limit_answer_rate_to_valid_range(self.rate + (answered - self.rate) / self.calls)

    def learn_from_hung_up_call(self, ratio: float) -> float:
        """Record that the dialler hung up a ringing call. Return the probability that it would have been answered.

        Args:
            ratio: P(a failing call rings at least as long as this one) / P(an answered call rings at least as long).
        """
        self.rate, self.calls, answered = self._estimate_answer_rate_with_ringing_calls(np.array([ratio]))
        return float(answered[0])

    def estimate_answer_rate(self, ratio: Vector, known_calls: float = inf) -> float:
        """Return the answer rate (0-1), estimated from ended calls and from ringing calls.

        Args:
            ratio: for each ringing call, P(a failing call rings at least as long) / P(an answered call rings at least as
                long).
            known_calls: the number of ended calls from which the ring times are known. If it is small, each ringing
                call counts less.
        """
        if not len(ratio):
            return self.rate
        weight = 1.0 / (1.0 + len(ratio) / max(1e-9, known_calls))
        return self._estimate_answer_rate_with_ringing_calls(ratio, weight)[0]

    def _estimate_answer_rate_with_ringing_calls(
        self, ratio: Vector, weight: float = 1.0
    ) -> tuple[float, float, Vector]:
        """Return the answer rate, the number of calls it is based on, and each ringing call's answer probability.

        The rate is estimated from ended and ringing calls. A ringing call counts less than an ended call, because its
        outcome is only partly known. It counts as `weight` * (1 - q (1 - q) / p (1 - p)) of a call. Here p is the
        answer rate of ended calls, and q the ringing call's answer probability.
        """
        p, q = self.rate, 1.0 / (1.0 + compute_odds_against_event(self.rate) * ratio)
        calls = self.calls + weight * max(0.0, len(ratio) - float(q.dot(1.0 - q)) / (p * (1.0 - p)))
        return _limit_answer_rate_to_valid_range(p + weight * (sum(q.tolist()) - p * len(ratio)) / calls), calls, q


def _limit_answer_rate_to_valid_range(rate: float) -> float:
    return min(1.0 - 1e-4, max(1e-4, rate))  # max(1e-4, nan) is 1e-4
