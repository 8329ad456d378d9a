"""How likely one number is to be answered, beside the campaign's mean, from what the store knows of earlier calls to it.

A logistic regression that is learned from outcomes as they come: the odds of an answer are the campaign's level times a
factor for each sign of the number. The level moves (it is learned with a short memory, and told with a long one: how the
rate moves is the pacer's own to learn); the signs' weights begin at none and hardly forget. One sequential Bayesian step
per outcome (Spiegelhalter and Lauritzen 1990, "Sequential updating of conditional probabilities on directed graphical
structures", Networks 20; the predictive probability moderated as in MacKay 1992, "The evidence framework applied to
classification networks", Neural Computation 4).

Nothing is told until it is proved that the signs say something. Every outcome is foretold twice before it is learned, with
the signs and by the level alone; while numbers do not differ, the ratio of the two likelihoods is a martingale, so that
it ever reaches 1,000 has a probability of at most 1 in 1,000 (Ville's inequality). Until it does, a pacer is told what it
was told before: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log, pi, sqrt
from typing import ClassVar

from dialer.domain.phone_facts import NumberHistory
from dialer.pacing.estimators import Learned, from_log_odds, log_odds

STATE_VERSION = 2


@dataclass(frozen=True, slots=True)
class NumberTuning:
    """Memories in outcomes, deviations in log odds. Found on simulated rolls (`dialer/simulation/laws.py`)."""

    level_memory: float = 250.0
    usual_memory: float = 2000.0  # of the level that is told: how the rate moves is the pacer's own to learn
    weight_memory: float = 20_000.0
    booth_memory: float = 500.0
    prior_outcomes: float = 30.0  # that the prior answer rate is worth
    earlier_calls: float = 4.0  # earlier calls that the campaign's rate weighs as much as, beside a number's own
    booth_calls: float = 60.0  # calls that showed no difference, before any of a booth
    most_booths: int = 1000
    proof: float = log(1000.0)  # lead in log likelihood over the level alone at which the signs begin to be told
    most_lead: float = 20.0
    """What a lead may grow to, so that signs which say nothing any more are given up soon: when none of it is left."""
    least_lead: float = -40.0
    lowest: float = 0.01
    highest: float = 0.95
    """What is told stays within these: no number is certain."""
    most_log_odds: float = 3.0  # by which one sign may differ


TUNED = NumberTuning()

SIGN_DEVIATIONS = {
    "own": 0.7, "near": 0.5, "busy": 1.0, "machines": 1.0, "called-us": 0.5, "calls": 0.5, "attempt": 0.5, "landline": 0.5,
}  # fmt: skip
"""How large the weight of each sign may be expected to be: its standard deviation before anything is learned."""


@dataclass(frozen=True, slots=True)
class NumberSigns:
    """What is known of a number that is about to be dialled."""

    history: NumberHistory
    attempt_number: int = 1  # of this campaign to this number
    booth_id: int = 0
    landline: bool = False


class NumberAnswers(Learned):
    """Of one campaign: learns from outcomes, tells each number's probability of an answer. Deterministic and pure."""

    KEPT: ClassVar = {
        **dict.fromkeys(("_mean", "_level", "_weights")),
        "_usual": (-10.0, 10.0),
        "_lead": (TUNED.least_lead, TUNED.most_lead),
        "outcomes": (0, 1e12),
        "tells": (0, 1),
    }

    def __init__(self, prior_answer_rate: float = 0.25) -> None:
        """`prior_answer_rate`: the campaign's mean before anything is learned."""
        self._rate = prior_answer_rate
        level = TUNED.prior_outcomes * prior_answer_rate * (1.0 - prior_answer_rate)
        self._usual = log_odds(prior_answer_rate)  # the level, by a long memory
        self._mean = _Coefficient(TUNED.level_memory, level, self._usual)  # of all numbers, as if none differed
        self._level = _Coefficient(TUNED.level_memory, level, self._usual)  # of a number whose signs say nothing
        self._weights = {
            name: _Coefficient(TUNED.weight_memory, deviation**-2.0) for name, deviation in SIGN_DEVIATIONS.items()
        }
        self._booths: dict[int, _Coefficient] = {}  # shift of the log odds; seen longest ago first
        self._lead = 0.0
        self.outcomes = 0
        self.tells = False

    @property
    def usual_rate(self) -> float:
        """The campaign's answer rate of late, whatever the number."""
        return from_log_odds(self._mean.value)

    def tell(self, signs: NumberSigns) -> float | None:
        """P(a person answers this number) at the campaign's usual level; None while its signs are not known to say anything."""
        if not self.tells:
            return None
        told = self._foretold(self._usual, self._known(signs, self._booths.get(signs.booth_id)))
        return min(TUNED.highest, max(TUNED.lowest, told))

    def learn(self, signs: NumberSigns, *, answered: bool) -> None:
        """Take in how a call ended: by a person's answer or not. Calls that we hung up ourselves say nothing."""
        usual = self.usual_rate
        booth = self._booths.pop(signs.booth_id, None)
        if booth is None:
            booth = _Coefficient(TUNED.booth_memory, TUNED.booth_calls * usual * (1.0 - usual))
        known = self._known(signs, booth)
        self._prove(self._foretold(self._level.value, known), usual, answered=answered)
        foretold = from_log_odds(self._level.value + _sum(sign * one.value for sign, one in known))
        self._mean.learn(1.0, usual, answered=answered)
        self._level.learn(1.0, foretold, answered=answered)
        for sign, one in known:
            one.learn(sign, foretold, answered=answered)
        self._booths[signs.booth_id] = booth
        if len(self._booths) > TUNED.most_booths:
            del self._booths[next(iter(self._booths))]
        self.outcomes += 1
        self._usual += (self._level.value - self._usual) / min(float(self.outcomes), TUNED.usual_memory)

    def _known(self, signs: NumberSigns, booth: _Coefficient | None) -> list[tuple[float, _Coefficient]]:
        """The signs as figures, each 0 where nothing is known, and the weight of each."""
        history = signs.history
        calls = max(0, history.calls)
        figures = {
            "own": self._own(max(0, history.answers), calls),
            "near": self._own(max(0, history.near_answers), max(0, history.near_calls)),
            "busy": max(0, history.busy) / (calls + TUNED.earlier_calls),
            "machines": max(0, history.machines) / (calls + TUNED.earlier_calls),
            "called-us": 1.0 if history.called_us > 0 else 0.0,
            "calls": calls / (calls + TUNED.earlier_calls),
            "attempt": min(max(0, signs.attempt_number - 1), 4) / 4.0,
            "landline": 1.0 if signs.landline else 0.0,
        }
        known = [(sign, self._weights[name]) for name, sign in figures.items() if sign != 0.0]
        return known if booth is None else [*known, (1.0, booth)]

    def _own(self, answers: int, calls: int) -> float:
        """Log odds of a number's own rate, drawn to the campaign's (a Beta prior), beside the campaign's."""
        share = (answers + TUNED.earlier_calls * self.usual_rate) / (calls + TUNED.earlier_calls)
        return _bounded(log_odds(share) - log_odds(self.usual_rate), TUNED.most_log_odds)

    def _foretold(self, level: float, known: list[tuple[float, _Coefficient]]) -> float:
        """The predictive probability: what is not known of the weights draws it to the middle."""
        variance = _sum(sign * sign / one.information for sign, one in known)
        score = _sum(sign * one.value for sign, one in known)
        return from_log_odds(level + score / sqrt(1.0 + pi * variance / 8.0))

    def _prove(self, told: float, mean: float, *, answered: bool) -> None:
        gained = log(told / mean) if answered else log((1.0 - told) / (1.0 - mean))
        self._lead = min(TUNED.most_lead, max(TUNED.least_lead, self._lead + gained))
        self.tells = self._lead > (0.0 if self.tells else TUNED.proof)

    # Over a restart

    def state(self) -> dict[str, object]:
        """What was learned, as plain JSON types."""
        booths = [[booth_id, one.value, one.information] for booth_id, one in self._booths.items()]
        return {**super().state(), "version": STATE_VERSION, "booths": booths}

    def restore(self, state: object) -> None:
        """Take up what `state` gave. A state of another version or a damaged one is ignored: nothing is known then."""
        taken = NumberAnswers(self._rate)
        try:
            if not isinstance(state, Mapping) or state["version"] != STATE_VERSION:
                return
            super(NumberAnswers, taken).restore(state)
            for booth_id, value, information in state["booths"]:
                booth = taken._booths[int(booth_id)] = _Coefficient(TUNED.booth_memory, 1.0)
                booth.restore({"value": value, "information": information})
        except (ArithmeticError, KeyError, TypeError, ValueError):
            return
        self.__dict__.update(taken.__dict__)


class _Coefficient(Learned):
    """One coefficient of a logistic regression, by recursive least squares with exponential forgetting."""

    KEPT: ClassVar = {"value": (-10.0, 10.0), "information": (1e-3, 1e9)}

    def __init__(self, memory: float, least_information: float, value: float = 0.0) -> None:
        self._keep, self._least = 1.0 - 1.0 / memory, max(1e-3, least_information)
        self.value, self.information = value, self._least

    def learn(self, sign: float, foretold: float, *, answered: bool) -> None:
        information = sign * sign * max(1e-3, foretold * (1.0 - foretold))
        self.information = max(self._least, self.information * self._keep) + information
        self.value = _bounded(self.value + sign * (answered - foretold) / self.information, 6.0)


def _bounded(value: float, most: float) -> float:
    return min(most, max(-most, value))


def _sum(figures: Iterable[float]) -> float:
    """The sum; not `sum`, which rounds otherwise from Python 3.12 on: every machine is to say the same."""
    total = 0.0
    for figure in figures:
        total += figure
    return total
