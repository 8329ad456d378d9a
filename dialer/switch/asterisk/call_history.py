"""Read Asterisk's call detail records (CDR) of calls that ended while the dialler was not connected.

Asterisk writes the records to a file, without phone numbers (cdr_custom.conf). A line has these fields: `unique id,
disposition, start, answer, end, last application, data of the application`. Times are epoch seconds. The disposition is
Asterisk's number: 0 no answer, 2 failed, 4 busy, 8 answered, 16 congestion. A line is written when the call ends. So a
call that ended by a crash of Asterisk has none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from dialer.domain.model import AttemptId
from dialer.domain.switch import History, PastCall
from dialer.switch.asterisk.places import parse_seat_of_conference

MOST_BYTES: Final = 64 << 20  # read from the end of the file: some 700,000 calls
_FAILED: Final = 2
_ANSWERED: Final = 8
_DIAL_STATUS: Final = {0: "NOANSWER", 4: "BUSY", 16: "CONGESTION"}
_LEAST_RING_SECONDS: Final = 10.0
"""The shortest time limit for ringing that a campaign can have. A call that ends by it has no dial status, and if Asterisk is
busy no hang-up cause either when its record is written, which then says "failed".
"""


def read_call_history(file: Path, attempt_ids: Collection[AttemptId], up_seconds: float | None) -> History:
    """Return Asterisk's records of the calls of these attempts, read from its CDR file and the rotated file before it
    (`.1`).

    Blocks while it reads. A missing file counts as empty. `up_seconds` is how long Asterisk has run, or None if
    unknown.
    """
    lines: list[str] = []
    for path in (file.with_name(f"{file.name}.1"), file):
        try:
            with path.open("rb") as opened:
                size = opened.seek(0, 2)
                opened.seek(max(0, size - MOST_BYTES))
                read = opened.read(MOST_BYTES).decode("utf-8", errors="replace").splitlines()
        except OSError:
            continue
        lines += read if size <= MOST_BYTES else read[1:]
    return parse_call_history(lines, attempt_ids, up_seconds)


def parse_call_history(lines: Iterable[str], attempt_ids: Collection[AttemptId], up_seconds: float | None) -> History:
    """Return Asterisk's records of the calls of these attempts from the lines of a CDR file, skipping damaged lines.

    `up_seconds` is how long Asterisk has run, or None if unknown.
    """
    wanted = frozenset(attempt_ids)
    ended: dict[AttemptId, PastCall] = {}
    first_at: float | None = None
    last_at: float | None = None
    for line in lines:
        fields = line.split(",")
        try:
            disposition, start, answer, end = int(fields[1]), *map(float, fields[2:5])
        except (IndexError, ValueError):
            continue
        first_at = start if first_at is None else min(first_at, start)
        last_at = end if last_at is None else max(last_at, end)
        attempt_id = AttemptId(fields[0])
        if attempt_id not in wanted or len(fields) < 7:
            continue
        answered_at = answer if disposition == _ANSWERED else None
        seat = parse_seat_of_conference(fields[6]) if answered_at is not None and fields[5] == "ConfBridge" else None
        before = ended.get(attempt_id)
        if before is None or before.answered_at is None:
            has_rung = disposition == _FAILED and end - start >= _LEAST_RING_SECONDS
            dial_status = "NOANSWER" if has_rung else _DIAL_STATUS.get(disposition)
            ended[attempt_id] = PastCall(answered_at, dial_status, seat)
    return History(ended, first_at, last_at, up_seconds)
