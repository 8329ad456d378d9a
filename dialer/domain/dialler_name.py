"""Who a dialler is, for others that want the same switch or centre id: where it runs, since when, and on which store."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path

_TEXT = re.compile(r"([0-9a-f]{12})-(\d{1,10})-(\d{1,12})-([A-Za-z0-9.-]{1,64})", re.ASCII)
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NOT_A_HOST = re.compile(r"[^A-Za-z0-9.-]", re.ASCII)


@dataclass(frozen=True, slots=True)
class DiallerName:
    """One run of a dialler. Of two with one `store` one is dead: the store's lock is on the file."""

    store: str  # 12 hexadecimal digits, of the machine's start and the store's file
    process: int
    since: int  # epoch seconds
    host: str

    @classmethod
    def of_this_process(cls, store: Path, now: float) -> DiallerName:
        """Of this process, which holds the `store`. Raises OSError where that is not there.

        Machines that were copied, store and all, have one name and the same numbers of device and file; the id of its start is each
        one's own. After the machine's next start its earlier dialler counts as another store's: a lease of that one runs out first.
        """
        found, host = store.stat(), socket.gethostname()
        started = BOOT_ID.read_text("ascii", "replace") if BOOT_ID.exists() else ""
        digest = hashlib.sha256(f"{host} {started} {found.st_dev} {found.st_ino}".encode()).hexdigest()
        return cls(digest[:12], os.getpid(), int(now), _NOT_A_HOST.sub("-", host)[:64] or "-")

    @classmethod
    def read(cls, text: str) -> DiallerName | None:
        """What `text` gave out. None: something else."""
        found = _TEXT.fullmatch(text)
        return None if found is None else cls(found[1], int(found[2]), int(found[3]), found[4])

    @property
    def text(self) -> str:
        """In letters, digits, dots and dashes alone."""
        return f"{self.store}-{self.process}-{self.since}-{self.host}"

    def __str__(self) -> str:
        """For a person."""
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.since))
        return f"the dialler on {self.host}, process {self.process}, since {since} UTC"
