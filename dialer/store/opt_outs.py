"""Opt-outs from outside the centre's calls: imported ones, and those of other centres as keyed hashes. Inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import structlog

from dialer.errors import StoreError
from dialer.model import Announcement
from dialer.rules.number_hash import fingerprint, number_hasher
from dialer.store.numbers import SQL
from dialer.store.records import announce
from dialer.store.voters import record_opt_out

HASHED_AT_ONCE = 20_000
TOLD_EVERY = 200_000  # numbers
_log = structlog.get_logger(__name__)


def opt_out_number(
    db: sqlite3.Connection, number: str, *, at: float, source: str, announcements: Sequence[Announcement] = ()
) -> bool:
    """Suppress a number, on the roll or not. False: it was already."""
    row = db.execute(SQL["phone"], (number,)).fetchone()
    if row is not None:
        return record_opt_out(db, row[0], at=at, source=source, attempt_id=None, announcements=announcements)
    fresh = db.execute(SQL["insert_opt_out"], (number, at, source)).rowcount == 1
    if fresh:
        announce(db, announcements, at)
    return fresh


def hash_of(db: sqlite3.Connection, phone_id: int) -> str | None:
    """A number's keyed hash; None: hashes are not kept here."""
    row = db.execute(SQL["hash_of"], (phone_id,)).fetchone()
    return None if row is None else str(row[0])


def record_foreign(db: sqlite3.Connection, hashed: str, *, at: float, centre: str) -> int | None:
    """Keep what another centre told; the number that is suppressed by it here and was not before, if there is one."""
    db.execute(SQL["insert_foreign"], (hashed, at, centre))
    row = db.execute(SQL["phone_of_hash"], (hashed,)).fetchone()
    if row is None:
        return None
    return int(row[0]) if _suppress(db, row[0], at, centre) else None


def begin_hashing(db: sqlite3.Connection, secret: bytes | None) -> None:
    """Make ready for hashes under this secret; our own numbers are hashed anew under another one.

    Raises StoreError where numbers are suppressed of which only a hash under another secret is known: without it a later roll
    would bring them back.
    """
    if secret is not None and db.execute(SQL["secret_is"], (fingerprint(secret),)).fetchone()[0]:
        return
    if db.execute(SQL["any_foreign"]).fetchone()[0]:
        what = "missing" if secret is None else "another one"
        raise StoreError(
            f"rules.opt_out_secret is {what}, and opt-outs are known under the earlier one alone: put that one back"
        )
    if secret is not None:
        for statement in ("forget_secret", "forget_hashes", "drop_hash_index"):
            db.execute(SQL[statement])
        db.execute(SQL["insert_secret"], (fingerprint(secret),))


def hash_some(db: sqlite3.Connection, secret: bytes, after: int) -> int | None:
    """Hash numbers that have none yet, from `after` on; the last id looked at. None: there were no more."""
    found = db.execute(SQL["unhashed"], (after, HASHED_AT_ONCE)).fetchall()
    hashed = number_hasher(secret)
    db.executemany(SQL["insert_hash"], [(phone_id, hashed(number)) for phone_id, number in found])
    if not found:
        return None
    last = int(found[-1][0])
    if after // TOLD_EVERY != last // TOLD_EVERY:  # the first start of a large roll takes some seconds
        _log.info("numbers.hashed", up_to_phone=last)
    return last


def honour_foreign(db: sqlite3.Connection) -> int:
    """Suppress the numbers that other centres told of before they came onto our roll; how many. Ends the hashing."""
    db.execute(SQL["make_hash_index"])
    found = db.execute(SQL["foreign_not_honoured"]).fetchall()
    return sum(_suppress(db, phone_id, at, centre) for phone_id, at, centre in found)


def _suppress(db: sqlite3.Connection, phone_id: int, at: float, centre: str) -> bool:
    return record_opt_out(db, phone_id, at=at, source=f"centre {centre}", attempt_id=None, announcements=())
