"""Calls that agents dial, on the simulated Asterisk: previews that are dialled, skipped or expire, and manual calls."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.errors import CommandRefused, RefusedBecause
from dialer.domain.model import AttemptId, CampaignState, Disposition, Outcome
from dialer.domain.switch_events import SeatKeyPressed
from dialer.domain.view import CallState, Hold, HoldReason, SeatState, SeatView
from dialer.engine.campaigns.commands import PauseCampaign
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.preview.commands import SeatDial, SeatPreviewDial, SeatPreviewSkip
from dialer.engine.seats.commands import SeatHangUp, SeatLogOff, SeatPause
from dialer.pacing.port import Limit
from dialer.simulation.asterisk.config import PhoneMode
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.centre import START_EPOCH, Site, a_site, agents_at_work
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch, make_scripted_switch

PREVIEW = {"pacing": "preview", "manual_dialling": True}
ANSWERS = make_answering_switch(answer_after=4.0, talk_seconds=20.0)
RINGS_OUT = make_scripted_switch(Behaviour())


def get_seat(site: Site, name: str = "01") -> SeatView:
    return next(seat for seat in site.centre_view.seats if seat.seat == name)


def get_attempt_at_seat(site: Site, seat: str = "01") -> AttemptId:
    attempt_id = get_seat(site, seat).attempt_id
    assert attempt_id is not None
    return AttemptId(attempt_id)


async def wait_for_preview(site: Site, but: str = "") -> AttemptId:
    """Wait for a preview at the seat, other than `but`, and return its attempt. Nothing is dialled yet."""
    await site.until(lambda: get_seat(site).preview is not None and get_seat(site).attempt_id != but)
    assert get_seat(site).state is SeatState.RESERVED
    attempt_id = get_attempt_at_seat(site)
    assert attempt_id not in {call.channel_id for call in site.switch.placed_calls}
    return attempt_id


@asynccontextmanager
async def run_preview_site(folder: Path, lines: Any = ANSWERS, **changes: Any) -> AsyncIterator[Site]:
    """Run a site with one agent at seat 01 of a preview campaign."""
    campaign = {**PREVIEW, **changes.pop("campaign", {})}
    async with a_site(folder, lines, campaign=campaign, **changes) as site:
        await site.log_in("01")
        yield site


async def get_refusal(site: Site, command: Any) -> RefusedBecause | None:
    with pytest.raises(CommandRefused) as error:
        await site.centre.engine.execute_command(command)
    return error.value.why


@virtual_time()
async def test_agent_sees_a_call_preview_and_dials_the_number_once(tmp_path: Path) -> None:
    async with run_preview_site(tmp_path) as site:
        attempt_id = await wait_for_preview(site)
        await site.until(lambda: get_seat(site).screen_pop is not None)
        assert query_site_store(tmp_path, "SELECT attempt_id, outcome FROM attempt") == [(attempt_id, None)]
        assert site.centre_view.campaigns[0].calls == {CallState.PREVIEW: 1}
        await site.until(
            lambda: site.centre_view.campaigns[0].limited_by == Limit.AGENTS
        )  # the reason why nothing is dialled
        assert not site.switch.placed_calls
        for _ in range(3):
            await site.centre.engine.execute_command(SeatPreviewDial(seat="01", attempt_id=attempt_id))
        assert get_seat(site).dialling
        await site.until(lambda: get_seat(site).state is SeatState.TALKING)
        assert not get_seat(site).dialling
        assert [call.channel_id for call in site.switch.placed_calls] == [attempt_id]
        await site.until(lambda: get_seat(site).state is SeatState.WRAP_UP)
        await site.centre.engine.execute_command(PhoneKeyDisposition(seat="01", disposition=Disposition.VOTED))
        await wait_for_preview(site, attempt_id)
        assert await get_refusal(site, SeatPreviewDial(seat="01", attempt_id=attempt_id)) is RefusedBecause.CALL_OVER


@virtual_time()
async def test_skipped_preview_is_offered_again_without_counting_as_an_attempt(tmp_path: Path) -> None:
    async with run_preview_site(tmp_path, campaign={"other_retry_minutes": 30}) as site:
        attempt_id = await wait_for_preview(site)
        await site.centre.engine.execute_command(SeatPreviewSkip(seat="01", attempt_id=attempt_id, reason="no-time"))
        assert await wait_for_preview(site, attempt_id)
        assert (
            await get_refusal(site, SeatPreviewSkip(seat="01", attempt_id=attempt_id, reason="no-time"))
            is RefusedBecause.CALL_OVER
        )
        assert site.centre_view.campaigns[0].attempts == 1  # the preview shown now
    ended = query_site_store(
        tmp_path, "SELECT outcome, attempt_number, phone_id, attempt_id FROM attempt ORDER BY created_at LIMIT 1"
    )
    [(outcome, number, phone_id, first)] = ended
    assert (outcome, number, first) == ("refused", None, attempt_id)
    targets = {
        row[0]: row[1:] for row in query_site_store(tmp_path, "SELECT phone_id, state, attempts, due_at FROM target")
    }
    state, attempts, due_at = targets[phone_id]
    assert (state, attempts) == ("due", 0)
    assert 1790 < due_at - START_EPOCH < 1820


@virtual_time()
async def test_call_preview_is_dialled_automatically_after_the_configured_seconds(tmp_path: Path) -> None:
    async with run_preview_site(tmp_path, campaign={"preview_seconds": 8}) as site:
        attempt_id = await wait_for_preview(site)
        preview = get_seat(site).preview
        assert preview is not None
        assert preview.auto_dial
        assert 7 < preview.until - site.clock.now() <= 8
        await site.until(lambda: bool(site.switch.placed_calls), seconds=10)
        assert site.switch.placed_calls[0].channel_id == attempt_id
        await site.until(lambda: get_seat(site).state is SeatState.TALKING)


@virtual_time()
async def test_command_for_a_preview_that_is_being_dialled_automatically_is_refused(
    tmp_path: Path,
) -> None:
    async with run_preview_site(tmp_path, campaign={"preview_seconds": 8}) as site:
        attempt_id = await wait_for_preview(site)
        own_calls = site.centre.engine.features.agent_dialling_service
        own_calls.on_preview_expired("01", attempt_id)  # the expired timer, whose call is not dialled yet
        with pytest.raises(CommandRefused, match="already being dialled"):
            own_calls.skip_previewed_call("01", attempt_id)
        assert await own_calls.dial_previewed_call("01", attempt_id) == "seat 01: the number was dialled"
        await site.until(lambda: get_seat(site).state is SeatState.TALKING)
        assert [call.channel_id for call in site.switch.placed_calls] == [attempt_id]


@virtual_time()
async def test_expired_preview_returns_the_number_to_the_list_and_pauses_the_seat(tmp_path: Path) -> None:
    async with run_preview_site(tmp_path) as site:
        await wait_for_preview(site)
        await site.until(lambda: get_seat(site).state is SeatState.PAUSED, seconds=130)
        assert get_seat(site).reason == "preview-unanswered"
        assert not site.switch.placed_calls
        assert not site.centre_view.campaigns[0].calls
    assert query_site_store(tmp_path, "SELECT DISTINCT state FROM target") == [("due",)]


@pytest.mark.parametrize("leaves", [SeatPause(seat="01", reason="break"), SeatLogOff(seat="01")])
@virtual_time()
async def test_agents_log_off_returns_the_previewed_number_to_the_list(tmp_path: Path, leaves: Any) -> None:
    async with run_preview_site(tmp_path) as site:
        await wait_for_preview(site)
        await site.centre.engine.execute_command(leaves)
        await site.until(lambda: get_seat(site).state in {SeatState.PAUSED, SeatState.OFFLINE}, seconds=2)
        assert [change.outcome for change in site.ended()] == [Outcome.REFUSED]


@virtual_time()
async def test_dead_agent_phone_returns_the_previewed_number_to_the_list(tmp_path: Path) -> None:
    async with run_preview_site(tmp_path) as site:
        await wait_for_preview(site)
        site.switch.set_reaction_of_seat_phone("agent01", PhoneMode.UNREGISTERED)
        site.switch.hang_up_phone("agent01")
        await site.until(lambda: get_seat(site).state is SeatState.LOST, seconds=5)
        await site.until(lambda: not site.centre_view.campaigns[0].calls, seconds=2)
        assert not site.switch.placed_calls


@virtual_time()
async def test_number_that_opts_out_while_previewed_to_an_agent_is_not_dialled(tmp_path: Path) -> None:
    async with run_preview_site(tmp_path) as site:
        attempt_id = await wait_for_preview(site)
        [(phone_id,)] = query_site_store(tmp_path, "SELECT phone_id FROM attempt")
        await site.centre.store.save_opt_out(phone_id, at=site.clock.now(), source="letter", attempt_id=None)
        site.centre.engine.features.voter_mark_recorder.cancel_calls_to_opted_out_number(phone_id, fresh=True)
        await wait_for_preview(site, attempt_id)
        assert await get_refusal(site, SeatPreviewDial(seat="01", attempt_id=attempt_id)) is RefusedBecause.CALL_OVER
        assert not site.switch.placed_calls


@virtual_time()
async def test_pausing_a_campaign_ends_its_call_previews(tmp_path: Path) -> None:
    async with run_preview_site(tmp_path) as site:
        attempt_id = await wait_for_preview(site)
        await site.centre.engine.execute_command(PauseCampaign(campaign_id="agents"))
        await site.until(lambda: get_seat(site).state is SeatState.READY, seconds=2)
        assert await get_refusal(site, SeatPreviewDial(seat="01", attempt_id=attempt_id)) is RefusedBecause.CALL_OVER
        assert site.centre_view.campaigns[0].state is CampaignState.PAUSED


@virtual_time()
async def test_agents_phone_keys_dial_and_skip_call_previews(tmp_path: Path) -> None:
    async with run_preview_site(tmp_path) as site:
        first = await wait_for_preview(site)
        for key in "*3":
            site.centre.engine.on_switch_event(SeatKeyPressed("01", key))
        second = await wait_for_preview(site, first)
        for key in "*1":
            site.centre.engine.on_switch_event(SeatKeyPressed("01", key))
        await site.until(lambda: bool(site.switch.placed_calls), seconds=2)
        assert site.switch.placed_calls[0].channel_id == second


@virtual_time()
async def test_agent_cancels_a_ringing_preview_call(tmp_path: Path) -> None:
    async with run_preview_site(tmp_path, RINGS_OUT) as site:
        attempt_id = await wait_for_preview(site)
        await site.centre.engine.execute_command(SeatPreviewDial(seat="01", attempt_id=attempt_id))
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING) == 1, seconds=10)
        await site.centre.engine.execute_command(SeatHangUp(seat="01"))
        await site.until(lambda: bool(site.ended()), seconds=2)
        assert [change.outcome for change in site.ended()] == [Outcome.CANCELLED]
        await wait_for_preview(site, attempt_id)


@virtual_time()
async def test_simulated_agents_dial_the_previewed_calls(tmp_path: Path) -> None:
    async with a_site(tmp_path, ANSWERS, campaign=PREVIEW) as site, agents_at_work(site):
        await site.until(lambda: site.centre_view.campaigns[0].connected >= 6)
        assert site.centre_view.campaigns[0].abandoned == 0


# Manual calls


def set_number_due(folder: Path, phone_id: int, due_at: float) -> None:
    """Set the number as called before and due at that time."""
    with contextlib.closing(sqlite3.connect(folder / "centre.db")) as db:
        db.execute("UPDATE target SET due_at = ?, attempts = 1 WHERE phone_id = ?", (due_at, phone_id))
        db.commit()


@asynccontextmanager
async def run_site_with_paused_agent(folder: Path, lines: Any = ANSWERS, **campaign: Any) -> AsyncIterator[Site]:
    """Run a site with a paused agent in a campaign that allows manual dialling."""
    campaign = {"pacing": "progressive", "manual_dialling": True, **campaign}
    async with a_site(folder, lines, campaign=campaign, voters=300) as site:
        await site.log_in("02")
        await site.centre.engine.execute_command(SeatPause(seat="02", reason="break"))
        await site.until(lambda: not site.centre_view.campaigns[0].calls)
        await site.until(lambda: site.centre_view.campaigns[0].hold == Hold(HoldReason.NO_AGENT))
        claimed = "SELECT count(*) FROM target WHERE state = 'claimed'"
        await site.until(lambda: query_site_store(folder, claimed) == [(0,)])  # the held campaign has returned them
        yield site


@virtual_time()
async def test_paused_agent_is_paused_again_after_a_manual_call(tmp_path: Path) -> None:
    async with run_site_with_paused_agent(tmp_path, wrap_up_seconds=5) as site:
        before = len(site.switch.placed_calls)
        assert (
            await site.centre.engine.execute_command(SeatDial(seat="02", campaign_id="agents", phone_id=70))
            == "seat 02: the number was dialled"
        )
        await site.until(lambda: get_seat(site, "02").state is SeatState.TALKING)
        called = dict(query_site_store(tmp_path, "SELECT attempt_id, phone_id FROM attempt"))
        assert [called[call.channel_id] for call in site.switch.placed_calls[before:]] == [70]
        await site.until(lambda: get_seat(site, "02").state is SeatState.PAUSED)
        assert get_seat(site, "02").reason == "break"
        assert await get_refusal(site, SeatDial(seat="02", campaign_id="agents", phone_id=70)) is RefusedBecause.NOT_DUE
        assert (
            await get_refusal(site, SeatDial(seat="02", campaign_id="agents", phone_id=5_000))
            is RefusedBecause.NOT_LISTED
        )


@virtual_time()
async def test_forbidden_manual_call_is_refused_and_the_number_stays_in_the_list(tmp_path: Path) -> None:
    async with run_site_with_paused_agent(tmp_path, max_attempts=5) as site:
        engine, store = site.centre.engine, site.centre.store
        await store.save_opt_out(71, at=site.clock.now(), source="letter", attempt_id=None)
        assert await get_refusal(site, SeatDial(seat="02", campaign_id="agents", phone_id=71)) is RefusedBecause.CLOSED
        assert (
            await get_refusal(site, SeatDial(seat="01", campaign_id="agents", phone_id=72)) is RefusedBecause.NOT_FREE
        )
        await engine.execute_command(SeatDial(seat="02", campaign_id="agents", phone_id=72))
        assert (
            await get_refusal(site, SeatDial(seat="02", campaign_id="agents", phone_id=73)) is RefusedBecause.NOT_FREE
        )  # it has a call
        await engine.execute_command(PauseCampaign(campaign_id="agents"))
        assert (
            await get_refusal(site, SeatDial(seat="02", campaign_id="agents", phone_id=74)) is RefusedBecause.NOT_FREE
        )
        await site.until(lambda: get_seat(site, "02").state is SeatState.PAUSED)
        assert await get_refusal(site, SeatDial(seat="02", campaign_id="agents", phone_id=74)) is RefusedBecause.HELD
    assert query_site_store(tmp_path, "SELECT state FROM target WHERE phone_id IN (73, 74)") == [("due",), ("due",)]


@virtual_time()
async def test_manual_dialling_is_refused_unless_allowed_in_the_settings(tmp_path: Path) -> None:
    async with run_site_with_paused_agent(tmp_path, manual_dialling=False) as site:
        with pytest.raises(CommandRefused, match="manual_dialling"):
            await site.centre.engine.execute_command(SeatDial(seat="02", campaign_id="agents", phone_id=70))


@virtual_time()
async def test_manual_call_is_refused_while_a_ringing_voter_may_need_the_seat(tmp_path: Path) -> None:
    async with a_site(tmp_path, RINGS_OUT, campaign={"pacing": "progressive", "manual_dialling": True}) as site:
        await site.log_in("01")
        await site.until(lambda: bool(site.switch.placed_calls))
        assert (
            await get_refusal(site, SeatDial(seat="01", campaign_id="agents", phone_id=70)) is RefusedBecause.NOT_FREE
        )
