"""Conversion of a store and the desk's file (the web pages' database): encrypt, decrypt, or encrypt with another key.

The new file is written next to the old one by `sqlcipher_export`, read again with its key and compared row by row. It
replaces the old file only if all rows are equal.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from dialer.domain.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull
from dialer.store import audit
from dialer.store.connection import (
    check_key_opens_store,
    close_writing_connection,
    open_store_for_writing,
)
from dialer.store.desk_file import get_desk_file_path
from dialer.store.driver import connect_to_memory_database, open_connection
from dialer.store.file_checks import check_database_header, file_exists, is_encrypted
from dialer.store.keys import StoreKey, format_key_as_sql_literal
from dialer.store.lock import StoreLock
from dialer.store.sql import Connection, open_transaction
from dialer.store.sqlite_errors import translate_sqlite_errors

Progress = Callable[[str, float], None]
"""Called with what is being done, and the part that is done (0-1)."""

_FREE_SPACE_FACTOR = 1.1  # an encrypted page holds 80 bytes less (2 %), and others write to the disk meanwhile
_STEPS_BETWEEN_REPORTS = 200_000  # of SQLite's virtual machine: some tens of milliseconds
_ROWS_BETWEEN_REPORTS = 20_000
_BLOCK_BYTES = 1 << 20


def get_temporary_conversion_path(path: Path) -> Path:
    """Return the path of the copy that is written while a store is encrypted or decrypted.

    If the conversion is killed, the copy, which may be unencrypted, stays next to the store. The next conversion
    removes it.
    """
    return path.with_name(path.name + ".converting")


def convert_store_encryption(
    path: Path, old: StoreKey | None, new: StoreKey | None, *, who: str, at: float, progress: Progress = lambda *_: None
) -> None:
    """Convert the store at `path` and the desk's file (web pages' database) from the key `old` to the key `new`.

    None means unencrypted. Old unencrypted files are overwritten. `who` and `at` (epoch seconds) go into the audit.
    After an error the store is unchanged. Raises StoreBusy if a process has the store open, StoreFull if the disk has
    no room for both files, and other StoreErrors.
    """
    state = "plain" if new is None else "encrypted" if old is None else "another key"

    def append_conversion_to_audit(db: Connection) -> None:
        audit.append_entry(db, "store-conversion", who, {"now": state}, at)

    path = path.resolve()  # a symbolic link would be replaced, and the file that it leads to left as it was
    check_database_header(path, old)
    with StoreLock(path, "a conversion"):
        close_writing_connection(open_store_for_writing(path, create=False, key=old))  # checks and upgrades it
        # The desk's file is replaced first; if a kill comes between the two, the store is converted again.
        with _convert_database_file(path, old, new, progress, append_conversion_to_audit):
            if _does_desk_file_need_conversion(path, new):
                check_database_header(get_desk_file_path(path), old)
                with _convert_database_file(get_desk_file_path(path), old, new, progress, lambda _: None):
                    pass


def convert_desk_file(path: Path, old: StoreKey | None, new: StoreKey | None) -> None:
    """Encrypt the desk's file (the web pages' database) alone with the key `new`, which the store already has.

    Do nothing if the file has that key already. Raises the errors of `convert_store_encryption`.
    """
    path = path.resolve()
    if _does_desk_file_need_conversion(path, new):
        with (
            StoreLock(path, "a conversion"),
            _convert_database_file(get_desk_file_path(path), old, new, lambda *_: None, lambda _: None),
        ):
            pass


def _does_desk_file_need_conversion(store: Path, new: StoreKey | None) -> bool:
    """Return whether the desk's file (the web pages' database) exists and is not encrypted with the key `new`.

    If `new` is None, return whether the file is encrypted.
    """
    path = get_desk_file_path(store)
    if not file_exists(path):
        return False
    if new is None or not is_encrypted(path):
        return is_encrypted(path) != (new is not None)
    try:
        check_key_opens_store(path, new)
    except StoreError:
        return True
    return False


@contextmanager
def _convert_database_file(
    path: Path,
    old: StoreKey | None,
    new: StoreKey | None,
    progress: Progress,
    note: Callable[[Connection], None],
) -> Iterator[None]:
    """Make a verified copy of a database file, encrypted with the new key. The copy replaces the file when the `with`
    block succeeds.
    """
    new_path = get_temporary_conversion_path(path)
    remove_database_files(new_path)
    if shutil.disk_usage(path.parent).free < path.stat().st_size * _FREE_SPACE_FACTOR:
        raise StoreFull(
            f"{path}: the disk has no room for a second copy of the store, which is needed to encrypt or decrypt "
            "it: free some space"
        )
    try:
        with translate_sqlite_errors(path):
            os.close(os.open(new_path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            with (
                _attach_old_and_new_database_file(path, new_path, old, new) as db,
                path.open("r+b", buffering=0) as old_file,
            ):
                _copy_database(db, path, new_path, progress)
                # The new file is closed and opened again, so that the comparison reads the file and not memory.
                db.execute("DETACH new")
                db.execute(
                    f"ATTACH :file AS new KEY {format_key_as_sql_literal(new)}", {"file": _build_file_uri(new_path)}
                )
                _compare_databases(db, path, progress)
                db.execute("DETACH new")
                with open_connection(new_path, "rw", new) as converted, open_transaction(converted):
                    note(converted)  # in the audit of the new file
                _sync_file_to_disk(new_path)
                yield
                new_path.replace(path)
                _sync_file_to_disk(path.parent)
                if old is None:
                    _overwrite_with_zeros(old_file.fileno(), progress)
    finally:
        remove_database_files(new_path)


@contextmanager
def _attach_old_and_new_database_file(
    path: Path, new_path: Path, old: StoreKey | None, new: StoreKey | None
) -> Iterator[Connection]:
    """Open the old and the new file as the databases `old` and `new` of one connection, and lock the old file.

    Other processes cannot use the old file until the block ends. Nothing else in this process may have the file open,
    because the lock belongs to the process.
    """
    with closing(connect_to_memory_database()) as db:
        db.execute(f"ATTACH :file AS old KEY {format_key_as_sql_literal(old)}", {"file": _build_file_uri(path)})
        db.execute("PRAGMA old.busy_timeout = 0")
        # Leaving WAL mode works only for the only connection, and moves the WAL into the file.
        (journal,) = db.execute("PRAGMA old.journal_mode = DELETE").fetchone()
        if journal != "delete":
            raise StoreBusy(
                f"{path}: another program has this file open: close the reports and boards that use it, then try again"
            )
        db.execute("PRAGMA old.locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        db.execute("COMMIT")
        db.execute(f"ATTACH :file AS new KEY {format_key_as_sql_literal(new)}", {"file": _build_file_uri(new_path)})
        yield db


def _copy_database(db: Connection, path: Path, new_path: Path, progress: Progress) -> None:
    bytes_in_all = max(path.stat().st_size, 1)

    def report_copied_pages() -> int:
        progress("copying", min(new_path.stat().st_size / bytes_in_all, 1.0))
        return 0

    # The new file is synced once, at the end: before, nothing of it has to survive a crash.
    db.execute("PRAGMA new.synchronous = OFF")
    db.set_progress_handler(report_copied_pages, _STEPS_BETWEEN_REPORTS)
    db.execute("SELECT sqlcipher_export('new', 'old')").fetchall()
    db.set_progress_handler(None, 0)
    for name in ("user_version", "application_id"):
        (value,) = db.execute(f"PRAGMA old.{name}").fetchone()
        db.execute(f"PRAGMA new.{name} = {value}")


def _compare_databases(db: Connection, path: Path, progress: Progress) -> None:
    """Raise StoreCorrupt unless the old and the new file have the same tables, indexes, triggers and rows, and the new
    file is intact.
    """
    schema = "SELECT type, name, sql FROM {}.sqlite_schema ORDER BY type, name"
    if db.execute(schema.format("old")).fetchall() != db.execute(schema.format("new")).fetchall():
        raise _create_error_about_differing_copy(path, "its tables")
    tables = [name for (name,) in db.execute("SELECT name FROM old.sqlite_schema WHERE type = 'table' ORDER BY name")]
    counts = {table: int(db.execute(f'SELECT count(*) FROM old."{table}"').fetchone()[0]) for table in tables}  # noqa: S608 - names of our schema
    rows_in_all, done = max(sum(counts.values()), 1), 0
    for table in tables:
        before = db.execute(f'SELECT * FROM old."{table}"')  # noqa: S608
        after = db.execute(f'SELECT * FROM new."{table}"')  # noqa: S608
        while rows := before.fetchmany(_ROWS_BETWEEN_REPORTS):
            if rows != after.fetchmany(_ROWS_BETWEEN_REPORTS):
                raise _create_error_about_differing_copy(path, table)
            done += len(rows)
            progress("comparing", done / rows_in_all)
        if after.fetchone() is not None:
            raise _create_error_about_differing_copy(path, table)
    (finding,) = db.execute("PRAGMA new.integrity_check(1)").fetchone()
    if finding != "ok":
        raise _create_error_about_differing_copy(path, " ".join(finding.split()))


def _create_error_about_differing_copy(path: Path, what: str) -> StoreCorrupt:
    return StoreCorrupt(
        f"{path}: the converted copy differs from the original ({what}); the original is unchanged: check the disk"
    )


def _overwrite_with_zeros(descriptor: int, progress: Progress) -> None:
    """Overwrite the content of an unencrypted file with zeros.

    The old content stays on disks and file systems that never overwrite a block in place (SSDs, copy on write).
    """
    left = size = os.fstat(descriptor).st_size
    os.lseek(descriptor, 0, os.SEEK_SET)
    while left > 0:
        left -= os.write(descriptor, bytes(min(left, _BLOCK_BYTES)))
        progress("overwriting the plain file", 1.0 - left / size)
    os.fsync(descriptor)


def remove_database_files(path: Path) -> None:
    """Remove a database file, its WAL and its journal. Raises StoreError."""
    for name in (path, *(path.with_name(path.name + end) for end in ("-journal", "-wal", "-shm"))):
        try:
            name.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"{name}: this file cannot be removed ({error.strerror}): remove the file by hand"
            ) from error


def _sync_file_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # not every file system can sync a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _build_file_uri(path: Path) -> str:
    return f"{path.resolve().as_uri()}?mode=rw"
