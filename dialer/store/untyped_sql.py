"""Statements of `queries/*.sql` without row types, for modules that do not declare theirs yet: see `sql.py`."""

from __future__ import annotations

import re
import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any, TypeVar

T = TypeVar("T")
Connection = sqlite3.Connection
Row = Any
"""A row, whose columns are its attributes."""

_NAME_LINE = re.compile(r"^--\s*name:\s*(\S+)\s*$", re.MULTILINE)
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")


class Statement(str):
    """A statement of a file, run by calling it with its parameters by name; its rows are read by the names of their columns."""

    _make: Callable[[Iterable[Any]], Any] | None = None

    def __call__(self, db: Connection, /, **values: object) -> sqlite3.Cursor:
        """Run it."""
        return db.execute(self, values)

    def rows(self, db: Connection, /, **values: object) -> Iterator[Row]:
        """Its rows, read one by one as they are asked for."""
        return self.named(db.execute(self, values))

    def row(self, db: Connection, /, **values: object) -> Row:
        """Its first row; None: there is none."""
        return next(self.named(db.execute(self, values)), None)

    def one(self, db: Connection, kind: Callable[..., T], /, **values: object) -> T | None:
        """Its first row as a `kind`, whose fields are its columns; None: there is none."""
        return next((kind(**row._asdict()) for row in self.rows(db, **values)), None)

    def all(self, db: Connection, kind: Callable[..., T], /, **values: object) -> list[T]:
        """All its rows, each as a `kind`."""
        return [kind(**row._asdict()) for row in self.rows(db, **values)]

    def value(self, db: Connection, kind: Callable[[Any], T], /, **values: object) -> T | None:
        """What stands in the first column of its first row, as a `kind`; None: there is none, or it is NULL."""
        row = self(db, **values).fetchone()
        return None if row is None or row[0] is None else kind(row[0])

    def values(self, db: Connection, kind: Callable[[Any], T], /, **values: object) -> list[T]:
        """What stands in the first column of all its rows."""
        return [kind(row[0]) for row in self(db, **values)]

    def number(self, db: Connection, /, **values: object) -> int:
        """The number that a count gives; 0 and 1 of an EXISTS."""
        return int(self(db, **values).fetchone()[0])

    def named(self, cursor: sqlite3.Cursor) -> Iterator[Row]:
        """The rows of a cursor of this statement, by the names of their columns."""
        if self._make is None:
            columns = [column[0] for column in cursor.description]
            self._make = namedtuple("Row", columns, rename=True)._make  # type: ignore[attr-defined]
        return map(self._make, cursor)


def values_of(record: Any) -> dict[str, Any]:
    """The fields of a dataclass, by name: parameters of a statement, which takes those that it names."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def parse_statements(text: str) -> Mapping[str, Statement]:
    """The statements of one file by name, without their closing semicolon. Comments that stand behind one belong to the
    next.

    Raises ValueError for text before the first name, a name given twice or ill-formed, and a name without a statement:
    mistakes of whoever writes the file, which the tests find.
    """
    head, *parts = _NAME_LINE.split(text)
    if _without_comments(head):
        raise ValueError(f"a statement stands before the first `-- name:` line: {head.strip()[:60]!r}")
    statements: dict[str, Statement] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        statement = _without_last_comments(body).removesuffix(";").rstrip()
        if not _IDENTIFIER.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a statement: lower-case letters, digits and _ only")
        if name in statements:
            raise ValueError(f"the statement {name!r} is there twice")
        if not _without_comments(statement):
            raise ValueError(f"the statement {name!r} is empty")
        statements[name] = Statement(statement)
    return MappingProxyType(statements)


def load_statements(room: str, package: str = "dialer.store") -> Mapping[str, Statement]:
    """The statements of a package's `queries/<room>.sql` by name."""
    return parse_statements(resources.files(package).joinpath("queries", f"{room}.sql").read_text("utf-8"))


def _without_last_comments(body: str) -> str:
    lines = body.strip().splitlines()
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("--")):
        del lines[-1]
    return "\n".join(lines)


def _without_comments(text: str) -> str:
    return "".join(line for line in text.splitlines() if not line.lstrip().startswith("--")).strip()
