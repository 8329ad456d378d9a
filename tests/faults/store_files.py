"""What the tests of the store's faults share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dialer.store.connection import open_reading


def one_line(error: BaseException, path: Path) -> bool:
    """Whether the text is what a person can use: one line that begins with the file."""
    text = str(error)
    return text.startswith(f"{path}: ") and "\n" not in text and len(text) < 250


def read(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query by another connection, as a report makes it."""
    db = open_reading(path)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()
