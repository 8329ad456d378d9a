"""What-if comparisons: simulate several days of a site before and after a change of seats, abandoned-call limits (caps)
or rates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, sqrt
from statistics import NormalDist, fmean, stdev
from typing import Any

from dialer.centre_model.day_result import DayResult, compute_utilisation_by_eighth_of_day
from dialer.centre_model.distributions import DayCurve, TalkDistribution
from dialer.centre_model.policies import find_pacing_policy, simulate_day_under_policy
from dialer.centre_model.scenario import BadScenario, CampaignModel, Scenario
from dialer.pacing.port import Cap
from dialer.process.pool import run_jobs_in_processes

SURE_WITHIN = 0.015
"""Utilisation is to be known this accurately (0.015 = 1.5 points) if the number of days is not given."""
MOST_DAYS = 4
"""The most days that are simulated for that accuracy. A small site would need weeks."""

DAYS_DIFFER = 1.5
"""The ratio of the standard deviation of daily utilisation to the one estimated from the eighths of a day."""


@dataclass(frozen=True, slots=True)
class Site:
    """A site to simulate, described by figures that its manager knows. Rates are 0-1.

    `cap` is the limit of the abandoned-call rate. If `caps` is given, its limits for several time windows apply
    instead.
    """

    seats: int
    answer_rate: float
    talk_seconds: float = 90.0
    talk_cv: float = 0.8
    wrap_up_seconds: float = 15.0
    cap: float = 0.03
    hours: float = 8.0
    caps: tuple[Cap, ...] = ()

    def build_scenario_of_day(self) -> Scenario:
        """Return a scenario for simulating one day of the site. Raises BadScenario for a figure outside its limits."""
        self._refuse_invalid_figures_of_site()
        campaign = CampaignModel(
            DayCurve.create_constant_curve(self.answer_rate),
            TalkDistribution(DayCurve.create_constant_curve(self.talk_seconds), cv=self.talk_cv),
        )
        return Scenario(
            name=f"{self.seats} seats, {self.answer_rate:.0%} answers",
            seats=DayCurve.create_constant_curve(self.seats),
            campaigns=(campaign,),
            hours=self.hours,
            wrap_up_mean_seconds=self.wrap_up_seconds,
            wrap_up_cv=1.0,  # an exponential distribution, assumed as for the simulated agents; no real ones were measured
            decision_interval_seconds=0.0 if self.seats <= 50 else 0.25,
        )

    def _refuse_invalid_figures_of_site(self) -> None:
        if not 0.0 < self.answer_rate <= 1.0:
            raise BadScenario(
                f"the answer rate is {self.answer_rate:g}; give a share above 0 and at most 1, as 0.3 or 30%"
            )
        if not 0.0 <= self.cap < 1.0:
            raise BadScenario(f"the cap is {self.cap:g}; give a share of at least 0 and below 1, as 0.03 or 3%")
        if not 1 <= self.seats <= 2000:
            raise BadScenario(f"the number of seats is {self.seats}; give 1 to 2000")
        for part, seconds in (("talk", self.talk_seconds), ("wrap-up", self.wrap_up_seconds)):
            if not 0.0 < seconds <= 7200.0:
                raise BadScenario(f"the mean {part} time is {seconds:g} s; give more than 0 s and at most 7200 s")
        if not 0.0 < self.talk_cv <= 5.0:
            raise BadScenario(f"the variation of talk times is {self.talk_cv:g}; give more than 0 and at most 5")


@dataclass(frozen=True, slots=True)
class WhatIfResult:
    """The mean figures of simulated days, or the figures of a recorded day. None = the figure was not recorded.

    `reached_per_hour` is the number of voters connected to an agent per hour.
    """

    label: str
    policy: str
    days: int
    idle_seconds_per_call: float
    utilisation: float
    abandoned_share: float
    worst_sliding_hour: float | None  # of all days; None if no day is longer than an hour
    reached_per_hour: float
    first_half_hour_idle_seconds: float | None
    decision_microseconds: float | None
    hung_up_share: float  # calls cancelled before an answer / calls placed
    utilisation_within: float | None = (
        None  # half the 95 % interval (`compute_half_width_of_confidence_interval`); None: the days are too short
    )


def compute_mean_figures_of_days(label: str, policy: str, days: Sequence[DayResult]) -> WhatIfResult:
    """Return the mean figures of several simulated days under one pacing policy."""
    return WhatIfResult(
        label=label,
        policy=policy,
        days=len(days),
        idle_seconds_per_call=fmean(day.idle_seconds_per_call for day in days),
        utilisation=fmean(day.utilisation for day in days),
        abandoned_share=fmean(day.abandoned_share for day in days),
        worst_sliding_hour=max((day.worst_sliding_hour for day in days if day.hours > 1.0), default=None),
        reached_per_hour=fmean(day.connected / day.hours for day in days),
        first_half_hour_idle_seconds=fmean(day.first_half_hour_idle_seconds for day in days),
        decision_microseconds=fmean(day.decision_microseconds_median for day in days),
        hung_up_share=fmean(day.cancelled / max(1, day.placed) for day in days),
        utilisation_within=compute_half_width_of_confidence_interval(
            [part for day in days for part in compute_utilisation_by_eighth_of_day(day)]
        ),
    )


def compute_half_width_of_confidence_interval(parts: Sequence[float]) -> float | None:
    """Return half the width of the 95 % confidence interval of a mean, or None for fewer than two parts.

    The data is divided into parts, such as the eighths of a day. `parts` has the mean of each part. The result includes
    the factor `DAYS_DIFFER`, because whole days differ more than the parts of one day. Student's t is approximated
    (Abramowitz and Stegun 26.7.5).
    """
    free = len(parts) - 1
    if free < 1:
        return None
    z = NormalDist().inv_cdf(0.975)
    student = z + (z**3 + z) / (4 * free) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free * free)
    return DAYS_DIFFER * student * stdev(parts) / sqrt(free + 1)


_Day = tuple[int, Scenario, str, float | Sequence[Cap], int]
"""(index of the case, scenario, policy, cap, seed)."""


def simulate_days(
    cases: Sequence[tuple[str, Scenario, str, float | Sequence[Cap]]],
    seeds: Sequence[int] | None,
    progress: Callable[[float], None] | None = None,
    workers: int = 1,
) -> list[tuple[WhatIfResult, list[DayResult]]]:
    """Simulate days for several cases. Return the mean figures and the single days of each case.

    Args:
        cases: (label, scenario, policy, cap) of each case.
        seeds: The seeds, one for each day. None: simulate as many days as the utilisation needs to be accurate to
            `SURE_WITHIN`, but at most `MOST_DAYS`.
        progress: Called with the share of the days that are done (0-1).
        workers: Number of processes. The results do not depend on it.

    Raises:
        BadScenario: A case is invalid (before anything is simulated), or a worker process was killed.
    """
    for _, scenario, policy, cap in cases:
        find_pacing_policy(policy, scenario, cap)
    asked = [range(1, 2) if seeds is None else seeds] * len(cases)
    found: list[list[DayResult]] = [[] for _ in cases]
    part = 1.0 if seeds is not None else 0.5
    for first in (0.0, part) if seeds is None else (0.0,):
        days = [(case, *cases[case][1:], seed) for case, wanted in enumerate(asked) for seed in wanted]
        report = None if progress is None else partial(_report_progress_of_simulated_days, progress, first, part)
        for day, result in zip(days, _simulate_all_days(days, report, workers), strict=True):
            found[day[0]].append(result)
        asked = [_choose_seeds_of_more_days(of) for of in found]
    return [
        (compute_mean_figures_of_days(label, policy, of), of)
        for (label, _, policy, _), of in zip(cases, found, strict=True)
    ]


def _choose_seeds_of_more_days(days: Sequence[DayResult]) -> range:
    """Return the seeds of the days to simulate after the first one.

    The variation within the first day determines how many days make the mean utilisation accurate to `SURE_WITHIN`.
    """
    width = compute_half_width_of_confidence_interval(compute_utilisation_by_eighth_of_day(days[0]))
    wanted = MOST_DAYS if width is None else ceil((width / SURE_WITHIN) ** 2)
    return range(2, 1 + min(MOST_DAYS, wanted))


def _simulate_all_days(days: Sequence[_Day], progress: Callable[[float], None] | None, workers: int) -> list[DayResult]:
    """Simulate the days and return their results in order."""
    if min(workers, len(days)) <= 1:
        return [
            _simulate_day(
                day,
                progress and partial(_report_progress_of_simulated_days, progress, place / len(days), 1.0 / len(days)),
            )
            for place, day in enumerate(days)
        ]
    results: dict[int, DayResult] = {}
    for (place, _), result in run_jobs_in_processes(
        _simulate_day_in_worker_process, list(enumerate(days)), min(workers, len(days))
    ):
        if result is None:
            raise BadScenario(
                "a worker process was killed during the simulation; check that the machine has enough memory"
            )
        results[place] = result
        if progress is not None:
            progress(len(results) / len(days))
    return [results[place] for place in range(len(days))]


def _simulate_day(day: _Day, progress: Callable[[float], None] | None = None) -> DayResult:
    _, scenario, policy, cap, seed = day
    return simulate_day_under_policy(scenario, find_pacing_policy(policy, scenario, cap), seed, progress=progress)


def _simulate_day_in_worker_process(job: tuple[int, _Day]) -> DayResult:
    return _simulate_day(job[1])


def _report_progress_of_simulated_days(
    progress: Callable[[float], None], done: float, part: float, share: float
) -> None:
    progress(done + part * share)


_FIELDS = {
    "seats": "seats",
    "answer-rate": "answer_rate",
    "cap": "cap",
    "talk": "talk_seconds",
    "wrap-up": "wrap_up_seconds",
}
_CHANGE = re.compile(rf"({'|'.join(_FIELDS)})=([+-]?)([0-9]*\.?[0-9]+)(%?)")


def apply_what_if_change_to_site(site: Site, change: str) -> Site:
    """Return the site after a change such as "seats=+5", "cap=2%", "answer-rate=0.25", "talk=-10" or "wrap-up=10".

    A sign makes the change relative. Commas separate several changes. Raises BadScenario for any other text.
    """
    for part in change.split(","):
        match = _CHANGE.fullmatch(part.strip())
        if match is None:
            raise BadScenario(
                f"cannot read the change {part.strip()!r}; write it as seats=+5, cap=2%, answer-rate=0.25, talk=80 or wrap-up=-5"
            )
        name, sign, figure, percent = match.groups()
        value = float(f"{sign}{figure}") / (100.0 if percent else 1.0)
        if sign:
            value += getattr(site, _FIELDS[name])
        values: dict[str, Any] = {_FIELDS[name]: round(value) if name == "seats" else value}
        site = replace(site, **values, caps=() if name == "cap" else site.caps)
    return site


def compare_days_after_site_changes(
    site: Site,
    changes: Sequence[str],
    *,
    policy: str = "predictive",
    seeds: Sequence[int] | None = None,
    progress: Callable[[float], None] | None = None,
    workers: int = 1,
) -> list[WhatIfResult]:
    """Simulate the site as it is, and after each change. Return the results in this order.

    Raises BadScenario for an invalid change or figure.
    """
    cases = [("as now", site)] + [(change, apply_what_if_change_to_site(site, change)) for change in changes]
    prepared = [(label, case.build_scenario_of_day(), policy, case.caps or case.cap) for label, case in cases]
    return [result for result, _ in simulate_days(prepared, seeds, progress, workers)]
