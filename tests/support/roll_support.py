"""Roll files and store contents for tests of the roll import."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.support.stored import query_store

COLUMNS = ("AC_NO", "PART_NO", "SLNOINPART", "FM_NAME_EN", "AGE", "SEX", "MOBILE")


def write_roll(path: Path, rows: Iterable[Sequence[str]], header: Sequence[str] = COLUMNS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def read_imported_tables(store: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the tables that a roll import fills, without the record of imports."""
    tables = ("booth", "voter", "phone", "link")
    return {table: query_store(store, f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables}  # noqa: S608 - names above


def read_rejected_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file of rejected rows, by column."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
