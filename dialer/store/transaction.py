"""A transaction as a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dialer.store.sql import Connection


@contextmanager
def transaction(db: Connection, *, keep: bool = True) -> Iterator[None]:
    """What is written in the block is kept together at its end, or not at all; without `keep` not at all in any case. `db` is in
    autocommit mode.

    An error of the COMMIT itself undoes it too; SQLite has already rolled back where the disk was full.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT" if keep else "ROLLBACK")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
