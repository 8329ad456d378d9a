"""Inbound calls: finding the caller on the electoral roll, opening an attempt, and scheduling call-backs.

Functions run inside the caller's transaction.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from dialer.domain.enums import InboundMode
from dialer.domain.model import AttemptId, InboundParty, NewInbound, Outcome
from dialer.store import grounds
from dialer.store.sql import Command, Connection, Query, Scalar, Statements, get_fields_as_sql_parameters


class Caller(NamedTuple):
    """The voter to whom the number of an inbound call belongs."""

    phone_id: int
    voter_id: int
    booth_id: int
    language: str
    opted_out: int


class OpenInbound(NamedTuple):
    """An inbound call attempt that has not ended."""

    attempt: int  # rowid
    campaign_id: str
    phone_id: int


class SQL(Statements):
    caller = Query(Caller)
    pending_count = Scalar(int)
    insert_attempt = Command()
    insert_call = Command()
    schedule_call_back = Command()
    postpone_call = Command()
    open_inbound = Query(OpenInbound)


def save_inbound_call(db: Connection, call: NewInbound) -> InboundParty | None:
    """Store an inbound call and return the caller, or None if the number is withheld or not on the electoral roll.

    For a number on the roll, an inbound attempt is opened. The attempt of a missed call is stored as ended. While an
    attempt is open, the number is not dialled. Inbound attempts do not count towards caps or campaign figures.

    The number of a missed call is due at `call_back_at`, unless it has opted out or no voter of it is still to be
    called. Other inbound calls do not change the campaigns' queues.
    """
    party = None if call.number is None else _find_caller_by_number(db, call.number)
    calls_back = False
    if party is not None:
        missed = call.mode is InboundMode.MISSED_CALL
        ended_at, outcome = (call.at, Outcome.MISSED.value) if missed else (None, None)
        of = {
            "phone_id": party.phone_id,
            "voter_id": party.voter_id,
            "ended_at": ended_at,
            "outcome": outcome,
            "lawful_id": _save_attestation_of_caller(db, call.attestation),
        }
        SQL.insert_attempt.run_statement(db, **of, **get_fields_as_sql_parameters(call))
        if missed and party.pending_voters and not party.opted_out and call.call_back_at is not None:
            scheduled = SQL.schedule_call_back.run_statement(
                db, phone_id=party.phone_id, due_at=call.call_back_at, campaign_id=call.campaign_id
            )
            calls_back = scheduled > 0
    attempt_id = None if party is None else call.attempt_id
    SQL.insert_call.run_statement(
        db, attempt_of_call=attempt_id, call_back=calls_back, **get_fields_as_sql_parameters(call)
    )
    return party


def _save_attestation_of_caller(db: Connection, attestation: str) -> int | None:
    """Store what Asterisk verified about a caller's number (STIR/SHAKEN), and return the id of the stored text. Return
    None if `attestation` is empty.
    """
    if not attestation:
        return None
    return grounds.save_legal_grounds_for_call(db, json.dumps({"attestation": attestation}, separators=(",", ":")))


def _find_caller_by_number(db: Connection, number: str) -> InboundParty | None:
    """Return the caller with this number and all voters of the number who are still to be called.

    Return None if the number is not on the electoral roll.
    """
    row = SQL.caller.fetch_first_row(db, number=number)
    if row is None:
        return None
    pending = SQL.pending_count.fetch_only_value(db, phone_id=row.phone_id)
    return InboundParty(row.phone_id, row.voter_id, row.booth_id, row.language, pending, bool(row.opted_out))


def find_unfinished_inbound_attempt(db: Connection, attempt_id: AttemptId) -> OpenInbound | None:
    """Return the inbound attempt with this id, or None if it has ended or there is no such attempt."""
    return SQL.open_inbound.fetch_first_row(db, attempt_id=attempt_id)


def postpone_call_to_number(db: Connection, campaign_id: str, phone_id: int, due_at: float, *, promised: bool) -> None:
    """Postpone a campaign's next call to a number until the time `due_at` (epoch seconds).

    Nothing changes if the next call is due even later, or if the number is closed or reserved for dialling.
    """
    SQL.postpone_call.run_statement(db, campaign_id=campaign_id, phone_id=phone_id, due_at=due_at, promised=promised)
