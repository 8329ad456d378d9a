"""The lock of a store. It lets only one process at a time change the store: a dialler or an import.

Programs that only read need no lock. Neither does the audit entry of an export (`exports.py`), which is appended in a
transaction of its own. SQLite's own exclusive mode would also keep out programs that only read.

So this lock is a `flock` on the database file itself and on its WAL. On a local disk it does not interfere with
SQLite's POSIX locks. But SQLite's locks are dropped when any descriptor of the database is closed, so our descriptors
are closed after the connections. A third lock, on a file next to the store, says who holds it. On systems other than
Linux it is the only one. The system drops all locks when the process ends. The lock file stays, because removing it
would race with the next holder.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self

from dialer.domain.errors import StoreBusy, StoreError, StoreFull
from dialer.store.lock_holder import find_lock_holder, get_lock_path

DIALLER = "a dialler"
"""How errors of other processes name a dialler that holds the store."""
# Elsewhere flock and SQLite's own locks would meet on the database (BSD, macOS).
_CAN_LOCK_DATABASE = sys.platform == "linux"
_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")  # as a space stands there
_NETWORK_FILE_SYSTEMS = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "afs", "ceph", "lustre", "gpfs", "beegfs", "ocfs2", "gfs2", "vboxsf"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone"),
    }
)


class StoreLock:
    """The exclusive right to write to the store at `path`, from the creation of this object until `release_lock`."""

    def __init__(self, path: Path, holder: str) -> None:
        """Lock the store. `holder` names the program that locks it, in one or two words ("a dialler", "an import").

        Raises StoreBusy, with the name of the process that holds the store. Raises StoreError if the lock file cannot
        be created, the store has a second hard link, or it is on another machine's disk.
        """
        self._path = path
        self._file = Path(os.path.realpath(path))
        self._held: dict[tuple[int, int], int] = {}  # descriptors by device and inode
        self._store: tuple[int, int] | None = None
        refuse_store_with_hard_links(path)
        try:
            descriptor = self._lock_file(get_lock_path(path), os.O_RDWR | os.O_CREAT)
            _refuse_remote_disk(path, self._file)
            self._lock_existing_files()
        except BaseException:
            self.release_lock()
            raise
        try:
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, f"{holder} (process {os.getpid()})\n".encode())
        except OSError as error:
            self.release_lock()
            kind = StoreFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else StoreError
            raise kind(
                f"{path}: the lock file of the store cannot be written ({error.strerror}): free some disk space"
            ) from error

    def __enter__(self) -> Self:
        """Return the lock."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release the lock."""
        self.release_lock()

    def lock_newly_created_store_files(self) -> None:
        """Lock the files that were created since the store was locked: the database of a new store, and its WAL.

        Raises StoreBusy if another process has locked one of them, and StoreError if the store's path now leads to
        another file.
        """
        self._lock_existing_files()
        self.refuse_moved_store_file()

    def refuse_moved_store_file(self) -> None:
        """Raise StoreError if the store's path no longer leads to the file that this process locked. Fast: one `stat`."""
        if self._store is None:
            return
        try:
            found = self._file.stat()
        except OSError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != self._store:
            raise StoreError(
                f"{self._path}: the file was moved, replaced or removed while in use, so no new calls are placed: stop this"
                " dialler, put the file back where it was, and start again"
            )

    def release_lock(self) -> None:
        """Release the lock of the store, if this process holds it. The caller must have closed the store's connections."""
        while self._held:
            os.close(self._held.popitem()[1])

    def _lock_existing_files(self) -> None:
        if not _CAN_LOCK_DATABASE:
            return
        for name in (self._file, self._file.with_name(self._file.name + "-wal")):
            with suppress(FileNotFoundError):
                found = name.stat()
                if (found.st_dev, found.st_ino) not in self._held:
                    self._lock_file(name, os.O_RDWR)
                    found = name.stat()  # an overlay has made a copy for whoever writes: another file
                if name == self._file:
                    self._store = (found.st_dev, found.st_ino)

    def _lock_file(self, name: Path, flags: int) -> int:
        try:
            descriptor = os.open(name, flags, 0o600)
        except FileNotFoundError:
            if not flags & os.O_CREAT:
                raise
            raise self._build_lock_error(
                "the folder of the store does not exist: create it, or correct `store.path`"
            ) from None
        except OSError as error:
            raise self._build_lock_error(error.strerror) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            who = find_lock_holder(self._path) or "another process"
            os.close(descriptor)
            raise StoreBusy(
                f"{self._path}: {who} is using this store: stop that program first, then try again"
            ) from error
        locked = os.fstat(descriptor)
        self._held[locked.st_dev, locked.st_ino] = descriptor
        return descriptor

    def _build_lock_error(self, why: str | None) -> StoreError:
        return StoreError(
            f"{self._path}: the store cannot be opened ({why}): check that its folder exists and this user may write to it"
        )


def refuse_store_with_hard_links(path: Path) -> None:
    """Raise StoreError if the store's file has several hard links, because SQLite would use a separate WAL for each of
    the names.

    A missing file is accepted.
    """
    with suppress(OSError):
        names = path.stat().st_nlink
        if names > 1:
            raise StoreError(
                f"{path}: this store has {names} names in the file system (hard links), and "
                "using it under two names would damage it: remove the other names, or make copies of the store"
            )


def _refuse_remote_disk(path: Path, real: Path) -> None:
    """Raise StoreError if the store is on another machine's disk, where locks and SQLite's WAL do not work.

    Also raise it if only the file is mounted (a bind mount), not its folder: SQLite's journal would be in another
    folder.
    """
    device = real.parent.stat().st_dev
    meant = f"{os.major(device)}:{os.minor(device)}" if _CAN_LOCK_DATABASE else ""
    with suppress(OSError):
        for line in _MOUNTS.read_text("utf-8", "replace").splitlines():
            fields = line.split()
            if len(fields) < 7 or "-" not in fields:
                continue
            kind = fields[fields.index("-") + 1]
            if fields[2] == meant and kind in _NETWORK_FILE_SYSTEMS:
                raise StoreError(
                    f"{path}: the store is on a disk of another machine ({kind}): move the store to a local disk"
                )
            if _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[4]) == str(real):
                raise StoreError(
                    f"{path}: only the file of the store is mounted here, but the store also needs other files "
                    "next to it: mount its folder instead"
                )
