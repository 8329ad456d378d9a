"""The reports: calls, trunks, agents, abandonment, recordings. No name of a voter and no number is in any of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import NamedTuple, TypeVar

from dialer.domain.model import ANSWERED, AbandonedRate
from dialer.domain.view import SeatState
from dialer.engine.trunks.state import CARRIER_REFUSES, TRUNK_FAILURES
from dialer.reports.formats import Cell, Column, ColumnKind, Report, figures, moment, summed, texts, unshown
from dialer.store.campaign_figures import LIVE
from dialer.store.connection import Connection
from dialer.store.recordings import file_name
from dialer.store.sql import Query, Statements

R = TypeVar("R")
FOREVER = 1e11  # epoch seconds, some three thousand years ahead
QUARTER_SECONDS = 900
GROUNDS = (
    *("verdict", "profile", "rules", "purpose", "voice", "zones", "consent", "listed", "registers"),
    *("certificate", "certified_until", "asked_for", "seat_kept"),
)
"""What `Gate.grounds` tells, in the order of the columns."""
_ANSWERED = json.dumps(sorted(ANSWERED))
WORKING = (SeatState.TALKING, SeatState.WRAP_UP)
SHOWN_STATES = (SeatState.READY, *WORKING, SeatState.PAUSED)  # in the table; the others last for moments


class OutcomeOfCalls(NamedTuple):
    """Calls of a campaign with one outcome."""

    campaign_id: str
    outcome_or_live: str
    calls: int
    seconds_to_answer: float | None
    seconds_after_answer: float | None


class RecordingRow(NamedTuple):
    """A recorded call."""

    attempt_id: str
    campaign_id: str
    started_at: float
    seconds: float | None
    call_seat: str
    call_agent: str
    outcome_or_live: str


class AnswerCount(NamedTuple):
    """Calls with one answer to a question."""

    campaign_id: str
    name: str
    value: str
    calls: int


class AnswerRow(NamedTuple):
    """An answer in a call."""

    at: float
    campaign_id: str
    attempt_id: str
    direction: str
    phone_id: int
    voter_id: int | None
    name: str
    value: str
    is_message: int


class TrunkCounts(NamedTuple):
    """Calls on a trunk."""

    trunk: str
    calls: int
    answered: int
    failures: int
    seconds_to_ringing: float | None
    most_starts: int | None


class SeatSeconds(NamedTuple):
    """The time of a seat and agent in one state."""

    seat: str
    agent_name: str
    state: str
    seconds: float


class SeatCalls(NamedTuple):
    """Connected calls at a seat."""

    seat: str
    agent_name: str
    calls: int


class DispositionCount(NamedTuple):
    """Calls of an agent with one disposition."""

    agent_name: str
    disposition_or_none: str
    calls: int


class AbandonedCounts(NamedTuple):
    """Calls of a campaign in a quarter of an hour."""

    campaign_id: str
    quarter: int
    attempts: int
    live: int
    abandoned: int


class LiveAnswerRow(NamedTuple):
    """A live answer."""

    campaign_id: str
    at: float
    abandoned: int
    left_waiting: int


class CallRow(NamedTuple):
    """A call, with why it was lawful."""

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


class SQL(Statements):
    calls = Query(OutcomeOfCalls)
    recordings = Query(RecordingRow)
    answers = Query(AnswerCount)
    each_answer = Query(AnswerRow)
    trunks = Query(TrunkCounts)
    seat_seconds = Query(SeatSeconds)
    seat_calls = Query(SeatCalls)
    dispositions = Query(DispositionCount)
    abandonment = Query(AbandonedCounts)
    live_answers = Query(LiveAnswerRow)
    each_call = Query(CallRow)


@dataclass(frozen=True, slots=True)
class Window:
    """What a report is of: from `since` to before `until`, epoch seconds; of one campaign or of all."""

    since: float = 0.0
    until: float = FOREVER
    campaign: str | None = None

    def rows(self, db: Connection, query: Query[R], **more: Cell) -> Iterator[R]:
        """What a statement finds in it, row by row; the statement may ask which outcomes are answers, and which are live ones."""
        bound = {"since": self.since, "until": self.until, "campaign": self.campaign}
        return query.rows(db, **bound | more, answered=_ANSWERED, live_answers=LIVE)


def day_of(quarter: float, zone: tzinfo) -> str:
    """The day of `zone` of a quarter of an hour, counted from the epoch on."""
    return datetime.fromtimestamp(quarter * QUARTER_SECONDS, zone).date().isoformat()


def calls(db: Connection, window: Window) -> Report:
    """Attempts by campaign and outcome, with mean seconds to answer and after it. `live`: not ended yet."""
    rows = [*window.rows(db, SQL.calls)]
    whole: dict[str, int] = defaultdict(int)
    for campaign, _, number, *_ in rows:
        whole[campaign] += number
    return Report(
        "calls",
        (
            *texts("campaign", "outcome"),
            Column("calls"),
            Column("share", ColumnKind.SHARE),
            Column("mean_seconds_to_answer", ColumnKind.SECONDS, "to answer"),
            Column("mean_seconds_after_answer", ColumnKind.SECONDS, "after it"),
        ),
        tuple((campaign, outcome, n, n / whole[campaign], ring, talk) for campaign, outcome, n, ring, talk in rows),
        ("all", "", sum(whole.values()), None, None, None) if rows else None,
    )


def each_call(db: Connection, window: Window, zone: tzinfo) -> Report:
    """Every attempt by itself, with why it was lawful: the rules' version (by its digest), zones, consent, registers, certificate,
    and the seconds since the last call to its number. Ids only. A call of an earlier version, and one that came in, has no grounds.
    """
    rows: list[tuple[Cell, ...]] = []
    for call in window.rows(db, SQL.each_call):
        why = {} if call.grounds is None else json.loads(call.grounds)
        times = [moment(each, zone) for each in (call.created_at, call.answered_at, call.ended_at)]
        call_cells: tuple[Cell, ...] = (
            *(call.attempt_id, call.campaign_id, call.direction, call.phone_id, call.trunk, call.caller_id),
            *(call.outcome_or_live, call.disposition_or_none, call.call_seat, call.call_agent, call.gap_seconds),
        )
        rows.append((*times, *call_cells, *(str(why.get(name, "")) for name in GROUNDS)))
    return Report(
        "calls one by one",
        (
            *texts("at"),
            *unshown("answered_at", "ended_at"),
            *texts("attempt", "campaign"),
            *unshown("direction"),
            *figures("phone"),
            *unshown("trunk", "caller_id"),
            *texts("outcome", "disposition"),
            *unshown("seat"),
            *texts("agent"),
            Column("gap_seconds", ColumnKind.SECONDS, "gap"),
            *(Column(name, ColumnKind.TEXT, in_table=name in {"verdict", "zones", "consent"}) for name in GROUNDS),
        ),
        tuple(rows),
    )


def answers(db: Connection, window: Window, question: str | None = None) -> Report:
    """By campaign and question, how many calls have which answer, keyed or noted by an agent, and their share of those with any."""
    rows = [*window.rows(db, SQL.answers, question=question)]
    asked: dict[tuple[str, str], int] = defaultdict(int)
    for campaign, name, _, number in rows:
        asked[campaign, name] += number
    return Report(
        "answers",
        (*texts("campaign", "question", "answer"), Column("calls"), Column("share", ColumnKind.SHARE)),
        tuple((campaign, name, value, n, n / asked[campaign, name]) for campaign, name, value, n in rows),
    )


def each_answer(db: Connection, window: Window, zone: tzinfo, question: str | None = None) -> Report:
    """Answer by answer, of one question or all, and messages that callers left by the names of their recordings. Ids only."""
    found = window.rows(db, SQL.each_answer, question=question)
    return Report(
        "answers one by one",
        (
            *texts("at", "campaign"),
            *unshown("attempt", "direction"),
            *figures("phone", "voter"),
            *texts("question", "answer", "is"),
        ),
        tuple(
            (
                *(moment(row.at, zone), row.campaign_id, row.attempt_id, row.direction, row.phone_id, row.voter_id),
                *(row.name, row.value, "message" if row.is_message else "answer"),
            )
            for row in found
        ),
    )


def trunks(db: Connection, window: Window) -> Report:
    """Attempts, answers and the carrier's own failures by trunk, and how many calls began in its busiest second (CPS)."""
    failures, refusals = (json.dumps(sorted(each)) for each in (TRUNK_FAILURES, CARRIER_REFUSES))
    found = [*window.rows(db, SQL.trunks, failures=failures, refusals=refusals)]
    sums = [sum(counts) for counts in zip(*(row[1:4] for row in found), strict=True)]
    return Report(
        "trunks",
        (
            Column("trunk", ColumnKind.TEXT),
            *figures("attempts", "answered"),
            Column("answer_seizure_ratio", ColumnKind.SHARE, "asr"),
            Column("failures"),
            Column("failure_share", ColumnKind.SHARE, "failed"),
            Column("mean_seconds_to_ringing", ColumnKind.SECONDS, "to ringing"),
            Column("most_starts_in_a_second", head="cps"),
        ),
        tuple((row[0], *_with_ratio(row[1:4]), *row[4:]) for row in found),
        ("all", *_with_ratio(sums), None, None) if found else None,
    )


def _with_ratio(numbers: Sequence[int]) -> tuple[Cell, ...]:
    attempts, answered, failures = numbers
    ratio, failed = (answered / attempts, failures / attempts) if attempts else (None, None)
    return attempts, answered, ratio, failures, failed


def agents(db: Connection, window: Window) -> Report:
    """Where seats and agents spent their time. Utilisation is talking and wrap-up over logged-in time.

    A campaign narrows the calls only: a seat's time is not a campaign's.
    """
    seconds: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in window.rows(db, SQL.seat_seconds):
        seconds[row.seat, row.agent_name][row.state] += row.seconds
    connected = {(seat, agent): n for seat, agent, n in window.rows(db, SQL.seat_calls)}
    states = [state for state in SeatState if state is not SeatState.OFFLINE]
    rows: list[tuple[Cell, ...]] = []
    for seat, agent in sorted(seconds.keys() | connected.keys()):
        spent = {state.value: seconds[seat, agent][state] for state in states}
        rows.append((seat, agent, *_working(spent, connected.get((seat, agent), 0)), *spent.values()))
    totals = {state.value: sum(spent[state] for spent in seconds.values()) for state in states}
    total = ("all", "", *_working(totals, sum(connected.values())), *totals.values())
    return Report(
        "agents",
        (
            *texts("seat", "agent"),
            Column("utilisation", ColumnKind.SHARE, "busy"),
            Column("calls"),
            Column("calls_per_hour", ColumnKind.RATE, "per h"),
            Column("handling_seconds", ColumnKind.SECONDS, "handling"),
            Column("logged_in_seconds", ColumnKind.SECONDS, "logged"),
            *(
                Column(f"{state.replace('-', '_')}_seconds", ColumnKind.SECONDS, state.value, state in SHOWN_STATES)
                for state in states
            ),
        ),
        tuple(rows),
        total if rows else None,
    )


def _working(spent: Mapping[str, float], number: int) -> tuple[Cell, ...]:
    """Utilisation, calls, calls an hour, mean handling time (talking and wrap-up, of a call), logged-in seconds."""
    whole, worked = sum(spent.values()), sum(spent[state] for state in WORKING)
    if whole <= 0:
        return None, number, None, None, 0.0
    return worked / whole, number, number * 3600 / whole, worked / number if number else None, whole


def dispositions(db: Connection, window: Window) -> Report:
    """What agents said of their calls, "(none)" where nothing was said; the share is of the agent's calls."""
    rows = [*window.rows(db, SQL.dispositions)]
    whole: dict[str, int] = defaultdict(int)
    for agent, _, number in rows:
        whole[agent] += number
    return Report(
        "dispositions",
        (*texts("agent", "disposition"), Column("calls"), Column("share", ColumnKind.SHARE)),
        tuple((agent, said or "(none)", number, number / whole[agent]) for agent, said, number in rows),
        ("all", "", sum(whole.values()), None) if rows else None,
    )


def abandonment(db: Connection, window: Window, zone: tzinfo) -> Report:
    """Live answers and abandoned calls by campaign and day of `zone`; the rate is abandoned / live answers."""
    rows = window.rows(db, SQL.abandonment)
    found = [((campaign, day_of(quarter, zone)), numbers) for campaign, quarter, *numbers in rows]
    rate = Column("abandoned_rate", ColumnKind.SHARE, "rate")
    columns = (*texts("campaign", "day"), *figures("attempts", "live_answers", "abandoned"), rate)
    return summed("abandonment", columns, found, _with_rate)


def _with_rate(counts: Sequence[int]) -> tuple[Cell, ...]:
    attempts, live_answers, abandoned = counts
    return attempts, live_answers, abandoned, AbandonedRate(live_answers, abandoned).rate if live_answers else None


def recordings(db: Connection, window: Window, zone: tzinfo, directory: Path) -> Report:
    """Recorded calls and whether the file is in `directory` still: `kept`, or `gone` (erased, or on another machine)."""
    rows: list[tuple[Cell, ...]] = []
    for attempt_id, campaign, started_at, *rest in window.rows(db, SQL.recordings):
        name = file_name(attempt_id)
        file = "kept" if (directory / name).is_file() else "gone"
        rows.append((name, campaign, moment(started_at, zone), *rest, file))
    return Report(
        "recordings",
        (
            *texts("file", "campaign", "started"),
            Column("seconds", ColumnKind.SECONDS),
            *texts("seat", "agent", "outcome", "state"),
        ),
        tuple(rows),
    )
