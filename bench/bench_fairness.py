"""Campaigns that share agents: their shares of the agents' time, their abandoned-call rates, and the agents' idle time.

    python -m bench.bench_fairness [--quick | --smoke] [--row NAME] [--write]

Rows without skills are days of the centre model. Rows with skills are a whole centre in virtual time: engine, store and
simulated Asterisk. One row is also run with the rule before weights: every campaign dials for all the seats it sees, as
soon as its own pacing allows it. `--write` puts the table into docs/reference/pacing-fairness.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any
from unittest import mock

from argon2 import PasswordHasher

from bench.bench_engine import FILL
from bench.bench_seats import START_EPOCH
from bench.common import Size, add_size_options, describe_machine, print_progress
from dialer.app import RunningCentre, assemble_centre
from dialer.centre_model.distributions import DayCurve, TalkDistribution
from dialer.centre_model.model import CentreModel
from dialer.centre_model.policies import find_pacing_policy, simulate_day_under_policy
from dialer.centre_model.scenario import CampaignModel, Scenario
from dialer.cli.logs import configure_quiet_logging
from dialer.domain.clock import LoopClock
from dialer.domain.view import SeatState
from dialer.engine.seats.commands import SeatLogIn
from dialer.pacing.port import Limit
from dialer.pacing.predictive import UsualRate
from dialer.settings.site import Settings
from dialer.simulation.agents import AgentHabits, SimulatedAgents
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.site import create_profile_without_calling_hours
from dialer.simulation.virtual_time import run_in_virtual_time

CAP = 0.03
QUARTER_SECONDS = 900.0
PIN = "2468"
PIN_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # cheap: the PINs of a bench are no secret
VOTERS = VoterProfile(answer_rate=0.4, talk_mean_seconds=60.0, patience_mean_seconds=1e6)
ROW_OF_BOTH_RULES = "2, equal"
RESULTS = Path(__file__).parents[1] / "docs/reference/pacing-fairness.md"


@dataclass(frozen=True, slots=True)
class ModelRow:
    """Campaigns that share all seats of the centre model: answer rate, mean talk (seconds) and weight of each."""

    name: str
    seats: int
    campaigns: tuple[tuple[float, float, float], ...]
    hours: float = 2.0


@dataclass(frozen=True, slots=True)
class SkillRow:
    """Campaigns of a whole centre, each with the skill that it asks for (or None), and the skills of each agent."""

    name: str
    skills: tuple[str | None, ...]
    agents: tuple[tuple[str, ...], ...]
    intended: tuple[float, ...]  # the fair share of each campaign


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a row was found to do. Shares and rates are 0-1, one for each campaign."""

    shares: tuple[float, ...]
    share_error: float  # the largest, in a quarter of an hour, relative to the intended share
    free_share_error: float | None  # the same, among the campaigns that were not at their cap in that quarter
    at_cap: tuple[float, ...]  # share of the time
    abandoned_rates: tuple[float, ...]
    answered: tuple[int, ...]
    idle_seconds: float


def make_campaigns(
    weights: Sequence[float], talks: Sequence[float] = (90.0,), rates: Sequence[float] = (0.3,)
) -> tuple[tuple[float, float, float], ...]:
    """Return a campaign for each weight. Talks and answer rates are repeated as often as needed."""
    return tuple(
        (rates[number % len(rates)], talks[number % len(talks)], weight) for number, weight in enumerate(weights)
    )


TWO, THREE, FIVE = (1.0,) * 2, (1.0,) * 3, (1.0,) * 5
SHORT_AND_LONG = (45.0, 180.0)
MODEL_ROWS = (
    ModelRow("one campaign", 27, make_campaigns((1.0,))),
    ModelRow("2, equal", 27, make_campaigns(TWO)),
    ModelRow("2, weights 2:1", 27, make_campaigns((2.0, 1.0))),
    ModelRow("2, talks 45 and 180 s", 27, make_campaigns(TWO, SHORT_AND_LONG)),
    ModelRow("2, weights 2:1, talks 45 and 180 s", 27, make_campaigns((2.0, 1.0), SHORT_AND_LONG)),
    ModelRow("2, answer rates .15 and .50", 27, make_campaigns(TWO, rates=(0.15, 0.5))),
    ModelRow("3, equal", 27, make_campaigns(THREE)),
    ModelRow("3, weights 1:2:3", 27, make_campaigns((1.0, 2.0, 3.0))),
    ModelRow("3, talks 45, 180 and 45 s", 27, make_campaigns(THREE, SHORT_AND_LONG)),
    ModelRow("5, equal", 27, make_campaigns(FIVE)),
    ModelRow("5, weights 1:1:2:3:3", 27, make_campaigns((1.0, 1.0, 2.0, 3.0, 3.0))),
    ModelRow("5, talks 45 and 180 s in turn", 27, make_campaigns(FIVE, SHORT_AND_LONG)),
    ModelRow("2, equal, 10 seats", 10, make_campaigns(TWO)),
    ModelRow("2, equal, 100 seats", 100, make_campaigns(TWO)),
    ModelRow("5, weights 1:1:2:3:3, 100 seats", 100, make_campaigns((1.0, 1.0, 2.0, 3.0, 3.0))),
)
HINDI, TAMIL, BOTH = ("hi",), ("ta",), ("hi", "ta")
SKILL_ROWS = (
    SkillRow(
        "Hindi and Tamil, 4 of 12 agents speak both",
        ("hi", "ta"),
        (HINDI,) * 4 + (TAMIL,) * 4 + (BOTH,) * 4,
        (0.5, 0.5),
    ),
    SkillRow("any agent and Tamil, 3 of 12 speak it", (None, "ta"), (HINDI,) * 9 + (TAMIL,) * 3, (0.75, 0.25)),
)


# The rule before weights


def _decide_as_before(centre: CentreModel) -> None:
    """Let each campaign of the centre model place the calls that its own pacing wants, each first in turn."""
    centre._changed = False
    centre._decided_at = centre.now
    turn = len(centre._decision_costs) // len(centre.campaigns) + 1
    for step in range(len(centre.campaigns)):
        index = (turn + step) % len(centre.campaigns)
        pacer, view = centre.pacers[index], centre._make_pacing_snapshot(index)
        view = replace(view, share=1.0, busy_seats=tuple(seat._replace(pacer=None) for seat in view.busy_seats))
        excess, calls = pacer.count_ringing_calls_to_hang_up(view), pacer.count_calls_to_place(view)
        centre.campaigns[index].is_at_cap = pacer.explain_last_pacing_decision().limited_by is Limit.HARD_STOP
        centre._decision_costs.append(0.0)
        if excess > 0:
            centre._cancel_calls(index, excess)
        for _call in range(min(calls, view.free_channels, view.cps_budget)):
            centre._place_call(index)
    if centre._on_events:
        centre._schedule_decision_at_next_call_start()


@contextlib.contextmanager
def use_rule_before_weights() -> Iterator[None]:
    """Place the centre model's calls as versions without weights did: each campaign dials for all the seats it sees."""
    with (
        mock.patch.object(UsualRate, "count_weighted_ringing_calls", lambda _, ringing: len(ringing)),
        mock.patch.object(CentreModel, "_run_pacing_decision", _decide_as_before),
    ):
        yield


# Runs


def run_model_row(row: ModelRow, seeds: Sequence[int], hours: float | None) -> list[Outcome]:
    """Simulate days of a row of the centre model."""
    scenario = Scenario(
        row.name,
        DayCurve.create_constant_curve(row.seats),
        tuple(
            CampaignModel(
                DayCurve.create_constant_curve(rate),
                TalkDistribution(DayCurve.create_constant_curve(talk)),
                weight,
            )
            for rate, talk, weight in row.campaigns
        ),
        hours=hours or row.hours,
        decision_interval_seconds=0.1 if row.seats > 50 else 0.0,
    )
    weights = [weight for _, _, weight in row.campaigns]
    outcomes = []
    for seed in seeds:
        day = simulate_day_under_policy(scenario, find_pacing_policy("predictive", scenario, CAP), seed)
        agent_seconds = [campaign.agent_seconds or [1.0] for campaign in day.campaigns]
        at_cap = [campaign.seconds_at_cap or [0.0] for campaign in day.campaigns]
        answered = tuple(campaign.answered for campaign in day.campaigns)
        outcomes.append(
            Outcome(
                *compute_shares(agent_seconds, at_cap, [weight / sum(weights) for weight in weights]),
                tuple(sum(seconds) / (3600.0 * scenario.hours) for seconds in at_cap),
                tuple(campaign.abandoned / max(1, campaign.answered) for campaign in day.campaigns),
                answered,
                day.idle_seconds_per_call,
            )
        )
    return outcomes


def compute_shares(
    agent_seconds: Sequence[Sequence[float]], at_cap: Sequence[Sequence[float]], intended: Sequence[float]
) -> tuple[tuple[float, ...], float, float | None]:
    """Return the share of each campaign, and the largest relative error of a share in a quarter of an hour: of all
    campaigns, and among those that were not at their cap in that quarter (None: never two of them).
    """
    used = [sum(quarters) for quarters in agent_seconds]
    errors, free_errors = [0.0], list[float]()
    for quarter, capped in zip(zip(*agent_seconds, strict=False), zip(*at_cap, strict=False), strict=False):
        pairs = list(zip(quarter, intended, strict=True))
        free = [pair for pair, seconds in zip(pairs, capped, strict=True) if seconds == 0.0]
        for some, found in ((pairs, errors), (free, free_errors)):
            total, due = sum(seconds for seconds, _ in some), sum(share for _, share in some)
            if total > 0.0 and len(some) > 1:
                found += [abs(seconds / total / (share / due) - 1.0) for seconds, share in some]
    return tuple(each / max(1.0, sum(used)) for each in used), max(errors), max(free_errors, default=None)


def skill_settings(store: Path, ami_port: int, row: SkillRow) -> Settings:
    """Return settings with predictive campaigns for the skills of a row, and a trunk whose limits never bind."""
    seats = range(1, len(row.agents) + 1)
    campaigns: list[dict[str, Any]] = [
        {
            "id": f"campaign{number}",
            "kind": "agents",
            "pacing": "predictive",
            "wrap_up_seconds": 30,
            "hours": [{"start": "00:00", "until": "23:59:59.999999"}],
            **({} if skill is None else {"skill": skill}),
        }
        for number, skill in enumerate(row.skills)
    ]
    return Settings.model_validate(
        {
            "centre": {"id": "bench"},
            "store": {"path": store, "reserve_megabytes": 1},
            "ami": {"port": ami_port, "username": "dialler", "secret": "dialler"},
            "fastagi": {"port": 0},
            "broker": {"enabled": False},
            "dialling": {"drain_seconds": 1},
            "trunks": [
                {
                    "name": "carrier",
                    "endpoint": "carrier",
                    "channels": 8 * len(row.agents),
                    "calls_per_second": 2.0 * len(row.agents),
                    "caller_ids": ["+911140000001"],
                }
            ],
            "seats": [{"name": f"{n:02d}", "endpoint": f"agent{n:02d}"} for n in seats],
            "agents": [
                {"number": f"{100 + n}", "pin": PIN_HASHER.hash(PIN), "skills": list(row.agents[n - 1])} for n in seats
            ],
            "campaigns": campaigns,
        }
    )


class CentreWatch:
    """Counts the agent time and the answered calls of each campaign of a running centre."""

    def __init__(self, centre: RunningCentre, campaigns: int) -> None:
        self._engine = centre.engine
        self.agent_seconds: list[list[float]] = [[] for _ in range(campaigns)]
        self.at_cap: list[list[float]] = [[] for _ in range(campaigns)]
        self.idle_seconds = 0.0

    async def run(self, seconds: float) -> None:
        """Look at the seats once a second, for this many seconds."""
        for second in range(int(seconds)):
            if second % QUARTER_SECONDS == 0:
                for quarters in chain(self.agent_seconds, self.at_cap):
                    quarters.append(0.0)
            view = self._engine.make_centre_view()
            for seat in view.seats:
                self.idle_seconds += seat.state in (SeatState.READY, SeatState.RESERVED)
                if seat.state in (SeatState.TALKING, SeatState.WRAP_UP) and seat.campaign_id is not None:
                    self.agent_seconds[int(seat.campaign_id[-1])][-1] += 1.0
            for campaign in view.campaigns:
                self.at_cap[int(campaign.campaign_id[-1])][-1] += campaign.limited_by == Limit.HARD_STOP.value
            await asyncio.sleep(1.0)


async def run_centre(folder: Path, row: SkillRow, warm_seconds: float, seconds: float) -> Outcome:
    """Run a whole centre in virtual time, and return what its campaigns got after a warm-up."""
    config = SimulatedAsteriskConfig(start_epoch=START_EPOCH, seats=make_seat_phones(len(row.agents)), profile=VOTERS)
    stop = asyncio.Event()
    async with SimulatedAsterisk(config) as switch:
        settings = skill_settings(folder / "centre.db", switch.ami_port, row)
        clock = LoopClock(switch.get_current_time())
        async with (
            assemble_centre(
                settings, clock=clock, chance=random.Random(1), profile=create_profile_without_calling_hours()
            ) as centre,
            asyncio.TaskGroup() as group,
        ):
            switch.agi_port = centre.agi_port
            group.create_task(centre.dial_until_stopped(stop))
            await asyncio.sleep(2)
            agents = SimulatedAgents(centre.engine, [seat.name for seat in settings.seats], AgentHabits(), seed=1)
            for number, seat in enumerate(settings.seats, 1):
                await centre.engine.execute_command(SeatLogIn(seat=seat.name, agent=f"{100 + number}", pin=PIN))
            group.create_task(agents.react_to_engine_until_stopped(stop))
            await asyncio.sleep(warm_seconds)
            before, watch = centre.engine.make_centre_view().campaigns, CentreWatch(centre, len(row.skills))
            await watch.run(seconds)
            after = centre.engine.make_centre_view().campaigns
            stop.set()
    shares = compute_shares(watch.agent_seconds, watch.at_cap, row.intended)
    at_cap = tuple(sum(each) / seconds for each in watch.at_cap)
    pairs = list(zip(before, after, strict=True))
    abandoned = [now.abandoned - then.abandoned for then, now in pairs]
    connected = [now.connected - then.connected for then, now in pairs]
    answered = tuple(map(sum, zip(abandoned, connected, strict=True)))
    rates = tuple(each / max(1, all_of) for each, all_of in zip(abandoned, answered, strict=True))
    return Outcome(*shares, at_cap, rates, answered, watch.idle_seconds / max(1, sum(connected)))


def run_skill_row(row: SkillRow, warm_seconds: float, seconds: float) -> Outcome:
    """Run a row with skills in a store of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        voters = int(len(row.agents) * 6 * (warm_seconds + seconds) / 60)
        subprocess.run([sys.executable, "-c", FILL, str(folder / "centre.db"), str(max(500, voters))], check=True)
        run = partial(run_centre, folder, row, warm_seconds, seconds)
        return run_in_virtual_time(run, limit_seconds=warm_seconds + seconds + 3_600)


_HEAD = (
    "campaigns",
    "rule",
    "shares of agent time",
    "error",
    "error, not at cap",
    "time at cap",
    "abandoned",
    "answered",
    "idle s",
)


def make_cells(name: str, rule: str, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Return the cells of a row as text: the shares of the day with the largest error, means over its days, the largest
    errors and the sum of the answers.
    """
    campaigns = range(len(outcomes[0].shares))
    answered = [sum(each.answered[number] for each in outcomes) for number in campaigns]
    abandoned = [sum(each.abandoned_rates[number] * each.answered[number] for each in outcomes) for number in campaigns]
    free_errors = [each.free_share_error for each in outcomes if each.free_share_error is not None]
    return (
        name,
        rule,
        ", ".join(f"{share:.1%}" for share in max(outcomes, key=lambda day: day.share_error).shares),
        f"{max(each.share_error for each in outcomes):.0%}",
        f"{max(free_errors):.0%}" if free_errors else "-",
        ", ".join(f"{sum(each.at_cap[number] for each in outcomes) / len(outcomes):.0%}" for number in campaigns),
        ", ".join(f"{lost / max(1, of):.2%}" for lost, of in zip(abandoned, answered, strict=True)),
        ", ".join(map(str, answered)),
        f"{sum(each.idle_seconds for each in outcomes) / len(outcomes):.1f}",
    )


def make_page(rows: Sequence[Sequence[str]], days: int) -> str:
    """Return the results page, for rows of this many simulated days."""
    lines = [
        "# Shares of agent time: results",
        "",
        "For engineers. Written by `python -m bench.bench_fairness --write`: campaigns that share agents, at a cap of 3 % an",
        "hour. All of it is simulated: rows with a language are half an hour of a whole centre (engine, store and simulated",
        f"Asterisk) in virtual time; the others are {days} days of two hours of the centre model. Agents: 27, if not named;",
        "talks: 90 s; answer rate: .30.",
        "",
        "- By weight: campaigns share the agents' time. Before (one row, earlier versions): each dials for all seats.",
        "- Error: the largest of a share in a quarter of an hour, relative to the intended share. The shares are those of the",
        "  day with the largest error.",
        "- Error, not at cap: the same, among the campaigns that were never at their abandoned-call cap in that quarter; -: no",
        "  quarter had two of them. A campaign at its cap passes most of its share on.",
        "- Idle: a seat's mean wait between calls.",
        "",
        f"Measured {datetime.now().astimezone():%Y-%m-%d}, {describe_machine()}, {os.cpu_count()} cores.",
        "",
        "|" + "|".join(_HEAD) + "|",
        "|" + "---|" * len(_HEAD),
        *("|" + "|".join(row) + "|" for row in rows),
        "",
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run the bench and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", action="append", help="the name of a row; may be repeated")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    add_size_options(parser)
    options = parser.parse_args(arguments)
    size: Size = options.size
    configure_quiet_logging()
    rows: list[tuple[str, ...]] = []
    hours, seeds = size.pick((None, (1, 2)), (1.0, (1,)), (0.1, (1,)))
    warm, seconds = size.pick((600.0, 1_800.0), (300.0, 900.0), (20.0, 40.0))
    model_rows = size.pick(MODEL_ROWS, MODEL_ROWS, MODEL_ROWS[1:2])
    skill_rows = size.pick(SKILL_ROWS, SKILL_ROWS, SKILL_ROWS[:1])
    print(" | ".join(_HEAD), flush=True)
    all_rows: tuple[ModelRow | SkillRow, ...] = (*model_rows, *skill_rows)
    for row in all_rows:
        if options.row and row.name not in options.row:
            continue
        for rule, in_force in (("before", use_rule_before_weights), ("by weight", contextlib.nullcontext)):
            if rule == "before" and row.name != ROW_OF_BOTH_RULES:
                continue
            print_progress(f"{row.name}, rule {rule}")
            with in_force():
                match row:
                    case SkillRow():
                        outcomes = [run_skill_row(row, warm, seconds)]
                    case ModelRow():
                        outcomes = run_model_row(row, seeds, hours)
            rows.append(make_cells(row.name, rule, outcomes))
            print(" | ".join(rows[-1]), flush=True)
            if options.write:
                RESULTS.write_text(make_page(rows, len(seeds)), encoding="utf-8")


if __name__ == "__main__":
    main()
