"""Rows from centres that headquarters could not store as results, for example because they cannot be read.

They are stored separately ("set aside") with the reason. So a bad row is not lost, and does not block the rows after
it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dialer.errors import MatdanError
from dialer.hq.database import Database
from dialer.hq.sql import Command, Query, convert_rows_to_columns
from dialer.nats.messages import BatchRow
from dialer.store.sql import Statements

_MAX_REASON_LETTERS = 300


class RowSetAside(MatdanError):
    """Raised if a row of a centre's results cannot be stored as a result. The text of the error says why."""

    may_be_retried = False


class UnreadableRow(RowSetAside):
    """Raised if the payload of a centre's result is not a JSON object that the database can store."""


class RowOutsideArea(RowSetAside):
    """Raised if a centre's result is about voters of a constituency that is not the centre's.

    The result is stored once headquarters' settings assign the constituency to the centre.
    """

    may_be_retried = True


class SetAsideRow(NamedTuple):
    """A row from a centre that headquarters could not store as a result (set aside), with the reason."""

    centre: str
    incarnation: str
    id: int
    topic: str
    at: float  # when it was set aside (epoch seconds)
    created_at: float  # by the centre's clock (epoch seconds)
    payload: str
    reason: str
    retry: bool

    @property
    def original_outbox_row(self) -> BatchRow:
        """The row as it was in the centre's outbox (results to send)."""
        return BatchRow(self.id, self.topic, self.created_at, self.payload)


class SetAsideCount(NamedTuple):
    """The number of rows from a centre that headquarters could not store as results (set aside)."""

    centre: str
    row_count: int


class SQL(Statements):
    insert = Command()
    rows = Query(SetAsideRow)
    rows_to_retry = Query(SetAsideRow)
    delete = Command()
    counts = Query(SetAsideCount)


def create_record_of_rejected_row(
    centre: str, incarnation: str, row: BatchRow, now: float, reason: str, *, retry: bool
) -> SetAsideRow:
    """Return the record of a rejected row: a row of a centre that headquarters could not store as a result.

    Characters that the database cannot store are escaped. `retry` says whether storing the result is retried later.
    """
    created_at = row.at if abs(row.at) < 1e11 else now  # also excludes NaN
    topic, payload, why = (
        _escape_unstorable_characters(text) for text in (row.topic[:128], row.payload, reason[:_MAX_REASON_LETTERS])
    )
    return SetAsideRow(centre, incarnation, row.id, topic, now, created_at, payload, why, retry)


async def insert_rejected_rows(db: Database, rows: Iterable[SetAsideRow]) -> None:
    """Store rows of centres that could not be stored as results (set aside). Rows that are stored already are skipped."""
    await SQL.insert.run_statement(db, *convert_rows_to_columns([*rows], 9))


async def delete_rejected_rows(db: Database, rows: Iterable[SetAsideRow]) -> None:
    """Delete the records of rejected rows (set aside) that have been stored as results since."""
    await SQL.delete.run_statement(db, *convert_rows_to_columns([row[:3] for row in rows], 3))


def _escape_unstorable_characters(text: str) -> str:
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")
