"""Orders of headquarters that this centre has executed.

An order, the changed states of campaigns, and the audit entry are committed in one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from dialer.domain.model import CampaignState
from dialer.domain.orders import LONGEST_VALID_SECONDS, ExecutedOrder
from dialer.store import audit, campaigns
from dialer.store.audit import AuditNote
from dialer.store.sql import Command, Connection, Query, Statements


class StopInForce(NamedTuple):
    """A stop order of headquarters that is in force: headquarters has not lifted it."""

    order_id: str
    stopped: str | None  # JSON: the states of the campaigns before it


class SQL(Statements):
    orders = Query(ExecutedOrder)
    stops_in_force = Query(StopInForce)
    insert_order = Command()
    lift_stops = Command()
    delete_expired = Command()


def read_headquarters_orders(db: Connection) -> list[ExecutedOrder]:
    """Return the executed orders of headquarters, oldest first."""
    return SQL.orders.fetch_all_rows(db)


def read_stop_orders_in_force(db: Connection) -> dict[str, dict[str, CampaignState]]:
    """Return headquarters' stop orders that are in force, by order id.

    Each order has the campaigns that it stopped, with their states before the stop.
    """
    return {
        row.order_id: {name: CampaignState(state) for name, state in json.loads(row.stopped or "{}").items()}
        for row in SQL.stops_in_force.iterate_rows(db)
    }


def save_headquarters_order(
    db: Connection,
    order: ExecutedOrder,
    states: Mapping[str, CampaignState],
    note: AuditNote,
    *,
    stopped: Mapping[str, CampaignState] | None = None,
    lifts: bool = False,
) -> None:
    """Store an executed order of headquarters, set campaigns to the `states` that it orders, and append an audit entry.

    An order that is stored already changes nothing. For a stop order, `stopped` has the states of the campaigns before
    the stop. `lifts` says whether this order ends all stop orders in force.
    """
    before = None if stopped is None else json.dumps({name: state.value for name, state in stopped.items()})
    fields = {"order_id": order.order_id, "digest": order.digest, "kind": order.kind, "made_at": order.made_at}
    if SQL.insert_order.run_statement(db, **fields, stopped=before) == 0:
        return
    for campaign_id, state in states.items():
        campaigns.update_campaign_state(db, campaign_id, state)
    if lifts:
        SQL.lift_stops.run_statement(db, at=note.at)
    SQL.delete_expired.run_statement(db, seconds=LONGEST_VALID_SECONDS)
    audit.append_entry(db, "headquarters-order", note.who, note.what, note.at)
