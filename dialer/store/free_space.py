"""The check for free disk space before a number is dialled. The results of calls in progress must still fit on the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from dialer.domain.errors import StoreFull
from dialer.store.connection import PAGE_BYTES
from dialer.store.sql import Connection

RESERVE_BYTES = 64 << 20
"""Three hundred live calls need less than 2 MiB; the rest is for the WAL and for other programs on the disk."""
ATTEMPTS_BETWEEN_CHECKS = 50
"""Attempts between two checks. A check costs half as much as an attempt, and fifty attempts use at most 2 MiB."""


class FreeSpaceCheck:
    """A check of the free disk space before calls are placed. Use it in the writer's thread only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._since_check = ATTEMPTS_BETWEEN_CHECKS

    def check_free_space(self, db: Connection, attempts: int) -> None:
        """Raise StoreFull if there is not enough free space to store the results of the calls in progress.

        The free space is what the disk has, or what the database file may still grow, whichever is less.
        """
        self._since_check += attempts
        if self._since_check < ATTEMPTS_BETWEEN_CHECKS:
            return
        (limit,) = db.execute("PRAGMA max_page_count").fetchone()
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        if min((limit - pages) * PAGE_BYTES, shutil.disk_usage(self._path).free) < RESERVE_BYTES:
            raise StoreFull(
                f"{self._path}: less than {RESERVE_BYTES >> 20} MiB are free, so no new calls are placed. Free disk"
                " space: the results of calls in progress need it."
            )
        self._since_check = 0
