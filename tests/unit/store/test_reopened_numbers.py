"""A voter who becomes pending later gets a number into the queue; numbers closed for other reasons stay closed."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from dialer.domain.enums import CampaignKind, MarkKind, Purpose
from dialer.domain.model import Mark, MarkSource, Outcome
from dialer.store.store import Store
from tests.support.stores import (
    CAMPAIGN,
    NOW,
    Backend,
    claim_and_open_attempt,
    claim_numbers,
    claim_one_number,
    end_attempt,
    make_ended_call,
    make_mark,
    open_filled_store,
)

LATER = "later"  # a campaign that comes once the marks are there
WORKERS = "workers"


async def list_queued_numbers(store: Store, campaign_id: str = CAMPAIGN, now: float = NOW + 1e6) -> set[int]:
    """Return the numbers that could be claimed."""
    claims = await claim_numbers(store, 1000, campaign_id=campaign_id, now=now)
    await store.release_claimed_numbers(claims)
    return {each.phone_id for each in claims}


def make_correction(voter_id: int = 1, key: str = "undo") -> Mark:
    return Mark(key, voter_id, MarkKind.NOT_YET, MarkSource.CORRECTION, NOW + 100, agent="asha")


def add_voter_to_number(backend: Backend, phone_id: int = 1, booth_id: int = 3, weight: float = 2.0) -> None:
    """Add another voter, in another booth, to a number, as a later roll does. The store must be closed."""
    with contextlib.closing(backend.connect()) as db:
        db.execute("INSERT INTO voter (voter_id, booth_id, serial, weight) VALUES (900, ?, 900, ?)", (booth_id, weight))
        db.execute("INSERT INTO link (voter_id, phone_id) VALUES (900, ?)", (phone_id,))


async def reopen_store(backend: Backend) -> Store:
    store = await backend.open()
    for campaign_id in (CAMPAIGN, LATER):
        await store.add_or_update_campaign(campaign_id, CampaignKind.AGENTS, Purpose.TURNOUT)
    return store


# A later roll


async def test_number_whose_voters_needed_no_call_is_queued_again_for_a_new_voter(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        assert 1 not in await list_queued_numbers(store)
        assert await store.add_roll_numbers_to_queue(CAMPAIGN) == 0
    add_voter_to_number(backend)
    store = await reopen_store(backend)
    assert await store.add_roll_numbers_to_queue(CAMPAIGN) == 1
    assert await store.add_roll_numbers_to_queue(CAMPAIGN) == 0
    claimed = await claim_one_number(store, 1)
    assert (claimed.voter_id, claimed.attempt_number, claimed.queue_booth_id, claimed.weight) == (900, 1, 3, 2.0)
    await store.close()


async def test_requeued_number_keeps_its_retry_time_and_attempts(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        new = await claim_and_open_attempt(store, 1)
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED, new=new))
        await end_attempt(store, new, Outcome.COMPLETED, retry_at=NOW + 600)
    add_voter_to_number(backend)
    store = await reopen_store(backend)
    assert await store.add_roll_numbers_to_queue(CAMPAIGN) == 1
    assert 1 not in await list_queued_numbers(store, now=NOW + 599)
    assert (await claim_one_number(store, 1, now=NOW + 600)).attempt_number == 2
    await store.close()


@pytest.mark.parametrize("how", ["used up", "unknown", "opted out", "on a call"])
async def test_new_voter_does_not_requeue_a_number_completed_for_another_reason(backend: Backend, how: str) -> None:
    async with open_filled_store(backend) as store:
        if how == "opted out":
            await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
            await store.save_opt_out(1, at=NOW, source="request")
        elif how == "on a call":
            await store.save_voter_mark(make_mark(1, MarkKind.VOTED, new=await claim_and_open_attempt(store, 1)))
        else:
            await make_ended_call(store, 1, Outcome.UNKNOWN if how == "unknown" else Outcome.NO_ANSWER)
    add_voter_to_number(backend)
    store = await reopen_store(backend)
    assert await store.add_roll_numbers_to_queue(CAMPAIGN) == 0
    assert 1 not in await list_queued_numbers(store)
    await store.close()


# A correction


async def test_correcting_a_wrongly_recorded_vote_queues_the_voter_in_campaigns_added_since(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        await store.add_or_update_campaign(LATER, CampaignKind.AGENTS, Purpose.TURNOUT)
        numbers = await store.add_roll_numbers_to_queue(LATER)
        assert (await store.read_campaign_progress(LATER, NOW)).total == numbers
        assert 1 not in await list_queued_numbers(store, LATER)
        assert (await store.save_voter_mark(make_correction())).reopened
        for campaign_id in (CAMPAIGN, LATER):
            assert (await claim_one_number(store, 1, campaign_id=campaign_id)).voter_id == 1
        progress = await store.read_campaign_progress(LATER, NOW)
        assert (progress.total, progress.remaining) == (numbers + 1, numbers)  # it is claimed now
        assert await store.add_roll_numbers_to_queue(LATER) == 0


async def test_requeued_number_has_the_same_place_in_the_queue_as_a_newly_added_number(backend: Backend) -> None:
    """Voters 7, 8 and 9 share number 6."""
    async with open_filled_store(backend) as store:
        for voter_id in (7, 8, 9):
            await store.save_voter_mark(make_mark(voter_id, MarkKind.VOTED))
        await store.add_or_update_campaign(LATER, CampaignKind.AGENTS, Purpose.TURNOUT)
        await store.add_roll_numbers_to_queue(LATER)
        assert 6 not in await list_queued_numbers(store, LATER)
        assert (await store.save_voter_mark(make_correction(8))).reopened
        claimed = await claim_one_number(store, 6, campaign_id=LATER)
        found = (claimed.voter_id, claimed.pending_voters, claimed.booth_id, claimed.queue_booth_id, claimed.weight)
        assert found == (8, 1, 1, 1, 1.0)


@pytest.mark.parametrize("how", ["unknown", "opted out", "wrong number"])
async def test_correcting_a_recorded_vote_does_not_queue_numbers_that_must_not_be_called(
    backend: Backend, how: str
) -> None:
    async with open_filled_store(backend) as store:
        if how == "unknown":
            await make_ended_call(store, 1, Outcome.UNKNOWN)
        elif how == "wrong number":
            await store.save_voter_mark(make_mark(1, MarkKind.WRONG_NUMBER, new=await make_ended_call(store, 1)))
        else:
            await store.save_opt_out(1, at=NOW, source="request")
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        await store.add_or_update_campaign(LATER, CampaignKind.AGENTS, Purpose.TURNOUT)
        await store.add_roll_numbers_to_queue(LATER)
        assert not (await store.save_voter_mark(make_correction())).reopened
        assert 1 not in await list_queued_numbers(store) | await list_queued_numbers(store, LATER)


async def test_number_requeued_during_a_call_is_not_called_again_before_the_call_ends(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        new = await claim_and_open_attempt(store, 1)
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED, new=new))
        await store.add_or_update_campaign(LATER, CampaignKind.AGENTS, Purpose.TURNOUT)
        await store.add_roll_numbers_to_queue(LATER)
        assert (await store.save_voter_mark(make_correction())).reopened  # in the later campaign
        assert 1 not in await list_queued_numbers(store) | await list_queued_numbers(store, LATER)
        await end_attempt(store, new, Outcome.COMPLETED, retry_at=NOW + 600)
        assert 1 in await list_queued_numbers(store)
        assert 1 in await list_queued_numbers(store, LATER)


async def test_unknown_result_of_an_inbound_call_does_not_prevent_calls_to_the_callers_number(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
    backend.written_past = True
    with contextlib.closing(backend.connect()) as db:
        db.execute(
            "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, trunk, caller_id, created_at, ended_at, outcome,"
            " direction) VALUES ('in', ?, 1, 1, 't', 'c', 1, 2, 'unknown', 'inbound')",
            (CAMPAIGN,),
        )
    again = await backend.open()
    assert (await again.save_voter_mark(make_correction())).reopened
    assert 1 in await list_queued_numbers(again)
    await again.close()


async def test_voter_with_a_corrected_vote_is_not_added_as_a_booth_worker(backend: Backend, tmp_path: Path) -> None:
    backend.fill(30, 10)
    listed = tmp_path / "workers.csv"
    listed.write_text("constituency,part,number\n174,2,+919810000001\n", encoding="utf-8")
    backend.import_booth_workers(listed)
    store = await reopen_store(backend)
    await store.add_or_update_campaign(WORKERS, CampaignKind.IVR, Purpose.BOOTH_WORKERS)
    await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
    assert await store.add_roll_numbers_to_queue(WORKERS) == 1
    assert (await store.save_voter_mark(make_correction())).reopened
    assert (await store.read_campaign_progress(WORKERS, NOW)).total == 1
    assert 1 not in await list_queued_numbers(store, WORKERS)
    await store.close()
