"""Which seat an answered voter gets, what happens if none is free, and what a flow is told about its handover."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from dialer.domain.clock import Instant
from dialer.domain.model import AttemptId
from dialer.domain.switch_events import CallConnected, CallWaiting
from dialer.domain.view import SeatState
from dialer.engine.effects import Effect, StartTimer, SwitchOrder, TimerExpired, TimerKind, UpdatePacer
from dialer.engine.seats.state import Seat
from dialer.pacing.port import PacingEventKind
from dialer.rules.gate import Objection, Reason, Ruling
from tests.support.rules import NOON
from tests.support.turns import HUNG_UP, A, Turns

B = AttemptId("b" * 36)


def change_seat(turns: Turns, name: str, **fields: Any) -> None:
    """Change fields of a seat."""
    turns.place(replace(turns.features.agent_seats[name], **fields))


def make_seat_idle_since(turns: Turns, name: str, seconds: float, **fields: Any) -> None:
    """Change fields of a seat that has been ready since `seconds`."""
    change_seat(turns, name, since=Instant(NOON + seconds, seconds), **fields)


def find_connected_seat(turns: Turns) -> str | None:
    """Return the seat that the call A is being connected to."""
    return turns.features.live_calls[A].talk.seat


@pytest.mark.parametrize(
    ("fields", "seat"),
    [
        ({}, "01"),  # idle the longest
        ({"skills": frozenset()}, "02"),
        ({"agent_languages": frozenset({"ta"})}, "02"),
        ({"campaigns": frozenset({"other"})}, "02"),
        ({"server": "second"}, "02"),
    ],
)
def test_answered_voter_gets_the_longest_idle_seat_with_the_required_skill_language_and_server(
    fields: dict[str, Any], seat: str
) -> None:
    turns = Turns(2)
    run = turns.features.loaded_campaigns["calls"]
    run.spec = replace(run.spec, skill="senior")
    make_seat_idle_since(turns, "01", 1.0, **{"skills": frozenset({"senior"}), **fields})
    make_seat_idle_since(turns, "02", 2.0, skills=frozenset({"senior"}))
    turns.features.asterisk_servers.up.add("second")
    turns.call(language="hi")
    turns.at(8, CallWaiting(A))
    assert find_connected_seat(turns) == seat


def test_answered_voter_gets_no_reserved_seat_whose_phone_may_be_dead() -> None:
    for suspect, seat in ((False, "02"), (True, None)):
        turns = Turns(2)
        turns.call(reserved_seat="02")
        change_seat(turns, "02", state=SeatState.RESERVED, attempt_id=A, phone_suspect=suspect)
        turns.at(8, CallWaiting(A))
        assert find_connected_seat(turns) == seat
    turns.call(reserved_seat="02")
    change_seat(turns, "02", state=SeatState.RESERVED, attempt_id=B)  # for another call
    turns.at(8, CallWaiting(A))
    assert find_connected_seat(turns) == "01"


def test_connecting_a_voter_records_the_agent_and_starts_the_connect_time_limit() -> None:
    turns = Turns(campaign={"record": True}, rules={"jurisdiction": "neutral"})
    turns.call()
    lines = turns.at(8, CallWaiting(A))
    assert "order connect_call_to_seat A 01" in lines
    assert "timer seat/01 2 voter-not-connected" in lines
    assert turns.features.live_calls[A].talk.agent == "1001"


def collect_effects(turns: Turns, seconds: float) -> list[Effect]:
    """Report at `seconds` that the voter of call A waits for a seat. Return the effects."""
    turns.clock.seconds = seconds
    turns.features.core.in_event = True
    turns.features.call_distributor.connect_or_queue_voter(turns.features.live_calls[A])
    return turns.features.core.pop_requested_side_effects()


@pytest.mark.parametrize("record", [True, False])
def test_request_to_connect_a_voter_starts_the_recording_and_a_timeout(record: bool) -> None:
    turns = Turns()
    run = turns.features.loaded_campaigns["calls"]
    run.spec = replace(run.spec, record=record)
    turns.call()
    effects = collect_effects(turns, 8.0)
    [order] = [effect for effect in effects if isinstance(effect, SwitchOrder)]
    assert order.call.keywords == {"record": record}
    [timer] = [effect for effect in effects if isinstance(effect, StartTimer) and effect.key == "seat/01"]
    assert timer.expired == TimerExpired(TimerKind.VOTER_NOT_CONNECTED, "01", A)


def test_seat_waits_longer_for_a_voter_who_first_hears_the_recording_announcement() -> None:
    turns = Turns()
    run = turns.features.loaded_campaigns["calls"]
    run.spec = replace(run.spec, announcement_seconds=3.0)
    turns.call()
    assert "timer seat/01 5 voter-not-connected" in turns.at(8, CallWaiting(A))


def test_failed_connection_of_a_voter_frees_only_the_seat_reserved_for_that_call() -> None:
    turns = Turns()
    turns.call()
    turns.at(8, CallWaiting(A))
    turns.at(9, TimerExpired(TimerKind.VOTER_NOT_CONNECTED, "01", B))
    assert turns.seat() is SeatState.RESERVED
    turns.at(10, TimerExpired(TimerKind.VOTER_NOT_CONNECTED, "01", A))
    assert turns.seat() is not SeatState.TALKING
    turns = Turns()
    turns.talking()
    turns.at(10, TimerExpired(TimerKind.VOTER_NOT_CONNECTED, "01", A))
    assert turns.seat() is SeatState.TALKING


@pytest.mark.parametrize(("answered_seconds", "waits"), [(8.0, 1.8), (7.0, 0.8), (0.0, 0.0), (None, 0.0)])
def test_voter_without_a_seat_waits_until_the_connect_limit_after_the_answer(
    answered_seconds: float | None, waits: float
) -> None:
    turns = Turns(0)
    run = turns.features.loaded_campaigns["calls"]
    run.spec = replace(run.spec, connect_limit_seconds=2.0)
    turns.call(answered_seconds=answered_seconds, answered_at=None if answered_seconds is None else NOON)
    timers = [effect for effect in collect_effects(turns, 8.0) if isinstance(effect, StartTimer)]
    expected = TimerExpired(TimerKind.CONNECT_LIMIT, attempt_id=A)
    if answered_seconds is None:  # answered just now
        waits = 1.8
    assert [(timer.key, round(timer.seconds, 6), timer.expired) for timer in timers] == [(f"call/{A}", waits, expected)]


def test_connect_limit_applies_to_an_answer_at_second_0_of_the_monotonic_clock() -> None:
    turns = Turns(0)
    run = turns.features.loaded_campaigns["calls"]
    run.spec = replace(run.spec, connect_limit_seconds=2.0)
    turns.call(answered_seconds=0.0, answered_at=NOON)
    [timer] = [effect for effect in collect_effects(turns, 0.5) if isinstance(effect, StartTimer)]
    assert round(timer.seconds, 6) == 1.3


def test_repeated_report_that_a_voter_waits_for_a_seat_changes_nothing() -> None:
    for facts in ({"waiting": True}, {"seat": "01", "agent": "1001"}, {"message_started": True}):
        turns = Turns()
        turns.call(answered_seconds=8.0, answered_at=NOON + 8, **cast(Any, facts))
        assert [line for line in turns.at(9, CallWaiting(A)) if not line.startswith("call")] == []


def test_answered_voter_hears_only_the_information_message_if_the_rules_forbid_the_call() -> None:
    turns = Turns()
    forbidden = Ruling((Objection(Reason.OPTED_OUT, "words", None),), None)
    turns.features.calling_rules_checker._gate.check_rules_before_connecting_agent = lambda *_: forbidden  # type: ignore[method-assign]
    turns.call()
    assert "order play_information_message A" in turns.at(8, CallWaiting(A))
    assert turns.seat() is SeatState.READY


@pytest.mark.parametrize("state", [SeatState.PAUSED, SeatState.READY])
def test_voter_returning_from_hold_is_connected_even_to_a_paused_seat(state: SeatState) -> None:
    turns = Turns()
    call = turns.talking()
    change_seat(turns, "01", state=state, attempt_id=None, campaign_id=None)
    turns.after(
        20, lambda: turns.features.call_distributor.on_voter_connected(turns.features.live_calls[call.attempt_id], "01")
    )
    assert turns.seat() is SeatState.TALKING


def test_voter_of_a_failed_transfer_gets_another_agent_if_the_phone_is_down() -> None:
    turns = Turns(2)
    call = turns.talking("01")
    change_seat(turns, "01", phone_up=False)
    turns.after(20, lambda: turns.features.call_distributor.choose_seat_after_failed_transfer(call, "01"))
    assert (find_connected_seat(turns), turns.features.live_calls[A].talk.agent) == ("02", "1002")
    assert turns.seat("02") is SeatState.TALKING


@pytest.mark.parametrize(("suspect", "seat"), [(False, "01"), (True, "02")])
def test_voter_of_a_failed_transfer_returns_only_to_an_agent_with_a_working_phone(suspect: bool, seat: str) -> None:
    turns = Turns(2)
    call = turns.talking("01")
    change_seat(turns, "01", state=SeatState.WRAP_UP, phone_suspect=suspect)
    turns.after(20, lambda: turns.features.call_distributor.choose_seat_after_failed_transfer(call, "01"))
    assert find_connected_seat(turns) == seat


def test_late_end_of_an_earlier_call_does_not_change_the_seat() -> None:
    turns = Turns()
    call = turns.talking()
    for fields in ({"attempt_id": B}, {"state": SeatState.WRAP_UP}):
        change_seat(turns, "01", attempt_id=A)
        change_seat(turns, "01", **cast(Any, fields))
        before = turns.features.agent_seats["01"]
        assert turns.after(20, lambda: turns.features.call_distributor.on_voter_left_seat(call, "01")) == []
        assert turns.features.agent_seats["01"] is before


@pytest.mark.parametrize("phone_disconnected", [False, True])
def test_pacing_receives_the_talk_time_of_a_conversation(phone_disconnected: bool) -> None:
    turns = Turns()
    call = turns.talking()
    turns.clock.seconds = 18.4
    turns.features.core.in_event = True
    if phone_disconnected:
        turns.features.call_distributor.on_phone_disconnected("01")
    else:
        turns.features.call_distributor.on_voter_left_seat(call, "01")
    [update] = [
        effect
        for effect in turns.features.core.pop_requested_side_effects()
        if isinstance(effect, UpdatePacer) and effect.kind is PacingEventKind.TALK_ENDED
    ]
    assert (update.campaign_id, round(update.seconds, 6)) == ("calls", 10)
    assert update.call is not None
    assert update.call.attempt_id == A


@pytest.mark.parametrize("answers", [(8.0, 9.0), (0.0, 0.5)])
def test_waiting_voters_get_free_seats_in_the_order_in_which_they_answered(answers: tuple[float, float]) -> None:
    turns = Turns()
    change_seat(turns, "01", state=SeatState.PAUSED)
    turns.call(B, phone_id=2, voter_id=2)
    turns.call()
    turns.at(answers[0], CallWaiting(A))
    turns.at(answers[1], CallWaiting(B))
    paused = turns.features.agent_seats["01"]
    turns.after(
        answers[1] + 0.5,
        lambda: turns.features.call_distributor.update_seat_and_connect_waiting_voter(
            paused, replace(paused, state=SeatState.READY)
        ),
    )
    assert find_connected_seat(turns) == "01"
    assert turns.features.live_calls[B].talk.seat is None


# Handovers from flows


def start_handover(turns: Turns) -> tuple[asyncio.AbstractEventLoop, asyncio.Task[bool]]:
    """Start the handover of call A from its flow to a seat. Return its loop and task."""
    loop = asyncio.new_event_loop()
    turns.features.core.in_event = True
    task = loop.create_task(turns.features.call_distributor.connect_flow_call_to_seat(A))
    loop.run_until_complete(asyncio.sleep(0))
    return loop, task


@pytest.mark.parametrize(
    ("event", "connected"),
    [
        (CallConnected(A, "01"), True),
        (TimerExpired(TimerKind.VOTER_NOT_CONNECTED, "01", A), False),
        (HUNG_UP, False),
    ],
)
def test_ivr_flow_learns_whether_its_voter_was_connected_to_an_agent(event: Any, connected: bool) -> None:
    turns = Turns()
    turns.call(answered_seconds=8.0, answered_at=NOON + 8)
    loop, task = start_handover(turns)
    assert not task.done()
    turns.at(9, event)
    assert loop.run_until_complete(task) is connected
    loop.close()


def test_ivr_flow_cannot_transfer_an_ended_call_or_transfer_without_a_free_seat() -> None:
    turns = Turns(0)
    assert not asyncio.run(turns.features.call_distributor.connect_flow_call_to_seat(A))
    turns.call()
    assert not asyncio.run(turns.features.call_distributor.connect_flow_call_to_seat(A))
    turns = Turns(2)
    turns.call()
    loop, _ = start_handover(turns)
    second = loop.create_task(turns.features.call_distributor.connect_flow_call_to_seat(A))
    assert not loop.run_until_complete(second)  # it is being handed over already
    turns.at(9, HUNG_UP)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


# Phones


def test_seat_with_a_possibly_dead_phone_gets_no_voter() -> None:
    turns = Turns()
    turns.after(1, lambda: turns.features.call_distributor.set_seat_phone_suspected_dead("01", True))
    turns.call()
    turns.at(8, CallWaiting(A))
    assert find_connected_seat(turns) is None
    turns.after(9, lambda: turns.features.call_distributor.set_seat_phone_suspected_dead("01", False))
    assert find_connected_seat(turns) == "01"
    disconnected = Turns()
    change_seat(disconnected, "01", phone_up=False)
    disconnected.after(1, lambda: disconnected.features.call_distributor.set_seat_phone_suspected_dead("01", True))
    assert not disconnected.features.agent_seats["01"].phone_suspect


def test_second_report_that_a_seats_phone_may_be_dead_changes_nothing() -> None:
    turns = Turns()
    before: Seat = turns.features.agent_seats["01"]
    assert turns.after(1, lambda: turns.features.call_distributor.set_seat_phone_suspected_dead("01", False)) == []
    assert turns.features.agent_seats["01"] is before


def test_wrap_up_that_began_before_a_restart_can_be_ended() -> None:
    turns = Turns()
    change_seat(turns, "01", state=SeatState.WRAP_UP)
    turns.after(5.0, lambda: turns.features.call_distributor.end_wrap_up(turns.features.agent_seats["01"]))
    assert turns.seat() is SeatState.READY


def test_agents_phone_is_called_again_after_a_failed_call() -> None:
    turns = Turns(2)
    change_seat(turns, "02", phone_up=False)
    turns.features.core.in_event = True
    turns.features.call_distributor.call_seat_phone("02")
    [order] = [each for each in turns.features.core.pop_requested_side_effects() if isinstance(each, SwitchOrder)]
    assert order.on_failure == TimerExpired(TimerKind.PHONE_NOT_CALLED, "02")
