"""Numbers as the rules see them: registers, consent, opt-outs that come from outside."""

from __future__ import annotations

import sqlite3

from dialer.model import Register
from dialer.store.sql import load_statements

SQL = load_statements("numbers")


def registers(db: sqlite3.Connection) -> list[Register]:
    """The do-not-call registers that were imported."""
    return [Register(*row) for row in db.execute(SQL["registers"])]
