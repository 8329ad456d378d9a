"""The database connection of headquarters' pages, and a hash-chained audit of what users do on the pages."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import astuple
from typing import NamedTuple

import structlog

from dialer.domain.audit_chain import (
    GENESIS,
    AuditEntry,
    Break,
    find_breaks_in_audit_hash_chain,
    format_audit_details_for_hashing,
    make_next_audit_entry,
)
from dialer.domain.clock import Clock
from dialer.domain.errors import HeadquartersUnreachable, StoreError
from dialer.hq.database import Database, DatabaseError, open_database
from dialer.hq.sql import Command, Query, Scalar
from dialer.settings.headquarters import HqSettings
from dialer.store.desk_file import DeskFile
from dialer.store.sql import Statements
from dialer.web.people import run_function_and_log_store_error

_log = structlog.get_logger(__name__)


class ChainEnd(NamedTuple):
    """Number and digest of the last entry in the audit's hash chain."""

    number: int
    digest: str


class SQL(Statements):
    lock_audit = Command()
    chain_end = Query(ChainEnd)
    insert_entry = Command()
    equal_entry = Scalar(int)
    newest_entries = Query(AuditEntry)
    entries_from = Query(AuditEntry)


class PageDatabase:
    """The database connection of headquarters' pages. One task at a time uses it, and it is reopened after a loss.

    The last entry of the audit's hash chain is also stored in a local file. So an attacker who can write to the
    database, but not to that file, cannot change or delete audit entries unnoticed.
    """

    def __init__(self, settings: HqSettings, clock: Clock, file: DeskFile | None = None) -> None:
        self._address = settings.gather.database.get_secret_value()
        self.clock = clock
        self._file = file
        self._has_new_entries = False
        self._turn = asyncio.Lock()
        self._connection = contextlib.AsyncExitStack()
        self._db: Database | None = None

    @contextlib.asynccontextmanager
    async def open_transaction(self) -> AsyncIterator[Database]:
        """Run a transaction on the connection until the context ends. Raises StoreError if the database is unreachable."""
        async with self._turn:
            try:
                if self._db is None:
                    self._db = await self._connection.enter_async_context(open_database(self._address))
                    await self._db.prepare_schema()
                async with self._db.open_transaction():
                    yield self._db
                if self._has_new_entries and self._file is not None:
                    await run_function_and_log_store_error(
                        _store_last_audit_entry(self._db, self._file), "audit.end_not_stored"
                    )
                self._has_new_entries = False
            except HeadquartersUnreachable as error:
                raise StoreError(str(error)) from error
            except DatabaseError as error:
                await self.close()
                raise StoreError(
                    f"headquarters' database does not answer ({error or type(error).__name__}): check"
                    " `gather.database` and PostgreSQL"
                ) from error

    async def close(self) -> None:
        """Close the connection to the database; the next transaction opens a new connection."""
        self._db = None
        await self._connection.aclose()

    async def append_audit_entry(self, db: Database, kind: str, who: str, what: Mapping[str, str]) -> None:
        """Append an audit entry, in the transaction of the action that it records."""
        await SQL.lock_audit.run_statement(db)
        end = await SQL.chain_end.fetch_first_row(db) or ChainEnd(0, GENESIS)
        entry = make_next_audit_entry(*end, at=self.clock.now(), kind=kind, who=who, what=what)
        await SQL.insert_entry.run_statement(db, *astuple(entry))
        self._has_new_entries = True

    async def append_audit_entry_if_missing(self, db: Database, kind: str, who: str, what: Mapping[str, str]) -> None:
        """Append an audit entry, unless the audit has an entry with the same kind, user and details."""
        await SQL.lock_audit.run_statement(db)
        details = format_audit_details_for_hashing(what)
        if await SQL.equal_entry.fetch_value_or_none(db, kind, who, details) is None:
            await self.append_audit_entry(db, kind, who, what)

    async def read_audit_entries(self) -> list[AuditEntry]:
        """Return all audit entries, the oldest first."""
        async with self.open_transaction() as db:
            return await SQL.entries_from.fetch_rows(db, 0)

    async def read_newest_audit_entries(self, count: int) -> list[AuditEntry]:
        """Return the last audit entries, the newest first."""
        async with self.open_transaction() as db:
            return await SQL.newest_entries.fetch_rows(db, count)

    async def find_breaks_in_audit_chain(self) -> list[Break]:
        """Return the places where the audit's hash chain is broken.

        A break is also reported if the chain lacks the last entry that the page server's local file has recorded.
        """
        end = None if self._file is None else await self._file.read_last_seen_audit_entry()
        return [*find_breaks_in_audit_hash_chain(await self.read_audit_entries(), end)]

    async def accept_last_audit_entry(self, who: str) -> None:
        """Accept the database's last audit entry as the true end of the audit, after a restore from a backup.

        The acceptance itself is added to the audit.
        """
        if self._file is None:
            return
        stored, entries = await self._file.read_last_seen_audit_entry(), await self.read_audit_entries()
        await self._file.save_last_seen_audit_entry(
            *((entries[-1].number, entries[-1].digest) if entries else (0, GENESIS))
        )
        before = "none" if stored is None else f"entry {stored.number}"
        async with self.open_transaction() as db:
            await self.append_audit_entry(db, "audit-end-accepted", who, {"before": before})


async def _store_last_audit_entry(db: Database, file: DeskFile) -> None:
    """Store the last entry of the audit's hash chain in the page server's local file. Raises StoreError.

    If the chain does not continue the entry in the file, this is logged, and the file stays unchanged.
    """
    stored = await file.read_last_seen_audit_entry()
    entries = await SQL.entries_from.fetch_rows(db, 0 if stored is None else stored[0])
    if [*_find_audit_breaks_after_stored_entry(entries, stored)]:
        _log.error(
            "audit.cut_off", problem="the database no longer has the newest audit entries; see `dialer hq audit`"
        )
    else:
        await file.save_last_seen_audit_entry(entries[-1].number, entries[-1].digest)


def _find_audit_breaks_after_stored_entry(
    entries: Sequence[AuditEntry], stored: tuple[int, str] | None
) -> Iterator[Break]:
    """Yield the breaks of the audit's hash chain after `stored`, the entry in the page server's local file.

    The first of `entries` must be the stored entry. If it is missing or differs, this is the only break that is
    reported. Without a stored entry, all entries are checked.
    """
    if stored is None:
        yield from find_breaks_in_audit_hash_chain(entries)
    elif not entries or (entries[0].number, entries[0].digest) != stored:
        yield Break(stored[0], "the entry differs from the one that was noted under this number")
    else:
        yield from find_breaks_in_audit_hash_chain(entries[1:], behind=stored)
