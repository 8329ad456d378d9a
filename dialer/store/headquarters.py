"""Opt-outs and marks of other centres as headquarters tells them, with the position up to which it did; and what it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dialer.domain.errors import KeyTaken, NotInStore
from dialer.domain.other_centres import ForeignNews
from dialer.store import voters
from dialer.store.connection import Reader
from dialer.store.opt_outs import record_foreign
from dialer.store.outbox import last_given, outbox_after, passed_by_uplink
from dialer.store.port import NewsTaken, OutboxRow
from dialer.store.roll import last_voter
from dialer.store.sql import Connection, parameters_of
from dialer.store.untyped_sql import load_statements

SQL = load_statements("headquarters")


def position_of(db: Connection, stream: str) -> int:
    """Up to where a stream was taken; 0: nothing of it was."""
    return SQL["position"].value(db, int, stream=stream) or 0


def take_news(db: Connection, news: ForeignNews) -> NewsTaken:
    """Take the news of a stream that follow `after`, up to `position`, with what they change, and keep that position. News from
    before the position that is kept change nothing. Raises NotInStore, with the position to ask from, where some would be left out.

    What another centre tells is not told again. A mark of a voter whom no roll here has (of another version of it, say), or whose
    key stands for something else here, is counted and left out.
    """
    kept = position_of(db, news.stream)
    if news.position <= kept:
        return NewsTaken()
    if news.after > kept:
        raise NotInStore(f"news of {news.stream} are missing: ask from {kept}")
    phones = []
    for each in news.opt_outs:
        phone_id = record_foreign(db, each.number_hash, at=each.at, centre=each.centre)
        phones += [] if phone_id is None else [phone_id]
    taken, unknown = [], 0
    for told in news.marks:
        voter_id = SQL["voter_at"].value(db, int, **parameters_of(told.place))
        undoes_nothing = told.mark.undoes is not None and not voters.has_mark(db, told.mark.undoes)
        if voter_id is None or undoes_nothing:
            unknown += voter_id is None
            continue
        mark = replace(told.mark, voter_id=voter_id)
        try:
            taken.append((mark, voters.record_mark(db, None, mark)))
        except KeyTaken:
            unknown += 1
    SQL["keep_position"](db, stream=news.stream, position=news.position)
    return NewsTaken(tuple(phones), tuple(taken), unknown)


# What the uplink takes of the store for headquarters: read by fixed statements on its own connection, beside the dialler.


_TOGETHER = 500  # rows that are read at once


@dataclass(frozen=True, slots=True)
class HeldRoll:
    """What of the rolls is here."""

    constituencies: tuple[tuple[str, int], ...]  # state and number
    last_voter: int  # the highest id


class UplinkReading(Reader):
    """The store as the uplink reads it."""

    def passed(self) -> int | None:
        """Up to which id of the outbox headquarters has everything; None: nothing is kept for headquarters."""
        return self.read(passed_by_uplink)

    def last_given(self) -> int:
        """The highest id that the outbox has given."""
        return self.read(last_given)

    def after(self, passed: int, limit: int) -> Sequence[OutboxRow]:
        """The oldest rows of the outbox behind an id."""
        return self.read(lambda db: outbox_after(db, passed, limit))

    def between(self, passed: int, last: int) -> Iterator[OutboxRow]:
        """All rows of the outbox behind an id, up to another one."""
        while rows := self.after(passed, _TOGETHER):
            for row in rows:
                if row.outbox_id > last:
                    return
                yield row
            passed = rows[-1].outbox_id

    def position(self, stream: str) -> int:
        """Up to where the news of a stream were taken; 0: none were."""
        return self.read(lambda db: position_of(db, stream))

    def roll(self) -> HeldRoll:
        """Whose news are of use here. Reads all booths: ask seldom."""
        found = self.read(lambda db: [*SQL["constituencies"].rows(db)])
        return HeldRoll(tuple(map(tuple, found)), self.read(last_voter))
