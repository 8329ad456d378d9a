"""Turnout as it is told, with official figures beside it; and all that is known of one voter.

What voters, households and booth workers say is no official turnout: it is of those reached alone, and who said "not yet" may
have voted since. Every title says so. Nobody's support is in any report.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from dialer.domain.official_turnout import FINAL, OfficialFigure, state_of
from dialer.reports.formats import Cell, Column, ColumnKind, Report, figures, moment, texts
from dialer.reports.tables import QUARTER_SECONDS, Window
from dialer.store.connection import Connection
from dialer.store.sql import Query, Statements

SELF_REPORTED = "self-reported turnout (of voters reached; not official)"

Constituency = tuple[str, int]
"""Its state and its number: states may have numbers in common."""

Area = tuple[str, int, int | None]
"""A constituency and a part of it; None: the whole constituency."""


class SectionTurnout(NamedTuple):
    """Self-reported turnout of a booth or of one of its sections."""

    state_code: str
    constituency_number: int
    part_number: int
    name: str
    of_section: str
    voters: int
    reached: int
    voted: int
    not_yet_voted: int


class OptOutInBooth(NamedTuple):
    """A number that opted out, in a booth that has a voter on it."""

    state_code: str
    constituency_number: int
    part_number: int
    phone_id: int


class QuarterTurnout(NamedTuple):
    """Voters reached and voted in quarters of an hour."""

    state_code: str
    constituency_number: int
    reached_quarter: int
    voted_quarter: int | None
    voters: int


class StateOfConstituency(NamedTuple):
    """A constituency and its state."""

    constituency_number: int
    state_code: str
    constituency_name: str


class OfficialShare(NamedTuple):
    """An official share in force."""

    day: str
    constituency_number: int
    part_number: int | None
    by_time: str
    share: float
    state_code: str


class VoterOnRoll(NamedTuple):
    """The place and the turnout of a voter."""

    constituency_number: int
    part_number: int
    serial: int
    turnout: str


class MarkOfVoter(NamedTuple):
    """A mark of a voter."""

    at: float
    kind: str
    hour: int | None
    source: str
    confidence: str
    said_by: str
    campaign: str
    attempt: str


class SQL(Statements):
    turnout = Query(SectionTurnout)
    turnout_opt_outs = Query(OptOutInBooth)
    turnout_quarters = Query(QuarterTurnout)
    states = Query(StateOfConstituency)
    official = Query(OfficialShare)
    voter = Query(VoterOnRoll)
    marks_of_voter = Query(MarkOfVoter)


class States:
    """The states of the roll's constituencies."""

    def __init__(self, of_number: Mapping[int, Iterable[str]], names: Mapping[Constituency, str] | None = None) -> None:
        """`of_number`: the states of the booths under each constituency's number; `names`: of those that the roll has named."""
        self._names = names or {}
        self._of_number = {number: set(states) for number, states in of_number.items()}
        self.several = len({self.of(told, number)[0] for number, states in of_number.items() for told in states}) > 1

    def of(self, told: str, number: int) -> Constituency:
        """The constituency that is meant by a number and the state told with it."""
        return state_of(told, self._of_number.get(number, ())), number

    def columns(self) -> tuple[Column, ...]:
        """Those that name a constituency. Its state is named where there are several."""
        return (
            *((Column("state", ColumnKind.TEXT),) if self.several else ()),
            Column("constituency", ColumnKind.TEXT, "AC"),
            *((Column("constituency_name", ColumnKind.TEXT, "name"),) if self._names else ()),
        )

    def cells(self, constituency: Constituency) -> tuple[Cell, ...]:
        """The cells of `columns`."""
        cells: tuple[Cell, ...] = constituency if self.several else constituency[1:]
        return (*cells, self._names.get(constituency, "")) if self._names else cells

    def total(self) -> tuple[Cell, ...]:
        """The cells of `columns` in the row over all."""
        return ("all", *[""] * (self.several + bool(self._names)))


def states_of(db: Connection) -> States:
    """The states of the roll."""
    found: dict[int, set[str]] = defaultdict(set)
    named = [*SQL.states.rows(db)]
    for number, state, _ in named:
        found[number].add(state)
    alone = States(found)
    return States(found, {alone.of(state, number): name for number, state, name in named if name})


class TurnoutBy(StrEnum):
    """What a row of the turnout is of."""

    BOOTH = "booth"
    SECTION = "section"
    CONSTITUENCY = "constituency"
    HOUR = "hour"


def turnout(db: Connection, window: Window, zone: tzinfo, by: TurnoutBy = TurnoutBy.BOOTH) -> Report:
    """Voters, those reached in the window and how they stand now, and the last official figure where one was entered."""
    if by is TurnoutBy.HOUR:
        return _by_hour(db, window, zone)
    states, official = states_of(db), latest(official_figures(db, window, zone))
    rows = _rows(db, window, states, by_section=by is TurnoutBy.SECTION)
    named, over_all = texts("part", by.value), _BLANKS
    beside: tuple[Column, ...] = _OFFICIAL
    lines: list[tuple[Constituency, tuple[Cell, ...], list[int], tuple[Cell, ...]]]
    if by is TurnoutBy.CONSTITUENCY:
        named, over_all = figures("booths"), (len(rows),)
        of_each = groupby(rows, key=lambda row: row.constituency)
        summed = [(constituency, [row.counts for row in rows_of]) for constituency, rows_of in of_each]
        lines = [(each, (len(counts),), _sum(counts), official.get((*each, None), _NONE)) for each, counts in summed]
    elif by is TurnoutBy.SECTION:
        beside = ()
        lines = [(row.constituency, (row.part, row.section), row.counts, ()) for row in rows]
    else:
        beside = (*_OFFICIAL, Column("opt_outs"))
        opt_outs = _opt_outs(db, window, states)
        lines = [
            (row.constituency, (row.part, row.booth), row.counts, (*official.get(row.area, _NONE), opt_outs[row.area]))
            for row in rows
        ]
    return Report(
        SELF_REPORTED,
        (*states.columns(), *named, *_COUNTS, *beside),
        tuple((*states.cells(each), *names, *_cells(counts), *after) for each, names, counts, after in lines),
        (*states.total(), *over_all, *_cells(_sum(row.counts for row in rows)), *[None] * len(beside))
        if rows
        else None,
    )


_COUNTS = (
    *figures("voters", "reached", "voted", "not_yet"),
    Column("voted_of_reached", ColumnKind.SHARE, "of reached"),
)
_OFFICIAL = (Column("official_turnout", ColumnKind.SHARE, "official"), Column("official_by", ColumnKind.TEXT, "by"))
_NONE = (None, None)
_BLANKS: tuple[Cell, ...] = ("", "")


def _cells(counts: list[int]) -> tuple[Cell, ...]:
    """The counts' own cells, and the share of the reached."""
    _, reached, voted, _ = counts
    return (*counts, voted / reached if reached else None)


class _Row(NamedTuple):
    """A booth, or a section of it."""

    constituency: Constituency
    part: int
    booth: str
    section: str
    counts: list[int]

    @property
    def area(self) -> Area:
        return (*self.constituency, self.part)


def _rows(db: Connection, window: Window, states: States, *, by_section: bool) -> list[_Row]:
    found = window.rows(db, SQL.turnout, by_section=by_section)
    rows = [
        _Row(states.of(state, number), part, booth, section, counts)
        for state, number, part, booth, section, *counts in found
    ]
    return sorted(rows, key=lambda row: row.constituency)


def _sum(counts: Iterable[list[int]]) -> list[int]:
    return [sum(each) for each in zip(*counts, strict=True)] or [0] * 4


def _opt_outs(db: Connection, window: Window, states: States) -> Counter[Area]:
    """How many numbers of an area have opted out: one on two rolls of it is one."""
    found = window.rows(db, SQL.turnout_opt_outs)
    return Counter(
        area for area, _ in {((*states.of(state, number), part), phone) for state, number, part, phone in found}
    )


# By the hour


@dataclass(slots=True)
class ConstituencyDay:
    """A constituency's day: by the end of each quarter of an hour (epoch seconds) voters reached and voted then."""

    reached: dict[float, int] = field(default_factory=lambda: defaultdict(int))
    voted: dict[float, int] = field(default_factory=lambda: defaultdict(int))

    def by(self, at: float) -> tuple[int, int]:
        """Voters reached and voted by a moment, to the quarter of an hour."""
        return (
            sum(number for end, number in self.reached.items() if end <= at),
            sum(number for end, number in self.voted.items() if end <= at),
        )

    @property
    def ends(self) -> list[float]:
        """Where something changed, in order."""
        return sorted(self.reached.keys() | self.voted.keys())


def courses(db: Connection, window: Window) -> dict[Constituency, ConstituencyDay]:
    """How the constituencies' days went; of those alone where somebody was reached."""
    states, found = states_of(db), defaultdict[Constituency, ConstituencyDay](ConstituencyDay)
    for state, constituency, reached, voted, number in window.rows(db, SQL.turnout_quarters):
        course = found[states.of(state, constituency)]
        course.reached[(reached + 1) * QUARTER_SECONDS] += number
        if voted is not None:
            course.voted[(voted + 1) * QUARTER_SECONDS] += number
    return dict(sorted(found.items()))


def _by_hour(db: Connection, window: Window, zone: tzinfo) -> Report:
    official = [figure for figure in official_figures(db, window, zone) if figure.part_number is None]
    states, found = states_of(db), courses(db, window)
    rows: list[tuple[Cell, ...]] = []
    for constituency in sorted(found.keys() | {constituency_of(figure) for figure in official}):
        course = found.get(constituency, ConstituencyDay())
        told = {
            (figure.day, figure.by_time): figure.share for figure in official if constituency_of(figure) == constituency
        }
        before = (0, 0)
        for day, by_time in sorted(_hours_of(course, zone) | told.keys()):
            reached, voted = course.by(_moment(day, by_time, zone))
            share = voted / reached if reached else None
            new = (reached - before[0], voted - before[1])
            before = (reached, voted)
            counts = (*new, reached, voted, share, told.get((day, by_time)))
            rows.append((*states.cells(constituency), day.isoformat(), by_time, *counts))
    return Report(
        f"{SELF_REPORTED}, by the hour",
        (
            *states.columns(),
            *texts("day", "by"),
            Column("newly_reached", head="+reached"),
            Column("newly_voted", head="+voted"),
            *figures("reached", "voted"),
            Column("voted_of_reached", ColumnKind.SHARE, "of reached"),
            Column("official_turnout", ColumnKind.SHARE, "official"),
        ),
        tuple(rows),
    )


def _hours_of(course: ConstituencyDay, zone: tzinfo) -> set[tuple[date, str]]:
    """The full hours by which something had changed: of 09:15 that is 10:00, of the day's last hour 24:00."""
    hours = set()
    for end in course.ends:
        local = datetime.fromtimestamp(end - 1, zone)
        hours.add((local.date(), f"{local.hour + 1:02}:00"))
    return hours


def _moment(day: date, by_time: str, zone: tzinfo) -> float:
    """Epoch seconds of an hour of a day; FINAL and 24:00 are its end."""
    if by_time in (FINAL, "24:00"):
        return datetime.combine(day + timedelta(days=1), time(), zone).timestamp()
    return datetime.combine(day, time.fromisoformat(by_time), zone).timestamp()


# Official figures


def constituency_of(figure: OfficialFigure) -> Constituency:
    """The constituency that a figure is of, or of a part of which."""
    return figure.state_code, figure.constituency_number


def official_figures(db: Connection, window: Window, zone: tzinfo) -> list[OfficialFigure]:
    """The figures that stand, of the days that the window touches, as entered. One that may be of several states is of none."""
    states = states_of(db)
    figures = (
        OfficialFigure(date.fromisoformat(day), number, part, by_time, share, states.of(state, number)[0])
        for day, number, part, by_time, share, state in SQL.official.rows(db)
    )
    return [
        figure
        for figure in figures
        if _moment(figure.day, "00:00", zone) < window.until and _moment(figure.day, FINAL, zone) > window.since
    ]


def latest(figures: Iterable[OfficialFigure]) -> Mapping[Area, tuple[float, str]]:
    """The last figure of each area, and what it is by; FINAL sorts after every hour."""
    last = {}
    for figure in sorted(figures, key=lambda each: (each.day, each.by_time)):
        last[*constituency_of(figure), figure.part_number] = (figure.share, f"{figure.day:%d %b} {figure.by_time}")
    return last


# One voter


def marks_of_voter(db: Connection, voter_id: int, zone: tzinfo) -> Report:
    """Every mark of a voter in the order in which they were kept; the title says how the voter stands by them."""
    [(constituency, part, serial, stands)] = [*SQL.voter.rows(db, voter=voter_id)]
    rows = tuple((moment(at, zone), *rest) for at, *rest in SQL.marks_of_voter.rows(db, voter=voter_id))
    return Report(
        f"marks of voter {voter_id} ({constituency}/{part}/{serial}), who stands as {stands}",
        (
            *texts("at", "kind"),
            Column("hour"),
            *texts("source", "confidence", "by", "campaign", "attempt"),
        ),
        rows,
        empty="nothing is recorded of them",
    )
