"""The identity of a store, by which headquarters tells it from other stores of the same centre.

Each store has a random id (incarnation). A restored or copied store gets another id when it is opened. Otherwise a copy
and its original would send different results with the same ids. A copy is recognised by its machine and inode, and by a
token that changes at each opening and is also in a file next to the store. A backup has no token.

A machine that is cloned or set back with all its files takes the identity with it. Headquarters recognises clones by
their tokens, and a store that was set back by its results. Such a store gets a new identity, too.
"""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dialer.domain.errors import StoreError
from dialer.store.sql import Command, Connection, Query, Scalar, Statements, open_transaction

NO_INCARNATION = ""
"""The incarnation of a store of a Matdan that had no incarnations."""
_UNKNOWN = "unknown"  # the incarnation of a backup that has none
_MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True, slots=True)
class StoreIdentity:
    """The ids by which headquarters recognises a store.

    There are three: the store's own id, the id of the store that it is a copy of, and an id that changes whenever the
    store is opened.
    """

    incarnation: str  # 32 hexadecimal digits
    previous: str | None  # incarnation of the store that this is a copy of; NO_INCARNATION: it had none; None: no copy
    begins_after: int  # headquarters has the outbox up to this id from the earlier store
    run: str  # changes each time the store is opened for writing


class StoreFile(NamedTuple):
    """The file that a store was in at its last opening, by which a copy of the store is recognised.

    `place` is the machine and the inode of the file. `token` is a random text that was then written into the store and
    into a file next to it.
    """

    place: str
    token: str


class SQL(Statements):
    identity = Query(StoreIdentity)
    file = Query(StoreFile)
    set_identity = Command()
    passed_by_uplink = Scalar(int)
    set_token = Command()
    has_identity = Scalar(bool)


def ensure_store_has_own_identity(db: Connection, path: Path, *, is_new: bool, is_restored: bool = False) -> None:
    """Give a new identity to a store that is new, a copy, or restored from a backup. Other stores keep their identity.

    Call it after the store at `path` has been opened for writing. `is_new` says that the store was just created,
    `is_restored` that it comes from a backup. Raises StoreError if the file next to the store cannot be written.
    """
    stored = SQL.file.fetch_first_row(db)
    place, token = _find_machine_and_inode_of_store(path), uuid.uuid4().hex
    with open_transaction(db):
        if stored is None:
            _write_store_identity(db, place, None if is_new else _UNKNOWN if is_restored else NO_INCARNATION)
        elif is_restored or stored.place != place or stored.token not in _read_identity_tokens_of_store(path):
            _write_store_identity(db, place, _read_stored_incarnation(db))
        # Written before the commit, with both tokens: after a crash in between, one of them is in the store.
        _write_copy_detection_tokens(path, token, "" if stored is None else stored.token)
        SQL.set_token.run_statement(db, token=token)
    _write_copy_detection_tokens(path, token)


def replace_identity_of_restored_store(db: Connection) -> None:
    """Give a new identity to a store whose file was set back to an earlier state. Runs inside the caller's transaction."""
    place = SQL.file.fetch_first_row(db)
    _write_store_identity(db, "" if place is None else place.place, _read_stored_incarnation(db))


def delete_copy_detection_token(db: Connection) -> None:
    """Delete the token by which a copy of the store is recognised, so that the next opening gives it a new identity.

    Do nothing if the store's schema is too old for a token.
    """
    if SQL.has_identity.fetch_only_value(db):
        SQL.set_token.run_statement(db, token="")


def read_store_identity(db: Connection) -> StoreIdentity:
    """Return the ids by which headquarters recognises a store. The store must have been opened for writing before."""
    found = SQL.identity.fetch_first_row(db)
    if found is None:
        raise StoreError("the store has no ID for headquarters yet: start the dialler once, which creates the ID")
    return found


def get_copy_detection_token_path(path: Path) -> Path:
    """Return the path of the file with the random token by which a copy of the store is recognised.

    It is next to the file to which the store's path leads, also through symbolic links.
    """
    real = path.resolve()
    return real.with_name(real.name + ".identity")


def _read_stored_incarnation(db: Connection) -> str:
    found = SQL.identity.fetch_first_row(db)
    return NO_INCARNATION if found is None else found.incarnation


def _write_store_identity(db: Connection, place: str, previous: str | None) -> None:
    begins_after = 0 if previous is None else SQL.passed_by_uplink.fetch_only_value(db)
    SQL.set_identity.run_statement(
        db, incarnation=uuid.uuid4().hex, previous=previous, begins_after=begins_after, place=place
    )


def _find_machine_and_inode_of_store(path: Path) -> str:
    """Return the machine and the inode of the store's file."""
    try:
        machine = _MACHINE_ID.read_text("ascii", "replace").strip()
    except OSError:
        machine = ""
    return f"{machine or socket.gethostname()} {path.stat().st_ino}"


def _read_identity_tokens_of_store(path: Path) -> list[str]:
    try:
        return get_copy_detection_token_path(path).read_text("ascii", "replace").split()
    except OSError:
        return []


def _write_copy_detection_tokens(path: Path, *tokens: str) -> None:
    file = get_copy_detection_token_path(path)
    half = file.with_name(file.name + ".new")
    try:
        descriptor = os.open(half, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as output:
            output.write("\n".join([*filter(None, tokens), ""]))
            output.flush()
            os.fsync(output.fileno())
        half.replace(file)
    except OSError as error:
        raise StoreError(
            f"{file}: this file, which shows whether the store was copied, cannot be written ({error.strerror}): "
            "free some space, or give this user permission to write"
        ) from error
