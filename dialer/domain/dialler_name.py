"""The name of a running dialler. It reveals a second dialler that uses the same Asterisk server or centre id."""

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
    """The name of a running dialler process: host, process id, start time, and a digest of its store file.

    A dialler locks its store file, so two running diallers never have the same store digest.
    """

    store: str  # digest of the machine's boot id and the store's file, 12 hexadecimal digits
    process: int  # process id
    since: int  # start time (epoch seconds)
    host: str

    @classmethod
    def make_dialler_name_of_this_process(cls, store: Path, now: float) -> DiallerName:
        """Return the name by which other diallers know this process. Raises OSError if the store file does not exist.

        The process must have locked the store file. A reboot of the machine changes the name.
        """
        found, host = store.stat(), socket.gethostname()
        started = BOOT_ID.read_text("ascii", "replace") if BOOT_ID.exists() else ""
        # The boot id distinguishes cloned machines, which share host name, device and inode.
        digest = hashlib.sha256(f"{host} {started} {found.st_dev} {found.st_ino}".encode()).hexdigest()
        return cls(digest[:12], os.getpid(), int(now), _NOT_A_HOST.sub("-", host)[:64] or "-")

    @classmethod
    def parse_dialler_name(cls, text: str) -> DiallerName | None:
        """Return the dialler name that has the text form `text`, or None if `text` is not a dialler name."""
        found = _TEXT.fullmatch(text)
        return None if found is None else cls(found[1], int(found[2]), int(found[3]), found[4])

    @property
    def dialler_name_as_text(self) -> str:
        """Return the dialler's name as letters, digits, dots and dashes."""
        return f"{self.store}-{self.process}-{self.since}-{self.host}"

    def __str__(self) -> str:
        """Return the dialler's name as people read it."""
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.since))
        return f"the dialler on {self.host}, process {self.process}, since {since} UTC"
