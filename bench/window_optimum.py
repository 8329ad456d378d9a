"""The best spending of an abandoned-call window, from which the governor's rule for its room is derived.

    python -m bench.window_optimum                     windows that allow 4, 9, 27 and 105 drops
    python -m bench.window_optimum --drops 50 --hard-stop 0.01

A window of n answers allows `drops` = hard stop * n abandoned calls. Each answer is dropped with a probability d, which may
change whenever a drop enters or leaves the window. A drop stays for the length of the window (taken as exponential: the
stationary distribution of such a loss system depends only on the mean). Idle time falls with the logarithm of d, as
simulated days show from 0.4 to 3 %. While the window is full, d is CAREFUL_SHARE of the hard stop.

Method: a birth and death process with a price on births, solved by Howard's policy iteration. In state k the best d
minimises -log(d) + d * (value[k + 1] - value[k]), so it is one over that difference.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialer.pacing.tuning import TUNED

Vector = NDArray[np.float64]

DROPS = (4, 9, 27, 105)
CAREFUL_SHARE = 0.025
MOST_SHARE = 2.0
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Spending:
    """The best drop rates of a window, as shares of its hard stop."""

    by_room: Vector  # by room 0, 1, ...: the abandoned calls that the window still allows
    mean_share: float  # of the hard stop, in the long run
    cost: float  # mean of -log(d / hard stop); 0 would be the hard stop itself, all the time


def compute_best_spending(drops: int) -> Spending:
    """Return the best drop rates of a window that allows `drops` drops. Raises ValueError if `drops` is below 1."""
    if drops < 1:
        raise ValueError(f"drops is {drops}: a window without drops has nothing to spend; give 1 or more")
    states = np.arange(drops + 1, dtype=np.float64)
    rates = np.full(drops + 1, 0.5)  # drops per answer over the hard stop, by drops held
    rates[drops] = CAREFUL_SHARE
    while True:
        value, cost = _evaluate(rates, states, drops)
        best = rates.copy()
        best[:-1] = np.clip(1.0 / np.maximum(np.diff(value), 1e-9), CAREFUL_SHARE, MOST_SHARE)
        if float(np.abs(best - rates).max()) < _SAME:
            break
        rates = best
    chance = np.ones(drops + 1)
    for held in range(1, drops + 1):
        chance[held] = chance[held - 1] * rates[held - 1] * drops / held
    chance /= chance.sum()
    return Spending(rates[::-1], float(chance @ rates), cost)


def _evaluate(rates: Vector, states: Vector, drops: int) -> tuple[Vector, float]:
    """Return (relative values, mean cost) of a policy. The unit of time is the answers per drop at the hard stop."""
    size = drops + 1
    births, deaths = rates.copy(), states / drops
    births[drops] = 0.0  # one more would exceed the hard stop
    equations = np.zeros((size + 1, size + 1))
    for held in range(size):
        equations[held, held] = -births[held] - deaths[held]
        if held < drops:
            equations[held, held + 1] = births[held]
        if held:
            equations[held, held - 1] = deaths[held]
        equations[held, size] = -1.0
    equations[size, 0] = 1.0
    solved = np.linalg.solve(equations, np.append(np.log(rates), 0.0))
    return solved[:size], float(solved[size])


def main() -> None:
    """Print the best drop rates by room, and those of the governor."""
    parser = argparse.ArgumentParser(description="The best spending of an abandoned-call window.")
    parser.add_argument(
        "--drops", type=int, nargs="+", default=list(DROPS), help="drops that the window allows at its hard stop"
    )
    parser.add_argument("--hard-stop", type=float, default=0.032)
    chosen = parser.parse_args()
    print(f"drop rates in %, hard stop {chosen.hard_stop:.2%}; by room 1, 2, ...")
    for drops in chosen.drops:
        found = compute_best_spending(drops)
        best = " ".join(f"{rate * chosen.hard_stop:6.2%}" for rate in found.by_room[1:9].tolist())
        print(f"{drops:4d} drops: {best}   mean {found.mean_share * chosen.hard_stop:.2%}")
    law = " ".join(f"{TUNED.room_share * room**TUNED.room_power * chosen.hard_stop:6.2%}" for room in range(1, 9))
    print(f" governor: {law}")


if __name__ == "__main__":
    main()
