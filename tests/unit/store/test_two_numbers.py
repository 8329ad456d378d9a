"""A voter with two numbers is called on one at a time, and the result on one number applies to the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing

import pytest

from dialer.domain.enums import CampaignKind, MarkKind, Purpose
from dialer.domain.model import Disposition, DispositionRecord, Mark, MarkSource, NewAttempt, Outcome
from dialer.store.attempts import Refusal
from dialer.store.store import Store
from tests.support.stores import (
    CAMPAIGN,
    DAY_START,
    NOW,
    Backend,
    claim_and_open_attempt,
    claim_numbers,
    claim_one_number,
    end_attempt,
    make_attempt,
)

DAY_SECONDS = 86_400.0
MOBILE = 900
"""Voter 1's second number; the first one is 1, and nobody else is on either."""


@pytest.fixture
async def store(backend: Backend) -> AsyncIterator[Store]:
    backend.fill(9, 9)
    with closing(backend.connect()) as db:
        db.execute("INSERT INTO phone (phone_id, e164) VALUES (?, '+917000000900')", (MOBILE,))
        db.execute("INSERT INTO link (voter_id, phone_id) VALUES (1, ?)", (MOBILE,))
    opened = await backend.open()
    await opened.add_or_update_campaign(CAMPAIGN, CampaignKind.AGENTS, Purpose.TURNOUT)
    await opened.add_roll_numbers_to_queue(CAMPAIGN)
    yield opened
    await opened.close()


async def is_callable_at(store: Store, moment: float) -> bool:
    """Return whether the second number can be claimed at that time."""
    claims = await claim_numbers(store, 99, now=moment)
    await store.release_claimed_numbers(claims)
    return MOBILE in {each.phone_id for each in claims}


def make_disposition(
    call: NewAttempt, disposition: Disposition, retry_at: float | None = None, at: float = NOW + 70
) -> DispositionRecord:
    return DispositionRecord(call.attempt_id, disposition, at, "asha", retry_at)


async def test_voter_who_is_on_a_call_is_not_called_on_a_second_number(store: Store) -> None:
    other = await claim_one_number(store, MOBILE)
    await claim_and_open_attempt(store, 1)
    refusals = await store.commit_new_attempts([make_attempt(other)], max_attempts_since=DAY_START, max_attempts=9)
    assert refusals == [Refusal.OPEN_ATTEMPT]


async def test_second_number_of_a_voter_waits_as_long_as_the_contacted_number(store: Store) -> None:
    other = await claim_one_number(store, MOBILE)  # it stands in a hopper meanwhile
    assert await end_attempt(store, await claim_and_open_attempt(store, 1), Outcome.CONNECTED, retry_at=NOW + 900)
    refusals = await store.commit_new_attempts([make_attempt(other)], max_attempts_since=DAY_START, max_attempts=9)
    assert refusals == [Refusal.CLAIM_LOST]
    assert not await is_callable_at(store, NOW + 899)
    assert await is_callable_at(store, NOW + 900)


@pytest.mark.parametrize("outcome", [Outcome.NO_ANSWER, Outcome.BUSY, Outcome.MACHINE, Outcome.ABANDONED])
async def test_voter_who_was_not_contacted_may_be_called_on_a_second_number(store: Store, outcome: Outcome) -> None:
    assert await end_attempt(store, await claim_and_open_attempt(store, 1), outcome, retry_at=NOW + 900)
    assert await is_callable_at(store, NOW + 1)


async def test_conversation_without_a_retry_postpones_the_second_number_for_a_day(store: Store) -> None:
    call = await claim_and_open_attempt(store, 1)
    assert await end_attempt(store, call, Outcome.CONNECTED, retry_at=None)
    assert not await is_callable_at(store, NOW + DAY_SECONDS - 60)
    assert await is_callable_at(store, NOW + 2 * DAY_SECONDS)
    await store.save_disposition_of_call(make_disposition(call, Disposition.REFUSED, None))
    assert not await is_callable_at(store, NOW + 9 * DAY_SECONDS)


async def test_completed_ivr_flow_postpones_calls_to_the_second_number_of_the_voter(store: Store) -> None:
    assert await end_attempt(store, await claim_and_open_attempt(store, 1), Outcome.COMPLETED, retry_at=None)
    assert not await is_callable_at(store, NOW + 9 * DAY_SECONDS)


async def test_disposition_after_a_call_also_decides_when_the_voters_second_number_is_due(store: Store) -> None:
    call = await claim_and_open_attempt(store, 1)
    assert await end_attempt(store, call, Outcome.CONNECTED, retry_at=NOW + 900)
    await store.save_disposition_of_call(make_disposition(call, Disposition.LATER, NOW + 9000))
    assert not await is_callable_at(store, NOW + 8999)
    assert await is_callable_at(store, NOW + 9000)


@pytest.mark.parametrize("in_the_talk", [True, False])
async def test_wrong_number_disposition_permits_calls_to_the_second_number_of_the_voter(
    store: Store, in_the_talk: bool
) -> None:
    call = await claim_and_open_attempt(store, 1)
    wrong = Mark("k", 1, MarkKind.WRONG_NUMBER, MarkSource.AGENT, NOW + 70, attempt_id=call.attempt_id)
    if in_the_talk:
        await store.save_disposition_of_call(make_disposition(call, Disposition.WRONG_NUMBER, None), [wrong])
    assert await end_attempt(store, call, Outcome.CONNECTED, retry_at=None)
    if not in_the_talk:
        await store.save_disposition_of_call(make_disposition(call, Disposition.WRONG_NUMBER, None), [wrong])
    assert await is_callable_at(store, NOW + 71)


async def test_second_number_of_a_voter_stays_due_if_another_voter_has_the_same_number(
    store: Store, backend: Backend
) -> None:
    with closing(backend.connect()) as db:
        db.execute("INSERT INTO link (voter_id, phone_id) VALUES (5, ?)", (MOBILE,))
    assert await end_attempt(store, await claim_and_open_attempt(store, 1), Outcome.CONNECTED, retry_at=NOW + 9000)
    assert await is_callable_at(store, NOW + 1)


@pytest.mark.parametrize("retry_at", [NOW + 7200, None])
async def test_answering_machine_report_does_not_postpone_the_second_number_of_the_voter(
    store: Store, retry_at: float | None
) -> None:
    call = await claim_and_open_attempt(store, 1)
    assert await end_attempt(store, call, Outcome.CONNECTED, retry_at=retry_at)
    assert not await is_callable_at(store, NOW + 100)
    await store.save_disposition_of_call(make_disposition(call, Disposition.MACHINE, NOW + 900))
    assert await is_callable_at(store, NOW + 100)


@pytest.mark.parametrize("ended_at_first", [True, False])
async def test_corrected_disposition_does_not_postpone_the_second_number_of_the_voter(
    store: Store, ended_at_first: bool
) -> None:
    call = await claim_and_open_attempt(store, 1)
    if ended_at_first:
        assert await end_attempt(store, call, Outcome.CONNECTED, retry_at=None)
    await store.save_disposition_of_call(make_disposition(call, Disposition.REFUSED))
    if ended_at_first:
        assert not await is_callable_at(store, NOW + 2 * DAY_SECONDS)
    await store.save_disposition_of_call(make_disposition(call, Disposition.LATER, NOW + 3600, at=NOW + 75))
    if not ended_at_first:
        assert await end_attempt(store, call, Outcome.CONNECTED, retry_at=NOW + 3600)
    assert not await is_callable_at(store, NOW + 3599)
    assert await is_callable_at(store, NOW + 3600)


async def test_wrong_number_disposition_keeps_the_retry_time_of_the_second_number(store: Store) -> None:
    assert await end_attempt(store, await claim_and_open_attempt(store, MOBILE), Outcome.NO_ANSWER, retry_at=NOW + 7200)
    call = await claim_and_open_attempt(store, 1)
    assert await end_attempt(store, call, Outcome.CONNECTED, retry_at=NOW + 900)
    await store.save_disposition_of_call(make_disposition(call, Disposition.WRONG_NUMBER))
    assert not await is_callable_at(store, NOW + 7199)
    assert await is_callable_at(store, NOW + 7200)


@pytest.mark.parametrize("word", [Disposition.REFUSED, Disposition.OPT_OUT])
async def test_voter_who_refuses_during_the_call_is_never_called_on_a_second_number(
    store: Store, word: Disposition
) -> None:
    call = await claim_and_open_attempt(store, 1)
    await store.save_disposition_of_call(make_disposition(call, word))
    assert await end_attempt(store, call, Outcome.CONNECTED, retry_at=None)
    assert not await is_callable_at(store, NOW + 9 * DAY_SECONDS)


async def test_second_number_of_a_voter_is_not_postponed_in_another_campaign(store: Store) -> None:
    await store.add_or_update_campaign("other", CampaignKind.AGENTS, Purpose.TURNOUT)
    await store.add_roll_numbers_to_queue("other")
    assert await end_attempt(store, await claim_and_open_attempt(store, 1), Outcome.CONNECTED, retry_at=NOW + 9000)
    assert MOBILE in {each.phone_id for each in await claim_numbers(store, 99, campaign_id="other", now=NOW + 1)}


async def test_number_unlinked_from_the_contacted_voter_is_not_postponed(store: Store, backend: Backend) -> None:
    call = await claim_and_open_attempt(store, 1)
    with closing(backend.connect()) as db:
        db.execute("UPDATE link SET dropped_at = 1 WHERE phone_id = ?", (MOBILE,))
    assert await end_attempt(store, call, Outcome.CONNECTED, retry_at=NOW + 9000)
    with closing(backend.connect()) as db:
        held = db.execute("SELECT due_at FROM target WHERE phone_id = ?", (MOBILE,)).fetchone()
    assert held == (0.0,)
