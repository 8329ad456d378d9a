"""Pacing against every baseline tuned with hindsight, and against the computed optimum.

    python -m bench.bench_pacing --quick            two scenarios, under a minute
    python -m bench.bench_pacing                    every scenario, four days each: some three hours of one core
    python -m bench.bench_pacing --write            and docs/reference/pacing-results.md with its pictures, written after each row
    python -m bench.bench_pacing --other-seeds 1    four days of the scenarios that the goals name, one of the others
    python -m bench.bench_pacing --keep-baselines   and with the baselines' kept figures of the same days: only ours has changed

Ours is the predictive policy as it is shipped: it gets the caps and nothing else. The baselines are every family of
bench/baselines.py at the settings that were best on other days of the same scenario (bench/pacing_tuned.json).
Idle is the mean wait of a seat between calls; the ratio is ours / the best baseline's, below 1 where ours is better. A
baseline that kept no cap is in the table with what it abandoned: its idle time was bought with silence.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import cycle
from pathlib import Path

from bench.baselines import BASELINE_NAMES, FAMILIES, baseline_named, policy_of
from bench.optimum import MarkovCentre, optimum
from bench.pacing_cost import SITES, Cost, cost_at
from bench.pacing_tuning import TIGHT, Kept, best_of, load, tune
from dialer.pacing.port import Pacer
from dialer.simulation.centre_model.day_result import DayResult
from dialer.simulation.centre_model.distributions import DayCurve
from dialer.simulation.centre_model.plots import PolicyPoint, plot_day, plot_policies
from dialer.simulation.centre_model.policies import NamedPolicy, policy_named, simulate_policy
from dialer.simulation.centre_model.scenario import Scenario
from dialer.simulation.centre_model.scenarios import SCENARIOS
from dialer.simulation.centre_model.what_if import WhatIfResult, outcome

HOUR_TOLERANCE = 0.002
MORNINGS_PER_DAY = 8
"""Half an hour's idle time varies by a twelfth (one standard deviation) at 27 seats: four of them would say little."""
LESSON_SEED = 9_001
FIRST_MORNING_SEED = 10_001
"""Far from the days that are scored and those that baselines were tuned on."""
QUICK = ("10 seats", "27 seats")
NAMED_BY_GOALS = ("27 seats", "27 seats, p 0.15", "3 seats", "5 seats", "10 seats")
STRONGEST = ("calls per idle seat", "vicidial ratio, available only")
"""The families that were best nearly everywhere: those tried on a scenario for which nothing is kept."""
MOST_SEATS_FOR_OPTIMUM = 100
CURVE_RATIOS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
_RATES = ("", ", p 0.15", ", p 0.20", ", p 0.40", ", p 0.50")
RESULTS = Path(__file__).parents[1] / "docs/reference/pacing-results.md"
ROWS = Path(__file__).with_name("pacing_rows.json")
"""What was measured last of each row, so that one can be run again without all the others."""


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario under one cap."""

    scenario: str
    cap: float
    ours: WhatIfResult
    other: WhatIfResult  # the best baseline
    settings: str
    optimum_seconds: float | None
    worst_clock_hour: float  # ours: the highest abandoned share of any hour of the clock
    mornings: WhatIfResult  # ours: first half hours from cold, on days of their own
    lessons: WhatIfResult  # the same half hours, begun by a policy that has learned on a day before
    run_on: str  # the date, of ours

    @property
    def ratio(self) -> float:
        """Our idle time over the best baseline's."""
        return self.ours.idle_seconds_per_call / self.other.idle_seconds_per_call

    @property
    def held(self) -> bool:
        """Whether ours kept the day's cap, and every sliding hour's within the tolerance."""
        return (
            self.ours.abandoned_share <= self.cap and (self.ours.worst_sliding_hour or 0.0) <= self.cap + HOUR_TOLERANCE
        )

    @property
    def cold_ratio(self) -> float:
        """Our idle time of the first half hour, begun cold, over the day's."""
        return self.mornings.idle_seconds_per_call / self.ours.idle_seconds_per_call

    @property
    def price_of_cold(self) -> float:
        """Our idle time of the first half hour, begun cold, over that of a policy that has learned on a day before."""
        return self.mornings.idle_seconds_per_call / self.lessons.idle_seconds_per_call


def optimum_of(scenario: Scenario, cap: float) -> float | None:
    """The exact optimum's idle seconds, for one steady campaign of which nothing but counts is known."""
    seats, rate = scenario.seats_at_start(), scenario.campaigns[0].answer_rate
    plain = scenario.name in {f"{seats} seats{rest}" for rest in _RATES}
    if not plain or not isinstance(rate, DayCurve) or seats > MOST_SEATS_FOR_OPTIMUM:
        return None
    return optimum(MarkovCentre(seats, rate.at(0.0), cap)).idle_seconds_per_call


def best_baseline(scenario: Scenario, kept: Sequence[Kept]) -> tuple[Kept, str]:
    """The best family at its best settings, and both in words."""
    chosen = best_of(kept)
    return chosen, f"{chosen.family}: " + ", ".join(f"{name} {value}" for name, value in chosen.settings.items())


def run_row(name: str, cap: float, seeds: Sequence[int], hours: float | None, kept_row: Row | None = None) -> Row:
    """Score ours and the best baseline on the same days; or take from `kept_row` the optimum, and that one's
    figures if they are of these."""
    scenario = SCENARIOS[name]
    kept = load().get(name, {}).get(f"{cap:.2f}")
    if kept is None:
        kept = [Kept(**entry) for entry in tune(scenario, [cap], STRONGEST)[f"{cap:.2f}"]]  # type: ignore[arg-type]  # as JSON keeps them
    if hours is not None:
        scenario = replace(scenario, hours=hours)
    chosen, words = best_baseline(scenario, kept)
    policy = policy_named("predictive", scenario, cap)
    days = days_of(scenario, policy, seeds)
    ours = outcome(name, policy.name, days)
    worst = max(max(day.hourly_abandoned_share, default=0.0) for day in days)
    mornings = begun_cold(scenario, policy, MORNINGS_PER_DAY * len(seeds))
    lessons = begun_cold(scenario, taught(scenario, policy), MORNINGS_PER_DAY * len(seeds))
    if kept_row is not None and (kept_row.settings, kept_row.other.days) == (words, len(seeds)):
        other = kept_row.other
    else:
        rival = policy_of(FAMILIES[chosen.family], chosen.settings, scenario)
        other = outcome(name, rival.name, days_of(scenario, rival, seeds))
    today = f"{datetime.now().astimezone():%Y-%m-%d}"
    best = optimum_of(scenario, cap) if kept_row is None else kept_row.optimum_seconds
    return Row(name, cap, ours, other, words, best, worst, mornings, lessons, today)


def days_of(scenario: Scenario, policy: NamedPolicy, seeds: Sequence[int]) -> list[DayResult]:
    """Each seed's day."""
    return [simulate_policy(scenario, policy, seed) for seed in seeds]


def begun_cold(scenario: Scenario, policy: NamedPolicy, mornings: int) -> WhatIfResult:
    """The first half hours of so many days, each begun by a policy that has learned nothing."""
    seeds = range(FIRST_MORNING_SEED, FIRST_MORNING_SEED + mornings)
    return outcome(scenario.name, policy.name, days_of(replace(scenario, hours=0.5), policy, seeds))


def taught(scenario: Scenario, policy: NamedPolicy) -> NamedPolicy:
    """The policy, beginning each day with what a whole one has taught it, its windows empty as after a night."""
    pupils: list[Pacer] = []

    def learning() -> Pacer:
        pupils.append(policy.make())
        return pupils[-1]

    simulate_policy(scenario, replace(policy, make=learning), LESSON_SEED)
    following = cycle([pupil.state() for pupil in pupils])

    def knowing() -> Pacer:
        pacer = policy.make()
        pacer.restore(next(following))
        return pacer

    return replace(policy, make=knowing)


Wanted = tuple[str, float, Sequence[int]]
"""A scenario's name, the cap, the days' seeds."""


def run_rows(wanted: Sequence[Wanted], hours: float | None, jobs: int, kept: Sequence[Row] = ()) -> Iterator[Row]:
    """Each row as it is done, with the baselines of the `kept` ones."""
    before = {(row.scenario, row.cap): row for row in kept}
    each = [(name, cap, seeds, hours, before.get((name, cap))) for name, cap, seeds in wanted]
    if jobs == 1:
        for one in each:
            yield run_row(*one)
        return
    with ProcessPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(run_row, *one) for one in each]):
            yield done.result()


_HEAD = (
    "scenario", "cap", "days", "ours: idle s", "abandoned", "worst sliding hour", "worst clock hour", "held",
    "best baseline: idle s", "abandoned", "worst sliding hour", "ratio", "optimum s", "ours / optimum",
    "first 30 min: idle s", "/ day", "abandoned", "/ taught", "hung up", "run on",
)  # fmt: skip
_SHORT_HEAD = (
    "scenario", "cap", "", "idle s", "abandoned", "worst hour", "", "held", "baseline idle s", "", "", "ours / baseline",
    "optimum s", "", "", "first half hour", "", "", "", "run on",
)  # fmt: skip
"""The heading of each column on the page."""


def cells(row: Row) -> tuple[str, ...]:
    """One row of the table, as text."""
    best = row.optimum_seconds
    return (
        row.scenario,
        f"{row.cap:.0%}",
        str(row.ours.days),
        f"{row.ours.idle_seconds_per_call:.1f}",
        f"{row.ours.abandoned_share:.2%}",
        f"{row.ours.worst_sliding_hour or 0.0:.2%}",
        f"{row.worst_clock_hour:.2%}",
        "yes" if row.held else "no",
        f"{row.other.idle_seconds_per_call:.1f}",
        f"{row.other.abandoned_share:.2%}",
        f"{row.other.worst_sliding_hour or 0.0:.2%}",
        f"{row.ratio:.2f}",
        "-" if best is None else f"{best:.1f}",
        "-" if best is None else f"{row.ours.idle_seconds_per_call / best:.2f}",
        f"{row.mornings.idle_seconds_per_call:.1f}",
        f"{row.cold_ratio:.2f}",
        f"{row.mornings.abandoned_share:.2%}",
        f"{row.price_of_cold:.2f}",
        f"{row.ours.hung_up_share:.1%}",
        row.run_on,
    )


_ON_PAGE = (0, 1, 3, 4, 5, 7, 8, 11, 12, 15)
"""The columns of the results page."""


def markdown(rows: Sequence[Row], missing: Sequence[str] = (), costs: Sequence[Cost] = ()) -> str:
    """Return the results page. `missing`: rows that the run has not come to."""
    held = sum(row.held for row in rows)
    better = sum(row.ratio < 1.0 for row in rows)
    dates = sorted({row.run_on for row in rows})
    columns = _ON_PAGE if len(dates) == 1 else (*_ON_PAGE, len(_HEAD) - 1)  # one date needs no column

    def line(values: Sequence[str]) -> str:
        return "|" + "|".join(values[column] for column in columns) + "|"

    lines = [
        "# Pacing: results",
        "",
        "For engineers. Written by `python -m bench.bench_pacing --write`: simulated days of 8 hours, the same for all policies.",
        "",
        "- Idle: a seat's mean wait between calls. Abandoned: the day's rate. Worst hour: the highest rate of a sliding hour; one",
        "  call is 0.1 points at 27 seats, 0.7 at 5. Held: the day within the cap, and every hour within 0.2 points of it.",
        "- Baseline: the best of the other pacing rules, its settings chosen with hindsight for this scenario.",
        "- Optimum: the computed optimum, where it can be computed. First half hour: its idle time / the day's, starting untaught.",
        "- p: the share of calls that are answered, 0.3 if not named.",
        "",
        f"Measured {' and '.join(dates)}. Of {len(rows)} rows, ours idles less than the baseline in {better}, and held in {held}.",
        *([f"Not run this time: {', '.join(missing)}."] if missing else []),
        *(f"A decision costs: {cost}." for cost in costs),
        "",
        "![Utilisation against abandoned-call rate](../pictures/pacing-policies.png)",
        "",
        line(_SHORT_HEAD),
        "|" + "---|" * len(columns),
        *(line(cells(row)) for row in rows),
        "",
    ]
    return "\n".join(lines)


def _point(scenario: Scenario, policy: NamedPolicy, seeds: Sequence[int]) -> PolicyPoint:
    result = outcome(policy.name, policy.name, days_of(scenario, policy, seeds))
    highlighted = policy.name == "predictive"
    return PolicyPoint(policy.name, result.utilisation, result.abandoned_share, highlighted=highlighted)


def _ratio_curve(scenario: Scenario) -> PolicyPoint:
    """Return calls per idle seat at several ratios as a curve, marked at its middle."""
    curve = []
    for ratio in CURVE_RATIOS:
        policy = policy_of(FAMILIES["calls per idle seat"], {"ratio": ratio}, scenario)
        day = simulate_policy(scenario, policy, 1)
        curve.append((day.abandoned_share, day.utilisation))
    share, utilisation = curve[len(curve) // 2]
    name = f"calls per idle seat, {CURVE_RATIOS[0]:g} to {CURVE_RATIOS[-1]:g}"
    return PolicyPoint(name, utilisation, share, curve=tuple(curve))


def draw(folder: Path, seeds: Sequence[int]) -> None:
    """The two pictures of the results page."""
    folder.mkdir(parents=True, exist_ok=True)
    plain, mixed = SCENARIOS["27 seats"], SCENARIOS["mixed 27"]
    own = [policy_named(name, plain, 0.03) for name in ("predictive", "progressive")]
    baselines = [baseline_named(name, plain) for name in BASELINE_NAMES]
    points = [_point(plain, policy, seeds) for policy in (*own, *baselines)]
    points.append(_ratio_curve(plain))
    plot_policies(points, folder / "pacing-policies.png", cap=0.03, title="27 seats, 30 % answers, 8 hours")
    days = days_of(mixed, policy_named("predictive", mixed, 0.03), seeds[:1])
    title = "27 seats, lists swapped, talk drifting, shifts, breaks: predictive"
    plot_day(days[0], folder / "pacing-day.png", cap=0.03, title=title)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and write the page when asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two scenarios, one short day")
    parser.add_argument("--scenario", action="append", help="one scenario; again for more")
    parser.add_argument(
        "--cap", type=float, action="append", choices=(0.03, 0.01), help="3 %% for all, 1 %% for some if not given"
    )
    parser.add_argument("--seeds", type=int, default=4, help="days of each scenario")
    parser.add_argument(
        "--other-seeds", type=int, help="days of the scenarios that the goals do not name, if not as many; 0 for none"
    )
    parser.add_argument(
        "--keep-baselines", action="store_true", help="their kept figures, where they are of the same days"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name} and its pictures")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.scenario or () if name not in SCENARIOS]
    if unknown:
        print(
            f"there is no scenario {unknown[0]!r}; the names are in dialer/simulation/centre_model/scenarios.py",
            file=sys.stderr,
        )
        return 2
    wanted = _wanted(chosen)
    rows: list[Row] = []
    costs = [cost_at(site) for site in SITES] if chosen.write else []
    started = time.perf_counter()
    print(" | ".join(_HEAD), flush=True)
    kept = kept_rows() if chosen.keep_baselines and not chosen.quick else []
    for row in run_rows(wanted, 2.0 if chosen.quick else None, chosen.jobs, kept):
        rows.append(row)
        print(" | ".join(cells(row)), flush=True)
        print(f"{len(rows)} of {len(wanted)} rows, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        if chosen.write:
            _write(rows, wanted, costs)
    if chosen.write:
        draw(RESULTS.parents[1] / "pictures", range(1, 2))
    return 0


def _wanted(chosen: argparse.Namespace) -> list[Wanted]:
    """What is to be run, that which the goals name first and the largest sites last."""
    names = chosen.scenario or (QUICK if chosen.quick else tuple(SCENARIOS))
    most = 1 if chosen.quick else chosen.seeds
    others = most if chosen.other_seeds is None or chosen.quick else chosen.other_seeds
    wanted: list[Wanted] = []
    for cap in chosen.cap or ((0.03,) if chosen.quick else (0.03, 0.01)):
        for name in names:
            days = most if name in NAMED_BY_GOALS else others
            if days and (cap == 0.03 or name in TIGHT or chosen.cap):
                wanted.append((name, cap, range(1, days + 1)))
    wanted.sort(key=lambda one: (one[0] not in NAMED_BY_GOALS, SCENARIOS[one[0]].seats_at_start() > 50))
    return wanted


def _write(new: Sequence[Row], wanted: Sequence[Wanted], costs: Sequence[Cost]) -> None:
    """Keep the rows that are done beside those of earlier runs, and write the page of all of them in order."""
    rows = {(row.scenario, row.cap): row for row in kept_rows()} | {(row.scenario, row.cap): row for row in new}
    order = list(SCENARIOS)
    shown = sorted(rows.values(), key=lambda row: (-row.cap, order.index(row.scenario)))
    ROWS.write_text(json.dumps([asdict(row) for row in shown], indent=1) + "\n", encoding="utf-8")
    missing = [f"{name} at {cap:.0%}" for name, cap, _ in wanted if (name, cap) not in rows]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(markdown(shown, missing, costs), encoding="utf-8")


def kept_rows(path: Path = ROWS) -> list[Row]:
    """The rows of earlier runs with --write; none where there is no file."""
    if not path.exists():
        return []
    kept = json.loads(path.read_text(encoding="utf-8"))
    outcomes = ("ours", "other", "mornings", "lessons")
    return [Row(**{**row, **{name: WhatIfResult(**row[name]) for name in outcomes}}) for row in kept]


if __name__ == "__main__":
    sys.exit(main())
