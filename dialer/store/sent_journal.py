"""The journal of what is sent to the switch: which attempts of a killed process were certainly never sent.

An attempt is committed before it is dialled, so the store alone cannot tell an attempt that was dialled from one that a
kill -9 stopped before. The journal, a small file next to the store, is written twice for each attempt: before its
commit, and right before its Originate. An attempt that has the first record only was never sent. The records are not
synced: they outlive the process, but not the machine. So a journal from before the machine's last start says nothing, and
neither does a missing or damaged one: attempts that it does not mention are not freed.

For the same time it stores the difference between the machine's clocks, for a start after the wall clock was set.
"""

from __future__ import annotations

import contextlib
import os
import struct
import uuid
from collections.abc import Iterable
from pathlib import Path

from dialer.domain.dialler_name import BOOT_ID
from dialer.domain.model import AttemptId

_OPENING, _SENDING, _CLOCK = b"o", b"s", b"c"
_RECORD_BYTES = 17
_CLOCK_RECORD = struct.Struct(">cd8x")
CLOCK_MOVED_SECONDS = 0.5  # smaller changes are not noted: what is held against it is a step of seconds
_LONGEST_BYTES = 65_536


class SentJournal:
    """The journal, written by the one dialler of a store. No method waits for the disk."""

    def __init__(self, path: Path, boot_id: Path = BOOT_ID) -> None:
        """`path` is the journal's own file. Nothing is read or written yet."""
        self.path = path
        self._boot = _read(boot_id).strip()
        self._file: int | None = None
        self._length = 0
        self._opening: set[AttemptId] = set()
        self._clock_ahead: float | None = None

    def never_sent(self, attempts: Iterable[AttemptId]) -> list[AttemptId]:
        """Return the attempts of an earlier run that were certainly never written to the switch."""
        records = self._of_this_boot()
        opened = {record[1:] for record in records if record[:1] == _OPENING}
        unsent = opened - {record[1:] for record in records if record[:1] != _OPENING}
        return [attempt_id for attempt_id in attempts if _bytes(attempt_id) in unsent]

    def sent(self) -> list[AttemptId]:
        """Return what an earlier run last wrote to the switch. A store that does not have these attempts is an older copy."""
        head, records = self._records()
        if head.split(b" ")[1:] != self._head().split(b" ")[1:]:
            return []
        return [AttemptId(str(uuid.UUID(bytes=record[1:]))) for record in records if record[:1] == _SENDING]

    def _records(self) -> tuple[bytes, list[bytes]]:
        head, _, told = _read(self.path).partition(b"\n")
        return head, [told[at : at + _RECORD_BYTES] for at in range(0, len(told) - _RECORD_BYTES + 1, _RECORD_BYTES)]

    def _of_this_boot(self) -> list[bytes]:
        head, records = self._records()
        return records if self._boot and head == self._head() else []

    def clock_ahead(self) -> float | None:
        """Return how far the wall clock was ahead of `Clock.since_boot` in an earlier run on this boot (seconds); None: unknown."""
        told = [record for record in self._of_this_boot() if record[:1] == _CLOCK]
        return float(_CLOCK_RECORD.unpack(told[-1])[1]) if told else None

    def record_clock(self, ahead: float) -> None:
        """Record `clock_ahead` for the next start. If it cannot be recorded, the next start knows nothing of it."""
        if self._file is None or (
            self._clock_ahead is not None and abs(ahead - self._clock_ahead) < CLOCK_MOVED_SECONDS
        ):
            return
        self._clock_ahead = ahead
        with contextlib.suppress(OSError):
            self._write(_CLOCK_RECORD.pack(_CLOCK, ahead))

    def begin(self) -> None:
        """Start a new journal: the attempts of the earlier run are settled in the store. Raises OSError."""
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._start()

    def opening(self, attempt_id: AttemptId) -> None:
        """Record that an attempt is about to be committed. If that fails, nothing will be known about it."""
        if self._file is None or not self._boot:
            return
        try:
            if (
                self._length > _LONGEST_BYTES and not self._opening
            ):  # what was sent needs no room: of it nothing is told
                self._start()
            self._write(_OPENING + _bytes(attempt_id))
        except OSError:
            return
        self._opening.add(attempt_id)

    def sending(self, attempt_id: AttemptId) -> None:
        """Record that an attempt is written to the switch next. Raises OSError if that fails: then it must not be sent."""
        if attempt_id in self._opening:
            self._write(_SENDING + _bytes(attempt_id))
            self._opening.discard(attempt_id)

    def dropped(self, attempt_id: AttemptId) -> None:
        """Forget an attempt that will not be sent, as the store knows."""
        self._opening.discard(attempt_id)

    def close(self) -> None:
        """Close the file. It stays for the next start. A repeated call does nothing."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _start(self) -> None:
        assert self._file is not None  # noqa: S101 - begun
        os.ftruncate(self._file, 0)
        head = self._head() + b"\n"
        if self._clock_ahead is not None:
            head += _CLOCK_RECORD.pack(_CLOCK, self._clock_ahead)
        os.write(self._file, head)
        self._length = len(head)

    def _head(self) -> bytes:
        """Identify this boot and this file: a restored copy may be from before a call was sent."""
        try:
            found = self.path.stat()
        except OSError:
            return b""
        return self._boot + f" {found.st_dev} {found.st_ino}".encode()

    def _write(self, record: bytes) -> None:
        assert self._file is not None  # noqa: S101 - begun
        if os.write(self._file, record) != len(record):
            os.ftruncate(self._file, self._length)  # what comes after a part of one would be read amiss
            raise OSError("the journal of what is sent took a part of a record: free some space")
        self._length += len(record)


def get_journal_path(store: Path) -> Path:
    """Return the path of a store's journal: next to the file itself, whatever links lead to it."""
    real = store.resolve()
    return real.with_name(real.name + ".sent")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _bytes(attempt_id: AttemptId) -> bytes:
    return uuid.UUID(attempt_id).bytes
