"""Store failures under a running engine: dialling stops before results are lost, and all are stored after recovery."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.errors import StoreError, StoreFull
from dialer.domain.model import CampaignState, Disposition
from dialer.domain.schema import get_type_adapter
from dialer.domain.sealed_epochs import SealedEpoch, find_breaks_in_signature_chain
from dialer.domain.view import AlertRaised, Hold, HoldReason, SeatState
from dialer.engine.campaigns.commands import StopAll
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.simulation.asterisk.voters import Behaviour
from dialer.store import seal_verification
from tests.support.breaking import FailingStore
from tests.support.centre import a_site, agents_at_work
from tests.support.referees import assert_all_attempts_ended, assert_nobody_dialled_twice
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import IVR, make_answering_switch, make_scripted_switch


@virtual_time()
async def test_dialling_stops_on_a_full_disk_and_call_results_wait_to_be_stored(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=2) as site, agents_at_work(site):
        await site.until(lambda: site.centre_view.campaigns[0].connected >= 2)
        full = FailingStore(site, "end_attempts")
        await site.until(lambda: site.centre_view.campaigns[0].hold == Hold(HoldReason.STORE), seconds=60)
        placed = len(site.switch.placed_calls)
        assert "store" in {alert.code for alert in site.centre_view.alerts}
        await asyncio.sleep(60)
        assert len(site.switch.placed_calls) == placed
        full.failing = False
        await site.until(lambda: len(site.switch.placed_calls) > placed, seconds=10)
        assert "store" not in {alert.code for alert in site.centre_view.alerts}
    assert_nobody_dialled_twice(site)
    assert_all_attempts_ended(tmp_path)


@pytest.mark.parametrize(
    "method", ["commit_new_attempts", "end_attempts", "save_answer_time_of_call", "save_connect_time_of_call"]
)
def test_call_results_are_stored_once_if_the_reply_to_a_commit_is_lost(tmp_path: Path, method: str) -> None:
    @virtual_time()
    async def run() -> None:
        async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=2) as site, agents_at_work(site):
            fault = FailingStore(site, method, after_commit=True)
            await asyncio.sleep(20)
            fault.failing = False
            await site.until(lambda: site.centre_view.campaigns[0].connected >= 4, seconds=300)
        assert_nobody_dialled_twice(site)

    run()
    assert_all_attempts_ended(tmp_path)


@virtual_time()
async def test_answer_that_cannot_be_stored_is_not_acknowledged_to_the_voter(tmp_path: Path) -> None:
    config = make_scripted_switch(Behaviour(keys=((4.0, "1"),)))
    async with a_site(tmp_path, config, campaign={**IVR, "channels": 1}) as site:
        FailingStore(site, "save_voter_mark")
        await site.until(lambda: bool(site.ended()), seconds=60)
        assert not site.centre_view.state.marks
    assert not query_site_store(tmp_path, "SELECT 1 FROM mark")


@virtual_time()
async def test_disposition_that_was_not_stored_is_refused_and_can_be_repeated(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=1) as site:
        await site.log_in("01")
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.WRAP_UP)
        full = FailingStore(site, "save_disposition_of_call")
        with pytest.raises(StoreFull):
            await site.centre.engine.execute_command(PhoneKeyDisposition(seat="01", disposition=Disposition.VOTED))
        assert site.centre_view.seats[0].state is SeatState.WRAP_UP
        full.failing = False
        assert (
            await site.centre.engine.execute_command(PhoneKeyDisposition(seat="01", disposition=Disposition.VOTED))
            == "seat 01: voted"
        )
    assert query_site_store(tmp_path, "SELECT kind FROM mark") == [("voted",)]


@virtual_time()
async def test_dialling_stops_on_a_nearly_full_disk_before_writes_fail(tmp_path: Path) -> None:
    async with a_site(
        tmp_path, make_answering_switch(), store={"path": tmp_path / "centre.db", "reserve_megabytes": 10**9}
    ) as site:
        await site.log_in("01")
        await asyncio.sleep(30)
        assert not site.switch.placed_calls
        assert "store.reserve_megabytes" in site.centre_view.alerts[0].text


@virtual_time()
async def test_command_stop_all_stops_every_campaign_even_if_the_store_fails(tmp_path: Path) -> None:
    hours = [{"start": "00:00", "until": "23:59:59"}]
    campaigns = [
        {"id": f"ivr{n}", "kind": "ivr", "flow": "turnout", "channels": 3, "hours": hours} for n in range(1, 4)
    ]
    async with a_site(
        tmp_path, make_answering_switch(answer_after=2.0, hang_up_after=5.0), campaigns=campaigns
    ) as site:
        await site.until(lambda: len(site.ended()) > 5)
        FailingStore(site, "stop_campaigns")
        with pytest.raises(StoreError):
            await site.centre.engine.execute_command(StopAll())
        placed = len(site.switch.placed_calls)
        assert {campaign.state for campaign in site.centre_view.campaigns} == {CampaignState.STOPPED}
        await asyncio.sleep(60)
        assert len(site.switch.placed_calls) == placed


@virtual_time()
async def test_queue_of_messages_for_an_unreachable_broker_is_limited(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(answer_after=2.0, hang_up_after=5.0), campaign=IVR) as site:
        store = site.centre.store
        whole = store.delete_oldest_messages_of_full_outbox
        store.delete_oldest_messages_of_full_outbox = partial(whole, keep_at_most=5)
        await site.until(lambda: len(site.ended()) > 10)
        await asyncio.sleep(1)
        before = query_site_store(tmp_path, "SELECT count(*), max(outbox_id) FROM outbox")[0]
        assert before[0] > 10
        await site.centre.engine.execute_command(StopAll())
        await asyncio.sleep(70)
        assert query_site_store(tmp_path, "SELECT count(*) FROM outbox") == [(5,)]
        assert [each.rows for each in site.centre.engine.make_centre_view().state.outbox] == [5]


@virtual_time()
async def test_integrity_seals_are_published_every_minute_and_when_dialling_stops(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(answer_after=2.0, hang_up_after=5.0), campaign=IVR) as site:
        await site.until(lambda: len(site.ended()) > 10)
        await asyncio.sleep(130)
    texts = query_site_store(
        tmp_path, "SELECT payload FROM outbox WHERE topic = 'results/sealed-epochs' ORDER BY outbox_id"
    )
    told = [get_type_adapter(SealedEpoch).validate_json(text) for (text,) in texts]
    assert [each.epoch for each in told] == [*range(1, len(told) + 1)]
    assert len([each for each in told if each.kind == "minute"]) >= 3
    assert [*find_breaks_in_signature_chain(told, [told[0].key])] == []
    with contextlib.closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        noted = (told[1].epoch, told[1].compute_digest_of_signed_log_entry())
        verdict = seal_verification.verify_seals(db, noted, first_keys=[told[0].key])
    assert (verdict.findings, verdict.not_sealed, verdict.epochs) == ([], 0, len(told))


@virtual_time()
async def test_failing_store_raises_a_single_alert_for_all_writers(tmp_path: Path) -> None:
    """Some writers succeed while others fail with different errors, but the alert is raised once and cleared once."""
    chance = random.Random(7)
    ivr = {**IVR, "channels": 30}
    async with a_site(tmp_path, make_answering_switch(hang_up_after=6.0), voters=900, campaign=ivr) as site:
        await site.until(lambda: len(site.ended()) > 20)
        store: Any = site.centre.store
        failing = True

        def make_method_fail(method: str) -> None:
            whole = getattr(store, method)

            async def fail_sometimes(*arguments: Any, **named: Any) -> Any:
                if failing and chance.random() < 0.5:
                    raise StoreError(f"centre.db: {method} met trouble number {chance.randrange(1000)}")
                return await whole(*arguments, **named)

            setattr(store, method, fail_sometimes)

        for method in (
            "end_attempts",
            "save_answer_time_of_call",
            "commit_new_attempts",
            "claim_queued_numbers",
            "read_campaign_progress",
            "release_expired_claims",
        ):
            make_method_fail(method)
        await asyncio.sleep(60)
        told = [
            change.alert for change in site.changes if isinstance(change, AlertRaised) and change.alert.code == "store"
        ]
        assert 1 <= len(told) <= 3, "one trouble, and at most one lull that was taken for its end"
        failing = False
        placed = len(site.switch.placed_calls)
        await site.until(lambda: len(site.switch.placed_calls) > placed, seconds=70)
        assert "store" not in {alert.code for alert in site.centre_view.alerts}
        told = [
            change.alert for change in site.changes if isinstance(change, AlertRaised) and change.alert.code == "store"
        ]
        assert len(told) <= 4
        assert told[-1].cleared
    assert_nobody_dialled_twice(site)
    assert_all_attempts_ended(tmp_path)
