"""Voters' weights: a file that says how much each voter counts in the order of calls, all of it or nothing.

A weight is the campaign's own product of supporter score, propensity to vote and chance of an answer; 1 where nothing is known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dialer.errors import RollError
from dialer.roll.reading import open_roll
from dialer.store.cipher import StoreKey
from dialer.store.connection import exclusive_connection
from dialer.store.transaction import transaction

LEAST, MOST = 0.001, 1000.0
COLUMNS = {
    "constituency": frozenset({"constituency", "constituencynumber", "acno", "ac"}),
    "part": frozenset({"part", "partnumber", "partno", "booth"}),
    "serial": frozenset({"serial", "serialno", "slno", "slnoinpart", "serialnoinpart"}),
    "weight": frozenset({"weight"}),
}
_FIND = """SELECT voter_id FROM voter JOIN booth USING (booth_id)
WHERE constituency_number = ? AND part_number = ? AND serial = ?"""
_SET = "UPDATE voter SET weight = ?2 WHERE voter_id = ?1 AND weight <> ?2"
# The numbers of the voters whose weight changed: each weighs what the voters pending on it weigh together.
_RANK = """UPDATE target SET rank = -coalesce((
    SELECT sum(voter.weight) FROM link JOIN voter USING (voter_id)
    WHERE link.phone_id = target.phone_id AND link.dropped_at IS NULL AND voter.turnout = 'pending'
), 1) WHERE phone_id IN (SELECT phone_id FROM link WHERE voter_id = ?)"""


@dataclass(frozen=True, slots=True)
class WeightsResult:
    """What a file of weights brought. Rows."""

    rows: int
    changed: int
    unknown: int  # no such voter on the roll


def import_weights(
    path: Path, store: Path, progress: Callable[[float], None] = lambda _: None, *, key: StoreKey | None = None
) -> WeightsResult:
    """Take a CSV or XLSX with the columns constituency, part, serial and weight. `progress` is told the share done, 0 to 1.

    Raises RollError for the first row that cannot be taken, with its number and what to do, StoreBusy while a dialler runs;
    nothing of the file is kept then.
    """
    roll = open_roll(path)
    head = roll.head()
    places = _places(path, head[0] if head else [])
    rows = changed = unknown = 0
    with exclusive_connection(store, "an import of weights", create=False, key=key) as db, transaction(db):
        for batch in roll.batches(1):
            for number, row in enumerate(batch.rows, batch.first_row):
                if not any(cell.strip() for cell in row):
                    continue
                rows += 1
                found = db.execute(_FIND, _key(path, number, row, places)).fetchone()
                if found is None:
                    unknown += 1
                else:
                    changed += _weigh(db, found[0], _weight(path, number, row, places["weight"]))
            progress(batch.share_done)
    return WeightsResult(rows, changed, unknown)


def _weigh(db: sqlite3.Connection, voter_id: int, weight: float) -> int:
    if db.execute(_SET, (voter_id, weight)).rowcount == 0:
        return 0
    db.execute(_RANK, (voter_id,))
    return 1


def _places(path: Path, header: Sequence[str]) -> dict[str, int]:
    squeezed = ["".join(letter for letter in heading.casefold() if letter.isalnum()) for heading in header]
    places: dict[str, int] = {}
    for name, headings in COLUMNS.items():
        found = [place for place, heading in enumerate(squeezed) if heading in headings]
        if len(found) != 1:
            how = "no column" if not found else "more than one column"
            raise RollError(f"{path}: its first row has {how} {name}; name them {', '.join(COLUMNS)}")
        places[name] = found[0]
    return places


def _key(path: Path, number: int, row: Sequence[str], places: dict[str, int]) -> tuple[int, int, int]:
    values = []
    for name in ("constituency", "part", "serial"):
        text = _cell(row, places[name]).removesuffix(".0")
        if not (text.isascii() and text.isdecimal() and len(text) <= 9):
            raise RollError(f"{path}: row {number:,}: {name} is not a whole number; correct it, nothing was taken")
        values.append(int(text))
    return values[0], values[1], values[2]


def _weight(path: Path, number: int, row: Sequence[str], place: int) -> float:
    try:
        weight = float(_cell(row, place))
    except ValueError:
        weight = 0.0
    if not LEAST <= weight <= MOST:  # no comparison holds for a NaN
        raise RollError(
            f"{path}: row {number:,}: the weight is not a number from {LEAST:g} to {MOST:g}; correct it, nothing was taken"
        )
    return weight


def _cell(row: Sequence[str], place: int) -> str:
    return row[place].strip() if place < len(row) else ""
