"""Verification of the seals. It shows whether stored rows and the audit were changed after they were written.

A seal is the digest of a row; batches of seals are chained in the audit. See `seals.py`.
"""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby, zip_longest
from typing import Any, NamedTuple, TypeVar

from dialer.domain.audit_chain import AuditEntry, find_breaks_in_chain
from dialer.store import audit, seals
from dialer.store.sealed_rows import ENTITIES, OPT_OUT, Entity, SealedAttempt, SealedRow, read_rows
from dialer.store.seals import AFTER_END, AUDIT_KIND, OPEN, REMOVED, TALK, SealRow, compute_digest, select_sealed_fields
from dialer.store.sql import Connection, Query, Scalar, Statements
from dialer.store.voter_status import VoterStatus, derive_voter_status

MOST_FINDINGS = 1_000
"""Findings that are listed one by one. A store that was replaced as a whole has no use for a million lines."""
A = TypeVar("A")
B = TypeVar("B")

_DISPOSITION_FIELDS = frozenset({"disposition", "disposed_at", "outcome", "agent", "note"})
"""Fields of an attempt that a disposition may change after the end of the call."""


class LastSeal(NamedTuple):
    """The latest seal (digest) of a row, and how many of its seals are of certain kinds."""

    row_id: int | str
    seal_id: int
    kind: str
    salt: bytes | None
    digest: bytes
    checks: bytes
    created: int
    ended: int
    removed: int
    end_checks: str | None  # hexadecimal: the checks of an attempt's end


class StoredStatus(NamedTuple):
    """The status of a voter as it is stored."""

    voter_id: int
    turnout: str
    contacted: int
    not_yet: int


class MarkOfVoter(NamedTuple):
    """A mark about a voter that was not undone."""

    voter_id: int
    kind: str
    source: str
    at: float  # epoch seconds


class SQL(Statements):
    seals_between = Query(SealRow)
    last_seals = Query(LastSeal)
    voter_statuses = Query(StoredStatus)
    marks_in_force = Query(MarkOfVoter)
    not_suppressed = Scalar(int)


@dataclass(frozen=True, slots=True)
class SealFinding:
    """A row, batch of seals or audit entry that was changed, added or removed from outside Matdan."""

    of: str  # "attempt", "mark", ..., "batch", "entry"
    row_id: str
    problem: str
    fields: tuple[str, ...] = ()  # that were changed, where this can be told

    def __str__(self) -> str:
        """Return the finding as one line of text."""
        return f"{self.of} {self.row_id}: {self.problem}" + (f": {', '.join(self.fields)}" if self.fields else "")


@dataclass(slots=True)
class SealVerdict:
    """The result of a verification: what was checked and what was found."""

    findings: list[SealFinding] = field(default_factory=list)
    more: int = 0  # findings that are not listed
    entries: int = 0  # of the audit
    head: tuple[int, str] | None = None  # None: the audit is empty
    rows: dict[str, int] = field(default_factory=dict)  # rows that match their seals, by entity
    found_rows: int = 0  # rows that an earlier version had written without seals, sealed when they were found
    found_at: float | None = None
    batches: int = 0
    chained_at: float | None = None  # time of the last batch
    not_chained: int = 0  # seals that are in no batch yet
    records_purged_at: float | None = None

    @property
    def intact(self) -> bool:
        """Whether the verification found no changed row, seal or audit entry."""
        return not self.findings

    def add_finding(self, of: str, row_id: object, problem: str, fields: tuple[str, ...] = ()) -> None:
        """Add a changed row, seal or audit entry to the findings, or only count it if the list is full."""
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(SealFinding(of, str(row_id), problem, fields))
        else:
            self.more += 1


def verify_seals(db: Connection, head: tuple[int, str] | None = None) -> SealVerdict:
    """Check every row against its latest seal, every seal against its batch, and every batch against the audit's hash chain.

    `head` is the number and digest of an audit entry that was noted earlier. Only reads; call it in a transaction.
    Takes about 20 us for each seal.
    """
    verdict = SealVerdict()
    _verify_audit_chain(db, head, verdict)
    for entity in ENTITIES:
        _verify_sealed_rows(db, entity, verdict)
    if verdict.records_purged_at is None:  # else the marks are gone from which voters have their status
        _verify_voter_statuses(db, verdict)
    for row_id in SQL.not_suppressed.all(db):
        verdict.add_finding(OPT_OUT.label, row_id, "the number is no longer marked as opted out")
    return verdict


def format_time(at: float) -> str:
    """Return a time (epoch seconds) as text in UTC, such as "2026-11-30 09:00:00 UTC"."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


@dataclass(slots=True)
class _BatchVerifier:
    """Checks batches of seals against the seals, in the order of the audit's chain."""

    db: Connection
    verdict: SealVerdict
    last: int = 0  # seal of the batch before
    purged_up_to: int = 0  # seals that a purge of records deleted

    def check_batch(self, number: int, at: float, text: str) -> None:
        self.verdict.batches += 1
        self.verdict.chained_at = at
        try:
            what = json.loads(text)
            first, last, root = int(what["first"]), int(what["last"]), str(what["root"])
        except (ValueError, KeyError, TypeError):
            self.verdict.add_finding("entry", number, "not a batch of seals")
            return
        if what.get("found"):
            self.verdict.found_at = at
            found_rows = str(what["found"])  # "yes" where the whole batch was found
            self.verdict.found_rows += int(found_rows) if found_rows.isdecimal() else last - first + 1
        if first != self.last + 1:
            self.verdict.add_finding("entry", number, f"seals {self.last + 1} to {first - 1} are in no batch")
        self.last = max(self.last, last)
        if last <= self.purged_up_to:
            return
        count, found = seals.compute_root_hash(SQL.seals_between.rows(self.db, first=first, last=last))
        where = f"of {format_time(at)}, seals {first} to {last}, chained by entry {number}"
        if count != last - first + 1:
            present = {each.seal_id for each in SQL.seals_between.rows(self.db, first=first, last=last)}
            missing = [str(seal_id) for seal_id in range(first, last + 1) if seal_id not in present][:10]
            self.verdict.add_finding("batch", number, f"seals were removed {where}: {', '.join(missing)}")
        elif found != root:
            self.verdict.add_finding("batch", number, f"a seal was changed {where}")


def _verify_audit_chain(db: Connection, head: tuple[int, str] | None, verdict: SealVerdict) -> None:
    purges = [*_list_purges(db)]
    batches = _BatchVerifier(db, verdict, purged_up_to=max((last for _, last in purges), default=0))
    verdict.records_purged_at = max((at for at, _ in purges), default=None)

    def checked_entries() -> Iterator[AuditEntry]:
        for entry in audit.read_entries(db):
            verdict.entries = entry.number
            verdict.head = (entry.number, entry.digest)
            if entry.kind == AUDIT_KIND:
                batches.check_batch(entry.number, entry.at, entry.what)
            yield entry

    for found in find_breaks_in_chain(checked_entries(), head):
        verdict.add_finding("entry", found.number, found.problem)
    unchained = [each.seal_id for each in seals.SQL.seals_after.rows(db, last=batches.last)]
    verdict.not_chained = len(unchained)
    if unchained and unchained[-1] != batches.last + len(unchained):
        problem = f"seals were removed between {batches.last + 1} and {unchained[-1]}"
        verdict.add_finding("batch", "that is not chained yet", problem)


def _list_purges(db: Connection) -> Iterator[tuple[float, int]]:
    """Yield the time of each purge of records, and the id of the last seal that it deleted."""
    for entry in audit.SQL.entries_of_kind.all(db, kind="purge"):
        with suppress(ValueError, TypeError, KeyError, OverflowError):  # a broken entry is a finding of the chain
            yield entry.at, int(json.loads(entry.what)["seals"])


def _verify_sealed_rows(db: Connection, entity: Entity, verdict: SealVerdict) -> None:
    rows = ((entity.get_key(row), row) for row in read_rows(db, entity))
    last_seals = ((seal.row_id, seal) for seal in SQL.last_seals.rows(db, entity=entity.name))
    intact = 0
    for key, row, seal in _join_by_key(rows, last_seals):
        problem, *fields = _find_row_problem(entity, row, seal)
        if problem:
            verdict.add_finding(entity.label, key, problem, tuple(fields))
        elif row is not None:
            intact += 1
    verdict.rows[entity.name] = intact


def _verify_voter_statuses(db: Connection, verdict: SealVerdict) -> None:
    """Check the stored status of each voter against the status that follows from the voter's marks."""
    stored = (
        (row.voter_id, VoterStatus(row.turnout, bool(row.contacted), bool(row.not_yet)))
        for row in SQL.voter_statuses.rows(db)
    )
    derived = (
        (voter_id, _compute_status(marks))
        for voter_id, marks in groupby(SQL.marks_in_force.rows(db), key=lambda mark: mark.voter_id)
    )
    for voter_id, status, by_marks in _join_by_key(stored, derived):
        if by_marks is _UNREADABLE:
            continue
        one, other = status or VoterStatus(), by_marks or VoterStatus()
        if one != other:
            names = ("turnout", "contacted", "not_yet")
            fields = tuple(name for name in names if getattr(one, name) != getattr(other, name))
            verdict.add_finding("voter", voter_id, "does not agree with the marks", fields)


_UNREADABLE = VoterStatus("unreadable")


def _compute_status(marks: Iterable[MarkOfVoter]) -> VoterStatus:
    """Return the status that follows from a voter's marks, or `_UNREADABLE` if a mark is not valid.

    The seal of an invalid mark shows the problem, too.
    """
    try:
        return derive_voter_status((mark.kind, mark.source, mark.at) for mark in marks)
    except (ValueError, TypeError):
        return _UNREADABLE


def _join_by_key(
    left: Iterator[tuple[Any, A]], right: Iterator[tuple[Any, B]]
) -> Iterator[tuple[Any, A | None, B | None]]:
    """Join two sequences of (key, value), both ordered by key. Yields (key, left, right), with None where there is no value."""
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        if other is None or (one is not None and _get_sqlite_sort_key(one[0]) < _get_sqlite_sort_key(other[0])):
            assert one is not None  # noqa: S101 - by the loop's condition
            yield one[0], one[1], None
            one = next(left, None)
        elif one is None or _get_sqlite_sort_key(other[0]) < _get_sqlite_sort_key(one[0]):
            yield other[0], None, other[1]
            other = next(right, None)
        else:
            yield one[0], one[1], other[1]
            one, other = next(left, None), next(right, None)


def _get_sqlite_sort_key(key: Any) -> tuple[int, Any]:
    """Return a sort key that orders values of different types as SQLite does."""
    if key is None:
        return 0, 0
    if isinstance(key, int | float):
        return 1, key
    if isinstance(key, str):
        return 2, key.encode()
    return 3, key


def _find_row_problem(entity: Entity, row: SealedRow | None, seal: LastSeal | None) -> tuple[str, ...]:
    """Return the problem of a row, followed by the names of its changed fields if they are known; ("",) if the row is intact."""
    if seal is None:
        return ("never sealed: another program added it",)
    if row is None:
        return ("" if seal.kind == REMOVED else "removed",)
    if seal.kind == REMOVED:
        return ("deleted by the dialler and added again by another program",)
    if seal.created > 1 + seal.removed or seal.ended > 1:
        return ("another row with this id was there before and was removed or reopened",)
    if (
        seal.kind in {OPEN, TALK}
        and isinstance(row, SealedAttempt)
        and (row.ended_at is not None or row.outcome is not None)
    ):
        return ("changed", "ended_at", "outcome")
    part = select_sealed_fields(seal.kind, row)
    digest, checks = compute_digest(entity.name, seal.kind, part, seal.salt or b"")
    if digest != seal.digest:
        pairs = zip_longest(entity.fields, _split_check_bytes(checks), _split_check_bytes(seal.checks))
        return ("changed", *(name for name, now, then in pairs if now != then))
    if (
        isinstance(row, SealedAttempt)
        and seal.kind == AFTER_END
        and (fields := _find_changes_beyond_disposition(row, checks, seal))
    ):
        return ("changed together with a disposition, which cannot change this", *fields)
    return ("",)


def _find_changes_beyond_disposition(row: SealedAttempt, checks: bytes, seal: LastSeal) -> tuple[str, ...]:
    """Return the changed fields of an ended attempt that a later disposition is not allowed to change."""
    now, then = _split_check_bytes_by_field(checks), _split_check_bytes_by_field(bytes.fromhex(seal.end_checks or ""))
    changed = {name for name, check in now.items() if name in then and then[name] != check}
    machine = struct.pack("<H", zlib.crc32(b"'machine'") & 0xFFFF)
    by_disposition = row.outcome == row.disposition == "machine" or (
        row.outcome == "connected" and then.get("outcome") == machine
    )
    beyond = changed - _DISPOSITION_FIELDS | (set() if by_disposition else changed & {"outcome"})
    return tuple(name for name in SealedAttempt._fields if name in beyond)


def _split_check_bytes_by_field(checks: bytes) -> dict[str, bytes]:
    """Return the check bytes of a sealed attempt by field."""
    return dict(zip(SealedAttempt._fields, _split_check_bytes(checks), strict=False))


def _split_check_bytes(checks: bytes) -> Sequence[bytes]:
    """Return the checks of a seal, two bytes for each field."""
    return [checks[place : place + 2] for place in range(0, len(checks), 2)]
