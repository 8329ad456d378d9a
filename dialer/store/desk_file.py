"""The database file of the desk (the web pages), next to the store and with the same key: passwords, sessions and
acknowledged alerts.

Sessions are stored as digests, so nobody can sign in with the content of the file. The file also holds agents' records,
coaching notes, passkeys and drafts of campaigns.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, Self

from dialer.domain.errors import StoreError
from dialer.store.async_connection import AsyncConnection
from dialer.store.driver import close_connection_on_error, connect_to_database_file
from dialer.store.file_checks import check_database_header
from dialer.store.keys import StoreKey
from dialer.store.sql import Command, Connection, Query, Statements, get_fields_as_sql_parameters
from dialer.store.sqlite_errors import translate_sqlite_errors
from dialer.store.users import StoredUser

SCHEMA = (
    """
CREATE TABLE password (name TEXT PRIMARY KEY, hash TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE session (digest TEXT PRIMARY KEY, name TEXT NOT NULL, used_at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE acknowledged (
    code TEXT NOT NULL, alert_at REAL NOT NULL, name TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (code, alert_at)
) WITHOUT ROWID;
""",
    """
CREATE TABLE agent_session (
    digest TEXT PRIMARY KEY, agent TEXT NOT NULL, seat TEXT NOT NULL UNIQUE, began_at REAL NOT NULL, used_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE note (
    attempt_id TEXT PRIMARY KEY, note_id TEXT NOT NULL UNIQUE, phone_id INTEGER NOT NULL, text TEXT NOT NULL, at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX note_of_phone ON note (phone_id, at);
CREATE TABLE draft (
    seat TEXT PRIMARY KEY, attempt_id TEXT NOT NULL, phone_id INTEGER NOT NULL, text TEXT NOT NULL
) WITHOUT ROWID;
""",
    """
ALTER TABLE password ADD COLUMN once INTEGER NOT NULL DEFAULT 0;
CREATE TABLE signed_in (name TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
""",
    """
CREATE TABLE passkey (
    credential BLOB PRIMARY KEY, name TEXT NOT NULL, handle BLOB NOT NULL, public_key BLOB NOT NULL, sign_count INTEGER NOT NULL,
    at REAL NOT NULL, used_at REAL
) WITHOUT ROWID;
CREATE INDEX passkey_of ON passkey (name);
""",
    """
CREATE TABLE audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID;
""",
    """
CREATE TABLE known_device (
    digest TEXT NOT NULL, user TEXT NOT NULL, used_at REAL NOT NULL, PRIMARY KEY (digest, user)
) WITHOUT ROWID;
CREATE INDEX known_device_of ON known_device (user, used_at);
""",
    """
CREATE TABLE campaign_draft (
    draft_id TEXT PRIMARY KEY, version INTEGER NOT NULL, edited TEXT, form TEXT NOT NULL, author TEXT NOT NULL,
    saved_at REAL NOT NULL, approved_by TEXT NOT NULL, approved_digest TEXT NOT NULL
) WITHOUT ROWID;
""",
    """
CREATE TABLE coaching_note (
    note_id TEXT PRIMARY KEY, attempt_id TEXT NOT NULL, phone_id INTEGER NOT NULL, campaign_id TEXT NOT NULL, call_at REAL NOT NULL,
    agent TEXT NOT NULL, author TEXT NOT NULL, text TEXT NOT NULL, at REAL NOT NULL, read_at REAL
) WITHOUT ROWID;
CREATE INDEX coaching_note_of_call ON coaching_note (attempt_id);
CREATE INDEX coaching_note_of_phone ON coaching_note (phone_id);
""",
)
"""What each version of the file adds to the one before."""


def get_desk_file_path(store: Path) -> Path:
    """Return the path of the desk's file (the web pages' database): `centre.desk.db` next to the store `centre.db`."""
    return store.with_name(f"{store.stem}.desk.db")


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Who acknowledged an alert, and when. Times are epoch seconds."""

    code: str
    alert_at: float  # of the alert that was seen: a later one with the same code is another alert
    name: str
    at: float


@dataclass(frozen=True, slots=True)
class StoredPassword:
    """The hashed password of a person, as it is stored in the web pages' database."""

    hash: str
    at: float  # epoch seconds: when it was set
    once: bool = False  # for one sign-in, at which it must be changed


@dataclass(frozen=True, slots=True)
class DeskAccount:
    """The sign-in data of a person. Times are epoch seconds; None: the person has no password, or has never signed in."""

    password_at: float | None = None
    once: bool = False
    signed_in_at: float | None = None
    passkeys: int = 0

    def copy_account_without_earlier_sign_ins(self, user: StoredUser) -> DeskAccount:
        """Return a copy of the account without sign-in times from before `user` was added.

        Such times belong to an earlier user of the same name.
        """
        password_at, signed_in_at = (
            each if each is not None and each >= user.added_at else None
            for each in (self.password_at, self.signed_in_at)
        )
        return DeskAccount(password_at, self.once, signed_in_at, self.passkeys)

    @property
    def sign_in_password_kind(self) -> Literal["none", "once", "own"]:
        """The kind of the person's password: "none", "once" (for a single sign-in) or "own" (chosen by the person)."""
        return "none" if self.password_at is None else "once" if self.once else "own"


class PasswordRow(NamedTuple):
    """The database row with a person's hashed password."""

    hash: str
    at: float
    once: int


class AccountRow(NamedTuple):
    """The database row with the sign-in data of a person."""

    name: str
    password_at: float | None
    once: int | None
    signed_in_at: float | None
    passkeys: int


class SessionRow(NamedTuple):
    """The database row with a person's sign-in session."""

    name: str
    used_at: float  # epoch seconds


class AuditHead(NamedTuple):
    """The newest entry of headquarters' audit that this web server (desk) has seen."""

    number: int
    digest: str


class SQL(Statements):
    password_of = Query(PasswordRow)
    set_password = Command()
    delete_password = Command()
    end_sessions_of = Command()
    set_signed_in = Command()
    delete_signed_in = Command()
    delete_passkeys = Command()
    delete_known_devices = Command()
    accounts = Query(AccountRow)
    insert_session = Command()
    session = Query(SessionRow)
    use_session = Command()
    end_session = Command()
    end_idle_sessions = Command()
    acknowledge = Command()
    acknowledged = Query(Acknowledgement)
    audit_head = Query(AuditHead)
    set_audit_head = Command()


class DeskFile:
    """The opened desk's file (the web pages' database). A write is on disk when its method returns. Methods raise
    StoreError.
    """

    def __init__(self, db: AsyncConnection) -> None:
        """Wrap a connection to the file. Callers use `DeskFile.open`, which connects to it."""
        self.db = db

    @classmethod
    async def open(cls, path: Path, key: StoreKey | None) -> Self:
        """Open the desk's file (the web pages' database), or create it. Raises StoreError, StoreCorrupt."""
        return cls(await AsyncConnection.connect_to_database_file(path, partial(open_desk_file, path, key)))

    async def read_password(self, name: str) -> StoredPassword | None:
        """Return a person's stored password, or None if there is none."""
        row = await self.db.fetch_first_row(SQL.password_of, name=name)
        return None if row is None else StoredPassword(row.hash, row.at, bool(row.once))

    async def set_password(self, name: str, password: StoredPassword | None) -> None:
        """Set a person's password, or remove it (None). This ends the person's sign-in sessions.

        The person's passkeys are deleted if the password is removed or is valid for one sign-in only.
        """
        async with self.db.open_transaction() as db:
            if password is None:
                await db.run_statement(SQL.delete_password, name=name)
                await db.run_statement(SQL.delete_signed_in, name=name)
                await db.run_statement(SQL.delete_known_devices, name=name)
            else:
                await db.run_statement(SQL.set_password, name=name, **get_fields_as_sql_parameters(password))
            if password is None or password.once:
                await db.run_statement(SQL.delete_passkeys, name=name)
            await db.run_statement(SQL.end_sessions_of, name=name)

    async def read_accounts(self) -> dict[str, DeskAccount]:
        """Return the sign-in data of all people, by name."""
        rows = await self.db.fetch_all_rows(SQL.accounts)
        return {row.name: DeskAccount(row.password_at, bool(row.once), row.signed_in_at, row.passkeys) for row in rows}

    async def begin_sign_in_session(self, digest: str, name: str, at: float, *, forget_before: float) -> None:
        """Store the session of a person who signed in, and delete all sessions that were last used before
        `forget_before`.

        Times are epoch seconds.
        """
        async with self.db.open_transaction() as db:
            await db.run_statement(SQL.end_idle_sessions, before=forget_before)
            await db.run_statement(SQL.insert_session, digest=digest, name=name, at=at)
            await db.run_statement(SQL.set_signed_in, name=name, at=at)

    async def end_sessions_of_person(self, name: str) -> None:
        """Delete all sign-in sessions of a person."""
        await self.db.run_statement(SQL.end_sessions_of, name=name)

    async def read_sign_in_session(self, digest: str) -> SessionRow | None:
        """Return the sign-in session whose token has this digest, or None if there is none."""
        return await self.db.fetch_first_row(SQL.session, digest=digest)

    async def record_sign_in_session_use(self, digest: str, at: float) -> None:
        """Store the time when a sign-in session was last used."""
        await self.db.run_statement(SQL.use_session, digest=digest, at=at)

    async def end_sign_in_session(self, digest: str) -> None:
        """Delete the sign-in session whose token has this digest."""
        await self.db.run_statement(SQL.end_session, digest=digest)

    async def acknowledge_alert(self, seen: Acknowledgement) -> None:
        """Store who acknowledged an alert and when, unless the same alert has been acknowledged before."""
        await self.db.run_statement(SQL.acknowledge, **get_fields_as_sql_parameters(seen))

    async def read_acknowledgements(self) -> list[Acknowledgement]:
        """Return the last acknowledgement for each alert code: who acknowledged the alert, and when."""
        return await self.db.fetch_all_rows(SQL.acknowledged)

    async def read_last_seen_audit_entry(self) -> AuditHead | None:
        """Return the newest entry of headquarters' audit that this web server (desk) has seen, or None if it has seen
        none.
        """
        return await self.db.fetch_first_row(SQL.audit_head)

    async def save_last_seen_audit_entry(self, number: int, digest: str) -> None:
        """Store the newest entry of headquarters' audit that this web server (desk) has seen. It replaces the stored
        one.
        """
        await self.db.run_statement(SQL.set_audit_head, number=number, digest=digest)

    async def close(self) -> None:
        """Close the connection to the desk's file (the web pages' database)."""
        await self.db.close()


def open_desk_file(path: Path, key: StoreKey | None) -> Connection:
    """Open a connection to the desk's file (the web pages' database). Create the file if it is missing.

    Blocks. Raises StoreError, StoreCorrupt.
    """
    check_database_header(path, key)
    with translate_sqlite_errors(path):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        with close_connection_on_error(connect_to_database_file(path, "rw", key)) as db:
            _migrate_desk_file(db, path)
    return db


def _migrate_desk_file(db: Connection, path: Path) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(SCHEMA):
        raise StoreError(f"{path}: a newer version of Matdan wrote this file. Start that version.")
    # `dialer user password` writes while `dialer desk serve` is running, and two writers have damaged files in WAL mode
    # (https://www.sqlite.org/wal.html#walresetbug).
    db.execute("PRAGMA journal_mode = DELETE")
    db.execute("PRAGMA synchronous = EXTRA")  # a deleted journal must not come back after a power loss
    if version < len(SCHEMA):
        steps = "".join(SCHEMA[version:])
        db.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {len(SCHEMA)}; COMMIT;")
