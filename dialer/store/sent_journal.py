"""The journal of calls sent to Asterisk or Twilio. After a kill it shows which calls were certainly never sent.

A call attempt is committed to the store before it is dialled, so the store does not show whether it was dialled. The
journal is a small file next to the store. Two records are written for each attempt: one before its commit, and one
right before its Originate. An attempt with only the first record was never sent.

The records are not synced to disk: they survive a kill -9, but not a crash of the machine. So a journal from before the
machine's last start is ignored, like a damaged one. The number of an attempt that is not in the journal stays blocked.

The journal also stores the difference between the machine's clocks, for a start after the wall clock was set.
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
CLOCK_MOVED_SECONDS = 0.5  # smaller changes are not recorded: a wall clock that was set differs by seconds
_LONGEST_BYTES = 65_536


class SentJournal:
    """The journal of calls sent to Asterisk or Twilio, written by the one dialler that has the store open. No method
    waits for the disk.
    """

    def __init__(self, path: Path, boot_id: Path = BOOT_ID) -> None:
        """Create the journal of calls sent to Asterisk or Twilio, in a file at `path` that is read and written later."""
        self.path = path
        self._boot = _read_journal_file_if_exists(boot_id).strip()
        self._file: int | None = None
        self._length = 0
        self._opening: set[AttemptId] = set()
        self._clock_ahead: float | None = None

    def find_attempts_never_sent(self, attempts: Iterable[AttemptId]) -> list[AttemptId]:
        """Return the call attempts of an earlier run that were certainly never sent to Asterisk or Twilio."""
        records = self._read_journal_records_since_machine_start()
        opened = {record[1:] for record in records if record[:1] == _OPENING}
        unsent = opened - {record[1:] for record in records if record[:1] != _OPENING}
        return [attempt_id for attempt_id in attempts if _encode_attempt_id(attempt_id) in unsent]

    def list_sent_attempts(self) -> list[AttemptId]:
        """Return the last call attempts that an earlier run sent to Asterisk or Twilio.

        A store that lacks them was restored from an older copy.
        """
        head, records = self._read_journal_records()
        if head.split(b" ")[1:] != self._format_first_line_of_journal().split(b" ")[1:]:
            return []
        return [AttemptId(str(uuid.UUID(bytes=record[1:]))) for record in records if record[:1] == _SENDING]

    def _read_journal_records(self) -> tuple[bytes, list[bytes]]:
        head, _, body = _read_journal_file_if_exists(self.path).partition(b"\n")
        return head, [body[at : at + _RECORD_BYTES] for at in range(0, len(body) - _RECORD_BYTES + 1, _RECORD_BYTES)]

    def _read_journal_records_since_machine_start(self) -> list[bytes]:
        head, records = self._read_journal_records()
        return records if self._boot and head == self._format_first_line_of_journal() else []

    def read_clock_difference(self) -> float | None:
        """Return how many seconds the wall clock was ahead of the time since boot in an earlier run, or None if not
        recorded.

        A record from before the last boot is not used. See `Clock.get_seconds_since_boot`.
        """
        records = [record for record in self._read_journal_records_since_machine_start() if record[:1] == _CLOCK]
        return float(_CLOCK_RECORD.unpack(records[-1])[1]) if records else None

    def record_clock_difference(self, ahead: float) -> None:
        """Record how many seconds the wall clock is ahead of the time since boot, for the next start.

        Errors are ignored. The next start reads the record with `read_clock_difference`.
        """
        if self._file is None or (
            self._clock_ahead is not None and abs(ahead - self._clock_ahead) < CLOCK_MOVED_SECONDS
        ):
            return
        self._clock_ahead = ahead
        with contextlib.suppress(OSError):
            self._append_journal_record(_CLOCK_RECORD.pack(_CLOCK, ahead))

    def start_new_journal_file(self) -> None:
        """Replace the journal of sent calls by an empty one. Raises OSError.

        The caller must have stored the results of all attempts of the earlier run before.
        """
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._write_first_line_of_journal()

    def record_attempt_before_commit(self, attempt_id: AttemptId) -> None:
        """Record in the journal that a call attempt is about to be committed to the store. Only an attempt with this
        record can later count as never sent.
        """
        if self._file is None or not self._boot:
            return
        try:
            # Records of attempts that were sent are no longer needed.
            if self._length > _LONGEST_BYTES and not self._opening:
                self._write_first_line_of_journal()
            self._append_journal_record(_OPENING + _encode_attempt_id(attempt_id))
        except OSError:
            return
        self._opening.add(attempt_id)

    def record_attempt_before_sending(self, attempt_id: AttemptId) -> None:
        """Record in the journal that a call attempt is about to be sent to Asterisk or Twilio. If this raises OSError,
        the attempt must not be sent.
        """
        if attempt_id in self._opening:
            self._append_journal_record(_SENDING + _encode_attempt_id(attempt_id))
            self._opening.discard(attempt_id)

    def remove_unsent_attempt(self, attempt_id: AttemptId) -> None:
        """Remove from the journal a call attempt that was not sent to Asterisk or Twilio, and whose end is stored."""
        self._opening.discard(attempt_id)

    def close(self) -> None:
        """Close the journal of sent calls, if it is open. Its file stays on the disk for the next start."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write_first_line_of_journal(self) -> None:
        assert self._file is not None  # noqa: S101 - begun
        os.ftruncate(self._file, 0)
        head = self._format_first_line_of_journal() + b"\n"
        if self._clock_ahead is not None:
            head += _CLOCK_RECORD.pack(_CLOCK, self._clock_ahead)
        os.write(self._file, head)
        self._length = len(head)

    def _format_first_line_of_journal(self) -> bytes:
        """Return the first line of the journal of sent calls, which identifies this boot of the machine and this file.
        A journal with another first line is not used, because a restored copy may lack later calls.
        """
        try:
            found = self.path.stat()
        except OSError:
            return b""
        return self._boot + f" {found.st_dev} {found.st_ino}".encode()

    def _append_journal_record(self, record: bytes) -> None:
        assert self._file is not None  # noqa: S101 - begun
        if os.write(self._file, record) != len(record):
            os.ftruncate(self._file, self._length)  # records behind an incomplete one would be misread
            raise OSError("the disk is full, so a call was not noted in the journal of sent calls: free some space")
        self._length += len(record)


def get_journal_path(store: Path) -> Path:
    """Return the path of a store's journal of sent calls. It is next to the store's real file, whatever links lead to
    that.
    """
    real = store.resolve()
    return real.with_name(real.name + ".sent")


def _read_journal_file_if_exists(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _encode_attempt_id(attempt_id: AttemptId) -> bytes:
    return uuid.UUID(attempt_id).bytes
