"""Held campaigns: no new calls, and ringing calls continue only as long as seats are there for them."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from dialer.domain.errors import StoreError
from dialer.domain.model import Outcome
from dialer.domain.view import CallState, HoldReason
from dialer.engine.campaigns.commands import PauseCampaign
from dialer.engine.seats.commands import SeatLogOff
from tests.support.centre import Site, a_site
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch

SEATS = ("01", "02", "03", "04")
CLOSES = {"hours": [{"start": "09:00", "until": "09:32"}], "wrap_up_seconds": 1}  # the site's clock begins at 09:30


def count_attempts_by_outcome(site: Site) -> Counter[Outcome | None]:
    return Counter(call.outcome for call in site.ended())


def hold_campaign(site: Site) -> None:
    """Make the store fail, which holds the campaign."""
    site.centre.engine.features.retrying_store_writer.on_store_failure(StoreError("the disk is full"))


@pytest.mark.parametrize(("stay", "wanted"), [(0, Outcome.CANCELLED), (4, Outcome.CONNECTED)])
@pytest.mark.parametrize("held", ["paused", "results cannot be stored"])
@virtual_time()
async def test_held_campaign_keeps_one_ringing_call_for_each_remaining_agent(
    tmp_path: Path, held: str, stay: int, wanted: Outcome
) -> None:
    config = make_answering_switch(answer_after=12.0, post_dial_seconds=1.0, talk_seconds=5.0)
    async with a_site(tmp_path, config, seats=4) as site:
        await site.log_in(*SEATS)
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) == 4)
        if held == "paused":
            await site.centre.engine.execute_command(PauseCampaign(campaign_id="agents"))
        else:
            hold_campaign(site)
        await asyncio.sleep(1.0)
        for seat in SEATS[stay:]:
            await site.centre.engine.execute_command(SeatLogOff(seat=seat))
        await site.until(lambda: len(site.ended()) >= 4, seconds=60)
        assert count_attempts_by_outcome(site) == {wanted: 4}


@pytest.mark.parametrize(("stay", "wanted"), [(0, Outcome.CANCELLED), (4, Outcome.CONNECTED)])
@virtual_time()
async def test_agents_who_log_off_at_the_end_of_calling_hours_cancel_ringing_calls(
    tmp_path: Path, stay: int, wanted: Outcome
) -> None:
    config = make_answering_switch(answer_after=14.0, post_dial_seconds=1.0, talk_seconds=3.0)
    async with a_site(tmp_path, config, seats=4, campaign=CLOSES) as site:
        await site.log_in(*SEATS)
        await site.until(
            lambda: (hold := site.centre_view.campaigns[0].hold) is not None and hold.reason is HoldReason.CALLING_HOURS
        )
        ringing, before = site.centre_view.campaigns[0].calls[CallState.RINGING], len(site.ended())
        assert ringing == 4
        for seat in SEATS[stay:]:
            await site.centre.engine.execute_command(SeatLogOff(seat=seat))
        await site.until(lambda: len(site.ended()) >= before + ringing, seconds=60)
        assert Counter(call.outcome for call in site.ended()[before:]) == {wanted: ringing}


@virtual_time()
async def test_paused_campaign_cancels_ringing_calls_that_exceed_the_remaining_agents(tmp_path: Path) -> None:
    config = make_answering_switch(answer_after=10.0, post_dial_seconds=6.0, talk_seconds=5.0)
    async with a_site(tmp_path, config, seats=4) as site:
        await site.log_in(*SEATS)
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.DIALLING, 0) == 4)
        await site.centre.engine.execute_command(PauseCampaign(campaign_id="agents"))
        await asyncio.sleep(1.0)
        for seat in SEATS[1:]:
            await site.centre.engine.execute_command(SeatLogOff(seat=seat))
        await site.until(lambda: len(site.ended()) >= 4, seconds=60)
        assert count_attempts_by_outcome(site) == {Outcome.CANCELLED: 3, Outcome.CONNECTED: 1}
