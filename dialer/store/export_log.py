"""The note in the audit that a list of voters left the store. It may be written beside a running dialler.

One process writes a store's state; this appends to the audit alone, in one short transaction that SQLite puts in line with the
dialler's own. Without the note there is no list.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dialer.store import audit
from dialer.store.cipher import StoreKey, connect
from dialer.store.connection import BUSY_SECONDS, open_reading
from dialer.store.failures import explained
from dialer.store.lock import refuse_second_name
from dialer.store.transaction import transaction


def note_export(path: Path, who: str, what: Mapping[str, str], at: float, *, key: StoreKey | None = None) -> int:
    """Append an `export` entry; its number, which goes on every sheet. Raises StoreError where it was not kept, UnsafeValue for
    a phone number in it.
    """
    refuse_second_name(path)
    open_reading(path, key=key).close()  # says in the store's words what may be wrong with the file
    with explained(path):
        db = connect(path, "rw", BUSY_SECONDS, key)
        try:
            db.execute("PRAGMA synchronous = FULL")
            # Else a commit over a long WAL would bring it into the file beside the dialler, which alone may.
            db.execute("PRAGMA wal_autocheckpoint = 0")
            with transaction(db):
                return audit.append(db, "export", who, what, at)
        finally:
            db.close()
