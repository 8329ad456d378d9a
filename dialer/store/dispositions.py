"""Dispositions: the results that agents choose for their calls. Functions run inside a transaction of the writer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from dialer.domain.errors import NotInStore, StoreError
from dialer.domain.model import Disposition, DispositionRecord, Mark, Receipt
from dialer.domain.results import Encode
from dialer.store import attempts
from dialer.store.claims import EARLIEST_DUE
from dialer.store.commands import save_reply_to_command
from dialer.store.flow_answers import change_script_answers
from dialer.store.marks import MarkEffect, save_voter_mark
from dialer.store.opt_outs import save_opt_out
from dialer.store.outbox import add_result_to_outbox
from dialer.store.own_call_backs import save_call_back_reserved_for_agent
from dialer.store.sql import Command, Connection, Query, Scalar, Statements, get_fields_as_sql_parameters
from dialer.store.voters import get_voter_place_on_roll

_NOT_THE_VOTER = frozenset({Disposition.WRONG_NUMBER, Disposition.MACHINE})


@dataclass(frozen=True, slots=True)
class DispositionEffect:
    """What an agent's disposition (result of a call) changed in the store."""

    marks: tuple[MarkEffect, ...]
    opted_out: bool = False  # the number opted out, and had not before
    language_before: str | None = None  # of the addressed voter, where the disposition changed it
    answers_before: Mapping[str, str | None] = field(default_factory=dict)  # to the questions that were answered


class DisposedAttempt(NamedTuple):
    """A call attempt as it is before the agent's result (disposition) is stored. Times are epoch seconds."""

    campaign_id: str
    phone_id: int
    attempt_number: int | None
    disposition: str | None
    disposed_at: float | None
    of_worker: int
    voter_id: int | None
    ended_at: float | None
    due_at: float | None  # of its target, where that is due


class SQL(Statements):
    attempt = Query(DisposedAttempt)
    set_disposition = Command()
    language_of = Scalar(str)
    set_language = Command()
    update_target = Command()


def save_disposition_of_call(
    db: Connection,
    encode: Encode | None,
    record: DispositionRecord,
    marks: Sequence[Mark] = (),
    *,
    opt_out: bool = False,
    receipt: Receipt | None = None,
) -> DispositionEffect:
    """Store the result that an agent chose for a call (disposition), and announce what is new by MQTT.

    The agent's answers to script questions, an opt-out, and marks (recorded facts about voters, such as "voted") are
    stored with it. The reply to the agent's command is stored in the same transaction.

    - A second disposition of an attempt replaces the first one.
    - A mark is appended, unless a stored mark has the same key. An answer replaces the earlier one of the same name.
    - The disposition MACHINE changes the outcome of an ended attempt to `machine`; a later one changes it back to
      `connected`.

    Raises NotInStore for a mark of a voter who is not linked to the number.
    """
    before = SQL.attempt.fetch_first_row(db, attempt_id=record.attempt_id)
    if before is None:
        raise StoreError(
            f"The store has no attempt {record.attempt_id}, so its disposition was not saved. Check the attempt's id."
        )
    save_reply_to_command(db, receipt, record.at)
    for mark in marks:
        stranger = mark.undoes is None and mark.voter_id != before.voter_id
        if stranger and not attempts.SQL.is_on_number.fetch_only_value(
            db, voter_id=mark.voter_id, phone_id=before.phone_id
        ):
            raise NotInStore(
                f"Voter {mark.voter_id} does not have the number of this call, so nothing was saved. Choose another voter."
            )
    new = (record.disposition.value, record.at) != (before.disposition, before.disposed_at)
    SQL.set_disposition.run_statement(db, **get_fields_as_sql_parameters(record))
    language_before: str | None = None
    if record.language is not None and before.voter_id is not None:
        language_before = SQL.language_of.fetch_first_value(db, voter_id=before.voter_id)
        SQL.set_language.run_statement(db, voter_id=before.voter_id, language=record.language)
    if new:
        save_call_back_reserved_for_agent(db, before.campaign_id, before.phone_id, record)
        place = None if before.voter_id is None or not record.answers else get_voter_place_on_roll(db, before.voter_id)
        add_result_to_outbox(db, encode, replace(record, place=place), record.at)
    effects = tuple(save_voter_mark(db, encode, mark) for mark in marks)
    opted_out = opt_out and save_opt_out(
        db,
        encode,
        before.phone_id,
        at=record.at,
        source=record.agent or "agent",
        attempt_id=record.attempt_id,
        announced_source="agent",
    )
    answers_before = change_script_answers(db, record.attempt_id, record.answers, record.at)
    if new or opted_out or any(each.recorded for each in effects):
        _reschedule_numbers_after_disposition(db, before, record)
    return DispositionEffect(effects, opted_out, language_before, answers_before)


def _reschedule_numbers_after_disposition(db: Connection, before: DisposedAttempt, record: DispositionRecord) -> None:
    """Set when the called number and the voter's other numbers are due again, after the agent's result for the call."""
    after = attempts.compute_queue_state_after_call(
        db, before.phone_id, record.retry_at, of_worker=bool(before.of_worker)
    )
    SQL.update_target.run_statement(
        db,
        campaign_id=before.campaign_id,
        phone_id=before.phone_id,
        attempts=before.attempt_number,
        promised=record.has_voter_requested_call_back,
        **get_fields_as_sql_parameters(after),
    )
    if before.voter_id is None or before.of_worker or before.ended_at is None:  # the end of the call decides
        return
    last_result_at = max(before.ended_at, before.disposed_at or 0.0)
    was_final = before.disposition in attempts.FINAL_DISPOSITIONS
    held_until = attempts.compute_due_time_of_other_numbers(before.due_at, last_result_at, final=was_final)
    call = (before.campaign_id, before.phone_id, before.voter_id)
    if record.disposition in _NOT_THE_VOTER:
        attempts.set_due_time_of_other_numbers(db, *call, max(record.at, EARLIEST_DUE), held_until)
    else:
        is_final = record.disposition in attempts.FINAL_DISPOSITIONS
        until = attempts.compute_due_time_of_other_numbers(record.retry_at, record.at, final=is_final)
        attempts.block_other_numbers_of_voter(db, *call, until, held_until)
