"""Reports on the work of each agent: log-in, talks, wrap-up, pauses and contacts.

There is no report on adherence, because no schedule is stored with which the log-ins could be compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from dialer.domain.view import SeatState
from dialer.reports.formats import Cell, Column, ColumnKind, Report, make_count_columns, make_text_columns
from dialer.reports.tables import Window
from dialer.store.connection import Connection
from dialer.store.sql import Query, Statements

NO_REASON = "(none)"
WORKING = (SeatState.TALKING, SeatState.WRAP_UP)
_SHOWN_STATES = (*WORKING, SeatState.READY, SeatState.PAUSED)  # columns in the terminal; other states are short-lived


class SeatSeconds(NamedTuple):
    """How many seconds a seat and its agent spent in one state."""

    seat: str
    agent_name: str
    state: str
    seconds: float


class SeatCalls(NamedTuple):
    """The number of connected calls of a seat and its agent."""

    seat: str
    agent_name: str
    calls: int


class AgentSeconds(NamedTuple):
    """How many seconds an agent spent in one state."""

    agent_name: str
    state: str
    seconds: float


class AgentCalls(NamedTuple):
    """An agent's connected calls, how many of them were contacts, and how many have a disposition."""

    agent_name: str
    calls: int
    contacts: int
    dispositions: int


class PauseCount(NamedTuple):
    """An agent's pauses for one reason, and their seconds."""

    agent_name: str
    reason_or_none: str
    pauses: int
    seconds: float


class SQL(Statements):
    seat_seconds_by_state = Query(SeatSeconds)
    calls_by_seat = Query(SeatCalls)
    seconds_by_state = Query(AgentSeconds)
    calls_by_agent = Query(AgentCalls)
    pauses_by_reason = Query(PauseCount)


def report_agents(db: Connection, window: Window) -> Report:
    """Report calls and seconds in each state by seat and agent, with utilisation (talking and wrap-up / logged-in
    time).

    With `window.campaign`, only this campaign's calls are counted. The times are always those of all campaigns.
    """
    seconds: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in window.query_rows_of_period(db, SQL.seat_seconds_by_state):
        seconds[row.seat, row.agent_name][row.state] += row.seconds
    connected = {(seat, agent): n for seat, agent, n in window.query_rows_of_period(db, SQL.calls_by_seat)}
    states = [state for state in SeatState if state is not SeatState.OFFLINE]
    rows: list[tuple[Cell, ...]] = []
    for seat, agent in sorted(seconds.keys() | connected.keys()):
        spent = {state.value: seconds[seat, agent][state] for state in states}
        rows.append(
            (seat, agent, *_compute_work_figures_of_agent(spent, connected.get((seat, agent), 0)), *spent.values())
        )
    totals = {state.value: sum(spent[state] for spent in seconds.values()) for state in states}
    total = ("all", "", *_compute_work_figures_of_agent(totals, sum(connected.values())), *totals.values())
    return Report(
        "agents",
        (
            *make_text_columns("seat", "agent"),
            Column("utilisation", ColumnKind.SHARE, "busy"),
            Column("calls"),
            Column("calls_per_hour", ColumnKind.RATE, "per h"),
            Column("handling_seconds", ColumnKind.SECONDS, "handling"),
            Column("logged_in_seconds", ColumnKind.SECONDS, "logged"),
            *(
                Column(f"{state.replace('-', '_')}_seconds", ColumnKind.SECONDS, state.value, state in _SHOWN_STATES)
                for state in states
            ),
        ),
        tuple(rows),
        total if rows else None,
    )


def _compute_work_figures_of_agent(spent: Mapping[str, float], calls: int) -> tuple[Cell, ...]:
    """Return utilisation (0-1), calls, calls per hour, mean handling time (talking and wrap-up) and logged-in time (seconds)."""
    logged_in, worked = sum(spent.values()), sum(spent[state] for state in WORKING)
    if logged_in <= 0:
        return None, calls, None, None, 0.0
    return worked / logged_in, calls, calls * 3600 / logged_in, worked / calls if calls else None, logged_in


def report_work_of_agents(db: Connection, window: Window) -> Report:
    """Report each agent's log-in time, times in each state, calls, contacts, contacts per hour of log-in, and
    dispositions.

    With `window.campaign`, only this campaign's calls are counted. The times are always those of all campaigns.
    """
    seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in window.query_rows_of_period(db, SQL.seconds_by_state):
        if row.state != SeatState.OFFLINE:
            seconds[row.agent_name][row.state] += row.seconds
    calls = {row.agent_name: row[1:] for row in window.query_rows_of_period(db, SQL.calls_by_agent)}
    names = sorted(seconds.keys() | calls.keys())
    rows = tuple((name, *_compute_cells_of_agent_work(seconds[name], calls.get(name, (0, 0, 0)))) for name in names)
    sums: dict[str, float] = defaultdict(float)
    for spent in seconds.values():
        for state, number in spent.items():
            sums[state] += number
    counts = tuple(sum(each) for each in zip(*calls.values(), strict=True)) or (0, 0, 0)
    return Report(
        "agents' work",
        (
            Column("agent", ColumnKind.TEXT),
            Column("logged_in_seconds", ColumnKind.SECONDS, "logged in"),
            *(Column(f"{state.replace('-', '_')}_seconds", ColumnKind.SECONDS, state) for state in _SHOWN_STATES),
            Column("utilisation", ColumnKind.SHARE, "busy"),
            Column("handling_seconds", ColumnKind.SECONDS, "handling"),
            *make_count_columns("calls", "contacts"),
            Column("contacts_per_hour", ColumnKind.RATE, "per h"),
            Column("dispositions"),
        ),
        rows,
        ("all", *_compute_cells_of_agent_work(sums, counts)) if rows else None,
    )


def _compute_cells_of_agent_work(spent: dict[str, float], counts: tuple[int, ...]) -> tuple[Cell, ...]:
    """Return log-in time and times by state (seconds), utilisation (0-1), mean handling time, calls, contacts, contacts
    per hour and dispositions.
    """
    calls, contacts, dispositions = counts
    logged_in, worked = sum(spent.values()), sum(spent.get(state, 0.0) for state in WORKING)
    return (
        logged_in,
        *(spent.get(state, 0.0) for state in _SHOWN_STATES),
        worked / logged_in if logged_in else None,
        worked / calls if calls else None,
        calls,
        contacts,
        contacts * 3600 / logged_in if logged_in else None,
        dispositions,
    )


def report_pauses(db: Connection, window: Window) -> Report:
    """Report each agent's pauses by reason, with their number and their seconds."""
    rows = [*window.query_rows_of_period(db, SQL.pauses_by_reason)]
    return Report(
        "pauses",
        (
            *make_text_columns("agent", "pause_reason"),
            Column("pauses"),
            Column("paused_seconds", ColumnKind.SECONDS, "paused"),
        ),
        tuple((row.agent_name, row.reason_or_none or NO_REASON, row.pauses, row.seconds) for row in rows),
        ("all", "", sum(row.pauses for row in rows), sum(row.seconds for row in rows)) if rows else None,
    )
