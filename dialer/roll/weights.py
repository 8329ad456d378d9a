"""Import voters' weights, which influence the order of calls, from a file: all of it or nothing.

A campaign computes a weight from supporter score, propensity to vote and probability of an answer; 1 is the default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dialer.audio.files import sha256_of
from dialer.domain.errors import RollError
from dialer.roll.columns import PLACE, SERIAL, SmallTable, TableRow
from dialer.roll.parts import NoSuchPart, Parts, UnfitRow
from dialer.store import audit, voters
from dialer.store.connection import Connection, exclusive_connection, read_snapshot
from dialer.store.keys import StoreKey
from dialer.store.roll import last_voter, set_weight
from dialer.store.sql import transaction

LEAST, MOST = 0.001, 1000.0
COLUMNS = {**PLACE, "serial": SERIAL, "weight": frozenset({"weight"})}
OPTIONAL = frozenset({"roll version", "state"})


@dataclass(frozen=True, slots=True)
class WeightsResult:
    """Counts of the rows of a file of weights."""

    rows: int
    changed: int
    unknown: int  # no such voter on the roll


def import_weights(
    path: Path, store: Path, progress: Callable[[float], None] = lambda _: None, *, key: StoreKey | None = None
) -> WeightsResult:
    """Take a CSV or XLSX with the columns constituency, part, serial and weight; roll version or state, where the store has
    several rolls of a part. `progress` is told the share done, 0 to 1.

    Raises RollError for the first row that cannot be taken (one whose part may be either of two is such a row), with
    its number and what to do, StoreBusy while a dialler runs; nothing of the file is kept then.
    """
    table = SmallTable(path, COLUMNS, OPTIONAL)
    rows = changed = unknown = 0
    with exclusive_connection(store, "an import of weights", create=False, key=key) as db, transaction(db):
        parts = Parts(db)
        for row in table.rows():
            rows += 1
            voter_id = _voter(db, parts, row)
            if voter_id is None:
                unknown += 1
            else:
                changed += set_weight(db, voter_id, _weight(row))
            progress(row.share_done)
    return WeightsResult(rows, changed, unknown)


def import_new_weights(folder: Path, store: Path, *, key: StoreKey | None = None) -> tuple[dict[str, str], str | None]:
    """Take the lists in a folder, by their names, that were not taken since the roll last grew. What to keep with the settings of
    this start, by which they are known at the next one, and what is wrong with the first list that cannot be taken;
    None: nothing. Raises StoreError.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in {".csv", ".xlsx"})
    if not paths or not store.exists():
        return {}, None
    with read_snapshot(store, key) as db:
        before, voters = audit.stored_settings(db), last_voter(db)
    taken: dict[str, str] = {}
    for path in paths:
        name, what = f"weights.{path.name}", f"{sha256_of(path)}, up to voter {voters}"
        if before.get(name) != what:
            try:
                import_weights(path, store, key=key)
            except RollError as error:
                return taken, str(error)
        taken[name] = what
    return taken, None


def _voter(db: Connection, parts: Parts, row: TableRow) -> int | None:
    """The voter whom a row names; None: not on the roll. One that may be either of two is refused: nobody would see the mistake."""
    constituency, part, serial = map(row.whole_number, ("constituency", "part", "serial"))
    try:
        booth_id = parts.booth(constituency, part, version=row["roll version"] or None, state=row["state"] or None)
    except NoSuchPart:
        return None
    except UnfitRow as why:
        raise row.refusal(str(why)) from None
    found = voters.voter_in_booth(db, booth_id, serial)
    return None if found is None else found[0]


def _weight(row: TableRow) -> float:
    try:
        weight = float(row["weight"])
    except ValueError:
        weight = 0.0
    if not LEAST <= weight <= MOST:  # no comparison holds for a NaN
        raise row.refusal(f"the weight is not a number from {LEAST:g} to {MOST:g}; correct it")
    return weight
