"""The outbox: what is announced waits here, committed with what it is of, until all who take from it have it.

That is the broker, and where the settings name a headquarters the uplink too, each with a cursor of its own. Functions that write
run inside a transaction.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from dialer.domain.errors import NotInStore
from dialer.domain.model import Announcement
from dialer.domain.view import OutboxWait
from dialer.store import audit
from dialer.store.port import Encode, News, OutboxRow, ReadinessMark
from dialer.store.sql import Connection, parameters_of
from dialer.store.untyped_sql import load_statements

SQL = load_statements("outbox")
RESULTS = tuple(f"results/{each}" for each in ("answers", "attempts", "dispositions", "marks", "opt-outs"))
"""Never dropped while headquarters has not got them. All else is telemetry."""
TELEMETRY_KEPT = 1_000  # of the latest rows

NO_HEADQUARTERS = "the settings name no headquarters ([headquarters]): restart the dialler with those that do"


@dataclass(frozen=True, slots=True)
class OutboxBound:
    """How the outbox stands to its bound."""

    lost: int  # rows that were dropped for it
    bytes_beyond: int = 0  # of results that wait for headquarters all the same


def announce(db: Connection, announcements: Sequence[Announcement], at: float) -> None:
    """Put announcements into the outbox. A repeat announces again."""
    for each in announcements:
        SQL["insert_announcement"](db, at=at, **parameters_of(each))


def tell(db: Connection, encode: Encode | None, news: News, at: float) -> None:
    """Put news into the outbox: by itself such as belongs to no other write. Without `encode` there is nobody to tell."""
    if encode is not None:
        announce(db, [encode(news)], at)


def tell_test_mark(db: Connection, encode: Encode | None, at: float) -> None:
    """Announce a test mark, for headquarters to see that the way is there. Raises NotInStore where nothing is kept for one."""
    if passed_by_uplink(db) is None:
        raise NotInStore(NO_HEADQUARTERS)
    tell(db, encode, ReadinessMark(at), at)


def outbox(db: Connection, limit: int) -> list[OutboxRow]:
    """The oldest announcements that wait for the broker."""
    return SQL["outbox"].all(db, OutboxRow, limit=limit)


def outbox_done(db: Connection, up_to: int) -> None:
    """The broker has the announcements up to this id. They go, but for those that headquarters has not got yet."""
    SQL["pass"](db, name="mqtt", up_to=up_to)
    SQL["outbox_taken"](db, up_to=up_to)


def bound_outbox(db: Connection, *, keep_at_most: int = 100_000) -> OutboxBound:
    """Drop the oldest announcements beyond `keep_at_most`: results themselves are in their tables, what is lost is only the news
    of them. Those of opt-outs are never lost, and do not count: other centres have nothing else to know them by.

    Where headquarters is to have them the bound is one of bytes, as the settings have it, and telemetry alone goes.
    """
    most_bytes = SQL["most_bytes"].value(db, int)
    if most_bytes is None:
        return OutboxBound(SQL["outbox_beyond"](db, keep_at_most=keep_at_most).rowcount)
    if SQL["waiting_bytes"].number(db) <= most_bytes:
        return OutboxBound(0)
    lost = SQL["drop_telemetry"](db, results=json.dumps(RESULTS), newest=TELEMETRY_KEPT).rowcount
    return OutboxBound(lost, max(0, SQL["waiting_bytes"].number(db) - most_bytes))


def outbox_waits(db: Connection) -> tuple[OutboxWait, ...]:
    """What waits for the broker, and for headquarters where the settings name one."""
    names = {"mqtt": "broker", "uplink": "headquarters"}
    return tuple(OutboxWait(names[row.sink], row.rows, row.oldest_at) for row in SQL["waits"].rows(db))


def keep_for_headquarters(db: Connection, most_bytes: int | None) -> None:
    """What is announced from now on, and what waits, is for headquarters too, and telemetry goes where more than `most_bytes`
    wait; None: the settings name no headquarters, and what only it had not got goes.
    """
    if most_bytes is not None:
        for name in ("mqtt", "uplink"):
            SQL["add_sink"](db, name=name, most_bytes=most_bytes if name == "uplink" else None)
        return
    by_broker = SQL["passed"].value(db, int, name="mqtt")
    SQL["forget_sinks"](db)
    if by_broker is not None:
        SQL["outbox_taken"](db, up_to=by_broker)


def passed_by_uplink(db: Connection) -> int | None:
    """Up to which id headquarters has the announcements; None: they are kept for no headquarters."""
    return SQL["passed"].value(db, int, name="uplink")


def outbox_after(db: Connection, passed: int, limit: int) -> list[OutboxRow]:
    """The oldest announcements behind an id, whoever has them."""
    return SQL["outbox_after"].all(db, OutboxRow, passed=passed, limit=limit)


def last_given(db: Connection) -> int:
    """The highest id that an announcement has had."""
    return SQL["last_given"].number(db)


def uplink_kept(db: Connection, through: int, at: float) -> int:
    """Headquarters has committed the announcements up to this id. A lower one than before changes nothing. Returns by how much
    ids were moved up, 0 as a rule.

    One that this store never gave was given before it was restored from a copy: what has been announced since bears ids that
    headquarters takes for known. It moves up behind them, with an entry in the audit ("outbox-moved"). Raises NotInStore where
    nothing is kept for headquarters.
    """
    passed = passed_by_uplink(db)
    if passed is None:
        raise NotInStore(NO_HEADQUARTERS)
    moved = 0
    if through > last_given(db):
        moved = through
        _move_up(db, passed, moved)
        audit.append(db, "outbox-moved", "uplink", {"behind": str(through), "from": str(passed)}, at)
    SQL["pass"](db, name="uplink", up_to=through)
    SQL["outbox_taken"](db, up_to=through)
    return moved


def restored(db: Connection, at: float) -> None:
    """Move what waits for headquarters, and what is announced from now on, behind every id that the store may have given since it
    was copied: headquarters takes those for known. `at`: epoch seconds; an id is behind its milliseconds, for no store gives a
    thousand a second.
    """
    _move_up(db, passed_by_uplink(db) or 0, int(at * 1000))


def _move_up(db: Connection, passed: int, by: int) -> None:
    """Ids behind `passed` by so many, and the next one is behind `by` at least."""
    SQL["begin_sequence"](db, last=by)
    SQL["move_up"](db, by=by, passed=passed)
    SQL["raise_sequence"](db, last=by)
