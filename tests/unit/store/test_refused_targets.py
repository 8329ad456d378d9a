"""Numbers that the rules refuse leave the queue with a reason, and return to their places."""

from __future__ import annotations

from contextlib import closing

from dialer.domain.model import Claim, Outcome
from dialer.store import targets
from dialer.store.claims import Unclaimed
from dialer.store.store import Store
from tests.support.stores import CAMPAIGN, DAY_START, NOW, Backend, claim_numbers, make_ended_call, open_filled_store

REASON = "no-consent"


async def refuse(store: Store, *phones: int) -> list[Claim]:
    """Claim all due numbers, refuse those given and release the others. Return the refused claims."""
    claimed = await claim_numbers(store, 100)
    refused = [each for each in claimed if each.phone_id in phones]
    await store.remove_refused_numbers_from_queue([(each, REASON) for each in refused])
    await store.release_claimed_numbers([each for each in claimed if each.phone_id not in phones])
    return refused


async def test_numbers_refused_by_the_rules_are_counted_by_reason_and_not_reserved(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await refuse(store, 1, 2, 3)
        progress = await store.read_campaign_progress(CAMPAIGN, NOW)
        assert (progress.remaining, progress.completed, dict(progress.refused)) == (33, 0, {REASON: 3})
        assert not {each.phone_id for each in await claim_numbers(store, 100)} & {1, 2, 3}
        found = await store.claim_number(CAMPAIGN, 1, owner="engine", now=NOW, lease_seconds=60, day_start=DAY_START)
        assert found is Unclaimed.REFUSED


async def test_numbers_refused_by_the_rules_return_to_their_earlier_places_in_the_queue(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        before = [each.phone_id for each in await refuse(store, *range(1, 37))]
        assert await store.find_next_due_time(CAMPAIGN) is None
        assert [await store.return_refused_numbers_to_queue(CAMPAIGN, 20) for _ in range(3)] == [20, 16, 0]
        assert [each.phone_id for each in await claim_numbers(store, 100)] == before
        assert not (await store.read_campaign_progress(CAMPAIGN, NOW)).refused


async def test_refused_numbers_with_an_unknown_call_result_are_not_requeued(
    backend: Backend,
) -> None:
    """A number of unknown result is closed in every campaign, also in those whose rules refused it."""
    async with open_filled_store(backend) as store:
        await refuse(store, 1, 2)
        with closing(backend.connect()) as db:
            backend.written_past = True
            targets.close_number_in_all_queues(db, 1, targets.UNKNOWN_RESULT)
        assert await store.return_refused_numbers_to_queue(CAMPAIGN, 10) == 1
        assert not {each.phone_id for each in await claim_numbers(store, 100)} & {1}


async def test_completed_number_is_not_returned_to_the_queue_with_refused_numbers(backend: Backend) -> None:
    """Otherwise a number that was called since and is completed would be called again."""
    async with open_filled_store(backend) as store:
        await refuse(store, 1)
        await store.return_refused_numbers_to_queue(CAMPAIGN, 10)
        await make_ended_call(store, 1, outcome=Outcome.CONNECTED, retry_at=None)
        assert await store.return_refused_numbers_to_queue(CAMPAIGN, 10) == 0
        assert (await store.read_campaign_progress(CAMPAIGN, NOW)).completed == 1


async def test_refused_second_number_waits_after_a_call_to_the_first_number(
    backend: Backend,
) -> None:
    """The voter has just been called on another number: a release must not have the second number called at once."""
    async with open_filled_store(backend) as store:
        with closing(backend.connect()) as db:
            backend.written_past = True
            db.execute("INSERT INTO link (voter_id, phone_id) SELECT voter_id, 2 FROM link WHERE phone_id = 1")
            db.execute(
                "DELETE FROM link WHERE phone_id = 2 AND voter_id NOT IN (SELECT voter_id FROM link WHERE phone_id = 1)"
            )
            db.execute(
                "DELETE FROM link WHERE phone_id = 1 AND voter_id > (SELECT min(voter_id) FROM link WHERE phone_id = 1)"
            )
            db.execute(
                "DELETE FROM link WHERE phone_id = 2 AND voter_id NOT IN (SELECT voter_id FROM link WHERE phone_id = 1)"
            )
        await refuse(store, 2)
        await make_ended_call(store, 1, outcome=Outcome.CONNECTED, retry_at=NOW + 5000)
        await store.return_refused_numbers_to_queue(CAMPAIGN, 10)
        assert 2 not in {each.phone_id for each in await claim_numbers(store, 100)}
        assert {each.phone_id for each in await claim_numbers(store, 100, now=NOW + 5001)} >= {2}
