"""Decide which results a centre's uplink sends to headquarters next, and when it resends them. Without I/O.

The results wait in a table, the outbox. A batch is a range of its rows. All times are monotonic seconds.

Only one batch at a time is sent, and it is resent until headquarters acknowledges it. So no result is lost if a batch,
an acknowledgement or headquarters' database is lost. No row is stored twice or confused with another row, because
headquarters compares a repeated row with the stored row of the same id.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dialer.domain.backoff import double_seconds_up_to_limit
from dialer.nats.messages import (
    MAX_BATCH_BYTES,
    MAX_BATCH_ROWS,
    VERSION,
    BatchRow,
    OutboxBatch,
    estimate_size_of_outbox_row,
)
from dialer.store.outbox import OutboxRow

BATCH_SECONDS = 1.0
"""Interval between batches that are not full. After a full batch the next one follows at once."""
ACK_TIMEOUT_SECONDS = 5.0  # doubled at each attempt
MAX_ACK_TIMEOUT_SECONDS = 60.0
_CENTRE_ONLY = "replies/"


@dataclass(slots=True)
class BatchInFlight:
    """A batch of outbox rows (results to send) that was sent, but is not acknowledged yet."""

    batch: OutboxBatch
    attempts: int
    resend_at: float
    sent_at: float | None  # the first time since headquarters last answered it; None: not sent again since


def select_outbox_rows_for_headquarters(rows: Iterable[OutboxRow]) -> Iterator[BatchRow]:
    """Yield the outbox rows (results to send) that headquarters needs: all except replies to commands."""
    for row in rows:
        if not row.topic.startswith(_CENTRE_ONLY):
            yield BatchRow(row.outbox_id, row.topic, row.at, row.payload)


class BatchSchedule:
    """The schedule by which a centre's uplink sends and resends batches of outbox rows (results to send)."""

    def __init__(self, centre: str, acknowledged: int, rng: random.Random) -> None:
        """Create a schedule of batches. `acknowledged` is the id of the last outbox row (result to send) that
        headquarters has acknowledged.
        """
        self._centre = centre
        self._rng = rng
        self._in_flight: BatchInFlight | None = None
        self._next_at = 0.0
        self.acknowledged = acknowledged
        """The id up to which headquarters has the outbox."""

    def get_next_send_time(self, now: float) -> float:
        """Return when the next batch must be sent, or the unacknowledged batch resent (monotonic seconds).

        At that time, call `get_next_batch` with new rows, or `get_batch_to_resend`.
        """
        return self._next_at if self._in_flight is None else self._in_flight.resend_at

    @property
    def is_waiting_for_acknowledgement(self) -> bool:
        """Whether a batch was sent that headquarters has not acknowledged yet."""
        return self._in_flight is not None

    def get_next_batch(self, rows: Sequence[OutboxRow], stored: int, now: float) -> OutboxBatch | None:
        """Return the next batch of outbox rows (results to send), or None if there is nothing to send.

        `rows` are the next rows after the last acknowledged one, at most `MAX_BATCH_ROWS`. `stored` is the id up to
        which the dialler knows that rows are acknowledged. The dialler may have deleted the rows up to this id.
        """
        self._next_at = now + BATCH_SECONDS
        chosen: list[OutboxRow] = []
        size = 0
        for row in rows:
            size += estimate_size_of_outbox_row(row.topic, row.payload)
            if chosen and size > MAX_BATCH_BYTES:
                break
            chosen.append(row)
        needed = tuple(select_outbox_rows_for_headquarters(chosen))
        if not needed and len(chosen) == len(rows) < MAX_BATCH_ROWS:
            return None
        first, last = self.acknowledged + 1, chosen[-1].outbox_id
        deleted_through = stored if first <= stored else 0
        batch = OutboxBatch(self._centre, VERSION, first, last, needed, deleted_through)
        self._in_flight = BatchInFlight(batch, 1, now + self._compute_acknowledgement_timeout(1), now)
        if len(chosen) < len(rows) or len(rows) == MAX_BATCH_ROWS:
            self._next_at = now
        return batch

    def get_batch_to_resend(self, now: float) -> OutboxBatch | None:
        """Return the batch that must be resent because headquarters' acknowledgement is overdue, or None."""
        in_flight = self._in_flight
        if in_flight is None or now < in_flight.resend_at:
            return None
        in_flight.attempts += 1
        if in_flight.sent_at is None:
            in_flight.sent_at = now
        in_flight.resend_at = now + self._compute_acknowledgement_timeout(in_flight.attempts)
        return in_flight.batch

    def shorten_unacknowledged_batch(self, part: OutboxBatch, now: float) -> None:
        """Replace the unacknowledged batch by its first rows (`part`), because it is too large for one message.

        The other rows are sent as soon as headquarters has acknowledged the first ones.
        """
        if self._in_flight is not None:
            self._in_flight.batch = part
            self._next_at = now

    def record_send_failure(self, now: float) -> None:
        """Record that the last batch did not reach headquarters' server. The batch is then resent at once."""
        if self._in_flight is not None:
            self._in_flight.resend_at = now

    def compute_max_acknowledgement_age(self, through: int | None, now: float) -> float:
        """Return the highest possible age of headquarters' acknowledgement: the seconds since the last batch was sent.

        `through` is the last acknowledged row id, or None if headquarters refused the batch. The age is infinite if the
        acknowledgement is not for the batch that was sent last.
        """
        in_flight = self._in_flight
        if in_flight is None or in_flight.sent_at is None or (through is not None and through < in_flight.batch.last):
            return math.inf
        return now - in_flight.sent_at

    def record_refused_batch(self) -> None:
        """Record that headquarters has refused the last batch of outbox rows (results to send)."""
        if self._in_flight is not None:
            self._in_flight.sent_at = None

    def record_acknowledgement(self, through: int, now: float) -> None:
        """Record that headquarters has acknowledged all result rows up to the id `through`.

        An acknowledgement is ignored if it covers only a part of the batch that was sent last, because it is a late one
        for an earlier batch. If `through` is lower than before, headquarters' database was restored from a backup. Then
        the rows after `through` are sent again.
        """
        in_flight = self._in_flight
        if in_flight is not None and in_flight.batch.first - 1 <= through < in_flight.batch.last:
            return
        if in_flight is None and through == self.acknowledged:
            return
        if through < self.acknowledged:
            self._next_at = now
        self.acknowledged = through
        self._in_flight = None

    def _compute_acknowledgement_timeout(self, attempts: int) -> float:
        timeout = double_seconds_up_to_limit(ACK_TIMEOUT_SECONDS, attempts - 1, MAX_ACK_TIMEOUT_SECONDS)
        return timeout * self._rng.uniform(0.75, 1.25)
