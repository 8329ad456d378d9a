"""Headquarters' records of the seals of centres: signatures over what each centre stored in a minute (sealed epochs)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dialer.domain.schema import encode_record_as_json, get_type_adapter
from dialer.domain.sealed_epochs import SealedEpoch
from dialer.hq.database import Database
from dialer.hq.seal_chains import SealChain
from dialer.hq.sql import Command, Query
from dialer.store.sql import Statements


class StoredChain(NamedTuple):
    """A row of headquarters' database: the chain of signed minutes (epochs) of one store. Epochs are JSON."""

    centre: str
    incarnation: str
    first_keys: list[str]
    unaccepted_keys: list[str]
    head: str | None
    latest: str
    may_start: bool
    contradiction: str
    contradicted_at: float | None


class ReceivedEpoch(NamedTuple):
    """The digest and the number of a signed minute of changes (epoch) that a centre has sent."""

    digest: str
    epoch: str


class Contradiction(NamedTuple):
    """A centre's accepted store (database) whose signed minutes of changes contradict each other, with a description of
    the contradiction.
    """

    centre: str
    incarnation: str
    contradiction: str


class SQL(Statements):
    chain = Query(StoredChain)
    all_chains = Query(StoredChain)
    set_chain = Command()
    received_epochs = Query(ReceivedEpoch)
    contradictions = Query(Contradiction)


async def read_chain_of_signed_minutes(db: Database, centre: str, incarnation: str) -> SealChain | None:
    """Return a store's chain of signed minutes (sealed epochs), or None if the store has sent none.

    The chain's row in the database is locked until the transaction ends.
    """
    found = await SQL.chain.fetch_first_row(db, centre, incarnation)
    return None if found is None else _build_seal_chain_from_stored_row(found)


async def list_chains_of_signed_minutes(db: Database) -> dict[tuple[str, str], SealChain]:
    """Return the chains of signed minutes (sealed epochs) of all stores, by centre and store id (incarnation)."""
    return {
        (each.centre, each.incarnation): _build_seal_chain_from_stored_row(each)
        for each in await SQL.all_chains.fetch_rows(db)
    }


async def write_chain_of_signed_minutes(db: Database, centre: str, incarnation: str, chain: SealChain) -> None:
    """Write the chain of signed minutes (sealed epochs) of a store that has sent at least one."""
    head = None if chain.head is None else encode_record_as_json(chain.head)
    await SQL.set_chain.run_statement(
        db,
        centre,
        incarnation,
        chain.first_keys,
        chain.unaccepted_keys,
        head,
        encode_record_as_json(chain.latest),
        chain.may_start,
        chain.contradiction,
        chain.contradicted_at,
    )


async def find_signed_minutes_received_before(db: Database, centre: str, digests: Sequence[str]) -> dict[str, int]:
    """Return which of these digests belong to signed minutes (epochs) that a centre has sent before: the number of the
    epoch by digest.
    """
    return {each.digest: int(each.epoch) for each in await SQL.received_epochs.fetch_rows(db, centre, [*digests])}


async def accept_latest_signed_minute_of_store(db: Database, centre: str, incarnation: str) -> None:
    """Accept the latest signed minute (epoch) of a store, even if it contradicts earlier ones."""
    chain = await read_chain_of_signed_minutes(db, centre, incarnation)
    if chain is not None and chain.contradiction:
        chain.accept_latest_signed_minute_of_chain()
        await write_chain_of_signed_minutes(db, centre, incarnation, chain)


def _build_seal_chain_from_stored_row(stored: StoredChain) -> SealChain:
    return SealChain(
        first_keys=stored.first_keys,
        unaccepted_keys=stored.unaccepted_keys,
        head=None if stored.head is None else _decode_signed_minute(stored.head),
        latest=_decode_signed_minute(stored.latest),
        may_start=stored.may_start,
        contradiction=stored.contradiction,
        contradicted_at=stored.contradicted_at,
    )


def _decode_signed_minute(text: str) -> SealedEpoch:
    return get_type_adapter(SealedEpoch).validate_json(text)
