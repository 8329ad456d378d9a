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

from collections.abc import Mapping
from dataclasses import dataclass
from math import log, pi, sqrt
from typing import ClassVar

from dialer.domain.phone_facts import NumberHistory
from dialer.pacing.estimators import Learned, from_log_odds, log_odds

STATE_VERSION = 1

LEVEL_MEMORY = 250.0
"""Outcomes that the level's memory keeps; USUAL_MEMORY is that of the level which is told."""
USUAL_MEMORY = 2000.0
WEIGHT_MEMORY = 20_000.0
BOOTH_MEMORY = 500.0

PROOF = log(1000.0)
"""Lead in log likelihood over the level alone at which the signs begin to be told."""
MOST_LEAD = 20.0
"""What a lead may grow to, so that signs which say nothing any more are given up soon: when none of it is left."""
LEAST_LEAD = -40.0

EARLIER_CALLS = 4.0
"""Earlier calls that the campaign's rate weighs as much as, beside a number's own."""
BOOTH_CALLS = 60.0
MOST_BOOTHS = 1000

LOWEST, HIGHEST = 0.01, 0.95
"""What is told stays within these: no number is certain."""

_PRIOR_OUTCOMES = 30.0
_MOST_LOG_ODDS = 3.0
SIGN_DEVIATIONS = (0.7, 0.5, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.7)
"""How large the weight of each sign may be expected to be: its standard deviation before anything is learned."""
SIGNS = len(SIGN_DEVIATIONS)


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
        "_usual": (-10.0, 10.0),
        "_lead": (LEAST_LEAD, MOST_LEAD),
        "_weights": (-100.0, 100.0),
        "_spread": (-100.0, 100.0),
        "outcomes": (0, 1e12),
        "tells": (0, 1),
    }

    def __init__(self, prior_answer_rate: float = 0.25) -> None:
        """`prior_answer_rate`: the campaign's mean before anything is learned."""
        self._prior = log_odds(prior_answer_rate)
        self._mean = _Level(self._prior)  # of all numbers, as if none differed
        self._level = _Level(self._prior)  # of a number whose signs say nothing
        self._usual = self._prior  # the level, by a long memory
        self._weights = [0.0] * SIGNS
        self._spread = [
            [deviation**2 if row == column else 0.0 for column in range(SIGNS)]
            for row, deviation in enumerate(SIGN_DEVIATIONS)
        ]
        # By booth: shift of the log odds, and its information; seen longest ago first.
        self._booths: dict[int, tuple[float, float]] = {}
        self._lead = 0.0
        self.outcomes = 0
        self.tells = False

    @property
    def usual_rate(self) -> float:
        """The campaign's answer rate of late, whatever the number."""
        return from_log_odds(self._mean.log_odds)

    def tell(self, signs: NumberSigns) -> float | None:
        """P(a person answers this number) at the campaign's usual level; None while its signs are not known to say anything."""
        if not self.tells:
            return None
        row = self._row(signs)
        return min(HIGHEST, max(LOWEST, self._foretold(self._usual, row, self._times_spread(row))))

    def learn(self, signs: NumberSigns, *, answered: bool) -> None:
        """Take in how a call ended: by a person's answer or not. Calls that we hung up ourselves say nothing."""
        row = self._row(signs)
        spread = self._times_spread(row)
        told = self._foretold(self._level.log_odds, row, spread)
        self._prove(told, from_log_odds(self._mean.log_odds), answered=answered)
        score = _dot(self._weights, row)
        foretold = from_log_odds(self._level.log_odds + score)
        without_booth = self._level.log_odds + score - self._weights[-1] * row[-1]
        self._mean.learn(from_log_odds(self._mean.log_odds), answered=answered)
        self._level.learn(foretold, answered=answered)
        self._learn_weights(spread, _dot(row, spread), foretold, answered=answered)
        self._learn_booth(signs.booth_id, without_booth, answered=answered)
        self.outcomes += 1
        self._usual += (self._level.log_odds - self._usual) / min(float(self.outcomes), USUAL_MEMORY)

    # What the signs are

    def _row(self, signs: NumberSigns) -> list[float]:
        """The signs as figures, each 0 where nothing is known."""
        history = signs.history
        answers, calls = max(0, history.answers), max(0, history.calls)
        near = max(0, history.near_answers), max(0, history.near_calls)
        return [
            self._own(answers, calls),
            self._own(*near),
            max(0, history.busy) / (calls + EARLIER_CALLS),
            max(0, history.machines) / (calls + EARLIER_CALLS),
            1.0 if history.called_us > 0 else 0.0,
            calls / (calls + EARLIER_CALLS),
            min(max(0, signs.attempt_number - 1), 4) / 4.0,
            1.0 if signs.landline else 0.0,
            self._of_booth(signs.booth_id),
        ]

    def _own(self, answers: int, calls: int) -> float:
        """Log odds of a number's own rate, drawn to the campaign's (a Beta prior), beside the campaign's."""
        usual = from_log_odds(self._mean.log_odds)
        share = (answers + EARLIER_CALLS * usual) / (calls + EARLIER_CALLS)
        return min(_MOST_LOG_ODDS, max(-_MOST_LOG_ODDS, log_odds(share) - log_odds(usual)))

    def _of_booth(self, booth_id: int) -> float:
        return self._booths.get(booth_id, (0.0, 0.0))[0]

    # The regression

    def _times_spread(self, row: list[float]) -> list[float]:
        return [_dot(line, row) for line in self._spread]

    def _foretold(self, level: float, row: list[float], spread: list[float]) -> float:
        """The predictive probability: what is not known of the weights draws it to the middle."""
        moderated = sqrt(1.0 + pi * max(0.0, _dot(row, spread)) / 8.0)
        return from_log_odds(level + _dot(self._weights, row) / moderated)

    def _learn_weights(self, spread: list[float], variance: float, foretold: float, *, answered: bool) -> None:
        weight = foretold * (1.0 - foretold)
        gain = 1.0 / (1.0 + weight * max(0.0, variance))
        step = gain * (answered - foretold)
        self._weights = [known + step * one for known, one in zip(self._weights, spread, strict=True)]
        taken = weight * gain
        lines = [
            [known - taken * one * other for known, other in zip(line, spread, strict=True)]
            for line, one in zip(self._spread, spread, strict=True)
        ]
        faded = 1.0 + 1.0 / WEIGHT_MEMORY
        if all(lines[n][n] * faded <= SIGN_DEVIATIONS[n] ** 2 for n in range(SIGNS)):
            lines = [[known * faded for known in line] for line in lines]
        self._spread = lines

    def _learn_booth(self, booth_id: int, without: float, *, answered: bool) -> None:
        """A booth's log odds beside the others': drawn to none as if BOOTH_CALLS calls had shown no difference.

        `without`: the log odds of the call, were it of any other booth.
        """
        usual = from_log_odds(self._mean.log_odds)
        shift, information = self._booths.pop(booth_id, (0.0, BOOTH_CALLS * usual * (1.0 - usual)))
        foretold = from_log_odds(without + shift)
        information = information * (1.0 - 1.0 / BOOTH_MEMORY) + max(1e-3, foretold * (1.0 - foretold))
        shift = min(_MOST_LOG_ODDS, max(-_MOST_LOG_ODDS, shift + (answered - foretold) / information))
        self._booths[booth_id] = (shift, information)
        if len(self._booths) > MOST_BOOTHS:
            del self._booths[next(iter(self._booths))]

    def _prove(self, told: float, mean: float, *, answered: bool) -> None:
        gained = log(told / mean) if answered else log((1.0 - told) / (1.0 - mean))
        self._lead = min(MOST_LEAD, max(LEAST_LEAD, self._lead + gained))
        self.tells = self._lead > (0.0 if self.tells else PROOF)

    # Over a restart

    def state(self) -> dict[str, object]:
        """What was learned, as plain JSON types."""
        return {
            **super().state(),
            "version": STATE_VERSION,
            "mean": self._mean.state(),
            "level": self._level.state(),
            "booths": [[booth_id, *known] for booth_id, known in self._booths.items()],
        }

    def restore(self, state: object) -> None:
        """Take up what `state` gave. A state of another version or a damaged one is ignored: nothing is known then."""
        taken = NumberAnswers(from_log_odds(self._prior))
        try:
            taken._take_up(state)
        except (ArithmeticError, KeyError, TypeError, ValueError):
            return
        self.__dict__.update(taken.__dict__)

    def _take_up(self, state: object) -> None:
        if not isinstance(state, Mapping) or state["version"] != STATE_VERSION:
            raise ValueError("not a state of this version")
        super().restore(state)
        if any(not 0.0 <= self._spread[n][n] <= 2.0 * SIGN_DEVIATIONS[n] ** 2 for n in range(SIGNS)):
            raise ValueError("not a spread")
        self._mean.restore(state["mean"])
        self._level.restore(state["level"])
        for booth_id, shift, information in list(state["booths"])[-MOST_BOOTHS:]:
            if not (abs(shift) <= _MOST_LOG_ODDS and 0.0 < information < 1e9):
                raise ValueError("not a booth")
            self._booths[int(booth_id)] = (float(shift), float(information))


class _Level(Learned):
    """Log odds that forget: a regression of one coefficient, as the pacer's own answer rate is."""

    KEPT: ClassVar = {"log_odds": (-6.0, 6.0), "_information": (1e-3, 1e9)}
    KEEP = 1.0 - 1.0 / LEVEL_MEMORY

    def __init__(self, prior: float) -> None:
        rate = from_log_odds(prior)
        self.log_odds = prior
        self._information = _PRIOR_OUTCOMES * rate * (1.0 - rate)

    def learn(self, foretold: float, *, answered: bool) -> None:
        self._information = self._information * self.KEEP + max(1e-3, foretold * (1.0 - foretold))
        self.log_odds = min(6.0, max(-6.0, self.log_odds + (answered - foretold) / self._information))


def _dot(one: list[float], other: list[float]) -> float:
    total = 0.0  # no `sum`: it rounds otherwise from Python 3.12 on, and every machine is to say the same
    for a, b in zip(one, other, strict=True):
        total += a * b
    return total
