"""The store's contract in a poll of phases: retries of booths that vote another day stand aside for today's fresh numbers."""

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
from tests.support.stores import CAMPAIGN, NOW, Backend, call, dial, filled

LATE = NOW + 3600.0  # every retry here is due
TODAY = VotingBooths(frozenset({1}), NOW + 36_000)  # numbers 1 to 6; 7 to 12 are of booth 2
SECOND = 7  # the first number of booth 2


async def taken(
    store: Store,
    limit: int,
    voting: VotingBooths | None = TODAY,
    *,
    booths: tuple[int, ...] = (1,),
    now: float = LATE,
    lease_seconds: float = 60.0,
) -> list[int]:
    """The numbers that are claimed, in order."""
    quotas = dict.fromkeys(booths, limit)
    claims = await store.claim(
        CAMPAIGN, limit, owner="engine", now=now, lease_seconds=lease_seconds, booths=quotas, voting=voting
    )
    return [each.phone_id for each in claims]


async def unheard(store: Store, *phones: int) -> None:
    for place, phone_id in enumerate(phones):
        await call(store, phone_id, retry_at=NOW + 60 + place)


async def test_a_retry_of_another_day_comes_after_todays_fresh_numbers(backend: Backend) -> None:
    async with filled(backend) as store:
        await unheard(store, SECOND, 1)
        assert (await taken(store, 3))[0] == 1  # today's retry, then today's fresh ones
        assert SECOND not in await taken(store, 50)
        assert await store.next_due_at(CAMPAIGN) == 0.0  # fresh ones of other booths
        assert await taken(store, 3, None, booths=()) == [SECOND]
        assert await taken(store, 3, None, booths=()) == []


async def test_what_stands_aside_waits_no_longer_than_its_day(backend: Backend) -> None:
    async with filled(backend) as store:
        await unheard(store, SECOND)
        assert SECOND not in await taken(store, 50)
        tomorrow = VotingBooths(frozenset({2}), TODAY.until + 86_400)
        assert (await taken(store, 1, tomorrow, booths=(2,), now=TODAY.until - 1))[0] != SECOND
        assert await taken(store, 1, tomorrow, booths=(2,), now=TODAY.until) == [SECOND]


async def test_restart_ends_all_asides(backend: Backend) -> None:
    async with filled(backend) as store:
        await unheard(store, SECOND)
        assert SECOND not in await taken(store, 50)
        await store.release_expired(LATE, "engine")
        assert await taken(store, 1, VotingBooths(frozenset({2}), TODAY.until), booths=()) == [SECOND]


async def test_released_claim_is_set_aside_again_until_it_has_a_new_time(backend: Backend) -> None:
    async with filled(backend) as store:
        await unheard(store, SECOND)
        await taken(store, 50)
        assert await store.next_due_at(CAMPAIGN) == 0.0
        claims = await store.claim(CAMPAIGN, 1, owner="engine", now=LATE, lease_seconds=60, booths={})
        assert [each.phone_id for each in claims] == [SECOND]
        await store.release(claims)
        assert SECOND not in await taken(store, 50)
        claims = await store.claim(CAMPAIGN, 1, owner="engine", now=LATE, lease_seconds=60, booths={})
        await store.postpone([(claims[0], LATE + 500)])
        assert await taken(store, 5, None, booths=(), now=LATE + 499) == []
        assert await taken(store, 5, None, booths=(), now=LATE + 500) == [SECOND]


async def test_the_next_due_time_is_also_of_what_stands_aside(backend: Backend) -> None:
    async with filled(backend) as store:
        await unheard(store, SECOND, 8, 9)
        await taken(store, 100, booths=(1, 2, 3, 4, 5, 6))
        assert await store.next_due_at(CAMPAIGN) == NOW + 60
        assert await taken(store, 1, None, booths=()) == [SECOND]
        assert await store.next_due_at(CAMPAIGN) == NOW + 61


@pytest.mark.parametrize("disposition", [Disposition.LATER, Disposition.CALL_BACK, Disposition.NOT_YET])
@pytest.mark.parametrize("live", [True, False])
async def test_a_time_that_was_asked_for_is_kept_whatever_the_booth(
    backend: Backend, disposition: Disposition, live: bool
) -> None:
    async with filled(backend) as store:
        new = await dial(store, SECOND)
        said = DispositionRecord(new.attempt_id, disposition, NOW + 20, "a1", NOW + 60)
        ended = EndedAttempt(new.attempt_id, Outcome.CONNECTED, NOW + 30, retry_at=NOW + 60, promised=said.promised)
        if live:
            await store.record_disposition(said)
            await store.end_attempts([ended])
        else:
            await store.end_attempts([EndedAttempt(new.attempt_id, Outcome.CONNECTED, NOW + 30, retry_at=NOW + 900)])
            await store.record_disposition(said)
        found = await taken(store, 50)
        assert (SECOND in found) == said.promised == (disposition is not Disposition.NOT_YET)
        assert found[0] == (SECOND if said.promised else 1) or not said.promised


async def test_promise_stays_until_the_call_was_made(backend: Backend) -> None:
    """A call that never came about, or was the trunk's own failure, keeps it; one that rang unheard is any other retry."""
    async with filled(backend) as store:
        new = await dial(store, SECOND)
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
            new = await dial(store, SECOND, now=LATE + 100 * place)
            ended = EndedAttempt(new.attempt_id, outcome, LATE, retry_at=LATE + 100 * place + 50, counted=counted)
            await store.end_attempts([ended])
            found = await taken(store, 1, booths=(), now=LATE + 100 * place + 60, lease_seconds=1.0)
            assert found == ([SECOND] if kept else [])


async def test_whoever_rang_us_is_called_back_whatever_the_booth(backend: Backend) -> None:
    async with filled(backend) as store:
        number = "+917000000007"
        missed = NewInbound(
            AttemptId("in-1"), CAMPAIGN, NOW, "+911140000001", number, "t", InboundMode.MISSED_CALL, NOW + 60
        )
        await store.record_inbound_call(missed)
        assert (await taken(store, 1))[0] == SECOND


async def test_what_is_said_in_a_call_that_came_in_is_a_promise_where_it_was_asked_for(backend: Backend) -> None:
    async with filled(backend) as store:
        for place, promised in enumerate((True, False)):
            attempt_id = AttemptId(f"in-{place}")
            number = f"+91700000000{SECOND + place}"
            await store.record_inbound_call(
                NewInbound(attempt_id, CAMPAIGN, NOW, "+911", number, "t", InboundMode.AGENT)
            )
            ended = EndedAttempt(
                attempt_id,
                Outcome.CONNECTED,
                NOW + 30,
                retry_at=NOW + 60,
                direction=Direction.INBOUND,
                promised=promised,
            )
            assert await store.end_attempts([ended]) == [True]
        assert await taken(store, 5, booths=()) == [SECOND]


async def test_claim_sets_aside_a_limited_number_of_retries_and_none_twice(backend: Backend) -> None:
    many = SET_ASIDE_AT_ONCE + 8
    async with filled(backend, 120, voters_per_booth=30) as store:
        with closing(backend.connect()) as db:
            query = "SELECT phone_id FROM target WHERE booth_id > 1 ORDER BY phone_id LIMIT ?"
            due = [phone_id for (phone_id,) in db.execute(query, (many,))]
            db.executemany("UPDATE target SET due_at = phone_id WHERE phone_id = ?", [(each,) for each in due])

        def aside() -> int:
            with closing(backend.connect()) as db:
                return int(db.execute("SELECT count(*) FROM target WHERE aside_until > 0").fetchone()[0])

        assert len(await taken(store, 2)) == 2  # fresh ones of today, though not all were passed over
        assert aside() == SET_ASIDE_AT_ONCE
        assert len(await taken(store, 2)) == 2
        assert aside() == many
        assert await taken(store, 100, None, booths=()) == due  # the longest due first


async def test_who_asked_for_a_time_comes_before_who_is_due_for_longer(backend: Backend) -> None:
    async with filled(backend) as store:
        await unheard(store, 1, SECOND)
        new = await dial(store, 2)
        ended = EndedAttempt(new.attempt_id, Outcome.CONNECTED, NOW + 30, retry_at=NOW + 600, promised=True)
        await store.end_attempts([ended])
        assert await store.next_due_at(CAMPAIGN) == 0.0
        assert await taken(store, 9, None, booths=(), now=NOW + 599) == [1, SECOND]
        await store.release_expired(NOW + 700)
        assert await taken(store, 9, None, booths=(), now=NOW + 700) == [2, 1, SECOND]


async def test_the_next_due_time_is_of_promises_too(backend: Backend) -> None:
    async with filled(backend) as store:
        new = await dial(store, 2)
        await store.end_attempts(
            [EndedAttempt(new.attempt_id, Outcome.CONNECTED, NOW, retry_at=NOW + 6, promised=True)]
        )
        await unheard(store, 1)
        await taken(store, 100, None, booths=(1, 2, 3, 4, 5, 6), now=NOW)
        assert await store.next_due_at(CAMPAIGN) == NOW + 6


async def test_without_a_polling_day_retries_come_first_whatever_their_booth(backend: Backend) -> None:
    async with filled(backend) as store:
        await unheard(store, SECOND, 1)
        claims = await store.claim(CAMPAIGN, 2, owner="engine", now=LATE, lease_seconds=60, booths={1: 4})
        assert [each.phone_id for each in claims] == [SECOND, 1]
