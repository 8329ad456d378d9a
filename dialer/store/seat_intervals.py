"""Seat intervals: how long each seat was in each state (ready, talking, ...)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from dialer.domain.results import Encode, SeatHours
from dialer.store.outbox import add_result_to_outbox, read_last_outbox_id_at_headquarters
from dialer.store.sql import Command, Connection, Statements, get_fields_as_sql_parameters


@dataclass(frozen=True, slots=True)
class SeatInterval:
    """A period that a seat spent in one state. Times are epoch seconds."""

    seat: str
    agent: str | None
    state: str
    from_at: float
    until_at: float
    reason: str | None = None


class SQL(Statements):
    insert_interval = Command()


def save_intervals_of_seat_states(db: Connection, encode: Encode | None, intervals: Sequence[SeatInterval]) -> None:
    """Store how long seats were in each state (ready, talking, ...), skipping intervals that are stored already.

    If the settings name a headquarters, announce the total times by MQTT.
    """
    new = [each for each in intervals if SQL.insert_interval.run_statement(db, **get_fields_as_sql_parameters(each))]
    if new and read_last_outbox_id_at_headquarters(db) is not None:
        seconds: dict[str, float] = defaultdict(float)
        for each in new:
            seconds[each.state] += each.until_at - each.from_at
        until_at = max(each.until_at for each in new)
        add_result_to_outbox(db, encode, SeatHours(until_at, len({each.seat for each in new}), seconds), until_at)
