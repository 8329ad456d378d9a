"""Logs each change to evidence as it is committed, and signs the log once a minute.

The log has the digest of each changed row, or block of rows, before and after the change. The signature covers the hash
of the log in this process's memory. So a change that another program makes to the log in the file is not signed.

With each commit, an authentication code of the log is stored, made with a secret key. After a crash it shows whether
the unsigned changes are those that were committed. The sealer belongs to a writing connection and takes part in each of
its transactions (`sql.TransactionHooks`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from dialer.domain.errors import StoreError
from dialer.domain.sealed_epochs import EpochKind, SealedEpoch
from dialer.store import audit
from dialer.store.evidence import (
    EVIDENCE,
    build_sql_for_row_digest,
    build_sql_for_row_keys,
    compute_digest_of_sealed_columns,
    create_triggers_that_record_changes,
    list_columns_covered_by_seals,
)
from dialer.store.seal_keys import (
    FIRST_EPOCH,
    EpochKeys,
    get_seal_key_path,
    read_signing_keys_from_file,
    replace_signing_keys_in_file,
)
from dialer.store.sql import Command, Connection, Query, Scalar, Statements, get_fields_as_sql_parameters

ROWS_ADDED = "another program added rows to the log, which were removed"
EPOCHS_REMOVED = "another program removed the epochs of an earlier chain"
ROWS_CHANGED = "another program changed the log before it was sealed"


class Change(NamedTuple):
    """A row of the signed log: a change to a row of the store, or to a block of rows, with its digests before and
    after.
    """

    change_id: int
    evidence: str
    one: int | float | str
    two: int | float | str
    before: bytes | None
    after: bytes | None


class Touched(NamedTuple):
    """A row that the current transaction has changed, with the digest that the row had before."""

    evidence: str
    one: int | float | str
    two: int | float | str
    before: bytes | None


class LogEnd(NamedTuple):
    """The last row of the signed log, and the code with which the last commit protects the log."""

    last_row: int
    last: int
    mac: bytes


class SQL(Statements):
    touched = Query(Touched)
    any_touched = Scalar(bool)
    delete_touched = Command()
    append_change = Command()
    add_salt = Command()
    set_salt = Command()
    delete_salt = Command()
    delete_salts = Command()
    log_after = Query(Change)
    log_between = Query(Change)
    log_end = Query(LogEnd)
    set_tail = Command()
    delete_log_after = Command()
    delete_log = Command()
    append_placeholder = Command()
    last_epoch = Query(SealedEpoch)
    epoch = Query(SealedEpoch)
    first_keys = Scalar(str)
    epochs = Query(SealedEpoch)
    epochs_since_last_minute = Query(SealedEpoch)
    append_epoch = Command()


@dataclass(slots=True)
class _SigningPeriod:
    """The current signing period (about a minute): its signing keys, and the hash of the log rows written so far."""

    keys: EpochKeys
    previous: str  # digest of the epoch before
    first: int  # row of the log
    last: int
    doubt: str = ""
    rows: Any = field(default_factory=hashlib.sha256)  # the hash of the rows
    stored_mac: bytes = b""  # that the last commit stored

    def copy_signing_period(self) -> _SigningPeriod:
        """Return a copy of the signing period, so that a transaction that fails does not change the original."""
        return replace(self, rows=self.rows.copy())

    def add_log_rows_to_hash(self, rows: Iterable[Change]) -> None:
        """Add log rows to the hash that is signed at the end of the signing period (about a minute)."""
        for row in rows:
            self.rows.update(encode_log_row_for_hash(row))
            self.last = row.change_id

    def compute_authentication_code_of_log(self) -> bytes:
        """Return a code that proves which rows this process has logged in the current signing period."""
        key = hashlib.sha256(b"matdan tail" + self.keys.seed).digest()
        return hashlib.blake2b(b"%d %b" % (self.last, self.rows.digest()), key=key, digest_size=32).digest()


def encode_log_row_for_hash(row: Change) -> bytes:
    """Return a row of the signed log as bytes, for hashing."""
    return ascii(tuple(row)).encode("ascii") + b"\n"


def hash_log_rows(rows: Iterable[Change]) -> tuple[int, str]:
    """Return the number of these rows of the signed log, and their hash (hexadecimal)."""
    hashed, count = hashlib.sha256(), 0
    for row in rows:
        hashed.update(encode_log_row_for_hash(row))
        count += 1
    return count, hashed.hexdigest()


class Sealer:
    """The signer of a store's changes: it writes each change to a log, and signs the log about once a minute."""

    def __init__(self, db: Connection, path: Path) -> None:
        """Create the sealer of the changes that `db` makes in the store at `path`.

        Call `load_signing_keys_and_start_period` before the first write.
        """
        self._db = db
        self._store = path
        self._path = get_seal_key_path(path)
        self._layout = compute_digest_of_sealed_columns(db)
        self._digests = {
            name: f"SELECT {build_sql_for_row_digest(each, list_columns_covered_by_seals(db, each))}"
            for name, each in EVIDENCE.items()
        }
        self._committed: _SigningPeriod | None = None
        self._pending: _SigningPeriod | None = None
        self._file_epoch = 0  # of the keys in the file
        self._renew_salts = False
        create_triggers_that_record_changes(db)

    # Starting

    def load_signing_keys_and_start_period(self, *, upgraded: bool) -> EpochKind | None:
        """Load the signing keys and begin a signing period. Return the reason if it must be signed at once, otherwise
        None.

        - START: the store has no keys yet, or they are lost, so a new chain of keys begins.
        - UPGRADE: the log must be started again, because the schema was upgraded or other columns are signed now.
        - CRASH: the last run ended before it had signed all changes.

        Raises StoreError.
        """
        last = SQL.last_epoch.fetch_first_row(self._db)
        keys = read_signing_keys_from_file(self._path)
        if (
            keys is not None
            and last is not None
            and (keys.epoch, keys.next_epoch_public_key) == (last.epoch, last.next_key)
        ):
            keys = keys.make_next_signing_keys()  # a crash came between the commit of the seal and the new file
            self._write_signing_keys(keys)
        if last is None or keys is None or (keys.epoch, keys.epoch_public_key) != (last.epoch + 1, last.next_key):
            return self._start_chain_of_signing_keys(last, keys)
        self._file_epoch = keys.epoch
        self._committed = _SigningPeriod(keys, last.compute_digest_of_signed_log_entry(), last.last + 1, last.last)
        doubt = self._add_unsigned_log_rows_to_hash(self._committed)
        self._committed.doubt = doubt
        self._committed.stored_mac = SQL.log_end.fetch_only_row(self._db).mac
        if upgraded or last.layout != self._layout:
            return EpochKind.UPGRADE
        return EpochKind.CRASH if doubt or self._committed.last > last.last else None

    def _start_chain_of_signing_keys(self, last: SealedEpoch | None, found: EpochKeys | None) -> EpochKind:
        """Begin a new chain of signing keys in the signing period after `last`, or in the first one if `last` is None.

        Keys in the file (`found`) are used if they are those of a first period, as `dialer init` creates them.
        """
        epoch = FIRST_EPOCH if last is None else last.epoch + 1
        if found is not None and found.epoch == epoch == FIRST_EPOCH:
            keys = found
            self._file_epoch = keys.epoch
        else:
            keys = EpochKeys.generate_first_signing_keys(epoch)
            self._write_signing_keys(keys)
        end = SQL.log_end.fetch_only_row(self._db)
        if last is None:
            doubt = EPOCHS_REMOVED if end.last_row else ""
            self._committed = _SigningPeriod(keys, "", end.last_row + 1, end.last_row, doubt)
            return EpochKind.START
        self._committed = _SigningPeriod(keys, last.compute_digest_of_signed_log_entry(), last.last + 1, last.last)
        self._committed.add_log_rows_to_hash(SQL.log_after.iterate_rows(self._db, last=last.last))
        return EpochKind.START

    def _add_unsigned_log_rows_to_hash(self, period: _SigningPeriod) -> str:
        """Add the unsigned rows of the log to the hash of the current signing period.

        Return a sentence about what another program did to these rows, or an empty text.
        """
        end = SQL.log_end.fetch_only_row(self._db)
        period.add_log_rows_to_hash(SQL.log_between.iterate_rows(self._db, first=period.first, last=end.last))
        if period.last != end.last or period.compute_authentication_code_of_log() != end.mac:
            period.add_log_rows_to_hash(SQL.log_after.iterate_rows(self._db, last=period.last))
            return ROWS_CHANGED
        return ROWS_ADDED if end.last_row > end.last else ""

    # Transactions

    def on_transaction_begun(self) -> None:
        """Prepare a new transaction: remove rows that another program has added to the signed log of changes."""
        end = SQL.log_end.fetch_only_row(self._db)
        if (
            self._pending is not None
            and end.mac == self._pending.stored_mac != self._get_signing_period_at_last_commit().stored_mac
        ):
            self.on_transaction_committed()  # only the confirmation of the last commit was lost
        committed = self._get_signing_period_at_last_commit()
        self._pending = committed.copy_signing_period()
        if end.last_row > committed.last:
            SQL.delete_log_after.run_statement(self._db, last=committed.last)
            self._pending.doubt = ROWS_ADDED

    def write_rows_before_commit(self) -> None:
        """Write the changes of the transaction to the signed log, and store the code that protects the end of the log."""
        logged = self._log_changes_of_transaction()
        pending, committed = self._get_signing_period_of_transaction(), self._get_signing_period_at_last_commit()
        sealed = pending.keys is not committed.keys
        if sealed and not self._is_signing_period_stored(committed.keys.epoch):
            pending = self._pending = committed.copy_signing_period()  # the job that sealed the epoch was undone
        if logged or sealed:
            pending.add_log_rows_to_hash(SQL.log_after.iterate_rows(self._db, last=pending.last))
            pending.stored_mac = pending.compute_authentication_code_of_log()
            SQL.set_tail.run_statement(self._db, last=pending.last, mac=pending.stored_mac)

    def on_transaction_committed(self) -> None:
        """Remember where the log ends after a commit. If the transaction signed it, destroy the secret key of the
        signature.
        """
        self._committed = self._get_signing_period_of_transaction()
        if self._committed.keys.epoch != self._file_epoch:
            with suppress(StoreError):  # tried again before the next epoch is sealed
                self._write_signing_keys(self._committed.keys)

    # Epochs

    def sign_logged_changes(self, at: float, kind: EpochKind) -> SealedEpoch:
        """Sign the changes logged since the last signature, inside a transaction. Return the new seal.

        A seal is a signed entry of the log. `at` is in epoch seconds. A transaction can sign only once, because there
        is only one key for it: signing again returns the same seal. Raises StoreError if the previous key cannot be
        destroyed.
        """
        pending, committed = self._get_signing_period_of_transaction(), self._get_signing_period_at_last_commit()
        if pending.keys is not committed.keys:
            if self._is_signing_period_stored(committed.keys.epoch):
                return SQL.last_epoch.fetch_only_row(self._db)
            pending = committed.copy_signing_period()  # the job that sealed the epoch was undone
        if committed.keys.epoch != self._file_epoch:
            self._write_signing_keys(committed.keys)
        self._log_changes_of_transaction()
        pending.add_log_rows_to_hash(SQL.log_after.iterate_rows(self._db, last=pending.last))
        keys = pending.keys
        entry = audit.SQL.head.fetch_first_row(self._db) or audit.ChainEnd(0, "")
        unsigned = SealedEpoch(
            keys.epoch,
            float(at),
            kind.value,
            pending.first,
            pending.last,
            pending.rows.hexdigest(),
            self._layout,
            *entry,
            pending.doubt,
            pending.previous,
            keys.epoch_public_key,
            keys.next_epoch_public_key,
        )
        epoch = replace(unsigned, signature=keys.sign_with_current_key(unsigned.encode_fields_to_sign()))
        SQL.append_epoch.run_statement(self._db, **get_fields_as_sql_parameters(epoch))
        self._pending = _SigningPeriod(
            keys.make_next_signing_keys(),
            epoch.compute_digest_of_signed_log_entry(),
            epoch.last + 1,
            epoch.last,
        )
        return epoch

    def restart_signed_log(self) -> int:
        """Replace the signed log by a new one with all covered rows as they are now.

        Return the old log's last row number. In the same transaction, the caller must sign the new log with
        `sign_logged_changes`, as the store's first signature or with a kind in `LOG_STARTS` that says why a new log
        begins.
        """
        pending = self._get_signing_period_of_transaction()
        pending.add_log_rows_to_hash(SQL.log_after.iterate_rows(self._db, last=pending.last))
        last = pending.last
        pending.first, pending.rows = last + 1, hashlib.sha256()
        for statement in (SQL.delete_touched, SQL.delete_salts, SQL.delete_log):
            statement.run_statement(self._db)
        if last:
            SQL.append_placeholder.run_statement(self._db, change_id=last + 1)
        for name, evidence in EVIDENCE.items():
            for one, two in self._db.execute(build_sql_for_row_keys(evidence)).fetchall():
                self._log_change_of_row(Touched(name, one, two, None))
        return last

    def renew_hash_salts_of_changed_rows(self) -> None:
        """Give new random hash salts to all rows that this transaction changed, because it erased names or numbers.

        Then the old digests in the log cannot be used to guess what was erased.
        """
        self._renew_salts = True
        self._log_changes_of_transaction()
        self._renew_salts = False

    def _log_changes_of_transaction(self) -> bool:
        """Write the changes that the transaction has made so far to the signed log. Return whether there were any
        changes.
        """
        touched = SQL.touched.fetch_all_rows(self._db)
        for each in touched:
            self._log_change_of_row(each)
        if touched:
            SQL.delete_touched.run_statement(self._db)
        return bool(touched)

    def _log_change_of_row(self, touched: Touched) -> None:
        name, one, two, before = touched
        personal = EVIDENCE[name].personal
        if personal:
            set_salt = SQL.set_salt if self._renew_salts else SQL.add_salt
            set_salt.run_statement(self._db, evidence=name, one=one, two=two, salt=os.urandom(16))
        (after,) = self._db.execute(self._digests[name], {"one": one, "two": two}).fetchone()
        if personal and after is None:
            SQL.delete_salt.run_statement(self._db, evidence=name, one=one, two=two)
        if after != before:
            SQL.append_change.run_statement(self._db, evidence=name, one=one, two=two, before=before, after=after)

    @property
    def has_no_signed_changes(self) -> bool:
        """Whether no changes of the store have been signed yet."""
        return self._get_signing_period_of_transaction().keys.epoch == FIRST_EPOCH

    @property
    def has_unsigned_changes(self) -> bool:
        """Whether the store has changes that are not signed yet."""
        committed = self._get_signing_period_at_last_commit()
        return committed.last >= committed.first or bool(committed.doubt) or SQL.any_touched.fetch_only_value(self._db)

    def _is_signing_period_stored(self, epoch: int) -> bool:
        last = SQL.last_epoch.fetch_first_row(self._db)
        return last is not None and last.epoch == epoch

    def _write_signing_keys(self, keys: EpochKeys) -> None:
        """Replace the secret keys in the store's key file. Raises StoreError."""
        try:
            replace_signing_keys_in_file(self._path, keys, self._store)
        except OSError as error:
            raise StoreError(
                f"{self._path}: the key that signs the store's log of changes cannot be replaced "
                f"({error.strerror}). Free some space, and give this user permission to write there."
            ) from error
        self._file_epoch = keys.epoch

    def _get_signing_period_at_last_commit(self) -> _SigningPeriod:
        assert self._committed is not None  # noqa: S101 - started
        return self._committed

    def _get_signing_period_of_transaction(self) -> _SigningPeriod:
        assert self._pending is not None  # noqa: S101 - in a transaction
        return self._pending


def get_sealer_of_connection(db: Connection) -> Sealer:
    """Return the sealer that logs and signs the changes of a connection.

    Raises StoreError for a read-only connection.
    """
    sealer: Sealer | None = getattr(db, "hooks", None)
    if sealer is None:
        raise StoreError(
            "This connection may only read the store, so it cannot save changes: open the store for writing."
        )
    return sealer
