"""Reports on calls, answers, trunks, agents, dispositions, abandonment and recordings.

Reports hold IDs only: no voter names and no phone numbers.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from dialer.domain.judged_calls import JudgedCalls
from dialer.domain.model import ANSWERED, CONTACTS, LIVE_ANSWERS, Outcome, calculate_abandoned_rate
from dialer.domain.trunk_failures import CARRIER_REFUSES, TRUNK_FAILURES
from dialer.reports.formats import (
    Cell,
    Column,
    ColumnKind,
    Report,
    build_report_with_total_row,
    format_time,
    make_columns_for_files_only,
    make_count_columns,
    make_text_columns,
)
from dialer.store.connection import Connection
from dialer.store.judged_calls import read_false_positive_shares
from dialer.store.recordings import get_recording_file_name
from dialer.store.sql import Query, Statements

R = TypeVar("R")
FOREVER = 1e11  # epoch seconds, about 3,000 years ahead
QUARTER_SECONDS = 900
NO_DISPOSITION = "(none)"
_ANSWERED = json.dumps(sorted(ANSWERED))
_CONTACTS = json.dumps(sorted(CONTACTS))
_LIVE_ANSWERS = json.dumps(sorted(LIVE_ANSWERS))


class OutcomeCount(NamedTuple):
    """The number of a campaign's calls with one outcome, with their mean times."""

    campaign_id: str
    outcome_or_live: str
    calls: int
    seconds_to_answer: float | None
    seconds_after_answer: float | None


class RecordingRow(NamedTuple):
    """A recorded call with its seat, agent and duration."""

    attempt_id: str
    campaign_id: str
    started_at: float
    seconds: float | None
    call_seat: str
    call_agent: str
    outcome_or_live: str
    judged: str


class AnswerCount(NamedTuple):
    """The number of calls in which a question got one answer."""

    campaign_id: str
    name: str
    value: str
    calls: int


class AnswerRow(NamedTuple):
    """An answer that was given to a question in a call, or a message that the caller left (`is_message`)."""

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
    """Counts of a trunk's calls, with its busiest second."""

    trunk: str
    calls: int
    answered: int
    failures: int
    seconds_to_ringing: float | None
    max_starts_per_second: int | None


class DispositionCount(NamedTuple):
    """The number of an agent's calls with one disposition (result that the agent entered)."""

    agent_name: str
    disposition_or_none: str
    calls: int


class CampaignDispositionCount(NamedTuple):
    """The number of a campaign's calls with one disposition (result that the agent entered)."""

    campaign_id: str
    disposition_or_none: str
    calls: int


class AbandonedCounts(NamedTuple):
    """A campaign's attempts, live answers and abandoned calls in one quarter of an hour.

    `flow_answers` counts calls answered by an IVR flow in a campaign that detects answering machines.
    """

    campaign_id: str
    quarter: int
    attempts: int
    live: int
    abandoned: int
    taken_for_machines: int
    flow_answers: int


class MachineCounts(NamedTuple):
    """A campaign's calls that machine detection ended. Some were recorded, and people judged who had answered."""

    campaign_id: str
    taken_for_machines: int
    recorded: int
    judged: int
    people: int


class LiveAnswerRow(NamedTuple):
    """An answered call, and whether it was abandoned or the voter hung up while waiting.

    A call that answering machine detection ended counts as a fraction of an abandoned call: a person may have answered.
    """

    campaign_id: str
    at: float
    abandoned: int
    left_waiting: int
    taken_for_machine: int


class SQL(Statements):
    calls_by_outcome = Query(OutcomeCount)
    recordings = Query(RecordingRow)
    answer_counts = Query(AnswerCount)
    answers = Query(AnswerRow)
    calls_by_trunk = Query(TrunkCounts)
    calls_by_disposition = Query(DispositionCount)
    dispositions_by_campaign = Query(CampaignDispositionCount)
    abandoned_by_quarter = Query(AbandonedCounts)
    calls_taken_for_machines = Query(MachineCounts)
    live_answers = Query(LiveAnswerRow)


@dataclass(frozen=True, slots=True)
class Window:
    """The period and the campaign that a report covers.

    The period runs from `since` to `until` (epoch seconds; `until` is exclusive). If `campaign` is None, all campaigns
    are covered.
    """

    since: float = 0.0
    until: float = FOREVER
    campaign: str | None = None

    def query_rows_of_period(self, db: Connection, query: Query[R], **more: Cell) -> Iterator[R]:
        """Yield the rows that an SQL query finds for this period and campaign.

        The query may use the parameters :since, :until and :campaign, and those in `more`. The parameters :answered,
        :contacts and :live_answers are JSON lists of outcomes.
        """
        bound = {"since": self.since, "until": self.until, "campaign": self.campaign}
        outcomes = {"answered": _ANSWERED, "contacts": _CONTACTS, "live_answers": _LIVE_ANSWERS}
        return query.iterate_rows(db, **bound | more, **outcomes)


def format_date_of_quarter_hour(quarter: float, zone: tzinfo) -> str:
    """Return the local date (ISO) of a quarter of an hour. `quarter` counts the quarters of an hour since the epoch."""
    return datetime.fromtimestamp(quarter * QUARTER_SECONDS, zone).date().isoformat()


def report_calls(db: Connection, window: Window) -> Report:
    """Count attempts by campaign and outcome, with the mean seconds until the answer and after it.

    The outcome `live` stands for calls that have not ended.
    """
    rows = [*window.query_rows_of_period(db, SQL.calls_by_outcome)]
    totals: dict[str, int] = defaultdict(int)
    for campaign, _, number, *_ in rows:
        totals[campaign] += number
    return Report(
        "calls",
        (
            *make_text_columns("campaign", "outcome"),
            Column("calls"),
            Column("share", ColumnKind.SHARE),
            Column("mean_seconds_to_answer", ColumnKind.SECONDS, "to answer"),
            Column("mean_seconds_after_answer", ColumnKind.SECONDS, "after it"),
        ),
        tuple((campaign, outcome, n, n / totals[campaign], ring, talk) for campaign, outcome, n, ring, talk in rows),
        ("all", "", sum(totals.values()), None, None, None) if rows else None,
    )


def report_answers(db: Connection, window: Window, question: str | None = None) -> Report:
    """Report how many calls gave each answer to each question, by campaign.

    Callers enter answers on the keypad, or agents note them. The column `share` is the answer's share of the calls in
    which the question was answered.
    """
    rows = [*window.query_rows_of_period(db, SQL.answer_counts, question=question)]
    asked: dict[tuple[str, str], int] = defaultdict(int)
    for campaign, name, _, number in rows:
        asked[campaign, name] += number
    return Report(
        "answers",
        (*make_text_columns("campaign", "question", "answer"), Column("calls"), Column("share", ColumnKind.SHARE)),
        tuple((campaign, name, value, n, n / asked[campaign, name]) for campaign, name, value, n in rows),
    )


def report_each_answer(db: Connection, window: Window, zone: tzinfo, question: str | None = None) -> Report:
    """Report every answer to one question or to all. A message left by a caller is listed as the name of its recording."""
    found = window.query_rows_of_period(db, SQL.answers, question=question)
    return Report(
        "answers one by one",
        (
            *make_text_columns("at", "campaign"),
            *make_columns_for_files_only("attempt", "direction"),
            *make_count_columns("phone", "voter"),
            *make_text_columns("question", "answer", "is"),
        ),
        tuple(
            (
                *(
                    format_time(row.at, zone),
                    row.campaign_id,
                    row.attempt_id,
                    row.direction,
                    row.phone_id,
                    row.voter_id,
                ),
                *(row.name, row.value, "message" if row.is_message else "answer"),
            )
            for row in found
        ),
    )


def report_trunks(db: Connection, window: Window) -> Report:
    """Report for each trunk: attempts, answers, failures caused by the carrier, and calls started in its busiest second."""
    failures, refusals = (json.dumps(sorted(each)) for each in (TRUNK_FAILURES, CARRIER_REFUSES))
    found = [*window.query_rows_of_period(db, SQL.calls_by_trunk, failures=failures, refusals=refusals)]
    sums = [sum(counts) for counts in zip(*(row[1:4] for row in found), strict=True)]
    return Report(
        "trunks",
        (
            Column("trunk", ColumnKind.TEXT),
            *make_count_columns("attempts", "answered"),
            Column("answer_seizure_ratio", ColumnKind.SHARE, "asr"),
            Column("failures"),
            Column("failure_share", ColumnKind.SHARE, "failed"),
            Column("mean_seconds_to_ringing", ColumnKind.SECONDS, "to ringing"),
            Column("most_starts_in_a_second", head="cps"),
        ),
        tuple((row[0], *_build_cells_of_trunk(row[1:4]), *row[4:]) for row in found),
        ("all", *_build_cells_of_trunk(sums), None, None) if found else None,
    )


def _build_cells_of_trunk(counts: Sequence[int]) -> tuple[Cell, ...]:
    attempts, answered, failures = counts
    ratio, failed = (answered / attempts, failures / attempts) if attempts else (None, None)
    return attempts, answered, ratio, failures, failed


def report_dispositions(db: Connection, window: Window) -> Report:
    """Report the number and share of each agent's calls by disposition; "(none)" counts calls without a disposition."""
    return _build_report_of_dispositions("agent", window.query_rows_of_period(db, SQL.calls_by_disposition))


def report_dispositions_by_campaign(db: Connection, window: Window) -> Report:
    """Report the number and share of each campaign's calls by disposition; "(none)" counts calls without a disposition."""
    return _build_report_of_dispositions("campaign", window.query_rows_of_period(db, SQL.dispositions_by_campaign))


def _build_report_of_dispositions(
    by: str, found: Iterable[DispositionCount] | Iterable[CampaignDispositionCount]
) -> Report:
    rows = [*found]
    totals: dict[str, int] = defaultdict(int)
    for name, _, number in rows:
        totals[name] += number
    return Report(
        "dispositions",
        (*make_text_columns(by, "disposition"), Column("calls"), Column("share", ColumnKind.SHARE)),
        tuple((name, disposition or NO_DISPOSITION, n, n / totals[name]) for name, disposition, n in rows),
        ("all", "", sum(totals.values()), None) if rows else None,
    )


def report_abandoned_calls(db: Connection, window: Window, zone: tzinfo, false_positive_share: float) -> Report:
    """Report live answers, abandoned calls and the abandoned-call rate, by campaign and day (local time of `zone`).

    `false_positive_share` is the profile's share of people among the calls that detection took for machines (0-1).
    """
    shares = read_false_positive_shares(db, false_positive_share)
    rows = window.query_rows_of_period(db, SQL.abandoned_by_quarter)
    found = [
        (
            (row.campaign_id, format_date_of_quarter_hour(row.quarter, zone)),
            (*row[2:], shares.get_share_of_campaign(row.campaign_id) * row.taken_for_machines),
        )
        for row in rows
    ]
    rate = Column("abandoned_rate", ColumnKind.SHARE, "rate")
    columns = (
        *make_text_columns("campaign", "day"),
        *make_count_columns("attempts", "live_answers", "abandoned", "taken_for_machines"),
        rate,
    )

    def build_abandonment_cells(counts: Sequence[Any]) -> tuple[Cell, ...]:
        attempts, *answers = counts
        return attempts, *build_cells_with_abandoned_rate(answers)

    return build_report_with_total_row("abandonment", columns, found, build_abandonment_cells)


def report_calls_taken_for_machines(db: Connection, window: Window, false_positive_share: float) -> Report:
    """Report by campaign how many calls detection took for machines, and how many of these were recorded and judged.

    Two further columns have the share of people among the judged calls and the upper end of its 95 % confidence
    interval. The last column has the share that counts as abandoned people. It is the profile's `false_positive_share`
    (0-1) until enough calls of the campaign have been judged, in any period.
    """
    shares = read_false_positive_shares(db, false_positive_share)
    return Report(
        "calls taken for machines, and who answered those that people judged",
        (
            *make_text_columns("campaign"),
            *make_count_columns("taken_for_machines", "recorded", "judged", "people"),
            Column("people_share", ColumnKind.SHARE, "share"),
            Column("upper_bound", ColumnKind.SHARE, "at most"),
            Column("charged_share", ColumnKind.SHARE, "charged"),
        ),
        tuple(
            (
                *row,
                row.people / row.judged if row.judged else None,
                JudgedCalls(row.judged, row.people).false_positive_upper_bound if row.judged else None,
                shares.get_share_of_campaign(row.campaign_id),
            )
            for row in window.query_rows_of_period(db, SQL.calls_taken_for_machines)
        ),
    )


def build_cells_with_abandoned_rate(counts: Sequence[Any]) -> tuple[Cell, ...]:
    """Return a row's cells for live answers, abandoned calls, calls taken for machines, and the abandoned-call rate.

    `counts` has five numbers: live answers, abandoned calls, calls taken for machines, calls answered by IVR flows in
    campaigns that detect machines, and the estimated number of people taken for machines.
    """
    live_answers, abandoned, taken_for_machines, flow_answers, people = counts
    outcomes = {
        Outcome.ABANDONED: abandoned,
        Outcome.CONNECTED: live_answers - abandoned,
        Outcome.COMPLETED: flow_answers,
    }
    rate = calculate_abandoned_rate(outcomes, people)
    answers = live_answers + (flow_answers if people else 0)
    return answers, abandoned, taken_for_machines, rate.abandoned_rate if rate.live_answers else None


def report_recordings(
    db: Connection, window: Window, zone: tzinfo, directory: Path, *, unjudged: bool = False
) -> Report:
    """Report recorded calls, and whether the file of each is in `directory`.

    A file is `stored` or `missing` (erased, or on another machine). With `unjudged`, report only calls that detection
    took for answering machines and that nobody has judged yet.
    """
    rows: list[tuple[Cell, ...]] = []
    for attempt_id, campaign, started_at, *rest in window.query_rows_of_period(db, SQL.recordings, unjudged=unjudged):
        name = get_recording_file_name(attempt_id)
        state = "stored" if (directory / name).is_file() else "missing"
        rows.append((name, campaign, format_time(started_at, zone), *rest, state))
    return Report(
        "recordings",
        (
            *make_text_columns("file", "campaign", "started"),
            Column("seconds", ColumnKind.SECONDS),
            *make_text_columns("seat", "agent", "outcome", "judged", "state"),
        ),
        tuple(rows),
    )
