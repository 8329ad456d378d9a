"""The legal grounds of each call (why the calling rules allowed it), and the calling rules in force.

Equal texts are stored once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from dialer.store import audit
from dialer.store.sql import Command, Connection, Scalar, Statements


class SQL(Statements):
    grounds_id = Scalar(int)
    insert_grounds = Command()
    insert_rules_version = Command()
    insert_rules_use = Command()


def save_legal_grounds_for_call(db: Connection, text: str) -> int:
    """Store why a call was lawful, such as consent and checked registers (JSON). Return the id of this text.

    Equal grounds of several calls are stored once.
    """
    digest = hashlib.sha256(text.encode()).hexdigest()
    found = SQL.grounds_id.fetch_first_value(db, digest=digest)
    if found is None:
        found = SQL.insert_grounds.insert_row(db, digest=digest, grounds=text)
    return found


def save_version_of_calling_rules(db: Connection, text: str, at: float) -> str:
    """Store the calling rules (JSON) that are in force from the time `at` (epoch seconds). Return their digest."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    SQL.insert_rules_version.run_statement(db, digest=digest, text=text, since=at)
    SQL.insert_rules_use.run_statement(db, digest=digest, since=at)
    return digest


def save_settings_and_rules_in_force(db: Connection, settings: Mapping[str, str], rules: str, at: float) -> None:
    """Store the settings and calling rules that come into force at the time `at` (epoch seconds), while the dialler is
    running.
    """
    audit.record_settings_at_start(db, settings, at)
    save_version_of_calling_rules(db, rules, at)
