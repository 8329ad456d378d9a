"""Read lists of voters who have voted, as booth workers send them (CSV or XLSX), into marks."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from pathlib import Path

from dialer.domain.enums import MarkKind
from dialer.domain.errors import RollError
from dialer.domain.model import Confidence, Mark, MarkSource
from dialer.domain.person_ids import is_id
from dialer.roll.cells import bounded, clock_text
from dialer.roll.columns import CONSTITUENCY, PART, ROLL_VERSION, SERIAL, STATE, SmallTable, TableRow
from dialer.roll.parts import Parts, UnfitRow
from dialer.store import voters
from dialer.store.connection import Connection
from dialer.store.marks import has_mark

COLUMNS = {
    "constituency": CONSTITUENCY,
    "part": PART - {"booth", "booths"},  # our own sheets have the booth's name in a column of its own
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
class MarksOrigin:
    """Values for the lines of a file that do not state them."""

    source: MarkSource
    confidence: Confidence | None  # None: the confidence of the source
    by: str | None
    day: date
    roll_version: str | None


@dataclass(frozen=True, slots=True)
class MarkReject:
    """A line that could not be read as a mark."""

    line: int  # counted from 1, as a spreadsheet does
    reason: str  # contains no name and no phone number


@dataclass(frozen=True, slots=True)
class MarksFile:
    """The content of a list."""

    sha256: str
    marks: tuple[Mark, ...]  # in the file's order, each key once
    rejects: tuple[MarkReject, ...]
    repeated: int  # lines that repeat an earlier line
    unticked: int  # lines with an empty column `voted`


def read_marks(path: Path, db: Connection, told: MarksOrigin, *, now: float, zone: tzinfo) -> MarksFile:
    """Read a list and look its voters up on the roll in `db`. Times of day are local to `zone`; `now` in epoch seconds.

    Raises RollError for a file that cannot be read or has no column that identifies voters.
    """
    table = SmallTable(path, COLUMNS, frozenset(COLUMNS))
    if "epic" not in table.columns and not {"constituency", "part", "serial"} <= table.columns:
        raise RollError(
            f"{path}: its first row has no column that identifies voters; add the columns constituency, part and"
            " serial, or epic"
        )
    lines = list(table.rows())
    ticked = [line for line in lines if "voted" not in table.columns or _tick(line) not in _NO_TICKS]
    if "constituency" in table.columns:
        find = _by_serial(db, told.roll_version)
    else:
        find = _by_epic(db, {line.cells["epic"].upper() for line in ticked if "epic" in line.cells})
    marks: dict[str, Mark] = {}
    rejects: list[MarkReject] = []
    for line in ticked:
        try:
            mark = _mark(line, find(line), told, table.sha256, now, zone)
        except UnfitRow as why:
            rejects.append(MarkReject(line.number, str(why)))
        else:
            marks.setdefault(mark.key, mark)
    repeated = len(ticked) - len(rejects) - len(marks)
    return MarksFile(table.sha256, tuple(marks.values()), tuple(rejects), repeated, len(lines) - len(ticked))


def _tick(line: TableRow) -> str:
    return line["voted"].strip("[]() ").casefold()


def _mark(line: TableRow, voter_id: int, told: MarksOrigin, sha256: str, now: float, zone: tzinfo) -> Mark:
    if "voted" in line.cells and _tick(line) not in _TICKS:
        raise UnfitRow("column voted is neither ticked nor blank; write x for a voter who has voted")
    kind, source = _kind(line["kind"], told.source)
    by = line.cells.get("by", told.by)
    if by is not None and not is_id(by):
        raise UnfitRow("column by is not an id; write an id such as worker-12, not a name or a phone number")
    at = _at(line["time"], told.day, now, zone)
    # The same statement by the same person on the same day is one mark, in whichever file it is repeated. A correction
    # belongs to its file, because another correction may follow a later "voted".
    said = [voter_id, kind.value, source.value, by, told.day.isoformat(), line.cells.get("time")]
    if source is MarkSource.CORRECTION:
        said += [sha256, line.number]
    key = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]
    return Mark(f"import/{key}", voter_id, kind, source, at, agent=by, confidence=told.confidence)


def _kind(cell: str, source: MarkSource) -> tuple[MarkKind, MarkSource]:
    word = "-".join(cell.casefold().split())
    if word == CORRECTION:
        return MarkKind.NOT_YET, MarkSource.CORRECTION
    kind = KINDS.get(word or MarkKind.VOTED.value)
    if kind is None:
        raise UnfitRow(f"column kind has an unknown value; write {', '.join(KINDS)} or {CORRECTION}")
    return kind, source


def _at(cell: str, day: date, now: float, zone: tzinfo) -> float:
    if not cell:
        at = datetime.combine(day, time.max, zone).timestamp()
    else:
        clock = clock_text(cell)
        try:
            named = datetime.combine(day, time.fromisoformat(clock)) if clock else datetime.fromisoformat(cell)
        except ValueError:
            raise UnfitRow("column time is not a time; write 09:40 or 2026-04-22T09:40") from None
        at = (named if named.tzinfo else named.replace(tzinfo=zone)).timestamp()
        if at > now + AHEAD_SECONDS:
            raise UnfitRow("time is in the future")
    if at < 0.0:  # the command that carries 100 marks would be refused for this one
        raise UnfitRow("time is before 1970; correct the year")
    return min(at, now)


def _by_serial(db: Connection, roll_version: str | None) -> Callable[[TableRow], int]:
    """Look up voters by constituency, part and serial; an EPIC number in the same line must belong to that voter."""
    parts = Parts(db)

    def find(line: TableRow) -> int:
        version, state = line.cells.get("roll version", roll_version), line.cells.get("state")
        booth_id = parts.booth(_number(line, "constituency"), _number(line, "part"), version=version, state=state)
        found = voters.voter_in_booth(db, booth_id, _number(line, "serial"))
        if found is None:
            raise UnfitRow("the part has no voter with this serial")
        voter_id, epic = found
        told = line["epic"].upper()
        if told and epic and told != epic.upper():
            raise UnfitRow("serial and EPIC number belong to different voters; is this the list of another roll?")
        return voter_id

    return find


def _by_epic(db: Connection, epics: set[str]) -> Callable[[TableRow], int]:
    """Look up voters by EPIC number. It has no index, so the roll is read once for all numbers of the file."""
    voters_of: dict[str, list[int]] = defaultdict(list)
    for epic, voter_id in voters.voters_with_epics(db, epics):
        voters_of[epic].append(voter_id)

    def find(line: TableRow) -> int:
        found = voters_of.get(line["epic"].upper(), [])
        if not found:
            raise UnfitRow("the EPIC number is not on the roll")
        if len(found) > 1:
            raise UnfitRow(
                "the EPIC number is on the roll more than once; identify the voter by constituency, part and serial"
            )
        return found[0]

    return find


def _number(line: TableRow, name: str) -> int:
    number = bounded(line[name], _LARGEST)
    if number is None:
        raise UnfitRow(f"{name} is not a whole number")
    return number


def unknown_keys(db: Connection, marks: Sequence[Mark]) -> Iterator[Mark]:
    """The marks that the store does not have yet."""
    return (mark for mark in marks if not has_mark(db, mark.key))
