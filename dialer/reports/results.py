"""Results of calls per voter, for the owner of the electoral roll.

Voters are identified by place on the roll or by the portal's IDs. Results contain no names and no phone numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from dialer.reports.formats import Cell, Report, format_time, make_count_columns, make_text_columns
from dialer.reports.tables import Window
from dialer.store.connection import Connection
from dialer.store.sql import Query, Scalar, Statements

Place = tuple[str, str, int, int, int]
"""The place of a voter on the roll: roll version, state, constituency, part, serial."""
PLACE = (*make_text_columns("roll_version", "state_code"), *make_count_columns("constituency", "part", "serial"))


class KnownFact(NamedTuple):
    """A fact about a voter.

    `fact` is the kind of the fact: `ended` (a call), `said` (an agent's result, or a mark such as "voted") or
    `answered` (an answer to a question).
    """

    voter_id: int
    roll_version: str
    state_code: str
    constituency_number: int
    part_number: int
    serial: int
    turnout: str
    fact: str
    at: float
    question: str
    value: str


class CompleteMarkRow(NamedTuple):
    """A mark (fact about a voter) from an ended call, with the voter's answers to questions in that call (JSON)."""

    mark_id: int
    key: str
    roll_version: str
    state_code: str
    constituency_number: int
    part_number: int
    serial: int
    at: float
    kind: str
    source: str
    confidence: str
    undoes: str | None
    answers: str | None


class SQL(Statements):
    voter_facts = Query(KnownFact)
    complete_marks = Query(CompleteMarkRow)
    last_complete_mark_id = Scalar(int)
    mark_key = Scalar(str)


@dataclass(frozen=True, slots=True)
class ResultArea:
    """The area whose voters a report covers: a state or a constituency. If both are None, the whole electoral roll."""

    state_code: str | None = None
    constituency: int | None = None


def report_results_of_voters(
    db: Connection, window: Window, zone: tzinfo, area: ResultArea, ids: Mapping[Place, str] | None = None
) -> Report:
    """Report the result of each voter who was called or got a mark (recorded fact) in the period of `window`.

    Each row has the voter's latest result, and the latest answer to each question. An agent's result or a mark takes
    precedence over the outcome of a later call. `ids` maps places on the roll to the portal's IDs. If it is given, only
    voters with an ID are reported.
    """
    rows = window.query_rows_of_period(db, SQL.voter_facts, state=area.state_code, constituency=area.constituency)
    found: list[tuple[Place, tuple[Cell, ...], Mapping[str, str]]] = []
    for _, facts in groupby(rows, attrgetter("voter_id")):
        last: dict[str, tuple[float, str]] = {}
        answers: dict[str, str] = {}
        for row in facts:
            last[row.fact] = (row.at, row.value)
            if row.fact == "answered":
                answers[row.question] = row.value
        # A disposition or mark takes precedence over the outcome of a later call.
        at, result = last.get("said") or last.get("ended") or (last["answered"][0], "")
        place = (row.roll_version, row.state_code, row.constituency_number, row.part_number, row.serial)
        found.append((place, (format_time(at, zone), result, row.turnout), answers))
    return _build_results_report(found, ids)


def report_results_of_voters_in_state(
    found: Iterable[tuple[Any, ...]], answered: Iterable[tuple[Any, ...]], zone: tzinfo, ids: Mapping[Place, str] | None
) -> Report:
    """Report the latest result and the answers of each voter of a federal state, from all centres' data at
    headquarters.

    Rows of `found` have a voter's place on the roll, time, result, turnout and centre. Rows of `answered` have place,
    time, turnout, centre, question and answer. Both are sorted by time.
    """
    known: dict[Place, tuple[Any, ...]] = {each[:5]: each[5:] for each in found}
    answers: dict[Place, dict[str, str]] = {}
    for row in answered:
        place, (at, turnout, centre, question, value) = row[:5], row[5:]
        if place not in answers:
            known.setdefault(place, (at, "", turnout, centre))
        answers.setdefault(place, {})[question] = value
    places = sorted(known, key=lambda each: (*each[1:], each[0]))
    results = (
        (place, (format_time(known[place][0], zone), *known[place][1:]), answers.get(place, {})) for place in places
    )
    return _build_results_report(results, ids, "centre")


def _build_results_report(
    found: Iterable[tuple[Place, tuple[Cell, ...], Mapping[str, str]]], ids: Mapping[Place, str] | None, *more: str
) -> Report:
    """Build the results report: ID, place, date, result, turnout, the columns in `more`, and one column per question."""
    found = [each for each in found if ids is None or each[0] in ids]
    questions = sorted({question for *_, answers in found for question in answers})
    id_column = make_text_columns() if ids is None else make_text_columns("id")
    result_columns = make_text_columns(
        "date", "result", "turnout", *more, *(f"answer_{question}" for question in questions)
    )
    rows = tuple(
        (*([] if ids is None else [ids[place]]), *place, *cells, *(answers.get(each, "") for each in questions))
        for place, cells, answers in found
    )
    return Report("results", (*id_column, *PLACE, *result_columns), rows)


@dataclass(frozen=True, slots=True)
class CompleteMark:
    """A mark (fact about a voter) from an ended call, with the voter's answers to questions in that call."""

    mark_id: int
    key: str  # identifies the mark at every centre and portal
    place: Place
    at: float  # epoch seconds
    kind: str
    source: str
    confidence: str
    undoes: str | None
    answers: Mapping[str, str]  # by question, given in the call that made the mark


def find_last_mark_before_open_calls(db: Connection, after: int) -> int:
    """Return the id of the last mark (recorded fact about a voter) before the first mark from a call in progress, or 0.

    Up to this mark, all calls have ended, so the voters' answers are complete.
    """
    return SQL.last_complete_mark_id.fetch_only_value(db, after=after)


def read_unique_key_of_voter_mark(db: Connection, mark_id: int) -> str | None:
    """Return the key that identifies a mark (recorded fact about a voter) at every centre and portal. None = there is
    no mark with this ID.
    """
    return SQL.mark_key.fetch_first_value(db, mark_id=mark_id)


def load_voter_marks_of_ended_calls(db: Connection, after: int, last: int, limit: int) -> list[CompleteMark]:
    """Return at most `limit` marks (recorded facts about voters) with IDs above `after` and up to `last`, in the order
    of their IDs.
    """
    return [
        CompleteMark(
            mark_id=row.mark_id,
            key=row.key,
            place=(row.roll_version, row.state_code, row.constituency_number, row.part_number, row.serial),
            at=row.at,
            kind=row.kind,
            source=row.source,
            confidence=row.confidence,
            undoes=row.undoes,
            answers={} if row.answers is None else json.loads(row.answers),
        )
        for row in SQL.complete_marks.iterate_rows(db, after=after, last=last, limit=limit)
    ]
