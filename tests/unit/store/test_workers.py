"""Booth workers: their queue, their calls, and the serials that they report and undo."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.domain.enums import CampaignKind, MarkKind, Purpose
from dialer.domain.model import NO_VOTER, BoothWorker, Claim, EndedAttempt, Mark, MarkSource, Outcome, UnknownSerial
from dialer.store.attempts import Refusal
from dialer.store.store import Store
from tests.support.stores import CAMPAIGN, DAY_START, NOW, Backend, claim_numbers, claim_one_number, make_attempt

WORKERS = "workers"
OWN = "+917000000001"  # also of voter 1 in booth 1
STRANGER = "+919810000001"


@pytest.fixture
async def store(backend: Backend, tmp_path: Path) -> AsyncIterator[Store]:
    """Return a store of 30 voters in three booths, with a worker on the roll at booth 1 and another at booths 2 and 3."""
    backend.fill(30, 10)
    listed = tmp_path / "workers.csv"
    listed.write_text(f'constituency,part,number,language\n174,1,{OWN},ta\n174,"2,3",{STRANGER},\n', encoding="utf-8")
    backend.import_booth_workers(listed)
    opened = await backend.open()
    await opened.add_or_update_campaign(CAMPAIGN, CampaignKind.AGENTS, Purpose.TURNOUT)
    await opened.add_or_update_campaign(WORKERS, CampaignKind.IVR, Purpose.BOOTH_WORKERS)
    await opened.add_roll_numbers_to_queue(CAMPAIGN)
    assert await opened.add_roll_numbers_to_queue(WORKERS) == 2
    yield opened
    await opened.close()


def make_voted_mark(voter_id: int, key: str, **more: object) -> Mark:
    mark = Mark(key, voter_id, MarkKind.VOTED, MarkSource.BOOTH_WORKER, NOW, worker_id=1)
    return replace(mark, **more)  # type: ignore[arg-type]


async def open_worker_attempt(store: Store, each: Claim) -> Refusal | None:
    [refusal] = await store.commit_new_attempts([make_attempt(each)], max_attempts_since=DAY_START, max_attempts=9)
    return refusal


async def test_reserved_number_of_a_booth_worker_names_the_worker_and_no_voter(store: Store) -> None:
    first, second = sorted(await claim_numbers(store, 9, campaign_id=WORKERS), key=lambda each: each.booth_id)
    assert (first.worker, first.voter_id, first.language) == (BoothWorker(1, "ta", (1,)), NO_VOTER, "ta")
    assert second.worker is not None
    assert (second.worker.booth_ids, second.booth_id, second.number) == ((2, 3), 2, STRANGER)
    assert await claim_numbers(store, 9, campaign_id=WORKERS) == []
    assert await store.add_roll_numbers_to_queue(WORKERS) == 0


async def test_call_to_a_booth_worker_is_recovered_after_a_crash_and_due_again(store: Store) -> None:
    each = await claim_one_number(store, 1, campaign_id=WORKERS)
    call = make_attempt(each)
    assert await store.commit_new_attempts([call], max_attempts_since=DAY_START, max_attempts=9) == [None]
    [left_open] = await store.read_unfinished_attempts()
    assert (left_open.worker, left_open.voter_id, left_open.booth_id) == (each.worker, NO_VOTER, 1)
    ended = EndedAttempt(call.attempt_id, Outcome.COMPLETED, NOW + 60, retry_at=NOW + 7200)
    assert await store.end_attempts([ended]) == [True]
    assert [each.phone_id for each in await claim_numbers(store, 9, campaign_id=WORKERS, now=NOW + 7200)] != []
    assert await store.read_unfinished_attempts() == []


async def test_recovered_call_to_a_voter_is_not_assigned_to_a_booth_worker(store: Store) -> None:
    each = await claim_one_number(store, 1)
    assert await store.commit_new_attempts([make_attempt(each)], max_attempts_since=DAY_START, max_attempts=9) == [None]
    [left_open] = await store.read_unfinished_attempts()
    assert (left_open.worker, left_open.voter_id, left_open.booth_id) == (None, 1, 1)


async def test_opt_out_permanently_ends_calls_to_the_number_of_a_booth_worker(store: Store, backend: Backend) -> None:
    each = await claim_one_number(store, 1, campaign_id=WORKERS)
    call = make_attempt(each)
    assert await store.commit_new_attempts([call], max_attempts_since=DAY_START, max_attempts=9) == [None]
    await store.save_opt_out(1, at=NOW, source="flow", attempt_id=call.attempt_id)
    await store.end_attempts([EndedAttempt(call.attempt_id, Outcome.COMPLETED, NOW + 60, retry_at=NOW + 7200)])
    with closing(backend.connect()) as db:
        found = db.execute("SELECT state, settled FROM target WHERE phone_id = 1 AND campaign_id = ?", (WORKERS,))
        assert found.fetchall() == [("closed", 0)]


async def test_booth_worker_marked_as_voted_is_called_only_as_a_worker(store: Store) -> None:
    effect = await store.save_voter_mark(make_voted_mark(1, "a"))
    assert effect.silenced_phones == (1,)
    assert 1 not in {each.phone_id for each in await claim_numbers(store, 99)}
    each = await claim_one_number(store, 1, campaign_id=WORKERS)
    call = make_attempt(each)
    assert await store.commit_new_attempts([call], max_attempts_since=DAY_START, max_attempts=9) == [None]
    await store.end_attempts([EndedAttempt(call.attempt_id, Outcome.BUSY, NOW + 9, retry_at=NOW + 60)])
    again = await claim_one_number(store, 1, campaign_id=WORKERS, now=NOW + 60)
    assert again.attempt_number == 2


async def test_opt_out_of_a_number_also_ends_calls_to_its_booth_worker(store: Store) -> None:
    each = await claim_one_number(store, 1, campaign_id=WORKERS)
    assert await store.save_opt_out(1, at=NOW, source="request")
    assert await open_worker_attempt(store, each) is Refusal.OPTED_OUT
    assert [left.number for left in await claim_numbers(store, 9, campaign_id=WORKERS)] == [STRANGER]


async def test_later_campaign_does_not_call_a_booth_worker_whose_last_result_is_unknown(store: Store) -> None:
    call = make_attempt(await claim_one_number(store, 1))
    assert await store.commit_new_attempts([call], max_attempts_since=DAY_START, max_attempts=9) == [None]
    await store.end_attempts([EndedAttempt(call.attempt_id, Outcome.UNKNOWN, NOW + 60)])
    later = "workers-later"
    await store.add_or_update_campaign(later, CampaignKind.IVR, Purpose.BOOTH_WORKERS)
    assert await store.add_roll_numbers_to_queue(later) == 1
    assert [each.number for each in await claim_numbers(store, 9, campaign_id=later)] == [STRANGER]


async def test_voter_is_called_again_after_a_booth_worker_undoes_the_serial_number(store: Store) -> None:
    call = make_attempt(await claim_one_number(store, 1, campaign_id=WORKERS))
    await store.commit_new_attempts([call], max_attempts_since=DAY_START, max_attempts=9)
    await store.save_voter_mark(make_voted_mark(2, "a", attempt_id=call.attempt_id))
    await store.save_voter_mark(make_voted_mark(5, "b", attempt_id=call.attempt_id))
    assert await store.find_last_mark_by_booth_worker(call.attempt_id) == ("b", 5)
    back = make_voted_mark(
        5, "c", kind=MarkKind.NOT_YET, source=MarkSource.CORRECTION, undoes="b", attempt_id=call.attempt_id
    )
    effect = await store.save_voter_mark(back)
    assert (effect.voted_change, effect.not_yet_change, effect.voter_silenced) == (-1, 0, False)
    assert await store.find_last_mark_by_booth_worker(call.attempt_id) == ("a", 2)
    claimed = {each.voter_id for each in await claim_numbers(store, 99)}
    assert 5 in claimed
    assert 2 not in claimed


async def test_voter_stays_recorded_as_voted_if_another_source_also_reported_the_vote(
    store: Store,
) -> None:
    await store.save_voter_mark(make_voted_mark(5, "a"))
    await store.save_voter_mark(Mark("self", 5, MarkKind.VOTED, MarkSource.VOTER_KEY, NOW + 1))
    effect = await store.save_voter_mark(
        make_voted_mark(5, "back", kind=MarkKind.NOT_YET, source=MarkSource.CORRECTION, undoes="a", at=NOW + 2)
    )
    assert (effect.recorded, effect.voted_change, effect.voter_silenced) == (True, 0, True)
    assert 5 not in {each.voter_id for each in await claim_numbers(store, 99)}


async def test_unknown_voter_serial_number_from_a_booth_worker_is_stored_once(store: Store) -> None:
    call = make_attempt(await claim_one_number(store, 1, campaign_id=WORKERS))
    await store.commit_new_attempts([call], max_attempts_since=DAY_START, max_attempts=9)
    unknown = UnknownSerial("k", call.attempt_id, 1, 941, 1, NOW)
    await store.save_report_of_unknown_serial_number(unknown)
    await store.save_report_of_unknown_serial_number(unknown)
    assert await store.find_last_mark_by_booth_worker(call.attempt_id) is None


async def test_booth_worker_call_is_stored_without_a_voter(store: Store, backend: Backend) -> None:
    assert await open_worker_attempt(store, await claim_one_number(store, 1, campaign_id=WORKERS)) is None
    assert await open_worker_attempt(store, await claim_one_number(store, 2)) is None
    with closing(backend.connect()) as db:
        found = db.execute("SELECT worker_id, voter_id FROM attempt ORDER BY phone_id")
        assert found.fetchall() == [(1, None), (None, 2)]


async def test_conversation_with_a_booth_worker_does_not_postpone_numbers_of_voters(
    store: Store, backend: Backend
) -> None:
    with closing(backend.connect()) as db:
        db.execute("INSERT INTO link (voter_id, phone_id) VALUES (1, 2)")
        before = db.execute("SELECT * FROM target WHERE phone_id = 2").fetchall()
        call = make_attempt(await claim_one_number(store, 1, campaign_id=WORKERS))
        assert await store.commit_new_attempts([call], max_attempts_since=DAY_START, max_attempts=9) == [None]
        await store.end_attempts([EndedAttempt(call.attempt_id, Outcome.COMPLETED, NOW + 60, retry_at=NOW + 7200)])
        assert db.execute("SELECT * FROM target WHERE phone_id = 2").fetchall() == before


async def test_booth_worker_is_not_called_again_after_a_completed_call(store: Store, backend: Backend) -> None:
    call = make_attempt(await claim_one_number(store, 1, campaign_id=WORKERS))
    assert await store.commit_new_attempts([call], max_attempts_since=DAY_START, max_attempts=9) == [None]
    await store.end_attempts([EndedAttempt(call.attempt_id, Outcome.COMPLETED, NOW + 60)])
    with closing(backend.connect()) as db:
        found = db.execute("SELECT state, settled FROM target WHERE phone_id = 1 AND campaign_id = ?", (WORKERS,))
        assert found.fetchall() == [("closed", 0)]
