"""The baselines' best settings for every scenario, found with hindsight and kept in pacing_tuned.json.

    python -m bench.pacing_tuning                  every scenario that is not in the file yet
    python -m bench.pacing_tuning "27 seats" ...   these, anew

A baseline is at its best when somebody who knows the day chooses its settings: a policy that beats what is found here beats
whatever a manager could have set. A search takes minutes a scenario, so its result is kept; that also lets anyone see what a
baseline was set to. The days it is tuned on (seeds from 101) are never those that the bench scores (seeds from 1).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from bench.baselines import FAMILIES, Family, Settings, policy_of
from dialer.simulation.centre_model.distributions import DayCurve, TalkDistribution
from dialer.simulation.centre_model.policies import simulate_policy
from dialer.simulation.centre_model.scenario import Scenario
from dialer.simulation.centre_model.scenarios import SCENARIOS

TIGHT = (
    "5 seats",
    "10 seats",
    "27 seats, p 0.15",
    "27 seats",
    "27 seats, p 0.50",
    "100 seats",
    "mixed 27",
)
"""The scenarios that are also run at the default target of 1 %."""
FIRST_TUNING_SEED = 101
FILE = Path(__file__).with_name("pacing_tuned.json")


@dataclass(frozen=True, slots=True)
class Kept:
    """A family's best settings on one scenario under one cap, and what they gave on the tuning days."""

    family: str
    settings: Settings
    idle_seconds_per_call: float
    abandoned_share: float
    kept_cap: bool


class Tuner:
    """Searches a family's settings on some days of one scenario. What was simulated once is kept for other caps."""

    def __init__(self, scenario: Scenario, family: Family, seeds: Sequence[int], hours: float | None = None) -> None:
        self._scenario, self._family, self._seeds, self._hours = scenario, family, tuple(seeds), hours
        self._known: dict[tuple[tuple[str, float | str | bool], ...], tuple[float, float]] = {}

    def _figures(self, settings: Settings) -> tuple[float, float]:
        """(idle seconds per call, abandoned share), means over the days."""
        key = tuple(sorted(settings.items()))
        if key not in self._known:
            policy = policy_of(self._family, settings, self._scenario)
            days = [simulate_policy(self._scenario, policy, seed, hours=self._hours) for seed in self._seeds]
            idle, abandoned = (
                fmean(day.idle_seconds_per_call for day in days),
                fmean(day.abandoned_share for day in days),
            )
            self._known[key] = (idle, abandoned)
        return self._known[key]

    def best(self, cap: float, *, rounds: int = 2) -> Kept:
        """The best settings: along each setting in turn, `rounds` times over; one setting alone is searched in full."""

        def rank(settings: Settings) -> tuple[bool, float]:
            idle, abandoned = self._figures(settings)
            return abandoned > cap, abandoned if abandoned > cap else idle

        axes = self._family.axes
        best: Settings = {axis: values[0] for axis, values in axes.items()}
        for _ in range(rounds if len(axes) > 1 else 1):
            before = best
            for axis, values in axes.items():
                best = min(({**best, axis: value} for value in values), key=rank)
            if best == before:
                break
        idle, abandoned = self._figures(best)
        return Kept(self._family.name, best, idle, abandoned, abandoned <= cap)


def best_of(found: Sequence[Kept]) -> Kept:
    """Idle least of those that kept the cap; where none did, fewest abandoned."""
    kept = [one for one in found if one.kept_cap]
    if kept:
        return min(kept, key=lambda one: one.idle_seconds_per_call)
    return min(found, key=lambda one: one.abandoned_share)


def _is_steady(scenario: Scenario) -> bool:
    """Whether every hour of the day is like the first."""
    courses = [scenario.seats, *(campaign.answer_rate for campaign in scenario.campaigns)]
    talks = [campaign.talk for campaign in scenario.campaigns]
    courses += [talk.mean for talk in talks if isinstance(talk, TalkDistribution)]
    return all(isinstance(course, DayCurve) and len(course.points) == 1 for course in courses)


def tuning_days(scenario: Scenario) -> tuple[list[int], float]:
    """(seeds, hours) of some 200 seat-hours or more; a day that changes is never cut short."""
    seats = max(seats for _, seats in scenario.seats.points)
    hours = min(scenario.hours, max(2.0, 300.0 / seats)) if _is_steady(scenario) else scenario.hours
    days = min(4, max(1, round(200.0 / (seats * hours))))
    return [FIRST_TUNING_SEED + day for day in range(days)], hours


def caps_of(scenario: Scenario) -> tuple[float, ...]:
    """The caps that a scenario is run under."""
    return (0.03, 0.01) if scenario.name in TIGHT else (0.03,)


def tune(
    scenario: Scenario, caps: Sequence[float], families: Sequence[str] = tuple(FAMILIES)
) -> dict[str, list[dict[str, object]]]:
    """Each family's best for each cap."""
    seeds, hours = tuning_days(scenario)
    found: dict[str, list[dict[str, object]]] = {f"{cap:.2f}": [] for cap in caps}
    for family in (FAMILIES[name] for name in families):
        tuner = Tuner(scenario, family, seeds, hours)
        for cap in caps:
            best = tuner.best(cap, rounds=1 if len(family.axes) > 3 else 2)
            found[f"{cap:.2f}"].append(
                {
                    "family": best.family,
                    "settings": dict(best.settings),
                    "idle_seconds_per_call": round(best.idle_seconds_per_call, 3),
                    "abandoned_share": round(best.abandoned_share, 5),
                    "kept_cap": best.kept_cap,
                }
            )
    return found


def load(path: Path = FILE) -> dict[str, dict[str, list[Kept]]]:
    """What is kept: by scenario and cap ("0.03"), one entry a family."""
    if not path.exists():
        return {}
    kept = json.loads(path.read_text(encoding="utf-8"))
    return {
        scenario: {cap: [Kept(**entry) for entry in entries] for cap, entries in caps.items()}
        for scenario, caps in kept.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Tune and keep, one scenario after another; the file is written after each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scenarios", nargs="*", help="names; none: all that are not kept yet")
    parser.add_argument("--family", action="append", choices=tuple(FAMILIES), help="one family; again for more")
    given = parser.parse_args(arguments)
    chosen, families = given.scenarios, given.family or tuple(FAMILIES)
    kept = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    unknown = [name for name in chosen if name not in SCENARIOS]
    if unknown:
        print(
            f"there is no scenario {unknown[0]!r}; the names are in dialer/simulation/centre_model/scenarios.py",
            file=sys.stderr,
        )
        return 2
    for name in chosen or [name for name in SCENARIOS if name not in kept]:
        started = time.perf_counter()
        kept[name] = tune(SCENARIOS[name], caps_of(SCENARIOS[name]), families)
        unfinished = FILE.with_suffix(".tmp")
        unfinished.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(FILE)
        print(f"{name}: tuned in {time.perf_counter() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
