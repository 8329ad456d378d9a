"""Typed SQL: each `.sql` file lies next to the module that runs it, and each statement declares the type of its rows.

A file holds named statements, each below a line `-- name: claim_fresh`. Its module declares them in a subclass of
`Statements`:

    class Opened(NamedTuple):
        attempt_id: str
        opened_at: float

    class SQL(Statements):
        opened = Query(Opened)
        opened_count = Scalar(int)
        delete_opened = Command()

    SQL.opened.fetch_all_rows(db, campaign_id="turnout")

The fields of a row type are the columns of its SELECT, in the same order. Loading fails where the file and the
declarations name different statements; tests/unit/store/test_statements.py compares the columns with the fields.
"""

from __future__ import annotations

import dataclasses
import re
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from itertools import starmap
from typing import Any, ClassVar, Generic, Protocol, TypeVar

R = TypeVar("R")
V = TypeVar("V")
Connection = sqlite3.Connection

_NAME_LINE = re.compile(r"^--\s*name:\s*(\S+)\s*$", re.MULTILINE)
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")


class Statement:
    """A named SQL statement. Its parameters are passed by name; parameters that the statement does not use are ignored."""

    name = ""
    sql = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name


class Command(Statement):
    """A statement that returns no rows."""

    def run_statement(self, db: Connection, /, **parameters: object) -> int:
        """Run the SQL statement and return the number of rows it changed."""
        return db.execute(self.sql, parameters).rowcount

    def run_statement_for_each_parameter_set(
        self, db: Connection, parameters: Iterable[Mapping[str, object]], /
    ) -> int:
        """Run the statement once for each set of parameters. Return the total number of changed rows."""
        return db.executemany(self.sql, parameters).rowcount

    def insert_row(self, db: Connection, /, **parameters: object) -> int:
        """Run an INSERT and return the rowid of the new row, or 0 if a conflict was ignored."""
        cursor = db.execute(self.sql, parameters)
        return (cursor.lastrowid or 0) if cursor.rowcount == 1 else 0


class Query(Statement, Generic[R]):
    """A statement whose rows are objects of `row_type`: a NamedTuple or a dataclass with a field for each column."""

    def __init__(self, row_type: type[R]) -> None:
        self.row_type = row_type
        make: Callable[[Iterable[Any]], R] | None = getattr(row_type, "_make", None)
        self.make: Callable[[Iterable[Any]], R] = make or (lambda values: row_type(*values))

    @property
    def column_names(self) -> tuple[str, ...]:
        """The column names of the query's result: the fields of its row type."""
        fields: tuple[str, ...] | None = getattr(self.row_type, "_fields", None)
        if fields is None:
            fields = tuple(field.name for field in dataclasses.fields(self.row_type))  # type: ignore[arg-type] # a dataclass
        return fields

    def iterate_rows(self, db: Connection, /, **parameters: object) -> Iterator[R]:
        """Run the query and return an iterator that reads its rows from the database one by one."""
        return map(self.make, db.execute(self.sql, parameters))

    def fetch_all_rows(self, db: Connection, /, **parameters: object) -> list[R]:
        """Run the query and return all its rows."""
        return [*map(self.make, db.execute(self.sql, parameters))]

    def fetch_first_row(self, db: Connection, /, **parameters: object) -> R | None:
        """Run the query and return its first row, or None if there is none."""
        row = db.execute(self.sql, parameters).fetchone()
        return None if row is None else self.make(row)

    def fetch_only_row(self, db: Connection, /, **parameters: object) -> R:
        """Run a query that always returns exactly one row, and return this row."""
        [row] = db.execute(self.sql, parameters)
        return self.make(row)


class Scalar(Statement, Generic[V]):
    """A query with one result column. `kind` converts the values that SQLite returns."""

    def __init__(self, kind: Callable[[Any], V]) -> None:
        self.kind = kind

    def fetch_all_values(self, db: Connection, /, **parameters: object) -> list[V]:
        """Run a query with one column, and return the column's value of each row."""
        return [*starmap(self.kind, db.execute(self.sql, parameters))]

    def fetch_first_value(self, db: Connection, /, **parameters: object) -> V | None:
        """Run a query with one column, and return the value of its first row. None if there is no row or the value is
        NULL.
        """
        row = db.execute(self.sql, parameters).fetchone()
        return None if row is None or row[0] is None else self.kind(row[0])

    def fetch_only_value(self, db: Connection, /, **parameters: object) -> V:
        """Run a query that always returns one row with one column, such as a count or an EXISTS. Return the value."""
        [row] = db.execute(self.sql, parameters)
        return self.kind(row[0])


class Statements:
    """The statements of one `.sql` file. Each attribute of a subclass declares one of them.

    The file has the name of the module that declares the subclass, or the name given as `file`.
    """

    declared: ClassVar[Mapping[str, Statement]]

    def __init_subclass__(cls, file: str | None = None) -> None:
        """Read the `.sql` file of the module and give each declared statement its SQL.

        Raises ValueError if the file and the declarations name different statements.
        """
        module = sys.modules[cls.__module__]
        file = file or f"{cls.__module__.rpartition('.')[2]}.sql"
        texts = parse_statements(resources.files(module.__package__ or "").joinpath(file).read_text("utf-8"))
        cls.declared = {name: each for name, each in vars(cls).items() if isinstance(each, Statement)}
        if different := texts.keys() ^ cls.declared.keys():
            raise ValueError(
                f"{cls.__module__} and {file} do not declare the same statements; declare in both: {', '.join(sorted(different))}"
            )
        for name, statement in cls.declared.items():
            statement.sql = texts[name]


def get_fields_as_sql_parameters(record: Any) -> dict[str, Any]:
    """Return the fields of a dataclass by name, as parameters of a statement."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def parse_statements(text: str) -> Mapping[str, str]:
    """Return the statements of a `.sql` file by name, without their closing semicolons. A comment between two
    statements belongs to the second.

    Raises ValueError for text before the first name, for a name that is repeated or not an identifier, and for a name
    without a statement.
    """
    head, *parts = _NAME_LINE.split(text)
    if _remove_comment_lines(head):
        raise ValueError(
            f"The file has SQL before its first `-- name:` line: {head.strip()[:60]!r}. Give this statement a name."
        )
    statements: dict[str, str] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        statement = _strip_comments_at_end(body).removesuffix(";").rstrip()
        if not _IDENTIFIER.fullmatch(name):
            raise ValueError(f"{name!r} is not a valid statement name: use lower-case letters, digits and _")
        if name in statements:
            raise ValueError(f"The SQL statement {name!r} is defined twice. Rename one of them.")
        if not _remove_comment_lines(statement):
            raise ValueError(f"The SQL statement {name!r} is empty. Write the statement or remove its name.")
        statements[name] = statement
    return statements


def _strip_comments_at_end(body: str) -> str:
    """Return the text of a statement without comments and blank lines at its end."""
    lines = body.strip().splitlines()
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("--")):
        del lines[-1]
    return "\n".join(lines)


def _remove_comment_lines(text: str) -> str:
    """Return the text without the lines that are comments."""
    return "".join(line for line in text.splitlines() if not line.lstrip().startswith("--")).strip()


class TransactionHooks(Protocol):
    """Methods that a connection calls when a transaction begins, before its commit and after its commit.

    The object that has these methods is the connection's attribute `hooks`.
    """

    def on_transaction_begun(self) -> None:
        """Prepare for a transaction that has just begun."""

    def write_rows_before_commit(self) -> None:
        """Add further rows to the transaction, just before it is committed."""

    def on_transaction_committed(self) -> None:
        """Handle the commit of a transaction, whose writes are on disk now."""


@contextmanager
def open_transaction(db: Connection, *, commit: bool = True) -> Iterator[None]:
    """Begin a transaction. Commit it when the `with` block ends, or roll it back if the block or the COMMIT fails.

    With `commit` False, always roll back. `db` must be in autocommit mode. If the disk is full, SQLite has rolled back
    already.
    """
    hooks: TransactionHooks | None = getattr(db, "hooks", None)
    db.execute("BEGIN IMMEDIATE")
    try:
        if hooks is not None:
            hooks.on_transaction_begun()
        yield
        if hooks is not None and commit:
            hooks.write_rows_before_commit()
        db.execute("COMMIT" if commit else "ROLLBACK")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    if hooks is not None and commit:
        hooks.on_transaction_committed()
