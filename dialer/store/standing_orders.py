"""Standing orders: supervisors' orders for campaigns and seats that stay in force until they expire, even after a
restart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from dialer.store.sql import Command, Connection, Query, Statements, get_fields_as_sql_parameters


@dataclass(frozen=True, slots=True)
class StandingOrder:
    """An order of a supervisor, such as a limit on calls, that stays in force after a restart. A newer order with the
    same addressee and command replaces it.
    """

    # `format_campaign_as_order_addressee`, `format_seat_as_order_addressee`, or "centre" for a stop of all campaigns:
    addressee: str
    command: str  # its name in the message
    content: Mapping[str, Any]  # JSON values
    at: float  # epoch seconds
    until: float | None = None  # None: until it is revoked. A seat's order also ends when its agent logs off.


class OrderRow(NamedTuple):
    """The database row with a supervisor's standing order."""

    addressee: str
    command: str
    content: str  # JSON
    at: float
    until: float | None


class SQL(Statements):
    orders = Query(OrderRow)
    set_order = Command()
    delete_order = Command()
    delete_orders_for = Command()
    delete_expired = Command()


def format_campaign_as_order_addressee(campaign_id: str) -> str:
    """Return the name of a campaign as the addressee of a stored supervisor's order."""
    return f"campaign/{campaign_id}"


def format_seat_as_order_addressee(seat: str) -> str:
    """Return the name of a seat as the addressee of a stored supervisor's order."""
    return f"seat/{seat}"


def read_supervisor_orders_in_force(db: Connection, now: float) -> list[StandingOrder]:
    """Return the supervisors' orders that are in force at `now` (epoch seconds). Delete those that have expired."""
    SQL.delete_expired.run_statement(db, now=now)
    return [
        StandingOrder(row.addressee, row.command, json.loads(row.content), row.at, row.until)
        for row in SQL.orders.iterate_rows(db)
    ]


def save_supervisor_orders(db: Connection, orders: Sequence[StandingOrder]) -> None:
    """Store supervisors' orders that stay in force after a restart, and delete stored orders that have expired."""
    for each in orders:
        SQL.delete_expired.run_statement(db, now=each.at)
        SQL.set_order.run_statement(db, **get_fields_as_sql_parameters(each) | {"content": json.dumps(each.content)})


def delete_supervisor_order(db: Connection, addressee: str, command: str) -> None:
    """Delete a supervisor's order from the store, so that it no longer applies. Do nothing if there is no such order."""
    SQL.delete_order.run_statement(db, addressee=addressee, command=command)


def delete_supervisor_orders_for_seat(db: Connection, seat: str) -> None:
    """Delete all orders of supervisors for a seat from the store, so that they no longer apply."""
    SQL.delete_orders_for.run_statement(db, addressee=format_seat_as_order_addressee(seat))
