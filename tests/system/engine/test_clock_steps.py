"""A wall clock that is set while the dialler runs: dialling is held until the time is right again or a person accepts
it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.domain.clock import LoopClock
from dialer.domain.view import Hold, HoldReason
from dialer.engine.campaigns.commands import AcceptClock
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.centre import START_EPOCH, Site, a_site
from tests.support.virtual import virtual_time
from tests.support.voters import IVR, make_scripted_switch

HOURS = [{"start": "00:00", "until": "23:59:59"}]
CAMPAIGN = {**IVR, "hours": HOURS}


def make_busy_voters() -> list[Behaviour]:
    return [Behaviour(fails_with=486)] * 60


async def wait_until_all_called(site: Site) -> int:
    """Wait until every number was called once and waits for its retry. Return the number of calls."""
    await site.until(lambda: len(site.ended()) >= 60, seconds=300)
    await asyncio.sleep(30)
    return len(site.switch.placed_calls)


@pytest.mark.parametrize("step", [3600.0, 25 * 3600.0, -3600.0, -25 * 3600.0])
def test_sudden_change_of_the_system_clock_holds_dialling_and_raises_an_alert(tmp_path: Path, step: float) -> None:
    @virtual_time()
    async def run() -> None:
        async with a_site(tmp_path, make_scripted_switch(*make_busy_voters()), campaign=CAMPAIGN) as site:
            placed = await wait_until_all_called(site)
            site.clock.set_wall_clock_forward_or_back(step)
            await asyncio.sleep(600)
            assert len(site.switch.placed_calls) == placed
            assert site.centre_view.campaigns[0].hold == Hold(HoldReason.CLOCK_SET)
            [alert] = [each for each in site.centre_view.alerts if each.code == "clock"]
            assert f"differs by {step:,.0f} s from the expected time" in alert.text
            assert "accept-clock" in alert.text
            site.clock.set_wall_clock_forward_or_back(-step)  # the clock is right again
            await asyncio.sleep(5)
            assert site.centre_view.campaigns[0].hold != Hold(HoldReason.CLOCK_SET)
            assert not [each for each in site.centre_view.alerts if each.code == "clock"]
            await site.until(lambda: len(site.switch.placed_calls) > placed, seconds=900)

    run()


@virtual_time()
async def test_dialling_resumes_when_an_operator_confirms_the_changed_clock(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_scripted_switch(*make_busy_voters()), campaign=CAMPAIGN) as site:
        placed = await wait_until_all_called(site)
        site.clock.set_wall_clock_forward_or_back(3600.0)
        await asyncio.sleep(60)
        assert len(site.switch.placed_calls) == placed
        assert "resumes" in await site.centre.engine.execute_command(AcceptClock())
        await site.until(lambda: len(site.switch.placed_calls) > placed, seconds=60)


@virtual_time()
async def test_dialling_is_held_if_the_clock_is_earlier_than_the_newest_call(tmp_path: Path) -> None:
    config = replace(make_scripted_switch(*make_busy_voters()), start_epoch=START_EPOCH + 7200)
    async with a_site(tmp_path, config, campaign=CAMPAIGN) as site:
        await wait_until_all_called(site)
    async with a_site(
        tmp_path, make_scripted_switch(*make_busy_voters()), campaign=CAMPAIGN
    ) as site:  # two hours earlier
        await asyncio.sleep(600)
        assert not site.switch.placed_calls
        assert "differs by -" in "".join(each.text for each in site.centre_view.alerts if each.code == "clock")
        site.clock.set_wall_clock_forward_or_back(9000.0)
        await site.until(lambda: bool(site.switch.placed_calls), seconds=1200)


@virtual_time()
async def test_small_correction_of_the_system_clock_does_not_hold_dialling(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_scripted_switch(*make_busy_voters()), campaign=CAMPAIGN) as site:
        await asyncio.sleep(2)
        site.clock.set_wall_clock_forward_or_back(-3.0)
        placed = len(site.switch.placed_calls)
        await asyncio.sleep(10)
        assert len(site.switch.placed_calls) > placed
        assert not [each for each in site.centre_view.alerts if each.code == "clock"]


@pytest.mark.parametrize("held_before", [True, False])
def test_dialling_stays_on_hold_after_a_clock_change_and_a_restart(tmp_path: Path, held_before: bool) -> None:
    """The clock is set while the dialler runs, or while it is stopped."""

    def make_stepped_clock(start: float) -> LoopClock:
        clock = LoopClock(start)
        clock.set_wall_clock_forward_or_back(25 * 3600.0)
        return clock

    @virtual_time()
    async def run() -> None:
        async with a_site(tmp_path, make_scripted_switch(*make_busy_voters()), campaign=CAMPAIGN) as site:
            await wait_until_all_called(site)
            if held_before:
                site.clock.set_wall_clock_forward_or_back(25 * 3600.0)
                await asyncio.sleep(60)
        later = replace(make_scripted_switch(*make_busy_voters()), start_epoch=START_EPOCH + 600)
        for _ in range(2):  # a second restart does not end the hold
            async with a_site(tmp_path, later, campaign=CAMPAIGN, clocked=make_stepped_clock) as site:
                await asyncio.sleep(60)
                assert not site.switch.placed_calls
                [alert] = [each for each in site.centre_view.alerts if each.code == "clock"]
                assert "differs by 90,000 s from the expected" in alert.text
        async with a_site(tmp_path, later, campaign=CAMPAIGN, clocked=make_stepped_clock) as site:
            await site.centre.engine.execute_command(AcceptClock())
            await site.until(lambda: bool(site.switch.placed_calls), seconds=60)
        async with a_site(
            tmp_path, later, campaign=CAMPAIGN, clocked=make_stepped_clock
        ) as site:  # the accepted clock stays accepted
            await site.until(lambda: not site.centre_view.alerts, seconds=60)
            assert site.centre_view.campaigns[0].hold != Hold(HoldReason.CLOCK_SET)

    run()
