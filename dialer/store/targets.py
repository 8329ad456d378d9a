"""Targets: numbers in the queue of a campaign. Functions that write run inside the caller's transaction."""

from __future__ import annotations

from typing import NamedTuple

from dialer.store import campaigns
from dialer.store.sql import Command, Connection, Query, Scalar, Statements

MAX_PHONE_ID = 2**63 - 1
NOBODY_PENDING = 1
"""`settled` of a target that was closed because nobody on its number is pending. It is reopened when somebody is again."""
UNKNOWN_RESULT = 2
"""`settled` of a target that an attempt of unknown result closed. A person may release it."""
WRONG_NUMBER = 3
"""`settled` of a target closed because its last pending voter reported a wrong number. It is reopened when that is undone."""


class FirstDue(NamedTuple):
    """When the first number in a campaign's queue is due."""

    campaign_id: str
    due_at: float  # epoch seconds; 0: now


class SQL(Statements):
    enrol = Command()
    enrol_workers = Command()
    update_worker_booths = Command()
    close_for_voters = Command()
    close_phone = Command()
    close_number_in_queue = Command()
    reopen_for_voter = Command()
    reopen_wrong_number = Command()
    postpone_number_in_queue = Command()
    campaigns_with_phone = Scalar(str)
    first_due = Query(FirstDue)
    has_fresh = Scalar(bool)
    next_timed = Scalar(float)


def add_roll_numbers_to_queue(db: Connection, campaign_id: str, first: int = 0, last: int = MAX_PHONE_ID) -> int:
    """Add to a campaign's queue the numbers of the roll that it may call and that are missing there.

    Return how many were added or reopened. A number that was closed because it had no voter left to call is reopened if
    it has one now. Only numbers with ids from `first` to `last` are considered. Sorts the roll's numbers, on disk if
    there are many.
    """
    if not campaigns.is_booth_worker_campaign(db, campaign_id):
        return SQL.enrol.run_statement(db, campaign_id=campaign_id, first=first, last=last)
    added = SQL.enrol_workers.run_statement(db, campaign_id=campaign_id)
    SQL.update_worker_booths.run_statement(db, campaign_id=campaign_id)
    return added


def close_number_in_all_queues(db: Connection, phone_id: int, settled: int = 0) -> None:
    """Close a number, so that it is not called again, in the queue of every campaign where it is due or reserved.

    If the number is on a call, its queue entry is closed when the call ends.
    """
    SQL.close_phone.run_statement(db, phone_id=phone_id, settled=settled)


def close_number_in_voter_campaigns(db: Connection, phone_id: int, *, settled: int) -> None:
    """Close a number in the queue of every campaign that calls voters, where it is due or reserved for dialling.

    Campaigns that call booth workers still call the number.
    """
    SQL.close_for_voters.run_statement(db, phone_id=phone_id, settled=settled)


def close_number_in_queue(db: Connection, target: int) -> None:
    """Close one number in one campaign's queue, so that the campaign does not call it again. `target` is the rowid of
    the entry in the queue.
    """
    SQL.close_number_in_queue.run_statement(db, target=target)


def reopen_numbers_of_voter(db: Connection, voter_id: int, at: float) -> bool:
    """Reopen the numbers of a voter who is to be called again, in the queue of every campaign that calls voters. Return
    whether there were any.

    Only numbers that were closed because they had no voter left to call are reopened. A number that was never called
    keeps its due time. Others are due at their earlier due time, and not before `at` (epoch seconds).
    """
    return SQL.reopen_for_voter.run_statement(db, voter_id=voter_id, at=at) > 0


def reopen_number_closed_as_wrong(db: Connection, phone_id: int | None, at: float) -> None:
    """Reopen a number in the queues where a WRONG_NUMBER answer had closed it, because the answer was undone.

    A number that was never called keeps its due time. Others are due at their earlier due time, and not before `at`
    (epoch seconds).
    """
    SQL.reopen_wrong_number.run_statement(db, phone_id=phone_id, at=at, settled=WRONG_NUMBER)


def postpone_number_in_queue(db: Connection, target: int, due_at: float) -> None:
    """Put a number that is reserved for dialling back into the campaign's queue, due at `due_at` (epoch seconds)."""
    SQL.postpone_number_in_queue.run_statement(db, target=target, due_at=due_at)


def find_campaigns_with_number(db: Connection, phone_id: int) -> tuple[str, ...]:
    """Return the campaigns that have a number in their queue, including campaigns that will not call it again."""
    return tuple(SQL.campaigns_with_phone.fetch_all_values(db, phone_id=phone_id))


def find_first_due_times(db: Connection) -> dict[str, float]:
    """Return when the first number in each campaign's queue is due (epoch seconds; 0 = now).

    Campaigns that have no number left to call are left out.
    """
    return dict(SQL.first_due.iterate_rows(db))


def find_next_due_time(db: Connection, campaign_id: str) -> float | None:
    """Return when a campaign's next number is due (epoch seconds; 0 = now), or None if none is left to call."""
    if SQL.has_fresh.fetch_only_value(db, campaign_id=campaign_id):
        return 0.0
    return SQL.next_timed.fetch_first_value(db, campaign_id=campaign_id)
