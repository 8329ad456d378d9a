"""The least idle time that a controller can reach from counts alone: a constrained Markov decision process, solved exactly.

    python bench/optimum.py                     table for 5, 10, 27 and 100 seats, p = 0.15, 0.30, 0.50
    python bench/optimum.py --seats 40 --answer-rate 0.22 --cap 0.01

The Markov version of a centre has N seats, exponential work (talk and wrap-up) of mean 105 s, exponential ringing of mean
11 s for any outcome, and answers with probability p. An answered caller without a seat leaves after an exponential time of
mean 2 s. The state is seats busy plus callers waiting, and calls ringing. At any event the controller may place any number
of calls. It maximises calls that reach a seat, while abandoned / live answers stays at the cap in the long run.

Method: with a price on each abandoned call (Lagrange multiplier) it is an average-reward decision process, which Howard's
policy iteration solves. Each policy is evaluated exactly by block elimination, because the chain is block tridiagonal in the
busy seats. The price is bisected. The cap is met by mixing the two policies on either side of it, which is optimal (Beutler
and Ross 1985).

A real centre can do better, because it knows elapsed times, or worse, because real ringing has a dead time.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Targets = NDArray[np.int64]

SEATS = (5, 10, 27, 100)
ANSWER_RATES = (0.15, 0.30, 0.50)
_NEVER = -1e6  # value of the empty centre without calls, so that no policy stays there
_SAME = 1e-9  # closer values count as equal; otherwise policy iteration may alternate between equal policies

_MOST_IMPROVEMENTS = 200  # per price; about ten are usual


@dataclass(frozen=True, slots=True)
class MarkovCentre:
    """The parameters of the Markov version. Times are means (seconds)."""

    seats: int
    answer_rate: float
    cap: float = 0.03
    work_seconds: float = 105.0
    ring_seconds: float = 11.0
    patience_seconds: float = 2.0

    def max_waiting(self) -> int:
        """Return the modelled maximum of waiting callers. More are very unlikely and count as abandoned."""
        return max(6, round(0.12 * self.seats) + 6)

    def max_ringing(self) -> int:
        """Return the modelled maximum of ringing calls, well above the need of all seats."""
        needed = self.seats * self.ring_seconds / self.work_seconds / self.answer_rate
        return round(1.6 * needed * (1.0 + 3.0 / math.sqrt(self.seats)) + 20.0 / self.answer_rate)


@dataclass(frozen=True, slots=True)
class Optimum:
    """The optimum of a controller that knows only counts."""

    idle_seconds_per_call: float
    utilisation: float
    abandoned_share: float
    price: float  # of an abandoned call, in calls that reach a seat
    policy_evaluations: int


@dataclass(frozen=True, slots=True)
class _Rates:
    """The rates of events per second in each state (busy plus waiting, ringing)."""

    down: Array  # [busy]: a seat becomes available or a waiting caller leaves
    answered: Array  # [ringing]
    unanswered: Array  # [ringing]
    reached: Array  # [busy, ringing]: calls that reach a seat per second
    abandoned: Array  # [busy, ringing]

    @classmethod
    def of(cls, centre: MarkovCentre) -> _Rates:
        seats, most = centre.seats, centre.seats + centre.max_waiting()
        busy = np.arange(most + 1)
        ringing = np.arange(centre.max_ringing() + 1, dtype=np.float64)
        waiting = np.maximum(0, busy - seats)
        finishing = np.minimum(busy, seats) / centre.work_seconds
        leaving = waiting / centre.patience_seconds
        answered: Array = ringing * (centre.answer_rate / centre.ring_seconds)
        reached = np.where(busy[:, None] < seats, answered[None, :], (finishing * (waiting > 0))[:, None])
        abandoned = leaving[:, None] + np.where(busy[:, None] == most, answered[None, :], 0.0)
        unanswered: Array = ringing * ((1.0 - centre.answer_rate) / centre.ring_seconds)
        return cls(finishing + leaving, answered, unanswered, reached, abandoned)


@dataclass(frozen=True, slots=True)
class _Evaluation:
    """A policy's value relative to a reference state, and its long-run rates per second."""

    value: Array  # [busy, ringing]
    reached: float
    abandoned: float


def _generator(rates: _Rates, targets: Targets) -> tuple[list[Array], list[Array], list[Array]]:
    """Return the chain under a policy as blocks: to one busy seat less, to the same number, to one more."""
    most_busy, most_ringing = targets.shape[0] - 1, targets.shape[1] - 1
    ringing = np.arange(most_ringing + 1)
    fewer = np.maximum(0, ringing - 1)
    lower, same, upper = [], [], []
    for busy in range(most_busy + 1):
        down, stay, up = (np.zeros((most_ringing + 1, most_ringing + 1)) for _ in range(3))
        if busy > 0:
            down[ringing, targets[busy - 1, ringing]] = rates.down[busy]
        np.add.at(stay, (ringing, targets[busy, fewer]), rates.unanswered)
        if busy < most_busy:
            up[ringing, targets[busy + 1, fewer]] = rates.answered
        else:
            np.add.at(stay, (ringing, targets[busy, fewer]), rates.answered)
        stay[ringing, ringing] -= rates.down[busy] + rates.answered + rates.unanswered
        lower.append(down)
        same.append(stay)
        upper.append(up)
    return lower, same, upper


def _evaluate(centre: MarkovCentre, rates: _Rates, targets: Targets, reward: Array) -> _Evaluation:
    """Solve the policy's equations exactly; `targets[busy, ringing]` is the number ringing after the decision."""
    lower, same, upper = _generator(rates, targets)
    right = [
        np.stack([np.ones(reward.shape[1]), -reward[n], -rates.reached[n], -rates.abandoned[n]], axis=1)
        for n in range(reward.shape[0])
    ]
    same[0][0, 0], right[0][0] = 1.0, (0.0, _NEVER, 0.0, 0.0)
    # The reference state must be visited often, because the gain is divided by its return time.
    busy = max(1, round(centre.seats - 1 - 0.5 * math.sqrt(centre.seats)))
    ringing = int(targets[busy, 0])
    row = lower[busy][ringing].copy(), same[busy][ringing].copy(), upper[busy][ringing].copy()
    for block in (lower, same, upper):
        block[busy][ringing] = 0.0
    same[busy][ringing, ringing], right[busy][ringing] = 1.0, 0.0
    for n in range(1, len(same)):
        factor = np.linalg.solve(same[n - 1].T, lower[n].T).T
        same[n] -= factor @ upper[n - 1]
        right[n] -= factor @ right[n - 1]
    solved = [np.linalg.solve(same[-1], right[-1])]
    for n in range(len(same) - 2, -1, -1):
        solved.append(np.linalg.solve(same[n], right[n] - upper[n] @ solved[-1]))
    relative = np.array(solved[::-1])
    flow = row[0] @ relative[busy - 1] + row[1] @ relative[busy] + row[2] @ relative[busy + 1]
    gain, reached, abandoned = (
        float((here + flow[column]) / (1.0 - flow[0]))
        for column, here in (
            (1, reward[busy, ringing]),
            (2, rates.reached[busy, ringing]),
            (3, rates.abandoned[busy, ringing]),
        )
    )
    return _Evaluation(gain * relative[:, :, 0] + relative[:, :, 1], reached, abandoned)


def _improve(value: Array, targets: Targets) -> Targets:
    """Return the best number ringing after a decision in each state, never fewer than before it."""
    states, most = value.shape[0], value.shape[1] - 1
    best = np.full(states, most)
    height = value[:, most].copy()
    improved = np.empty_like(targets)
    for ringing in range(most, -1, -1):
        best = np.where(value[:, ringing] >= height, ringing, best)
        height = np.maximum(height, value[:, ringing])
        improved[:, ringing] = best
    rows = np.arange(states)[:, None]
    improved_targets: Targets = np.where(value[rows, targets] >= value[rows, improved] - _SAME, targets, improved)
    return improved_targets


def compute_optimum(centre: MarkovCentre, *, tolerance: float = 1e-3) -> Optimum:
    """Return the optimum at the cap. The price is bisected to the relative width `tolerance`.

    Raises ValueError without seats or answers, or for a cap outside 0-0.5.
    """
    if centre.seats < 1 or not 0.0 < centre.answer_rate <= 1.0 or not 0.0 < centre.cap < 0.5:
        raise ValueError(f"needs at least one seat, 0 < answer rate <= 1 and 0 < cap < 0.5 (is {centre})")
    rates = _Rates.of(centre)
    states = rates.reached.shape
    first = np.maximum(np.arange(states[1])[None, :], np.maximum(1, centre.seats + 1 - np.arange(states[0]))[:, None])
    targets: Targets = np.minimum(first, states[1] - 1).astype(np.int64)
    below: tuple[float, float, float] | None = None  # (surplus, reached, abandoned) of a policy within the cap
    above: tuple[float, float, float] | None = None
    low, high, price, evaluations = 0.0, math.inf, 1.0, 0
    while below is None or above is None or high - low > tolerance * high:
        reward = rates.reached - price * (rates.abandoned - centre.cap * (rates.reached + rates.abandoned))
        for _ in range(_MOST_IMPROVEMENTS):
            found = _evaluate(centre, rates, targets, reward)
            evaluations += 1
            improved = _improve(found.value, targets)
            if np.array_equal(improved, targets):
                break
            targets = improved
        surplus = found.abandoned - centre.cap * (found.reached + found.abandoned)
        point = (surplus, found.reached, found.abandoned)
        if surplus > 0.0:
            low, above = price, point
            price = 2.0 * price if math.isinf(high) else 0.5 * (low + high)
        else:
            high, below = price, point
            price = 0.5 * (low + high)
    weight = -below[0] / (above[0] - below[0])
    reached = below[1] + weight * (above[1] - below[1])
    abandoned = below[2] + weight * (above[2] - below[2])
    busy = reached * centre.work_seconds
    return Optimum(
        idle_seconds_per_call=centre.seats / reached - centre.work_seconds,
        utilisation=busy / centre.seats,
        abandoned_share=abandoned / (abandoned + reached),
        price=0.5 * (low + high),
        policy_evaluations=evaluations,
    )


def main() -> None:
    """Print the optimum of each combination of seats and answer rates."""
    parser = argparse.ArgumentParser(description="Exact optimum of the Markov version of a call centre.")
    parser.add_argument("--seats", type=int, nargs="+", default=list(SEATS))
    parser.add_argument("--answer-rate", type=float, nargs="+", default=list(ANSWER_RATES))
    parser.add_argument("--cap", type=float, default=0.03)
    chosen = parser.parse_args()
    print(f"{'seats':>5} {'p':>5} {'cap':>5} {'idle s':>7} {'busy':>6} {'abandoned':>9} {'price':>6} {'took s':>7}")
    for seats in chosen.seats:
        for answer_rate in chosen.answer_rate:
            started = time.perf_counter()
            best = compute_optimum(MarkovCentre(seats, answer_rate, chosen.cap))
            print(
                f"{seats:5d} {answer_rate:5.2f} {chosen.cap:5.3f} {best.idle_seconds_per_call:7.2f} {best.utilisation:6.1%}"
                f" {best.abandoned_share:9.2%} {best.price:6.2f} {time.perf_counter() - started:7.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
