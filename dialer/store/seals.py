"""Seals: what lets anybody prove later that attempts, marks, opt-outs and consents are as they were written.

Whatever writes such a row seals it in the same transaction: a digest of the row as it stands then, by the row's id. Seals lie in
`seal`, and go batch by batch into the audit's chain: an entry `seal` has the hash over all seals since the one before. So a row
that was changed, removed or put in past the dialler does not fit its seal, a seal that was touched does not fit its entry, an
entry that was touched does not fit the chain, and a chain that was written anew does not fit a head that was noted elsewhere
(announced on MQTT, `results/audit-heads`).

A seal outlives an erasure, so nothing in it leads to a person: rows go by ids, and where a number is part of what is sealed, a
random salt is too, which the erasure removes. What is not yet in a batch (some seconds) is sealed, and not yet chained.

How a voter stands is not sealed: it follows from the sealed marks, and a verification works it out anew.

Every function runs inside a transaction; those that only read want one too, so that rows and seals are of one moment.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import struct
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby, zip_longest
from operator import itemgetter
from typing import Any

from dialer.domain.audit_chain import AuditEntry, Head, breaks
from dialer.domain.errors import StoreError
from dialer.store import audit
from dialer.store.sql import Connection, transaction
from dialer.store.standing import VoterStanding, standing_of
from dialer.store.untyped_sql import Row, load_statements

SQL = load_statements("seals")

KIND = "seal"
"""Of the audit's entries that chain a batch of seals."""
WHO = "store"
MOST_NAMED = 1_000
"""Findings that are named one by one; a store that was replaced as a whole has no use for a million lines."""


@dataclass(frozen=True, slots=True)
class _Entity:
    name: str
    of: str  # what a person calls a row of it
    salted: bool = False  # it has a number in it
    may_be_written_again: bool = False
    sealed_before_end: int = 0  # attempts: how many of the fields are sealed when it opens


OPEN, TALK, END, _AFTER = "open", "talk", "end", "said"
_NEW, _GONE, _ERASED = "new", "gone", "erased"
ATTEMPT = _Entity("attempt", "attempt", sealed_before_end=12)
MARK = _Entity("mark", "mark")
LAWFUL = _Entity("lawful", "grounds of calls")
RULES = _Entity("rules", "version of the rules")
OPT_OUT = _Entity("opt-out", "opt-out", salted=True)
OPT_OUT_HASH = _Entity("opt-out-hash", "opt-out of another centre", salted=True, may_be_written_again=True)
CONSENT = _Entity("consent", "consent of number", salted=True, may_be_written_again=True)
CONSENT_AHEAD = _Entity("consent-ahead", "consent ahead of the roll", salted=True, may_be_written_again=True)
COMPLAINT = _Entity("complaint", "complaint")
COMPLAINT_ANSWER = _Entity("complaint-answer", "answer to a complaint")
OFFICIAL = _Entity("official", "official figure")
RELEASED = _Entity("released", "release of attempt")
REGISTER = _Entity("register", "register", salted=True, may_be_written_again=True)
ENTITIES = (
    ATTEMPT, LAWFUL, RULES, MARK, OPT_OUT, OPT_OUT_HASH, CONSENT, CONSENT_AHEAD,
    COMPLAINT, COMPLAINT_ANSWER, OFFICIAL, RELEASED, REGISTER,
)  # fmt: skip
"""In the order in which they came to be sealed: each batch says how many were, and a new one is added at the end."""
_SEALED_AT_FIRST = 8
_ROW = {each.name: SQL[each.name.replace("-", "_") + "_row"] for each in ENTITIES}
_ROWS = {each.name: SQL[each.name.replace("-", "_") + "_rows"] for each in ENTITIES}
_APPEND = SQL["append"]
# Places among the fields of an attempt
_DISPOSITION, _ENDED_AT, _OUTCOME, _AGENT, _NOTE = 12, 17, 18, 22, 26
_SAID = frozenset({_DISPOSITION, _DISPOSITION + 1, _OUTCOME, _AGENT, _NOTE})
"""What an agent's word may change once a call has ended."""


@dataclass(frozen=True, slots=True)
class SealFinding:
    """A row, a batch or an entry that is not what was written."""

    of: str  # "attempt", "mark", ..., "batch", "entry"
    row_id: str
    problem: str
    fields: tuple[str, ...] = ()  # that were changed, where it can be told

    def __str__(self) -> str:
        """One line for a person."""
        return f"{self.of} {self.row_id}: {self.problem}" + (f": {', '.join(self.fields)}" if self.fields else "")


@dataclass(slots=True)
class SealVerdict:
    """What a verification found."""

    findings: list[SealFinding] = field(default_factory=list)
    more: int = 0  # findings beyond those that are named
    entries: int = 0
    head: tuple[int, str] | None = None  # None: the audit is empty
    rows: dict[str, int] = field(default_factory=dict)  # rows that are proved, by entity
    found_rows: int = 0  # seals of what was there before there were seals, taken as it was found
    found_at: float | None = None
    batches: int = 0
    chained_at: float | None = None  # of the last batch
    not_chained: int = 0  # seals that no batch has yet
    records_purged_at: float | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing was touched."""
        return not self.findings

    def add(self, of: str, row_id: object, problem: str, fields: tuple[str, ...] = ()) -> None:
        """Name a finding, or count it where there are too many."""
        if len(self.findings) < MOST_NAMED:
            self.findings.append(SealFinding(of, str(row_id), problem, fields))
        else:
            self.more += 1


# Sealing


def seal_attempt(db: Connection, attempt_id: str, kind: str) -> None:
    """Seal an attempt as OPENed, with what was said since (TALK), or at its END; once ended, its end or what was said after it."""
    row = _ROW["attempt"].row(db, row_id=attempt_id)
    if row is None:
        return
    if row[_OUTCOME] is not None:
        kind = _AFTER if kind == TALK else END
    _append(db, ATTEMPT, attempt_id, kind, row)


def seal(db: Connection, entity: _Entity, row_id: int | str) -> None:
    """Seal a row as it was just written; one that is written again is sealed again."""
    again = entity.may_be_written_again and _is_sealed(db, entity, row_id)
    if entity is REGISTER:  # a number of its earlier issue may have been erased
        SQL["forget_salts"](db, entity=entity.name, row_id=row_id)
    _seal(db, entity, row_id, "again" if again else _NEW)


def gone(db: Connection, entity: _Entity, row_id: int | str) -> None:
    """Seal that a row goes."""
    SQL["forget_salts"](db, entity=entity.name, row_id=row_id)
    _append(db, entity, row_id, _GONE, None)


def all_gone(db: Connection, entity: _Entity) -> None:
    """Seal that every row goes, before it does."""
    for row_id, *_ in _rows_of(db, entity).fetchall():
        gone(db, entity, row_id)


def erased(db: Connection, entity: _Entity, row_id: int | str) -> None:
    """Seal a row whose number was blanked; its earlier seals lead to no number any more."""
    SQL["forget_salts"](db, entity=entity.name, row_id=row_id)
    _seal(db, entity, row_id, _ERASED)


def consents_erased(db: Connection, phone_ids: Iterable[int] | None = None) -> None:
    """Seal that these numbers' consents, or all, were erased with the numbers."""
    if phone_ids is None:
        phone_ids = [row[0] for row in _rows_of(db, CONSENT).fetchall()]
    for phone_id in phone_ids:
        if _is_sealed(db, CONSENT, phone_id):
            erased(db, CONSENT, phone_id)


def begin_anew(db: Connection, at: float) -> dict[str, str]:
    """After records were purged: all seals go, and what is left is sealed as it stands. Returns what the audit's entry of the
    purge must say of it, so that the seals which are gone are missed by nobody.
    """
    close_batch(db, at)
    last = SQL["last_seal"].number(db)
    SQL["forget_all"](db)
    SQL["append_after"](db, seal_id=last + 1)
    _seal_all(db, ENTITIES)
    return {"seals": str(last)}


class _AllNumbers:
    """SHA-256 over the numbers of a register in their order, for SQL."""

    def __init__(self) -> None:
        self._hashed = hashlib.sha256()

    def step(self, number: str) -> None:
        """One more."""
        self._hashed.update(number.encode() + b"\n")

    def finalize(self) -> str:
        """The digest."""
        return self._hashed.hexdigest()


def _rows_of(db: Connection, entity: _Entity, row_id: int | str | None = None) -> sqlite3.Cursor:
    """Every row as it is sealed, in the order of ids, or that one."""
    if entity is REGISTER:
        db.create_aggregate("all_numbers", 1, _AllNumbers)  # type: ignore[arg-type]
    return _ROWS[entity.name](db) if row_id is None else _ROW[entity.name](db, row_id=row_id)


def _is_sealed(db: Connection, entity: _Entity, row_id: int | str) -> bool:
    return SQL["is_sealed"].row(db, entity=entity.name, row_id=row_id) is not None


def _seal(db: Connection, entity: _Entity, row_id: int | str, kind: str) -> None:
    _append(db, entity, row_id, kind, _rows_of(db, entity, row_id).fetchone())


def _append(db: Connection, entity: _Entity, row_id: int | str, kind: str, row: Sequence[Any] | None) -> None:
    """Append a seal of a row; None: it is gone. Raises StoreError for one that is not there to be sealed as anything else."""
    if row is None and kind != _GONE:
        raise StoreError(f"{entity.of} {row_id}: there is no such row to be sealed")
    salt = os.urandom(16) if entity.salted and row is not None else None
    digest, checks = digest_of(entity.name, kind, () if row is None else _sealed_part(entity, kind, row), salt or b"")
    _APPEND(db, entity=entity.name, row_id=row_id, kind=kind, salt=salt, digest=digest, checks=checks)


def _sealed_part(entity: _Entity, kind: str, row: Sequence[Any]) -> Sequence[Any]:
    """The fields that a seal of this kind covers."""
    if kind == OPEN:
        return row[: entity.sealed_before_end]
    if kind == TALK:
        return row[: _DISPOSITION + 2]
    if entity is ATTEMPT and row[_NOTE] is None:
        return row[:_NOTE]  # as it was sealed before there were notes
    return row


def digest_of(entity: str, kind: str, values: Sequence[Any], salt: bytes = b"") -> tuple[bytes, bytes]:
    """SHA-256 over salt, entity, kind and each value as Python's `ascii` writes it, one a line; and two bytes of CRC-32 for each
    value, which prove nothing, but name the field that differs.
    """
    parts = [ascii(value).encode("ascii") for value in values]
    digest = hashlib.sha256(b"%b%b %b\n%b" % (salt, entity.encode("ascii"), kind.encode("ascii"), b"\n".join(parts)))
    start = zlib.crc32(salt)
    checks = [zlib.crc32(part, start) & 0xFFFF for part in parts]
    return digest.digest(), struct.pack(f"<{len(checks)}H", *checks)


# Batches


def close_batch(db: Connection, /, at: float, **more: str) -> Head | None:
    """Put what was done since the last time into the audit's chain; its head. None: nothing was. `at`: epoch seconds."""
    _seal_taken(db)
    last = _chained_up_to(db)
    count, root = _root(SQL["after"](db, last=last))
    if not count:
        return None
    what = {"first": str(last + 1), "last": str(last + count), "root": root, "kinds": str(len(ENTITIES)), **more}
    audit.append(db, KIND, WHO, what, at)
    head = audit.SQL["head"].row(db)
    return Head(head.number, head.digest, at, last + count)


def begin(db: Connection, at: float) -> None:
    """At every opening, in its own transaction: chains what a crash left unchained, and seals rows of before there were seals."""
    sealed = _sealed_kinds(db)
    with transaction(db):
        if sealed:
            close_batch(db, at)
        if found := _seal_all(db, ENTITIES[sealed:]):
            close_batch(db, at, found=str(found))


def close_last_batch(db: Connection) -> None:
    """Before the store is closed. Makes its own transaction."""
    if SQL["last_seal"].number(db) > _chained_up_to(db) or SQL["taken"].row(db):
        with transaction(db):
            close_batch(db, time.time())


def _chained_up_to(db: Connection) -> int:
    what = SQL["last_batch"].value(db, json.loads)
    return 0 if what is None else int(what["last"])


def _sealed_kinds(db: Connection) -> int:
    """How many of the entities have their rows sealed in this store already."""
    what = SQL["last_batch"].value(db, json.loads)
    if what is None:
        return _SEALED_AT_FIRST if SQL["any_seal"].number(db) else 0
    return int(what.get("kinds", _SEALED_AT_FIRST))


def _root(seals: Iterable[Sequence[Any]]) -> tuple[int, str]:
    hashed, count = hashlib.sha256(), 0
    for _, *rest in seals:
        hashed.update(_line(*rest))
        count += 1
    return count, hashed.hexdigest()


def _line(entity: str, row_id: int | str, kind: str, digest: bytes, checks: bytes) -> bytes:
    return f"{entity} {row_id} {kind} {digest.hex()} {checks.hex()}\n".encode()


def _seal_all(db: Connection, entities: Iterable[_Entity]) -> int:
    """Seal every row of these as it stands; how many."""
    count = 0
    for entity in entities:
        for row in _rows_of(db, entity):
            kind = _NEW
            if entity is ATTEMPT:
                kind = OPEN if row[_OUTCOME] is None else END
            _append(db, entity, row[0], kind, row)
            count += 1
        if entity is CONSENT:
            SQL["taken_is_sealed"](db)
    return count


def _seal_taken(db: Connection) -> None:
    """Seal the consents that numbers took over when a roll brought them."""
    taken = [*SQL["taken"].rows(db)]
    for each in taken:
        gone(db, CONSENT_AHEAD, each.consent_ahead_id)
        _seal(db, CONSENT, each.phone_id, _NEW)
    if taken:
        SQL["taken_is_sealed"](db)


# Verification


def last_seal(db: Connection) -> int:
    """How many seals were ever made."""
    return SQL["last_seal"].number(db)


def verify(db: Connection, head: tuple[int, str] | None = None) -> SealVerdict:
    """Hold every row against its last seal, every seal against its batch, and every entry against the chain. Only reads; call it in
    a transaction. `head`: number and digest that were noted earlier. Takes some 20 us a seal.
    """
    verdict = SealVerdict()
    _verify_chain(db, head, verdict)
    for entity in ENTITIES:
        _verify_rows(db, entity, verdict)
    if verdict.records_purged_at is None:  # else marks are missing that voters stand by
        _verify_standings(db, verdict)
    for row_id in SQL["not_suppressed"].values(db, int):
        verdict.add(OPT_OUT.of, row_id, "the number itself is not marked as opted out any more")
    return verdict


@dataclass(slots=True)
class _Batches:
    """The batches as the chain goes by, against the seals."""

    db: Connection
    verdict: SealVerdict
    last: int = 0  # seal of the batch before
    gone_up_to: int = 0  # seals that a purge of records removed

    def look(self, number: int, at: float, text: str) -> None:
        self.verdict.batches += 1
        self.verdict.chained_at = at
        try:
            what = json.loads(text)
            first, last, root = int(what["first"]), int(what["last"]), str(what["root"])
        except (ValueError, KeyError, TypeError):
            self.verdict.add("entry", number, "it is no batch of seals")
            return
        if what.get("found"):
            self.verdict.found_at = at
            found_rows = str(what["found"])  # "yes" where all of the batch was found
            self.verdict.found_rows += int(found_rows) if found_rows.isdecimal() else last - first + 1
        if first != self.last + 1:
            self.verdict.add("entry", number, f"seals {self.last + 1} to {first - 1} are in no batch")
        self.last = max(self.last, last)
        if last <= self.gone_up_to:
            return
        count, found = _root(SQL["up_to"](self.db, first=first, last=last))
        where = f"of {moment(at)}, seals {first} to {last}, chained by entry {number}"
        if count != last - first + 1:
            there = set(SQL["up_to"].values(self.db, int, first=first, last=last))
            missing = [str(seal_id) for seal_id in range(first, last + 1) if seal_id not in there][:10]
            self.verdict.add("batch", number, f"seals were removed {where}: {', '.join(missing)}")
        elif found != root:
            self.verdict.add("batch", number, f"a seal was changed {where}")


def _verify_chain(db: Connection, head: tuple[int, str] | None, verdict: SealVerdict) -> None:
    purged = [*_purges(db)]
    batches = _Batches(db, verdict, gone_up_to=max((last for _, last in purged), default=0))
    verdict.records_purged_at = max((at for at, _ in purged), default=None)

    def looked_at() -> Iterator[AuditEntry]:
        for entry in audit.entries(db):
            verdict.entries = entry.number
            verdict.head = (entry.number, entry.digest)
            if entry.kind == KIND:
                batches.look(entry.number, entry.at, entry.what)
            yield entry

    for found in breaks(looked_at(), head):
        verdict.add("entry", found.number, found.problem)
    seals = SQL["after"].values(db, int, last=batches.last)
    verdict.not_chained = len(seals)
    if seals and seals[-1] != batches.last + len(seals):
        problem = f"seals were removed between {batches.last + 1} and {seals[-1]}"
        verdict.add("batch", "that is not chained yet", problem)


def _purges(db: Connection) -> Iterator[tuple[float, int]]:
    """When records were purged, and the last seal that went with them."""
    for entry in [*audit.SQL["of_kind"].rows(db, kind="purge")]:
        with suppress(ValueError, TypeError, KeyError, OverflowError):  # the chain says so
            yield entry.at, int(json.loads(entry.what)["seals"])


def _verify_rows(db: Connection, entity: _Entity, verdict: SealVerdict) -> None:
    cursor = _rows_of(db, entity)
    names = [column[0] for column in cursor.description]
    proved = 0
    for row, seal in _side_by_side(cursor, SQL["last_of_each"].rows(db, entity=entity.name)):
        problem, *fields = _compare(entity, names, row, seal)
        if problem:
            verdict.add(entity.of, (seal or row or ("",))[0], problem, tuple(fields))
        elif row is not None:
            proved += 1
    verdict.rows[entity.name] = proved


def _verify_standings(db: Connection, verdict: SealVerdict) -> None:
    """Hold how each voter stands against what the marks say of them."""
    marks = groupby(SQL["standing_marks"](db), key=itemgetter(0))
    said = ((voter_id, _standing_by(of_voter)) for voter_id, of_voter in marks)
    kept = ((row[0], VoterStanding(row[1], bool(row[2]), bool(row[3]))) for row in SQL["standings"](db))
    for one, other in _side_by_side(kept, said):
        voter_id = (one or other or (0,))[0]
        stands, by_marks = (one or (0, VoterStanding()))[1], (other or (0, VoterStanding()))[1]
        if by_marks is not None and stands != by_marks:
            names = ("turnout", "reached", "not_yet")
            differ = tuple(name for name in names if getattr(stands, name) != getattr(by_marks, name))
            verdict.add("voter", voter_id, "it is not what the marks say", differ)


def _standing_by(marks: Iterable[Sequence[Any]]) -> VoterStanding | None:
    """None: one of the marks is none that was ever made, which its seal tells."""
    try:
        return standing_of((kind, source, at) for _, kind, source, at in marks)
    except (ValueError, TypeError):
        return None


def _side_by_side(
    rows: Iterator[Sequence[Any]], others: Iterator[Sequence[Any]]
) -> Iterator[tuple[Sequence[Any] | None, Sequence[Any] | None]]:
    """Rows and what belongs to them, both by their ids, which come first and in order; None where there is none."""
    row, other = next(rows, None), next(others, None)
    while row is not None or other is not None:
        if other is None or (row is not None and _place(row[0]) < _place(other[0])):
            yield row, None
            row = next(rows, None)
        elif row is None or _place(other[0]) < _place(row[0]):
            yield None, other
            other = next(others, None)
        else:
            yield row, other
            row, other = next(rows, None), next(others, None)


def _place(row_id: Any) -> tuple[int, Any]:
    """As SQLite sorts values of several kinds."""
    if row_id is None:
        return 0, 0
    if isinstance(row_id, int | float):
        return 1, row_id
    if isinstance(row_id, str):
        return 2, row_id.encode()
    return 3, row_id


def _compare(entity: _Entity, names: Sequence[str], row: Sequence[Any] | None, seal: Row | None) -> tuple[str, ...]:
    """What is wrong with a row, "" where nothing is, and the fields that were changed, where it can be told."""
    if seal is None:
        return ("it was never sealed: it was put in past the dialler",)
    if row is None:
        return ("" if seal.kind == _GONE else "it was removed",)
    if seal.kind == _GONE:
        return ("it is gone, and was put in again past the dialler",)
    if seal.begun > 1 + seal.gone or seal.ended > 1:
        return ("another one of this id was there before, and was removed or reopened",)
    if seal.kind in {OPEN, TALK} and not row[_ENDED_AT] is row[_OUTCOME] is None:
        return ("it was changed", "ended_at", "outcome")
    part = _sealed_part(entity, seal.kind, row)
    digest, checks = digest_of(entity.name, seal.kind, part, seal.salt or b"")
    if digest != seal.digest:
        pairs = zip_longest(names, _pairs(checks), _pairs(seal.checks))
        return ("it was changed", *(name for name, now, then in pairs if now != then))
    if seal.kind == _AFTER and (beyond := _beyond_a_word(names, row, checks, seal)):
        return ("it was changed with what is no word of an agent", *beyond)
    return ("",)


def _beyond_a_word(names: Sequence[str], row: Sequence[Any], checks: bytes, seal: Row) -> tuple[str, ...]:
    """What differs between an attempt's end and what an agent said afterwards, and is none of an agent's to say."""
    now, then = _pairs(checks), _pairs(bytes.fromhex(seal.end_checks or ""))
    changed = {place for place, (one, other) in enumerate(zip(now, then, strict=False)) if one != other}
    outcome, disposition = row[_OUTCOME], row[_DISPOSITION]
    machine = struct.pack("<H", zlib.crc32(b"'machine'") & 0xFFFF)
    by_word = outcome == disposition == "machine" or (
        outcome == "connected" and then[_OUTCOME : _OUTCOME + 1] == [machine]
    )
    beyond = changed - _SAID | (set() if by_word else changed & {_OUTCOME})
    return tuple(names[place] for place in sorted(beyond))


def _pairs(checks: bytes) -> list[bytes]:
    return [checks[place : place + 2] for place in range(0, len(checks), 2)]


def moment(at: float) -> str:
    """A time for a person."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
