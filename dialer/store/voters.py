"""Voters: marks and what they change, opt-outs, turnout. Functions that write run inside a transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from math import inf

from dialer.domain.enums import MarkKind
from dialer.domain.errors import KeyTaken, NotInStore, StoreError
from dialer.domain.model import AttemptId, Booth, BoothTurnout, Mark, MarkSource, UnknownSerial
from dialer.domain.other_centres import VoterPlace
from dialer.store import seals
from dialer.store.outbox import tell
from dialer.store.port import Encode, MarkEffect, MarkNews, OptOutNews
from dialer.store.queues import SETTLED_WRONG_NUMBER, close_phone, close_voters, reopen
from dialer.store.sql import Connection, parameters_of
from dialer.store.standing import VoterStanding, standing_of, with_word
from dialer.store.untyped_sql import load_statements

SQL = load_statements("voters")


def place_of(db: Connection, voter_id: int) -> VoterPlace:
    """Where a voter of the roll stands on it."""
    return SQL["place_of"].all(db, VoterPlace, voter_id=voter_id)[0]


def record_mark(db: Connection, encode: Encode | None, mark: Mark) -> MarkEffect:
    """Append a mark and bring the voter's turnout up to date: VOTED always wins; WILL_NOT, MOVED and DECEASED close;
    NOT_YET and LATER leave a voter pending; WRONG_NUMBER drops the link of the attempt's number. Where nobody on a number
    is pending any more, its due and claimed targets are closed in every campaign. A CORRECTION by source may take VOTED
    back, unless somebody said it of a later moment; a voter who is pending again by it is called again: the targets that
    were closed because nobody was pending are due. One of a voter who is pending takes nothing back and is not kept.
    A repeat of a key changes nothing. Raises KeyTaken where the key is another mark's: nobody shall hear that it is noted.
    """
    row = SQL["voter_turnout"].row(db, voter_id=mark.voter_id)
    if row is None:
        raise NotInStore(f"the store has no voter {mark.voter_id}: the mark was not kept")
    before = VoterStanding(row.turnout, bool(row.reached), bool(row.not_yet))
    in_vain = _is_in_vain(db, mark, before)
    recorded = not in_vain and _append(db, mark)
    after = _standing_after(db, mark, before) if recorded else before
    undone = None if mark.undoes is None else SQL["kind_of_mark"].value(db, str, key=mark.undoes)
    given_back = recorded and undone == MarkKind.WRONG_NUMBER
    wrong = given_back or (recorded and mark.kind is MarkKind.WRONG_NUMBER)
    # A number that was there before, where it tells: whoever is reached is not without one, whatever they have.
    had_number = not (wrong or after.reached != before.reached) or _has_number(db, mark.voter_id)
    if after != before:
        SQL["set_turnout"](
            db, voter_id=mark.voter_id, turnout=after.turnout, not_yet=after.not_yet, reached=after.reached
        )
    pending = after.turnout == "pending"
    silenced = _drop_link(db, mark, recorded) if mark.kind is MarkKind.WRONG_NUMBER else []
    if given_back:
        _give_link_back(db, mark)
    has_number = _has_number(db, mark.voter_id) if wrong else had_number
    if not pending:
        silenced += SQL["silent_phones"].values(db, int, voter_id=mark.voter_id)
    if recorded:
        for phone_id in silenced:
            close_voters(db, phone_id, settled=SETTLED_WRONG_NUMBER if mark.kind is MarkKind.WRONG_NUMBER else 1)
        if encode is not None:
            tell(db, encode, MarkNews(mark, place_of(db, mark.voter_id)), mark.at)
    return MarkEffect(
        recorded,
        row.booth_id,
        tuple(silenced),
        not pending,
        reached_change=after.reached - before.reached,
        voted_change=(after.turnout == "voted") - (before.turnout == "voted"),
        not_yet_change=after.not_yet - before.not_yet,
        without_number_change=(not after.reached and not has_number) - (not before.reached and not had_number),
        reopened=given_back or (pending and before.turnout != "pending" and reopen(db, mark.voter_id, mark.at)),
        in_vain=in_vain,
    )


def _is_in_vain(db: Connection, mark: Mark, before: VoterStanding) -> bool:
    """Whether a correction has nothing to take back. Appended it would say that somebody has not voted yet, which nobody said."""
    corrects = mark.source is MarkSource.CORRECTION and mark.undoes is None
    return corrects and before.turnout == "pending" and not has_mark(db, mark.key)


def has_mark(db: Connection, key: str) -> bool:
    """Whether a mark of this key was kept."""
    return SQL["is_mark"].row(db, key=key) is not None


def stands(db: Connection, voter_id: int) -> str | None:
    """A voter's turnout ("pending", "voted", "closed"); None: there is no such voter."""
    row = SQL["voter_turnout"].row(db, voter_id=voter_id)
    return None if row is None else str(row.turnout)


def _has_number(db: Connection, voter_id: int) -> bool:
    return bool(SQL["has_number"].number(db, voter_id=voter_id))


def _standing_after(db: Connection, mark: Mark, before: VoterStanding) -> VoterStanding:
    """How the voter stands after a mark that is appended. What takes a word back is worked out from all that was said."""
    if mark.source is MarkSource.CORRECTION or mark.undoes is not None:
        return _standing(db, mark.voter_id)
    return with_word(before, mark.kind)


def turnout_by(db: Connection, voter_id: int, at: float) -> str:
    """How a voter stood at a moment (epoch seconds) by the marks up to it: "pending", "voted", "closed"."""
    return _standing(db, voter_id, at).turnout


def _standing(db: Connection, voter_id: int, at: float = inf) -> VoterStanding:
    return standing_of(SQL["standing_marks"](db, voter_id=voter_id, at=at))


def last_of_call(db: Connection, attempt_id: AttemptId) -> tuple[str, int] | None:
    """Key and voter of the last mark that a booth worker's call made and did not take back; None: there is none."""
    row = SQL["last_of_call"].row(db, attempt_id=attempt_id)
    return None if row is None else (str(row.key), int(row.voter_id))


def marked_by(db: Connection, key: str) -> list[int]:
    """The voters, in the marks' order, of marks with the key `key` or `key/...`: what a commit made before has left."""
    return SQL["marked_by"].values(db, int, key=key)


def record_unknown_serial(db: Connection, unknown: UnknownSerial) -> None:
    """Keep that a worker gave a serial that nobody has. A repeat of its key changes nothing."""
    SQL["insert_unknown_serial"](db, **parameters_of(unknown))


def _append(db: Connection, mark: Mark) -> bool:
    cursor = SQL["insert_mark"](db, surety=mark.surety, **parameters_of(mark))
    if cursor.rowcount == 1:
        seals.seal(db, seals.MARK, cursor.lastrowid or 0)
        return True
    if SQL["mark_says"].row(db, **parameters_of(mark)) is None:
        raise KeyTaken(
            f"mark {mark.key} stands and says something else: this one was not kept; give it a key of its own"
        )
    return False


def _drop_link(db: Connection, mark: Mark, recorded: bool) -> list[int]:
    """Drop the link of the attempt's number; that number, if nobody on it is pending any more."""
    phone_id = SQL["phone_of_attempt"].value(db, int, attempt_id=mark.attempt_id)
    if phone_id is None:
        return []
    if recorded:
        SQL["drop_link"](db, voter_id=mark.voter_id, phone_id=phone_id, at=mark.at)
    return [phone_id] if SQL["phone_is_silent"].number(db, phone_id=phone_id) else []


def _give_link_back(db: Connection, mark: Mark) -> None:
    """The number of the attempt is the voter's again, and waits in the queues that it was taken out of."""
    phone_id = SQL["phone_of_attempt"].value(db, int, attempt_id=mark.attempt_id)
    SQL["give_link_back"](db, voter_id=mark.voter_id, phone_id=phone_id, undoes=mark.undoes)
    SQL["reopen_wrong_number"](db, phone_id=phone_id, at=mark.at, settled=SETTLED_WRONG_NUMBER)


def hash_of(db: Connection, phone_id: int) -> str | None:
    """The keyed hash of a number, under the first secret, as it may leave the centre; None: none is shared."""
    return SQL["hash_of"].value(db, str, phone_id=phone_id)


def record_opt_out(
    db: Connection,
    encode: Encode | None,
    phone_id: int,
    *,
    at: float,
    source: str,
    attempt_id: AttemptId | None = None,
    told_source: str | None = None,
) -> bool:
    """Suppress a number everywhere. False: it was already, and nothing is announced. `told_source`: announced for `source`."""
    if SQL["opt_out_phone"](db, phone_id=phone_id, at=at).rowcount == 0:
        if SQL["phone_exists"].row(db, phone_id=phone_id) is None:
            raise StoreError(f"the store has no number {phone_id}: the opt-out was not kept")
        return False
    if SQL["insert_opt_out"](db, phone_id=phone_id, at=at, source=source, attempt_id=attempt_id).rowcount == 1:
        seals.seal(db, seals.OPT_OUT, seals.SQL["opt_out_id_of_phone"].number(db, phone_id=phone_id))
    close_phone(db, phone_id)
    if encode is not None:
        tell(db, encode, OptOutNews(phone_id, at, told_source or source, attempt_id, hash_of(db, phone_id)), at)
    return True


def booths(db: Connection) -> dict[int, Booth]:
    """Every booth of the roll."""
    return {booth.booth_id: booth for booth in SQL["booths"].all(db, Booth)}


def voter_of_part(db: Connection, booth_id: int, serial: int) -> tuple[int, str] | None:
    """Id and EPIC number ("": none is known) of the voter with this serial in a booth's part; None: there is none."""
    found: tuple[int, str] | None = SQL["voter_of_part"].row(db, booth_id=booth_id, serial=serial)
    return found


def voters_of_epics(db: Connection, epics: Collection[str]) -> Iterator[tuple[str, int]]:
    """EPIC number and id of every voter who has one of `epics`, in capitals. Reads the whole roll: ask once for all."""
    yield from SQL["voters_of_epics"](db, epics=json.dumps(sorted(epics)))


def pending_voters(db: Connection, phone_id: int) -> list[int]:
    """The voters on a number who are still to be called, in the roll's order."""
    return SQL["pending_voters"].values(db, int, phone_id=phone_id)


def voter_by_serial(db: Connection, booth_id: int, serial: int) -> int | None:
    """The voter with this serial number in a booth's part of the roll; None: there is none."""
    return SQL["voter_by_serial"].value(db, int, booth_id=booth_id, serial=serial)


def voter_for_screen(db: Connection, voter_id: int) -> dict[str, str | int | None]:
    """What the agent's page shows of a voter: name, name_local, age, sex, house, section, serial, booth_id."""
    found: dict[str, str | int | None] | None = SQL["voter_for_screen"].one(db, dict, voter_id=voter_id)
    if found is None:
        raise StoreError(f"the store has no voter {voter_id}")
    return found


def without_number_since(db: Connection, phone_id: int) -> dict[int, int]:
    """How many voters not reached have no number that may be called any more since this one opted out, by booth."""
    return dict(SQL["without_number_since"].rows(db, phone_id=phone_id))


def voters_by_booth(db: Connection) -> dict[int, int]:
    """How many voters each booth has. Reads one index of the whole roll: ask once and keep it."""
    return dict(SQL["voters_by_booth"].rows(db))


def booth_turnout(db: Connection, booths: Mapping[int, Booth], voters: Mapping[int, int]) -> list[BoothTurnout]:
    """Turnout of the booths that have voters, in the order of constituency and part. Reads each voter's links: ask once."""
    without = dict(SQL["without_number_by_booth"].rows(db))
    all_the_same = dict(SQL["reached_without_number_by_booth"].rows(db))
    seen = {row.booth_id: row for row in SQL["reached_by_booth"].rows(db)}
    turnout = []
    for booth_id, count in voters.items():
        booth, counts = booths[booth_id], seen.get(booth_id)
        reached, voted, not_yet = (counts.reached, counts.voted, counts.not_yet) if counts is not None else (0, 0, 0)
        left = without.get(booth_id, 0) - all_the_same.get(booth_id, 0)
        place = (booth.constituency_number, booth.part_number)
        names = (booth.constituency_name, booth.name)
        turnout.append(BoothTurnout(booth_id, *place, count, reached, voted, not_yet, left, *names))
    turnout.sort(key=lambda booth: (booth.constituency_number, booth.part_number, booth.booth_id))
    return turnout
