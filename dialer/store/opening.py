"""How a store's file is taken: checked, locked, and connected to twice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dialer.store.cipher import StoreKey
from dialer.store.connection import check_header, close_writing, open_reading, open_writing
from dialer.store.lock import StoreLock
from dialer.store.sql import Connection

DIALLER = "a dialler"
"""What others are told of who holds a store to run calls by it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is ours until `lock` is released, with its two connections: `db` writes, `reader` reads."""

    path: Path
    lock: StoreLock
    db: Connection
    reader: Connection


def open_file(path: Path, create: bool, busy_seconds: float, key: StoreKey | None, holder: str = DIALLER) -> Opened:
    """Lock the file, bring it to this program's schema, and connect. Blocks: run it in the thread that is to write.

    `busy_seconds` is how long a write waits for another program; `holder` is what others are told of us. Where it fails nothing is
    left open or locked. Raises StoreBusy, StoreCorrupt, StoreError as `dialer.store.sqlite.open_store` says.
    """
    check_header(path, key)
    lock = StoreLock(path, holder)
    try:
        db = open_writing(path, create=create, busy_seconds=busy_seconds, key=key)
        try:
            lock.cover()
            return Opened(path, lock, db, open_reading(path, busy_seconds=busy_seconds, key=key, checked=True))
        except BaseException:
            close_writing(db)
            raise
    except BaseException:
        lock.release()
        raise
