"""Copies of a database that other programs may be writing to, and the copy of a store before its schema is upgraded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from dialer.domain.errors import StoreError, StoreFull
from dialer.store.driver import connect_to_database_file
from dialer.store.keys import StoreKey
from dialer.store.sql import Connection

STORE = "centre.db"
"""The name of the store in the folder of a backup. The desk's file is next to it."""


def copy_database(source: Connection, path: Path, key: StoreKey | None) -> None:
    """Copy a database into a new file, as the database is at one moment (SQLite's online backup).

    The copy is encrypted with the same key as the source.
    """
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(connect_to_database_file(path, "rw", key)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")  # one file, without a WAL next to it


def list_store_copies_made_before_upgrades(path: Path) -> list[Path]:
    """Return the folders with copies of the store at `path` that were made before schema upgrades."""
    return sorted(path.parent.glob(f"{path.name}.schema-*"))


def copy_store_before_upgrade(db: Connection, path: Path, version: int, key: StoreKey | None) -> None:
    """Copy a store into a folder next to it (`centre.db.schema-26`), so that a person can return to the older program
    version.

    An earlier copy of the same schema version is replaced. Raises StoreFull if the disk has no room for the copy.
    """
    folder = path.with_name(f"{path.name}.schema-{version}")
    needed = path.stat().st_size
    if shutil.disk_usage(path.parent).free < needed:
        raise StoreFull(
            f"{path}: the disk has no room for a copy of the store before its schema changes ({needed >> 20} MB). Nothing was"
            " changed: free some space"
        )
    with create_folder_atomically(folder) as half:
        copy_database(db, half / STORE, key)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def create_folder_atomically(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder. Rename it to `folder` when the `with` block succeeds, or delete it if the block fails.

    Raises StoreError.
    """
    half = folder.with_name(f".{folder.name}.half-done")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(mode=0o700)
    except OSError as error:
        raise StoreError(f"{folder}: this folder cannot be created ({error.strerror}); name another folder") from error
    try:
        yield half
        half.rename(folder)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise
