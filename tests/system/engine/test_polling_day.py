"""A turnout campaign on its polling day: which voters are called, until when, and what the forecast says."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.model import Booth
from dialer.domain.view import HoldReason
from dialer.engine.campaigns.commands import PauseCampaign, ResumeCampaign, SetCallingHours, StopCampaign
from dialer.engine.core import Core
from dialer.engine.plan import EnginePlan
from dialer.engine.turnout.polls import Polls
from dialer.rules.rulebook import list_polling_days
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.site import create_profile_without_calling_hours
from dialer.site.polling_day import make_polling_day_plan_from_settings
from dialer.store.campaigns import add_or_update_campaign
from dialer.store.targets import add_roll_numbers_to_queue
from tests.support.centre import START_EPOCH, Site, a_site, agents_at_work, site_settings
from tests.support.roll_filler import fill_roll
from tests.support.virtual import virtual_time

DAY = date(2024, 4, 22)  # of START_EPOCH, 09:30 in India


@virtual_time()
async def test_turnout_campaign_publishes_a_forecast_and_stops_at_the_last_call_time(tmp_path: Path) -> None:
    rules = {"polls": [{"day": DAY, "closes_at": "10:30"}]}
    polling_day = {"last_call_minutes": 30}
    async with (
        a_site(tmp_path, voters=1500, seats=4, rules=rules, polling_day=polling_day) as site,
        agents_at_work(site),
    ):
        await asyncio.sleep(20 * 60)
        ahead = site.centre_view.state.forecast
        assert ahead is not None
        assert ahead.until == START_EPOCH + 30 * 60
        assert 0 < ahead.by_agents < ahead.remaining
        assert ahead.by_flows == 0
        await asyncio.sleep(25 * 60)
    with closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        (last,) = db.execute("SELECT max(created_at) FROM attempt WHERE outcome <> 'refused'").fetchone()
        (booths,) = db.execute("SELECT count(DISTINCT booth_id) FROM attempt JOIN voter USING (voter_id)").fetchone()
    assert START_EPOCH + 25 * 60 < last <= START_EPOCH + 30 * 60
    assert booths == 15  # none was forgotten


def create_roll_of_two_phases(directory: Path, voters: int) -> dict[str, Any]:
    """Create a roll whose first half votes on the day of the tests, and whose second half votes two weeks later. Return
    its rules.
    """
    fill_roll(directory / "centre.db", voters, voters_per_booth=100, numbers_weigh_alike=True)
    with closing(sqlite3.connect(directory / "centre.db")) as db:
        db.execute("UPDATE booth SET constituency_number = 175 WHERE booth_id > ?", (voters // 200,))
        db.commit()
    first = {"day": DAY, "constituencies": [174], "closes_at": "18:00"}
    return {"polls": [first, {"day": date(2024, 5, 7), "constituencies": [175], "closes_at": "18:00"}]}


def read_called_voters(directory: Path) -> list[tuple[int, int]]:
    """Return constituency and number of the voters called, call by call."""
    query = (
        "SELECT constituency_number, phone_id FROM attempt JOIN voter USING (voter_id)"
        " JOIN booth ON booth.booth_id = voter.booth_id WHERE outcome IS NULL OR outcome <> 'refused' ORDER BY created_at"
    )
    with closing(sqlite3.connect(directory / "centre.db")) as db:
        return db.execute(query).fetchall()


@virtual_time()
async def test_voters_who_vote_on_another_day_are_called_after_voters_who_vote_today(tmp_path: Path) -> None:
    rules = create_roll_of_two_phases(tmp_path, 200)
    async with a_site(tmp_path, seats=4, rules=rules) as site, agents_at_work(site):
        for _ in range(60):
            await asyncio.sleep(60)
            constituencies, phones = zip(*read_called_voters(tmp_path), strict=True)
            if 175 in constituencies:
                break
    query = "SELECT count(DISTINCT phone_id) FROM link JOIN voter USING (voter_id) WHERE booth_id = 1"
    with closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        (numbers,) = db.execute(query).fetchone()
    assert numbers > 60
    assert len(set(phones[: constituencies.index(175)])) == numbers  # everybody who votes today was called before


@virtual_time()
async def test_promised_calls_to_voters_who_vote_on_another_day_precede_retries(tmp_path: Path) -> None:
    rules = create_roll_of_two_phases(tmp_path, 200)
    with closing(sqlite3.connect(tmp_path / "centre.db", isolation_level=None)) as db:
        add_or_update_campaign(db, "agents", CampaignKind.AGENTS, Purpose.TURNOUT)
        add_roll_numbers_to_queue(db, "agents")
        db.execute("UPDATE target SET due_at = 1.0 WHERE booth_id = 2")
        promised, *others = [
            phone_id for (phone_id,) in db.execute("SELECT phone_id FROM target WHERE booth_id = 2 ORDER BY 1 DESC")
        ]
        db.execute("UPDATE target SET promised = 1 WHERE phone_id = ?", (promised,))
        (fresh,) = db.execute("SELECT count(*) FROM target WHERE booth_id = 1").fetchone()
    async with a_site(tmp_path, seats=4, rules=rules) as site, agents_at_work(site):
        for _ in range(90):
            await asyncio.sleep(60)
            constituencies, phones = zip(*read_called_voters(tmp_path), strict=True)
            if constituencies.count(175) > 10:
                break
    first = constituencies.index(175)
    assert phones[first] == promised
    assert first == 0
    second = constituencies.index(175, first + 1)
    assert phones[second] in others
    assert len(set(phones[:second])) == fresh + 1  # all who vote today were called before
    assert set(phones[second:]) & set(others)  # agents must not sit idle then


@virtual_time()
async def test_survey_campaign_calls_regardless_of_polling_days(tmp_path: Path) -> None:
    rules = create_roll_of_two_phases(tmp_path, 200)
    async with a_site(tmp_path, rules=rules, campaign={"purpose": "survey"}) as site, agents_at_work(site):
        await asyncio.sleep(300)
    assert {constituency for constituency, _ in read_called_voters(tmp_path)} == {174, 175}


def count_contacted_voters(site: Site) -> int:
    return sum(booth.contacted for booth in site.centre_view.booths)


@virtual_time()
async def test_contact_forecast_counts_only_the_remaining_calling_hours(tmp_path: Path) -> None:
    rules = {"polls": [{"day": DAY, "closes_at": "11:50"}]}
    hours = [{"start": "09:50", "until": "10:40"}, {"start": "11:00", "until": "13:00"}]
    everybody = SimulatedAsteriskConfig(
        seats=make_seat_phones(4), start_epoch=START_EPOCH, profile=VoterProfile(answer_rate=0.6)
    )
    async with (
        a_site(tmp_path, everybody, voters=2000, seats=4, rules=rules, campaign={"hours": hours}) as site,
        agents_at_work(site),
    ):
        await asyncio.sleep(20 * 60)
        early = site.centre_view.state.forecast
        await asyncio.sleep(20 * 60)
        await site.centre.engine.execute_command(PauseCampaign(campaign_id="agents"))
        await asyncio.sleep(600)
        await site.centre.engine.execute_command(ResumeCampaign(campaign_id="agents"))
        before, ahead = (
            count_contacted_voters(site),
            site.centre_view.state.forecast,
        )  # after 20 minutes; at 10:20, 40 minutes are left
        assert early is None
        assert ahead is not None
        assert ahead.expected_contacts == pytest.approx(2 * before, rel=0.05)
        execute = site.centre.engine.execute_command
        await execute(SetCallingHours(campaign_id="agents", hours=("09:50-10:40",)))
        narrowed = site.centre_view.state.forecast
        assert narrowed is not None
        assert narrowed.expected_contacts == pytest.approx(before, rel=0.05)
        await execute(SetCallingHours(campaign_id="agents", hours=None))
        await asyncio.sleep(60 * 60)
        assert count_contacted_voters(site) - before == pytest.approx(ahead.expected_contacts, rel=0.25)
        assert site.centre_view.state.forecast is None  # 11:20: calling has ended


@virtual_time()
async def test_turnout_forecast_excludes_closed_booths_and_stopped_campaigns(
    tmp_path: Path,
) -> None:
    rules = create_roll_of_two_phases(tmp_path, 600)
    rules["polls"][1] |= {"day": DAY, "closes_at": "10:20"}
    async with a_site(tmp_path, rules=rules) as site, agents_at_work(site):
        await asyncio.sleep(19 * 60)
        both = site.centre_view.state.forecast
        await asyncio.sleep(62)  # 09:50, the last call to the other booths
        late = site.centre_view.state.forecast
        assert both is not None
        assert late is not None
        assert both.remaining > 500
        assert late.remaining == sum(
            each.voters - each.contacted for each in site.centre_view.booths if each.constituency_number == 174
        )
        assert both.until == late.until == START_EPOCH + 8 * 3600
        assert late.expected_contacts > 0
        await site.centre.engine.execute_command(StopCampaign(campaign_id="agents"))
        stopped = site.centre_view.state.forecast
        assert stopped is not None
        assert stopped.expected_contacts == 0


@virtual_time()
async def test_calling_pace_of_a_turnout_campaign_is_reset_at_midnight(tmp_path: Path) -> None:
    rules = {"polls": [{"day": date(2024, 4, 23), "closes_at": "18:00"}]}
    hours = [{"start": "00:10", "until": "05:20"}, {"start": "23:30", "until": "23:59:59"}]
    evening = SimulatedAsteriskConfig(seats=make_seat_phones(2), start_epoch=START_EPOCH + 14 * 3600 - 600)  # 23:20
    async with (
        a_site(
            tmp_path,
            evening,
            voters=600,
            rules=rules,
            campaign={"hours": hours},
            profile=create_profile_without_calling_hours(),
        ) as site,
        agents_at_work(site),
    ):
        await asyncio.sleep(40 * 60)  # midnight: dispositions from now on belong to the new day
        before = count_contacted_voters(site)
        assert before > 5
        await asyncio.sleep(600 + 590)
        early = site.centre_view.state.forecast
        await asyncio.sleep(610)
        ahead = site.centre_view.state.forecast  # 00:30
        assert early is None
        assert ahead is not None
        # The pace of 20 minutes; 290 minutes are left.
        assert ahead.expected_contacts == pytest.approx((count_contacted_voters(site) - before) * 29 / 2, rel=0.05)


@pytest.mark.parametrize("closes", ["22:50", "23:30"])  # at its start, and later
@virtual_time()
async def test_booth_workers_are_called_in_the_time_zone_of_the_poll(tmp_path: Path, closes: str) -> None:
    start = datetime(2028, 11, 7, 23, 50, tzinfo=ZoneInfo("America/New_York")).timestamp()  # 22:50 in Chicago
    workers = {"id": "workers", "kind": "ivr", "purpose": "booth-workers", "flow": "booth_worker"}
    held: list[HoldReason | None] = []
    async with a_site(
        tmp_path,
        SimulatedAsteriskConfig(seats=make_seat_phones(1), start_epoch=start),
        seats=1,
        campaigns=[workers | {"hours": [{"start": "00:00", "until": "23:59:59"}]}],
        profile=create_profile_without_calling_hours(),
        centre={"id": "ny", "time_zone": "America/New_York"},
        rules={"polls": [{"day": "2028-11-07", "closes_at": closes, "time_zone": "America/Chicago"}]},
    ) as site:
        for minutes in (5, 20, 50):  # before and after midnight in New York; after midnight in Chicago
            await asyncio.sleep(minutes * 60)
            held.append(hold.reason if (hold := site.centre_view.campaigns[0].hold) else None)
    assert held == [HoldReason.LIST_COMPLETED, HoldReason.LIST_COMPLETED, HoldReason.NO_POLL]


def test_flow_announces_the_close_of_poll_in_the_time_zone_of_the_poll(tmp_path: Path) -> None:
    chosen = site_settings(
        tmp_path,
        1,
        centre={"id": "ny", "time_zone": "America/New_York"},
        rules={
            "jurisdiction": "neutral",
            "polls": [{"day": "2028-11-07", "closes_at": "20:00", "time_zone": "America/Anchorage"}],
        },
    )
    plan = SimpleNamespace(polling=make_polling_day_plan_from_settings(chosen, list_polling_days(chosen)))
    core = Core("ny", ZoneInfo("America/New_York"), SystemClock(), cast(EnginePlan, plan))
    assert Polls(core).format_closing_time_of_booth(Booth(1, 1, 1, "School", "en", "")) == "20:00"
