"""The kinds of rows that are sealed (protected by a digest), and the fields of each kind in the order in which they are hashed.

That order never changes. A later version that seals more fields adds them at the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from dialer.store.sql import Connection, Query, Scalar, Statements


class SealedAttempt(NamedTuple):
    """The sealed fields of an attempt.

    They are sealed up to `gap_seconds` when it is opened, up to `disposed_at` during the call, and all at its end.
    """

    attempt_id: str
    campaign_id: str
    phone_id: int
    voter_id: int | None
    worker_id: int | None
    attempt_number: int | None
    trunk: str
    caller_id: str
    created_at: float
    direction: str
    lawful_id: int | None
    gap_seconds: float | None
    disposition: str | None
    disposed_at: float | None
    ringing_at: float | None
    answered_at: float | None
    connected_at: float | None
    ended_at: float | None
    outcome: str | None
    cause: int | None
    technical_cause: str | None
    seat: str | None
    agent: str | None
    flow: str | None
    left_at: str | None
    worker_booth_id: int | None
    note: str | None  # left out of the seal where there is none, as in versions without notes


class SealedGrounds(NamedTuple):
    """The sealed fields of the grounds of calls."""

    lawful_id: int
    digest: str
    grounds: str


class SealedRules(NamedTuple):
    """The sealed fields of a version of the calling rules."""

    digest: str
    text: str
    since: float


class SealedMark(NamedTuple):
    """The sealed fields of a mark (recorded answer about a voter)."""

    mark_id: int
    key: str
    voter_id: int
    kind: str
    hour: int | None
    source: str
    at: float
    attempt_id: str | None
    agent: str | None
    confidence: str
    worker_id: int | None
    undoes: str | None


class SealedOptOut(NamedTuple):
    """The sealed fields of an opt-out."""

    opt_out_id: int
    e164: str
    at: float
    source: str
    attempt_id: str | None


class SealedOptOutHash(NamedTuple):
    """The sealed fields of an opt-out in another centre."""

    opt_out_hash_id: int
    number_hash: str
    at: float
    centre: str


class SealedConsent(NamedTuple):
    """The sealed fields of a number's consent."""

    phone_id: int
    e164: str
    consent: str
    consent_source: str
    consent_at: float | None


class SealedConsentAhead(NamedTuple):
    """The sealed fields of a consent whose number is not on the roll yet."""

    consent_ahead_id: int
    e164: str
    consent: str
    source: str
    at: float


class SealedComplaint(NamedTuple):
    """The sealed fields of a complaint."""

    complaint_id: int
    key: str
    at: float
    about: str
    channel: str
    campaign_id: str | None
    attempt_id: str | None
    phone_id: int | None
    entered_at: float
    who: str


class SealedComplaintAnswer(NamedTuple):
    """The sealed fields of an answer to a complaint."""

    answer_id: int
    key: str
    complaint_id: int
    at: float
    answer: str
    who: str


class SealedOfficialFigure(NamedTuple):
    """The sealed fields of an official turnout figure."""

    figure_id: int
    day: str
    constituency_number: int
    part_number: int | None
    by_time: str
    share: float
    entered_at: float
    who: str
    state_code: str


class SealedRelease(NamedTuple):
    """The sealed fields of a release of a number after an attempt of unknown result."""

    attempt_id: str
    at: float
    who: str
    reason: str


class SealedRegister(NamedTuple):
    """The sealed fields of a do-not-call register, with a digest of its numbers."""

    name: str
    dated: float
    imported_at: float
    numbers: int
    sha256: str
    numbers_of_it: str


class SQL(Statements):
    attempt_row = Query(SealedAttempt)
    attempt_rows = Query(SealedAttempt)
    lawful_row = Query(SealedGrounds)
    lawful_rows = Query(SealedGrounds)
    rules_row = Query(SealedRules)
    rules_rows = Query(SealedRules)
    mark_row = Query(SealedMark)
    mark_rows = Query(SealedMark)
    opt_out_row = Query(SealedOptOut)
    opt_out_rows = Query(SealedOptOut)
    opt_out_hash_row = Query(SealedOptOutHash)
    opt_out_hash_rows = Query(SealedOptOutHash)
    consent_row = Query(SealedConsent)
    consent_rows = Query(SealedConsent)
    consent_ahead_row = Query(SealedConsentAhead)
    consent_ahead_rows = Query(SealedConsentAhead)
    complaint_row = Query(SealedComplaint)
    complaint_rows = Query(SealedComplaint)
    complaint_answer_row = Query(SealedComplaintAnswer)
    complaint_answer_rows = Query(SealedComplaintAnswer)
    official_row = Query(SealedOfficialFigure)
    official_rows = Query(SealedOfficialFigure)
    released_row = Query(SealedRelease)
    released_rows = Query(SealedRelease)
    register_row = Query(SealedRegister)
    register_rows = Query(SealedRegister)
    opt_out_id_of_number = Scalar(int)
    opt_out_id_of_phone = Scalar(int)
    opt_out_hash_id = Scalar(int)
    consent_ahead_id = Scalar(int)
    phone_id_of_number = Scalar(int)


SealedRow = tuple[Any, ...]
"""A row of any of these types."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A kind of stored rows that are sealed, such as attempts or marks."""

    name: str  # in the table of seals
    label: str  # of a row, for a person
    row: Query[Any]  # by :row_id
    rows: Query[Any]  # all, in the order of keys
    salted: bool = False  # the row contains a number or its hash
    rewritable: bool = False  # the row may be written again

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the sealed fields of this kind of row. The first one is the key."""
        return self.row.columns

    def get_key(self, row: SealedRow) -> int | str:
        """Return the key of a row of this kind."""
        key: int | str = getattr(row, self.fields[0])
        return key


ATTEMPT = Entity("attempt", "attempt", SQL.attempt_row, SQL.attempt_rows)
MARK = Entity("mark", "mark", SQL.mark_row, SQL.mark_rows)
LAWFUL = Entity("lawful", "grounds of calls", SQL.lawful_row, SQL.lawful_rows)
RULES = Entity("rules", "version of the rules", SQL.rules_row, SQL.rules_rows)
OPT_OUT = Entity("opt-out", "opt-out", SQL.opt_out_row, SQL.opt_out_rows, salted=True)
OPT_OUT_HASH = Entity(
    "opt-out-hash",
    "opt-out of another centre",
    SQL.opt_out_hash_row,
    SQL.opt_out_hash_rows,
    salted=True,
    rewritable=True,
)
CONSENT = Entity("consent", "consent of number", SQL.consent_row, SQL.consent_rows, salted=True, rewritable=True)
CONSENT_AHEAD = Entity(
    "consent-ahead",
    "consent ahead of the roll",
    SQL.consent_ahead_row,
    SQL.consent_ahead_rows,
    salted=True,
    rewritable=True,
)
COMPLAINT = Entity("complaint", "complaint", SQL.complaint_row, SQL.complaint_rows)
COMPLAINT_ANSWER = Entity(
    "complaint-answer", "answer to a complaint", SQL.complaint_answer_row, SQL.complaint_answer_rows
)
OFFICIAL = Entity("official", "official figure", SQL.official_row, SQL.official_rows)
RELEASED = Entity("released", "release of attempt", SQL.released_row, SQL.released_rows)
REGISTER = Entity("register", "register", SQL.register_row, SQL.register_rows, salted=True, rewritable=True)
ENTITIES = (
    ATTEMPT, LAWFUL, RULES, MARK, OPT_OUT, OPT_OUT_HASH, CONSENT, CONSENT_AHEAD,
    COMPLAINT, COMPLAINT_ANSWER, OFFICIAL, RELEASED, REGISTER,
)  # fmt: skip
"""All kinds of sealed rows. New kinds are added at the end, for each batch of seals records how many kinds there were."""
FIRST_ENTITIES = 8
"""The number of `ENTITIES` in the first version with seals."""


class _NumbersDigest:
    """SQL aggregate function: the SHA-256 of a register's numbers in their order."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def step(self, number: str) -> None:
        """Add a number to the digest."""
        self._hash.update(number.encode() + b"\n")

    def finalize(self) -> str:
        """Return the digest in hexadecimal."""
        return self._hash.hexdigest()


def read_row(db: Connection, entity: Entity, row_id: int | str) -> SealedRow | None:
    """Return the sealed fields of a row, or None if there is no such row."""
    _add_sql_functions(db, entity)
    found: SealedRow | None = entity.row.first(db, row_id=row_id)
    return found


def read_rows(db: Connection, entity: Entity) -> Iterator[SealedRow]:
    """Return the sealed fields of all rows of a kind, in the order of keys."""
    _add_sql_functions(db, entity)
    return entity.rows.rows(db)


def _add_sql_functions(db: Connection, entity: Entity) -> None:
    if entity is REGISTER:
        db.create_aggregate("all_numbers", 1, _NumbersDigest)  # type: ignore[arg-type] # a str alone is a valid value
