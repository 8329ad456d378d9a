"""What a change would bring a site: more seats, another cap, better numbers - simulated, several days each."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean

from audio.workers import spread
from dialer.simulation.baselines import policy_named, simulate_policy
from dialer.simulation.centre import BadScenario
from dialer.simulation.day_result import DayResult
from dialer.simulation.laws import Course, TalkLaw
from dialer.simulation.scenarios import CampaignModel, Scenario


@dataclass(frozen=True, slots=True)
class Site:
    """A site in the figures that its manager knows. `answer_rate` and `cap` are shares."""

    seats: int
    answer_rate: float
    talk_seconds: float = 90.0
    talk_cv: float = 0.8
    wrap_up_seconds: float = 15.0
    cap: float = 0.03
    hours: float = 8.0

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
    )


@dataclass(frozen=True, slots=True)
class Day:
    """A day to be simulated: of a scenario, under a policy by its name, which steers to `cap` where it is ours."""

    scenario: Scenario
    policy: str
    cap: float
    seed: int

    def simulated(self, progress: Callable[[float], None] | None = None) -> DayResult:
        """What the day comes to. Raises BadScenario for a policy or a scenario that there is none of."""
        return simulate_policy(
            self.scenario, policy_named(self.policy, self.scenario, self.cap), self.seed, progress=progress
        )


def simulate_days(
    cases: Sequence[tuple[str, Scenario, str, float]],
    seeds: Sequence[int],
    progress: Callable[[float], None] | None = None,
    workers: int = 1,
) -> list[tuple[WhatIfResult, list[DayResult]]]:
    """Days of several cases (label, scenario, policy, cap), each with every seed; a result for each case.

    With more than one of `workers` the days are spread over processes: which one simulates a day changes nothing of it. `progress`
    is told the share of all days that is done. Raises BadScenario before anything is simulated, and for days that no process could
    bring to their end.
    """
    for _, scenario, policy, cap in cases:
        policy_named(policy, scenario, cap)
    days = [Day(scenario, policy, cap, seed) for _, scenario, policy, cap in cases for seed in seeds]
    found: dict[int, DayResult] = {}
    if workers == 1:
        for place, day in enumerate(days):
            tell = progress and partial(_tell_of_one, progress, place, len(days))
            found[place] = day.simulated(tell)
    else:
        for (place, _), result in spread(_simulated, list(enumerate(days)), min(workers, len(days))):
            if result is None:
                raise BadScenario("a process that simulated a day was ended: is there memory enough?")
            found[place] = result
            if progress is not None:
                progress(len(found) / len(days))
    each = [[found[case * len(seeds) + place] for place in range(len(seeds))] for case in range(len(cases))]
    return [(outcome(label, policy, of), of) for (label, _, policy, _), of in zip(cases, each, strict=True)]


def _simulated(job: tuple[int, Day]) -> DayResult:
    return job[1].simulated()


def _tell_of_one(progress: Callable[[float], None], done: int, whole: int, share: float) -> None:
    progress((done + share) / whole)


_CHANGE = re.compile(r"^(seats|answer-rate|cap|talk|wrap-up)=([+-]?)([0-9]*\.?[0-9]+)(%?)$")


def changed(site: Site, change: str) -> Site:
    """The site after a change such as "seats=+5", "cap=2%", "answer-rate=0.25", "talk=-10", "wrap-up=10".

    A sign means more or less than now. Several changes at once are joined by commas. Raises BadScenario.
    """
    for part in change.split(","):
        match = _CHANGE.match(part.strip())
        if match is None:
            raise BadScenario(
                f"cannot read the change {part.strip()!r}; write it as seats=+5, cap=2%, answer-rate=0.25, talk=80 or wrap-up=-5"
            )
        name, sign, figure, percent = match.groups()
        value = float(figure) / (100.0 if percent else 1.0)
        site = _with(site, name, partial(_moved, sign=sign, value=value))
    return site


def _moved(now: float, *, sign: str, value: float) -> float:
    return value if not sign else now + (value if sign == "+" else -value)


def _with(site: Site, name: str, change: Callable[[float], float]) -> Site:
    match name:
        case "seats":
            return replace(site, seats=round(change(site.seats)))
        case "answer-rate":
            return replace(site, answer_rate=change(site.answer_rate))
        case "cap":
            return replace(site, cap=change(site.cap))
        case "talk":
            return replace(site, talk_seconds=change(site.talk_seconds))
        case _:
            return replace(site, wrap_up_seconds=change(site.wrap_up_seconds))


def what_if(
    site: Site,
    changes: Sequence[str],
    *,
    policy: str = "predictive",
    seeds: Sequence[int] = (1, 2, 3, 4),
    progress: Callable[[float], None] | None = None,
    workers: int = 1,
) -> list[WhatIfResult]:
    """The site as it is, then after each change. Raises BadScenario before anything is simulated."""
    cases = [("as now", site)] + [(change, changed(site, change)) for change in changes]
    prepared = [(label, case.scenario(), policy, case.cap) for label, case in cases]
    return [result for result, _ in simulate_days(prepared, seeds, progress, workers)]
