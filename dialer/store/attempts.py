"""Call attempts: the last check before a number is dialled, and how the result of the call is stored.

A target is a number in a campaign's queue. Functions that write run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from dialer.domain.enums import MarkKind
from dialer.domain.model import (
    AttemptId,
    Claim,
    Direction,
    Disposition,
    EndedAttempt,
    NewAttempt,
    OpenAttempt,
    Outcome,
)
from dialer.domain.other_centres import find_later_of_two_times
from dialer.domain.phone_facts import CallIntervals
from dialer.domain.results import Encode
from dialer.domain.view import ScreenPop
from dialer.settings.site_time import DAY_SECONDS
from dialer.store import claims, grounds, inbound_calls, number_hashes, outbox, peer_calls, targets
from dialer.store.booth_workers import find_booth_worker_by_phone
from dialer.store.claims import EARLIEST_DUE
from dialer.store.outbox import add_result_to_outbox
from dialer.store.sql import Command, Connection, Query, Scalar, Statements, get_fields_as_sql_parameters
from dialer.store.voters import find_pending_voters

CAP_PAUSE_SECONDS = 900.0
"""The least pause of a number at its cap. Without it the number would come back first and block the queue on the day
that lasts 25 hours, which ends an hour after `since + DAY_SECONDS`."""
REST_OF_CAMPAIGN_SECONDS = 30 * DAY_SECONDS
"""How long a voter's other numbers wait after a final disposition or a completed flow: longer than a campaign lasts."""
FINAL_DISPOSITIONS = frozenset({Disposition.REFUSED, Disposition.OPT_OUT})
_CONVERSATIONS = frozenset({Outcome.CONNECTED, Outcome.COMPLETED})


class Refusal(StrEnum):
    """The reason why a call attempt was refused right before dialling: its number must not be dialled, and the
    attempt was not stored.
    """

    CLAIM_LOST = "claim-lost"  # the lease ended, or the target was closed meanwhile
    OPEN_ATTEMPT = "open-attempt"  # the number is on a call, in any campaign
    OPTED_OUT = "opted-out"
    NOBODY_PENDING = "nobody-pending"  # everybody on the number has voted or is closed
    ATTEMPT_CAP = "attempt-cap"  # attempts per number since the start of the day, in all campaigns
    CONVERSATION_CAP = "conversation-cap"  # likewise conversations
    MINIMUM_INTERVAL = "gap"  # the minimum interval since the last call or conversation has not passed, in any campaign


class PreDialCheck(NamedTuple):
    """The stored facts about a number that are checked again just before the number is dialled. Times are epoch
    seconds.
    """

    target: int  # rowid
    state: str
    claimed_until: float | None
    attempts: int
    opted_out: int
    on_a_call: int
    addressed_pending: int
    attempts_since: int
    conversations_since: int
    repeated: int
    promised: int
    called_at: float | None
    talked_at: float | None
    rung_since_asked_at: float | None


class AttemptToEnd(NamedTuple):
    """An outbound call attempt that has not ended, with the row of its number in the campaign's queue."""

    attempt: int  # rowid
    target: int  # rowid
    campaign_id: str
    phone_id: int
    of_worker: int
    voter_id: int | None
    disposition: str | None


class CampaignAndPhone(NamedTuple):
    """The campaign of a call attempt, and the id of the called phone number."""

    campaign_id: str
    phone_id: int


class UnfinishedAttempt(NamedTuple):
    """A call attempt that has not ended, or that has ended without a result from the agent (disposition).

    Times are epoch seconds.
    """

    attempt_id: str
    campaign_id: str
    phone_id: int
    voter_id: int
    booth_id: int
    attempt_number: int
    trunk: str
    created_at: float
    answered_at: float | None
    connected_at: float | None
    seat: str | None
    number: str
    direction: str
    caller_id: str
    of_worker: int
    disposition: str | None
    disposed_at: float | None
    agent: str | None


class MarkOfAttempt(NamedTuple):
    """A mark (fact about a voter) that was made in a call."""

    kind: str
    hour: int | None


class ScreenPopRow(NamedTuple):
    """The number, the voter and the voter's polling station of a call attempt, for the agent's screen."""

    phone_id: int
    voter_id: int | None
    booth_id: int | None
    grounds: int | None
    opted_out: int


class SQL(Statements):
    pre_dial_check = Query(PreDialCheck)
    somebody_pending = Scalar(bool)
    insert_attempt = Command()
    start_dialling = Command()
    record_answer = Command()
    record_connect = Command()
    attempt_to_end = Query(AttemptToEnd)
    end_attempt = Command()
    clear_attempt_number = Command()
    is_callable = Scalar(bool)
    end_target = Command()
    is_on_number = Scalar(bool)
    block_other_numbers_of_voter = Command()
    newest_event_at = Scalar(float)
    unfinished = Query(UnfinishedAttempt)
    conversations_without_disposition = Query(UnfinishedAttempt)
    last_mark_of_attempt = Query(MarkOfAttempt)
    screen_pop = Query(ScreenPopRow)
    is_known = Scalar(bool)
    open_attempt_on = Scalar(AttemptId)


def commit_new_attempt(
    db: Connection,
    attempt: NewAttempt,
    since: float,
    max_attempts: int,
    max_conversations: int | None,
    gaps: CallIntervals,
) -> Refusal | None:
    """Store a new call attempt before it is dialled and return None, or return the reason why its number must not be
    dialled.

    See `Store.commit_new_attempts`.
    """
    claim = attempt.claim
    worker_id = None if claim.worker is None else claim.worker.worker_id
    pre_dial_check = SQL.pre_dial_check.fetch_first_row(
        db,
        campaign_id=claim.campaign_id,
        phone_id=claim.phone_id,
        voter_id=claim.voter_id,
        since=since,
        attempt_id=attempt.attempt_id,
        worker_id=worker_id,
    )
    if pre_dial_check is None:
        return Refusal.CLAIM_LOST
    if pre_dial_check.repeated:
        return Refusal.OPEN_ATTEMPT
    refusal = _find_reason_not_to_dial_number(pre_dial_check, attempt, max_attempts, max_conversations)
    callable_at = _compute_earliest_call_time(db, pre_dial_check, claim, gaps)
    if refusal is None and callable_at > attempt.at:
        targets.postpone_number_in_queue(db, pre_dial_check.target, callable_at)
        return Refusal.MINIMUM_INTERVAL
    if refusal is not None:
        return _update_queue_after_refused_attempt(db, refusal, pre_dial_check, attempt, since)
    SQL.insert_attempt.run_statement(
        db,
        attempt_id=attempt.attempt_id,
        campaign_id=claim.campaign_id,
        phone_id=claim.phone_id,
        voter_id=claim.voter_id if worker_id is None else None,
        attempt_number=claim.attempt_number,
        trunk=attempt.trunk,
        caller_id=attempt.caller_id,
        created_at=attempt.at,
        worker_id=worker_id,
        lawful_id=None if attempt.grounds is None else grounds.save_legal_grounds_for_call(db, attempt.grounds),
        gap_seconds=attempt.gap_seconds,
    )
    SQL.start_dialling.run_statement(db, target=pre_dial_check.target)
    return None


def _find_reason_not_to_dial_number(
    pre_dial_check: PreDialCheck, attempt: NewAttempt, max_attempts: int, max_conversations: int | None
) -> Refusal | None:
    """Return why the number of an attempt must not be dialled now, or None if it may be.

    NOBODY_PENDING: the voter for whom the number is called has voted, or is not to be called any more.
    """
    if pre_dial_check.opted_out:
        return Refusal.OPTED_OUT
    if not pre_dial_check.addressed_pending:
        return Refusal.NOBODY_PENDING
    if pre_dial_check.on_a_call:
        return Refusal.OPEN_ATTEMPT
    if (
        pre_dial_check.state != "claimed"
        or pre_dial_check.claimed_until is None
        or pre_dial_check.claimed_until <= attempt.at
    ):
        return Refusal.CLAIM_LOST
    if pre_dial_check.attempts != attempt.claim.attempt_number - 1:
        return Refusal.CLAIM_LOST
    if pre_dial_check.attempts_since >= max_attempts:
        return Refusal.ATTEMPT_CAP
    if max_conversations is not None and pre_dial_check.conversations_since >= max_conversations:
        return Refusal.CONVERSATION_CAP
    return None


def _compute_earliest_call_time(
    db: Connection, pre_dial_check: PreDialCheck, claim: Claim, gaps: CallIntervals
) -> float:
    """Return the earliest time at which any campaign may call a number again (epoch seconds; 0 for now).

    If a person has asked for the call, calls before the request do not delay it. Only two things do: the phone has rung
    since the request, or another centre has called.
    """
    elsewhere = peer_calls.read_call_times_in_other_centres(db, claim.phone_id)
    if pre_dial_check.promised:
        rung_at = find_later_of_two_times(pre_dial_check.rung_since_asked_at, elsewhere.called_at)
        return gaps.find_next_call_time(rung_at, None, ())
    talked_at = find_later_of_two_times(pre_dial_check.talked_at, elsewhere.talked_at)
    campaigns = () if talked_at is None else targets.find_campaigns_with_number(db, claim.phone_id)
    return gaps.find_next_call_time(
        find_later_of_two_times(pre_dial_check.called_at, elsewhere.called_at), talked_at, campaigns
    )


def _update_queue_after_refused_attempt(
    db: Connection, refusal: Refusal, pre_dial_check: PreDialCheck, attempt: NewAttempt, since: float
) -> Refusal:
    """Release, postpone or close the number of a refused attempt in the queue, and return the refusal.

    The result is `refusal` with one exception. If only the addressed voter is not to be called any more, the number
    goes back to the queue for its other voters, and CLAIM_LOST is returned.
    """
    claim = attempt.claim
    match refusal:
        case Refusal.OPTED_OUT:
            targets.close_number_in_all_queues(db, claim.phone_id)
        case Refusal.NOBODY_PENDING if SQL.somebody_pending.fetch_only_value(db, phone_id=claim.phone_id):
            # Only the addressed voter has voted since: the next claim will address somebody else on the number.
            claims.release_claimed_number(db, claim)
            return Refusal.CLAIM_LOST
        case Refusal.NOBODY_PENDING:
            targets.close_number_in_voter_campaigns(db, claim.phone_id, settled=targets.NOBODY_PENDING)
        case Refusal.OPEN_ATTEMPT:
            claims.release_claimed_number(db, claim)
        case Refusal.ATTEMPT_CAP | Refusal.CONVERSATION_CAP:
            targets.postpone_number_in_queue(
                db, pre_dial_check.target, max(since + DAY_SECONDS, attempt.at + CAP_PAUSE_SECONDS)
            )
    return refusal


def save_answer_time_of_call(db: Connection, attempt_id: AttemptId, answered_at: float) -> None:
    """Store the time when the call was answered, so that a dialler that restarts after a crash knows it.

    An attempt that has ended is not changed.
    """
    SQL.record_answer.run_statement(db, attempt_id=attempt_id, answered_at=answered_at)


def save_connect_time_of_call(
    db: Connection, attempt_id: AttemptId, connected_at: float, seat: str, agent: str | None
) -> None:
    """Store the time when the call was connected to a seat. An attempt that has ended is not changed."""
    SQL.record_connect.run_statement(db, attempt_id=attempt_id, connected_at=connected_at, seat=seat, agent=agent)


def end_attempts(
    db: Connection, encode: Encode | None, ended: Sequence[EndedAttempt], *, announced: bool = True
) -> list[bool]:
    """Store the outcomes and end times of call attempts, and when their numbers are due again.

    Return one bool for each attempt: True if its end is now stored, False if it had ended before. Such an attempt keeps
    its first outcome. With `announced`, the results are also stored as MQTT messages to be sent (outbox).

    - A number that was closed during the call, by an opt-out or by an answer about the voter, stays closed, whatever
      `retry_at` is.
    - A refused attempt, or one whose field `counted` is false, does not count towards the number's attempts.
    - An attempt of unknown result closes the number in every campaign.
    """
    calls = [_end_attempt(db, each) for each in ended]
    for each, call in zip(ended, calls, strict=True):
        if call is not None and announced:
            number_hash = _compute_number_hash_for_other_centres(db, call.phone_id)
            add_result_to_outbox(
                db, encode, replace(each, campaign_id=call.campaign_id, number_hash=number_hash), each.ended_at
            )
    return [call is not None for call in calls]


def _compute_number_hash_for_other_centres(db: Connection, phone_id: int) -> str | None:
    """Return the keyed hash by which other centres recognise a number. Return None if the centre has no headquarters,
    because only headquarters passes hashes on to other centres.
    """
    if outbox.read_last_outbox_id_at_headquarters(db) is None:
        return None
    return number_hashes.compute_number_hash(db, phone_id)


def _end_attempt(db: Connection, end: EndedAttempt) -> CampaignAndPhone | None:
    """Store the end of a call attempt. Return the attempt's campaign and number, or None if the attempt had ended
    before.
    """
    row = SQL.attempt_to_end.fetch_first_row(db, attempt_id=end.attempt_id)
    if row is None:
        return _end_inbound_attempt(db, end)
    SQL.end_attempt.run_statement(db, attempt=row.attempt, **get_fields_as_sql_parameters(end))
    not_counted = end.outcome is Outcome.REFUSED or not end.counted
    if not_counted:
        SQL.clear_attempt_number.run_statement(db, attempt=row.attempt)
    if end.outcome is Outcome.UNKNOWN:
        after = TargetStateAfterCall("closed", targets.UNKNOWN_RESULT)
    else:
        after = compute_queue_state_after_call(db, row.phone_id, end.retry_at, of_worker=bool(row.of_worker))
    # A call that did not come about leaves a promise as it was.
    promised = None if not_counted or end.outcome is Outcome.CANCELLED else end.promised
    SQL.end_target.run_statement(
        db, target=row.target, not_counted=not_counted, promised=promised, **get_fields_as_sql_parameters(after)
    )
    if not row.of_worker and row.voter_id is not None and end.outcome in _CONVERSATIONS:
        final = end.outcome is Outcome.COMPLETED or row.disposition in FINAL_DISPOSITIONS
        until = compute_due_time_of_other_numbers(end.retry_at, end.ended_at, final=final)
        block_other_numbers_of_voter(db, row.campaign_id, row.phone_id, row.voter_id, until)
    if end.outcome is Outcome.UNKNOWN:  # it may have been a call: no campaign rings there again by itself
        targets.close_number_in_all_queues(db, row.phone_id, targets.UNKNOWN_RESULT)
    return CampaignAndPhone(row.campaign_id, row.phone_id)


def compute_due_time_of_other_numbers(retry_at: float | None, at: float, *, final: bool) -> float:
    """Return when a voter's other numbers may be called after a conversation on one number (epoch seconds).

    If the called number is to be called again, the other numbers are blocked until that time. Otherwise they are
    blocked for a day or, after a `final` result, for the rest of the campaign.
    """
    until = at + (REST_OF_CAMPAIGN_SECONDS if final else DAY_SECONDS) if retry_at is None else retry_at
    return max(until, EARLIEST_DUE)


def block_other_numbers_of_voter(
    db: Connection, campaign_id: str, phone_id: int, voter_id: int, until: float, held_until: float | None = None
) -> None:
    """Block a voter's other numbers until the time `until`, so that a voter with two numbers is not called on both.

    A number that is due after `until` keeps its due time. If the called number is no longer linked to the voter (a
    wrong number), no number is blocked.

    Give `held_until` when an agent corrects the result of a call. It is the time until which the earlier result blocked
    the numbers. Numbers that are due at exactly that time become due at `until`, sooner or later.
    """
    if held_until is not None:
        set_due_time_of_other_numbers(db, campaign_id, phone_id, voter_id, until, held_until)
    if SQL.is_on_number.fetch_only_value(db, voter_id=voter_id, phone_id=phone_id):
        set_due_time_of_other_numbers(db, campaign_id, phone_id, voter_id, until, None)


def set_due_time_of_other_numbers(
    db: Connection, campaign_id: str, phone_id: int, voter_id: int, until: float, held_until: float | None
) -> None:
    """Set the time `until` at which a voter's other numbers are due.

    Without `held_until`, a number that is due after `until` keeps its due time. With `held_until`, only numbers that
    are due at exactly that time are changed, and they may become due sooner. An earlier result of the same conversation
    had set that time.
    """
    SQL.block_other_numbers_of_voter.run_statement(
        db, campaign_id=campaign_id, phone_id=phone_id, voter_id=voter_id, until=until, held_until=held_until
    )


def _end_inbound_attempt(db: Connection, end: EndedAttempt) -> CampaignAndPhone | None:
    """Store the end of an inbound call attempt. Return its campaign and number, or None if it had ended before.

    The number keeps its due time in the campaign's queue, unless the caller asked to be called later.
    """
    found = inbound_calls.find_unfinished_inbound_attempt(db, end.attempt_id)
    if found is None:
        return None
    SQL.end_attempt.run_statement(db, attempt=found.attempt, **get_fields_as_sql_parameters(end))
    if end.retry_at is not None:
        due_at = max(end.retry_at, EARLIEST_DUE)
        inbound_calls.postpone_call_to_number(db, found.campaign_id, found.phone_id, due_at, promised=end.promised)
    return CampaignAndPhone(found.campaign_id, found.phone_id)


@dataclass(frozen=True, slots=True)
class TargetStateAfterCall:
    """The state in a campaign's queue that a number gets after a call to it."""

    state: str
    settled: int = 0
    due_at: float | None = None  # None: unchanged


def compute_queue_state_after_call(
    db: Connection, phone_id: int, retry_at: float | None, *, of_worker: bool
) -> TargetStateAfterCall:
    """Return the state of a number in a campaign's queue after a call: due again at `retry_at`, or closed.

    It is closed if `retry_at` is None, if the number has opted out, or if no voter of the number is still to be called.
    """
    if retry_at is None:
        return TargetStateAfterCall("closed")
    due_at = max(retry_at, EARLIEST_DUE)
    if not SQL.is_callable.fetch_only_value(db, phone_id=phone_id, of_worker=of_worker):
        return TargetStateAfterCall("closed", 0 if of_worker else targets.NOBODY_PENDING, due_at)
    return TargetStateAfterCall("due", 0, due_at)


def find_newest_attempt_time(db: Connection) -> float | None:
    """Return the latest time at which a call attempt began or ended (epoch seconds), or None if there are no attempts."""
    return SQL.newest_event_at.fetch_first_value(db)


def read_unfinished_attempts(db: Connection) -> list[OpenAttempt]:
    """Return all call attempts that have not ended."""
    return _build_unfinished_attempts(db, SQL.unfinished.fetch_all_rows(db))


def find_conversations_without_disposition(db: Connection, since: float) -> list[OpenAttempt]:
    """Return each logged-in agent's last conversation, if the agent has not entered the call's result (disposition).

    Conversations that ended before the time `since` (epoch seconds) are left out.
    """
    return _build_unfinished_attempts(db, SQL.conversations_without_disposition.fetch_all_rows(db, since=since))


def _build_unfinished_attempts(db: Connection, rows: Iterable[UnfinishedAttempt]) -> list[OpenAttempt]:
    """Convert database rows to open call attempts. Each gets the voters who are still to be called at its number, or
    the booth worker who has the number.
    """
    found: list[OpenAttempt] = []
    for row in rows:
        worker = find_booth_worker_by_phone(db, row.phone_id) if row.of_worker else None
        pending = 1
        if not row.of_worker:
            pending += sum(voter_id != row.voter_id for voter_id in find_pending_voters(db, row.phone_id))
        mark = SQL.last_mark_of_attempt.fetch_first_row(db, attempt_id=row.attempt_id, since=row.created_at)
        found.append(
            OpenAttempt(
                attempt_id=AttemptId(row.attempt_id),
                campaign_id=row.campaign_id,
                phone_id=row.phone_id,
                voter_id=row.voter_id,
                booth_id=row.booth_id if worker is None else worker.booth_ids[0],
                attempt_number=row.attempt_number,
                trunk=row.trunk,
                created_at=row.created_at,
                answered_at=row.answered_at,
                connected_at=row.connected_at,
                seat=row.seat,
                number=row.number,
                direction=Direction(row.direction),
                caller_id=row.caller_id,
                pending_voters=pending,
                worker=worker,
                said=None if mark is None else MarkKind(mark.kind),
                said_hour=None if mark is None else mark.hour,
                disposition=None if row.disposition is None else Disposition(row.disposition),
                disposed_at=row.disposed_at,
                agent=row.agent,
            )
        )
    return found


def read_screen_pop(db: Connection, attempt_id: AttemptId) -> ScreenPop | None:
    """Return what the agent's screen shows about a call attempt: the called voter, and the other voters of the number
    who are still to be called. Return None if there is no such attempt.
    """
    row = SQL.screen_pop.fetch_first_row(db, attempt_id=attempt_id)
    if row is None:
        return None
    return ScreenPop(
        attempt_id,
        phone_id=row.phone_id,
        voter_id=row.voter_id,
        booth_id=row.booth_id,
        grounds=row.grounds,
        opted_out=bool(row.opted_out),
        voters=tuple(find_pending_voters(db, row.phone_id)),
    )


def find_stored_attempts(db: Connection, attempt_ids: Sequence[AttemptId]) -> frozenset[AttemptId]:
    """Return which of the given ids belong to call attempts in the store."""
    return frozenset(each for each in attempt_ids if SQL.is_known.fetch_only_value(db, attempt_id=each))


def find_unfinished_attempt_on_number(db: Connection, number: str) -> AttemptId | None:
    """Return the call attempt on a number (E.164) that has not ended, or None. A number has at most one."""
    return SQL.open_attempt_on.fetch_first_value(db, number=number)
