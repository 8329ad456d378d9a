"""The predictive pacer compared with baselines tuned with hindsight and with the computed optimum.

    python -m bench.bench_pacing --quick            two scenarios, under a minute
    python -m bench.bench_pacing                    every scenario, four days each: about three hours on one core
    python -m bench.bench_pacing --write            also write docs/reference/pacing-results.md with plots, after each row
    python -m bench.bench_pacing --other-seeds 1    four days of the scenarios with goals, one of the others
    python -m bench.bench_pacing --keep-baselines   reuse the baselines' figures of the same days

Ours is the predictive policy as shipped, with the caps as its only settings. The baselines are all families of
bench/baselines.py with the settings that were best on other days of the same scenario (bench/pacing_tuned.json). Idle is
the mean wait of a seat between calls. The ratio is ours / the best baseline, below 1 if ours is better. A baseline that
exceeded the cap is shown with its abandoned-call rate.
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

from bench.baselines import BASELINE_NAMES, FAMILIES, baseline_named, make_policy
from bench.common import Size, add_size_options
from bench.optimum import MarkovCentre, compute_optimum
from bench.pacing_cost import SITES, Cost, measure_cost
from bench.pacing_tuning import TIGHT, TunedFamily, choose_best, load_tuned, tune
from dialer.centre_model.day_result import DayResult
from dialer.centre_model.distributions import DayCurve
from dialer.centre_model.plots import PolicyPoint, plot_pacing_policies, plot_simulated_day
from dialer.centre_model.policies import NamedPolicy, find_pacing_policy, simulate_day_under_policy
from dialer.centre_model.scenario import Scenario
from dialer.centre_model.scenarios import SCENARIOS
from dialer.centre_model.what_if import WhatIfResult, compute_mean_figures_of_days
from dialer.pacing.port import Pacer

HOUR_TOLERANCE = 0.002
MORNINGS_PER_DAY = 8
"""First half hours per scored day. Each varies by a twelfth (standard deviation) at 27 seats, so many are needed."""
LESSON_SEED = 9_001
FIRST_MORNING_SEED = 10_001
"""Seeds of days that are neither scored nor used for tuning."""
QUICK = ("10 seats", "27 seats")
SMOKE = ("3 seats",)
SMOKE_HOURS = 0.1
NAMED_BY_GOALS = ("27 seats", "27 seats, p 0.15", "3 seats", "5 seats", "10 seats")
STRONGEST = ("calls per idle seat", "vicidial ratio, available only")
"""The families that are best in nearly all scenarios; only these are tried on a scenario without tuned settings."""
MOST_SEATS_FOR_OPTIMUM = 100
CURVE_RATIOS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
_RATES = ("", ", p 0.15", ", p 0.20", ", p 0.40", ", p 0.50")
RESULTS = Path(__file__).parents[1] / "docs/reference/pacing-results.md"
ROWS = Path(__file__).with_name("pacing_rows.json")
"""The latest figures of each row, so that single rows can be run again."""


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one scenario under one cap."""

    scenario: str
    cap: float
    ours: WhatIfResult
    other: WhatIfResult  # the best baseline
    settings: str
    optimum_seconds: float | None
    worst_clock_hour: float  # ours: the highest abandoned-call rate of any clock hour
    mornings: WhatIfResult  # ours: first half hours of cold starts, on separate days
    lessons: WhatIfResult  # the same half hours after a day of learning
    run_on: str  # date of our figures

    @property
    def ratio(self) -> float:
        """Our idle time / the best baseline's."""
        return self.ours.idle_seconds_per_call / self.other.idle_seconds_per_call

    @property
    def within_cap(self) -> bool:
        """Whether ours stayed within the cap over the day, and within the tolerance in every sliding hour."""
        return (
            self.ours.abandoned_share <= self.cap and (self.ours.worst_sliding_hour or 0.0) <= self.cap + HOUR_TOLERANCE
        )

    @property
    def cold_ratio(self) -> float:
        """Our idle time in the first half hour of a cold start / that of the day."""
        return self.mornings.idle_seconds_per_call / self.ours.idle_seconds_per_call

    @property
    def cold_cost(self) -> float:
        """Our idle time in the first half hour of a cold start / that after a day of learning."""
        return self.mornings.idle_seconds_per_call / self.lessons.idle_seconds_per_call


def optimum_idle_seconds(scenario: Scenario, cap: float) -> float | None:
    """Return the idle seconds of the exact optimum, or None unless the scenario is one steady campaign."""
    seats, rate = scenario.count_seats_at_start(), scenario.campaigns[0].answer_rate
    plain = scenario.name in {f"{seats} seats{rest}" for rest in _RATES}
    if not plain or not isinstance(rate, DayCurve) or seats > MOST_SEATS_FOR_OPTIMUM:
        return None
    return compute_optimum(MarkovCentre(seats, rate.get_value_at_time_of_day(0.0), cap)).idle_seconds_per_call


def best_baseline(scenario: Scenario, kept: Sequence[TunedFamily]) -> tuple[TunedFamily, str]:
    """Return the best family with its settings, and their description."""
    chosen = choose_best(kept)
    return chosen, f"{chosen.family}: " + ", ".join(f"{name} {value}" for name, value in chosen.settings.items())


def run_row(name: str, cap: float, seeds: Sequence[int], hours: float | None, earlier_row: Row | None = None) -> Row:
    """Score ours and the best baseline on the same days.

    The optimum of `earlier_row` is reused, and its baseline if settings and days are the same. Days of `hours` are
    compared with one first half hour each, whole days with several.
    """
    scenario = SCENARIOS[name]
    kept = load_tuned().get(name, {}).get(f"{cap:.2f}")
    if kept is None:
        kept = [TunedFamily(**entry) for entry in tune(scenario, [cap], STRONGEST)[f"{cap:.2f}"]]  # type: ignore[arg-type]  # as stored in JSON
    if hours is not None:
        scenario = replace(scenario, hours=hours)
    chosen, words = best_baseline(scenario, kept)
    policy = find_pacing_policy("predictive", scenario, cap)
    days = simulate_days(scenario, policy, seeds)
    ours = compute_mean_figures_of_days(name, policy.name, days)
    worst = max(max(day.hourly_abandoned_share, default=0.0) for day in days)
    count = (MORNINGS_PER_DAY if hours is None else 1) * len(seeds)
    mornings = run_cold_mornings(scenario, policy, count)
    lessons = run_cold_mornings(scenario, pretrained(scenario, policy), count)
    if earlier_row is not None and (earlier_row.settings, earlier_row.other.days) == (words, len(seeds)):
        other = earlier_row.other
    else:
        rival = make_policy(FAMILIES[chosen.family], chosen.settings, scenario)
        other = compute_mean_figures_of_days(name, rival.name, simulate_days(scenario, rival, seeds))
    today = f"{datetime.now().astimezone():%Y-%m-%d}"
    best = optimum_idle_seconds(scenario, cap) if earlier_row is None else earlier_row.optimum_seconds
    return Row(name, cap, ours, other, words, best, worst, mornings, lessons, today)


def simulate_days(scenario: Scenario, policy: NamedPolicy, seeds: Sequence[int]) -> list[DayResult]:
    """Simulate a day with each seed."""
    return [simulate_day_under_policy(scenario, policy, seed) for seed in seeds]


def run_cold_mornings(scenario: Scenario, policy: NamedPolicy, mornings: int) -> WhatIfResult:
    """Simulate the first half hours of days, each started by a policy without knowledge."""
    seeds = range(FIRST_MORNING_SEED, FIRST_MORNING_SEED + mornings)
    return compute_mean_figures_of_days(
        scenario.name, policy.name, simulate_days(replace(scenario, hours=0.5), policy, seeds)
    )


def pretrained(scenario: Scenario, policy: NamedPolicy) -> NamedPolicy:
    """Return the policy with the knowledge of one whole day and with empty cap windows, as after a night."""
    pupils: list[Pacer] = []

    def learning() -> Pacer:
        pupils.append(policy.make())
        return pupils[-1]

    simulate_day_under_policy(scenario, replace(policy, make=learning), LESSON_SEED)
    following = cycle([pupil.get_learned_state() for pupil in pupils])

    def knowing() -> Pacer:
        pacer = policy.make()
        pacer.restore_learned_state(next(following))
        return pacer

    return replace(policy, make=knowing)


Wanted = tuple[str, float, Sequence[int]]
"""(name of the scenario, cap, seeds of the days)."""


def run_rows(wanted: Sequence[Wanted], hours: float | None, jobs: int, kept: Sequence[Row] = ()) -> Iterator[Row]:
    """Yield each row when it is finished. `kept` are earlier rows whose baselines may be reused."""
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
    "first 30 min: idle s", "/ day", "abandoned", "/ pretrained", "hung up", "run on",
)  # fmt: skip
_SHORT_HEAD = (
    "scenario", "cap", "", "idle s", "abandoned", "worst hour", "", "held", "baseline idle s", "", "", "ours / baseline",
    "optimum s", "", "", "first half hour", "", "", "", "run on",
)  # fmt: skip
"""The heading of each column on the page."""


def cells(row: Row) -> tuple[str, ...]:
    """Return the cells of a row as text."""
    best = row.optimum_seconds
    return (
        row.scenario,
        f"{row.cap:.0%}",
        str(row.ours.days),
        f"{row.ours.idle_seconds_per_call:.1f}",
        f"{row.ours.abandoned_share:.2%}",
        f"{row.ours.worst_sliding_hour or 0.0:.2%}",
        f"{row.worst_clock_hour:.2%}",
        "yes" if row.within_cap else "no",
        f"{row.other.idle_seconds_per_call:.1f}",
        f"{row.other.abandoned_share:.2%}",
        f"{row.other.worst_sliding_hour or 0.0:.2%}",
        f"{row.ratio:.2f}",
        "-" if best is None else f"{best:.1f}",
        "-" if best is None else f"{row.ours.idle_seconds_per_call / best:.2f}",
        f"{row.mornings.idle_seconds_per_call:.1f}",
        f"{row.cold_ratio:.2f}",
        f"{row.mornings.abandoned_share:.2%}",
        f"{row.cold_cost:.2f}",
        f"{row.ours.hung_up_share:.1%}",
        row.run_on,
    )


_ON_PAGE = (0, 1, 3, 4, 5, 7, 8, 11, 12, 15)
"""The columns of the results page."""


def markdown(rows: Sequence[Row], missing: Sequence[str] = (), costs: Sequence[Cost] = ()) -> str:
    """Return the results page. `missing` are rows that were not run."""
    held = sum(row.within_cap for row in rows)
    better = sum(row.ratio < 1.0 for row in rows)
    dates = sorted({row.run_on for row in rows})
    columns = _ON_PAGE if len(dates) == 1 else (*_ON_PAGE, len(_HEAD) - 1)  # a single date needs no column

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
    result = compute_mean_figures_of_days(policy.name, policy.name, simulate_days(scenario, policy, seeds))
    highlighted = policy.name == "predictive"
    return PolicyPoint(policy.name, result.utilisation, result.abandoned_share, highlighted=highlighted)


def _ratio_curve(scenario: Scenario) -> PolicyPoint:
    """Return calls per idle seat at several ratios as a curve, marked at its middle."""
    curve = []
    for ratio in CURVE_RATIOS:
        policy = make_policy(FAMILIES["calls per idle seat"], {"ratio": ratio}, scenario)
        day = simulate_day_under_policy(scenario, policy, 1)
        curve.append((day.abandoned_share, day.utilisation))
    share, utilisation = curve[len(curve) // 2]
    name = f"calls per idle seat, {CURVE_RATIOS[0]:g} to {CURVE_RATIOS[-1]:g}"
    return PolicyPoint(name, utilisation, share, curve=tuple(curve))


def plot_results(folder: Path, seeds: Sequence[int]) -> None:
    """Plot the two figures of the results page."""
    folder.mkdir(parents=True, exist_ok=True)
    plain, mixed = SCENARIOS["27 seats"], SCENARIOS["mixed 27"]
    own = [find_pacing_policy(name, plain, 0.03) for name in ("predictive", "progressive")]
    baselines = [baseline_named(name, plain) for name in BASELINE_NAMES]
    points = [_point(plain, policy, seeds) for policy in (*own, *baselines)]
    points.append(_ratio_curve(plain))
    plot_pacing_policies(points, folder / "pacing-policies.png", cap=0.03, title="27 seats, 30 % answers, 8 hours")
    days = simulate_days(mixed, find_pacing_policy("predictive", mixed, 0.03), seeds[:1])
    title = "27 seats, lists swapped, talk drifting, shifts, breaks: predictive"
    plot_simulated_day(days[0], folder / "pacing-day.png", cap=0.03, title=title)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench, print its rows and write the page if requested. Return an exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_size_options(parser, "two scenarios, one short day")
    parser.add_argument("--scenario", action="append", help="a scenario; may be repeated")
    parser.add_argument(
        "--cap",
        type=float,
        action="append",
        choices=(0.03, 0.01),
        help="default: 3 %% for all scenarios, 1 %% for some",
    )
    parser.add_argument("--seeds", type=int, default=4, help="days of each scenario")
    parser.add_argument("--other-seeds", type=int, help="days of scenarios without goals; 0 for none; default: as many")
    parser.add_argument("--keep-baselines", action="store_true", help="reuse the baselines' figures of the same days")
    parser.add_argument("--jobs", type=int, default=1, help="number of processes")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name} and its plots")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.scenario or () if name not in SCENARIOS]
    if unknown:
        print(
            f"there is no scenario {unknown[0]!r}; the names are in dialer/centre_model/scenarios.py",
            file=sys.stderr,
        )
        return 2
    wanted = _select_rows(chosen)
    rows: list[Row] = []
    costs = [measure_cost(site) for site in SITES] if chosen.write else []
    started = time.perf_counter()
    print(" | ".join(_HEAD), flush=True)
    size: Size = chosen.size
    kept = read_rows() if chosen.keep_baselines and size is Size.FULL else []
    for row in run_rows(wanted, size.pick(None, 2.0, SMOKE_HOURS), chosen.jobs, kept):
        rows.append(row)
        print(" | ".join(cells(row)), flush=True)
        print(f"{len(rows)} of {len(wanted)} rows, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        if chosen.write:
            _write_results(rows, wanted, costs)
    if chosen.write:
        plot_results(RESULTS.parents[1] / "pictures", range(1, 2))
    return 0


def _select_rows(chosen: argparse.Namespace) -> list[Wanted]:
    """Return the rows to run: those with goals first, the largest sites last."""
    size: Size = chosen.size
    names = chosen.scenario or size.pick(tuple(SCENARIOS), QUICK, SMOKE)
    most = size.pick(chosen.seeds, 1, 1)
    others = most if chosen.other_seeds is None or size is not Size.FULL else chosen.other_seeds
    wanted: list[Wanted] = []
    for cap in chosen.cap or size.pick((0.03, 0.01), (0.03,), (0.03,)):
        for name in names:
            days = most if name in NAMED_BY_GOALS else others
            if days and (cap == 0.03 or name in TIGHT or chosen.cap):
                wanted.append((name, cap, range(1, days + 1)))
    wanted.sort(key=lambda one: (one[0] not in NAMED_BY_GOALS, SCENARIOS[one[0]].count_seats_at_start() > 50))
    return wanted


def _write_results(new: Sequence[Row], wanted: Sequence[Wanted], costs: Sequence[Cost]) -> None:
    """Store the finished rows with those of earlier runs, and write the page of all rows."""
    rows = {(row.scenario, row.cap): row for row in read_rows()} | {(row.scenario, row.cap): row for row in new}
    order = list(SCENARIOS)
    shown = sorted(rows.values(), key=lambda row: (-row.cap, order.index(row.scenario)))
    ROWS.write_text(json.dumps([asdict(row) for row in shown], indent=1) + "\n", encoding="utf-8")
    missing = [f"{name} at {cap:.0%}" for name, cap, _ in wanted if (name, cap) not in rows]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(markdown(shown, missing, costs), encoding="utf-8")


def read_rows(path: Path = ROWS) -> list[Row]:
    """Return the rows of earlier runs with --write."""
    if not path.exists():
        return []
    kept = json.loads(path.read_text(encoding="utf-8"))
    outcomes = ("ours", "other", "mornings", "lessons")
    return [Row(**{**row, **{name: WhatIfResult(**row[name]) for name in outcomes}}) for row in kept]


if __name__ == "__main__":
    sys.exit(main())
