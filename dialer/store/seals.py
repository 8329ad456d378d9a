"""Signatures (seals) that show whether the rows of a store are as the dialler wrote them.

Each change to a table of `evidence.py` is logged in its transaction, with the digests of the row before and after it.
Once a minute the log is signed (`sealer.py`). A row that another program changed, removed or added does not match the
log, and a changed log does not match its signature.

The log stays when a person's data are erased, so nothing in it identifies a person. Rows are named by ids. Digests of
rows with names or numbers have a random salt, which the erasure replaces.

Verification is in `seal_verification.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dialer.domain.results import Encode
from dialer.domain.sealed_epochs import EpochKind, SealedEpoch
from dialer.store import sealer
from dialer.store.outbox import add_result_to_outbox
from dialer.store.sealer import Sealer, get_sealer_of_connection
from dialer.store.sql import Connection, Scalar, Statements, open_transaction


class SQL(Statements):
    change_count = Scalar(int)


def attach_sealer_to_connection(db: Connection, path: Path, at: float, *, upgraded: bool) -> None:
    """Log and sign each change that the connection `db` makes from now on in the store at `path`.

    Call it whenever a store is opened for writing. Changes that a crash left unsigned are signed in a transaction of
    their own. For a new store, and if the schema was just `upgraded`, all rows are signed as they are. `at` is in epoch
    seconds. Raises StoreError.
    """
    own = Sealer(db, path)
    why = own.load_signing_keys_and_start_period(upgraded=upgraded)
    hooked: Any = db
    hooked.hooks = own
    if why is None:
        return
    with open_transaction(db):
        if why is EpochKind.UPGRADE or own.has_no_signed_changes:
            own.restart_signed_log()
        own.sign_logged_changes(at, why)


def sign_changes_and_queue_seal(db: Connection, encode: Encode | None, at: float) -> SealedEpoch:
    """Sign the store's changes since the last signature (seal), and return the new seal. Runs inside a transaction.

    All unsent seals are queued for MQTT. `at` is in epoch seconds.
    """
    unannounced = sealer.SQL.epochs_since_last_minute.fetch_all_rows(db)
    epoch = get_sealer_of_connection(db).sign_logged_changes(at, EpochKind.MINUTE)
    for each in (*unannounced, epoch):
        add_result_to_outbox(db, encode, each, at)
    return epoch


def sign_all_unsigned_changes(db: Connection, at: float) -> None:
    """Sign all changes that are not signed (sealed) yet, in a transaction of its own. Call it before the store is closed.

    `at` is in epoch seconds.
    """
    own = get_sealer_of_connection(db)
    if own.has_unsigned_changes:
        with open_transaction(db):
            own.sign_logged_changes(at, EpochKind.CLOSE)


def renew_hash_salts_of_changed_rows(db: Connection) -> None:
    """Replace the random hash salts of all rows that the transaction has changed, because it erased names or numbers.

    Then the old digests in the signed log cannot be used to guess what was erased.
    """
    get_sealer_of_connection(db).renew_hash_salts_of_changed_rows()


def restart_signed_log_after_purge(db: Connection, at: float) -> dict[str, str]:
    """Delete the signed log after a purge, and sign the remaining rows as they are, in the same transaction.

    Return the details for the purge's audit entry, such as the number of the deleted log's last row. `at` is in epoch
    seconds.
    """
    last = get_sealer_of_connection(db).restart_signed_log()
    get_sealer_of_connection(db).sign_logged_changes(at, EpochKind.PURGE)
    return {"seals": str(last)}


def read_seal(db: Connection, epoch: int) -> SealedEpoch | None:
    """Return the seal (signature over about a minute of changes) with this number, or None if there is none."""
    return sealer.SQL.epoch.fetch_first_row(db, epoch=epoch)


def read_first_keys_of_signing_chains(db: Connection) -> list[str]:
    """Return the public key (hexadecimal) with which each of the store's chains of signing keys begins, oldest first."""
    return sealer.SQL.first_keys.fetch_all_values(db)


def count_changes_in_signed_log(db: Connection) -> int:
    """Return the number of changes in the signed log."""
    return SQL.change_count.fetch_only_value(db)
