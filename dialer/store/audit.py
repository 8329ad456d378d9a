"""The audit's rows. `append` runs inside a transaction, so that a deed and its entry are kept together or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping

from dialer.audit.chain import GENESIS, AuditEntry, canonical, next_entry
from dialer.store.sql import load_statements

SQL = load_statements("audit")

_PAGE = 1_000


def append(db: sqlite3.Connection, kind: str, who: str, what: Mapping[str, str], at: float) -> int:
    """Append an entry; its number. The same entry of the same moment told again is the one that is there."""
    repeated = db.execute(SQL["repeated"], (at, kind, who, canonical(what))).fetchone()
    if repeated is not None:
        return int(repeated[0])
    number, digest = db.execute(SQL["head"]).fetchone() or (0, GENESIS)
    entry = next_entry(number, digest, at=at, kind=kind, who=who, what=what)
    db.execute(SQL["append"], (entry.number, entry.at, entry.kind, entry.who, entry.what, entry.previous, entry.digest))
    return entry.number


def entries(db: sqlite3.Connection) -> Iterator[AuditEntry]:
    """Every entry in order, read page by page."""
    last = 0
    while rows := db.execute(SQL["entries"], (last, _PAGE)).fetchall():
        for row in rows:
            yield AuditEntry(*row)
        last = rows[-1][0]
