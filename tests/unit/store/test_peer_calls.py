"""Calls of other centres: the intervals between calls to a number hold across centres."""

from __future__ import annotations

from contextlib import closing

import pytest

from dialer.domain.model import Announcement, EndedAttempt, Outcome
from dialer.domain.other_centres import PeerCallKind, PeerCallRecord, PeerUpdateBatch, classify_call_for_other_centres
from dialer.domain.phone_facts import CallIntervals
from dialer.domain.results import Result
from dialer.rules.number_hash import hash_number
from dialer.store.attempts import Refusal
from dialer.store.peer_updates import PeerUpdateEffect
from dialer.store.store import Store
from tests.support.stores import (
    CAMPAIGN,
    DAY_START,
    NOW,
    Backend,
    SqliteBackend,
    announce_by_kind,
    claim_and_open_attempt,
    claim_one_number,
    end_attempt,
    make_attempt,
    open_filled_store,
)

SECRET = b"twenty characters, at least"
GAPS = CallIntervals(900.0, {CAMPAIGN: 7200.0})


async def apply_call(
    store: Store, position: int, kind: PeerCallKind, at: float, *, number: int = 1, forget_before: float = 0.0
) -> PeerUpdateEffect:
    call = PeerCallRecord(hash_number(SECRET, f"+91700000{number:04}"), at, kind)
    return await store.save_updates_from_other_centres(
        PeerUpdateBatch("CALLS", position - 1, position, (), (), (call,), forget_before)
    )


async def try_to_call(store: Store, at: float) -> Refusal | None:
    new = make_attempt(await claim_one_number(store, 1, now=at), at=at)
    [refusal] = await store.commit_new_attempts([new], max_attempts_since=DAY_START, max_attempts=9, gaps=GAPS)
    return refusal


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        (PeerCallKind.CALL, 900.0),
        (PeerCallKind.ABANDONED, 900.0),
        (PeerCallKind.CONVERSATION, 7200.0),
        (PeerCallKind.INBOUND, 7200.0),
    ],
)
async def test_number_called_by_another_centre_is_not_called_within_the_interval(
    backend: Backend, kind: PeerCallKind, seconds: float
) -> None:
    async with open_filled_store(backend) as store:
        await store.hash_numbers_and_suppress_opt_outs([SECRET])
        effect = await apply_call(store, 1, kind, NOW)
        assert [phone_id for phone_id, _ in effect.calls] == [1]
        assert await try_to_call(store, NOW + 5) is Refusal.MINIMUM_INTERVAL
    store = await backend.open()  # a restart forgets nothing of it
    assert await try_to_call(store, NOW + seconds) is None
    await store.close()


async def test_promised_call_waits_for_the_interval_after_another_centre_has_called_the_number(
    backend: Backend,
) -> None:
    async with open_filled_store(backend) as store:
        await store.hash_numbers_and_suppress_opt_outs([SECRET])
        new = await claim_and_open_attempt(store, 1)
        ended = EndedAttempt(new.attempt_id, Outcome.LEFT, NOW + 30.0, retry_at=NOW + 60.0, promised=True)
        await store.end_attempts([ended])
        await apply_call(store, 1, PeerCallKind.CALL, NOW + 50)
        assert await try_to_call(store, NOW + 60) is Refusal.MINIMUM_INTERVAL
        assert await try_to_call(store, NOW + 950) is None


async def test_reserved_number_has_the_time_of_the_latest_call_by_another_centre(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.hash_numbers_and_suppress_opt_outs([SECRET])
        await apply_call(store, 1, PeerCallKind.ABANDONED, NOW + 9)
        await apply_call(store, 2, PeerCallKind.CONVERSATION, NOW + 4)  # an earlier call that arrives later
        facts = (await claim_one_number(store, 1, now=NOW + 20)).facts
        assert facts is not None
        assert (facts.called_at, facts.talked_at, facts.abandoned_at) == (NOW + 9, NOW + 4, NOW + 9)
        assert facts.campaigns == (CAMPAIGN,)
        assert (facts.attempts_today, facts.conversations_today) == (0, 0)
        other = (await claim_one_number(store, 2, now=NOW + 20)).facts
        assert other is not None
        assert (other.called_at, other.talked_at, other.abandoned_at) == (None, None, None)


async def test_other_centres_calls_to_unknown_numbers_are_not_stored(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.hash_numbers_and_suppress_opt_outs([SECRET])
        await apply_call(store, 1, PeerCallKind.CALL, NOW)
        assert (await apply_call(store, 2, PeerCallKind.CALL, NOW, number=999)).calls == ()
        await apply_call(store, 3, PeerCallKind.CALL, NOW + 500, number=2, forget_before=NOW + 1)
    assert isinstance(backend, SqliteBackend)
    with closing(backend.connect()) as db:
        assert db.execute("SELECT phone_id, called_at FROM peer_call").fetchall() == [(2, NOW + 500)]


async def test_ended_call_is_announced_to_headquarters_with_its_number_hash(
    backend: Backend,
) -> None:
    assert isinstance(backend, SqliteBackend)
    announced: list[Result] = []

    def encode(result: Result) -> Announcement:
        announced.append(result)
        return announce_by_kind(result)

    backend.encode = encode
    async with open_filled_store(backend) as store:
        await store.hash_numbers_and_suppress_opt_outs([SECRET])
        await end_attempt(store, await claim_and_open_attempt(store, 1))
        await store.set_byte_limit_of_headquarters_queue(1 << 20)
        await end_attempt(store, await claim_and_open_attempt(store, 2))
    hashes = [getattr(result, "number_hash", "") for result in announced]
    assert hashes == [None, hash_number(SECRET, "+917000000002")]


@pytest.mark.parametrize(
    ("outcome", "direction", "is_connected", "kind"),
    [
        (Outcome.NO_ANSWER, "outbound", False, PeerCallKind.CALL),
        (Outcome.MACHINE, "outbound", True, PeerCallKind.CALL),
        (Outcome.UNKNOWN, "outbound", False, PeerCallKind.CALL),
        (Outcome.COMPLETED, "outbound", False, PeerCallKind.CONVERSATION),
        (Outcome.CONNECTED, "outbound", True, PeerCallKind.CONVERSATION),
        (Outcome.ABANDONED, "outbound", False, PeerCallKind.ABANDONED),
        (Outcome.REFUSED, "outbound", False, None),
        (Outcome.CONNECTED, "inbound", True, PeerCallKind.INBOUND),
        (Outcome.MISSED, "inbound", False, None),
        ("nonsense", "None", False, PeerCallKind.CALL),
    ],
)
def test_other_centres_learn_whether_a_call_was_a_conversation_or_abandoned(
    outcome: str, direction: str, is_connected: bool, kind: PeerCallKind | None
) -> None:
    assert classify_call_for_other_centres(outcome, direction, is_connected=is_connected) is kind
