"""What headquarters tells of other centres: opt-outs, and who has voted. Inside a transaction, with the position up to which it was
told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from dialer.domain.errors import KeyTaken, NotInStore
from dialer.domain.other_centres import ForeignNews
from dialer.store import voters
from dialer.store.cipher import StoreKey, explained
from dialer.store.connection import open_reading
from dialer.store.opt_outs import record_foreign
from dialer.store.outbox import last_given, outbox_after, passed_by_uplink
from dialer.store.port import NewsTaken, OutboxRow
from dialer.store.sql import Connection, load_statements, values_of

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
        voter_id = SQL["voter_at"].value(db, int, **values_of(told.place))
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


def constituencies(db: Connection) -> list[tuple[str, int]]:
    """State and number of every constituency that is on the roll."""
    return [(row.state_code, row.constituency_number) for row in SQL["constituencies"].rows(db)]


def last_voter(db: Connection) -> int:
    """The highest id of a voter: another one once more of a roll was imported."""
    return SQL["last_voter"].number(db)


# What the uplink takes of the store for headquarters: read by fixed statements on its own connection, beside the dialler.


_TOGETHER = 500  # rows that are read at once


@dataclass(frozen=True, slots=True)
class HeldRoll:
    """What of the rolls is here."""

    constituencies: tuple[tuple[str, int], ...]  # state and number
    last_voter: int  # the highest id


class UplinkReading:
    """The store's file, open to be read. Blocks: call it in one thread at a time, outside the loop."""

    def __init__(self, path: Path, key: StoreKey | None) -> None:
        """Raises StoreError, StoreCorrupt where there is no store of ours."""
        self._path = path
        self._db = open_reading(path, key=key)

    def __enter__(self) -> Self:
        """The reading itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let the file go."""
        self.close()

    def passed(self) -> int | None:
        """Up to which id of the outbox headquarters has everything; None: nothing is kept for headquarters."""
        with explained(self._path):
            return passed_by_uplink(self._db)

    def last_given(self) -> int:
        """The highest id that the outbox has given."""
        with explained(self._path):
            return last_given(self._db)

    def after(self, passed: int, limit: int) -> Sequence[OutboxRow]:
        """The oldest rows of the outbox behind an id."""
        with explained(self._path):
            return outbox_after(self._db, passed, limit)

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
        with explained(self._path):
            return position_of(self._db, stream)

    def roll(self) -> HeldRoll:
        """Whose news are of use here. Reads all booths: ask seldom."""
        with explained(self._path):
            return HeldRoll(tuple(constituencies(self._db)), last_voter(self._db))

    def close(self) -> None:
        """Let the file go."""
        self._db.close()
