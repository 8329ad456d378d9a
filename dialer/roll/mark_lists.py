"""Reads the lists of who has voted that booth workers send, such as ticked strike-off sheets (CSV or XLSX).

Each line is stored as a mark, a recorded fact about a voter.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from pathlib import Path

from dialer.domain.enums import Confidence, MarkKind
from dialer.domain.errors import RollError
from dialer.domain.model import Mark, MarkSource
from dialer.domain.person_ids import is_person_id
from dialer.roll.cells import parse_clock_time, parse_whole_number
from dialer.roll.columns import CONSTITUENCY, PART, ROLL_VERSION, SERIAL, STATE, SmallTable, TableRow
from dialer.roll.parts import Parts, UnmatchedRow
from dialer.store import voters
from dialer.store.connection import Connection
from dialer.store.marks import is_voter_mark_stored

COLUMNS = {
    "constituency": CONSTITUENCY,
    "part": PART - {"booth", "booths"},  # strike-off sheets have the booth's name in a column "booth"
    "serial": SERIAL,
    "epic": frozenset({"epic", "epicno", "epicnumber", "idcardno", "voterid", "voteridno"}),
    "kind": frozenset({"kind", "mark"}),
    "voted": frozenset({"voted", "strike", "struck"}),
    "time": frozenset({"time", "at", "votedat"}),
    "by": frozenset({"by", "worker", "workerid"}),
    "roll version": ROLL_VERSION,
    "state": STATE,
}
CORRECTION = "correction"
KINDS = {
    kind.value: kind
    for kind in (MarkKind.VOTED, MarkKind.NOT_YET, MarkKind.WILL_NOT, MarkKind.MOVED, MarkKind.DECEASED)
}
AHEAD_SECONDS = 300.0  # tolerance for a clock that runs fast
_TICKS = frozenset({"x", "y", "yes", "1", "true", "v", "voted", "✓", "✔", "☑", "हाँ"})
_NO_TICKS = frozenset({"", "n", "no", "0", "false", "-", "not yet", "not-yet"})
_LARGEST = 999_999_999


@dataclass(frozen=True, slots=True)
class MarkDefaults:
    """Defaults for lines of a list of marks (recorded facts about voters): reporter, confidence, day and roll version."""

    source: MarkSource
    confidence: Confidence | None  # None: the default confidence of the source
    by: str | None  # ID of the person who reports the marks
    day: date
    roll_version: str | None


@dataclass(frozen=True, slots=True)
class MarkReject:
    """A line of a list that could not be read as a mark (a recorded fact about a voter), with the reason."""

    line: int  # counted from 1, as in a spreadsheet
    reason: str  # without names and phone numbers


@dataclass(frozen=True, slots=True)
class MarksFile:
    """The marks (recorded facts about voters) that were read from a list, and the lines that gave no mark."""

    sha256: str
    marks: tuple[Mark, ...]  # in the order of the file, without duplicates
    rejects: tuple[MarkReject, ...]
    repeated: int  # lines that repeat an earlier line
    unticked: int  # lines with an empty column `voted`


def read_list_of_voter_marks(
    path: Path, db: Connection, defaults: MarkDefaults, *, now: float, zone: tzinfo
) -> MarksFile:
    """Read a list of marks (recorded facts about voters) and look up its voters on the roll in `db`.

    Times in the file are local to `zone`; `now` is in epoch seconds.

    Raises:
        RollError: The file cannot be read, or no column identifies voters.
    """
    table = SmallTable(path, COLUMNS, frozenset(COLUMNS))
    if "epic" not in table.columns and not {"constituency", "part", "serial"} <= table.columns:
        raise RollError(
            f"{path}: the first row has no columns that identify voters; add the column `epic`, or the columns "
            "`constituency`, `part` and `serial`"
        )
    lines = list(table.read_rows())
    ticked = [line for line in lines if "voted" not in table.columns or _normalize_voted_cell(line) not in _NO_TICKS]
    if "constituency" in table.columns:
        find_voter_of_list_line = _create_voter_finder_by_serial_number(db, defaults.roll_version)
    else:
        find_voter_of_list_line = _create_voter_finder_by_voter_id(
            db, {line.cells["epic"].upper() for line in ticked if "epic" in line.cells}
        )
    marks: dict[str, Mark] = {}
    rejects: list[MarkReject] = []
    for line in ticked:
        try:
            mark = _build_voter_mark_from_line(line, find_voter_of_list_line(line), defaults, table.sha256, now, zone)
        except UnmatchedRow as why:
            rejects.append(MarkReject(line.number, str(why)))
        else:
            marks.setdefault(mark.key, mark)
    repeated = len(ticked) - len(rejects) - len(marks)
    return MarksFile(table.sha256, tuple(marks.values()), tuple(rejects), repeated, len(lines) - len(ticked))


def _normalize_voted_cell(line: TableRow) -> str:
    return line["voted"].strip("[]() ").casefold()


def _build_voter_mark_from_line(
    line: TableRow, voter_id: int, defaults: MarkDefaults, sha256: str, now: float, zone: tzinfo
) -> Mark:
    if "voted" in line.cells and _normalize_voted_cell(line) not in _TICKS:
        raise UnmatchedRow(
            "column `voted` has neither a tick nor an empty cell; write x for a voter who has voted, and leave the "
            "cell empty otherwise"
        )
    kind, source = _parse_mark_kind(line["kind"], defaults.source)
    by = line.cells.get("by", defaults.by)
    if by is not None and not is_person_id(by):
        raise UnmatchedRow("column `by` is not an id; write an id such as worker-12, not a name or a phone number")
    at = _parse_mark_time(line["time"], defaults.day, now, zone)
    # The same statement by the same person on the same day is one mark, even if another file repeats it. A correction is a
    # mark of its own in each file, because another correction may follow a later "voted".
    identity = [voter_id, kind.value, source.value, by, defaults.day.isoformat(), line.cells.get("time")]
    if source is MarkSource.CORRECTION:
        identity += [sha256, line.number]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
    return Mark(f"import/{key}", voter_id, kind, source, at, agent=by, confidence=defaults.confidence)


def _parse_mark_kind(cell: str, source: MarkSource) -> tuple[MarkKind, MarkSource]:
    word = "-".join(cell.casefold().split())
    if word == CORRECTION:
        return MarkKind.NOT_YET, MarkSource.CORRECTION
    kind = KINDS.get(word or MarkKind.VOTED.value)
    if kind is None:
        raise UnmatchedRow(f"column `kind` has an unknown value; write {', '.join(KINDS)} or {CORRECTION}")
    return kind, source


def _parse_mark_time(cell: str, day: date, now: float, zone: tzinfo) -> float:
    """Return the time in a line of the list (epoch seconds).

    A blank cell stands for the end of `day`. If the time is later than `now`, `now` is returned.
    """
    if not cell:
        at = datetime.combine(day, time.max, zone).timestamp()
    else:
        clock = parse_clock_time(cell)
        try:
            named = datetime.combine(day, time.fromisoformat(clock)) if clock else datetime.fromisoformat(cell)
        except ValueError:
            raise UnmatchedRow("column `time` is not a time; write 09:40 or 2026-04-22T09:40") from None
        at = (named if named.tzinfo else named.replace(tzinfo=zone)).timestamp()
        if at > now + AHEAD_SECONDS:
            raise UnmatchedRow("column `time` is in the future; correct the time")
    if at < 0.0:  # a negative time would invalidate the command that carries this mark and 99 others
        raise UnmatchedRow("column `time` is before 1970; correct the year")
    return min(at, now)


def _create_voter_finder_by_serial_number(db: Connection, roll_version: str | None) -> Callable[[TableRow], int]:
    """Return a function that finds the voter of a line by constituency, part and serial number. If the line also has an
    EPIC (voter ID) number, this must be the number of the same voter.
    """
    parts = Parts(db)

    def find_voter_of_list_line(line: TableRow) -> int:
        constituency, part = _parse_whole_number(line, "constituency"), _parse_whole_number(line, "part")
        version, state = line.cells.get("roll version", roll_version), line.cells.get("state")
        booth_id = parts.find_booth_id(constituency, part, version=version, state=state)
        found = voters.find_voter_in_booth(db, booth_id, _parse_whole_number(line, "serial"))
        if found is None:
            raise UnmatchedRow("the part has no voter with this serial; correct part or serial")
        voter_id, epic = found
        given = line["epic"].upper()
        if given and epic and given != epic.upper():
            raise UnmatchedRow("serial and EPIC number belong to different voters; check that the list is of this roll")
        return voter_id

    return find_voter_of_list_line


def _create_voter_finder_by_voter_id(db: Connection, epics: set[str]) -> Callable[[TableRow], int]:
    """Return a function that finds the voter of a line by EPIC (voter ID) number. The store has no index of EPIC
    numbers, so the roll is read once for all numbers in the file.
    """
    voters_of: dict[str, list[int]] = defaultdict(list)
    for epic, voter_id in voters.find_voters_by_card_numbers(db, epics):
        voters_of[epic].append(voter_id)

    def find_voter_of_list_line(line: TableRow) -> int:
        found = voters_of.get(line["epic"].upper(), [])
        if not found:
            raise UnmatchedRow("the EPIC number is not on the roll; correct it")
        if len(found) > 1:
            raise UnmatchedRow(
                "the EPIC number is on the roll more than once; identify the voter by constituency, part and serial"
            )
        return found[0]

    return find_voter_of_list_line


def _parse_whole_number(line: TableRow, name: str) -> int:
    number = parse_whole_number(line[name], _LARGEST)
    if number is None:
        raise UnmatchedRow(f"the cell in column `{name}` is not a whole number; correct this number")
    return number


def select_voter_marks_not_stored(db: Connection, marks: Sequence[Mark]) -> Iterator[Mark]:
    """Return the given marks (recorded facts about voters) that the store does not have yet."""
    return (mark for mark in marks if not is_voter_mark_stored(db, mark.key))
