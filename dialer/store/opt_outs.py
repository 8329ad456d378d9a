"""Opt-outs from outside the centre's calls: imported ones, and those of other centres as keyed hashes. Inside a transaction."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from dialer.domain.errors import NotInStore, StoreError
from dialer.rules.number_hash import fingerprint, number_hash, number_hasher
from dialer.store import audit, seals
from dialer.store.numbers import SQL
from dialer.store.outbox import tell
from dialer.store.port import AuditNote, Encode, OptOutNews, OptOutsTaken
from dialer.store.sql import Connection
from dialer.store.voters import record_opt_out

HASHED_AT_ONCE = 20_000
TOLD_EVERY = 200_000  # numbers
_log = structlog.get_logger(__name__)


def opt_out_number(
    db: Connection,
    encode: Encode | None,
    number: str,
    *,
    at: float,
    source: str,
    number_hash: str | None = None,
) -> bool:
    """Suppress a number, on the roll or not. False: it was already. Other centres are told its `number_hash`; None: nothing."""
    phone_id = SQL["phone"].value(db, int, number=number)
    if phone_id is not None:
        fresh = record_opt_out(db, None, phone_id, at=at, source=source)
    else:
        fresh = SQL["insert_opt_out"](db, number=number, at=at, source=source).rowcount == 1
        if fresh:
            seals.seal(db, seals.OPT_OUT, seals.SQL["opt_out_id_of"].number(db, number=number))
    if fresh and number_hash is not None:
        tell(db, encode, OptOutNews(None, at, source, number_hash=number_hash), at)
    return fresh


def suppress(
    db: Connection,
    encode: Encode | None,
    found: Sequence[str],
    secret: bytes | None,
    source: str,
    entry: AuditNote,
) -> OptOutsTaken:
    """Suppress numbers (E.164), with an entry "opt-out-import"; other centres are told the new ones, hashed under the `secret`."""
    fresh, phones = 0, []
    for number in found:
        hashed = None if secret is None else number_hash(secret, number)
        if opt_out_number(db, encode, number, at=entry.at, source=source, number_hash=hashed):
            fresh += 1
            phones += SQL["phone"].values(db, int, number=number)
    what = {"source": source, **entry.what, "numbers": str(len(found)), "fresh": str(fresh)}
    audit.append(db, "opt-out-import", entry.who, what, entry.at)
    return OptOutsTaken(fresh, tuple(phones))


def record_foreign(db: Connection, number_hash: str, *, at: float, centre: str) -> int | None:
    """Keep that a number opted out in another centre, on our roll or to come; its id where this suppresses it, else None."""
    _keep_hash(db, number_hash, at, centre)
    phone_id = SQL["phone_of_hash"].value(db, int, number_hash=number_hash)
    return phone_id if phone_id is not None and _suppress(db, phone_id, at, centre) else None


def record_told(
    db: Connection,
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
    if fingerprint not in dict(SQL["secrets"].rows(db)):
        raise NotInStore(
            "the dialler does not share the secret that these opt-outs are hashed under (rules.opt_out_secret): restart it"
            " with these settings, then do it again; nothing was kept"
        )
    fresh, phones = 0, []
    for hashed in hashes:
        is_new = _keep_hash(db, hashed, entry.at, centre)
        phone_id = SQL["phone_of_hash"].value(db, int, number_hash=hashed)
        if phone_id is not None:
            is_new = record_opt_out(db, None, phone_id, at=entry.at, source=source)
            phones += [phone_id] if is_new else []
        if is_new:
            tell(db, encode, OptOutNews(None, entry.at, source, number_hash=hashed), entry.at)
        fresh += is_new
    audit.note(db, "opt-out-import", entry, source=source, numbers=len(hashes), fresh=fresh)
    return OptOutsTaken(fresh, tuple(phones))


def _keep_hash(db: Connection, number_hash: str, at: float, centre: str) -> bool:
    """Keep an opt-out of another centre; whether it is new."""
    is_new = SQL["insert_foreign"](db, number_hash=number_hash, at=at, centre=centre).rowcount == 1
    if is_new:
        seals.seal(db, seals.OPT_OUT_HASH, seals.SQL["opt_out_hash_id_of"].number(db, hashed=number_hash))
    return is_new


def begin_hashing(db: Connection, secrets: Sequence[bytes]) -> None:
    """Make ready for hashes under these secrets; the first is the one that our own opt-outs are told under.

    A secret that is no longer among them is forgotten with its hashes. Raises StoreError where numbers are suppressed of which only
    a hash is known, which may be under that one: without it a later roll would bring them back.
    """
    prints = [fingerprint(secret) for secret in secrets]
    known = dict(SQL["secrets"].rows(db))
    gone = [secret for print_, secret in known.items() if print_ not in prints]
    if (gone or not prints) and SQL["any_by_hash_alone"].number(db):
        raise StoreError(
            "an opt-out secret is gone from the rules under which opt-outs may be known alone:"
            " put it back, as rules.opt_out_secret or among rules.opt_out_secrets_known"
        )
    for secret in gone:
        for row_id in SQL["known_too"].values(db, int, secret=secret):
            seals.gone(db, seals.OPT_OUT_HASH, row_id)
        for statement in ("forget_known", "forget_hashes", "forget_secret"):
            SQL[statement](db, secret=secret)
    fresh = [print_ for print_ in prints if print_ not in known]
    if fresh:
        SQL["drop_hash_index"](db)
        for print_ in fresh:
            SQL["insert_secret"](db, fingerprint=print_)
    if prints:
        SQL["tell_under"](db, fingerprint=prints[0])


def hash_new(db: Connection, secrets: Sequence[bytes], after: int) -> None:
    """Hash the numbers with ids above `after` under all secrets, and suppress those that other centres told of before."""
    for secret in secrets:
        hash_some(db, secret, after)
    for each in [*SQL["foreign_of_new"].rows(db, after=after)]:
        _suppress(db, each.phone_id, each.at, each.centre)


def hash_some(db: Connection, secret: bytes, after: int) -> int | None:
    """Hash numbers that have no hash under a secret yet, from `after` on; the last id looked at. None: there were no more."""
    number = dict(SQL["secrets"].rows(db))[fingerprint(secret)]
    found = [*SQL["unhashed"].rows(db, after=after, limit=HASHED_AT_ONCE, secret=number)]
    hashed = number_hasher(secret)
    rows = ({"phone_id": each.phone_id, "secret": number, "number_hash": hashed(each.e164)} for each in found)
    db.executemany(SQL["insert_hash"], rows)
    if not found:
        return None
    last = int(found[-1].phone_id)
    if after // TOLD_EVERY != last // TOLD_EVERY:  # the first start of a large roll takes some seconds
        _log.info("numbers.hashed", up_to_phone=last)
    return last


def honour_foreign(db: Connection) -> int:
    """Suppress the numbers that other centres told of before they came onto our roll; how many. Ends the hashing."""
    SQL["make_hash_index"](db)
    found = [*SQL["foreign_not_honoured"].rows(db)]
    return sum(_suppress(db, each.phone_id, each.at, each.centre) for each in found)


def _suppress(db: Connection, phone_id: int, at: float, centre: str) -> bool:
    return record_opt_out(db, None, phone_id, at=at, source=f"centre {centre}")
