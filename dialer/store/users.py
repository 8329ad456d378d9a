"""Users who may give commands, in addition to those in the settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dialer.domain.enums import SupervisorRole
from dialer.domain.errors import NotInStore
from dialer.domain.model import Receipt
from dialer.store import audit
from dialer.store.audit import AuditNote
from dialer.store.commands import save_reply_to_command
from dialer.store.connection import open_store_snapshot
from dialer.store.file_checks import file_exists
from dialer.store.keys import StoreKey
from dialer.store.sql import Command, Connection, Query, Scalar, Statements


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A user who may give commands and who was added by a command, not by the settings."""

    name: str
    role: str  # one of dialer.domain.enums.USER_ROLES
    added_at: float  # epoch seconds; an older password or passkey belongs to an earlier user of that name
    changed_at: float  # epoch seconds; sessions that began before are no longer valid


class SQL(Statements):
    users = Query(StoredUser)
    role_of = Scalar(str)
    add_or_change_user = Command()
    delete_user = Command()


def read_users(db: Connection) -> list[StoredUser]:
    """Return all users in the store who may give commands, by name."""
    return SQL.users.fetch_all_rows(db)


def read_users_of_store(path: Path, key: StoreKey | None) -> list[StoredUser]:
    """Open the store at `path` and return its users, or none if there is no store yet. Blocks. Raises StoreError."""
    if not file_exists(path):
        return []
    with open_store_snapshot(path, key) as db:
        return read_users(db)


def add_or_change_user(
    db: Connection, name: str, role: SupervisorRole, note: AuditNote, receipt: Receipt | None = None
) -> None:
    """Add a user, or change a user's role, with an audit entry. Setting the same role again changes nothing."""
    before = SQL.role_of.fetch_first_value(db, name=name)
    if before != role:
        SQL.add_or_change_user.run_statement(db, name=name, role=role.value, at=note.at)
        audit.append_audit_entry_from_note(db, "user-set", note, user=name, role=role.value, before=before or "none")
    save_reply_to_command(db, receipt, note.at)


def remove_user(db: Connection, name: str, note: AuditNote, receipt: Receipt | None = None) -> None:
    """Remove a user, with an audit entry. Raises NotInStore if there is no such user."""
    before = SQL.role_of.fetch_first_value(db, name=name)
    if before is None:
        raise NotInStore(f"There is no user {name}. `dialer user list` shows all of them.")
    SQL.delete_user.run_statement(db, name=name)
    audit.append_audit_entry_from_note(db, "user-remove", note, user=name, before=before)
    save_reply_to_command(db, receipt, note.at)
