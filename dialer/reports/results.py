"""Results, voter by voter, for who gave the roll: by their places on it or the portal's own ids, without name and number."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from dialer.reports.formats import Cell, Report, figures, moment, texts
from dialer.reports.tables import Window
from dialer.store.connection import Connection
from dialer.store.sql import Query, Scalar, Statements

Place = tuple[str, str, int, int, int]
"""Where a voter stands: roll version, state, constituency, part, serial."""
PLACE = (*texts("roll_version", "state_code"), *figures("constituency", "part", "serial"))


class KnownFact(NamedTuple):
    """Something that became known of a voter."""

    voter_id: int
    roll_version: str
    state_code: str
    constituency_number: int
    part_number: int
    serial: int
    turnout: str
    what: str
    at: float
    question: str
    value: str


class SettledMarkRow(NamedTuple):
    """A mark whose call has ended, with the answers given in it."""

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
    known = Query(KnownFact)
    settled = Query(SettledMarkRow)
    last_settled = Scalar(int)
    key_of_mark = Scalar(str)


@dataclass(frozen=True, slots=True)
class ResultArea:
    """Of which voters; None: of all."""

    state_code: str | None = None
    constituency: int | None = None


def results(
    db: Connection, window: Window, zone: tzinfo, area: ResultArea, ids: Mapping[Place, str] | None = None
) -> Report:
    """A row for each voter of whom something became known in the window; of those with an id alone, where `ids` are given."""
    rows = window.rows(db, SQL.known, state=area.state_code, constituency=area.constituency)
    found: list[tuple[Place, tuple[Cell, ...], Mapping[str, str]]] = []
    for _, news in groupby(rows, attrgetter("voter_id")):
        last: dict[str, tuple[float, str]] = {}
        answers: dict[str, str] = {}
        for row in news:
            last[row.what] = (row.at, row.value)
            if row.what == "answered":
                answers[row.question] = row.value
        # What was said last, or else the last call's end.
        at, result = last.get("said") or last.get("ended") or (last["answered"][0], "")
        place = (row.roll_version, row.state_code, row.constituency_number, row.part_number, row.serial)
        found.append((place, (moment(at, zone), result, row.turnout), answers))
    return _report(found, ids)


def state_results(
    found: Iterable[tuple[Any, ...]], answered: Iterable[tuple[Any, ...]], zone: tzinfo, ids: Mapping[Place, str] | None
) -> Report:
    """The same of what headquarters has of every centre: `found` are place, moment, word, turnout, centre; `answered` are place,
    moment, turnout, centre, question, answer, the oldest first.
    """
    known: dict[Place, tuple[Any, ...]] = {each[:5]: each[5:] for each in found}
    answers: dict[Place, dict[str, str]] = {}
    for row in answered:
        place, (at, turnout, centre, question, value) = row[:5], row[5:]
        if place not in answers:
            known.setdefault(place, (at, "", turnout, centre))
        answers.setdefault(place, {})[question] = value
    places = sorted(known, key=lambda each: (*each[1:], each[0]))
    told = ((place, (moment(known[place][0], zone), *known[place][1:]), answers.get(place, {})) for place in places)
    return _report(told, ids, "centre")


def _report(
    found: Iterable[tuple[Place, tuple[Cell, ...], Mapping[str, str]]], ids: Mapping[Place, str] | None, *more: str
) -> Report:
    """Place, date, result, turnout and what `more` is told of each voter, and the answers by question."""
    found = [each for each in found if ids is None or each[0] in ids]
    questions = sorted({question for *_, answers in found for question in answers})
    named = texts() if ids is None else texts("id")
    told = texts("date", "result", "turnout", *more, *(f"answer_{question}" for question in questions))
    rows = tuple(
        (*([] if ids is None else [ids[place]]), *place, *cells, *(answers.get(each, "") for each in questions))
        for place, cells, answers in found
    )
    return Report("results", (*named, *PLACE, *told), rows)


@dataclass(frozen=True, slots=True)
class SettledMark:
    """A mark that gets no more answers."""

    mark_id: int
    key: str  # the same wherever it is told
    place: Place
    at: float  # epoch seconds
    kind: str
    source: str
    confidence: str
    undoes: str | None
    answers: Mapping[str, str]  # of the call in which it was said


def last_settled(db: Connection, after: int) -> int:
    """Up to which mark's id behind `after` nothing more is answered; 0: there is no mark."""
    return SQL.last_settled.one(db, after=after)


def key_of_mark(db: Connection, mark_id: int) -> str | None:
    """The key of a mark; None: there is none of that id."""
    return SQL.key_of_mark.first(db, mark_id=mark_id)


def settled_marks(db: Connection, after: int, last: int, most: int) -> list[SettledMark]:
    """The next marks behind the id `after`, up to `last`, at most so many."""
    return [
        SettledMark(
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
        for row in SQL.settled.rows(db, after=after, last=last, most=most)
    ]
