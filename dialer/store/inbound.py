"""Calls that come in: whose number it is, the attempt that is kept of it, and the call back. Runs inside a transaction."""

from __future__ import annotations

import sqlite3

from config.words import InboundMode
from dialer.domain.model import AttemptId, InboundParty, NewInbound, Outcome
from dialer.store import seals
from dialer.store.sql import load_statements

SQL = load_statements("inbound")


def take_inbound(db: sqlite3.Connection, call: NewInbound) -> InboundParty | None:
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
        opened = db.execute(
            SQL["insert_attempt"],
            (
                call.attempt_id,
                call.campaign_id,
                party.phone_id,
                party.voter_id,
                call.trunk,
                call.called,
                call.at,
                call.at if missed else None,
                Outcome.MISSED.value if missed else None,
            ),
        ).rowcount
        if opened:
            seals.attempt_opened(db, call.attempt_id)
        if missed and party.pending_voters and not party.opted_out and call.call_back_at is not None:
            bound = (call.campaign_id, party.phone_id, call.call_back_at)
            calls_back = db.execute(SQL["call_back"], bound).rowcount > 0
    db.execute(
        SQL["insert_call"],
        (
            call.at,
            call.called,
            call.number,
            call.mode.value,
            call.campaign_id,
            None if party is None else call.attempt_id,
            calls_back,
        ),
    )
    return party


def _party(db: sqlite3.Connection, number: str) -> InboundParty | None:
    row = db.execute(SQL["party"], (number,)).fetchone()
    if row is None:
        return None
    phone_id, voter_id, booth_id, language, opted_out = row
    (pending,) = db.execute(SQL["pending"], (phone_id,)).fetchone()
    return InboundParty(phone_id, voter_id, booth_id, language, pending, bool(opted_out))


def open_inbound(db: sqlite3.Connection, attempt_id: AttemptId) -> tuple[int, str, int] | None:
    """Row, campaign and phone of an inbound attempt that has not ended; None: there is none of that id."""
    row = db.execute(SQL["open_attempt"], (attempt_id,)).fetchone()
    return None if row is None else (int(row[0]), str(row[1]), int(row[2]))


def put_off(db: sqlite3.Connection, campaign_id: str, phone_id: int, due_at: float, *, promised: bool) -> None:
    """The number is not called before this, where it was due to be called at all."""
    db.execute(SQL["put_off"], (campaign_id, phone_id, due_at, promised))
