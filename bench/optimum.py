"""The least idle time that any counting controller can reach: a constrained Markov decision process, solved exactly.

    python bench/optimum.py                     the design's table: 5, 10, 27 and 100 seats, p = 0.15, 0.30, 0.50
    python bench/optimum.py --seats 40 --answer-rate 0.22 --cap 0.01

The Markov version of a centre: N seats, work (talk and wrap-up) exponential of mean 105 s, ringing exponential of mean 11 s
whatever its outcome, an answer with probability p, an answered caller without a seat leaves after an exponential time of
mean 2 s. State: seats busy plus callers waiting, and calls ringing. At any event the controller may place any number of
calls. It maximises calls that reach a seat, while abandoned / live answers stays at the cap in the long run.

Method. With a price on each abandoned call (Lagrange multiplier) it is an average-reward decision process: Howard's policy
iteration solves it, each policy exactly by block elimination (the chain is block tridiagonal in the seats busy). The price
is bisected; the cap is met by mixing the two policies on either side of it, which is optimal (Beutler and Ross 1985).

It is no bound for a real centre with known elapsed times: those are information that this controller does not have. Nor
has it the dead time of real ringing.
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
_NEVER = -1e6  # value of the empty centre that places no call: no policy may stay there
_SAME = 1e-9  # values closer than that are equal: without it policy iteration may swing between twins

_MOST_IMPROVEMENTS = 200  # of one policy; some ten are usual


@dataclass(frozen=True, slots=True)
class MarkovCentre:
    """The figures of the Markov version; times are means in seconds."""

    seats: int
    answer_rate: float
    cap: float = 0.03
    work_seconds: float = 105.0
    ring_seconds: float = 11.0
    patience_seconds: float = 2.0

    def most_waiting(self) -> int:
        """Callers that may wait at once; one more is turned away, which hardly ever happens."""
        return max(6, round(0.12 * self.seats) + 6)

    def most_ringing(self) -> int:
        """Calls that may ring at once: well above what full seats need."""
        needed = self.seats * self.ring_seconds / self.work_seconds / self.answer_rate
        return round(1.6 * needed * (1.0 + 3.0 / math.sqrt(self.seats)) + 20.0 / self.answer_rate)


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best that counting can do."""

    idle_seconds_per_call: float
    utilisation: float
    abandoned_share: float
    price: float  # of one abandoned call, in calls that reach a seat
    policy_evaluations: int


@dataclass(frozen=True, slots=True)
class _Rates:
    """Events per second in each state (busy plus waiting, ringing), and what they bring."""

    down: Array  # [busy]: a seat comes free or a waiting caller leaves
    answered: Array  # [ringing]
    unanswered: Array  # [ringing]
    reached: Array  # [busy, ringing]: calls that reach a seat per second
    abandoned: Array  # [busy, ringing]

    @classmethod
    def of(cls, centre: MarkovCentre) -> _Rates:
        seats, most = centre.seats, centre.seats + centre.most_waiting()
        busy = np.arange(most + 1)
        ringing = np.arange(centre.most_ringing() + 1, dtype=np.float64)
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
    """The chain under a policy: blocks to one busy less, to the same, to one more."""
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
    # The reference must be visited often: its return time divides the gain.
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
    """The best number ringing after a decision, for each state: never fewer than ring already."""
    states, most = value.shape[0], value.shape[1] - 1
    best = np.full(states, most)
    height = value[:, most].copy()
    improved = np.empty_like(targets)
    for ringing in range(most, -1, -1):
        best = np.where(value[:, ringing] >= height, ringing, best)
        height = np.maximum(height, value[:, ringing])
        improved[:, ringing] = best
    rows = np.arange(states)[:, None]
    kept: Targets = np.where(value[rows, targets] >= value[rows, improved] - _SAME, targets, improved)
    return kept


def optimum(centre: MarkovCentre, *, tolerance: float = 1e-3) -> Optimum:
    """The least idle seconds per call at the cap. `tolerance` is the relative width to which the price is bisected.

    Raises ValueError where there is nothing to weigh: no seat, nobody who answers, a cap of nothing or of everything.
    """
    if centre.seats < 1 or not 0.0 < centre.answer_rate <= 1.0 or not 0.0 < centre.cap < 0.5:
        raise ValueError(f"needs a seat or more, 0 < answer rate <= 1 and 0 < cap < 0.5, not {centre}")
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
    """Print the table, or one site's optimum."""
    parser = argparse.ArgumentParser(description="Exact optimum of the Markov version of a call centre.")
    parser.add_argument("--seats", type=int, nargs="+", default=list(SEATS))
    parser.add_argument("--answer-rate", type=float, nargs="+", default=list(ANSWER_RATES))
    parser.add_argument("--cap", type=float, default=0.03)
    chosen = parser.parse_args()
    print(f"{'seats':>5} {'p':>5} {'cap':>5} {'idle s':>7} {'busy':>6} {'abandoned':>9} {'price':>6} {'took s':>7}")
    for seats in chosen.seats:
        for answer_rate in chosen.answer_rate:
            started = time.perf_counter()
            best = optimum(MarkovCentre(seats, answer_rate, chosen.cap))
            print(
                f"{seats:5d} {answer_rate:5.2f} {chosen.cap:5.3f} {best.idle_seconds_per_call:7.2f} {best.utilisation:6.1%}"
                f" {best.abandoned_share:9.2%} {best.price:6.2f} {time.perf_counter() - started:7.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
