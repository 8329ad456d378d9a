"""The audit: an append-only hash chain of actions, each with the person responsible for it.

Functions run inside the caller's transaction, so that an action and its audit entry are committed together.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from dialer.domain.audit_chain import (
    GENESIS,
    UNSHOWN,
    AuditEntry,
    format_audit_details_for_hashing,
    make_next_audit_entry,
    shorten_text_for_audit,
)
from dialer.store.sql import Command, Connection, Query, Scalar, Statements, get_fields_as_sql_parameters

_PAGE = 1_000
_MOST_SETTINGS = 100


@dataclass(frozen=True, slots=True)
class AuditNote:
    """The person, the time and the details of an action, for the action's audit entry."""

    who: str
    at: float  # epoch seconds
    what: Mapping[str, str]  # ids and short reasons


class ChainEnd(NamedTuple):
    """The end of the audit's hash chain: the number and the digest of the last entry."""

    number: int
    digest: str


class ListedEntry(NamedTuple):
    """An audit entry as it is shown to a person."""

    number: int
    at: float  # epoch seconds
    kind: str
    who: str
    what: str  # a JSON object of strings


class EntryOfKind(NamedTuple):
    """An audit entry of a given kind, such as a purge of the store."""

    number: int
    at: float  # epoch seconds
    what: str  # a JSON object of strings


class Setting(NamedTuple):
    """A setting with its value at the last start of the dialler."""

    key: str
    value: str


class SQL(Statements):
    head = Query(ChainEnd)
    number_of_same_entry = Scalar(int)
    append = Command()
    entries_after = Query(AuditEntry)
    entries_between = Query(ListedEntry)
    entries_of_kind = Query(EntryOfKind)
    kinds = Scalar(str)
    settings = Query(Setting)
    delete_settings = Command()
    insert_setting = Command()
    setting_changes_since_oldest_open_attempt: Scalar[dict[str, Any]] = Scalar(json.loads)


def get_name_of_responsible_person(who: str | None) -> str:
    """Return the name of the person responsible for an action: `who`, or the login name of this process if not
    given."""
    return who or getpass.getuser()


def append_entry(db: Connection, kind: str, who: str, what: Mapping[str, str], at: float) -> int:
    """Append an audit entry and return its number. If the same entry is stored already, return that entry's number.

    Two entries are the same if time, kind, person and details are equal. `kind` names the action ("listen"); `what` has
    ids and short reasons. Entries can be neither changed nor removed. Raises UnsafeValue if a detail looks like a phone
    number or is too long.
    """
    same = SQL.number_of_same_entry.fetch_first_value(
        db, at=at, kind=kind, who=who, what=format_audit_details_for_hashing(what)
    )
    if same is not None:
        return same
    number, digest = SQL.head.fetch_first_row(db) or ChainEnd(0, GENESIS)
    entry = make_next_audit_entry(number, digest, at=at, kind=kind, who=who, what=what)
    SQL.append.run_statement(db, **get_fields_as_sql_parameters(entry))
    return entry.number


def append_audit_entry_from_note(db: Connection, kind: str, note: AuditNote, **details: object) -> int:
    """Append an audit entry about an action, and return the entry's number.

    The person, the time and some details come from `note`. `details` are added to them.
    """
    return append_entry(
        db, kind, note.who, {**note.what, **{name: str(each) for name, each in details.items()}}, note.at
    )


def read_entries(db: Connection) -> Iterator[AuditEntry]:
    """Return all audit entries in order, read page by page."""
    last = 0
    while page := SQL.entries_after.fetch_all_rows(db, number=last, limit=_PAGE):
        yield from page
        last = page[-1].number


def read_entries_between(
    db: Connection, since: float, until: float, *, who: str | None = None, kinds: Collection[str] = ()
) -> list[ListedEntry]:
    """Return the audit entries of a period (epoch seconds), optionally only those of one person or of some kinds.

    If no kinds are given, entries about signatures over the store's changes (seals) are left out.
    """
    return SQL.entries_between.fetch_all_rows(db, since=since, until=until, who=who, kinds=json.dumps([*kinds]))


def list_entry_kinds(db: Connection) -> list[str]:
    """Return the kinds of all audit entries, sorted. Slow, because it reads the whole audit."""
    return SQL.kinds.fetch_all_values(db)


def read_settings_of_last_start(db: Connection) -> dict[str, str]:
    """Return the settings with which the dialler last started, by key."""
    return dict(SQL.settings.iterate_rows(db))


def record_settings_at_start(db: Connection, settings: Mapping[str, str], at: float) -> None:
    """Store the settings with which the dialler starts, without secrets, and append an audit entry with the changes
    since the last start.
    """
    before = read_settings_of_last_start(db)
    if before == dict(settings):
        return
    SQL.delete_settings.run_statement(db)
    SQL.insert_setting.run_statement_for_each_parameter_set(
        db, ({"key": key, "value": value} for key, value in settings.items())
    )
    if not before:
        append_entry(db, "settings", "dialler", {"first": "yes", "keys": str(len(settings))}, at)
        return
    keys = sorted(key for key in {*before, *settings} if before.get(key) != settings.get(key))
    what = {"changed": str(len(keys))}
    for key in keys[:_MOST_SETTINGS]:
        old, new = (shorten_text_for_audit(each[key]) if key in each else "(none)" for each in (before, settings))
        what[shorten_text_for_audit(key)] = f"{old} -> {new}"
    append_entry(db, "settings", "dialler", what, at)


def find_settings_changed_during_unfinished_calls(db: Connection) -> frozenset[str] | None:
    """Return the keys of the settings that have changed since the oldest unfinished call attempt was placed.

    Return None if the keys are not all known, because an audit entry of a change does not list every changed setting.
    """
    changes = SQL.setting_changes_since_oldest_open_attempt.fetch_all_values(db)
    if any(UNSHOWN in what or int(what.get("changed", _MOST_SETTINGS + 1)) > _MOST_SETTINGS for what in changes):
        return None
    return frozenset(key for what in changes for key in what if key != "changed")
