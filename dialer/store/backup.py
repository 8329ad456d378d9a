"""A copy of a store while a dialler writes to it, with the desk's file beside it; and such a copy put where a store was
lost.

The copy is of one moment (SQLite's online backup), encrypted where the store is, and proved: opened and read whole
before it gets its name. A store that is put back does not know what came after it, so nothing is dialled from it before
a person says so.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dialer.domain.errors import StoreCorrupt, StoreError
from dialer.domain.model import AttemptId
from dialer.store import audit, outbox
from dialer.store.attempts import known_attempts, newest_event_at
from dialer.store.campaigns import stop_campaigns
from dialer.store.connection import locked_connection, open_for_reading
from dialer.store.copying import STORE, copy_database, whole_folder
from dialer.store.desk_file import desk_path
from dialer.store.driver import connection_to
from dialer.store.file_checks import check_header, file_exists
from dialer.store.keys import StoreKey
from dialer.store.lock import StoreLock
from dialer.store.sql import transaction
from dialer.store.sqlite_errors import store_errors


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy in a folder of its own."""

    store: Path
    desk: Path | None  # None: nobody has ever signed in at the desk
    newest: float | None  # epoch seconds: the newest moment of a call in it; None: there was no call


def make_backup(path: Path, key: StoreKey | None, folder: Path) -> Backup:
    """Copy the store at `path` into a new `folder`, a dialler running or not. Where it fails no folder is left.

    Raises StoreError where there is no store or the folder is there already, StoreFull, and what reading a store
    raises.
    """
    with whole_folder(folder) as half:
        if not file_exists(path):
            raise StoreError(f"{path}: there is no store; name another with --store")
        check_header(path, key)
        for file, copy in ((path, half / STORE), (desk_path(path), desk_path(half / STORE))):
            if file_exists(file):
                with connection_to(file, "ro", key) as source:
                    copy_database(source, copy, key)
        prove(half, key)
        if folder.exists():
            raise StoreError(f"{folder}: is there already; name a new folder for each backup")
    return prove(folder, key, whole=False)


def prune(made: Path, centre: str, keep: int) -> list[Path]:
    """Remove a centre's backups beside the one that was just `made`, but for the newest `keep` by their names; what was
    removed. It stays itself, whatever others were named while a clock was wrong. Only what `make_backup` has named is
    looked at, and nothing that holds anything else. Raises StoreError where one cannot be removed.
    """
    named = re.compile(re.escape(centre) + r"-[0-9]{8}-[0-9]{6}")
    ours = {STORE, desk_path(Path(STORE)).name}
    try:
        found = [each for each in sorted(made.parent.iterdir()) if named.fullmatch(each.name) and not each.is_symlink()]
        backups = [each for each in found if {file.name for file in each.iterdir()} <= ours]
        gone = [each for each in backups[:-keep] if each != made]
        for old in gone:
            shutil.rmtree(old)
    except OSError as error:
        raise StoreError(f"{error.filename}: an older backup cannot be removed ({error.strerror})") from error
    return gone


def prove(folder: Path, key: StoreKey | None, *, whole: bool = True) -> Backup:
    """What a backup holds. Raises StoreError where there is none or the key is not its own, StoreCorrupt where it is damaged."""
    store, desk = folder / STORE, desk_path(folder / STORE)
    if not file_exists(store):
        raise StoreError(f"{folder}: is no backup: there is no {STORE} in it; name a folder that `dialer backup` made")
    for path in (store, desk) if file_exists(desk) else (store,):
        check_header(path, key)
        with connection_to(path, "ro", key) as db:
            finding = db.execute("PRAGMA integrity_check(1)").fetchone()[0] if whole else "ok"
            if finding != "ok":
                raise StoreCorrupt(f"{path}: the copy is damaged ({' '.join(finding.split())}); use an older backup")
    with connection_to(store, "ro", key) as db:
        newest = newest_event_at(db)
    return Backup(store, desk if file_exists(desk) else None, newest)


def restore(folder: Path, path: Path, key: StoreKey | None, *, who: str, at: float) -> list[str]:
    """Put a backup where no store is, brought up to this program's schema, with every campaign stopped, those too that
    it does not know; returns the ids of those that it knows. `who` and `at` (epoch seconds) stand in the audit.

    Raises StoreError where a store is there or the backup cannot be used; nothing is left behind then.
    """
    found = prove(folder, key)
    newest = "none" if found.newest is None else f"{datetime.fromtimestamp(found.newest, UTC):%Y-%m-%dT%H:%MZ}"
    files = {path: found.store} | ({} if found.desk is None else {desk_path(path): found.desk})
    # Locked before anything is looked at: what is removed where it fails is this restore's own.
    with StoreLock(path, "a restore") as lock, _free(files):
        for place, source in files.items():
            _put(source, place)
        with locked_connection(path, lock, key=key, copied=True) as db, transaction(db):
            stopped = stop_campaigns(db, at)
            outbox.shift_ids_after_restore(db, at)
            audit.append(db, "store-restored", who, {"newest_call": newest}, at)
    return stopped


def unknown_to(path: Path, key: StoreKey | None, sent: list[AttemptId]) -> int:
    """How many of these calls, the last that were dialled on this machine, a store does not know."""
    with store_errors(path), closing(open_for_reading(path, key=key)) as db:
        return len(sent) - len(known_attempts(db, sent)) if sent else 0


@contextmanager
def _free(files: Iterable[Path]) -> Iterator[None]:
    """Nothing stands where these files come, and nothing is left there where it fails."""
    places = [each for file in files for each in (file, *(Path(f"{file}{end}") for end in ("-wal", "-shm")))]
    for place in places:
        if file_exists(place):
            raise StoreError(f"{place}: is there already: put it aside first, it may be newer than the backup")
    try:
        yield
    except BaseException:
        for place in places:
            place.unlink(missing_ok=True)
        raise


def _put(source: Path, path: Path) -> None:
    with store_errors(path):
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as target, source.open("rb") as file:
            shutil.copyfileobj(file, target)
            target.flush()
            os.fsync(target.fileno())
