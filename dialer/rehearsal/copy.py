"""A copy of the site's store to rehearse on: its roll, and nothing that was called or said."""

from __future__ import annotations

from pathlib import Path

from dialer.store.cipher import StoreKey, connect
from dialer.store.connection import BUSY_SECONDS, open_reading
from dialer.store.failures import explained

_FORGOTTEN = (
    "flow_answer",
    "mark",
    "outbox",
    "command",
    "seat_interval",
    "log_in",
    "attempt",
    "target",
    "campaign",
)
"""In an order in which nothing refers to what is gone. Opt-outs and registers stay: they must hold in a rehearsal too."""


def copy_roll(store: Path, copy: Path, key: StoreKey | None) -> int:
    """Copy the store's roll; how many voters it has. The store may be in use.

    With a `key` both are encrypted under it. Raises StoreError, StoreCorrupt.
    """
    source = open_reading(store, key=key)
    try:
        with explained(copy):
            target = connect(copy, "rwc", BUSY_SECONDS, key)
            try:
                source.backup(target, pages=10_000)
                for table in _FORGOTTEN:
                    target.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
                target.execute("UPDATE voter SET turnout = 'pending', reached = 0, not_yet = 0")
                (voters,) = target.execute("SELECT count(*) FROM voter").fetchone()
            finally:
                target.close()
    finally:
        source.close()
    return int(voters)
