"""The store's contract: opt-outs that come from other centres as keyed hashes."""

from __future__ import annotations

import contextlib

import pytest

from dialer.domain.errors import NotInStore, StoreError
from dialer.rules.number_hash import compute_fingerprint, hash_number
from dialer.store import number_hashes
from dialer.store.audit import AuditNote
from dialer.store.opt_outs import OptOutEffect
from dialer.store.store import Store
from tests.support.stores import CAMPAIGN, NOW, Backend, SqliteBackend, claim, claim_phone, filled

SECRET = b"twenty characters, at least"
OTHER = b"another one of twenty characters"


def hashed(phone_id: int, secret: bytes = SECRET) -> str:
    return hash_number(secret, f"+91{7_000_000_000 + phone_id}")


async def test_a_number_told_by_another_centre_is_suppressed_in_every_campaign(backend: Backend) -> None:
    async with filled(backend, campaigns=(CAMPAIGN, "b")) as store:
        assert hash_in(backend, 1) is None
        assert await store.hash_numbers([SECRET]) == 0
        assert hash_in(backend, 1) == hashed(1)
        held = await claim_phone(store, 1)
        assert await store.record_foreign_opt_out(hashed(1), at=NOW, centre="pune-2") == 1
        assert await store.record_foreign_opt_out(hashed(1), at=NOW, centre="pune-3") is None
        await store.release([held])
        for campaign_id in (CAMPAIGN, "b"):
            assert 1 not in {each.phone_id for each in await claim(store, 1000, campaign_id=campaign_id)}
        assert not await store.record_opt_out(1, at=NOW, source="agent")
        assert await store.rows_for_broker(10) == []  # what another centre told is not told again


async def suppress(store: Store, *phones: int, secret: bytes = SECRET) -> OptOutEffect:
    hashes = [hashed(phone_id, secret) for phone_id in phones]
    entry = AuditNote("asha", NOW, {"batch": "b-1"})
    return await store.record_hashed_opt_outs(
        hashes, entry, fingerprint=compute_fingerprint(secret), centre="pune-1", source="letter-12"
    )


async def test_what_our_own_people_tell_by_the_hash_is_suppressed_told_on_and_in_the_audit(backend: Backend) -> None:
    async with filled(backend) as store:
        await store.hash_numbers([SECRET])
        await store.record_opt_out(2, at=NOW, source="agent")
        assert await suppress(store, 1, 2, 900) == OptOutEffect(new=2, phones=(1,))
        assert [row.payload for row in await store.rows_for_broker(10)] == [hashed(2), hashed(1), hashed(900)]
        assert await suppress(store, 1, 2, 900) == OptOutEffect(new=0, phones=())
        assert len(await store.rows_for_broker(10)) == 3
        assert {each.phone_id for each in await claim(store, 1000)} & {1, 2} == set()
    assert isinstance(backend, SqliteBackend)
    with contextlib.closing(backend.connect()) as db:
        assert db.execute("SELECT source FROM opt_out WHERE e164 LIKE '%1'").fetchall() == [("letter-12",)]
        entries = db.execute("SELECT kind, who, what FROM audit WHERE kind <> 'seal' ORDER BY number").fetchall()
    assert [(kind, who) for kind, who, _ in entries] == [("opt-out-import", "asha")] * 2
    assert '"batch":"b-1","fresh":"2","numbers":"3","source":"letter-12"' in entries[0][2]
    _add_number(backend, 900)  # it comes with a later roll
    again = await backend.open()
    assert await again.hash_numbers([SECRET]) == 1
    await again.close()


async def test_hashes_under_a_secret_that_is_not_shared_are_refused_whole(backend: Backend) -> None:
    async with filled(backend) as store:
        await store.hash_numbers([SECRET])
        with pytest.raises(NotInStore, match="hashed with a secret that the dialler does not have"):
            await suppress(store, 1, secret=OTHER)
        assert await store.record_opt_out(1, at=NOW, source="agent")
    assert isinstance(backend, SqliteBackend)
    with contextlib.closing(backend.connect()) as db:
        assert db.execute("SELECT count(*) FROM audit WHERE kind <> 'seal'").fetchone() == (0,)


async def test_a_number_that_comes_onto_the_roll_later_is_suppressed_at_the_next_start(backend: Backend) -> None:
    async with filled(backend) as store:
        await store.hash_numbers([SECRET])
        assert await store.record_foreign_opt_out(hashed(900), at=NOW, centre="pune-2") is None
    backend.fill(0, 9)  # nothing new: still none
    again = await backend.open()
    assert await again.hash_numbers([SECRET]) == 0
    await again.close()
    _add_number(backend, 900)
    again = await backend.open()
    assert await again.hash_numbers([SECRET]) == 1
    assert await again.hash_numbers([SECRET]) == 0
    await again.close()


async def test_another_secret_makes_other_hashes(backend: Backend) -> None:
    async with filled(backend) as store:
        await store.hash_numbers([SECRET])
        await store.hash_numbers([OTHER])
        assert hash_in(backend, 3) == hashed(3, OTHER)
        assert await store.record_foreign_opt_out(hashed(3, OTHER), at=NOW, centre="pune-2") == 3


@pytest.mark.parametrize("secrets", [[], [OTHER]])
async def test_a_secret_is_not_dropped_while_opt_outs_are_known_under_it_alone(
    backend: Backend, secrets: list[bytes]
) -> None:
    async with filled(backend) as store:
        assert await store.hash_numbers(secrets) == 0
        await store.hash_numbers([SECRET])
        await store.record_foreign_opt_out(hashed(900), at=NOW, centre="pune-2")
        with pytest.raises(StoreError, match=r"Add it again as rules\.opt_out_secret or in"):
            await store.hash_numbers(secrets)
        assert await store.hash_numbers([SECRET]) == 0


async def test_secrets_change_in_two_steps_and_no_opt_out_is_missed(backend: Backend) -> None:
    async with filled(backend) as store:
        await store.hash_numbers([SECRET])
        await store.record_foreign_opt_out(hashed(900), at=NOW, centre="pune-2")  # of nobody on our roll yet

        await store.hash_numbers([SECRET, OTHER])  # every centre learns to understand the next one
        assert hash_in(backend, 3) == hashed(3)
        assert await store.record_foreign_opt_out(hashed(3, OTHER), at=NOW, centre="pune-2") == 3

        await store.hash_numbers([OTHER, SECRET])  # then each tells under it
        assert hash_in(backend, 4) == hashed(4, OTHER)
        assert await store.record_foreign_opt_out(hashed(4), at=NOW, centre="pune-3") == 4  # one that is not so far
        assert await store.record_foreign_opt_out(hashed(4, OTHER), at=NOW, centre="pune-2") is None
        with pytest.raises(StoreError, match="A secret for opt-outs is missing"):
            await store.hash_numbers([OTHER])  # number 900 is known under the earlier one alone
    _add_number(backend, 900)
    again = await backend.open()
    assert await again.hash_numbers([OTHER, SECRET]) == 1
    assert await again.hash_numbers([OTHER]) == 0  # every hash under the earlier one is a number of ours by now
    for phone_id in (3, 4, 900):
        assert not await again.record_opt_out(phone_id, at=NOW, source="agent")  # they are suppressed already
    assert await again.record_foreign_opt_out(hashed(5), at=NOW, centre="pune-3") is None
    assert hash_in(backend, 5) == hashed(5, OTHER)
    await again.close()


def hash_in(backend: Backend, phone_id: int) -> str | None:
    with contextlib.closing(backend.connect()) as db:
        return number_hashes.hash_of(db, phone_id)


def _add_number(backend: Backend, phone_id: int) -> None:
    assert isinstance(backend, SqliteBackend)
    with contextlib.closing(backend.connect()) as db:
        db.execute("INSERT INTO phone (phone_id, e164) VALUES (?, ?)", (phone_id, f"+91{7_000_000_000 + phone_id}"))
