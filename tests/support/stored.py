"""What a store holds, read from outside as another process would."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def one_line(error: BaseException, path: Path) -> bool:
    """Whether the text is what a person can use: one line that begins with the file."""
    text = str(error)
    return text.startswith(f"{path}: ") and "\n" not in text and len(text) < 200 + len(str(path))


def query(store: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """The rows of a query, through a connection that cannot write."""
    with closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)) as db:
        return db.execute(sql, parameters).fetchall()


def execute(store: Path, sql: str, *parameters: object) -> None:
    """Do one statement to a store that nobody else has open, and commit it."""
    with closing(sqlite3.connect(store)) as db, db:
        db.execute(sql, parameters)


def rows(directory: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query to the store of a site in `directory`."""
    return query(directory / "centre.db", sql)


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())
