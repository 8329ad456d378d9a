"""Headquarters' records of centres' signed logs. A log entry (epoch) signs what a centre stored in one minute."""

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
    """The signed log of one centre's store, as a row of headquarters' database. Its entries (epochs) are JSON."""

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
    """The digest and the number of a signed log entry (epoch) that a centre has sent."""

    digest: str
    epoch: str


class Contradiction(NamedTuple):
    """A centre's accepted store (database), and how the entries of its signed log contradict each other."""

    centre: str
    incarnation: str
    contradiction: str


class SQL(Statements):
    chain = Query(StoredChain)
    all_chains = Query(StoredChain)
    set_chain = Command()
    received_epochs = Query(ReceivedEpoch)
    contradictions = Query(Contradiction)


async def read_signed_log_of_store(db: Database, centre: str, incarnation: str) -> SealChain | None:
    """Return a store's signed log, or None if the store has sent no entries.

    The log's row in the database is locked until the transaction ends.
    """
    found = await SQL.chain.fetch_first_row(db, centre, incarnation)
    return None if found is None else _build_seal_chain_from_stored_row(found)


async def list_signed_logs_of_stores(db: Database) -> dict[tuple[str, str], SealChain]:
    """Return the signed logs of all stores, by centre and store id (incarnation)."""
    return {
        (each.centre, each.incarnation): _build_seal_chain_from_stored_row(each)
        for each in await SQL.all_chains.fetch_rows(db)
    }


async def write_signed_log_of_store(db: Database, centre: str, incarnation: str, chain: SealChain) -> None:
    """Write the signed log of a store that has sent at least one entry."""
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


async def find_numbers_of_log_entries(db: Database, centre: str, digests: Sequence[str]) -> dict[str, int]:
    """Return the numbers of the signed log entries (epochs) with these digests, as a mapping from digest to number.

    Entries that headquarters has never received are left out.
    """
    return {each.digest: int(each.epoch) for each in await SQL.received_epochs.fetch_rows(db, centre, [*digests])}


async def accept_latest_log_entry_of_store(db: Database, centre: str, incarnation: str) -> None:
    """Accept the latest entry of a store's signed log (epoch), even if it contradicts earlier entries."""
    chain = await read_signed_log_of_store(db, centre, incarnation)
    if chain is not None and chain.contradiction:
        chain.accept_latest_log_entry_of_chain()
        await write_signed_log_of_store(db, centre, incarnation, chain)


def _build_seal_chain_from_stored_row(stored: StoredChain) -> SealChain:
    return SealChain(
        first_keys=stored.first_keys,
        unaccepted_keys=stored.unaccepted_keys,
        head=None if stored.head is None else _decode_signed_log_entry(stored.head),
        latest=_decode_signed_log_entry(stored.latest),
        may_start=stored.may_start,
        contradiction=stored.contradiction,
        contradicted_at=stored.contradicted_at,
    )


def _decode_signed_log_entry(text: str) -> SealedEpoch:
    return get_type_adapter(SealedEpoch).validate_json(text)
