"""Import of voters' calling weights from a file, completely or not at all. Voters with a higher weight are called
earlier.

The campaign's staff compute the weights, for example from the probability that a voter votes and answers. A voter
without a weight has weight 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dialer.audio.files import hash_file
from dialer.domain.errors import RollError
from dialer.roll.columns import PLACE, SERIAL, SmallTable, TableRow
from dialer.roll.parts import Parts, UnknownPart, UnmatchedRow
from dialer.store import audit, voters
from dialer.store.connection import Connection, open_store_exclusively, open_store_snapshot
from dialer.store.keys import StoreKey
from dialer.store.roll import find_last_voter_id, set_voter_weight
from dialer.store.sql import open_transaction

MIN_WEIGHT, MAX_WEIGHT = 0.001, 1000.0
COLUMNS = {**PLACE, "serial": SERIAL, "weight": frozenset({"weight"})}
OPTIONAL = frozenset({"roll version", "state"})


@dataclass(frozen=True, slots=True)
class WeightsResult:
    """Counts of an import of voters' weights (a higher weight is called earlier): rows read, and weights changed."""

    rows: int
    changed: int
    unknown: int  # rows of voters who are not on the roll


def import_calling_weights_from_file(
    path: Path, store: Path, progress: Callable[[float], None] = lambda _: None, *, key: StoreKey | None = None
) -> WeightsResult:
    """Import voters' weights from a CSV or XLSX file, all or nothing.

    Required columns are constituency, part, serial number and weight. A column with the roll version or state is needed
    if a part is on several rolls. `progress` is called with the finished share of the file (0-1).

    Raises:
        RollError: A row is invalid, or its part is on several rolls; nothing was imported.
        StoreBusy: A dialler is running; nothing was imported.
    """
    table = SmallTable(path, COLUMNS, OPTIONAL)
    rows = changed = unknown = 0
    with open_store_exclusively(store, "an import of weights", create=False, key=key) as db, open_transaction(db):
        parts = Parts(db)
        for row in table.read_rows():
            rows += 1
            voter_id = _find_voter_of_row(db, parts, row)
            if voter_id is None:
                unknown += 1
            else:
                changed += set_voter_weight(db, voter_id, _parse_weight(row))
            progress(row.share_done)
    return WeightsResult(rows, changed, unknown)


def import_changed_calling_weights(
    folder: Path, store: Path, *, key: StoreKey | None = None
) -> tuple[dict[str, str], str | None]:
    """Import the files of calling weights in a folder that are new or have changed since the dialler's last start.

    If voters were added since the last start, all files are imported. The first result has a text for each imported or
    unchanged file: its hash and the newest voter's ID. The next start compares these texts to find changed files.

    After an error in a file, the remaining files are skipped. The second result is the error's text, or None. Raises
    StoreError if the store cannot be read.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in {".csv", ".xlsx"})
    if not paths or not store.exists():
        return {}, None
    with open_store_snapshot(store, key) as db:
        before, voters = audit.read_settings_of_last_start(db), find_last_voter_id(db)
    imported: dict[str, str] = {}
    for path in paths:
        name, state = f"weights.{path.name}", f"{hash_file(path)}, up to voter {voters}"
        if before.get(name) != state:
            try:
                import_calling_weights_from_file(path, store, key=key)
            except RollError as error:
                return imported, str(error)
        imported[name] = state
    return imported, None


def _find_voter_of_row(db: Connection, parts: Parts, row: TableRow) -> int | None:
    """Return the voter of a row of the file, or None if the voter is not on the electoral roll.

    Raises:
        RollError: The part is on several rolls, so the voter is ambiguous.
    """
    constituency, part, serial = map(row.parse_number_in_column, ("constituency", "part", "serial"))
    version, state = row["roll version"] or None, row["state"] or None
    try:
        booth_id = parts.find_booth_id(constituency, part, version=version, state=state)
    except UnknownPart:
        return None
    except UnmatchedRow as why:
        raise row.create_error_about_row(str(why)) from None
    found = voters.find_voter_in_booth(db, booth_id, serial)
    return None if found is None else found[0]


def _parse_weight(row: TableRow) -> float:
    try:
        weight = float(row["weight"])
    except ValueError:
        weight = 0.0
    if not MIN_WEIGHT <= weight <= MAX_WEIGHT:  # also true for NaN
        raise row.create_error_about_row(
            f"the weight is not a number from {MIN_WEIGHT:g} to {MAX_WEIGHT:g}; correct the weight"
        )
    return weight
