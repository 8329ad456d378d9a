"""Opt-outs from outside the centre's calls: imported ones, and those of other centres as keyed hashes. Inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import structlog

from dialer.domain.errors import NotInStore, StoreError
from dialer.rules.number_hash import fingerprint, number_hasher
from dialer.store import audit, seals
from dialer.store.numbers import SQL
from dialer.store.port import AuditNote, Encode, OptOutNews, OptOutsTaken
from dialer.store.records import tell
from dialer.store.voters import record_opt_out

HASHED_AT_ONCE = 20_000
TOLD_EVERY = 200_000  # numbers
_log = structlog.get_logger(__name__)


def opt_out_number(
    db: sqlite3.Connection,
    encode: Encode | None,
    number: str,
    *,
    at: float,
    source: str,
    number_hash: str | None = None,
) -> bool:
    """Suppress a number, on the roll or not. False: it was already. Other centres are told its `number_hash`; without one
    there is nothing that they would understand.
    """
    row = db.execute(SQL["phone"], (number,)).fetchone()
    if row is not None:
        fresh = record_opt_out(db, None, row[0], at=at, source=source)
    else:
        fresh = db.execute(SQL["insert_opt_out"], (number, at, source)).rowcount == 1
        if fresh:
            seals.opt_out_of_number_recorded(db, number)
    if fresh and number_hash is not None:
        tell(db, encode, OptOutNews(None, at, source, number_hash=number_hash), at)
    return fresh


def record_foreign(db: sqlite3.Connection, number_hash: str, *, at: float, centre: str) -> int | None:
    """Keep that a number opted out in another centre, whether it is on our roll or comes later; the number's id where it
    is suppressed by this, None where it is not known here or was suppressed before.
    """
    if db.execute(SQL["insert_foreign"], (number_hash, at, centre)).rowcount == 1:
        seals.opt_out_hash_recorded(db, number_hash)
    row = db.execute(SQL["phone_of_hash"], (number_hash,)).fetchone()
    if row is None:
        return None
    return int(row[0]) if _suppress(db, row[0], at, centre) else None


def record_told(
    db: sqlite3.Connection,
    encode: Encode | None,
    hashes: Sequence[str],
    entry: AuditNote,
    *,
    fingerprint: str,
    centre: str,
    source: str,
) -> OptOutsTaken:
    """Suppress numbers that came together, known by their hashes, each announced where it was not suppressed
    before, and all with their audit entry ("opt-out-import"): all or none. One that is on no roll here is kept as its
    hash, told by `centre`. Raises NotInStore where no secret of this `fingerprint` is shared: the hashes would fit no
    number. A repeat changes nothing but the audit.
    """
    if fingerprint not in dict(db.execute(SQL["secrets"]).fetchall()):
        raise NotInStore(
            "the dialler does not share the secret that these opt-outs are hashed under (rules.opt_out_secret): restart it"
            " with these settings, then do it again; nothing was kept"
        )
    fresh, phones = 0, []
    for hashed in hashes:
        is_new = db.execute(SQL["insert_foreign"], (hashed, entry.at, centre)).rowcount == 1
        if is_new:
            seals.opt_out_hash_recorded(db, hashed)
        row = db.execute(SQL["phone_of_hash"], (hashed,)).fetchone()
        if row is not None:
            is_new = record_opt_out(db, None, row[0], at=entry.at, source=source)
            phones += [int(row[0])] if is_new else []
        if is_new:
            tell(db, encode, OptOutNews(None, entry.at, source, number_hash=hashed), entry.at)
        fresh += is_new
    what = {**entry.what, "source": source, "numbers": str(len(hashes)), "fresh": str(fresh)}
    audit.append(db, "opt-out-import", entry.who, what, entry.at)
    return OptOutsTaken(fresh, tuple(phones))


def begin_hashing(db: sqlite3.Connection, secrets: Sequence[bytes]) -> None:
    """Make ready for hashes under these secrets; the first is the one that our own opt-outs are told under.

    A secret that is no longer among them is forgotten with its hashes. Raises StoreError where numbers are suppressed of which only
    a hash is known, which may be under that one: without it a later roll would bring them back.
    """
    prints = [fingerprint(secret) for secret in secrets]
    known = dict(db.execute(SQL["secrets"]).fetchall())
    gone = [secret for print_, secret in known.items() if print_ not in prints]
    if (gone or not prints) and db.execute(SQL["any_by_hash_alone"]).fetchone()[0]:
        raise StoreError(
            "an opt-out secret is gone from the rules under which opt-outs may be known alone:"
            " put it back, as rules.opt_out_secret or among rules.opt_out_secrets_known"
        )
    for secret in gone:
        known_too = [row[0] for row in db.execute(SQL["known_too"], (secret,)).fetchall()]
        seals.opt_out_hashes_forgotten(db, known_too)
        for statement in ("forget_known", "forget_hashes", "forget_secret"):
            db.execute(SQL[statement], (secret,))
    fresh = [print_ for print_ in prints if print_ not in known]
    if fresh:
        db.execute(SQL["drop_hash_index"])
        db.executemany(SQL["insert_secret"], [(print_,) for print_ in fresh])
    if prints:
        db.execute(SQL["tell_under"], (prints[0],))


def hash_some(db: sqlite3.Connection, secret: bytes, after: int) -> int | None:
    """Hash numbers that have no hash under a secret yet, from `after` on; the last id looked at. None: there were no more."""
    number = dict(db.execute(SQL["secrets"]).fetchall())[fingerprint(secret)]
    found = db.execute(SQL["unhashed"], (after, HASHED_AT_ONCE, number)).fetchall()
    hashed = number_hasher(secret)
    db.executemany(SQL["insert_hash"], [(phone_id, number, hashed(e164)) for phone_id, e164 in found])
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
    return record_opt_out(db, None, phone_id, at=at, source=f"centre {centre}")
