"""Reads and changes a store from outside, as another process would."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def is_one_line(error: BaseException, path: Path) -> bool:
    """Return whether an error is one line that starts with the file's path."""
    text = str(error)
    return text.startswith(f"{path}: ") and "\n" not in text and len(text) < 200 + len(str(path))


def query_store(store: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Return the rows of a query on a store, opened read-only."""
    with closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)) as db:
        return db.execute(sql, parameters).fetchall()


def execute_in_store(store: Path, sql: str, *parameters: object) -> None:
    """Execute and commit one statement on a store that is not in use."""
    with closing(sqlite3.connect(store)) as db, db:
        db.execute(sql, parameters)


def query_site_store(directory: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query on the store of the site in `directory`."""
    return query_store(directory / "centre.db", sql)


def list_names(directory: Path) -> list[str]:
    """Return the sorted names of the files in a folder."""
    return sorted(path.name for path in directory.iterdir())
