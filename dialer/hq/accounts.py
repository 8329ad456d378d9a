"""Headquarters' people: accounts, and the chained audit of what they did. Passwords stand in the pages' own file, as a desk's."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import astuple

import structlog

from dialer.domain.audit_chain import GENESIS, AuditEntry, Break, breaks, next_entry
from dialer.domain.clock import Clock
from dialer.domain.enums import HqRole
from dialer.domain.errors import CommandRefused, HeadquartersUnreachable, StoreError
from dialer.hq.database import Database, DatabaseError, database
from dialer.hq.rights import Deed, covers, may_see, roles_for
from dialer.settings.headquarters import HqSettings
from dialer.store.desk_file import DeskFile
from dialer.store.users import StoredUser
from dialer.web.people import tolerated

_log = structlog.get_logger(__name__)

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class HqBooks:
    """The database as the pages use it: one connection, by one at a time, made anew where it is lost.

    Of the audit the newest entry is kept in the pages' own file too, once it is committed: who may write to the database alone can
    put no other entries in place of those that were there, nor cut them off.
    """

    def __init__(self, address: str, clock: Clock, file: DeskFile | None = None) -> None:
        self._address = address
        self.clock = clock
        self._file = file
        self._noted = False
        self._turn = asyncio.Lock()
        self._open = contextlib.AsyncExitStack()
        self._db: Database | None = None

    @contextlib.asynccontextmanager
    async def used(self) -> AsyncIterator[Database]:
        """The database, in a transaction. Raises StoreError where it is away."""
        async with self._turn:
            try:
                if self._db is None:
                    self._db = await self._open.enter_async_context(database(self._address))
                    await self._db.prepare()
                async with self._db.transaction():
                    yield self._db
                if self._noted and self._file is not None:
                    await tolerated(_keep_head(self._db, self._file), "audit.head-not-kept")
                self._noted = False
            except (*DatabaseError, HeadquartersUnreachable) as error:
                await self.close()
                raise StoreError(f"headquarters' database does not answer: {error}") from error

    async def close(self) -> None:
        """Let the connection go."""
        self._db = None
        await self._open.aclose()

    async def note(self, db: Database, kind: str, who: str, what: Mapping[str, str]) -> None:
        """Write down what somebody does, in the transaction that does it."""
        await db.do("lock_audit")
        ends = await db.rows("audit_end")
        number, digest = (ends[0]["number"], ends[0]["digest"]) if ends else (0, GENESIS)
        entry = next_entry(number, digest, at=self.clock.now(), kind=kind, who=who, what=what)
        await db.do("add_audit", *astuple(entry))
        self._noted = True

    async def audit(self, newest: int | None = None) -> list[AuditEntry]:
        """Its entries in their order; of the `newest` so many the last first."""
        async with self.used() as db:
            if newest is None:
                return await _entries(db, 0)
            return [AuditEntry(*row) for row in await db.rows("audit_newest", newest)]

    async def audit_breaks(self) -> list[Break]:
        """Where its chain does not hold, against what was kept of it."""
        head = None if self._file is None else await self._file.audit_head()
        return [*breaks(await self.audit(), head)]

    async def accept_audit_end(self, who: str) -> None:
        """What is there now counts as the whole, which an entry says: the database was restored from a copy."""
        if self._file is None:
            return
        kept, entries = await self._file.audit_head(), await self.audit()
        await self._file.set_audit_head(*((entries[-1].number, entries[-1].digest) if entries else (0, GENESIS)))
        async with self.used() as db:
            await self.note(db, "audit-end-accepted", who, {"kept": "none" if kept is None else f"entry {kept[0]}"})


async def _keep_head(db: Database, file: DeskFile) -> None:
    """Keep the audit's end, where it follows what was kept before. What was noted stands all the same. Raises StoreError."""
    kept = await file.audit_head()
    entries = await _entries(db, 0 if kept is None else kept[0])
    if [*_breaks_behind(entries, kept)]:
        _log.error("audit.cut-off", problem="the newest entries that were kept are not in the database any more")
    else:
        await file.set_audit_head(entries[-1].number, entries[-1].digest)


async def _entries(db: Database, first: int) -> list[AuditEntry]:
    return [AuditEntry(*row) for row in await db.rows("audit", first)]


def _breaks_behind(entries: Sequence[AuditEntry], kept: tuple[int, str] | None) -> Iterator[Break]:
    """Of entries from the kept one on."""
    if kept is None:
        yield from breaks(entries)
    elif not entries or (entries[0].number, entries[0].digest) != kept:
        yield Break(kept[0], "it is not there as it was noted")
    else:
        yield from breaks(entries[1:], behind=kept)


class Accounts:
    """Who may open the pages."""

    def __init__(self, books: HqBooks, settings: HqSettings) -> None:
        self._books = books
        self.centres = {each.id: each.zone for each in settings.centres}
        """The zone of each centre."""
        self.zones: dict[str, str] = {}  # of each account: the one that it sees; "" is all
        self.roles: dict[str, str] = {}

    async def read(self) -> list[StoredUser]:
        """All of them, for the directory. Raises StoreError."""
        async with self._books.used() as db:
            rows = await db.rows("accounts")
        self.zones = {row["name"]: row["zone"] for row in rows}
        self.roles = {row["name"]: row["role"] for row in rows}
        return [StoredUser(row["name"], row["role"], row["added_at"], row["changed_at"]) for row in rows]

    def sees(self, name: str, zone: str) -> bool:
        """Whether that one has an account, and it sees what is of the zone."""
        return name in self.zones and may_see(self.zones[name], zone)

    def covers(self, name: str, to: str) -> bool:
        """Whether that one has an account, and "all", "zone:NAME" or "centre:ID" lies within its zone."""
        return name in self.zones and covers(self.zones[name], to, self.centres)

    def owners(self, zone: str) -> list[str]:
        """The names of who may see to an incident there."""
        roles = roles_for(Deed.INCIDENT)
        return sorted(name for name, role in self.roles.items() if role in roles and self.sees(name, zone))

    def refuse_stranger(self, name: str) -> None:
        """Raise CommandRefused for a name that has no account."""
        if name not in self.roles:
            raise CommandRefused(f"{name} is no account: see `dialer hq user list`")

    async def set(self, name: str, role: str, zone: str, who: str) -> None:
        """Add one, or give it another role and zone, one of the settings'. Raises CommandRefused, StoreError."""
        if not _NAME.fullmatch(name):
            raise CommandRefused(f"{name!r} is no name: 1 to 32 lower-case letters, digits and hyphens")
        if sum(letter.isdigit() for letter in name) > 6:
            raise CommandRefused(f"{name} has so many digits that it may be a phone number; choose another name")
        zones = sorted({*self.centres.values()})
        if zone and zone not in zones:
            raise CommandRefused(f"{zone} is no zone: there are {', '.join(zones) or 'none'}")
        if role not in frozenset(HqRole):
            raise CommandRefused(f"{role} is no role: one of {', '.join(HqRole)}")
        if role == HqRole.ZONE and not zone:
            raise CommandRefused("the in-charge of a zone needs --zone")
        async with self._books.used() as db:
            await db.do("set_account", name, role, zone, self._books.clock.now())
            await self._books.note(db, "account-set", who, {"account": name, "role": role, "zone": zone})

    async def remove(self, name: str, who: str) -> None:
        """Take one away. Raises CommandRefused, StoreError."""
        async with self._books.used() as db:
            self.refuse_stranger(name)
            await db.do("remove_account", name)
            await self._books.note(db, "account-removed", who, {"account": name})
