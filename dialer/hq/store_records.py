"""Headquarters' records of the stores (databases) that send results for each centre, and which of them is accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dialer.errors import MatdanError
from dialer.hq.database import Database
from dialer.hq.seal_records import accept_latest_log_entry_of_store
from dialer.hq.sql import Command, Query, convert_rows_to_columns
from dialer.hq.stores import KnownStore, StoreState, find_accepted_database_of_centre
from dialer.store.sql import Statements

Stores = dict[str, KnownStore]
"""The stores of a centre, by incarnation."""


class UnknownStore(MatdanError):
    """Raised if the first digits of a store's id, as entered by a person, do not identify one store of the centre."""


class CentreStore(NamedTuple):
    """A store (database) that has sent batches of results for a centre."""

    centre: str
    incarnation: str
    previous: str | None
    state: str
    last_id: int
    first_at: float
    run: str
    confirmed: bool


class ReplacedStore(NamedTuple):
    """A centre whose new store (database) was accepted automatically in place of an earlier one."""

    centre: str


class SQL(Statements):
    stores = Query(CentreStore)
    all_stores = Query(CentreStore)
    set_stores = Command()
    clear_problem = Command()
    unconfirmed = Query(ReplacedStore)


async def list_databases_of_all_centres(db: Database) -> list[CentreStore]:
    """Return the stores (databases) that have sent results to headquarters, the oldest of each centre first."""
    return await SQL.all_stores.fetch_rows(db)


async def read_stores_of_centres(db: Database, centres: Sequence[str]) -> dict[str, Stores]:
    """Return the stores (databases) of these centres that headquarters knows, by centre and store id (incarnation)."""
    stores: dict[str, Stores] = {centre: {} for centre in centres}
    for row in await SQL.stores.fetch_rows(db, centres):
        stores[row.centre][row.incarnation] = KnownStore(
            row.incarnation,
            row.previous,
            StoreState(row.state),
            row.last_id,
            row.first_at,
            row.run,
            row.confirmed,
        )
    return stores


async def list_centres_with_unconfirmed_replacement(db: Database) -> set[str]:
    """Return the centres whose accepted store (database) replaced an earlier one, if no person has confirmed this yet."""
    return {each.centre for each in await SQL.unconfirmed.fetch_rows(db)}


async def write_stores_of_centres(db: Database, stores: Mapping[str, Stores]) -> None:
    """Write the changed stores of centres to the database, in the transaction in which `read_stores_of_centres` read
    them.
    """
    rows = [
        (
            centre,
            each.incarnation,
            each.previous,
            each.state.value,
            each.last_id,
            each.first_at,
            each.run,
            each.is_confirmed,
        )
        for centre, of_centre in stores.items()
        for each in of_centre.values()
    ]
    rows.sort(key=lambda row: row[3] == StoreState.ACCEPTED)  # last: a centre must never have two accepted stores
    await SQL.set_stores.run_statement(db, *convert_rows_to_columns(rows, 8))


async def replace_accepted_database_of_centre(db: Database, centre: str, first_digits_of_id: str) -> str:
    """Accept a centre's results only from the store (database) whose id begins with `first_digits_of_id`.

    Return the whole id. The store's signed log is accepted too, even if it contradicts itself. Raises UnknownStore.
    """
    async with db.open_transaction():
        stores = (await read_stores_of_centres(db, [centre]))[centre]
        found = [each for each in stores.values() if each.incarnation.startswith(first_digits_of_id)]
        if len(found) != 1:
            known_ids = ", ".join(each.incarnation[:8] for each in stores.values()) or "none"
            raise UnknownStore(
                f"centre {centre} has sent no results from a store whose ID starts with {first_digits_of_id}: "
                f"choose one of {known_ids}"
            )
        for each in stores.values():
            each.state = StoreState.REPLACED
        found[0].state = StoreState.ACCEPTED
        found[0].run, found[0].is_confirmed = "", True
        assert find_accepted_database_of_centre(stores) is found[0]  # noqa: S101 - exactly one
        await write_stores_of_centres(db, {centre: stores})
        await accept_latest_log_entry_of_store(db, centre, found[0].incarnation)
        await SQL.clear_problem.run_statement(db, centre)
    return found[0].incarnation
