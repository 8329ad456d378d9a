"""Calls that come in: whose number it is, the attempt that is kept of it, and the call back. Runs inside a transaction."""

from __future__ import annotations

from config.words import InboundMode
from dialer.domain.model import AttemptId, InboundParty, NewInbound, Outcome
from dialer.store import seals
from dialer.store.sql import Connection, Row, load_statements, values_of

SQL = load_statements("inbound")


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
        opened = SQL["insert_attempt"](
            db,
            attempt_id=call.attempt_id,
            campaign_id=call.campaign_id,
            phone_id=party.phone_id,
            voter_id=party.voter_id,
            trunk=call.trunk,
            caller_id=call.called,
            created_at=call.at,
            ended_at=call.at if missed else None,
            outcome=Outcome.MISSED.value if missed else None,
        ).rowcount
        if opened:
            seals.seal_attempt(db, call.attempt_id, seals.OPEN)
        if missed and party.pending_voters and not party.opted_out and call.call_back_at is not None:
            due = SQL["call_back"](db, phone_id=party.phone_id, due_at=call.call_back_at, campaign_id=call.campaign_id)
            calls_back = due.rowcount > 0
    kept_as = None if party is None else call.attempt_id
    SQL["insert_call"](db, kept_as=kept_as, call_back=calls_back, **values_of(call))
    return party


def _party(db: Connection, number: str) -> InboundParty | None:
    row = SQL["party"].row(db, number=number)
    if row is None:
        return None
    pending = SQL["pending"].number(db, phone_id=row.phone_id)
    return InboundParty(row.phone_id, row.voter_id, row.booth_id, row.language, pending, bool(row.opted_out))


def open_inbound(db: Connection, attempt_id: AttemptId) -> Row | None:
    """Row (`attempt`), `campaign_id` and `phone_id` of an inbound attempt that has not ended; None: there is none of that id."""
    return SQL["open_attempt"].row(db, attempt_id=attempt_id)


def put_off(db: Connection, campaign_id: str, phone_id: int, due_at: float, *, promised: bool) -> None:
    """The number is not called before this, where it was due to be called at all."""
    SQL["put_off"](db, campaign_id=campaign_id, phone_id=phone_id, due_at=due_at, promised=promised)
