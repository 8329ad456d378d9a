"""The tables of a store that are evidence, and the database triggers that record each change to them.

The dialler adds each of its changes to a signed log. A change by another program is not in the log, and so a
verification finds it.

The triggers are temporary and belong to the connection that writes. They note which rows a transaction changes, with a
digest of each row before the change. The sealer adds the digest after the change (`sealer.py`). Rows are hashed one by
one, or in blocks where there are many that seldom change, such as a roll's. Every table is in `EVIDENCE` or, with the
reason, in `NOT_EVIDENCE`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

from dialer.store.sql import Connection

BLOCK_BITS = 6
"""A block has the rows of 2 ** BLOCK_BITS ids."""
_NUMBERS_DIGITS = 3  # numbers of a register that differ in these last digits only are one block


@dataclass(frozen=True, slots=True)
class Evidence:
    """A table whose changes are written to the signed log as digests.

    The log identifies a changed row, or block of rows, by a key of two parts. `one` and `two` are the SQL expressions
    of the parts, with `{row}` in place of the row's alias. `where` is the SQL condition that selects the rows with the
    key `:one`, `:two`. The key has no personal data, because the log stays when a person's data are erased.
    """

    table: str
    one: str
    where: str
    two: str = "''"
    order: str = "1"  # of the rows of a block
    same: str = ""  # whether a row of a block is NEW; empty: a block has one row
    personal: bool = False  # has names or numbers: digests need a salt, which an erasure replaces
    without: tuple[str, ...] = ()  # columns that are not sealed


def _declare_table_hashed_by_row(
    table: str, *key: str, personal: bool = False, without: tuple[str, ...] = ()
) -> Evidence:
    """Return the declaration of a table whose rows are hashed one by one for the signed log.

    `key` has the columns that identify a row.
    """
    one, *rest = key
    where = " AND ".join(f"{name} = :{place}" for name, place in zip(key, ("one", "two"), strict=False))
    two = f"{{row}}.{rest[0]}" if rest else "''"
    return Evidence(table, f"{{row}}.{one}", where, two, personal=personal, without=without)


def _declare_table_hashed_by_block(
    table: str, *key: str, personal: bool = False, without: tuple[str, ...] = ()
) -> Evidence:
    """Return the declaration of a table whose rows are hashed in blocks for the signed log.

    `key` has the columns that identify a row; the first one is an id. Rows with neighbouring ids form a block.
    """
    where = f"{key[0]} BETWEEN :one << {BLOCK_BITS} AND (:one << {BLOCK_BITS}) + {(1 << BLOCK_BITS) - 1}"
    same = " AND ".join(f"{name} = NEW.{name}" for name in key)
    one = f"{{row}}.{key[0]} >> {BLOCK_BITS}"
    return Evidence(table, one, where, order=", ".join(key), same=same, personal=personal, without=without)


EVIDENCE = {
    each.table: each
    for each in (
        _declare_table_hashed_by_row("attempt", "attempt_id"),
        _declare_table_hashed_by_row("audit", "number"),
        _declare_table_hashed_by_row("booth", "booth_id"),
        _declare_table_hashed_by_row("campaign", "campaign_id", without=("pacer_state",)),
        _declare_table_hashed_by_row("complaint", "complaint_id"),
        _declare_table_hashed_by_row("complaint_answer", "answer_id"),
        _declare_table_hashed_by_row("consent_ahead", "consent_ahead_id", personal=True),
        Evidence(
            "consent_before",
            "{row}.phone_id",
            where="phone_id = :one",
            order="at, consent, source",
            same="rowid = NEW.rowid",
        ),
        _declare_table_hashed_by_row("consent_forgotten", "phone_id"),
        _declare_table_hashed_by_row("flow_answer", "attempt_id", "name"),
        _declare_table_hashed_by_row("hash_secret", "secret"),
        _declare_table_hashed_by_row("headquarters_order", "order_id"),
        _declare_table_hashed_by_row("import_run", "import_id"),
        _declare_table_hashed_by_row("inbound_call", "inbound_id", personal=True),
        _declare_table_hashed_by_row("judged_call", "attempt_id"),
        _declare_table_hashed_by_row("lawful", "lawful_id"),
        _declare_table_hashed_by_block("link", "voter_id", "phone_id"),
        _declare_table_hashed_by_row("log_in", "seat"),
        _declare_table_hashed_by_row("mark", "mark_id"),
        _declare_table_hashed_by_row("official_turnout", "figure_id"),
        _declare_table_hashed_by_row("opt_out", "opt_out_id", personal=True),
        _declare_table_hashed_by_row("opt_out_hash", "opt_out_hash_id", personal=True),
        _declare_table_hashed_by_row("peer_call", "phone_id"),
        _declare_table_hashed_by_block("phone", "phone_id", personal=True),
        _declare_table_hashed_by_block("phone_hash", "phone_id", "secret", personal=True),
        _declare_table_hashed_by_row("recording", "attempt_id"),
        _declare_table_hashed_by_row("register", "name"),
        Evidence(
            "registered",
            one="{row}.register",
            two=f"substr({{row}}.e164, 1, length({{row}}.e164) - {_NUMBERS_DIGITS})",
            where=f"e164 BETWEEN :two AND :two || '~' AND length(e164) = length(:two) + {_NUMBERS_DIGITS} AND register = :one",
            order="e164",
            same="e164 = NEW.e164 AND register = NEW.register",
            personal=True,
        ),
        _declare_table_hashed_by_row("released_unknown", "attempt_id"),
        Evidence("rules_use", "{row}.since", where="since = :one", order="digest", same="rowid = NEW.rowid"),
        _declare_table_hashed_by_row("rules_version", "digest"),
        _declare_table_hashed_by_row("seat_interval", "interval_id"),
        _declare_table_hashed_by_row("setting", "key"),
        _declare_table_hashed_by_row("standing_order", "addressee", "command"),
        _declare_table_hashed_by_row("unknown_serial", "key"),
        _declare_table_hashed_by_row("user", "name"),
        # The status of a voter follows from the marks, and a verification derives it again.
        _declare_table_hashed_by_block("voter", "voter_id", personal=True, without=("turnout", "reached", "not_yet")),
        _declare_table_hashed_by_row("worker", "worker_id", personal=True),
        _declare_table_hashed_by_row("worker_booth", "worker_id", "booth_id"),
    )
}
"""The tables that a report, a gate or a right rests on."""

NOT_EVIDENCE = {
    "command": "what a command did is in the audit; this only keeps a repeat from being executed again",
    "news_position": "how far updates of other centres were read; what they changed is sealed",
    "outbox": "messages that wait to be sent; the facts that they announce are sealed",
    "outbox_sink": "how far the outbox was read",
    "own_call_back": "part of the queue",
    "seal_change": "the log of seals itself, which the epochs sign",
    "seal_epoch": "signed, each with its own key",
    "seal_salt": "an erasure replaces salts; a wrong one does not fit the row's digest",
    "seal_tail": "an authentication code",
    "shuffle": "the order of the queue",
    "store_identity": "which copy of the store this is; it changes at each start, and headquarters compares it",
    "target": "the queue of numbers; each call that follows from it is sealed, with the reasons for it",
}
"""The tables that are not sealed, each with the reason."""


class _RowsDigest:
    """The SQL aggregate function that returns the SHA-256 of a random salt and the rows of a block, or NULL if there
    are no rows.
    """

    def __init__(self) -> None:
        self._hash: Any = None

    def step(self, salt: bytes | None, *values: Any) -> None:
        """Add a row to the digest. SQLite calls this for each row of the block."""
        if self._hash is None:
            self._hash = hashlib.sha256(salt or b"")
        # ascii() writes the same text in every version of Python.
        self._hash.update(ascii(values).encode("ascii") + b"\n")

    def finalize(self) -> bytes | None:
        """Return the digest of all rows that were added, or None if there were none."""
        return None if self._hash is None else self._hash.digest()


def register_digest_function(db: Connection) -> None:
    """Register the SQL function `rows_digest` on a connection. It computes the SHA-256 of rows."""
    db.create_aggregate("rows_digest", -1, _RowsDigest)  # type: ignore[arg-type] # bytes or None are valid values


def list_columns_covered_by_seals(db: Connection, evidence: Evidence) -> list[str]:
    """Return the columns of a table whose values are hashed for the signed log, in the order of hashing."""
    names = [name for _, name, *_ in db.execute(f'PRAGMA table_info("{evidence.table}")')]
    return [name for name in names if name not in evidence.without]


def build_sql_for_row_digest(evidence: Evidence, columns: list[str], *, but_new: bool = False) -> str:
    """Return an SQL expression for the digest of a row, or block of rows, whose two-part key is `:one` and `:two`.

    With `but_new`, which is for triggers, the inserted row (NEW) is left out: the result is the digest before the
    change.
    """
    if but_new and not evidence.same:
        return "NULL"
    salt = "NULL"
    if evidence.personal:
        salt = f"(SELECT salt FROM seal_salt WHERE evidence = '{evidence.table}' AND one = :one AND two = :two)"  # noqa: S608 - names of our schema
    where = f"{evidence.where} AND NOT ({evidence.same})" if but_new else evidence.where
    names = ", ".join(f'"{name}"' for name in columns)
    return (
        f"(SELECT rows_digest({salt}, {names})"  # noqa: S608 - names of our schema
        f' FROM (SELECT {names} FROM "{evidence.table}" WHERE {where} ORDER BY {evidence.order}))'
    )


def build_sql_for_row_keys(evidence: Evidence) -> str:
    """Return an SQL SELECT of the two-part keys by which the signed log identifies the rows, or blocks of rows, of a
    table.

    The keys are sorted.
    """
    one, two = (each.format(row="item") for each in (evidence.one, evidence.two))
    return f'SELECT DISTINCT {one}, {two} FROM "{evidence.table}" AS item WHERE {one} IS NOT NULL ORDER BY 1, 2'  # noqa: S608 - names of our schema


def create_triggers_that_record_changes(db: Connection) -> None:
    """Create temporary triggers that record, in the temporary table `touched`, each change to a row that the signed log
    must contain.
    """
    register_digest_function(db)
    db.execute(
        "CREATE TEMP TABLE touched (evidence TEXT NOT NULL, one NOT NULL, two NOT NULL, before BLOB,"
        " PRIMARY KEY (evidence, one, two)) WITHOUT ROWID"
    )
    for evidence in EVIDENCE.values():
        for trigger in _build_change_trigger_statements(evidence, list_columns_covered_by_seals(db, evidence)):
            db.execute(trigger)


def _build_change_trigger_statements(evidence: Evidence, columns: list[str]) -> Iterator[str]:
    sealed = ", ".join(f'"{name}"' for name in columns)
    key = set(re.findall(r"\{row\}\.(\w+)", f"{evidence.one} {evidence.two}"))
    named = ", ".join(f'"{name}"' for name in sorted(key))
    # Nested changes by the schema's own triggers come later, and find the row noted.
    for name, event, row in (
        ("update", f"BEFORE UPDATE OF {sealed}", "OLD"),
        ("delete", "BEFORE DELETE", "OLD"),
        ("insert", "AFTER INSERT", "NEW"),
        ("rename", f"AFTER UPDATE OF {named}", "NEW"),
    ):
        one, two = (each.format(row=row) for each in (evidence.one, evidence.two))
        digest = _replace_row_key_parameters_in_sql(
            build_sql_for_row_digest(evidence, columns, but_new=row == "NEW"), one, two
        )
        noted = f"SELECT 1 FROM touched WHERE evidence = '{evidence.table}' AND one = {one} AND two = {two}"  # noqa: S608 - names of our schema
        yield (
            f'CREATE TEMP TRIGGER seal_{evidence.table}_{name} {event} ON main."{evidence.table}"'  # noqa: S608 - names of our schema
            f" WHEN {one} IS NOT NULL AND NOT EXISTS ({noted}) BEGIN"
            f" INSERT INTO touched (evidence, one, two, before) VALUES ('{evidence.table}', {one}, {two}, {digest}); END"
        )


def _replace_row_key_parameters_in_sql(expression: str, one: str, two: str) -> str:
    return expression.replace(":one", f"({one})").replace(":two", f"({two})")


def compute_digest_of_sealed_columns(db: Connection) -> str:
    """Return a digest (hexadecimal) of the names of all columns whose changes are logged and signed.

    It shows after an upgrade whether the program signs other columns than before.
    """
    parts = [(*astuple(each), *list_columns_covered_by_seals(db, each)) for each in EVIDENCE.values()]
    return hashlib.sha256(ascii(parts).encode("ascii")).hexdigest()
