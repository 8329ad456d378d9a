"""One process at a time changes a store: a dialler or an import. Whoever only reads needs no lock, and neither does the note of an
export (`export_log`), which appends to the audit alone in a transaction of its own.

SQLite's own exclusive mode would shut out the reports as well, so the lock is on a file beside the store. The system drops
it when the process ends, however it ends; the file itself stays, for removing it would race with the next holder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dialer.errors import StoreBusy, StoreError

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        # A byte far behind the text, so that others can still read who holds the lock.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class StoreLock:
    """The right to write to the store at `path`, from the making of this object until `release`."""

    def __init__(self, path: Path, holder: str) -> None:
        """`holder` says in one or two words who locks ("a dialler", "an import").

        Raises StoreBusy, naming the process that holds the store, and StoreError where no lock file can be made.
        """
        self._file = path.with_name(path.name + ".lock")
        try:
            self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(
                f"{path}: it cannot be opened ({error.strerror}): "
                "check that the folder exists and this user may write to it"
            ) from error
        try:
            _try_lock(self._descriptor)
        except OSError as error:
            who = self._file.read_text("utf-8", "replace").strip() or "another process"
            os.close(self._descriptor)
            raise StoreBusy(f"{path}: {who} is using it: stop that first, then try again") from error
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, f"{holder} (process {os.getpid()})\n".encode())

    def release(self) -> None:
        """Let others in. Releasing twice is no error."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
