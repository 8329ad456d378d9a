"""Marks: facts about voters, such as "voted", which update the voter's status.

Functions run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from dialer.domain.enums import MarkKind
from dialer.domain.errors import KeyTaken, NotInStore
from dialer.domain.model import AttemptId, Mark, MarkSource, UnknownSerial
from dialer.domain.results import Encode
from dialer.store import audit, targets
from dialer.store.audit import AuditNote
from dialer.store.outbox import add_result_to_outbox
from dialer.store.sql import Command, Connection, Query, Scalar, Statements, get_fields_as_sql_parameters
from dialer.store.voter_status import VoterStatus, compute_voter_status_after_mark, derive_voter_status
from dialer.store.voters import get_voter_place_on_roll


@dataclass(frozen=True, slots=True)
class MarkEffect:
    """The changes that a mark (fact about a voter) made in the store."""

    recorded: bool  # False: a mark of this key was recorded before, or it is `superfluous`
    booth_id: int
    silenced_phones: tuple[int, ...] = ()  # numbers on which nobody is pending any more: cancel ringing calls to them
    voter_silenced: bool = False  # the voter is not to be called any more, on any number
    contacted_change: int = 0  # changes of the booth's turnout: voters contacted for the first time, and so on
    voted_change: int = 0
    not_yet_change: int = 0
    without_number_change: int = 0
    reopened: bool = False  # numbers of the voter are in queues again
    superfluous: bool = (
        False  # a correction of a voter who is pending: there is nothing to correct, and it is not stored
    )


class VoterRow(NamedTuple):
    """The polling station (booth) and the status of a voter."""

    booth_id: int
    turnout: str
    contacted: int
    not_yet: int


class MarkInForce(NamedTuple):
    """A mark (fact about a voter) that has not been undone."""

    kind: str
    source: str
    at: float  # epoch seconds


class MarkOfCall(NamedTuple):
    """The key and the voter of a mark (fact about a voter) that was made in a call."""

    key: str
    voter_id: int


class SQL(Statements):
    voter = Query(VoterRow)
    insert_mark = Command()
    is_same_mark = Scalar(bool)
    is_voter_mark_stored = Scalar(bool)
    kind_of_mark = Scalar(str)
    marks_in_force = Query(MarkInForce)
    last_mark_of_worker_call = Query(MarkOfCall)
    voters_with_key = Scalar(int)
    set_status = Command()
    phone_of_attempt = Scalar(int)
    drop_link = Command()
    restore_link = Command()
    silent_phones = Scalar(int)
    is_silent = Scalar(bool)
    has_callable_number = Scalar(bool)
    insert_unknown_serial = Command()


def save_voter_mark(db: Connection, encode: Encode | None, mark: Mark) -> MarkEffect:
    """Store a mark (recorded fact about a voter), update the voter's status, and announce the mark by MQTT.

    A mark whose key is stored already changes nothing.

    - VOTED is final.
    - WILL_NOT, MOVED and DECEASED close the voter, who is then not called any more.
    - NOT_YET and LATER leave the voter pending (still to be called).
    - WRONG_NUMBER removes the link between the voter and the attempt's number.
    - A mark from the source CORRECTION revokes VOTED, unless a later mark also says VOTED. Such a mark is not stored if
      the voter is pending.

    If a number has no pending voter any more, it is closed in the queue of every campaign, where it is due or reserved.
    If a voter becomes pending again, numbers that were closed for this reason are due again.

    Raises NotInStore if there is no such voter, and KeyTaken if another mark has the key.
    """
    row = SQL.voter.fetch_first_row(db, voter_id=mark.voter_id)
    if row is None:
        raise NotInStore(f"The store has no voter {mark.voter_id}, so the mark was not saved. Check the voter's id.")
    before = VoterStatus(row.turnout, bool(row.contacted), bool(row.not_yet))
    superfluous = _is_correction_without_effect(db, mark, before)
    recorded = not superfluous and _insert_voter_mark_unless_stored(db, mark)
    after = _compute_voter_status_after_new_mark(db, mark, before) if recorded else before
    undone = None if mark.undoes is None else SQL.kind_of_mark.fetch_first_value(db, key=mark.undoes)
    restores = recorded and undone == MarkKind.WRONG_NUMBER
    changes_links = restores or (recorded and mark.kind is MarkKind.WRONG_NUMBER)
    # Looked up only where the count of voters without a number may change: contacted voters are not counted there.
    had_number = not (changes_links or after.contacted != before.contacted) or _has_voter_callable_number(db, mark)
    if after != before:
        SQL.set_status.run_statement(db, voter_id=mark.voter_id, **get_fields_as_sql_parameters(after))
    pending = after.turnout == "pending"
    silenced = _remove_link_between_voter_and_number(db, mark, recorded) if mark.kind is MarkKind.WRONG_NUMBER else []
    if restores:
        _restore_link_between_voter_and_number(db, mark)
    has_number = _has_voter_callable_number(db, mark) if changes_links else had_number
    if not pending:
        silenced += SQL.silent_phones.fetch_all_values(db, voter_id=mark.voter_id)
    if recorded:
        settled = targets.WRONG_NUMBER if mark.kind is MarkKind.WRONG_NUMBER else targets.NOBODY_PENDING
        for phone_id in silenced:
            targets.close_number_in_voter_campaigns(db, phone_id, settled=settled)
        if encode is not None:
            announced = replace(
                mark, confidence=mark.confidence_in_voter_mark, place=get_voter_place_on_roll(db, mark.voter_id)
            )
            add_result_to_outbox(db, encode, announced, mark.at)
    pending_again = pending and before.turnout != "pending"
    return MarkEffect(
        recorded,
        row.booth_id,
        tuple(silenced),
        not pending,
        contacted_change=after.contacted - before.contacted,
        voted_change=(after.turnout == "voted") - (before.turnout == "voted"),
        not_yet_change=after.not_yet - before.not_yet,
        without_number_change=(not after.contacted and not has_number) - (not before.contacted and not had_number),
        reopened=restores or (pending_again and targets.reopen_numbers_of_voter(db, mark.voter_id, mark.at)),
        superfluous=superfluous,
    )


def save_voter_marks(db: Connection, encode: Encode | None, marks: Sequence[Mark], note: AuditNote) -> list[MarkEffect]:
    """Store several marks (facts about voters), all or none, with one audit entry. A mark whose key is
    stored already is not appended again.

    Raises NotInStore for a voter who is not on the electoral roll, and KeyTaken if a different mark has the same key.
    """
    effects = [save_voter_mark(db, encode, mark) for mark in marks]
    recorded = sum(effect.recorded for effect in effects)
    audit.append_audit_entry_from_note(db, "marks", note, marks=len(marks), taken=recorded)
    return effects


def is_voter_mark_stored(db: Connection, key: str) -> bool:
    """Return whether the store has a mark (fact about a voter) with this key."""
    return SQL.is_voter_mark_stored.fetch_only_value(db, key=key)


def read_current_status_of_voter(db: Connection, voter_id: int) -> str | None:
    """Return the turnout status of a voter: "pending" (still to be called), "voted" or "closed". Return None if there
    is no such voter.
    """
    row = SQL.voter.fetch_first_row(db, voter_id=voter_id)
    return None if row is None else row.turnout


def derive_voter_status_at_time(db: Connection, voter_id: int, at: float) -> str:
    """Return the turnout status that a voter had at a time (epoch seconds). The status is derived from the marks
    (facts about voters) until then.
    """
    return _derive_voter_status_from_all_marks(db, voter_id, at).turnout


def find_last_mark_by_booth_worker(db: Connection, attempt_id: AttemptId) -> tuple[str, int] | None:
    """Return the key and the voter of the last mark (fact about a voter) that a booth worker reported in a call.

    Return None if there is none. Marks that the worker has undone do not count.
    """
    return SQL.last_mark_of_worker_call.fetch_first_row(db, attempt_id=attempt_id)


def find_voters_by_mark_key(db: Connection, key: str) -> list[int]:
    """Return the voters of the marks (facts about voters) with the key `key`, in the order in which they were stored.

    An answer about several voters stores one mark for each voter, under keys that begin with `key/`. The voters of
    these marks are returned too.
    """
    return SQL.voters_with_key.fetch_all_values(db, key=key)


def save_report_of_unknown_serial_number(db: Connection, unknown: UnknownSerial) -> None:
    """Store that a booth worker reported a serial number that no voter on this centre's electoral roll has.

    If a report with the same key is stored already, change nothing.
    """
    SQL.insert_unknown_serial.run_statement(db, **get_fields_as_sql_parameters(unknown))


def _is_correction_without_effect(db: Connection, mark: Mark, before: VoterStatus) -> bool:
    """Return whether a correction would change nothing, because no earlier mark says that the voter has voted.

    Such a correction must not be stored: it would look as if somebody had said "not voted".
    """
    corrects = mark.source is MarkSource.CORRECTION and mark.undoes is None
    return corrects and before.turnout == "pending" and not is_voter_mark_stored(db, mark.key)


def _insert_voter_mark_unless_stored(db: Connection, mark: Mark) -> bool:
    """Store a mark (fact about a voter) and return True, or return False if the same mark is stored already.

    Raises KeyTaken if a different mark has the key.
    """
    if SQL.insert_mark.run_statement(
        db, **get_fields_as_sql_parameters(mark) | {"confidence": mark.confidence_in_voter_mark}
    ):
        return True
    if not SQL.is_same_mark.fetch_only_value(db, **get_fields_as_sql_parameters(mark)):
        raise KeyTaken(f"A different mark has the key {mark.key}, so this mark was not saved. Give it another key.")
    return False


def _compute_voter_status_after_new_mark(db: Connection, mark: Mark, before: VoterStatus) -> VoterStatus:
    """Return the voter's status after a new mark (fact about a voter). After a correction or an undo, the status follows
    from all marks of the voter.
    """
    if mark.source is MarkSource.CORRECTION or mark.undoes is not None:
        return _derive_voter_status_from_all_marks(db, mark.voter_id)
    return compute_voter_status_after_mark(before, mark.kind)


def _derive_voter_status_from_all_marks(db: Connection, voter_id: int, at: float = inf) -> VoterStatus:
    """Return the status of a voter that follows from the voter's marks (facts about voters) until the time `at`."""
    return derive_voter_status(SQL.marks_in_force.iterate_rows(db, voter_id=voter_id, at=at))


def _has_voter_callable_number(db: Connection, mark: Mark) -> bool:
    return SQL.has_callable_number.fetch_only_value(db, voter_id=mark.voter_id)


def _remove_link_between_voter_and_number(db: Connection, mark: Mark, recorded: bool) -> list[int]:
    """Remove the link between the voter and the number that the attempt called.

    Return the number in a list if none of its voters is to be called any more, otherwise an empty list.
    """
    phone_id = SQL.phone_of_attempt.fetch_first_value(db, attempt_id=mark.attempt_id)
    if phone_id is None:
        return []
    if recorded:
        SQL.drop_link.run_statement(db, voter_id=mark.voter_id, phone_id=phone_id, at=mark.at)
    return [phone_id] if SQL.is_silent.fetch_only_value(db, phone_id=phone_id) else []


def _restore_link_between_voter_and_number(db: Connection, mark: Mark) -> None:
    """Restore the link between a voter and the number that the attempt called, after a wrong-number mark was undone.

    Reopen the number in the campaigns' queues where this mark had closed it.
    """
    phone_id = SQL.phone_of_attempt.fetch_first_value(db, attempt_id=mark.attempt_id)
    SQL.restore_link.run_statement(db, voter_id=mark.voter_id, phone_id=phone_id, undoes=mark.undoes)
    targets.reopen_number_closed_as_wrong(db, phone_id, mark.at)
