"""Opt-outs that other centres send as keyed hashes of phone numbers."""

from __future__ import annotations

import contextlib

import pytest

from dialer.domain.errors import NotInStore, StoreError
from dialer.rules.number_hash import compute_secret_fingerprint, hash_number
from dialer.store import number_hashes
from dialer.store.audit import AuditNote
from dialer.store.opt_outs import OptOutEffect
from dialer.store.store import Store
from tests.support.stores import (
    CAMPAIGN,
    NOW,
    Backend,
    SqliteBackend,
    claim_numbers,
    claim_one_number,
    open_filled_store,
)

SECRET = b"twenty characters, at least"
OTHER = b"another one of twenty characters"


def hash_phone(phone_id: int, secret: bytes = SECRET) -> str:
    return hash_number(secret, f"+91{7_000_000_000 + phone_id}")


async def test_opt_out_from_another_centre_suppresses_the_number_in_every_campaign(backend: Backend) -> None:
    async with open_filled_store(backend, campaigns=(CAMPAIGN, "b")) as store:
        assert read_stored_hash(backend, 1) is None
        assert await store.hash_numbers_and_suppress_opt_outs([SECRET]) == 0
        assert read_stored_hash(backend, 1) == hash_phone(1)
        held = await claim_one_number(store, 1)
        assert await store.save_opt_out_of_other_centre(hash_phone(1), at=NOW, centre="pune-2") == 1
        assert await store.save_opt_out_of_other_centre(hash_phone(1), at=NOW, centre="pune-3") is None
        await store.release_claimed_numbers([held])
        for campaign_id in (CAMPAIGN, "b"):
            assert 1 not in {each.phone_id for each in await claim_numbers(store, 1000, campaign_id=campaign_id)}
        assert not await store.save_opt_out(1, at=NOW, source="agent")
        assert await store.read_outbox_rows_for_broker(10) == []  # opt-outs of other centres are not announced again


async def record_hashed_opt_out(store: Store, *phones: int, secret: bytes = SECRET) -> OptOutEffect:
    hashes = [hash_phone(phone_id, secret) for phone_id in phones]
    entry = AuditNote("asha", NOW, {"batch": "b-1"})
    return await store.save_hashed_opt_outs(
        hashes, entry, fingerprint=compute_secret_fingerprint(secret), centre="pune-1", source="letter-12"
    )


async def test_imported_opt_out_hashes_suppress_their_numbers(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.hash_numbers_and_suppress_opt_outs([SECRET])
        await store.save_opt_out(2, at=NOW, source="agent")
        assert await record_hashed_opt_out(store, 1, 2, 900) == OptOutEffect(new=2, phones=(1,))
        assert [row.payload for row in await store.read_outbox_rows_for_broker(10)] == [
            hash_phone(2),
            hash_phone(1),
            hash_phone(900),
        ]
        assert await record_hashed_opt_out(store, 1, 2, 900) == OptOutEffect(new=0, phones=())
        assert len(await store.read_outbox_rows_for_broker(10)) == 3
        assert {each.phone_id for each in await claim_numbers(store, 1000)} & {1, 2} == set()
    assert isinstance(backend, SqliteBackend)
    with contextlib.closing(backend.connect()) as db:
        assert db.execute("SELECT source FROM opt_out WHERE e164 LIKE '%1'").fetchall() == [("letter-12",)]
        entries = db.execute("SELECT kind, who, what FROM audit WHERE kind <> 'seal' ORDER BY number").fetchall()
    assert [(kind, who) for kind, who, _ in entries] == [("opt-out-import", "asha")] * 2
    assert '"batch":"b-1","fresh":"2","numbers":"3","source":"letter-12"' in entries[0][2]
    _add_number(backend, 900)  # as a later roll would
    again = await backend.open()
    assert await again.hash_numbers_and_suppress_opt_outs([SECRET]) == 1
    await again.close()


async def test_hashed_opt_outs_with_an_unknown_secret_are_all_refused(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.hash_numbers_and_suppress_opt_outs([SECRET])
        with pytest.raises(NotInStore, match="hashed with a secret that the dialler does not have"):
            await record_hashed_opt_out(store, 1, secret=OTHER)
        assert await store.save_opt_out(1, at=NOW, source="agent")
    assert isinstance(backend, SqliteBackend)
    with contextlib.closing(backend.connect()) as db:
        assert db.execute("SELECT count(*) FROM audit WHERE kind <> 'seal'").fetchone() == (0,)


async def test_phone_number_added_after_its_hashed_opt_out_is_suppressed_at_the_next_start(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.hash_numbers_and_suppress_opt_outs([SECRET])
        assert await store.save_opt_out_of_other_centre(hash_phone(900), at=NOW, centre="pune-2") is None
    backend.fill(0, 9)  # adds nothing, so the number is still unknown
    again = await backend.open()
    assert await again.hash_numbers_and_suppress_opt_outs([SECRET]) == 0
    await again.close()
    _add_number(backend, 900)
    again = await backend.open()
    assert await again.hash_numbers_and_suppress_opt_outs([SECRET]) == 1
    assert await again.hash_numbers_and_suppress_opt_outs([SECRET]) == 0
    await again.close()


async def test_opt_out_hashes_are_recomputed_for_a_changed_secret(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.hash_numbers_and_suppress_opt_outs([SECRET])
        await store.hash_numbers_and_suppress_opt_outs([OTHER])
        assert read_stored_hash(backend, 3) == hash_phone(3, OTHER)
        assert await store.save_opt_out_of_other_centre(hash_phone(3, OTHER), at=NOW, centre="pune-2") == 3


@pytest.mark.parametrize("secrets", [[], [OTHER]])
async def test_hash_secret_of_opt_outs_cannot_be_removed_while_in_use(backend: Backend, secrets: list[bytes]) -> None:
    async with open_filled_store(backend) as store:
        assert await store.hash_numbers_and_suppress_opt_outs(secrets) == 0
        await store.hash_numbers_and_suppress_opt_outs([SECRET])
        await store.save_opt_out_of_other_centre(hash_phone(900), at=NOW, centre="pune-2")
        with pytest.raises(StoreError, match=r"Add it again, as `rules\.opt_out_secret` or in"):
            await store.hash_numbers_and_suppress_opt_outs(secrets)
        assert await store.hash_numbers_and_suppress_opt_outs([SECRET]) == 0


async def test_opt_out_hash_secret_can_be_replaced_without_losing_opt_outs(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.hash_numbers_and_suppress_opt_outs([SECRET])
        await store.save_opt_out_of_other_centre(
            hash_phone(900), at=NOW, centre="pune-2"
        )  # a number that is not on the roll yet

        await store.hash_numbers_and_suppress_opt_outs(
            [SECRET, OTHER]
        )  # first step: every centre accepts the next secret
        assert read_stored_hash(backend, 3) == hash_phone(3)
        assert await store.save_opt_out_of_other_centre(hash_phone(3, OTHER), at=NOW, centre="pune-2") == 3

        await store.hash_numbers_and_suppress_opt_outs([OTHER, SECRET])  # second step: every centre announces with it
        assert read_stored_hash(backend, 4) == hash_phone(4, OTHER)
        assert (
            await store.save_opt_out_of_other_centre(hash_phone(4), at=NOW, centre="pune-3") == 4
        )  # a centre still at step one
        assert await store.save_opt_out_of_other_centre(hash_phone(4, OTHER), at=NOW, centre="pune-2") is None
        with pytest.raises(StoreError, match="A secret for opt-outs is missing"):
            await store.hash_numbers_and_suppress_opt_outs(
                [OTHER]
            )  # number 900 is known only by a hash with the earlier secret
    _add_number(backend, 900)
    again = await backend.open()
    assert await again.hash_numbers_and_suppress_opt_outs([OTHER, SECRET]) == 1
    assert (
        await again.hash_numbers_and_suppress_opt_outs([OTHER]) == 0
    )  # every hash with the earlier secret is matched to a number now
    for phone_id in (3, 4, 900):
        assert not await again.save_opt_out(phone_id, at=NOW, source="agent")  # they are suppressed already
    assert await again.save_opt_out_of_other_centre(hash_phone(5), at=NOW, centre="pune-3") is None
    assert read_stored_hash(backend, 5) == hash_phone(5, OTHER)
    await again.close()


def read_stored_hash(backend: Backend, phone_id: int) -> str | None:
    with contextlib.closing(backend.connect()) as db:
        return number_hashes.compute_number_hash(db, phone_id)


def _add_number(backend: Backend, phone_id: int) -> None:
    assert isinstance(backend, SqliteBackend)
    with contextlib.closing(backend.connect()) as db:
        db.execute("INSERT INTO phone (phone_id, e164) VALUES (?, ?)", (phone_id, f"+91{7_000_000_000 + phone_id}"))
