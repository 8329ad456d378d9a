"""What a change would bring a site: more seats, another cap, better numbers - simulated, several days each."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, sqrt
from statistics import NormalDist, fmean, stdev
from typing import Any

from dialer.audio.workers import spread
from dialer.pacing.port import Cap
from dialer.simulation.baselines import policy_named, simulate_policy
from dialer.simulation.centre import BadScenario
from dialer.simulation.day_result import DayResult, utilisation_by_part
from dialer.simulation.laws import Course, TalkLaw
from dialer.simulation.scenarios import CampaignModel, Scenario

SURE_WITHIN = 0.015
"""Where no number of days is asked for, utilisation is to be known within 1.5 points."""
MOST_DAYS = 4
"""Then no more than this: a small site's hours differ so much that a point would take weeks."""

DAYS_DIFFER = 1.5
"""The deviation of days' utilisation over what their eighths tell: of 12 days each of 10, 27 and 32 seats 0.59, 0.34 and 0.28
points over 0.37, 0.28 and 0.17. With it the interval held 33 of the 36."""


@dataclass(frozen=True, slots=True)
class Site:
    """A site in the figures that its manager knows. `answer_rate` and `cap` are shares; `caps`, if any, are held in the place of
    `cap` in each hour and the day."""

    seats: int
    answer_rate: float
    talk_seconds: float = 90.0
    talk_cv: float = 0.8
    wrap_up_seconds: float = 15.0
    cap: float = 0.03
    hours: float = 8.0
    caps: tuple[Cap, ...] = ()

    def scenario(self) -> Scenario:
        """The site's day. Raises BadScenario for a figure that makes no sense."""
        self._check()
        campaign = CampaignModel(
            Course.constant(self.answer_rate), TalkLaw(Course.constant(self.talk_seconds), cv=self.talk_cv)
        )
        return Scenario(
            name=f"{self.seats} seats, {self.answer_rate:.0%} answers",
            seats=Course.constant(self.seats),
            campaigns=(campaign,),
            hours=self.hours,
            wrap_up_mean_seconds=self.wrap_up_seconds,
            decision_interval_seconds=0.0 if self.seats <= 50 else 0.25,
        )

    def _check(self) -> None:
        if not 0.0 < self.answer_rate <= 1.0:
            raise BadScenario(f"answer rate is {self.answer_rate:g}; give a share above 0 and at most 1, as 0.3 or 30%")
        if not 0.0 <= self.cap < 1.0:
            raise BadScenario(f"cap is {self.cap:g}; give a share of at least 0 and below 1, as 0.03 or 3%")
        if not 1 <= self.seats <= 2000:
            raise BadScenario(f"seats is {self.seats}; give 1 to 2000")
        for name, seconds in (("talk", self.talk_seconds), ("wrap-up", self.wrap_up_seconds)):
            if not 0.0 < seconds <= 7200.0:
                raise BadScenario(f"{name} is {seconds:g} s; give more than 0 and at most 7200")
        if not 0.0 < self.talk_cv <= 5.0:
            raise BadScenario(f"talk variation is {self.talk_cv:g}; give more than 0 and at most 5")


@dataclass(frozen=True, slots=True)
class WhatIfResult:
    """Means over the simulated days, or what a recorded day was; None: that day's record does not tell.

    `reached_per_hour`: voters who spoke to an agent, of the whole site.
    """

    label: str
    policy: str
    days: int
    idle_seconds_per_call: float
    utilisation: float
    abandoned_share: float
    worst_sliding_hour: float | None  # the worst of all days; None: no full hour and more is in any
    reached_per_hour: float
    first_half_hour_idle_seconds: float | None
    decision_microseconds: float | None
    hung_up_share: float  # of the calls placed, those that the policy took back while they rang
    utilisation_within: float | None = None  # half its 95 % interval (`within`); None: the days are too short to tell


def outcome(label: str, policy: str, days: Sequence[DayResult]) -> WhatIfResult:
    """The mean of several days."""
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
        utilisation_within=within([part for day in days for part in utilisation_by_part(day)]),
    )


def within(parts: Sequence[float]) -> float | None:
    """Half the 95 % confidence interval of the mean, by batch means: how much parts of days differ tells how sure their mean is.

    Student's t by its expansion in 1 / degrees of freedom (Abramowitz and Stegun 26.7.5), within 0.01 from 7 on; and wider, as days
    differ by more than their hours tell.
    """
    free = len(parts) - 1
    if free < 1:
        return None
    z = NormalDist().inv_cdf(0.975)
    student = z + (z**3 + z) / (4 * free) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free * free)
    return DAYS_DIFFER * student * stdev(parts) / sqrt(free + 1)


_Day = tuple[int, Scenario, str, float | Sequence[Cap], int]
"""The case that it is of, scenario, policy, the cap that ours steers to, and seed."""


def simulate_days(
    cases: Sequence[tuple[str, Scenario, str, float | Sequence[Cap]]],
    seeds: Sequence[int] | None,
    progress: Callable[[float], None] | None = None,
    workers: int = 1,
) -> list[tuple[WhatIfResult, list[DayResult]]]:
    """Days of several cases (label, scenario, policy, cap), each with every seed; a result for each case. Without seeds, a day of
    each case, and then as many as that day says it takes to know its utilisation within `SURE_WITHIN`, `MOST_DAYS` at most.

    With more than one of `workers` the days are spread over processes: which one simulates a day changes nothing of it. `progress`
    is told the share of all days that is done, of a first day half of it. Raises BadScenario before anything is simulated, and for
    days that no process could bring to their end.
    """
    for _, scenario, policy, cap in cases:
        policy_named(policy, scenario, cap)
    asked = [range(1, 2) if seeds is None else seeds] * len(cases)
    found: list[list[DayResult]] = [[] for _ in cases]
    part = 1.0 if seeds is not None else 0.5
    for first in (0.0, part) if seeds is None else (0.0,):
        days = [(case, *cases[case][1:], seed) for case, wanted in enumerate(asked) for seed in wanted]
        tell = None if progress is None else partial(_tell_of_part, progress, first, part)
        for day, result in zip(days, _simulate(days, tell, workers), strict=True):
            found[day[0]].append(result)
        asked = [_more_days(of) for of in found]
    return [(outcome(label, policy, of), of) for (label, _, policy, _), of in zip(cases, found, strict=True)]


def _more_days(days: Sequence[DayResult]) -> range:
    """The seeds that are wanted beside the first day's: the interval shrinks with the root of the days."""
    width = within(utilisation_by_part(days[0]))
    wanted = MOST_DAYS if width is None else ceil((width / SURE_WITHIN) ** 2)
    return range(2, 1 + min(MOST_DAYS, wanted))


def _simulate(days: Sequence[_Day], progress: Callable[[float], None] | None, workers: int) -> list[DayResult]:
    """Each day's result, in their order."""
    if min(workers, len(days)) <= 1:
        return [
            _simulated(day, progress and partial(_tell_of_part, progress, place / len(days), 1.0 / len(days)))
            for place, day in enumerate(days)
        ]
    results: dict[int, DayResult] = {}
    for (place, _), result in spread(_simulated_place, list(enumerate(days)), min(workers, len(days))):
        if result is None:
            raise BadScenario("a process that simulated a day was ended: is there memory enough?")
        results[place] = result
        if progress is not None:
            progress(len(results) / len(days))
    return [results[place] for place in range(len(days))]


def _simulated(day: _Day, progress: Callable[[float], None] | None = None) -> DayResult:
    _, scenario, policy, cap, seed = day
    return simulate_policy(scenario, policy_named(policy, scenario, cap), seed, progress=progress)


def _simulated_place(job: tuple[int, _Day]) -> DayResult:
    return _simulated(job[1])


def _tell_of_part(progress: Callable[[float], None], done: float, part: float, share: float) -> None:
    progress(done + part * share)


_FIELDS = {
    "seats": "seats",
    "answer-rate": "answer_rate",
    "cap": "cap",
    "talk": "talk_seconds",
    "wrap-up": "wrap_up_seconds",
}
_CHANGE = re.compile(rf"({'|'.join(_FIELDS)})=([+-]?)([0-9]*\.?[0-9]+)(%?)")


def changed(site: Site, change: str) -> Site:
    """The site after a change such as "seats=+5", "cap=2%", "answer-rate=0.25", "talk=-10", "wrap-up=10".

    A sign means more or less than now. Several changes at once are joined by commas. Raises BadScenario.
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


def what_if(
    site: Site,
    changes: Sequence[str],
    *,
    policy: str = "predictive",
    seeds: Sequence[int] | None = None,
    progress: Callable[[float], None] | None = None,
    workers: int = 1,
) -> list[WhatIfResult]:
    """The site as it is, then after each change; without seeds, as many days as it takes (`simulate_days`). Raises BadScenario
    before anything is simulated."""
    cases = [("as now", site)] + [(change, changed(site, change)) for change in changes]
    prepared = [(label, case.scenario(), policy, case.caps or case.cap) for label, case in cases]
    return [result for result, _ in simulate_days(prepared, seeds, progress, workers)]
