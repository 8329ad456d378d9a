"""Reports of self-reported turnout next to official figures, and of all marks (recorded facts) about one voter.

Self-reported turnout is not official: it covers only contacted voters, and a voter who said "not yet" may have voted
since. Every report's title says so. No report says whom a voter supports.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import groupby
from typing import NamedTuple

from dialer.domain.enums import TurnoutBy
from dialer.domain.official_turnout import FINAL, OfficialFigure, find_federal_state_of_constituency
from dialer.reports.formats import Cell, Column, ColumnKind, Report, format_time, make_count_columns, make_text_columns
from dialer.reports.tables import QUARTER_SECONDS, Window
from dialer.store.connection import Connection
from dialer.store.sql import Query, Statements

SELF_REPORTED = "self-reported turnout (of voters contacted; not official)"

Constituency = tuple[str, int]
"""A constituency: its state code and its number. Different states use the same numbers."""

Area = tuple[str, int, int | None]
"""A constituency (state code and number) and the number of a part, or None for the whole constituency."""


class SectionTurnout(NamedTuple):
    """The self-reported turnout of a polling station (booth) or of one section of its roll."""

    state_code: str
    constituency_number: int
    part_number: int
    name: str
    section_name: str
    voters: int
    contacted: int
    voted: int
    not_yet_voted: int


class OptOutInBooth(NamedTuple):
    """A phone number that opted out, and a polling station (booth) where a voter with this number votes."""

    state_code: str
    constituency_number: int
    part_number: int
    phone_id: int


class QuarterTurnout(NamedTuple):
    """The number of a constituency's voters contacted in one quarter of an hour and reported as voted in another.

    The quarters are counted since the epoch. `voted_quarter` is None for voters who are not reported as voted.
    """

    state_code: str
    constituency_number: int
    contacted_quarter: int
    voted_quarter: int | None
    voters: int


class StateOfConstituency(NamedTuple):
    """The number, state and name of a constituency, read from the polling stations on the electoral roll."""

    constituency_number: int
    state_code: str
    constituency_name: str


class OfficialShare(NamedTuple):
    """The official turnout share of an area at a time of the day, as last entered."""

    day: str
    constituency_number: int
    part_number: int | None
    by_time: str
    share: float
    state_code: str


class VoterOnRoll(NamedTuple):
    """A voter's place on the electoral roll and turnout status."""

    constituency_number: int
    part_number: int
    serial: int
    turnout: str


class MarkOfVoter(NamedTuple):
    """A recorded fact about a voter (mark), such as "voted", with its source and the call in which it was recorded."""

    at: float
    kind: str
    hour: int | None
    source: str
    confidence: str
    said_by: str
    campaign: str
    attempt: str


class SQL(Statements):
    turnout_by_booth = Query(SectionTurnout)
    opt_outs_by_booth = Query(OptOutInBooth)
    turnout_by_quarter = Query(QuarterTurnout)
    constituency_states = Query(StateOfConstituency)
    official_figures = Query(OfficialShare)
    voter = Query(VoterOnRoll)
    voter_marks = Query(MarkOfVoter)


class RollConstituencies:
    """The constituencies on the electoral roll, with the name and the federal state of each.

    Reports need the state, because constituencies of different states can have the same number.
    """

    def __init__(
        self, states_by_number: Mapping[int, Iterable[str]], names: Mapping[Constituency, str] | None = None
    ) -> None:
        """Create the list of a roll's constituencies.

        `states_by_number` maps a constituency number to the state codes of its booths ("" = unknown state). `names` has
        the names of constituencies on the roll.
        """
        self._names = names or {}
        self._states_by_number = {number: set(states) for number, states in states_by_number.items()}
        states = {
            self.find_constituency_and_its_state(code, number)[0]
            for number, codes in states_by_number.items()
            for code in codes
        }
        self.is_multi_state = len(states) > 1

    def find_constituency_and_its_state(self, state_code: str, number: int) -> Constituency:
        """Return the constituency with this number. An empty state code is filled in if only one state has the number."""
        return find_federal_state_of_constituency(state_code, self._states_by_number.get(number, ())), number

    def build_constituency_columns(self) -> tuple[Column, ...]:
        """Return the report columns that identify a constituency: state (if the roll has several), number, and name (if known)."""
        return (
            *((Column("state", ColumnKind.TEXT),) if self.is_multi_state else ()),
            Column("constituency", ColumnKind.TEXT, "AC"),
            *((Column("constituency_name", ColumnKind.TEXT, "name"),) if self._names else ()),
        )

    def build_constituency_cells(self, constituency: Constituency) -> tuple[Cell, ...]:
        """Return a constituency's cells in a report, for the columns of `build_constituency_columns`."""
        cells: tuple[Cell, ...] = constituency if self.is_multi_state else constituency[1:]
        return (*cells, self._names.get(constituency, "")) if self._names else cells

    def build_constituency_cells_of_totals(self) -> tuple[Cell, ...]:
        """Return the cells of a report's row of totals, for the columns of `build_constituency_columns`."""
        return ("all", *[""] * (self.is_multi_state + bool(self._names)))


def load_constituencies_of_roll(db: Connection) -> RollConstituencies:
    """Return the constituencies on the electoral roll, with their names and federal states."""
    found: dict[int, set[str]] = defaultdict(set)
    rows = [*SQL.constituency_states.iterate_rows(db)]
    for number, state, _ in rows:
        found[number].add(state)
    unnamed = RollConstituencies(found)
    return RollConstituencies(
        found, {unnamed.find_constituency_and_its_state(state, number): name for number, state, name in rows if name}
    )


def report_turnout(db: Connection, window: Window, zone: tzinfo, by: TurnoutBy = TurnoutBy.BOOTH) -> Report:
    """Report how many voters there are, were contacted and have voted, next to the latest official figure.

    `by` says whether a row is about a booth, a section, a constituency or an hour. A voter counts as contacted if a
    mark (recorded fact about the voter, such as "not yet") was made in the period of `window`. A voter counts as having
    voted by the status now, not by the status at the end of that period.
    """
    if by is TurnoutBy.HOUR:
        return _report_hourly_turnout(db, window, zone)
    states, official = (
        load_constituencies_of_roll(db),
        select_latest_official_turnout_figures(load_official_turnout_figures(db, window, zone)),
    )
    rows = _load_turnout_rows(db, window, states, by_section=by is TurnoutBy.SECTION)
    unit_columns, unit_totals = make_text_columns("part", by.value), _BLANKS
    last_columns: tuple[Column, ...] = _OFFICIAL
    lines: list[tuple[Constituency, tuple[Cell, ...], list[int], tuple[Cell, ...]]]
    if by is TurnoutBy.CONSTITUENCY:
        unit_columns, unit_totals = make_count_columns("booths"), (len(rows),)
        groups = groupby(rows, key=lambda row: row.constituency)
        booths = [(constituency, [row.counts for row in group]) for constituency, group in groups]
        lines = [
            (each, (len(counts),), _sum_turnout_counts(counts), official.get((*each, None), _NONE))
            for each, counts in booths
        ]
    elif by is TurnoutBy.SECTION:
        last_columns = ()
        lines = [(row.constituency, (row.part, row.section), row.counts, ()) for row in rows]
    else:
        last_columns = (*_OFFICIAL, Column("opt_outs"))
        opt_outs = _count_opt_outs_by_part(db, window, states)
        lines = [
            (
                row.constituency,
                (row.part, row.booth),
                row.counts,
                (*official.get(row.constituency_and_part, _NONE), opt_outs[row.constituency_and_part]),
            )
            for row in rows
        ]
    totals = _build_turnout_cells(_sum_turnout_counts(row.counts for row in rows))
    return Report(
        SELF_REPORTED,
        (*states.build_constituency_columns(), *unit_columns, *_COUNTS, *last_columns),
        tuple(
            (*states.build_constituency_cells(each), *unit, *_build_turnout_cells(counts), *last)
            for each, unit, counts, last in lines
        ),
        (*states.build_constituency_cells_of_totals(), *unit_totals, *totals, *[None] * len(last_columns))
        if rows
        else None,
    )


_COUNTS = (
    *make_count_columns("voters", "contacted", "voted", "not_yet"),
    Column("voted_of_contacted", ColumnKind.SHARE, "of contacted"),
)
_OFFICIAL = (Column("official_turnout", ColumnKind.SHARE, "official"), Column("official_by", ColumnKind.TEXT, "by"))
_NONE = (None, None)
_BLANKS: tuple[Cell, ...] = ("", "")


def _build_turnout_cells(counts: list[int]) -> tuple[Cell, ...]:
    """Return the counts, followed by the share of contacted voters who have voted."""
    _, contacted, voted, _ = counts
    return (*counts, voted / contacted if contacted else None)


class _TurnoutRow(NamedTuple):
    """The counts of a polling station (booth) or of one of its sections: voters, contacted, voted, not yet."""

    constituency: Constituency
    part: int
    booth: str
    section: str
    counts: list[int]

    @property
    def constituency_and_part(self) -> Area:
        return (*self.constituency, self.part)


def _load_turnout_rows(
    db: Connection, window: Window, states: RollConstituencies, *, by_section: bool
) -> list[_TurnoutRow]:
    found = window.query_rows_of_period(db, SQL.turnout_by_booth, by_section=by_section)
    rows = [
        _TurnoutRow(states.find_constituency_and_its_state(state, number), part, booth, section, counts)
        for state, number, part, booth, section, *counts in found
    ]
    return sorted(rows, key=lambda row: row.constituency)


def _sum_turnout_counts(counts: Iterable[list[int]]) -> list[int]:
    return [sum(each) for each in zip(*counts, strict=True)] or [0] * 4


def _count_opt_outs_by_part(db: Connection, window: Window, states: RollConstituencies) -> Counter[Area]:
    """Return how many phone numbers opted out in each part (polling station's roll).

    A number that is on two rolls of the part counts once.
    """
    found = window.query_rows_of_period(db, SQL.opt_outs_by_booth)
    return Counter(
        area
        for area, _ in {
            ((*states.find_constituency_and_its_state(state, number), part), phone)
            for state, number, part, phone in found
        }
    )


# Turnout by hour


@dataclass(slots=True)
class TurnoutProgress:
    """How many voters of a constituency were contacted, and how many were reported as voted, by the end of each quarter
    of an hour (epoch seconds).
    """

    contacted: dict[float, int] = field(default_factory=lambda: defaultdict(int))
    voted: dict[float, int] = field(default_factory=lambda: defaultdict(int))

    def count_voters_contacted_and_voted_until(self, at: float) -> tuple[int, int]:
        """Return two numbers: how many voters had been contacted by the time `at` (epoch seconds), and how many had
        voted.
        """
        return (
            sum(number for end, number in self.contacted.items() if end <= at),
            sum(number for end, number in self.voted.items() if end <= at),
        )

    @property
    def turnout_change_times(self) -> list[float]:
        """Return the ends of the quarters of an hour in which a count changed, in order (epoch seconds)."""
        return sorted(self.contacted.keys() | self.voted.keys())


def load_turnout_progress(db: Connection, window: Window) -> dict[Constituency, TurnoutProgress]:
    """Return how contacts and votes grew during the day in each constituency that has contacted voters."""
    states, found = load_constituencies_of_roll(db), defaultdict[Constituency, TurnoutProgress](TurnoutProgress)
    for state, number, contacted_quarter, voted_quarter, voters in window.query_rows_of_period(
        db, SQL.turnout_by_quarter
    ):
        progress = found[states.find_constituency_and_its_state(state, number)]
        progress.contacted[(contacted_quarter + 1) * QUARTER_SECONDS] += voters
        if voted_quarter is not None:
            progress.voted[(voted_quarter + 1) * QUARTER_SECONDS] += voters
    return dict(sorted(found.items()))


def _report_hourly_turnout(db: Connection, window: Window, zone: tzinfo) -> Report:
    official = [figure for figure in load_official_turnout_figures(db, window, zone) if figure.part_number is None]
    states, found = load_constituencies_of_roll(db), load_turnout_progress(db, window)
    rows: list[tuple[Cell, ...]] = []
    for constituency in sorted(found.keys() | {get_constituency_of_turnout_figure(figure) for figure in official}):
        progress = found.get(constituency, TurnoutProgress())
        shares = {
            (figure.day, figure.by_time): figure.share
            for figure in official
            if get_constituency_of_turnout_figure(figure) == constituency
        }
        before = (0, 0)
        for day, by_time in sorted(_find_hours_with_changed_counts(progress, zone) | shares.keys()):
            contacted, voted = progress.count_voters_contacted_and_voted_until(
                _convert_local_time_to_epoch_seconds(day, by_time, zone)
            )
            share = voted / contacted if contacted else None
            new = (contacted - before[0], voted - before[1])
            before = (contacted, voted)
            counts = (*new, contacted, voted, share, shares.get((day, by_time)))
            rows.append((*states.build_constituency_cells(constituency), day.isoformat(), by_time, *counts))
    return Report(
        f"{SELF_REPORTED}, by the hour",
        (
            *states.build_constituency_columns(),
            *make_text_columns("day", "by"),
            Column("newly_contacted", head="+contacted"),
            Column("newly_voted", head="+voted"),
            *make_count_columns("contacted", "voted"),
            Column("voted_of_contacted", ColumnKind.SHARE, "of contacted"),
            Column("official_turnout", ColumnKind.SHARE, "official"),
        ),
        tuple(rows),
    )


def _find_hours_with_changed_counts(progress: TurnoutProgress, zone: tzinfo) -> set[tuple[date, str]]:
    """Return the full hours after which a count of voters had changed: 10:00 for a change at 09:15, 24:00 for one at
    23:30.
    """
    hours = set()
    for end in progress.turnout_change_times:
        local = datetime.fromtimestamp(end - 1, zone)
        hours.add((local.date(), f"{local.hour + 1:02}:00"))
    return hours


def _convert_local_time_to_epoch_seconds(day: date, by_time: str, zone: tzinfo) -> float:
    """Return a local time of a day as epoch seconds. FINAL and 24:00 mean the end of the day."""
    if by_time in (FINAL, "24:00"):
        return datetime.combine(day + timedelta(days=1), time(), zone).timestamp()
    return datetime.combine(day, time.fromisoformat(by_time), zone).timestamp()


# Official figures


def get_constituency_of_turnout_figure(figure: OfficialFigure) -> Constituency:
    """Return the constituency (state and number) to which an official turnout figure belongs."""
    return figure.state_code, figure.constituency_number


def load_official_turnout_figures(db: Connection, window: Window, zone: tzinfo) -> list[OfficialFigure]:
    """Return the official turnout figures of the days in the window, in the order of entry.

    If several figures were entered for one hour, only the last is returned. A missing state is filled in if only one
    state has the constituency's number.
    """
    states = load_constituencies_of_roll(db)
    found = (
        OfficialFigure(
            date.fromisoformat(day),
            number,
            part,
            by_time,
            share,
            states.find_constituency_and_its_state(state, number)[0],
        )
        for day, number, part, by_time, share, state in SQL.official_figures.iterate_rows(db)
    )
    return [
        figure
        for figure in found
        if _convert_local_time_to_epoch_seconds(figure.day, "00:00", zone) < window.until
        and _convert_local_time_to_epoch_seconds(figure.day, FINAL, zone) > window.since
    ]


def select_latest_official_turnout_figures(figures: Iterable[OfficialFigure]) -> Mapping[Area, tuple[float, str]]:
    """Return the latest official share (0-1) of each area, with its day and time such as "22 Apr 17:00"."""
    last = {}
    # FINAL sorts after every time of the day.
    for figure in sorted(figures, key=lambda each: (each.day, each.by_time)):
        last[*get_constituency_of_turnout_figure(figure), figure.part_number] = (
            figure.share,
            f"{figure.day:%d %b} {figure.by_time}",
        )
    return last


# Marks of one voter


def report_voter_marks(db: Connection, voter_id: int, zone: tzinfo) -> Report:
    """Report all marks (recorded facts) about a voter, in the order in which they were stored.

    The title contains the voter's turnout status.
    """
    [(constituency, part, serial, status)] = [*SQL.voter.iterate_rows(db, voter=voter_id)]
    rows = tuple((format_time(at, zone), *rest) for at, *rest in SQL.voter_marks.iterate_rows(db, voter=voter_id))
    return Report(
        f"marks of voter {voter_id} ({constituency}/{part}/{serial}), status: {status}",
        (
            *make_text_columns("at", "kind"),
            Column("hour"),
            *make_text_columns("source", "confidence", "by", "campaign", "attempt"),
        ),
        rows,
        empty="no marks are recorded",
    )
