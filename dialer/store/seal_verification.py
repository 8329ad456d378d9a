"""Verification of the signatures over the store's changes (seals). It finds changes by other programs.

It checks the stored rows, the audit and the schema. The changes to evidence are in a log, which is signed once a
minute. See `seals.py` and `sealer.py`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from dialer.domain.audit_chain import AuditEntry, find_breaks_in_audit_hash_chain
from dialer.domain.sealed_epochs import LOG_STARTS, EpochKind, SealedEpoch, find_breaks_in_signature_chain
from dialer.store import audit, sealer
from dialer.store.evidence import (
    BLOCK_BITS,
    EVIDENCE,
    Evidence,
    build_sql_for_row_digest,
    build_sql_for_row_keys,
    list_columns_covered_by_seals,
    register_digest_function,
)
from dialer.store.migrate import migrate_schema
from dialer.store.sql import Connection, Query, Scalar, Statements
from dialer.store.voter_status import VoterStatus, derive_voter_status

MOST_FINDINGS = 1_000
"""Findings that are listed one by one. A store that was replaced as a whole has no use for a million lines."""
A = TypeVar("A")
B = TypeVar("B")

APPENDED_BY_OTHERS = frozenset({"export", "store-conversion"})
"""Audit entries that a program without the store's lock appends: they are not in the log, and the next epoch seals them."""


class LoggedChange(NamedTuple):
    """A change in the signed log: the key of the changed row or block of rows, and its digests before and after."""

    one: int | float | str
    two: int | float | str
    before: bytes | None
    after: bytes | None


class SchemaPart(NamedTuple):
    """A table, index, trigger or view of the store's schema."""

    type: str
    name: str
    sql: str


class StoredStatus(NamedTuple):
    """The stored status of a voter: the turnout status (pending, voted or closed), and what contacts have shown.

    The voter may have been contacted, and may have said "not voted yet".
    """

    voter_id: int
    turnout: str
    contacted: int
    not_yet: int


class MarkOfVoter(NamedTuple):
    """A recorded fact about a voter (mark), such as "voted", that was not undone later."""

    voter_id: int
    kind: str
    source: str
    at: float  # epoch seconds


class SQL(Statements):
    logged_changes = Query(LoggedChange)
    schema_parts = Query(SchemaPart)
    entry_kind = Scalar(str)
    voter_statuses = Query(StoredStatus)
    marks_in_force = Query(MarkOfVoter)
    not_suppressed = Scalar(int)


@dataclass(frozen=True, slots=True)
class SealFinding:
    """Something that another program changed, added or removed, such as a row, a part of the log or an audit entry."""

    of: str  # a table, "epoch", "entry" or "schema"
    row_id: str
    problem: str

    def __str__(self) -> str:
        """Return the finding as one line of text."""
        return f"{self.of} {self.row_id}: {self.problem}"


@dataclass(slots=True)
class SealVerdict:
    """The result of a check whether another program changed the store: what was checked, and what was found."""

    findings: list[SealFinding] = field(default_factory=list)
    more: int = 0  # findings that are not listed
    entries: int = 0  # of the audit
    rows: dict[str, int] = field(default_factory=dict)  # rows, or blocks of rows, that match the log, by table
    epochs: int = 0
    last: SealedEpoch | None = None  # None: nothing was ever sealed
    starts: list[SealedEpoch] = field(default_factory=list)  # epochs with which a chain of keys begins
    found_at: float | None = None  # when rows were last sealed as they were found
    found_rows: int = 0
    not_sealed: int = 0  # rows of the log that are in no epoch yet
    records_purged_at: float | None = None

    @property
    def is_evidence_intact(self) -> bool:
        """Whether the verification found no change by another program to the store, the log, the audit or the schema."""
        return not self.findings

    def add_verification_finding(self, of: str, row_id: object, problem: str) -> None:
        """Add a problem to the list of findings. If the list is full, only count the problem."""
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(SealFinding(of, str(row_id), problem))
        else:
            self.more += 1


def verify_seals(
    db: Connection, head: tuple[int, str] | None = None, *, first_keys: Collection[str] = ()
) -> SealVerdict:
    """Check whether another program changed the store: its sealed rows, the log of changes, the audit and the schema.

    Rows are compared with the log, the log with its signed entries (epochs), and epochs and audit entries with their
    predecessors. `head` is the number and digest of an epoch that somebody noted earlier. `first_keys` are the public
    keys (hexadecimal) with which chains of keys may begin; if empty, any key may begin one. Only reads; call it in a
    transaction.
    """
    verdict = SealVerdict()
    epochs = sealer.SQL.epochs.fetch_all_rows(db)
    _verify_audit_chain(db, epochs, verdict)
    _verify_seals_against_log(db, epochs, first_keys, verdict)
    if head is not None:
        _verify_seal_that_person_noted(epochs, head, verdict)
    register_digest_function(db)
    for evidence in EVIDENCE.values():
        _verify_sealed_rows(db, evidence, verdict)
    _verify_schema(db, verdict)
    if verdict.records_purged_at is None:  # else the marks are gone from which voters have their status
        _verify_voter_statuses(db, verdict)
    for row_id in SQL.not_suppressed.fetch_all_values(db):
        verdict.add_verification_finding("opt_out", row_id, "the number is no longer marked as opted out")
    return verdict


def format_utc_time(at: float) -> str:
    """Return a time (epoch seconds) as text in UTC, such as "2026-11-30 09:00:00 UTC"."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def _verify_audit_chain(db: Connection, epochs: Sequence[SealedEpoch], verdict: SealVerdict) -> None:
    sealed = {each.entry: each for each in epochs if each.entry}

    def read_and_check_audit_entries() -> Iterator[AuditEntry]:
        for entry in audit.read_entries(db):
            verdict.entries = entry.number
            epoch = sealed.get(entry.number)
            if epoch is not None and epoch.entry_digest != entry.digest:
                verdict.add_verification_finding(
                    "entry", entry.number, f"differs from the entry that epoch {epoch.epoch} sealed"
                )
            yield entry

    for found in find_breaks_in_audit_hash_chain(read_and_check_audit_entries()):
        verdict.add_verification_finding("entry", found.number, found.problem)
    last = max(sealed, default=0)
    if last > verdict.entries:
        problem = f"the audit ends here, but epoch {sealed[last].epoch} sealed entry {last}: the end was cut off"
        verdict.add_verification_finding("entry", verdict.entries, problem)


def _verify_seals_against_log(
    db: Connection, epochs: Sequence[SealedEpoch], first_keys: Collection[str], verdict: SealVerdict
) -> None:
    verdict.epochs = len(epochs)
    verdict.last = epochs[-1] if epochs else None
    verdict.starts = [each for each in epochs if each.kind == EpochKind.START]
    if not epochs:
        verdict.add_verification_finding("epoch", 1, "missing: nothing was sealed, or all epochs were removed")
    for found in find_breaks_in_signature_chain(epochs, first_keys):
        verdict.add_verification_finding("epoch", found.epoch, found.problem)
    verdict.records_purged_at = max((each.at for each in epochs if each.kind == EpochKind.PURGE), default=None)
    log_start = max((place for place, each in enumerate(epochs) if each.kind in LOG_STARTS), default=0)
    for each in epochs:
        if each.kind == EpochKind.UPGRADE or (each is epochs[0] and each.last >= each.first):
            verdict.found_at, verdict.found_rows = each.at, each.last - each.first + 1
    for each in epochs[log_start:]:
        count, root = sealer.hash_log_rows(sealer.SQL.log_between.iterate_rows(db, first=each.first, last=each.last))
        where = f"changes {each.first} to {each.last}, sealed on {format_utc_time(each.at)}"
        if count != each.last - each.first + 1:
            verdict.add_verification_finding("epoch", each.epoch, f"the log was cut or extended among {where}")
        elif root != each.root:
            verdict.add_verification_finding("epoch", each.epoch, f"the log was changed among {where}")
    end = sealer.SQL.log_end.fetch_only_row(db)
    verdict.not_sealed = sum(1 for _ in sealer.SQL.log_after.iterate_rows(db, last=epochs[-1].last if epochs else 0))
    if end.last_row != end.last:
        verdict.add_verification_finding(
            "epoch",
            verdict.epochs + 1,
            f"not sealed yet: the log ends at {end.last_row}, but the last commit at {end.last}",
        )


def _verify_seal_that_person_noted(epochs: Sequence[SealedEpoch], head: tuple[int, str], verdict: SealVerdict) -> None:
    number, digest = head
    noted = next((each for each in epochs if each.epoch == number), None)
    if noted is None:
        end = epochs[-1].epoch if epochs else 0
        verdict.add_verification_finding(
            "epoch", end + 1, f"the chain ends at {end}, but epoch {number} was noted: the end was cut off"
        )
    elif noted.compute_digest_of_signed_log_entry() != digest:
        verdict.add_verification_finding("epoch", number, "differs from the epoch that was noted with this number")


def _verify_sealed_rows(db: Connection, evidence: Evidence, verdict: SealVerdict) -> None:
    table = evidence.table
    digest = f"SELECT {build_sql_for_row_digest(evidence, list_columns_covered_by_seals(db, evidence))}"
    stored = (((one, two), True) for one, two in db.execute(build_sql_for_row_keys(evidence)))
    changes = SQL.logged_changes.iterate_rows(db, evidence=table)
    logged = ((key, [*group]) for key, group in groupby(changes, key=lambda change: (change.one, change.two)))
    intact = 0
    for key, exists, history in _join_sorted_pairs_by_key(stored, logged):
        one, two = key
        now = db.execute(digest, {"one": one, "two": two}).fetchone()[0] if exists else None
        problem = _describe_change_by_other_program(now, history)
        if problem and table == "audit" and history is None:
            problem = "" if SQL.entry_kind.fetch_first_value(db, number=one) in APPENDED_BY_OTHERS else problem
        if problem:
            verdict.add_verification_finding(table, _format_ids_of_row_or_block(evidence, one, two), problem)
        elif exists:
            intact += 1
    verdict.rows[table] = intact


def _describe_change_by_other_program(now: bytes | None, history: Sequence[LoggedChange] | None) -> str:
    """Return what another program did to a stored row, or an empty text if the row is as the dialler wrote it.

    `now` is the present digest of the row. `history` has the row's changes in the log, or None if it has none.
    """
    if history is None:
        return "never sealed: another program added it"
    before = None
    for change in history:
        if change.before != before:
            return "another program changed it before the dialler wrote it again"
        before = change.after
    if now == before:
        return ""
    if now is None:
        return "removed"
    return "changed" if before is not None else "removed by the dialler and added again by another program"


def _format_ids_of_row_or_block(evidence: Evidence, one: Any, two: Any) -> str:
    if evidence.table == "registered":
        return str(one)  # `two` is the beginning of numbers
    if evidence.one.endswith(f">> {BLOCK_BITS}"):
        first = one << BLOCK_BITS
        return f"{first} to {first + (1 << BLOCK_BITS) - 1}"
    return f"{one} {two}".strip()


def _verify_schema(db: Connection, verdict: SealVerdict) -> None:
    """Compare the store's schema with that of a new store, and add the differences to the findings."""
    found, shipped = _read_schema_objects(db), _read_schema_of_new_store()
    for part in sorted(found ^ shipped):
        others = shipped if part in found else found
        if any((other.type, other.name) == part[:2] for other in others):
            if part in found:
                verdict.add_verification_finding("schema", f"{part.type} {part.name}", "changed")
        else:
            verdict.add_verification_finding(
                "schema", f"{part.type} {part.name}", "added" if part in found else "removed"
            )


@cache
def _read_schema_of_new_store() -> frozenset[SchemaPart]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate_schema(db, Path("new.db"))
        return _read_schema_objects(db)


def _read_schema_objects(db: Connection) -> frozenset[SchemaPart]:
    """Return the tables, indexes, triggers and views of the schema with their SQL.

    Blanks and quotes differ between versions of SQLite, so each sequence of them becomes one blank.
    """
    return frozenset(
        part._replace(sql=" ".join(part.sql.replace('"', " ").split())) for part in SQL.schema_parts.iterate_rows(db)
    )


def _verify_voter_statuses(db: Connection, verdict: SealVerdict) -> None:
    """Check the stored status of each voter against the status that follows from the recorded facts about the voter
    (marks).
    """
    stored = (
        (row.voter_id, VoterStatus(row.turnout, bool(row.contacted), bool(row.not_yet)))
        for row in SQL.voter_statuses.iterate_rows(db)
    )
    derived = (
        (voter_id, _compute_voter_status(marks))
        for voter_id, marks in groupby(SQL.marks_in_force.iterate_rows(db), key=lambda mark: mark.voter_id)
    )
    for voter_id, status, by_marks in _join_sorted_pairs_by_key(stored, derived):
        if by_marks is _UNREADABLE:
            continue
        one, other = status or VoterStatus(), by_marks or VoterStatus()
        if one != other:
            names = ("turnout", "contacted", "not_yet")
            fields = tuple(name for name in names if getattr(one, name) != getattr(other, name))
            verdict.add_verification_finding(
                "voter", voter_id, f"differs from the status that the recorded facts (marks) give: {', '.join(fields)}"
            )


_UNREADABLE = VoterStatus("unreadable")


def _compute_voter_status(marks: Iterable[MarkOfVoter]) -> VoterStatus:
    """Return the status that follows from the facts about a voter (marks), or `_UNREADABLE` if a mark is invalid."""
    try:
        return derive_voter_status((mark.kind, mark.source, mark.at) for mark in marks)
    except (ValueError, TypeError):
        return _UNREADABLE


def _join_sorted_pairs_by_key(
    left: Iterator[tuple[Any, A]], right: Iterator[tuple[Any, B]]
) -> Iterator[tuple[Any, A | None, B | None]]:
    """Join two sequences of (key, value), each ordered by key.

    Yields (key, left, right), with None where there is no value.
    """
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        if one is not None and other is not None and one[0] == other[0]:  # nearly always, so it is asked first
            yield one[0], one[1], other[1]
            one, other = next(left, None), next(right, None)
        elif other is None or (one is not None and _get_sqlite_sort_key(one[0]) < _get_sqlite_sort_key(other[0])):
            assert one is not None  # noqa: S101 - by the loop's condition
            yield one[0], one[1], None
            one = next(left, None)
        else:
            yield other[0], None, other[1]
            other = next(right, None)


def _get_sqlite_sort_key(key: Any) -> Any:
    """Return a sort key by which Python sorts a column's value, or a tuple of values, in the order of SQLite."""
    if isinstance(key, tuple):
        return tuple(_get_sqlite_sort_key(each) for each in key)
    if key is None:
        return 0, 0
    if isinstance(key, int | float):
        return 1, key
    if isinstance(key, str):
        return 2, key.encode()
    return 3, key
