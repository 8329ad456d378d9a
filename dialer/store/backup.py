"""Backups of a store and the desk's file (the web pages' database), and their restoration.

A backup can be made while a dialler is running. A backup shows the store at one moment (SQLite's online backup), and is
encrypted if the store is. Before a backup gets its final name, it is opened and read completely. A restored store lacks
everything recorded after the backup, so nothing is dialled until somebody resumes a campaign.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dialer.domain.errors import StoreCorrupt, StoreError
from dialer.domain.model import AttemptId
from dialer.store import audit, identity
from dialer.store.attempts import find_newest_attempt_time, find_stored_attempts
from dialer.store.campaigns import stop_campaigns
from dialer.store.connection import open_locked_store, open_store_for_reading
from dialer.store.copying import STORE, copy_database, create_folder_atomically
from dialer.store.desk_file import get_desk_file_path
from dialer.store.driver import open_connection
from dialer.store.file_checks import check_database_header, file_exists
from dialer.store.keys import StoreKey
from dialer.store.lock import StoreLock
from dialer.store.seal_keys import get_seal_key_path
from dialer.store.sql import open_transaction
from dialer.store.sqlite_errors import translate_sqlite_errors


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup of a store and of the desk's file (the web pages' database), in a folder of its own."""

    store: Path
    desk: Path | None  # None: nobody has ever signed in to the desk
    newest: float | None  # newest time of a call in the backup (epoch seconds); None: it has no calls


def make_backup(path: Path, key: StoreKey | None, folder: Path) -> Backup:
    """Copy the store at `path` and the desk's file (the web pages' database) into a new `folder`. A dialler may be
    running.

    After an error no folder is left. Raises StoreError if there is no store or the folder exists already, StoreFull,
    and the errors of reading a store.
    """
    with create_folder_atomically(folder) as new_folder:
        if not file_exists(path):
            raise StoreError(f"{path}: there is no store here; name the store's file with --store")
        check_database_header(path, key)
        for file, copy in (
            (path, new_folder / STORE),
            (get_desk_file_path(path), get_desk_file_path(new_folder / STORE)),
        ):
            if file_exists(file):
                with open_connection(file, "ro", key) as source:
                    copy_database(source, copy, key)
        with open_connection(new_folder / STORE, "rw", key) as db:
            identity.delete_copy_detection_token(db)
        verify_backup(new_folder, key)
        if folder.exists():
            raise StoreError(f"{folder}: this folder exists already; name a new folder for each backup")
    return verify_backup(folder, key, whole=False)


def delete_older_backups(made: Path, centre: str, keep: int) -> list[Path]:
    """Delete all but the newest `keep` backups in the folder of the new backup `made`, and return the deleted ones.

    The time in a backup's name decides which backups are the newest. The backup `made` is never deleted, even if a
    wrong clock has given an older backup a later name. Only folders that are named like a backup and contain no other
    files are deleted. Raises StoreError if a backup cannot be deleted.
    """
    named = re.compile(re.escape(centre) + r"-[0-9]{8}-[0-9]{6}")
    ours = {STORE, get_desk_file_path(Path(STORE)).name}
    try:
        found = [each for each in sorted(made.parent.iterdir()) if named.fullmatch(each.name) and not each.is_symlink()]
        backups = [each for each in found if {file.name for file in each.iterdir()} <= ours]
        outdated = [each for each in backups[:-keep] if each != made]
        for old in outdated:
            shutil.rmtree(old)
    except OSError as error:
        raise StoreError(
            f"{error.filename}: this older backup cannot be removed ({error.strerror}). Remove the backup by hand."
        ) from error
    return outdated


def verify_backup(folder: Path, key: StoreKey | None, *, whole: bool = True) -> Backup:
    """Check that a backup is complete and not damaged, and return it. With `whole` false, only check that its files can
    be opened.

    Raises StoreError if the folder has no backup or the key is wrong, and StoreCorrupt if the backup is damaged.
    """
    store, desk = folder / STORE, get_desk_file_path(folder / STORE)
    if not file_exists(store):
        raise StoreError(
            f"{folder}: this folder is not a backup, because it has no {STORE}; name a folder that `dialer backup` made"
        )
    for path in (store, desk) if file_exists(desk) else (store,):
        check_database_header(path, key)
        with open_connection(path, "ro", key) as db:
            finding = db.execute("PRAGMA integrity_check(1)").fetchone()[0] if whole else "ok"
            if finding != "ok":
                raise StoreCorrupt(
                    f"{path}: this copy of the store is damaged ({' '.join(finding.split())}); use an older backup"
                )
    with open_connection(store, "ro", key) as db:
        newest = find_newest_attempt_time(db)
    return Backup(store, desk if file_exists(desk) else None, newest)


def restore_backup(folder: Path, path: Path, key: StoreKey | None, *, who: str, at: float) -> list[str]:
    """Restore a backup to `path`, upgrade its schema, and stop all campaigns until a supervisor resumes them.

    Return the ids of the stopped campaigns. `who` and `at` (epoch seconds) go into the audit. Raises StoreError if
    there is a store at `path` already or the backup cannot be used. After an error no files are left at `path`.
    """
    backup = verify_backup(folder, key)
    newest = "none" if backup.newest is None else f"{datetime.fromtimestamp(backup.newest, UTC):%Y-%m-%dT%H:%MZ}"
    files = {path: backup.store} | ({} if backup.desk is None else {get_desk_file_path(path): backup.desk})
    # Locked before anything is checked, so that only this restore's files are removed after an error.
    with StoreLock(path, "a restore") as lock, _remove_files_on_error(files):
        for place, source in files.items():
            _copy_database_to_new_file(source, place)
        with open_locked_store(path, lock, key=key, copied=True) as db, open_transaction(db):
            stopped = stop_campaigns(db, at)
            audit.append_entry(db, "store-restored", who, {"newest_call": newest}, at)
    return stopped


def count_attempts_missing_in_store(path: Path, key: StoreKey | None, sent: list[AttemptId]) -> int:
    """Return how many of the call attempts `sent` are missing in the store.

    `sent` has the last calls that this machine dialled, so a store without them was restored from an older backup.
    """
    with translate_sqlite_errors(path), closing(open_store_for_reading(path, key=key)) as db:
        return len(sent) - len(find_stored_attempts(db, sent)) if sent else 0


@contextmanager
def _remove_files_on_error(files: Collection[Path]) -> Iterator[None]:
    """Remove the files that the `with` block created if the block fails. Raises StoreError if one of them exists
    already.
    """
    places = [each for file in files for each in (file, *(Path(f"{file}{end}") for end in ("-wal", "-shm")))]
    for place in places:
        if file_exists(place):
            raise StoreError(
                f"{place}: this store exists already and may be newer than the backup: move this store away first"
            )
    new_keys = [path for path in map(get_seal_key_path, files) if not file_exists(path)]
    try:
        yield
    except BaseException:
        for place in places + new_keys:
            place.unlink(missing_ok=True)
        raise


def _copy_database_to_new_file(source: Path, path: Path) -> None:
    with translate_sqlite_errors(path):
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as target, source.open("rb") as file:
            shutil.copyfileobj(file, target)
            target.flush()
            os.fsync(target.fileno())
