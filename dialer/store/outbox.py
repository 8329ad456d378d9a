"""The outbox: MQTT messages that wait to be sent. Each is committed together with the result that it announces.

The messages go to the broker and, if the settings name a headquarters, to headquarters. For each of the two, the store
knows up to which message it has received them. A message is deleted once both have it. Functions that write run inside
the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dialer.domain.errors import NotInStore
from dialer.domain.model import Announcement
from dialer.domain.results import Encode, OutboxWait, Result, TestMark
from dialer.store import audit, campaigns, identity
from dialer.store.sql import Command, Connection, Query, Scalar, Statements, get_fields_as_sql_parameters

RESULTS = tuple(
    f"results/{each}" for each in ("answers", "attempts", "dispositions", "marks", "opt-outs", "sealed-epochs")
)
"""Topics whose rows are never deleted before headquarters has them. All other topics are telemetry."""
TELEMETRY_ROWS_KEPT = 1_000
_ROWS_PER_PAGE = 500
NO_HEADQUARTERS = "The settings name no headquarters ([headquarters]). Restart the dialler with settings that do."


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An MQTT message that is waiting to be sent."""

    outbox_id: int
    topic: str
    payload: str
    at: float  # epoch seconds


class WaitingRows(NamedTuple):
    """How many MQTT messages wait for one receiver, the broker or headquarters."""

    sink: str  # "mqtt" or "uplink"
    rows: int
    oldest_at: float | None  # epoch seconds; None: none waits


@dataclass(frozen=True, slots=True)
class OutboxTrim:
    """The unsent MQTT messages that were deleted from the outbox to keep it within its limit."""

    deleted: int  # rows
    bytes_over_limit: int = 0  # of results that wait for headquarters and cannot be deleted


class SQL(Statements):
    insert_announcement = Command()
    rows_for_broker = Query(OutboxRow)
    rows_after = Query(OutboxRow)
    advance_sink = Command()
    passed_by = Scalar(int)
    waiting = Query(WaitingRows)
    delete_passed = Command()
    delete_sinks = Command()
    add_sink = Command()
    byte_limit = Scalar(int)
    waiting_bytes = Scalar(int)
    delete_telemetry = Command()
    delete_oldest = Command()
    highest_id = Scalar(int)


def add_messages_to_outbox(db: Connection, announcements: Sequence[Announcement], at: float) -> None:
    """Store MQTT messages to be sent (outbox). Messages that are added twice are stored and sent twice."""
    SQL.insert_announcement.run_statement_for_each_parameter_set(
        db, (get_fields_as_sql_parameters(each) | {"at": at} for each in announcements)
    )


def add_result_to_outbox(db: Connection, encode: Encode | None, result: Result, at: float) -> None:
    """Encode a result as an MQTT message and store it in the outbox (messages to send). Do nothing if `encode` is None."""
    if encode is not None:
        add_messages_to_outbox(db, [encode(result)], at)


def add_test_message_to_outbox(db: Connection, encode: Encode | None, at: float) -> None:
    """Store a test message for headquarters in the outbox, to find out whether results reach headquarters.

    Raises NotInStore if the settings name no headquarters.
    """
    if read_last_outbox_id_at_headquarters(db) is None:
        raise NotInStore(NO_HEADQUARTERS)
    add_result_to_outbox(db, encode, TestMark(at), at)


def read_outbox_rows_for_broker(db: Connection, limit: int) -> list[OutboxRow]:
    """Return the oldest MQTT messages that the broker does not have yet, up to `limit`."""
    return SQL.rows_for_broker.fetch_all_rows(db, limit=limit)


def mark_outbox_rows_published(db: Connection, up_to: int) -> None:
    """Record that the broker has received all MQTT messages up to the id `up_to`.

    Messages that headquarters still needs are not deleted.
    """
    SQL.advance_sink.run_statement(db, name="mqtt", passed=up_to)
    SQL.delete_passed.run_statement(db, passed=up_to)


def delete_oldest_messages_of_full_outbox(db: Connection, *, keep_at_most: int = 100_000) -> OutboxTrim:
    """Delete the oldest unsent MQTT messages if more of them wait than the limit allows. The results themselves stay.

    Opt-outs are neither counted nor deleted, because other centres have no other way to get them. If the settings name
    a headquarters, the limit is the number of bytes set there, and only telemetry (no results) is deleted.
    """
    byte_limit = SQL.byte_limit.fetch_first_value(db)
    if byte_limit is None:
        return OutboxTrim(SQL.delete_oldest.run_statement(db, keep=keep_at_most))
    if SQL.waiting_bytes.fetch_only_value(db) <= byte_limit:
        return OutboxTrim(0)
    deleted = SQL.delete_telemetry.run_statement(db, results=json.dumps(RESULTS), keep=TELEMETRY_ROWS_KEPT)
    return OutboxTrim(deleted, max(0, SQL.waiting_bytes.fetch_only_value(db) - byte_limit))


def count_waiting_outbox_rows(db: Connection) -> tuple[OutboxWait, ...]:
    """Return how many MQTT messages wait for the broker and, if the settings name a headquarters, for headquarters."""
    names = {"mqtt": "broker", "uplink": "headquarters"}
    return tuple(OutboxWait(names[row.sink], row.rows, row.oldest_at) for row in SQL.waiting.iterate_rows(db))


def set_byte_limit_of_headquarters_queue(db: Connection, byte_limit: int | None) -> None:
    """Set the size limit (bytes) of the MQTT messages that wait for headquarters.

    Above the limit, only results are added. A `byte_limit` of None means that the site has no headquarters. Then the
    messages that only headquarters had not received yet are deleted.
    """
    if byte_limit is not None:
        for name in ("mqtt", "uplink"):
            SQL.add_sink.run_statement(db, name=name, most_bytes=byte_limit if name == "uplink" else None)
        return
    passed_by_broker = SQL.passed_by.fetch_first_value(db, name="mqtt")
    SQL.delete_sinks.run_statement(db)
    if passed_by_broker is not None:
        SQL.delete_passed.run_statement(db, passed=passed_by_broker)


def read_outbox_rows_between(db: Connection, passed: int, last: int) -> Iterator[OutboxRow]:
    """Return the MQTT messages with ids above `passed`, up to the id `last`. They are read page by page."""
    while rows := SQL.rows_after.fetch_all_rows(db, outbox_id=passed, limit=_ROWS_PER_PAGE):
        for row in rows:
            if row.outbox_id > last:
                return
            yield row
        passed = rows[-1].outbox_id


def read_last_outbox_id_at_headquarters(db: Connection) -> int | None:
    """Return the id of the last MQTT message that headquarters has, or None if the settings name no headquarters."""
    return SQL.passed_by.fetch_first_value(db, name="uplink")


def record_last_outbox_id_at_headquarters(db: Connection, through: int, at: float) -> bool:
    """Record that headquarters has stored the MQTT messages up to the id `through`.

    Return whether the store turned out to be an older copy: its file was set back to an earlier state. This is so if
    the store never assigned the id `through`. Headquarters would then mistake new messages for those that it has. So
    the store gets a new identity. It does not know who was called, has voted or has opted out since. So all campaigns
    are stopped, with an audit entry.

    A lower id than before changes nothing. `at` is in epoch seconds. Raises NotInStore if the settings name no
    headquarters.
    """
    if read_last_outbox_id_at_headquarters(db) is None:
        raise NotInStore(NO_HEADQUARTERS)
    if through > SQL.highest_id.fetch_only_value(db):
        identity.replace_identity_of_restored_store(db)
        campaigns.stop_campaigns(db, at)
        audit.append_entry(
            db, "store-set-back", "uplink", {"incarnation": identity.read_store_identity(db).incarnation}, at
        )
        return True
    SQL.advance_sink.run_statement(db, name="uplink", passed=through)
    SQL.delete_passed.run_statement(db, passed=through)
    return False
