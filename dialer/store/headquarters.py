"""What headquarters tells of other centres: opt-outs, and who has voted. Inside a transaction, with the position up to which it was
told.
"""

from __future__ import annotations

from dataclasses import replace

from dialer.domain.errors import KeyTaken, NotInStore
from dialer.domain.other_centres import ForeignNews
from dialer.store import voters
from dialer.store.opt_outs import record_foreign
from dialer.store.port import NewsTaken
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
