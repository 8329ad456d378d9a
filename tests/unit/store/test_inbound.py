"""Inbound calls: the caller, the effect on the queue, and call-backs."""

from __future__ import annotations

import uuid
from contextlib import closing
from typing import Any

import pytest

from dialer.domain.enums import CampaignKind, InboundMode, MarkKind, Purpose
from dialer.domain.model import AttemptId, Direction, EndedAttempt, Mark, MarkSource, NewInbound, Outcome
from dialer.store.attempts import Refusal
from dialer.store.store import Store
from tests.support.stores import CAMPAIGN, DAY_START, NOW, Backend
from tests.support.stores import make_attempt as attempt_of

NUMBER = "+917000000001"


@pytest.fixture
async def store(backend: Backend) -> Store:
    backend.fill(30, 10)
    opened = await backend.open()
    await opened.add_or_update_campaign(CAMPAIGN, CampaignKind.AGENTS, Purpose.TURNOUT)
    await opened.add_roll_numbers_to_queue(CAMPAIGN)
    return opened


def make_inbound_call(number: str | None = NUMBER, mode: InboundMode = InboundMode.FLOW, **more: Any) -> NewInbound:
    attempt_id = AttemptId(str(uuid.uuid4()))
    return NewInbound(attempt_id, CAMPAIGN, NOW, "+911140000001", number, "carrier", mode, **more)


async def test_inbound_call_from_a_number_on_the_roll_is_stored_with_its_voter(store: Store) -> None:
    call = make_inbound_call()
    party = await store.save_inbound_call(call)
    assert party is not None
    assert (party.pending_voters, party.opted_out) == (1, False)
    assert await store.find_pending_voters(party.phone_id) == [party.voter_id]
    (found,) = await store.read_unfinished_attempts()
    assert (found.attempt_id, found.direction, found.caller_id) == (call.attempt_id, Direction.INBOUND, call.called)
    assert (await store.read_campaign_progress(CAMPAIGN, NOW)).attempts == 0
    assert await store.end_attempts([EndedAttempt(call.attempt_id, Outcome.COMPLETED, NOW + 60)]) == [True]
    assert await store.end_attempts([EndedAttempt(call.attempt_id, Outcome.LEFT, NOW + 60)]) == [False]
    assert await store.count_attempts_by_outcome(CAMPAIGN) == {}
    assert await store.count_recent_answers_by_interval(CAMPAIGN, NOW + 600, 3600.0, 60.0) == []
    await store.close()


async def test_inbound_call_is_stored_with_the_attestation_of_its_caller(store: Store, backend: Backend) -> None:
    signed, unsigned = make_inbound_call(mode=InboundMode.MISSED_CALL, attestation="A"), make_inbound_call()
    for call in (signed, unsigned):
        await store.save_inbound_call(call)
    with closing(backend.connect()) as db:
        grounds = dict(db.execute("SELECT attempt_id, grounds FROM attempt LEFT JOIN lawful USING (lawful_id)"))
    assert grounds == {signed.attempt_id: '{"attestation":"A"}', unsigned.attempt_id: None}
    await store.close()


@pytest.mark.parametrize("number", [None, "+919999999999"])
async def test_inbound_calls_from_unknown_and_withheld_numbers_have_no_voter(store: Store, number: str | None) -> None:
    assert await store.save_inbound_call(make_inbound_call(number)) is None
    assert await store.read_unfinished_attempts() == []
    await store.close()


async def test_number_on_an_inbound_call_is_not_dialled_until_the_call_ends(store: Store) -> None:
    (claim,) = await store.claim_queued_numbers(CAMPAIGN, 1, owner="o", now=NOW, lease_seconds=60.0)
    call = make_inbound_call(claim.number)
    await store.save_inbound_call(call)
    attempt = attempt_of(claim)
    assert await store.commit_new_attempts([attempt], max_attempts_since=DAY_START, max_attempts=3) == [
        Refusal.OPEN_ATTEMPT
    ]
    await store.end_attempts([EndedAttempt(call.attempt_id, Outcome.LEFT, NOW + 30)])
    claims = await store.claim_queued_numbers(CAMPAIGN, 50, owner="o", now=NOW + 31, lease_seconds=60.0)
    assert claim.number in {each.number for each in claims}
    assert {each.attempt_number for each in claims} == {1}
    await store.close()


async def test_inbound_call_is_stored_during_an_outbound_call_to_the_same_voter(store: Store) -> None:
    (claim,) = await store.claim_queued_numbers(CAMPAIGN, 1, owner="o", now=NOW, lease_seconds=60.0)
    attempt = attempt_of(claim)
    assert await store.commit_new_attempts([attempt], max_attempts_since=DAY_START, max_attempts=3) == [None]
    call = make_inbound_call(claim.number)
    assert await store.save_inbound_call(call) is not None
    for voter_id in await store.find_pending_voters(claim.phone_id):
        key, said_by = f"k/{voter_id}", MarkSource.RELATIVE
        mark = Mark(key, voter_id, MarkKind.VOTED, said_by, NOW + 5, attempt_id=call.attempt_id)
        assert (await store.save_voter_mark(mark)).recorded
    ends = [
        EndedAttempt(call.attempt_id, Outcome.COMPLETED, NOW + 9),
        EndedAttempt(attempt.attempt_id, Outcome.NO_ANSWER, NOW + 30, retry_at=NOW + 900),
    ]
    assert await store.end_attempts(ends) == [True, True]
    assert (await store.read_campaign_progress(CAMPAIGN, NOW)).completed == 1
    await store.close()


async def test_voter_with_a_missed_inbound_call_is_called_back_before_undialled_numbers(store: Store) -> None:
    call = make_inbound_call("+917000000020", InboundMode.MISSED_CALL, call_back_at=NOW + 60)
    assert await store.save_inbound_call(call) is not None
    assert await store.read_unfinished_attempts() == []  # it has ended: it was never answered
    early = await store.claim_queued_numbers(CAMPAIGN, 1, owner="o", now=NOW + 59, lease_seconds=5.0)
    late = await store.claim_queued_numbers(CAMPAIGN, 1, owner="o", now=NOW + 60, lease_seconds=5.0)
    assert [claim.number for claim in early] != ["+917000000020"]
    assert [claim.number for claim in late] == ["+917000000020"]
    await store.close()


async def test_opted_out_caller_is_not_called_back(store: Store) -> None:
    party = await store.save_inbound_call(make_inbound_call())
    assert party is not None
    await store.save_opt_out(party.phone_id, at=NOW, source="voter-key")
    again = await store.save_inbound_call(make_inbound_call(mode=InboundMode.MISSED_CALL, call_back_at=NOW))
    assert again is not None
    assert again.opted_out
    claims = await store.claim_queued_numbers(CAMPAIGN, 50, owner="o", now=NOW + 60, lease_seconds=60.0)
    assert NUMBER not in {claim.number for claim in claims}
    await store.close()


async def test_disposition_of_an_inbound_call_postpones_the_next_call_to_the_number(store: Store) -> None:
    call = make_inbound_call()
    await store.save_inbound_call(call)
    await store.end_attempts([EndedAttempt(call.attempt_id, Outcome.COMPLETED, NOW, retry_at=NOW + 3600)])
    soon = await store.claim_queued_numbers(CAMPAIGN, 50, owner="o", now=NOW + 60, lease_seconds=60.0)
    then = await store.claim_queued_numbers(CAMPAIGN, 50, owner="o", now=NOW + 3600, lease_seconds=60.0)
    assert NUMBER not in {claim.number for claim in soon}
    assert then[0].number == NUMBER
    await store.close()
