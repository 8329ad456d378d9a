"""Voters' weights: a file that says how much each voter counts in the order of calls, all of it or nothing.

A weight is the campaign's own product of supporter score, propensity to vote and chance of an answer; 1 where nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dialer.domain.errors import RollError
from dialer.roll.columns import CONSTITUENCY, PART, SERIAL, cell_at, places_of, whole_number
from dialer.roll.parts import ROLL_VERSION, STATE, NoSuchPart, Parts, UnfitPart
from dialer.roll.reading import open_roll
from dialer.store import voters
from dialer.store.cipher import StoreKey
from dialer.store.connection import Connection, exclusive_connection
from dialer.store.roll import set_weight
from dialer.store.transaction import transaction

LEAST, MOST = 0.001, 1000.0
COLUMNS = {
    "constituency": CONSTITUENCY,
    "part": PART,
    "serial": SERIAL,
    "weight": frozenset({"weight"}),
    "roll version": ROLL_VERSION,
    "state": STATE,
}
OPTIONAL = frozenset({"roll version", "state"})


@dataclass(frozen=True, slots=True)
class WeightsResult:
    """What a file of weights brought. Rows."""

    rows: int
    changed: int
    unknown: int  # no such voter on the roll


def import_weights(
    path: Path, store: Path, progress: Callable[[float], None] = lambda _: None, *, key: StoreKey | None = None
) -> WeightsResult:
    """Take a CSV or XLSX with the columns constituency, part, serial and weight; roll version or state, where the store has
    several rolls of a part. `progress` is told the share done, 0 to 1.

    Raises RollError for the first row that cannot be taken (one whose part may be either of two is such a row), with its number
    and what to do, StoreBusy while a dialler runs; nothing of the file is kept then.
    """
    roll = open_roll(path)
    head = roll.head()
    places = places_of(path, head[0] if head else [], COLUMNS, OPTIONAL)
    rows = changed = unknown = 0
    with exclusive_connection(store, "an import of weights", create=False, key=key) as db, transaction(db):
        parts = Parts(db)
        for batch in roll.batches(1):
            for number, row in enumerate(batch.rows, batch.first_row):
                if not any(cell.strip() for cell in row):
                    continue
                rows += 1
                voter_id = _voter(db, parts, path, number, row, places)
                if voter_id is None:
                    unknown += 1
                else:
                    changed += set_weight(db, voter_id, _weight(path, number, row, places["weight"]))
            progress(batch.share_done)
    return WeightsResult(rows, changed, unknown)


def _voter(
    db: Connection, parts: Parts, path: Path, number: int, row: Sequence[str], places: dict[str, int]
) -> int | None:
    """The voter whom a row names; None: not on the roll. A row that may mean either of two is refused: a weight on the wrong
    one is seen by nobody.
    """
    names = ("constituency", "part", "serial")
    constituency, part, serial = (whole_number(path, number, name, cell_at(row, places[name])) for name in names)
    version, state = (cell_at(row, places.get(name)) or None for name in ("roll version", "state"))
    try:
        booth_id = parts.booth(constituency, part, version=version, state=state)
    except NoSuchPart:
        return None
    except UnfitPart as why:
        raise RollError(f"{path}: row {number:,}: {why}; nothing was taken") from None
    found = voters.voter_of_part(db, booth_id, serial)
    return None if found is None else found[0]


def _weight(path: Path, number: int, row: Sequence[str], place: int) -> float:
    try:
        weight = float(cell_at(row, place))
    except ValueError:
        weight = 0.0
    if not LEAST <= weight <= MOST:  # no comparison holds for a NaN
        raise RollError(
            f"{path}: row {number:,}: the weight is not a number from {LEAST:g} to {MOST:g}; correct it, nothing was taken"
        )
    return weight
