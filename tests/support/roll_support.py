"""Rolls and stores for the tests of the import."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

COLUMNS = ("AC_NO", "PART_NO", "SLNOINPART", "FM_NAME_EN", "AGE", "SEX", "MOBILE")


def write_roll(path: Path, rows: Iterable[Sequence[str]], header: Sequence[str] = COLUMNS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def query(store: Path, sql: str, *parameters: object) -> list[tuple[object, ...]]:
    """Rows of the store, read through a connection of the test's own."""
    with closing(sqlite3.connect(store)) as db:
        return db.execute(sql, parameters).fetchall()


def execute(store: Path, sql: str, *parameters: object) -> None:
    with closing(sqlite3.connect(store)) as db, db:
        db.execute(sql, parameters)


def contents(store: Path) -> dict[str, list[tuple[object, ...]]]:
    """All that a roll brings into a store. The record of the imports themselves is no part of it."""
    tables = ("booth", "voter", "phone", "link")
    return {table: query(store, f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables}  # noqa: S608 - names above


def rejects(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
