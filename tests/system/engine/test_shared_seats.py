"""Campaigns with different skills that share agents: each seat is dialled for once, and each campaign gets calls."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from dialer.domain.errors import CommandRefused
from dialer.domain.model import Outcome
from dialer.domain.view import CallChange, CallState, SeatState
from dialer.engine.seats.commands import SeatCampaigns, SeatLogIn, SeatLogOff
from tests.support.centre import Site, a_site
from tests.support.seats import CHEAP, seat
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch

HOURS = [{"start": "00:00", "until": "23:59:59"}]
BOTH, TAMIL, HINDI = ["ta", "hi"], ["ta"], ["hi"]


def make_campaign(name: str, skill: str | None) -> dict[str, object]:
    asks = {} if skill is None else {"skill": skill}
    return {"id": name, "kind": "agents", "pacing": "progressive", "hours": HOURS, "wrap_up_seconds": 2, **asks}


@pytest.mark.parametrize(
    ("skills", "agents"),
    [
        (("ta", "hi"), [BOTH] * 4),
        ((None, "ta"), [TAMIL] * 4),
        (("ta", "hi"), [BOTH, BOTH, TAMIL, HINDI]),  # some seats are shared
        (("ta", "hi"), [TAMIL, TAMIL, HINDI, HINDI]),  # no seat is shared
        ((None, "ta"), [HINDI, HINDI, HINDI, BOTH]),
    ],
)
@virtual_time()
async def test_seat_shared_by_two_campaigns_gets_one_call_at_a_time(
    tmp_path: Path, skills: tuple[str | None, str], agents: list[list[str]]
) -> None:
    campaigns = [make_campaign("one", skills[0]), make_campaign("two", skills[1])]
    who = [{"number": f"10{n}", "pin": CHEAP.hash("2468"), "skills": knows} for n, knows in enumerate(agents, 1)]
    config = make_answering_switch(answer_after=6.0, post_dial_seconds=1.0, talk_seconds=60.0)
    async with a_site(tmp_path, config, seats=4, agents=who, campaigns=campaigns) as site:
        for n in range(1, 5):
            await site.centre.engine.execute_command(SeatLogIn(seat=f"0{n}", agent=f"10{n}", pin="2468"))
        await site.until(lambda: all(seat.state is SeatState.READY for seat in site.centre_view.seats))
        most = 0
        for _ in range(200):
            most = max(
                most, sum(not call.is_answered for call in site.centre.engine.features.live_calls.list_live_calls())
            )
            await asyncio.sleep(0.1)
        assert most == 4
        assert Outcome.ABANDONED not in Counter(call.outcome for call in site.ended())


@virtual_time()
async def test_small_campaign_that_shares_agents_with_a_large_campaign_gets_calls(tmp_path: Path) -> None:
    campaigns = [make_campaign("large", None), make_campaign("small", "ta")]
    who = [{"number": f"10{n}", "pin": CHEAP.hash("2468"), "skills": TAMIL if n == 1 else HINDI} for n in range(1, 7)]
    config = make_answering_switch(answer_after=6.0, post_dial_seconds=1.0, talk_seconds=20.0)
    async with a_site(tmp_path, config, voters=400, seats=6, agents=who, campaigns=campaigns) as site:
        for n in range(1, 7):
            await site.centre.engine.execute_command(SeatLogIn(seat=f"0{n}", agent=f"10{n}", pin="2468"))
        await asyncio.sleep(900.0)
        attempts = {each.campaign_id: each.attempts for each in site.centre_view.campaigns}
        assert attempts["small"] > 10 < attempts["large"]


def find_seats_by_campaign(site: Site, since: int = 0) -> dict[str, set[str]]:
    """Return, by campaign, the seats at which its voters have talked."""
    talks = [
        change
        for change in site.changes[since:]
        if isinstance(change, CallChange) and change.state is CallState.TALKING
    ]
    found: dict[str, set[str]] = {"one": set(), "two": set()}
    for change in talks:
        found[change.campaign_id].add(change.seat or "")
    return found


@virtual_time()
async def test_restriction_of_a_seat_to_campaigns_lasts_until_log_off(tmp_path: Path) -> None:
    campaigns = [make_campaign("one", None), make_campaign("two", None)]
    who = [{"number": f"10{n}", "pin": CHEAP.hash("2468")} for n in range(1, 5)]
    config = make_answering_switch(answer_after=6.0, post_dial_seconds=1.0, talk_seconds=20.0)
    async with a_site(tmp_path, config, voters=400, seats=4, agents=who, campaigns=campaigns) as site:
        engine = site.centre.engine
        with pytest.raises(CommandRefused, match="seat 01 has no agent"):
            await engine.execute_command(SeatCampaigns(seat="01", campaigns=("one",)))
        for n in range(1, 5):
            await engine.execute_command(SeatLogIn(seat=f"0{n}", agent=f"10{n}", pin="2468"))
        for name, only in (("01", "one"), ("02", "two"), ("03", "two")):
            said = await engine.execute_command(SeatCampaigns(seat=name, campaigns=(only,)))
            assert said == f"seat {name}: serves {only} from its next call"
        with pytest.raises(CommandRefused, match="campaign 'none' is not in the settings"):
            await engine.execute_command(SeatCampaigns(seat="04", campaigns=("one", "none")))
        assert [seat(site, f"0{n}").campaigns for n in range(1, 5)] == [("one",), ("two",), ("two",), ()]
        most = 0
        for _ in range(3_000):
            most = max(most, sum(not call.is_answered for call in engine.features.live_calls.list_live_calls()))
            await asyncio.sleep(0.1)
        assert most <= 4  # no seat is dialled for twice
        assert Outcome.ABANDONED not in Counter(call.outcome for call in site.ended())
        assert {"01"} <= find_seats_by_campaign(site)["one"] <= {"01", "04"}
        assert {"02", "03"} <= find_seats_by_campaign(site)["two"] <= {"02", "03", "04"}

        # Both seats of "two" go to "one": their talks continue, and the other campaign gets the free seats of all
        # campaigns.
        for name in ("02", "03"):
            await engine.execute_command(SeatCampaigns(seat=name, campaigns=("one",)))
        await engine.execute_command(SeatCampaigns(seat="04", campaigns=("one",)))
        await asyncio.sleep(60.0)
        since = len(site.changes)
        await asyncio.sleep(200.0)
        assert find_seats_by_campaign(site, since)["two"] == set()
        assert {"02", "03"} <= find_seats_by_campaign(site, since)["one"]
        held = next(each.hold for each in site.centre_view.campaigns if each.campaign_id == "two")
        assert held is not None
        assert str(held) == "no agent is available: some are restricted to other campaigns"
        await engine.execute_command(SeatCampaigns(seat="04", campaigns=()))
        await asyncio.sleep(200.0)
        assert find_seats_by_campaign(site, since)["two"] == {"04"}
        await engine.execute_command(SeatLogOff(seat="02"))
        await site.until(lambda: seat(site, "02").state is SeatState.OFFLINE)
        await engine.execute_command(SeatLogIn(seat="02", agent="102", pin="2468"))
        assert seat(site, "02").campaigns == ()


@virtual_time()
async def test_seat_cannot_be_restricted_to_campaigns_whose_skill_its_agent_lacks(tmp_path: Path) -> None:
    campaigns = [make_campaign("one", None), make_campaign("two", "ta")]
    who = [
        {"number": f"10{n}", "pin": CHEAP.hash("2468"), "skills": knows} for n, knows in enumerate((HINDI, TAMIL), 1)
    ]
    async with a_site(tmp_path, make_answering_switch(), seats=1, agents=who, campaigns=campaigns) as site:
        await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="101", pin="2468"))
        with pytest.raises(CommandRefused, match="does not have the skill ta that campaign two needs"):
            await site.centre.engine.execute_command(SeatCampaigns(seat="01", campaigns=("two",)))
        assert seat(site).campaigns == ()
