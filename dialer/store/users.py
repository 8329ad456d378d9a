"""Who may give commands beside those of the settings: kept with its audit entry and the receipt of the command that asked."""

from __future__ import annotations

from pathlib import Path

from config.words import SupervisorRole
from dialer.domain.errors import NotInStore
from dialer.domain.model import Receipt
from dialer.store import audit
from dialer.store.cipher import StoreKey
from dialer.store.connection import is_there, reading
from dialer.store.port import AuditNote, KeptUser
from dialer.store.records import keep_receipt
from dialer.store.sql import Connection, load_statements

SQL = load_statements("users")


def kept_users(db: Connection) -> list[KeptUser]:
    """All of them, by name."""
    return SQL["kept"].all(db, KeptUser)


def read_kept_users(path: Path, key: StoreKey | None) -> list[KeptUser]:
    """Those of the store at `path`, opened for it; before there is a store there are none. Blocks. Raises StoreError."""
    if not is_there(path):
        return []
    with reading(path, key) as db:
        return kept_users(db)


def set_user(db: Connection, name: str, role: SupervisorRole, entry: AuditNote, receipt: Receipt | None = None) -> None:
    """Add a user, or give one another role, with an entry in the audit ("user-set"). The role that one has already is no change."""
    before = SQL["role_of"].value(db, str, name=name)
    if before != role:
        SQL["set_user"](db, name=name, role=role.value, at=entry.at)
        audit.note(db, "user-set", entry, user=name, role=role.value, before=before or "none")
    keep_receipt(db, receipt, entry.at)


def remove_user(db: Connection, name: str, entry: AuditNote, receipt: Receipt | None = None) -> None:
    """Remove a user, with an entry in the audit ("user-remove"). Raises NotInStore where there is none of that name."""
    before = SQL["role_of"].value(db, str, name=name)
    if before is None:
        raise NotInStore(f"{name} is no user: see `dialer user list`")
    SQL["remove_user"](db, name=name)
    audit.note(db, "user-remove", entry, user=name, before=before)
    keep_receipt(db, receipt, entry.at)
