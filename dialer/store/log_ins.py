"""Log-ins: which agent is logged in at each seat. They are stored, so that a restarted dialler knows who was at work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from dialer.domain.audit_chain import shorten_text_for_audit
from dialer.store import audit, standing_orders
from dialer.store.sql import Command, Connection, Query, Scalar, Statements, get_fields_as_sql_parameters


@dataclass(frozen=True, slots=True)
class LogIn:
    """The agent who is logged in at a seat."""

    seat: str
    agent: str
    paused: bool  # now or after the call
    reason: str | None  # of the pause
    at: float  # epoch seconds: of the log-in or the last change


class LogInRow(NamedTuple):
    """The database row with the log-in of an agent at a seat."""

    seat: str
    agent: str
    paused: int
    reason: str | None
    at: float


class SQL(Statements):
    set_log_in = Command()
    agent_at = Scalar(str)
    delete_log_in = Command()
    log_ins = Query(LogInRow)


def save_log_in(db: Connection, log_in: LogIn) -> None:
    """Store the agent who logged in at a seat, with an audit entry unless the agent was logged in there already.

    If another agent was logged in there, append an audit entry of the log-off, and delete supervisors' orders in force
    for the seat, because they were meant for that agent.
    """
    before = SQL.agent_at.fetch_first_value(db, seat=log_in.seat)
    if before != log_in.agent:
        if before is not None:
            audit.append_entry(db, "log-off", shorten_text_for_audit(before), {"seat": log_in.seat}, log_in.at)
        audit.append_entry(db, "log-in", shorten_text_for_audit(log_in.agent), {"seat": log_in.seat}, log_in.at)
        standing_orders.delete_supervisor_orders_for_seat(db, log_in.seat)
    SQL.set_log_in.run_statement(db, **get_fields_as_sql_parameters(log_in))


def remove_log_in(db: Connection, seat: str, at: float) -> None:
    """Log off the agent at a seat, with an audit entry. Delete supervisors' orders in force for the seat, such as a
    message to the agent.

    `at` is in epoch seconds.
    """
    before = SQL.agent_at.fetch_first_value(db, seat=seat)
    if before is not None:
        audit.append_entry(db, "log-off", shorten_text_for_audit(before), {"seat": seat}, at)
    SQL.delete_log_in.run_statement(db, seat=seat)
    standing_orders.delete_supervisor_orders_for_seat(db, seat)


def read_log_ins(db: Connection) -> list[LogIn]:
    """Return the agents who are logged in, in the order of seats."""
    return [LogIn(row.seat, row.agent, bool(row.paused), row.reason, row.at) for row in SQL.log_ins.iterate_rows(db)]
