"""The audit entry about an export of a list of voters. The entry can be added while a dialler is running."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dialer.store import audit
from dialer.store.connection import open_store_for_reading
from dialer.store.driver import open_connection
from dialer.store.keys import StoreKey
from dialer.store.lock import refuse_store_with_hard_links
from dialer.store.sql import open_transaction


def append_export_to_audit(
    path: Path, who: str, what: Mapping[str, str], at: float, *, key: StoreKey | None = None
) -> int:
    """Append an audit entry for an exported list of voters. Return the entry's number, which is printed on every page
    of the list.

    Raises StoreError, and UnsafeValue if a detail looks like a phone number.
    """
    refuse_store_with_hard_links(path)
    open_store_for_reading(path, key=key).close()  # checks the file
    with open_connection(path, "rw", key) as db:
        db.execute("PRAGMA synchronous = FULL")
        # Only the dialler may checkpoint: a commit after a long WAL would do so here.
        db.execute("PRAGMA wal_autocheckpoint = 0")
        with open_transaction(db):
            return audit.append_entry(db, "export", who, what, at)
