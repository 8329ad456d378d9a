"""Attempts: the last gate before a number is dialled, and the end. Every function runs inside a transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dialer.domain.enums import InboundMode, MarkKind
from dialer.domain.errors import NotInStore, StoreError
from dialer.domain.model import (
    AttemptId,
    Claim,
    Direction,
    Disposition,
    DispositionRecord,
    EndedAttempt,
    InboundParty,
    Mark,
    NewAttempt,
    NewInbound,
    OpenAttempt,
    Outcome,
    Receipt,
)
from dialer.domain.phone_facts import CallGaps
from dialer.domain.view import ScreenPop
from dialer.settings.site_time import DAY_SECONDS
from dialer.store import audit, queues, seals
from dialer.store.outbox import tell
from dialer.store.port import AttemptNews, DispositionEffect, DispositionNews, Encode, Refusal
from dialer.store.records import change_answers, keep_receipt
from dialer.store.sql import Connection, parameters_of
from dialer.store.untyped_sql import Row, load_statements
from dialer.store.voters import pending_voters, place_of, record_mark, record_opt_out

SQL = load_statements("attempts")

CAP_PAUSE_SECONDS = 900.0
"""A number at its cap rests at least so long, else it would come back first and hold up the queue (the day that lasts 25
hours ends an hour after `since + DAY_SECONDS`)."""
HELD_FOR_GOOD_SECONDS = 30 * DAY_SECONDS
"""For the whole campaign: how long a voter's other numbers wait after what was said or heard for good."""
_CONVERSATIONS = frozenset({Outcome.CONNECTED, Outcome.COMPLETED})
_FOR_GOOD = frozenset({Disposition.REFUSED, Disposition.OPT_OUT})
_NOT_REACHED = frozenset({Disposition.WRONG_NUMBER, Disposition.MACHINE})
EARLIEST_DUE = 1.0
"""A target with `due_at` 0 is fresh; one that was dialled is not, whatever time it is due at."""


def open_attempt(
    db: Connection, attempt: NewAttempt, since: float, most: int, most_talks: int | None, gaps: CallGaps
) -> Refusal | None:
    """Commit an attempt before it is dialled; None, or why it must not be dialled: see `Store.open_attempts`."""
    claim = attempt.claim
    worker_id = None if claim.worker is None else claim.worker.worker_id
    gate = SQL["gate"].row(
        db,
        campaign_id=claim.campaign_id,
        phone_id=claim.phone_id,
        voter_id=claim.voter_id,
        since=since,
        attempt_id=attempt.attempt_id,
        worker_id=worker_id,
    )
    if gate is None:
        return Refusal.CLAIM_LOST
    if gate.repeated:
        return Refusal.OPEN_ATTEMPT
    refusal = _refusal(gate, attempt, most, most_talks)
    free_at = _free_at(db, gate, claim, gaps)
    if refusal is None and free_at > attempt.at:
        SQL["target_capped"](db, target=gate.target, due_at=free_at)
        return Refusal.GAP
    if refusal is not None:
        return _act_on(db, refusal, gate, attempt, since)
    SQL["insert_attempt"](
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
        lawful_id=None if attempt.grounds is None else _lawful_id(db, attempt.grounds),
        gap_seconds=attempt.gap_seconds,
    )
    SQL["target_dialling"](db, target=gate.target)
    seals.seal_attempt(db, attempt.attempt_id, seals.OPEN)
    return None


def _lawful_id(db: Connection, grounds: str) -> int:
    digest = hashlib.sha256(grounds.encode()).hexdigest()
    lawful_id = SQL["lawful_id"].value(db, int, digest=digest)
    if lawful_id is None:
        lawful_id = SQL["insert_lawful"](db, digest=digest, grounds=grounds).lastrowid or 0
        seals.seal(db, seals.LAWFUL, lawful_id)
    return lawful_id


def record_rules_version(db: Connection, text: str, at: float) -> str:
    """Keep the rules that calls rest on from `at` (epoch seconds) on, as JSON; their digest. The same text is kept once."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    if SQL["insert_rules_version"](db, digest=digest, text=text, since=at).rowcount == 1:
        seals.seal(db, seals.RULES, digest)
    SQL["use_rules"](db, digest=digest, since=at)
    return digest


def take_settings(db: Connection, told: Mapping[str, str], rules: str, at: float) -> None:
    """Settings that come into force while the dialler runs: into the audit, as those of a start, and the rules of calls to come."""
    audit.settings_changed(db, told, at)
    record_rules_version(db, rules, at)


def _refusal(gate: Row, attempt: NewAttempt, most: int, most_talks: int | None) -> Refusal | None:
    """Why this number must not be dialled now; None: it may. NOBODY_PENDING: of the voter whom the call would address."""
    if gate.opted_out:
        return Refusal.OPTED_OUT
    if not gate.addressed_pending:
        return Refusal.NOBODY_PENDING
    if gate.on_a_call:
        return Refusal.OPEN_ATTEMPT
    if gate.state != "claimed" or gate.claimed_until is None or gate.claimed_until <= attempt.at:
        return Refusal.CLAIM_LOST
    if gate.attempts != attempt.claim.attempt_number - 1:
        return Refusal.CLAIM_LOST
    if gate.attempts_since >= most:
        return Refusal.ATTEMPT_CAP
    if most_talks is not None and gate.talks_since >= most_talks:
        return Refusal.CONVERSATION_CAP
    return None


def _free_at(db: Connection, gate: Row, claim: Claim, gaps: CallGaps) -> float:
    """From when on any campaign may call the number. A call that was asked for waits only where the phone has rung since."""
    if gate.promised:
        return gaps.free_at(gate.called_since_asked_at, None, ())
    campaigns = () if gate.talked_at is None else queues.campaigns_of(db, claim.phone_id)
    return gaps.free_at(gate.called_at, gate.talked_at, campaigns)


def _act_on(db: Connection, refusal: Refusal, gate: Row, attempt: NewAttempt, since: float) -> Refusal:
    """Write what follows from a refusal; gives the refusal that the caller is told."""
    claim = attempt.claim
    match refusal:
        case Refusal.OPTED_OUT:
            queues.close_phone(db, claim.phone_id)
        case Refusal.NOBODY_PENDING if SQL["somebody_pending"].number(db, phone_id=claim.phone_id):
            # The voter whom this call would address has voted since: claimed again, it addresses another one.
            queues.put_back(db, claim)
            return Refusal.CLAIM_LOST
        case Refusal.NOBODY_PENDING:
            queues.close_voters(db, claim.phone_id, settled=1)
        case Refusal.OPEN_ATTEMPT:
            queues.put_back(db, claim)
        case Refusal.ATTEMPT_CAP | Refusal.CONVERSATION_CAP:
            SQL["target_capped"](
                db, target=gate.target, due_at=max(since + DAY_SECONDS, attempt.at + CAP_PAUSE_SECONDS)
            )
    return refusal


def record_answer(db: Connection, attempt_id: AttemptId, answered_at: float) -> None:
    """Keep that the call was answered, for the reconciling after a crash. An ended attempt is left alone."""
    SQL["record_answer"](db, attempt_id=attempt_id, answered_at=answered_at)


def record_connect(db: Connection, attempt_id: AttemptId, connected_at: float, seat: str, agent: str | None) -> None:
    """Keep that a seat took the call. An ended attempt is left alone."""
    SQL["record_connect"](db, attempt_id=attempt_id, connected_at=connected_at, seat=seat, agent=agent)


def end_attempts(
    db: Connection, encode: Encode | None, ended: Sequence[EndedAttempt], *, announced: bool = True
) -> list[bool]:
    """Close attempts: outcome, times, and when the number is due again. Those that were open are `announced` with it.

    For each one True if it was open until now; an attempt that has ended already keeps its first outcome and gives
    False. A target that a mark or an opt-out closed in the meantime stays closed whatever `retry_at` says. An attempt
    with outcome REFUSED, or that is not `counted`, gives its attempt number back; UNKNOWN closes the number's targets in
    every campaign.
    """
    campaigns = [_end_one(db, each) for each in ended]
    for each, campaign_id in zip(ended, campaigns, strict=True):
        if campaign_id is not None:
            seals.seal_attempt(db, each.attempt_id, seals.END)
            if announced:
                tell(db, encode, AttemptNews(campaign_id, each), each.ended_at)
    return [campaign_id is not None for campaign_id in campaigns]


def _end_one(db: Connection, end: EndedAttempt) -> str | None:
    """The campaign of an attempt that was open, and is ended by this; None: it was not."""
    row = SQL["open_attempt"].row(db, attempt_id=end.attempt_id)
    if row is None:
        return _end_inbound(db, end)
    SQL["end_attempt"](db, attempt=row.attempt, **parameters_of(end))
    given_back = 0
    if end.outcome is Outcome.REFUSED or not end.counted:
        given_back = 1
        SQL["give_number_back"](db, attempt=row.attempt)
    retry_at = None if end.outcome is Outcome.UNKNOWN else end.retry_at
    after = _when_due(db, row.phone_id, retry_at, of_worker=row.of_worker)
    if end.outcome is Outcome.UNKNOWN:
        after = _After("closed", queues.SETTLED_UNKNOWN)
    # A call that never came about leaves a promise as it was.
    promised = None if given_back or end.outcome is Outcome.CANCELLED else end.promised
    SQL["target_after"](db, target=row.target, given_back=given_back, promised=promised, **parameters_of(after))
    if not row.of_worker and end.outcome in _CONVERSATIONS:
        for_good = end.outcome is Outcome.COMPLETED or row.disposition in _FOR_GOOD
        _hold_others(db, row, _held_until(retry_at, end.ended_at, for_good=for_good))
    if end.outcome is Outcome.UNKNOWN:  # it may have been a call: no campaign rings there again by itself
        queues.close_phone(db, row.phone_id, queues.SETTLED_UNKNOWN)
    return str(row.campaign_id)


def _held_until(retry_at: float | None, at: float, *, for_good: bool) -> float:
    """Until when a voter's other numbers wait after a talk: as long as the one called, else a day, or the campaign `for_good`."""
    until = at + (HELD_FOR_GOOD_SECONDS if for_good else DAY_SECONDS) if retry_at is None else retry_at
    return max(until, EARLIEST_DUE)


def _hold_others(db: Connection, reached: Row, until: float, held_until: float | None = None) -> None:
    """Nobody is called twice for having two numbers. Whom the number does not belong to says nothing of the others. `held_until`:
    those that an earlier word of the same call holds until then are held as the new one says.
    """
    if held_until is not None:
        _hold(db, reached, until, held_until)
    if SQL["is_on_number"].number(db, voter_id=reached.voter_id, phone_id=reached.phone_id):
        _hold(db, reached, until, None)


def _hold(db: Connection, reached: Row, until: float, held_until: float | None) -> None:
    SQL["others_of_voter"](db, **reached._asdict() | {"until": until, "held_until": held_until})


def _end_inbound(db: Connection, end: EndedAttempt) -> str | None:
    """A call that came in leaves its number's targets alone, but for what was said about being called later."""
    found = open_inbound(db, end.attempt_id)
    if found is None:
        return None
    SQL["end_attempt"](db, attempt=found.attempt, **parameters_of(end))
    if end.retry_at is not None:
        put_off(db, found.campaign_id, found.phone_id, max(end.retry_at, EARLIEST_DUE), promised=end.promised)
    return str(found.campaign_id)


@dataclass(frozen=True, slots=True)
class _After:
    """How a call leaves its target."""

    state: str
    settled: int = 0
    due_at: float | None = None


def _when_due(db: Connection, phone_id: int, retry_at: float | None, *, of_worker: bool) -> _After:
    """A target after a call: an opt-out closes it, and so does the last pending voter's mark where it is no booth worker's."""
    if retry_at is None:
        return _After("closed")
    due_at = max(retry_at, EARLIEST_DUE)
    if not SQL["callable"].number(db, phone_id=phone_id, of_worker=of_worker):
        return _After("closed", int(not of_worker), due_at)
    return _After("due", 0, due_at)


def record_disposition(
    db: Connection,
    encode: Encode | None,
    record: DispositionRecord,
    marks: Sequence[Mark] = (),
    *,
    opt_out: bool = False,
    receipt: Receipt | None = None,
) -> DispositionEffect:
    """Keep what the agent said, with its marks and answers, the opt-out of the number and the receipt of the command, in one
    transaction. A second disposition of the same attempt replaces the first one on the attempt; marks are appended by their keys,
    an answer replaces the one of its name. The disposition MACHINE makes the outcome of an ended attempt `machine`, and another
    one that replaces it makes it `connected` again. Returns what each mark changed, and whether the number had not opted out
    before. What is new of it is announced. Raises NotInStore for a mark of a voter who is not on the number.
    """
    row = SQL["attempt_for_disposition"].row(db, attempt_id=record.attempt_id)
    if row is None:
        raise StoreError(f"the store has no attempt {record.attempt_id}: its disposition was not kept")
    keep_receipt(db, receipt, record.at)
    for mark in marks:
        strange = mark.undoes is None and mark.voter_id != row.voter_id
        if strange and not SQL["is_on_number"].number(db, voter_id=mark.voter_id, phone_id=row.phone_id):
            raise NotInStore(f"voter {mark.voter_id} is not on the number of that call: nothing was kept")
    news = (record.disposition.value, record.at) != (row.disposition, row.disposed_at)
    SQL["set_disposition"](db, **parameters_of(record))
    language_before: str | None = None
    if record.language is not None and row.voter_id is not None:
        language_before = SQL["language_of"].value(db, str, voter_id=row.voter_id)
        SQL["set_language"](db, voter_id=row.voter_id, language=record.language)
    if news:
        queues.keep_own_call_back(db, row.campaign_id, row.phone_id, record)
        seals.seal_attempt(db, record.attempt_id, seals.TALK)
        answered = record.answers and row.voter_id is not None
        tell(db, encode, DispositionNews(record, place_of(db, row.voter_id) if answered else None), record.at)
    effects = tuple(record_mark(db, encode, mark) for mark in marks)
    source, attempt_id = record.agent or "agent", record.attempt_id
    opted_out = opt_out and record_opt_out(
        db, encode, row.phone_id, at=record.at, source=source, attempt_id=attempt_id, told_source="agent"
    )
    answers_before = change_answers(db, attempt_id, record.answers, record.at)
    effect = DispositionEffect(effects, opted_out, language_before, answers_before)
    if not (news or opted_out or any(each.recorded for each in effects)):
        return effect
    SQL["target_disposed"](
        db,
        campaign_id=row.campaign_id,
        phone_id=row.phone_id,
        attempts=row.attempt_number,
        promised=record.promised,
        **parameters_of(_when_due(db, row.phone_id, record.retry_at, of_worker=row.of_worker)),
    )
    if row.voter_id is not None and not row.of_worker and row.ended_at is not None:  # else the call's end says so
        last_word_at = max(row.ended_at, row.disposed_at or 0.0)
        held = _held_until(row.due_at, last_word_at, for_good=row.disposition in _FOR_GOOD)
        if record.disposition in _NOT_REACHED:
            _hold(db, row, max(record.at, EARLIEST_DUE), held)
        else:
            until = _held_until(record.retry_at, record.at, for_good=record.disposition in _FOR_GOOD)
            _hold_others(db, row, until, held)
    return effect


def newest_event_at(db: Connection) -> float | None:
    """The newest moment, epoch seconds, that is kept of the attempts opened last; None: there was none."""
    return SQL["newest_event"].value(db, float)


def unfinished_attempts(db: Connection) -> list[OpenAttempt]:
    """All attempts without an end."""
    return _open_attempts(db, [*SQL["unfinished"].rows(db)])


def unsaid_talks(db: Connection, since: float) -> list[OpenAttempt]:
    """The last talk of each agent logged in, at that seat, of which nothing was said yet; none that ended before `since`."""
    return _open_attempts(db, [*SQL["unsaid"].rows(db, since=since)])


def _open_attempts(db: Connection, rows: Sequence[Row]) -> list[OpenAttempt]:
    found: list[OpenAttempt] = []
    for row in rows:
        told = row._asdict()
        of_worker = told.pop("of_worker")
        worker = queues.worker_on(db, row.phone_id) if of_worker else None
        if worker is not None:
            told |= {"worker": worker, "booth_id": worker.booth_ids[0]}
        if not of_worker:
            others = sum(voter_id != row.voter_id for voter_id in pending_voters(db, row.phone_id))
            told["pending_voters"] = 1 + others
        if row.disposition is not None:
            told["disposition"] = Disposition(row.disposition)
        marked = SQL["last_mark_of_attempt"].row(db, attempt_id=row.attempt_id, since=row.created_at)
        if marked is not None:
            told |= {"said": MarkKind(marked.kind), "said_hour": marked.hour}
        found.append(OpenAttempt(**told | {"direction": Direction(row.direction)}))
    return found


def screen_pop(db: Connection, attempt_id: AttemptId) -> ScreenPop | None:
    """Whom an attempt calls, and who is pending on the number now; None: there is no such attempt."""
    row = SQL["screen_pop"].row(db, attempt_id=attempt_id)
    if row is None:
        return None
    fields = row._asdict() | {"opted_out": bool(row.opted_out)}
    return ScreenPop(attempt_id, voters=tuple(pending_voters(db, row.phone_id)), **fields)


def known_attempts(db: Connection, attempt_ids: Sequence[AttemptId]) -> frozenset[AttemptId]:
    """Which of these attempts this store has ever opened."""
    return frozenset(each for each in attempt_ids if SQL["is_known"].value(db, int, attempt_id=each))


# Calls that come in: whose number it is, the attempt that is kept of it, and the call back.


INBOUND = load_statements("inbound")


def take_inbound(db: Connection, call: NewInbound) -> InboundParty | None:
    """Log a call that comes in, and where its number is on the roll open an inbound attempt for it: of a missed call one
    that has ended already. Returns whose number it is; None: it is not on the roll, or withheld, and no attempt is kept.

    Inbound attempts use up no attempt of the number, are in no campaign's figures, and leave its targets alone: only a
    missed call's number is due at `call_back_at`, where somebody on it is pending and it has not opted out, and what is
    said in the call may put the next one off. One may be open beside an outbound attempt to the same number; while it
    is, the number is not dialled.
    """
    party = None if call.number is None else _party(db, call.number)
    calls_back = False
    if party is not None:
        missed = call.mode is InboundMode.MISSED_CALL
        ended_at, outcome = (call.at, Outcome.MISSED.value) if missed else (None, None)
        of = {"phone_id": party.phone_id, "voter_id": party.voter_id, "ended_at": ended_at, "outcome": outcome}
        opened = INBOUND["insert_attempt"](db, **of, **parameters_of(call)).rowcount
        if opened:
            seals.seal_attempt(db, call.attempt_id, seals.OPEN)
        if missed and party.pending_voters and not party.opted_out and call.call_back_at is not None:
            due = INBOUND["call_back"](
                db, phone_id=party.phone_id, due_at=call.call_back_at, campaign_id=call.campaign_id
            )
            calls_back = due.rowcount > 0
    kept_as = None if party is None else call.attempt_id
    INBOUND["insert_call"](db, kept_as=kept_as, call_back=calls_back, **parameters_of(call))
    return party


def _party(db: Connection, number: str) -> InboundParty | None:
    row = INBOUND["party"].row(db, number=number)
    if row is None:
        return None
    pending = INBOUND["pending"].number(db, phone_id=row.phone_id)
    return InboundParty(row.phone_id, row.voter_id, row.booth_id, row.language, pending, bool(row.opted_out))


def open_inbound(db: Connection, attempt_id: AttemptId) -> Row | None:
    """Row (`attempt`), `campaign_id` and `phone_id` of an inbound attempt that has not ended; None: there is none of that id."""
    return INBOUND["open_attempt"].row(db, attempt_id=attempt_id)


def put_off(db: Connection, campaign_id: str, phone_id: int, due_at: float, *, promised: bool) -> None:
    """The number is not called before this, where it was due to be called at all."""
    INBOUND["put_off"](db, campaign_id=campaign_id, phone_id=phone_id, due_at=due_at, promised=promised)
