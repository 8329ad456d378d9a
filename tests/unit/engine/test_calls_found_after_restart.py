"""Calls that an earlier run left open, or that ended while the link was down: tables of what the switch reports and
what follows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dialer.domain.model import Direction, OpenAttempt
from dialer.domain.parties import PartyId
from dialer.domain.switch import History, PastCall
from dialer.domain.switch_events import SwitchUp
from dialer.domain.view import CallState, SeatState, TransferStage
from dialer.engine.transfers.state import CallTransfer
from dialer.store.log_ins import LogIn
from tests.support.rules import NOON
from tests.support.turns import A, Turns


def make_open_attempt(**facts: Any) -> OpenAttempt:
    values: dict[str, Any] = {"answered_at": None, "connected_at": None, "seat": None, **facts}
    return OpenAttempt(A, values.pop("campaign_id", "calls"), 1, 1, 1, 1, "carrier", NOON - 60, **values)


def make_switch_up(*, talking: bool = False, live: bool = True) -> SwitchUp:
    return SwitchUp(
        frozenset({A}) if live else frozenset(), frozenset({"01"}), ((A, "01"),) if talking else (), restarted=False
    )


def test_conversation_found_after_a_restart_continues_and_has_no_wrap_up() -> None:
    turns = Turns()
    turns.features.call_reconciler.load_open_call_attempts(
        [make_open_attempt(answered_at=NOON - 40, connected_at=NOON - 39, seat="01")], {"carrier"}
    )
    lines = turns.at(1, make_switch_up(talking=True))
    assert "seat 01 talking" in lines
    assert turns.features.live_calls[A].call_state is CallState.TALKING
    assert turns.seat() is SeatState.TALKING
    assert not [line for line in lines if line.startswith(("learn", "commit"))]  # learned and stored in the earlier run


def test_ringing_call_found_after_a_restart_does_not_change_the_learned_ring_times() -> None:
    turns = Turns()
    turns.features.call_reconciler.load_open_call_attempts([make_open_attempt()], {"carrier"})
    turns.at(1, make_switch_up())
    assert turns.features.live_calls[A].adopted
    assert turns.features.live_calls[A].call_state is CallState.DIALLING


def test_unfinished_attempt_of_a_removed_campaign_ends_with_an_unknown_result() -> None:
    turns = Turns()
    turns.features.call_reconciler.load_open_call_attempts([make_open_attempt(campaign_id="gone")], {"carrier"})
    assert "commit end unknown" in turns.at(1, make_switch_up(live=False))


def test_inbound_call_found_after_a_restart_stays_an_inbound_call() -> None:
    turns = Turns()
    turns.features.call_reconciler.load_open_call_attempts(
        [make_open_attempt(direction=Direction.INBOUND)], {"carrier"}
    )
    turns.at(1, make_switch_up())
    assert turns.features.live_calls[A].inbound


NOTHING = History({}, first_at=NOON - 600, last_at=NOON - 10, up_seconds=600.0)


@pytest.mark.parametrize(
    ("past", "history", "ends"),
    [
        (None, None, "unknown"),
        (None, History({}), "unknown"),
        (None, NOTHING, "refused"),  # it was up and has all records but this one: never sent
        (None, replace(NOTHING, last_at=NOON - 61), "unknown"),  # it may have stopped writing records before the call
        (PastCall(None, "NOANSWER"), NOTHING, "no-answer"),
        (PastCall(None, "BUSY"), NOTHING, "busy"),
        (PastCall(NOON - 50), NOTHING, "abandoned"),  # the voter heard the dialplan's own message
        (PastCall(NOON - 50, None, "01"), NOTHING, "connected"),
    ],
)
def test_call_that_ended_during_a_restart_gets_its_outcome_from_asterisks_cdr(
    past: PastCall | None, history: History | None, ends: str
) -> None:
    turns = Turns()
    turns.features.call_reconciler.load_open_call_attempts([make_open_attempt()], {"carrier"})
    turns.at(1, make_switch_up(live=False))
    call = turns.features.live_calls[A]
    lines = turns.after(2, lambda: turns.features.call_reconciler._end_vanished_call(call, past, history))
    assert lines[-1] == f"commit end {ends}"
    assert not turns.features.live_calls


def test_call_missing_after_a_trunk_was_moved_has_an_unknown_result() -> None:
    turns = Turns()
    turns.features.call_reconciler.load_open_call_attempts([make_open_attempt()], {"another"})
    turns.at(1, make_switch_up(live=False))
    call = turns.features.live_calls[A]
    assert "commit end unknown" in turns.after(
        2, lambda: turns.features.call_reconciler._end_vanished_call(call, None, NOTHING)
    )


def test_agent_logged_in_at_another_seat_is_not_restored_at_the_old_seat() -> None:
    turns = Turns(seats=2)
    agents, seat = turns.features.agent_seat_service, turns.features.agent_seats["02"]
    turns.place(seat.log_off_agent(turns.features.core.read_clock()))
    agents._saved_log_ins = {"02": LogIn("02", "1001", False, None, NOON)}
    assert turns.features.agent_seats["01"].agent == "1001"
    assert agents.restore_agent_log_ins(frozenset({"01", "02"}), "") == []
    assert turns.features.agent_seats["02"].agent is None


def test_three_way_call_at_a_removed_seat_continues_after_a_restart() -> None:
    turns = Turns()
    turns.call()
    party = PartyId(f"party-{A}-1")
    turns.features.transfers_in_progress.add_or_replace_transfer(
        CallTransfer(A, "gone", TransferStage.THREE_WAY, party, "boss")
    )
    turns.at(1, make_switch_up())
    assert A in turns.features.live_calls
    assert turns.features.transfers_in_progress.find_transfer_of_call(A) is None  # Asterisk does not have this party
