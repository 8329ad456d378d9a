"""Calls that an earlier run left open, or that ended while nobody listened, as tables."""

from __future__ import annotations

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


def left_open(**facts: Any) -> OpenAttempt:
    values: dict[str, Any] = {"answered_at": None, "connected_at": None, "seat": None, **facts}
    return OpenAttempt(A, values.pop("campaign_id", "calls"), 1, 1, 1, 1, "carrier", NOON - 60, **values)


def up(*, talking: bool = False, live: bool = True) -> SwitchUp:
    return SwitchUp(
        frozenset({A}) if live else frozenset(), frozenset({"01"}), ((A, "01"),) if talking else (), restarted=False
    )


def test_a_talk_that_went_on_is_taken_up_where_it_is_and_wrapped_up_by_nobody() -> None:
    turns = Turns()
    turns.features.reconciler.found([left_open(answered_at=NOON - 40, connected_at=NOON - 39, seat="01")], {"carrier"})
    lines = turns.at(1, up(talking=True))
    assert "seat 01 talking" in lines
    assert turns.features.calls[A].state is CallState.TALKING
    assert turns.seat() is SeatState.TALKING
    assert not [line for line in lines if line.startswith(("learn", "commit"))]  # that was learned and kept then


def test_a_call_that_still_rings_is_adopted_and_its_answer_is_learned_of_without_its_times() -> None:
    turns = Turns()
    turns.features.reconciler.found([left_open()], {"carrier"})
    turns.at(1, up())
    assert turns.features.calls[A].adopted
    assert turns.features.calls[A].state is CallState.DIALLING


def test_a_call_of_a_campaign_that_is_run_no_more_is_unknown() -> None:
    turns = Turns()
    turns.features.reconciler.found([left_open(campaign_id="gone")], {"carrier"})
    assert "commit end unknown" in turns.at(1, up(live=False))


def test_a_caller_is_found_again_as_one() -> None:
    turns = Turns()
    turns.features.reconciler.found([left_open(direction=Direction.INBOUND)], {"carrier"})
    turns.at(1, up())
    assert turns.features.calls[A].inbound


NOTHING = History({}, first_at=NOON - 600, up_seconds=600.0)


@pytest.mark.parametrize(
    ("past", "history", "ends"),
    [
        (None, None, "unknown"),
        (None, History({}), "unknown"),
        (None, NOTHING, "refused"),  # it was up, has kept all, and knows of none: never sent
        (PastCall(None, "NOANSWER"), NOTHING, "no-answer"),
        (PastCall(None, "BUSY"), NOTHING, "busy"),
        (PastCall(NOON - 50), NOTHING, "abandoned"),  # it heard the dialplan's own message
        (PastCall(NOON - 50, None, "01"), NOTHING, "connected"),
    ],
)
def test_how_a_call_ended_that_nobody_saw_end(past: PastCall | None, history: History | None, ends: str) -> None:
    turns = Turns()
    turns.features.reconciler.found([left_open()], {"carrier"})
    turns.at(1, up(live=False))
    call = turns.features.calls[A]
    lines = turns.after(2, lambda: turns.features.reconciler._end_vanished(call, past, history))
    assert lines[-1] == f"commit end {ends}"
    assert not turns.features.calls


def test_of_a_line_that_was_moved_no_history_says_that_a_call_was_never_sent() -> None:
    turns = Turns()
    turns.features.reconciler.found([left_open()], {"another"})
    turns.at(1, up(live=False))
    call = turns.features.calls[A]
    assert "commit end unknown" in turns.after(2, lambda: turns.features.reconciler._end_vanished(call, None, NOTHING))


def test_an_agent_who_sits_elsewhere_by_now_has_the_seat_of_before_no_more() -> None:
    turns = Turns(seats=2)
    agents, seat = turns.features.agents, turns.features.seats["02"]
    turns.place(seat.logged_off(turns.features.core.instant()))
    agents._kept = {"02": LogIn("02", "1001", False, None, NOON)}
    assert turns.features.seats["01"].agent == "1001"
    assert agents.adopt(frozenset({"01", "02"}), "") == []
    assert turns.features.seats["02"].agent is None


def test_a_three_way_call_at_a_seat_that_the_settings_have_no_more_is_left_alone() -> None:
    turns = Turns()
    turns.call()
    party = PartyId(f"party-{A}-1")
    turns.features.call_transfers.put(CallTransfer(A, "gone", TransferStage.THREE_WAY, party, "boss"))
    turns.at(1, up())
    assert A in turns.features.calls
    assert turns.features.call_transfers.get(A) is None  # Asterisk has no such party
