"""Polls in phases: retries of booths that vote on another day are set aside for today's fresh numbers."""

from __future__ import annotations

from contextlib import closing

import pytest

from dialer.domain.enums import InboundMode
from dialer.domain.model import (
    AttemptId,
    Direction,
    Disposition,
    DispositionRecord,
    EndedAttempt,
    NewInbound,
    Outcome,
    VotingBooths,
)
from dialer.store.claims import SET_ASIDE_AT_ONCE
from dialer.store.store import Store
from tests.support.stores import CAMPAIGN, NOW, Backend, claim_and_open_attempt, make_ended_call, open_filled_store

LATE = NOW + 3600.0  # every retry here is due
TODAY = VotingBooths(frozenset({1}), NOW + 36_000)  # numbers 1 to 6; 7 to 12 are of booth 2
SECOND = 7  # the first number of booth 2


async def claim_phones(
    store: Store,
    limit: int,
    voting: VotingBooths | None = TODAY,
    *,
    booths: tuple[int, ...] = (1,),
    now: float = LATE,
    lease_seconds: float = 60.0,
) -> list[int]:
    """Claim numbers for dialling and return their ids in order."""
    quotas = dict.fromkeys(booths, limit)
    claims = await store.claim_queued_numbers(
        CAMPAIGN, limit, owner="engine", now=now, lease_seconds=lease_seconds, booths=quotas, voting=voting
    )
    return [each.phone_id for each in claims]


async def make_unanswered_calls(store: Store, *phones: int) -> None:
    for place, phone_id in enumerate(phones):
        await make_ended_call(store, phone_id, retry_at=NOW + 60 + place)


async def test_todays_undialled_numbers_precede_retries_of_other_polling_days(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await make_unanswered_calls(store, SECOND, 1)
        assert (await claim_phones(store, 3))[0] == 1  # today's retry, then today's fresh ones
        assert SECOND not in await claim_phones(store, 50)
        assert await store.find_next_due_time(CAMPAIGN) == 0.0  # fresh ones of other booths
        assert await claim_phones(store, 3, None, booths=()) == [SECOND]
        assert await claim_phones(store, 3, None, booths=()) == []


async def test_retry_postponed_on_a_polling_day_is_due_when_that_day_ends(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await make_unanswered_calls(store, SECOND)
        assert SECOND not in await claim_phones(store, 50)
        tomorrow = VotingBooths(frozenset({2}), TODAY.until + 86_400)
        assert (await claim_phones(store, 1, tomorrow, booths=(2,), now=TODAY.until - 1))[0] != SECOND
        assert await claim_phones(store, 1, tomorrow, booths=(2,), now=TODAY.until) == [SECOND]


async def test_dialler_restart_returns_retries_waiting_for_another_polling_day_to_the_queue(
    backend: Backend,
) -> None:
    async with open_filled_store(backend) as store:
        await make_unanswered_calls(store, SECOND)
        assert SECOND not in await claim_phones(store, 50)
        await store.release_expired_claims(LATE, "engine")
        assert await claim_phones(store, 1, VotingBooths(frozenset({2}), TODAY.until), booths=()) == [SECOND]


async def test_retry_returned_to_the_queue_waits_for_the_polling_day_of_its_booth(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await make_unanswered_calls(store, SECOND)
        await claim_phones(store, 50)
        assert await store.find_next_due_time(CAMPAIGN) == 0.0
        claims = await store.claim_queued_numbers(CAMPAIGN, 1, owner="engine", now=LATE, lease_seconds=60, booths={})
        assert [each.phone_id for each in claims] == [SECOND]
        await store.release_claimed_numbers(claims)
        assert SECOND not in await claim_phones(store, 50)
        claims = await store.claim_queued_numbers(CAMPAIGN, 1, owner="engine", now=LATE, lease_seconds=60, booths={})
        await store.postpone_claimed_numbers([(claims[0], LATE + 500)])
        assert await claim_phones(store, 5, None, booths=(), now=LATE + 499) == []
        assert await claim_phones(store, 5, None, booths=(), now=LATE + 500) == [SECOND]


async def test_next_due_time_includes_retries_that_wait_for_another_polling_day(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await make_unanswered_calls(store, SECOND, 8, 9)
        await claim_phones(store, 100, booths=(1, 2, 3, 4, 5, 6))
        assert await store.find_next_due_time(CAMPAIGN) == NOW + 60
        assert await claim_phones(store, 1, None, booths=()) == [SECOND]
        assert await store.find_next_due_time(CAMPAIGN) == NOW + 61


@pytest.mark.parametrize("disposition", [Disposition.LATER, Disposition.CALL_BACK, Disposition.NOT_YET])
@pytest.mark.parametrize("live", [True, False])
async def test_call_time_requested_by_a_voter_applies_in_booths_that_vote_on_another_day(
    backend: Backend, disposition: Disposition, live: bool
) -> None:
    async with open_filled_store(backend) as store:
        new = await claim_and_open_attempt(store, SECOND)
        said = DispositionRecord(new.attempt_id, disposition, NOW + 20, "a1", NOW + 60)
        ended = EndedAttempt(
            new.attempt_id, Outcome.CONNECTED, NOW + 30, retry_at=NOW + 60, promised=said.has_voter_requested_call_back
        )
        if live:
            await store.save_disposition_of_call(said)
            await store.end_attempts([ended])
        else:
            await store.end_attempts([EndedAttempt(new.attempt_id, Outcome.CONNECTED, NOW + 30, retry_at=NOW + 900)])
            await store.save_disposition_of_call(said)
        found = await claim_phones(store, 50)
        assert (SECOND in found) == said.has_voter_requested_call_back == (disposition is not Disposition.NOT_YET)
        assert (
            found[0] == (SECOND if said.has_voter_requested_call_back else 1) or not said.has_voter_requested_call_back
        )


async def test_call_promised_to_a_voter_stays_promised_until_the_phone_has_rung(backend: Backend) -> None:
    """A call that was never placed, or failed in the trunk, keeps the promise; after an unanswered call it is an ordinary retry."""
    async with open_filled_store(backend) as store:
        new = await claim_and_open_attempt(store, SECOND)
        await store.end_attempts(
            [EndedAttempt(new.attempt_id, Outcome.CONNECTED, NOW + 30, retry_at=NOW + 60, promised=True)]
        )
        for place, (outcome, counted, kept) in enumerate(
            (
                (Outcome.REFUSED, True, True),
                (Outcome.CANCELLED, True, True),
                (Outcome.CARRIER_FAILURE, False, True),
                (Outcome.NO_ANSWER, True, False),
            )
        ):
            new = await claim_and_open_attempt(store, SECOND, now=LATE + 100 * place)
            ended = EndedAttempt(new.attempt_id, outcome, LATE, retry_at=LATE + 100 * place + 50, counted=counted)
            await store.end_attempts([ended])
            found = await claim_phones(store, 1, booths=(), now=LATE + 100 * place + 60, lease_seconds=1.0)
            assert found == ([SECOND] if kept else [])


async def test_missed_caller_of_a_booth_voting_on_another_day_is_called_back(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        number = "+917000000007"
        missed = NewInbound(
            AttemptId("in-1"), CAMPAIGN, NOW, "+911140000001", number, "t", InboundMode.MISSED_CALL, NOW + 60
        )
        await store.save_inbound_call(missed)
        assert (await claim_phones(store, 1))[0] == SECOND


async def test_inbound_caller_who_names_a_time_is_called_back_then(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        for place, promised in enumerate((True, False)):
            attempt_id = AttemptId(f"in-{place}")
            number = f"+91700000000{SECOND + place}"
            await store.save_inbound_call(NewInbound(attempt_id, CAMPAIGN, NOW, "+911", number, "t", InboundMode.AGENT))
            ended = EndedAttempt(
                attempt_id,
                Outcome.CONNECTED,
                NOW + 30,
                retry_at=NOW + 60,
                direction=Direction.INBOUND,
                promised=promised,
            )
            assert await store.end_attempts([ended]) == [True]
        assert await claim_phones(store, 5, booths=()) == [SECOND]


async def test_each_reservation_postpones_a_limited_number_of_retries_of_other_polling_days(
    backend: Backend,
) -> None:
    many = SET_ASIDE_AT_ONCE + 8
    async with open_filled_store(backend, 120, voters_per_booth=30) as store:
        with closing(backend.connect()) as db:
            query = "SELECT phone_id FROM target WHERE booth_id > 1 ORDER BY phone_id LIMIT ?"
            due = [phone_id for (phone_id,) in db.execute(query, (many,))]
            db.executemany("UPDATE target SET due_at = phone_id WHERE phone_id = ?", [(each,) for each in due])

        def count_set_aside() -> int:
            with closing(backend.connect()) as db:
                return int(db.execute("SELECT count(*) FROM target WHERE aside_until > 0").fetchone()[0])

        assert len(await claim_phones(store, 2)) == 2  # fresh ones of today, though not all were passed over
        assert count_set_aside() == SET_ASIDE_AT_ONCE
        assert len(await claim_phones(store, 2)) == 2
        assert count_set_aside() == many
        assert await claim_phones(store, 100, None, booths=()) == due  # the longest due first


async def test_promised_calls_are_reserved_before_longer_due_retries(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await make_unanswered_calls(store, 1, SECOND)
        new = await claim_and_open_attempt(store, 2)
        ended = EndedAttempt(new.attempt_id, Outcome.CONNECTED, NOW + 30, retry_at=NOW + 600, promised=True)
        await store.end_attempts([ended])
        assert await store.find_next_due_time(CAMPAIGN) == 0.0
        assert await claim_phones(store, 9, None, booths=(), now=NOW + 599) == [1, SECOND]
        await store.release_expired_claims(NOW + 700)
        assert await claim_phones(store, 9, None, booths=(), now=NOW + 700) == [2, 1, SECOND]


async def test_next_due_time_of_a_campaign_includes_promised_calls(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        new = await claim_and_open_attempt(store, 2)
        await store.end_attempts(
            [EndedAttempt(new.attempt_id, Outcome.CONNECTED, NOW, retry_at=NOW + 6, promised=True)]
        )
        await make_unanswered_calls(store, 1)
        await claim_phones(store, 100, None, booths=(1, 2, 3, 4, 5, 6), now=NOW)
        assert await store.find_next_due_time(CAMPAIGN) == NOW + 6


async def test_without_a_polling_day_retries_of_all_booths_are_reserved_before_undialled_numbers(
    backend: Backend,
) -> None:
    async with open_filled_store(backend) as store:
        await make_unanswered_calls(store, SECOND, 1)
        claims = await store.claim_queued_numbers(
            CAMPAIGN, 2, owner="engine", now=LATE, lease_seconds=60, booths={1: 4}
        )
        assert [each.phone_id for each in claims] == [SECOND, 1]
