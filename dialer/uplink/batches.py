"""Which stretch of the outbox goes to headquarters next, and what its answer means. Pure: the time is handed in, in monotonic
seconds.

One batch is under way at a time. It goes again until headquarters says up to which id it has committed, whatever was lost on the
way: batch, answer, or headquarters' own database since. Headquarters knows every id that it has, so nothing is there twice.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dialer.nats.wire import MOST_BATCH_BYTES, MOST_ROWS, VERSION, BatchRow, UpBatch, row_bytes
from dialer.store.port import OutboxRow

EVERY_SECONDS = 1.0
"""From one batch to the next where few rows wait; a full one is followed by the next at once."""
AGAIN_SECONDS = 5.0  # without an answer; longer from try to try, up to a minute
MOST_AGAIN_SECONDS = 60.0
_NOT_FOR_HEADQUARTERS = "replies/"


@dataclass(slots=True)
class UnderWay:
    """The batch that headquarters has not answered yet."""

    batch: UpBatch
    tries: int
    again_at: float


def for_headquarters(rows: Iterable[OutboxRow]) -> Iterator[BatchRow]:
    """What of the outbox is of use to headquarters."""
    for row in rows:
        if not row.topic.startswith(_NOT_FOR_HEADQUARTERS):
            yield BatchRow(row.outbox_id, row.topic, row.at, row.payload)


class Batches:
    """One centre's way up."""

    def __init__(self, centre: str, passed: int, chance: random.Random) -> None:
        """`passed`: up to this id of the outbox headquarters has everything, as far as the store knows."""
        self._centre = centre
        self._chance = chance
        self._under_way: UnderWay | None = None
        self._next_at = 0.0
        self.known = passed
        """Up to this id headquarters has everything, as far as it has said."""

    def looks_at(self, now: float) -> float:
        """When to look for rows behind `known` (`make`), or to send again (`again`)."""
        return self._next_at if self._under_way is None else self._under_way.again_at

    @property
    def waits(self) -> bool:
        """Whether an answer is waited for."""
        return self._under_way is not None

    def make(self, rows: Sequence[OutboxRow], passed: int, now: float) -> UpBatch | None:
        """The next batch, of rows behind `known`, at most `MOST_ROWS`; `passed` is the store's own cursor, up to which rows may be
        gone. None: nothing is of use to headquarters, as yet.
        """
        self._next_at = now + EVERY_SECONDS
        taken: list[OutboxRow] = []
        size = 0
        for row in rows:
            size += row_bytes(row.topic, row.payload)
            if taken and size > MOST_BATCH_BYTES:
                break
            taken.append(row)
        useful = tuple(for_headquarters(taken))
        if not useful and len(taken) == len(rows) < MOST_ROWS:
            return None
        first, last = self.known + 1, taken[-1].outbox_id
        gone = passed if first <= passed else 0
        batch = UpBatch(self._centre, VERSION, first, last, useful, gone)
        self._under_way = UnderWay(batch, 1, now + self._patience(1))
        if len(taken) < len(rows) or len(rows) == MOST_ROWS:
            self._next_at = now
        return batch

    def again(self, now: float) -> UpBatch | None:
        """The batch that is under way, where its answer is overdue."""
        under_way = self._under_way
        if under_way is None or now < under_way.again_at:
            return None
        under_way.tries += 1
        under_way.again_at = now + self._patience(under_way.tries)
        return under_way.batch

    def not_stored(self, now: float) -> None:
        """The batch that was to go did not reach the server: no answer is waited for, and it goes again at once."""
        if self._under_way is not None:
            self._under_way.again_at = now

    def answered(self, through: int, now: float) -> None:
        """Headquarters has committed everything up to this id: what was under way, less (its database was restored: it asks for
        what follows), or more (this store was). `known` is then that. An old answer, to a batch before, changes nothing.
        """
        under_way = self._under_way
        if under_way is not None and under_way.batch.first - 1 <= through < under_way.batch.last:
            return  # to the one before, or of a repeat of it
        if under_way is None and through == self.known:
            return
        if through < self.known:
            self._next_at = now
        self.known = through
        self._under_way = None

    def _patience(self, tries: int) -> float:
        most = min(MOST_AGAIN_SECONDS, AGAIN_SECONDS * 2.0 ** (tries - 1))
        return most * self._chance.uniform(0.75, 1.25)
