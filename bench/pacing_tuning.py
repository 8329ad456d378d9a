"""Finds the best settings of each baseline for every scenario with hindsight, and stores them in pacing_tuned.json.

    python -m bench.pacing_tuning                  every scenario that is not in the file yet
    python -m bench.pacing_tuning "27 seats" ...   these scenarios again

With hindsight a baseline is at its best: a policy that beats these settings beats any that a manager could have chosen. A
search takes minutes per scenario, so its result is stored. The days used for tuning (seeds from 101) are never those that
the bench scores (seeds from 1).
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

from bench.baselines import FAMILIES, Family, Settings, make_policy
from dialer.centre_model.distributions import DayCurve, TalkDistribution
from dialer.centre_model.policies import simulate_day_under_policy
from dialer.centre_model.scenario import Scenario
from dialer.centre_model.scenarios import SCENARIOS

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
class TunedFamily:
    """The best settings of a family for a scenario and a cap, and their figures on the tuning days."""

    family: str
    settings: Settings
    idle_seconds_per_call: float
    abandoned_share: float
    within_cap: bool


class Tuner:
    """Searches the best settings of a family on some days of a scenario. Results are reused for other caps."""

    def __init__(self, scenario: Scenario, family: Family, seeds: Sequence[int], hours: float | None = None) -> None:
        self._scenario, self._family, self._seeds, self._hours = scenario, family, tuple(seeds), hours
        self._known: dict[tuple[tuple[str, float | str | bool], ...], tuple[float, float]] = {}

    def _measure(self, settings: Settings) -> tuple[float, float]:
        """Return (idle seconds per call, abandoned-call rate), means over the days."""
        key = tuple(sorted(settings.items()))
        if key not in self._known:
            policy = make_policy(self._family, settings, self._scenario)
            days = [simulate_day_under_policy(self._scenario, policy, seed, hours=self._hours) for seed in self._seeds]
            idle, abandoned = (
                fmean(day.idle_seconds_per_call for day in days),
                fmean(day.abandoned_share for day in days),
            )
            self._known[key] = (idle, abandoned)
        return self._known[key]

    def find_best(self, cap: float, *, rounds: int = 2) -> TunedFamily:
        """Return the best settings for a cap, searched along each setting in turn for `rounds` rounds."""

        def rank(settings: Settings) -> tuple[bool, float]:
            idle, abandoned = self._measure(settings)
            return abandoned > cap, abandoned if abandoned > cap else idle

        axes = self._family.axes
        best: Settings = {axis: values[0] for axis, values in axes.items()}
        for _ in range(rounds if len(axes) > 1 else 1):
            before = best
            for axis, values in axes.items():
                best = min(({**best, axis: value} for value in values), key=rank)
            if best == before:
                break
        idle, abandoned = self._measure(best)
        return TunedFamily(self._family.name, best, idle, abandoned, abandoned <= cap)


def choose_best(found: Sequence[TunedFamily]) -> TunedFamily:
    """Return the least idle within the cap. If none is within it, return the one with the fewest abandoned calls."""
    kept = [one for one in found if one.within_cap]
    if kept:
        return min(kept, key=lambda one: one.idle_seconds_per_call)
    return min(found, key=lambda one: one.abandoned_share)


def _is_steady(scenario: Scenario) -> bool:
    """Return whether seats, answer rates and talk times are constant over the day."""
    courses = [scenario.seats, *(campaign.answer_rate for campaign in scenario.campaigns)]
    talks = [campaign.talk for campaign in scenario.campaigns]
    courses += [talk.mean for talk in talks if isinstance(talk, TalkDistribution)]
    return all(isinstance(course, DayCurve) and len(course.points) == 1 for course in courses)


def tuning_days(scenario: Scenario) -> tuple[list[int], float]:
    """Return (seeds, hours) of the tuning days: about 200 seat-hours or more. A day that changes is not shortened."""
    seats = max(seats for _, seats in scenario.seats.points)
    hours = min(scenario.hours, max(2.0, 300.0 / seats)) if _is_steady(scenario) else scenario.hours
    days = min(4, max(1, round(200.0 / (seats * hours))))
    return [FIRST_TUNING_SEED + day for day in range(days)], hours


def caps_to_run(scenario: Scenario) -> tuple[float, ...]:
    """Return the caps under which a scenario is run."""
    return (0.03, 0.01) if scenario.name in TIGHT else (0.03,)


def tune(
    scenario: Scenario, caps: Sequence[float], families: Sequence[str] = tuple(FAMILIES)
) -> dict[str, list[dict[str, object]]]:
    """Return the best settings of each family by cap, as stored in the file."""
    seeds, hours = tuning_days(scenario)
    found: dict[str, list[dict[str, object]]] = {f"{cap:.2f}": [] for cap in caps}
    for family in (FAMILIES[name] for name in families):
        tuner = Tuner(scenario, family, seeds, hours)
        for cap in caps:
            best = tuner.find_best(cap, rounds=1 if len(family.axes) > 3 else 2)
            found[f"{cap:.2f}"].append(
                {
                    "family": best.family,
                    "settings": dict(best.settings),
                    "idle_seconds_per_call": round(best.idle_seconds_per_call, 3),
                    "abandoned_share": round(best.abandoned_share, 5),
                    "within_cap": best.within_cap,
                }
            )
    return found


def load_tuned(path: Path = FILE) -> dict[str, dict[str, list[TunedFamily]]]:
    """Return the stored settings by scenario and cap ("0.03"), with one entry per family."""
    if not path.exists():
        return {}
    kept = json.loads(path.read_text(encoding="utf-8"))
    return {
        scenario: {cap: [TunedFamily(**entry) for entry in entries] for cap, entries in caps.items()}
        for scenario, caps in kept.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Tune the scenarios one after another and write the file after each. Return an exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scenarios", nargs="*", help="names; default: all that are not in the file")
    parser.add_argument("--family", action="append", choices=tuple(FAMILIES), help="a family; may be repeated")
    given = parser.parse_args(arguments)
    chosen, families = given.scenarios, given.family or tuple(FAMILIES)
    kept = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    unknown = [name for name in chosen if name not in SCENARIOS]
    if unknown:
        print(
            f"there is no scenario {unknown[0]!r}; the names are in dialer/centre_model/scenarios.py",
            file=sys.stderr,
        )
        return 2
    for name in chosen or [name for name in SCENARIOS if name not in kept]:
        started = time.perf_counter()
        kept[name] = tune(SCENARIOS[name], caps_to_run(SCENARIOS[name]), families)
        unfinished = FILE.with_suffix(".tmp")
        unfinished.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(FILE)
        print(f"{name}: tuned in {time.perf_counter() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
