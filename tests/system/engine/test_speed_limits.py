"""Speed limits set by supervisors: valid until midnight, and never above the campaign's own limits."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dialer.domain.errors import CommandRefused
from dialer.domain.view import CampaignSpeed
from dialer.engine.campaigns.commands import SetSpeed
from dialer.engine.command.base import CommandContext
from dialer.pacing.port import Limit
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.centre import START_EPOCH, Site, a_site
from tests.support.seats import switch_config
from tests.support.virtual import virtual_time

RINGS_LONG = Behaviour(answer_after=20.0, post_dial_seconds=1.0, talk_seconds=5.0)
QUICK = {"wrap_up_seconds": 1.0}


async def count_most_unanswered_calls(site: Site, seconds: float) -> int:
    """Return the maximum number of unanswered calls at one time."""
    most = 0
    for _ in range(int(seconds * 5)):
        most = max(most, sum(not call.is_answered for call in site.centre.engine.features.live_calls.list_live_calls()))
        await asyncio.sleep(0.2)
    return most


def get_speed_limit(site: Site) -> CampaignSpeed | None:
    return next(each.speed for each in site.centre_view.campaigns)


@virtual_time()
async def test_supervisor_sets_and_removes_a_speed_limit(tmp_path: Path) -> None:
    async with a_site(tmp_path, switch_config(RINGS_LONG, seats=6), voters=900, seats=6, campaign=QUICK) as site:
        engine = site.centre.engine
        await site.log_in(*(f"0{n}" for n in range(1, 7)))
        assert await count_most_unanswered_calls(site, 60.0) == 6  # progressive: one call for each free seat
        said = await engine.execute_command(
            SetSpeed(campaign_id="agents", max_calls=None, calls_per_seat=0.5), CommandContext("asha")
        )
        assert said == "campaign agents: speed limit set until midnight"
        held = get_speed_limit(site)
        assert held is not None
        assert (held.calls_per_seat, held.sender, held.until > site.clock.now()) == (0.5, "asha", True)
        await asyncio.sleep(60.0)  # ringing calls continue
        assert await count_most_unanswered_calls(site, 90.0) == 3
        await engine.execute_command(
            SetSpeed(campaign_id="agents", max_calls=2, calls_per_seat=None), CommandContext("asha")
        )
        await asyncio.sleep(60.0)
        assert await count_most_unanswered_calls(site, 90.0) == 2
        await engine.execute_command(
            SetSpeed(campaign_id="agents", max_calls=500, calls_per_seat=10.0), CommandContext("asha")
        )
        assert await count_most_unanswered_calls(site, 60.0) == 6  # a limit above the pacing has no effect
        await engine.execute_command(
            SetSpeed(campaign_id="agents", max_calls=None, calls_per_seat=0.1), CommandContext("asha")
        )
        await asyncio.sleep(60.0)
        assert await count_most_unanswered_calls(site, 60.0) == 1
        assert (
            await engine.execute_command(
                SetSpeed(campaign_id="agents", max_calls=None, calls_per_seat=None), CommandContext("asha")
            )
            == "campaign agents: speed limit removed"
        )
        assert get_speed_limit(site) is None
        assert await count_most_unanswered_calls(site, 60.0) == 6


@virtual_time()
async def test_speed_limit_set_by_a_supervisor_ends_at_midnight(tmp_path: Path) -> None:
    async with a_site(tmp_path, switch_config(RINGS_LONG), seats=1) as site:
        engine = site.centre.engine
        await engine.execute_command(
            SetSpeed(campaign_id="agents", max_calls=1, calls_per_seat=None), CommandContext("asha")
        )
        held = get_speed_limit(site)
        assert held is not None
        run = engine.features.loaded_campaigns["agents"]
        assert (
            run.get_speed_limit_in_force(held.until - 1.0),
            run.get_speed_limit_in_force(held.until),
        ) == (
            held,
            None,
        )
        assert held.until == START_EPOCH + 14.5 * 3_600.0  # from half past nine to midnight
        with pytest.raises(CommandRefused, match="campaign 'none' is not in the settings"):
            await engine.execute_command(
                SetSpeed(campaign_id="none", max_calls=1, calls_per_seat=None), CommandContext("asha")
            )


@virtual_time()
async def test_speed_limit_of_an_ivr_campaign_must_be_a_number_of_simultaneous_calls(tmp_path: Path) -> None:
    ivr = {"id": "ivr", "kind": "ivr", "flow": "turnout", "pacing": "broadcast"}
    async with a_site(tmp_path, switch_config(RINGS_LONG), campaign=ivr) as site:
        engine = site.centre.engine
        with pytest.raises(CommandRefused, match="campaign ivr has no agents, so `calls_per_seat` does not apply"):
            await engine.execute_command(
                SetSpeed(campaign_id="ivr", max_calls=None, calls_per_seat=1.0), CommandContext("asha")
            )
        await engine.execute_command(
            SetSpeed(campaign_id="ivr", max_calls=3, calls_per_seat=None), CommandContext("asha")
        )
        await asyncio.sleep(60.0)
        assert await count_most_unanswered_calls(site, 60.0) == 3
        assert site.centre_view.campaigns[0].limited_by == Limit.SPEED
        assert len(engine.features.live_calls) <= 3
