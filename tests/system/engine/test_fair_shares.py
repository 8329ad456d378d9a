"""Campaigns that share agents: each gets its share of the agents' time, and each keeps its abandoned-call cap."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.centre_model.day_result import CampaignDay
from dialer.centre_model.distributions import DayCurve, TalkDistribution
from dialer.centre_model.policies import find_pacing_policy, simulate_day_under_policy
from dialer.centre_model.scenario import CampaignModel, Scenario
from dialer.domain.view import CallChange, CallState, SeatState
from dialer.engine.seats.commands import SeatLogIn
from dialer.simulation.agents import AgentHabits
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.voters import VoterProfile
from tests.support.centre import START_EPOCH, Site, a_site, agents_at_work
from tests.support.seats import CHEAP
from tests.support.virtual import virtual_time

VOTERS = VoterProfile(answer_rate=0.4, talk_mean_seconds=40.0, talk_sigma=0.4, patience_mean_seconds=1e6)
_AT_WORK = frozenset({SeatState.TALKING, SeatState.WRAP_UP})
TRUNKS = [
    {"name": "carrier", "endpoint": "carrier", "channels": 200, "calls_per_second": 20, "caller_ids": ["+911140000001"]}
]


def make_curve(value: float) -> DayCurve:
    return DayCurve.create_constant_curve(value)


def make_campaign(name: str, **changes: object) -> dict[str, object]:
    return {
        "id": name,
        "kind": "agents",
        "pacing": "predictive",
        "hours": [{"start": "00:00", "until": "23:59:59"}],
        "wrap_up_seconds": 20,
        **changes,
    }


def count_talks(site: Site) -> Counter[str]:
    """Return the number of voters who have talked to an agent, by campaign."""
    talked = {
        change.attempt_id: change.campaign_id
        for change in site.changes
        if isinstance(change, CallChange) and change.state is CallState.TALKING
    }
    return Counter(talked.values())


def simulate_campaigns(
    talks: Sequence[float], weights: Sequence[float], *, hours: float, seed: int, seats: int = 27
) -> tuple[CampaignDay, ...]:
    """Return the day of campaigns that share seats, by their mean talk (seconds) and weight."""
    campaigns = tuple(
        CampaignModel(make_curve(0.3), TalkDistribution(make_curve(talk)), weight)
        for talk, weight in zip(talks, weights, strict=True)
    )
    scenario = Scenario("shared", make_curve(seats), campaigns, hours=hours)
    return simulate_day_under_policy(scenario, find_pacing_policy("predictive", scenario, 0.03), seed=seed).campaigns


@pytest.mark.parametrize(
    ("talks", "weights", "hours", "seed"),
    [
        ((90.0, 90.0), (1.0, 1.0), 1.0, 1),
        ((45.0, 180.0), (1.0, 1.0), 1.0, 1),
        ((90.0, 90.0), (2.0, 1.0), 1.5, 2),
        ((90.0, 90.0, 60.0), (1.0, 2.0, 3.0), 1.5, 1),
    ],
)
def test_simulated_campaigns_get_their_shares_of_agent_time_in_each_quarter_of_an_hour(
    talks: tuple[float, ...], weights: tuple[float, ...], hours: float, seed: int
) -> None:
    days = simulate_campaigns(talks, weights, hours=hours, seed=seed)
    assert [sum(day.seconds_at_cap) for day in days] == [0.0] * len(days)  # no campaign passes its share on
    for quarter in range(int(4 * hours)):
        used = [day.agent_seconds[quarter] for day in days]
        for seconds, weight in zip(used, weights, strict=True):
            assert seconds / sum(used) == pytest.approx(weight / sum(weights), rel=0.1)
    assert all(day.abandoned <= 0.032 * day.answered + 1 for day in days)


def test_other_campaigns_get_agent_time_of_a_campaign_at_its_abandoned_call_cap() -> None:
    """The small campaign has so few answers that its cap does not allow another abandoned call for minutes."""
    weights = (1.0, 3.0, 4.0)
    small, *others = simulate_campaigns((90.0, 90.0, 60.0), weights, hours=1.0, seed=1, seats=14)
    assert sum(small.seconds_at_cap) > 120.0
    assert [sum(day.seconds_at_cap) for day in others] == [0.0, 0.0]
    for quarter in range(4):
        used = [day.agent_seconds[quarter] for day in others]
        for seconds, weight in zip(used, weights[1:], strict=True):
            assert seconds / sum(used) == pytest.approx(weight / 7.0, rel=0.1)
        everything = sum(used) + small.agent_seconds[quarter]
        assert 0.4 / 8.0 < small.agent_seconds[quarter] / everything < 1.1 / 8.0
    assert all(day.abandoned <= 0.032 * day.answered + 1 for day in (small, *others))


def test_simulated_campaign_at_its_abandoned_call_cap_still_gets_answers() -> None:
    """In the first quarter of an hour this list of few answers reaches its cap. Without answers it would stay there."""
    rates = ((0.15, 45.0), (0.5, 180.0))
    campaigns = tuple(CampaignModel(make_curve(rate), TalkDistribution(make_curve(talk))) for rate, talk in rates)
    scenario = Scenario("at its cap", make_curve(27), campaigns, hours=2.0)
    day = simulate_day_under_policy(scenario, find_pacing_policy("predictive", scenario, 0.03), seed=2)
    for quarter in range(8):
        used = [campaign.agent_seconds[quarter] for campaign in day.campaigns]
        assert used[0] > 0.3 * sum(used)
    assert all(campaign.abandoned <= 0.032 * campaign.answered for campaign in day.campaigns)


@virtual_time()
async def test_two_campaigns_on_the_same_seats_get_agent_time_by_their_weights(tmp_path: Path) -> None:
    config = SimulatedAsteriskConfig(seats=make_seat_phones(8), start_epoch=START_EPOCH, profile=VOTERS)
    campaigns = [make_campaign("one", weight=2), make_campaign("two")]
    async with (
        a_site(tmp_path, config, voters=3000, seats=8, campaigns=campaigns, trunks=TRUNKS) as site,
        agents_at_work(site, AgentHabits(break_share=0.0)),
    ):
        for _quarter in range(2):
            used: Counter[str] = Counter()
            for _second in range(900):
                await asyncio.sleep(1.0)
                working = [seat for seat in site.centre_view.seats if seat.state in _AT_WORK]
                used.update(seat.campaign_id for seat in working if seat.campaign_id is not None)
            assert used["one"] / used.total() == pytest.approx(2 / 3, rel=0.1)
            assert used["two"] / used.total() == pytest.approx(1 / 3, rel=0.1)
            shown = {view.campaign_id: view.agent_share for view in site.centre_view.campaigns}
            assert shown["one"] is not None
            assert shown["one"].intended == pytest.approx(2 / 3)
            assert shown["one"].actual == pytest.approx(used["one"] / used.total(), abs=0.03)


@virtual_time()
async def test_large_campaign_gets_the_agents_who_lack_the_skill_of_the_small_campaign(
    tmp_path: Path,
) -> None:
    """Two of the eight agents speak Tamil. The small campaign can use no others, so it can never get half of the time."""
    config = SimulatedAsteriskConfig(
        seats=make_seat_phones(8), start_epoch=START_EPOCH, profile=replace(VOTERS, answer_rate=0.6)
    )
    campaigns = [make_campaign("large"), make_campaign("small", skill="ta")]
    who = [{"number": f"10{n}", "pin": CHEAP.hash("2468"), "skills": ["ta"] if n <= 2 else ["hi"]} for n in range(1, 9)]
    async with a_site(tmp_path, config, voters=3000, seats=8, agents=who, campaigns=campaigns, trunks=TRUNKS) as site:
        for n in range(1, 9):
            await site.centre.engine.execute_command(SeatLogIn(seat=f"0{n}", agent=f"10{n}", pin="2468"))
        await asyncio.sleep(1500.0)
        talks = count_talks(site)
        shares = {seat.seat: seat.utilisation for seat in site.centre_view.seats}
        assert talks["small"] > 25
        assert talks["large"] > 3 * talks["small"] / 2
        assert sum(shares[f"0{n}"] for n in range(3, 9)) / 6 > 0.5
