"""The cost of one pacing decision, relative to an adaptive VICIdial decision and to one small numpy call.

    python -m bench.pacing_cost

A policy is warmed up on some simulated minutes of a site. Then one decision (`excess_calls` and `calls_to_place`, as in
the engine) is timed repeatedly on the last snapshot. The minimum over several rounds counts, because longer times come from
other load on the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.baselines import baseline_named
from dialer.centre_model.policies import NamedPolicy, find_pacing_policy, simulate_day_under_policy
from dialer.centre_model.scenarios import SCENARIOS
from dialer.pacing.port import Explanation, Pacer, PacingEvent, PacingSnapshot

SITES = ("27 seats", "300 seats")
WARM_HOURS = 0.25
ROUNDS = 7
_NUMBERS = np.ones(8)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one decision at a site (microseconds)."""

    site: str
    ours: float
    adaptive: float  # VICIdial's adaptive average method
    numpy_call: float  # adding two arrays of eight numbers

    def __str__(self) -> str:
        """Return the costs as one line."""
        return (
            f"{self.site}: predictive {self.ours:.0f} us, {self.ours / self.adaptive:.1f} times an adaptive VICIdial "
            f"decision ({self.adaptive:.1f} us), {self.ours / self.numpy_call:.0f} times one numpy call on eight numbers "
            f"({self.numpy_call:.2f} us)"
        )


class _RecordingPacer(Pacer):
    """A pacer that records the last snapshot with ringing calls."""

    def __init__(self, pacer: Pacer) -> None:
        self.pacer = pacer
        self.last = PacingSnapshot(0.0)

    def count_calls_to_place(self, snapshot: PacingSnapshot) -> int:
        self.last = snapshot if snapshot.ringing else self.last
        return self.pacer.count_calls_to_place(snapshot)

    def learn_from_pacing_event(self, event: PacingEvent) -> None:
        self.pacer.learn_from_pacing_event(event)

    def explain_last_pacing_decision(self) -> Explanation:
        return self.pacer.explain_last_pacing_decision()

    def count_ringing_calls_to_hang_up(self, snapshot: PacingSnapshot) -> int:
        return self.pacer.count_ringing_calls_to_hang_up(snapshot)

    def get_learned_state(self) -> dict[str, object]:
        return self.pacer.get_learned_state()

    def restore_learned_state(self, state: object) -> None:
        self.pacer.restore_learned_state(state)


def least_microseconds(work: Callable[[], object], times: int) -> float:
    """Return the cost of one call (microseconds), the minimum over several rounds of `times` calls."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(times):
            work()
        best = min(best, time.perf_counter() - started)
    return 1e6 * best / times


def measure_decision(site: str, policy: NamedPolicy, times: int) -> float:
    """Return the cost of one decision of a warmed-up policy (microseconds)."""
    scenario = SCENARIOS[site]
    watched = [_RecordingPacer(policy.make()) for _ in scenario.campaigns]
    unused = list(watched)
    warm = NamedPolicy(policy.name, unused.pop, policy.schedule)
    simulate_day_under_policy(scenario, warm, 1, hours=WARM_HOURS)
    pacer, seen = watched[0].pacer, watched[0].last
    plain = {name: getattr(seen, name) for name in PacingSnapshot.__slots__}

    def ask() -> None:
        snapshot = PacingSnapshot(**plain)
        pacer.count_ringing_calls_to_hang_up(snapshot)
        pacer.count_calls_to_place(snapshot)

    return least_microseconds(ask, times)


def measure_cost(site: str) -> Cost:
    """Measure the three costs of a site."""
    scenario = SCENARIOS[site]
    return Cost(
        site,
        ours=measure_decision(site, find_pacing_policy("predictive", scenario, 0.03), 200),
        adaptive=measure_decision(site, baseline_named("vicidial-average", scenario), 2000),
        numpy_call=least_microseconds(lambda: np.add(_NUMBERS, _NUMBERS), 20_000),
    )


def main() -> None:
    """Print one line per site."""
    for site in SITES:
        print(measure_cost(site), flush=True)


if __name__ == "__main__":
    main()
