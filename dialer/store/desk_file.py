"""The desk's own file beside the store, under the same key: passwords, sessions, who has seen which alert, and what
agents write.

Sessions are kept by a digest: whoever reads the file cannot sign in with what stands there.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from dialer.domain.errors import KeyTaken, StoreError
from dialer.store.connection import Connection
from dialer.store.driver import closed_on_error, connect
from dialer.store.file_checks import check_header, file_exists
from dialer.store.keys import StoreKey
from dialer.store.sql import parameters_of, transaction
from dialer.store.sqlite_errors import store_errors
from dialer.store.untyped_sql import load_statements
from dialer.store.users import StoredUser

SQL = load_statements("desk_file")

_STEPS = (
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
)
"""What each version of the file added to the one before."""

T = TypeVar("T")


def desk_path(store: Path) -> Path:
    """Where the desk of a store keeps its own: `centre.desk.db` beside `centre.db`."""
    return store.with_name(f"{store.stem}.desk.db")


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has seen an alert."""

    code: str
    alert_at: float  # of the alert that was seen: a later one of the code is another
    name: str
    at: float


@dataclass(frozen=True, slots=True)
class KeptPassword:
    """Somebody's password."""

    hash: str
    at: float  # epoch seconds: since when
    once: bool = False  # it is for one sign-in, at which it must be changed


@dataclass(frozen=True, slots=True)
class DeskAccount:
    """What is kept of somebody who may sign in; times in epoch seconds, None: never."""

    password_at: float | None = None
    once: bool = False
    signed_in_at: float | None = None
    passkeys: int = 0

    def of_user(self, user: StoredUser) -> DeskAccount:
        """What of it is this user's, and not an earlier one's of the name."""
        at, seen = (
            each if each is not None and each >= user.added_at else None
            for each in (self.password_at, self.signed_in_at)
        )
        return DeskAccount(at, self.once, seen, self.passkeys)

    @property
    def password(self) -> Literal["none", "once", "own"]:
        """Whether there is a password."""
        return "none" if self.password_at is None else "once" if self.once else "own"


class DeskFile:
    """The file, open. Every write is on disk when its method returns; one thread does them one after another."""

    def __init__(self, path: Path, key: StoreKey | None) -> None:
        """Open it, or make it. Blocks. Raises StoreError, StoreCorrupt."""
        self._path = path
        self._db = open_desk_file(path, key)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="desk-file")

    async def password_of(self, name: str) -> KeptPassword | None:
        """Somebody's password; None: there is none."""
        row = await self.run(lambda db: SQL["password_of"].row(db, name=name))
        return None if row is None else KeptPassword(row.hash, row.at, bool(row.once))

    async def set_password(self, name: str, kept: KeptPassword | None) -> None:
        """Keep a new one, or none, and end its sessions. With one for one time, as with none, no passkey is left."""

        def write(db: Connection) -> None:
            if kept is None:
                SQL["remove_password"](db, name=name)
                SQL["forget_signed_in"](db, name=name)
            else:
                SQL["set_password"](db, name=name, **parameters_of(kept))
            if kept is None or kept.once:
                SQL["forget_passkeys"](db, name=name)
            SQL["end_sessions_of"](db, name=name)

        await self.transact(write)

    async def accounts(self) -> dict[str, DeskAccount]:
        """What is kept of everybody, by name."""
        rows = await self.run(lambda db: [*SQL["accounts"].rows(db)])
        return {row.name: DeskAccount(row.password_at, bool(row.once), row.signed_in_at, row.passkeys) for row in rows}

    async def begin_session(self, digest: str, name: str, at: float, *, forget_before: float) -> None:
        """Keep a session; those that nobody has used since `forget_before` go."""

        def write(db: Connection) -> None:
            SQL["end_idle_sessions"](db, before=forget_before)
            SQL["begin_session"](db, digest=digest, name=name, at=at)
            SQL["signed_in"](db, name=name, at=at)

        await self.transact(write)

    async def end_sessions_of(self, name: str) -> None:
        """Nobody is signed in by that name any more."""
        await self.run(lambda db: SQL["end_sessions_of"](db, name=name))

    async def session(self, digest: str) -> tuple[str, float] | None:
        """Whose session that is, and when it was last used."""
        row = await self.run(lambda db: SQL["session"].row(db, digest=digest))
        return None if row is None else (str(row.name), float(row.used_at))

    async def use_session(self, digest: str, at: float) -> None:
        """It was used."""
        await self.run(lambda db: SQL["use_session"](db, digest=digest, at=at))

    async def end_session(self, digest: str) -> None:
        """Nobody is signed in by it any more."""
        await self.run(lambda db: SQL["end_session"](db, digest=digest))

    async def acknowledge(self, seen: Acknowledgement) -> None:
        """Keep that somebody has seen an alert; the first one counts."""
        await self.run(lambda db: SQL["acknowledge"](db, **parameters_of(seen)))

    async def acknowledged(self) -> list[Acknowledgement]:
        """The last acknowledgement of each code."""
        return await self.run(lambda db: SQL["acknowledged"].all(db, Acknowledgement))

    async def audit_head(self) -> tuple[int, str] | None:
        """Number and digest of the newest entry of headquarters' audit that was seen; None: none was."""
        row = await self.run(SQL["audit_head"].row)
        return None if row is None else (int(row.number), str(row.digest))

    async def keep_audit_head(self, number: int, digest: str) -> None:
        """Keep another one in its place."""
        await self.run(lambda db: SQL["keep_audit_head"](db, number=number, digest=digest))

    async def close(self) -> None:
        """Let the file go."""
        await self.run(lambda db: db.close())
        self._thread.shutdown(wait=False)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Work on the file, in its thread. Raises StoreError."""

        def explain() -> T:
            with store_errors(self._path):
                return work(self._db)

        return await asyncio.get_running_loop().run_in_executor(self._thread, explain)

    async def transact(self, work: Callable[[Connection], object]) -> None:
        """The same in a transaction: all of it is kept, or nothing."""

        def whole(db: Connection) -> None:
            with transaction(db):
                work(db)

        await self.run(whole)


def open_desk_file(path: Path, key: StoreKey | None) -> Connection:
    """A connection to it, made where it is not there. Raises StoreError, StoreCorrupt."""
    check_header(path, key)
    with store_errors(path):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        with closed_on_error(connect(path, "rw", key)) as db:
            _make_tables(db, path)
    return db


def _make_tables(db: Connection, path: Path) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(_STEPS):
        raise StoreError(f"{path}: a newer version has written it: start that one")
    # `dialer user password` writes beside `dialer desk serve`, and two writers have damaged files in WAL
    # (https://www.sqlite.org/wal.html#walresetbug).
    db.execute("PRAGMA journal_mode = DELETE")
    db.execute("PRAGMA synchronous = EXTRA")  # a journal that was deleted must not come back with the power
    if version < len(_STEPS):
        steps = "".join(_STEPS[version:])
        db.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {len(_STEPS)}; COMMIT;")


# Agents: who sits where, what they wrote down, and what they were about to write.


AGENTS = load_statements("agent_records")


@dataclass(frozen=True, slots=True)
class Note:
    """What an agent wrote down of a call; the last one of a call counts."""

    note_id: str
    attempt_id: str
    phone_id: int
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Draft:
    """What an agent had typed for a call."""

    seat: str
    attempt_id: str
    phone_id: int
    text: str  # JSON of the page's own


@dataclass(frozen=True, slots=True)
class AgentSession:
    """An agent who has signed in on the page."""

    digest: str  # of its token
    agent: str
    seat: str
    began_at: float
    used_at: float


class AgentRecords:
    """Those tables of the desk's file."""

    def __init__(self, file: DeskFile) -> None:
        """`file` is open."""
        self._file = file

    async def begin_session(self, session: AgentSession, *, forget_before: float) -> None:
        """Keep a session in place of any other of that seat or agent; those that nobody has used since `forget_before` go."""

        def write(db: Connection) -> None:
            AGENTS["end_sessions"](db, seat=session.seat, agent=session.agent, before=forget_before)
            AGENTS["begin_session"](db, **parameters_of(session))

        await self._file.transact(write)

    async def session(self, digest: str) -> AgentSession | None:
        """The session of a token's digest; None: there is none."""
        return await self._file.run(lambda db: AGENTS["session"].one(db, AgentSession, digest=digest))

    async def use_session(self, digest: str, at: float) -> None:
        """It was used."""
        await self._file.run(lambda db: AGENTS["use_session"](db, digest=digest, at=at))

    async def end_session(self, digest: str) -> None:
        """Nobody is signed in by it any more."""
        await self._file.run(lambda db: AGENTS["end_session"](db, digest=digest))

    async def keep_note(self, note: Note) -> None:
        """Keep a note in place of an earlier one of that call. Raises KeyTaken where its id is that of another call's."""

        def write(db: Connection) -> None:
            if AGENTS["note_of_another"].value(db, str, note_id=note.note_id, attempt_id=note.attempt_id) is not None:
                raise KeyTaken(f"the note {note.note_id} is of another call")
            AGENTS["keep_note"](db, **parameters_of(note))

        await self._file.run(write)

    async def last_note(self, phone_id: int) -> Note | None:
        """The last note of a number; None: there is none."""
        return await self._file.run(lambda db: AGENTS["last_note"].one(db, Note, phone_id=phone_id))

    async def drafts(self) -> list[Draft]:
        """The drafts of all seats."""
        return await self._file.run(lambda db: AGENTS["drafts"].all(db, Draft))

    async def keep_drafts(self, drafts: Collection[Draft]) -> None:
        """Keep drafts, one of a seat."""

        await self._file.transact(lambda db: db.executemany(AGENTS["keep_draft"], map(parameters_of, drafts)))


def forget_written(store: Path, key: StoreKey | None, phone_id: int | None) -> int:
    """Erase what agents wrote of a number, or of all (None), and overwrite it in the file; how many notes that were.

    Raises StoreError.
    """
    path = desk_path(store)
    if not file_exists(path):
        return 0
    with store_errors(path), closing(open_desk_file(path, key)) as db:
        db.execute("PRAGMA secure_delete = ON")
        with transaction(db):
            erased: int = AGENTS["forget_notes"](db, phone_id=phone_id).rowcount
            AGENTS["forget_drafts"](db, phone_id=phone_id)
        return erased


# Passkeys: public keys, and how often each has signed. Nothing here lets anybody in.


PASSKEYS = load_statements("passkey_records")


@dataclass(frozen=True, slots=True)
class Passkey:
    """A key that somebody's device or security key keeps."""

    credential: bytes  # its id
    name: str  # whose
    handle: bytes  # random: by what the device knows that one
    public_key: bytes  # COSE
    sign_count: int
    at: float  # epoch seconds: of the registration
    used_at: float | None = None


class PasskeyRecords:
    """Those of everybody."""

    def __init__(self, file: DeskFile) -> None:
        self._file = file

    async def of_name(self, name: str) -> list[Passkey]:
        """Somebody's, the oldest first."""
        return await self._file.run(lambda db: PASSKEYS["of_name"].all(db, Passkey, name=name))

    async def find(self, credential: bytes) -> Passkey | None:
        """By its id; None: there is none."""
        return await self._file.run(lambda db: PASSKEYS["find"].one(db, Passkey, credential=credential))

    async def add(self, passkey: Passkey) -> bool:
        """Keep one; False: its id is taken."""
        return await self._file.run(lambda db: PASSKEYS["add"](db, **parameters_of(passkey)).rowcount == 1)

    async def use(self, passkey: Passkey, sign_count: int, at: float) -> bool:
        """It has signed once more; False: it has meanwhile, or is gone."""
        bound = {"credential": passkey.credential, "before": passkey.sign_count, "sign_count": sign_count, "at": at}
        return await self._file.run(lambda db: PASSKEYS["use"](db, **bound).rowcount == 1)

    async def remove(self, name: str, credential: bytes) -> None:
        """Somebody's own is one no more."""
        await self._file.run(lambda db: PASSKEYS["remove"](db, name=name, credential=credential))
