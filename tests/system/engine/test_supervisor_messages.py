"""Supervisors' messages on agents' pages: shown until read or expired, at one seat or for a campaign."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dialer.domain.errors import CommandRefused
from dialer.domain.view import AgentMessage, SeatView
from dialer.engine.command.base import CommandContext
from dialer.engine.seats.commands import SeatLogOff, SeatMessage, SeatMessageRead
from dialer.engine.seats.messages import MESSAGE_SECONDS
from tests.support.centre import Site, a_site
from tests.support.seats import seat
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch


async def send(site: Site, text: str, seat_name: str | None = "01", campaign: str | None = None) -> str:
    return await site.centre.engine.execute_command(
        SeatMessage(text=text, seat=seat_name, campaign_id=campaign), CommandContext("asha")
    )


@virtual_time()
async def test_late_confirmation_of_a_supervisors_message_does_not_remove_a_newer_message(
    tmp_path: Path,
) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=2) as site:
        with pytest.raises(CommandRefused, match="seat 01 has no agent, so the message was not sent"):
            await send(site, "slower")
        await site.log_in("01")
        assert await send(site, "slower") == "seat 01: the message is on the agent's page"
        first = seat(site).message
        assert first == AgentMessage("slower", site.clock.now(), "asha")
        await asyncio.sleep(1.0)  # subscribers are notified
        assert [each.message for each in site.changes if isinstance(each, SeatView)][-1] == first
        await send(site, "the booth of part 12 has moved")
        second = seat(site).message
        assert first is not None
        assert second is not None
        await site.centre.engine.execute_command(SeatMessageRead(seat="01", message_at=first.at))
        assert seat(site).message == second
        await site.centre.engine.execute_command(SeatMessageRead(seat="01", message_at=round(second.at, 3)))
        assert seat(site).message is None


@virtual_time()
async def test_supervisors_message_disappears_on_expiry_or_when_the_agent_logs_off(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=2) as site:
        await site.log_in("01")
        await send(site, "slower")
        await asyncio.sleep(MESSAGE_SECONDS / 2)
        await send(site, "slower still")
        await asyncio.sleep(MESSAGE_SECONDS - 1.0)
        assert seat(site).message is not None
        await asyncio.sleep(2.0)
        assert seat(site).message is None
        await send(site, "slower")
        await site.centre.engine.execute_command(SeatLogOff(seat="01"))  # after the call
        await site.until(lambda: seat(site).agent is None)
        assert seat(site).message is None


@virtual_time()
async def test_supervisors_message_for_a_campaign_reaches_all_agents_who_serve_the_campaign(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=2) as site:
        (campaign_id,) = (each.campaign_id for each in site.centre_view.campaigns)
        with pytest.raises(CommandRefused, match="no agent serves campaign"):
            await send(site, "slower", None, campaign_id)
        await site.log_in("01")
        assert (
            await send(site, "slower", None, campaign_id)
            == f"campaign {campaign_id}: the message is on the pages of 1 agents"
        )
        assert (seat(site).message is None, seat(site, "02").message) == (False, None)
        with pytest.raises(CommandRefused, match="campaign 'none' is not in the settings"):
            await send(site, "slower", None, "none")
