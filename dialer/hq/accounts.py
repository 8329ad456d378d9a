"""Headquarters' people: accounts, and the chained audit of what they did. Passwords stand in the pages' own file, as a desk's."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping

from config.headquarters import HqSettings
from config.words import HqRole
from dialer.audit.chain import GENESIS, AuditEntry, Break, breaks, next_entry
from dialer.domain.clock import Clock
from dialer.domain.errors import CommandRefused, HeadquartersUnreachable, StoreError
from dialer.hq.database import Database, DatabaseError, database
from dialer.hq.rights import Deed, may_see, roles_for
from dialer.store.port import KeptUser

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class HqBooks:
    """The database as the pages use it: one connection, by one at a time, made anew where it is lost."""

    def __init__(self, address: str, clock: Clock) -> None:
        self._address = address
        self.clock = clock
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
        await db.do(
            "add_audit", entry.number, entry.at, entry.kind, entry.who, entry.what, entry.previous, entry.digest
        )

    async def audit(self, newest: int | None = None) -> list[AuditEntry]:
        """Its entries in their order; of the `newest` so many the last first."""
        async with self.used() as db:
            rows = await (db.rows("audit") if newest is None else db.rows("audit_newest", newest))
        return [AuditEntry(*row) for row in rows]

    async def audit_breaks(self) -> list[Break]:
        """Where its chain does not hold."""
        return [*breaks(await self.audit())]


class Accounts:
    """Who may open the pages."""

    def __init__(self, books: HqBooks) -> None:
        self._books = books
        self.zones: dict[str, str] = {}  # of each account: the one that it sees; "" is all
        self.roles: dict[str, str] = {}

    async def read(self) -> list[KeptUser]:
        """All of them, for the directory. Raises StoreError."""
        async with self._books.used() as db:
            rows = await db.rows("accounts")
        self.zones = {row["name"]: row["zone"] for row in rows}
        self.roles = {row["name"]: row["role"] for row in rows}
        return [KeptUser(row["name"], row["role"], row["added_at"], row["changed_at"]) for row in rows]

    def owners(self, zone: str) -> list[str]:
        """The names of who may see to an incident there."""
        roles = roles_for(Deed.INCIDENT)
        return sorted(name for name, role in self.roles.items() if role in roles and may_see(self.zones[name], zone))

    def refuse_stranger(self, name: str) -> None:
        """Raise CommandRefused for a name that has no account."""
        if name not in self.roles:
            raise CommandRefused(f"{name} is no account: see `dialer hq user list`")

    async def set(self, name: str, role: str, zone: str, settings: HqSettings, who: str) -> None:
        """Add one, or give it another role and zone, one of the settings'. Raises CommandRefused, StoreError."""
        if not _NAME.fullmatch(name):
            raise CommandRefused(f"{name!r} is no name: 1 to 32 lower-case letters, digits and hyphens")
        if sum(letter.isdigit() for letter in name) > 6:
            raise CommandRefused(f"{name} has so many digits that it may be a phone number; choose another name")
        zones = sorted({each.zone for each in settings.centres})
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
