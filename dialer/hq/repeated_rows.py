"""Compare rows that a centre sends again with the rows that headquarters has under the same ids.

A row's id is its number in the centre's outbox (results to send). If a person replaces the centre's database by an
older copy, new results get ids that were used before. Without this comparison, headquarters would take the new results
for repeated ones, and lose them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from dialer.hq.database import Database
from dialer.hq.ledger import MAX_EPOCH_SECONDS, MarkRow, ResultRow, parse_outbox_row, shorten_topic_for_database
from dialer.hq.set_aside import RowSetAside, create_record_of_rejected_row
from dialer.hq.sql import Query, convert_rows_to_columns
from dialer.nats.messages import BatchRow
from dialer.store.sql import Statements


class StoredResult(NamedTuple):
    """A stored result that may be the same as a row that a centre sends again: its time and topic are equal.

    `id` is the id of the sent row, not of the stored result.
    """

    id: int
    key: str
    payload: str


class StoredMark(NamedTuple):
    """The id of a row that a centre sends again. The mark (fact about a voter) in this row is stored already."""

    id: int


class StoredSetAside(NamedTuple):
    """A row from a centre that headquarters could not store as a result, and has therefore stored separately (set
    aside).
    """

    id: int
    payload: str


class SQL(Statements):
    results = Query(StoredResult)
    marks = Query(StoredMark)
    set_aside = Query(StoredSetAside)


async def is_any_resent_row_different(
    db: Database,
    centre: str,
    incarnation: str,
    rows: Sequence[BatchRow],
    uncommitted: Mapping[int, BatchRow],
    oldest: float,
    now: float,
) -> bool:
    """Return whether a row that a centre sends again is missing at headquarters, or differs from the stored row.

    `rows` are the rows that are sent again; a stored row is found by its id. `uncommitted` has the rows of the same
    store that the current transaction will store, by id. Some rows are not compared with the database: rows older than
    `oldest`, which may have been deleted, and rows with an impossible time. Times are in epoch seconds.
    """
    if any(not _has_same_topic_and_payload(uncommitted.get(row.id, row), row) for row in rows):
        return True
    missing = {
        row.id: row for row in rows if row.id not in uncommitted and max(oldest, 0.0) < row.at < MAX_EPOCH_SECONDS
    }
    if not missing:
        return False
    for aside in await SQL.set_aside.fetch_rows(db, centre, incarnation, [*missing]):
        if (
            aside.payload
            == create_record_of_rejected_row(centre, incarnation, missing[aside.id], now, "", retry=False).payload
        ):
            del missing[aside.id]
    parsed = {row.id: _parse_outbox_row_if_valid(centre, row, now) for row in missing.values()}
    sent = [(row.at, shorten_topic_for_database(row.topic), row.id) for row in missing.values()]
    for stored in await SQL.results.fetch_rows(db, centre, *convert_rows_to_columns(sent, 3)):
        row = parsed[stored.id]
        is_same_key = isinstance(row, ResultRow) and row.key == stored.key
        if stored.id in missing and (is_same_key or _is_same_json(stored.payload, missing[stored.id].payload)):
            del missing[stored.id]
    marks = [_get_mark_key(row) for row in parsed.values() if isinstance(row, MarkRow) and row.id in missing]
    for mark in await SQL.marks.fetch_rows(db, *convert_rows_to_columns(marks, 7)):
        del missing[mark.id]
    return bool(missing)


# With the id of the row, in the order of the statement's arrays.
_get_mark_key = attrgetter(
    "place.state_code",
    "place.constituency_number",
    "place.part_number",
    "place.serial",
    "place.roll_version",
    "key",
    "id",
)


def _has_same_topic_and_payload(one: BatchRow, other: BatchRow) -> bool:
    return (one.topic, one.payload) == (other.topic, other.payload)


def _is_same_json(one: str, other: str) -> bool:
    """Return whether two payloads have the same JSON fields, in any order.

    The keys of the rows are not compared, because another version of headquarters may have computed a different key.
    """
    try:
        return bool(json.loads(one) == json.loads(other))
    except (ValueError, RecursionError):
        return False


def _parse_outbox_row_if_valid(centre: str, row: BatchRow, now: float) -> ResultRow | MarkRow | None:
    try:
        return parse_outbox_row(centre, row, now)[0]
    except RowSetAside:
        return None
