"""Dialling stops while there is still room for what the calls in progress will bring."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from dialer.errors import StoreFull
from dialer.store.connection import PAGE_BYTES

# Three hundred live calls need less than 2 MiB; the rest is for the WAL and for others on the disk.
RESERVE_BYTES = 64 << 20
ATTEMPTS_BETWEEN_LOOKS = 50  # a look costs as much as half an attempt, and fifty attempts take at most 2 MiB


class RoomGuard:
    """Looks at the free space before attempts are opened. Use it in the writer's thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._since_look = ATTEMPTS_BETWEEN_LOOKS

    def before_opening(self, db: sqlite3.Connection, attempts: int) -> None:
        """Raise StoreFull where less than the reserve is left, on the disk or up to the file's own limit."""
        self._since_look += attempts
        if self._since_look < ATTEMPTS_BETWEEN_LOOKS:
            return
        (limit,) = db.execute("PRAGMA max_page_count").fetchone()
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        if min((limit - pages) * PAGE_BYTES, shutil.disk_usage(self._path).free) < RESERVE_BYTES:
            raise StoreFull(
                f"{self._path}: less than {RESERVE_BYTES >> 20} MiB are free: no new calls, so that the results of the live"
                " ones are kept; free disk space"
            )
        self._since_look = 0
