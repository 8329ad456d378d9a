"""Reports on single calls: the newest calls that match a filter, every call of a period, and the history of one call.

Reports hold IDs only: no voter names and no phone numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import NamedTuple

from dialer.reports.formats import (
    Cell,
    Column,
    ColumnKind,
    Report,
    format_time,
    make_columns_for_files_only,
    make_count_columns,
    make_text_columns,
)
from dialer.reports.tables import Window
from dialer.store.connection import Connection
from dialer.store.sql import Query, Statements

FIRST_PAGE = 2**62
"""A place after that of every call."""
ALL_CALLS = -1
"""The number of calls to load, if all are wanted."""
GROUNDS = (
    *("verdict", "profile", "rules", "purpose", "voice", "zones", "consent", "listed", "registers"),
    *("certificate", "certified_until", "asked_for", "seat_kept", "attestation"),
)
"""The keys of `Gate.format_legal_grounds_of_decision`, in the order of the report's columns."""


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Criteria for calls, in addition to a period and a campaign. A criterion that is None matches all calls."""

    agent: str | None = None
    outcome: str | None = None  # "live": calls in progress
    disposition: str | None = None
    phone: int | None = None
    voter: int | None = None


class NewestCall(NamedTuple):
    """A call in the list of newest calls, with the legal grounds (JSON) on which it was allowed."""

    created_at: float
    answered_at: float | None
    ended_at: float | None
    attempt_id: str
    campaign_id: str
    direction: str
    phone_id: int
    trunk: str
    caller_id: str
    outcome_or_live: str
    disposition_or_none: str
    call_seat: str
    call_agent: str
    gap_seconds: float | None
    grounds: str | None
    voter_id: int | None
    place: int
    is_recorded: int


class CallDetails(NamedTuple):
    """The times, the trunk and the legal grounds (JSON) of a call."""

    phone_id: int
    voter_id: int | None
    trunk: str
    caller_id: str
    created_at: float
    ringing_at: float | None
    answered_at: float | None
    connected_at: float | None
    ended_at: float | None
    disposed_at: float | None
    cause: int | None
    sip_status: str
    gap_seconds: float | None
    grounds: str | None


class MarkOfCall(NamedTuple):
    """A mark (recorded fact about a voter) that was made in a call."""

    at: float
    kind: str
    source: str
    mark_agent: str


class AnswerOfCall(NamedTuple):
    """An answer that was given to a question in a call."""

    at: float
    name: str
    value: str


class SQL(Statements):
    newest_calls = Query(NewestCall)
    newest_calls_of_number = Query(NewestCall)
    call_details = Query(CallDetails)
    marks_of_call = Query(MarkOfCall)
    answers_of_call = Query(AnswerOfCall)


@dataclass(frozen=True, slots=True)
class CallHistory:
    """A call with its legal grounds by name, and the answers and marks (recorded facts about a voter) that were stored in it."""

    details: CallDetails
    grounds: Mapping[str, str]
    marks: list[MarkOfCall]
    answers: list[AnswerOfCall]


def load_newest_calls(
    db: Connection, window: Window, chosen: CallFilter, most: int, before: int = FIRST_PAGE
) -> list[NewestCall]:
    """Return at most `most` calls that match a filter, the newest first.

    For the next page, `before` is the `place` of the last call of the page before it.
    """
    query = SQL.newest_calls if chosen.phone is None else SQL.newest_calls_of_number
    return [
        *window.query_rows_of_period(
            db,
            query,
            before=before,
            most=most,
            agent=chosen.agent,
            outcome=chosen.outcome,
            disposition=chosen.disposition,
            phone=chosen.phone,
            voter=chosen.voter,
        )
    ]


def report_each_call(db: Connection, window: Window, zone: tzinfo) -> Report:
    """Report every call attempt with the legal grounds on which it was allowed.

    The grounds include the rules, time zones, consent, do-not-call registers, certificate, and attestation of the
    caller ID (STIR/SHAKEN). Inbound calls have only the attestation. Calls stored by old releases have no grounds.
    """
    return build_report_of_calls(reversed(load_newest_calls(db, window, CallFilter(), ALL_CALLS)), zone)


def build_report_of_calls(calls: Iterable[NewestCall], zone: tzinfo) -> Report:
    """Return the report that has a row for each of `calls`, in their order. See `report_each_call`."""
    rows: list[tuple[Cell, ...]] = []
    for call in calls:
        grounds = {} if call.grounds is None else json.loads(call.grounds)
        times = [format_time(each, zone) for each in (call.created_at, call.answered_at, call.ended_at)]
        call_cells: tuple[Cell, ...] = (
            *(call.attempt_id, call.campaign_id, call.direction, call.phone_id, call.trunk, call.caller_id),
            *(call.outcome_or_live, call.disposition_or_none, call.call_seat, call.call_agent, call.gap_seconds),
        )
        rows.append((*times, *call_cells, *(str(grounds.get(name, "")) for name in GROUNDS)))
    return Report(
        "calls one by one",
        (
            *make_text_columns("at"),
            *make_columns_for_files_only("answered_at", "ended_at"),
            *make_text_columns("attempt", "campaign"),
            *make_columns_for_files_only("direction"),
            *make_count_columns("phone"),
            *make_columns_for_files_only("trunk", "caller_id"),
            *make_text_columns("outcome", "disposition"),
            *make_columns_for_files_only("seat"),
            *make_text_columns("agent"),
            Column("gap_seconds", ColumnKind.SECONDS, "gap"),
            *(Column(name, ColumnKind.TEXT, in_table=name in {"verdict", "zones", "consent"}) for name in GROUNDS),
        ),
        tuple(rows),
    )


def load_call_history(db: Connection, attempt: str) -> CallHistory | None:
    """Return the details of a call, or None if there is no such call.

    The grounds are empty for inbound calls, and for calls stored by releases that did not record grounds.
    """
    details = SQL.call_details.fetch_first_row(db, attempt=attempt)
    if details is None:
        return None
    grounds = {} if details.grounds is None else json.loads(details.grounds)
    marks = SQL.marks_of_call.fetch_all_rows(db, voter=details.voter_id, attempt=attempt)
    return CallHistory(details, grounds, marks, SQL.answers_of_call.fetch_all_rows(db, attempt=attempt))
