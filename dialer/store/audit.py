"""The audit's rows. `append` runs inside a transaction, so that what was done and its entry are kept together or not at all."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator, Mapping

from dialer.domain.audit_chain import GENESIS, UNSHOWN, AuditEntry, canonical, next_entry, shown
from dialer.store.port import AuditNote
from dialer.store.sql import Connection, parameters_of
from dialer.store.untyped_sql import load_statements


def audit_name(who: str | None) -> str:
    """Who answers for what is done: the one who was named, else the user who is logged in."""
    return who or getpass.getuser()


SQL = load_statements("audit")

_PAGE = 1_000
_MOST_SETTINGS = 100


def append(db: Connection, kind: str, who: str, what: Mapping[str, str], at: float) -> int:
    """Append to the audit's hash chain what must be answered for later: a kind ("listen"), who did it, and details by name
    (ids and short reasons). Returns the entry's number once it is durable; the same entry of the same moment is kept once.
    Nothing of it can be changed or removed. Raises UnsafeValue for a phone number, or a text too long, in it.
    """
    repeated = SQL["repeated"].value(db, int, at=at, kind=kind, who=who, what=canonical(what))
    if repeated is not None:
        return repeated
    number, digest = SQL["head"].row(db) or (0, GENESIS)
    entry = next_entry(number, digest, at=at, kind=kind, who=who, what=what)
    SQL["append"](db, **parameters_of(entry))
    return entry.number


def note(db: Connection, kind: str, entry: AuditNote, **more: object) -> int:
    """`append` what somebody answers for, with these details beside those of the note."""
    return append(db, kind, entry.who, {**entry.what, **{name: str(each) for name, each in more.items()}}, entry.at)


def kept_settings(db: Connection) -> dict[str, str]:
    """What the last start kept, key by key."""
    return dict(SQL["settings"].rows(db))


def settings_changed(db: Connection, settings: Mapping[str, str], at: float) -> None:
    """Keep the settings of a start, key by key and without secrets, and append to the audit what differs from the start before."""
    before = kept_settings(db)
    if before == dict(settings):
        return
    SQL["forget_settings"](db)
    db.executemany(SQL["keep_setting"], [{"key": key, "value": value} for key, value in settings.items()])
    if not before:
        append(db, "settings", "dialler", {"first": "yes", "keys": str(len(settings))}, at)
        return
    keys = sorted(key for key in {*before, *settings} if before.get(key) != settings.get(key))
    what = {"changed": str(len(keys))}
    for key in keys[:_MOST_SETTINGS]:
        then, now = (shown(each[key]) if key in each else "(none)" for each in (before, settings))
        what[shown(key)] = f"{then} -> {now}"
    append(db, "settings", "dialler", what, at)


def changed_since_open(db: Connection) -> frozenset[str] | None:
    """The keys of settings that changed since the oldest attempt without an end was made; None: the audit has not all of them."""
    changes: list[dict[str, str]] = [json.loads(what) for (what,) in SQL["settings_since_open"].rows(db)]
    if any(UNSHOWN in what or int(what.get("changed", _MOST_SETTINGS + 1)) > _MOST_SETTINGS for what in changes):
        return None
    return frozenset(key for what in changes for key in what if key != "changed")


def entries(db: Connection) -> Iterator[AuditEntry]:
    """Every entry in order, read page by page."""
    last = 0
    while page := SQL["entries"].all(db, AuditEntry, last=last, limit=_PAGE):
        yield from page
        last = page[-1].number
