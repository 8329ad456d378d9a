"""A campaign's calling hours that a supervisor sets while it runs: within the rules profile, and also after a restart."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.errors import CommandRefused
from dialer.domain.view import CallChange, CallingHours, CampaignView, Hold, HoldReason
from dialer.engine.campaigns.commands import SetCallingHours
from dialer.engine.command.base import CommandContext
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.site import create_profile_without_calling_hours
from tests.support.centre import START_EPOCH, Site, a_site
from tests.support.virtual import virtual_time
from tests.support.voters import IVR, make_answering_switch, make_scripted_switch

INDIA, LONDON = ZoneInfo("Asia/Kolkata"), ZoneInfo("Europe/London")
MINUTE = 60.0  # the site's clock begins on a Monday at 09:30; the neutral profile allows 09:00-20:00 on weekdays
CAMPAIGN: dict[str, Any] = {**IVR, "hours": [{"start": "09:00", "until": "18:00"}], "other_retry_minutes": 1}


async def set_hours(site: Site, *hours: str, sender: str = "asha") -> str:
    command = SetCallingHours(campaign_id="ivr", hours=hours or None)
    return str(await site.centre.engine.execute_command(command, CommandContext(sender)))


def get_view(site: Site) -> CampaignView:
    return site.centre_view.campaigns[0]


def is_outside_calling_hours(site: Site) -> bool:
    hold = get_view(site).hold
    return hold is not None and hold.reason is HoldReason.CALLING_HOURS


def list_times_of_placed_calls(site: Site) -> list[float]:
    first = {each.attempt_id: each.at for each in reversed(site.changes) if isinstance(each, CallChange)}
    return sorted(first.values())


@virtual_time()
async def test_no_call_is_placed_outside_the_hours_that_a_supervisor_has_set(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(answer_after=5.0), campaign=CAMPAIGN) as site:
        await site.until(lambda: bool(list_times_of_placed_calls(site)))
        assert get_view(site).calling_hours == CallingHours(("09:00-18:00",), ("09:00-20:00",), ("09:00-18:00",), None)
        said = await set_hours(site, "09:50-10:00", "09:00-09:35")
        assert said == "campaign ivr: the calling hours are 09:00-09:35, 09:50-10:00"
        hours = ("09:00-09:35", "09:50-10:00")
        assert get_view(site).calling_hours == CallingHours(hours, ("09:00-20:00",), hours, "asha")
        closed, reopened = START_EPOCH + 5 * MINUTE, START_EPOCH + 20 * MINUTE
        await site.until(lambda: site.clock.now() > closed + 1.0)
        assert get_view(site).hold == Hold(HoldReason.CALLING_HOURS, "outside calling hours until 09:50", reopened)
        await site.until(lambda: get_view(site).hold is None, seconds=16 * MINUTE)
        await site.until(lambda: list_times_of_placed_calls(site)[-1] > reopened)
        placed = list_times_of_placed_calls(site)
        assert max(at for at in placed if at < reopened) > closed - MINUTE
        assert not [at for at in placed if closed <= at < reopened]


@virtual_time()
async def test_hours_that_exclude_the_present_stop_dialling_at_once_and_a_reset_resumes_it(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(answer_after=5.0), campaign=CAMPAIGN) as site:
        await site.until(lambda: bool(list_times_of_placed_calls(site)))
        await set_hours(site, "11:00-12:00")
        closed = site.clock.now()
        await asyncio.sleep(5 * MINUTE)
        assert list_times_of_placed_calls(site)[-1] <= closed
        opening = START_EPOCH + 90 * MINUTE
        assert get_view(site).hold == Hold(HoldReason.CALLING_HOURS, "outside calling hours until 11:00", opening)
        assert await set_hours(site) == "campaign ivr: the calling hours are 09:00-18:00"
        await site.until(lambda: list_times_of_placed_calls(site)[-1] > closed, seconds=MINUTE)
        hours = get_view(site).calling_hours
        assert hours is not None
        assert (hours.hours, hours.sender) == (("09:00-18:00",), None)


@virtual_time()
async def test_supervisors_calling_hours_survive_a_restart_until_they_are_reset(tmp_path: Path) -> None:
    async with SimulatedAsterisk(make_scripted_switch()) as switch:
        async with a_site(tmp_path, switch=switch, campaign=CAMPAIGN) as site:
            await set_hours(site, "10:00-12:00", "13:00-19:00")
        async with a_site(tmp_path, switch=switch, campaign=CAMPAIGN) as site:
            hours = ("10:00-12:00", "13:00-19:00")
            assert get_view(site).calling_hours == CallingHours(hours, ("09:00-20:00",), hours, "asha")
            await site.until(lambda: is_outside_calling_hours(site))
            assert str(get_view(site).hold) == "outside calling hours until 10:00"
            assert not list_times_of_placed_calls(site)
            await set_hours(site, sender="vikram")
        async with a_site(tmp_path, switch=switch, campaign=CAMPAIGN) as site:
            shown = get_view(site).calling_hours
            assert shown is not None
            assert (shown.hours, shown.sender) == (("09:00-18:00",), None)


@virtual_time()
async def test_calling_hours_outside_those_of_the_profile_or_of_an_unknown_campaign_are_refused(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_scripted_switch(), campaign=CAMPAIGN) as site:
        before = get_view(site).calling_hours
        outside = (
            "campaign ivr: the calling hours 09:00-12:00, 19:00-21:00 are outside those of the rules profile neutral"
            " (09:00-20:00 on weekdays, 10:00-18:00 on Saturdays, 10:00-18:00 on Sundays): set hours within them"
        )
        with pytest.raises(CommandRefused) as refused:
            await set_hours(site, "19:00-21:00", "09:00-12:00")
        assert str(refused.value) == outside
        with pytest.raises(CommandRefused, match="campaign 'none' is not in the settings"):
            await site.centre.engine.execute_command(SetCallingHours(campaign_id="none", hours=("10:00-12:00",)))
        assert get_view(site).calling_hours == before


@virtual_time()
async def test_profile_still_stops_dialling_on_a_day_when_it_allows_less_than_the_supervisors_hours(
    tmp_path: Path,
) -> None:
    saturday = datetime(2024, 4, 27, 17, 55, tzinfo=INDIA).timestamp()
    config = SimulatedAsteriskConfig(start_epoch=saturday)
    async with a_site(tmp_path, config, campaign=CAMPAIGN) as site:
        await set_hours(site, "09:00-19:30")
        hours = CallingHours(("09:00-19:30",), ("10:00-18:00",), ("10:00-18:00",), "asha")
        assert get_view(site).calling_hours == hours
        await site.until(lambda: site.clock.now() > saturday + 6 * MINUTE)
        hold = get_view(site).hold
        assert hold is not None
        assert hold.reason is HoldReason.RULES
        assert list_times_of_placed_calls(site)[-1] < saturday + 5 * MINUTE


@virtual_time()
async def test_supervisors_calling_hours_begin_at_local_time_on_the_day_when_clocks_go_forward(tmp_path: Path) -> None:
    start = datetime(2024, 3, 31, 0, 50, tzinfo=LONDON).timestamp()  # at 01:00 the clocks are set to 02:00
    config, profile = SimulatedAsteriskConfig(start_epoch=start), create_profile_without_calling_hours()
    centre = {"id": "test", "time_zone": "Europe/London"}
    async with a_site(tmp_path, config, campaign=CAMPAIGN, profile=profile, centre=centre) as site:
        await set_hours(site, "02:10-02:30")
        opening = start + 20 * MINUTE
        await site.until(lambda: is_outside_calling_hours(site))
        assert get_view(site).hold == Hold(HoldReason.CALLING_HOURS, "outside calling hours until 02:10", opening)
        await site.until(lambda: site.clock.now() > opening + 21 * MINUTE, seconds=60 * MINUTE)
        placed = list_times_of_placed_calls(site)
        assert opening <= placed[0] < opening + MINUTE
        assert placed[-1] < opening + 20 * MINUTE
