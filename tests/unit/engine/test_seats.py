"""The state machine of a seat, step by step and in random walks."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.clock import Instant
from dialer.domain.errors import CommandRefused
from dialer.domain.model import AttemptId
from dialer.domain.view import SeatState
from dialer.engine.seats.log_ins import AgentAccount
from dialer.engine.seats.state import Seat, choose_seat
from dialer.pacing.port import SeatStage

CALL = AttemptId("3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c22")


def make_instant(seconds: float) -> Instant:
    return Instant(seconds, seconds)


def make_seat(name: str = "01", languages_of_the_seat: frozenset[str] = frozenset(), **facts: object) -> Seat:
    return Seat(name, f"agent{name}", languages_of_the_seat, make_instant(0.0), **facts)  # type: ignore[arg-type]  # facts by name


def make_ready_seat(
    name: str = "01",
    since: float = 0.0,
    languages: frozenset[str] = frozenset(),
    skills: frozenset[str] = frozenset(),
) -> Seat:
    return Seat(
        name, f"agent{name}", languages, make_instant(since), SeatState.READY, "anna", skills=skills, phone_up=True
    )


def test_agent_is_logged_in_only_when_the_seats_phone_has_answered() -> None:
    seat = make_seat().log_in_agent("anna", None, make_instant(1.0))
    assert seat.state is SeatState.LOST
    assert seat.connect_phone(make_instant(2.0)).state is SeatState.READY


def test_seat_is_reserved_talking_in_wrap_up_and_ready_again_during_a_call() -> None:
    seat = make_ready_seat().reserve_seat_for_call(CALL, "c", make_instant(1.0))
    assert seat.state is SeatState.RESERVED
    seat = seat.start_conversation(CALL, "c", make_instant(2.0)).end_call_at_seat(make_instant(62.0))
    assert (seat.state, seat.attempt_id, seat.since.seconds) == (SeatState.WRAP_UP, CALL, 62.0)
    seat = seat.end_wrap_up(make_instant(70.0))
    assert (seat.state, seat.attempt_id, seat.since.seconds) == (SeatState.READY, None, 70.0)


def test_seat_is_ready_again_if_the_voter_was_not_connected() -> None:
    assert (
        make_ready_seat().reserve_seat_for_call(CALL, "c", make_instant(1.0)).end_call_at_seat(make_instant(2.0)).state
        is SeatState.READY
    )


def test_pause_requested_by_an_agent_during_a_call_takes_effect_after_the_wrap_up() -> None:
    seat = make_ready_seat().start_conversation(CALL, "c", make_instant(1.0)).pause_seat("tea", make_instant(2.0))
    assert seat.state is SeatState.TALKING
    assert seat.is_agent_leaving
    seat = seat.end_call_at_seat(make_instant(3.0)).end_wrap_up(make_instant(4.0))
    assert (seat.state, seat.reason) == (SeatState.PAUSED, "tea")
    assert seat.make_seat_ready(make_instant(5.0)).state is SeatState.READY


def test_log_off_requested_by_an_agent_during_a_call_takes_effect_after_the_call() -> None:
    seat = make_ready_seat().start_conversation(CALL, "c", make_instant(1.0)).log_off_agent(make_instant(2.0))
    assert seat.state is SeatState.TALKING
    seat = seat.end_call_at_seat(make_instant(3.0)).end_wrap_up(make_instant(4.0))
    assert (seat.state, seat.agent) == (SeatState.OFFLINE, None)


def test_seat_shows_that_its_phone_is_lost_while_the_agents_phone_is_disconnected() -> None:
    seat = make_ready_seat().start_conversation(CALL, "c", make_instant(1.0)).disconnect_phone(make_instant(2.0))
    assert (seat.state, seat.agent) == (SeatState.LOST, "anna")
    seat = seat.connect_phone(make_instant(3.0))
    assert (seat.state, seat.attempt_id) == (SeatState.READY, None)


def test_wrap_up_continues_while_the_agents_phone_is_disconnected() -> None:
    seat = (
        make_ready_seat()
        .start_conversation(CALL, "c", make_instant(1.0))
        .end_call_at_seat(make_instant(2.0))
        .disconnect_phone(make_instant(3.0))
    )
    assert seat.state is SeatState.WRAP_UP
    assert seat.end_wrap_up(make_instant(4.0)).state is SeatState.LOST


def test_seat_is_vacant_after_the_agent_logs_off_and_the_phone_hangs_up() -> None:
    talking = make_ready_seat().start_conversation(CALL, "c", make_instant(1.0))
    for gone in (
        talking.log_off_agent(make_instant(2.0)).disconnect_phone(make_instant(3.0)),
        talking.log_off_agent(make_instant(2.0))
        .end_call_at_seat(make_instant(3.0))
        .disconnect_phone(make_instant(4.0))
        .end_wrap_up(make_instant(5.0)),
    ):
        assert (gone.state, gone.agent, gone.attempt_id) == (SeatState.OFFLINE, None, None)
        assert gone.connect_phone(make_instant(6.0)).state is SeatState.OFFLINE


def test_seat_without_agent_is_vacant_after_a_conversation_found_at_a_restart() -> None:
    found = make_seat(phone_up=True).start_conversation(CALL, "c", make_instant(1.0))
    assert found.end_call_at_seat(make_instant(2.0)).end_wrap_up(make_instant(2.0)).state is SeatState.OFFLINE


def test_paused_seat_stays_paused_while_the_agents_phone_is_disconnected() -> None:
    seat = (
        make_ready_seat()
        .pause_seat("tea", make_instant(1.0))
        .disconnect_phone(make_instant(2.0))
        .connect_phone(make_instant(3.0))
    )
    assert seat.state is SeatState.PAUSED


@pytest.mark.parametrize("command", ["log_off_agent", "make_seat_ready"])
def test_seat_without_an_agent_refuses_commands(command: str) -> None:
    with pytest.raises(CommandRefused, match="seat 01"):
        getattr(make_seat(), command)(make_instant(1.0))


def test_two_agents_cannot_be_logged_in_at_one_seat() -> None:
    with pytest.raises(CommandRefused, match="is already in use"):
        make_ready_seat().log_in_agent("bela", None, make_instant(1.0))


def test_voter_gets_the_longest_idle_agent_who_speaks_the_language_of_the_voter() -> None:
    tamil = make_ready_seat("01", since=5.0, languages=frozenset({"ta"}))
    hindi = make_ready_seat("02", since=9.0, languages=frozenset({"hi"}))
    any_language = make_ready_seat("03", since=7.0)
    assert choose_seat([tamil, hindi, any_language], "hi") is any_language
    assert choose_seat([tamil, hindi], "hi") is hindi
    assert choose_seat([tamil], "hi") is tamil
    assert choose_seat([make_seat()], "hi") is None


def test_languages_of_the_agent_replace_the_languages_of_the_seat() -> None:
    seat = make_seat(phone_up=True, languages_of_the_seat=frozenset({"hi"})).log_in_agent(
        "101", AgentAccount("101", "", frozenset({"ta"})), make_instant(1.0)
    )
    other = make_ready_seat("02", since=5.0)
    assert seat.spoken_languages == {"ta"}
    assert choose_seat([seat, other], "hi") is other
    assert choose_seat([seat, other], "ta") is seat
    assert seat.log_off_agent(make_instant(2.0)).spoken_languages == {"hi"}


def test_seat_of_a_conversation_that_is_about_to_end_is_marked_as_closing() -> None:
    talking = (
        make_ready_seat()
        .reserve_seat_for_call(CALL, "turnout", make_instant(1.0))
        .start_conversation(CALL, "turnout", make_instant(2.0))
    )
    assert talking.conversation_stage is SeatStage.TALKING
    closing = talking.mark_talk_as_ending_soon(30.0)
    assert (closing.conversation_stage, closing.closing_since_seconds, closing.since.seconds) == (
        SeatStage.CLOSING,
        30.0,
        2.0,
    )
    assert closing.mark_talk_as_ending_soon(31.0) is closing
    wrapping = closing.end_call_at_seat(make_instant(40.0))
    assert (wrapping.conversation_stage, wrapping.closing_since_seconds) == (SeatStage.WRAP_UP, None)
    assert wrapping.mark_talk_as_ending_soon(45.0).conversation_stage is SeatStage.WRAP_UP_FILLED
    for seat in (
        make_seat(),
        make_ready_seat(),
        make_ready_seat().reserve_seat_for_call(CALL, "turnout", make_instant(1.0)),
    ):
        with pytest.raises(CommandRefused, match="no call or wrap-up, so the agent cannot announce its end"):
            seat.mark_talk_as_ending_soon(3.0)
    assert wrapping.mark_talk_as_ending_soon(45.0).end_wrap_up(make_instant(50.0)).closing_since_seconds is None


def test_agent_without_a_required_skill_is_never_chosen() -> None:
    skilled = make_ready_seat("02", since=9.0, skills=frozenset({"senior"}))
    assert choose_seat([make_ready_seat("01"), skilled], "hi", "senior") is skilled
    assert choose_seat([make_ready_seat("01")], "hi", "senior") is None
    assert choose_seat([make_ready_seat("01"), skilled], "hi") is not skilled
    assert not skilled.log_off_agent(make_instant(1.0)).skills


STEPS = ("log_in", "log_off", "pause", "ready", "reserve", "talk", "end", "wrap", "came", "went")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(STEPS), max_size=30))
def test_state_of_a_seat_stays_consistent_after_random_events(steps: list[str]) -> None:
    seat, now = make_seat(), 0.0
    for step in steps:
        now += 1.0
        with contextlib.suppress(CommandRefused):
            seat = _apply_step(seat, step, now)
        if seat.state is SeatState.READY:
            assert seat.agent is not None
            assert seat.phone_up
            assert seat.attempt_id is None
        if seat.state is SeatState.OFFLINE:
            assert seat.agent is None
        if seat.state is SeatState.LOST:
            assert seat.then is not SeatState.OFFLINE
        if seat.state in {SeatState.TALKING, SeatState.RESERVED}:
            assert seat.attempt_id == CALL


def _apply_step(seat: Seat, step: str, now: float) -> Seat:
    match step:
        case "log_in":
            return seat.log_in_agent("anna", None, make_instant(now))
        case "log_off":
            return seat.log_off_agent(make_instant(now))
        case "pause":
            return seat.pause_seat("tea", make_instant(now))
        case "ready":
            return seat.make_seat_ready(make_instant(now))
        case "reserve" if seat.state is SeatState.READY:
            return seat.reserve_seat_for_call(CALL, "c", make_instant(now))
        case "talk" if seat.state in {SeatState.READY, SeatState.RESERVED}:
            return seat.start_conversation(CALL, "c", make_instant(now))
        case "end":
            return seat.end_call_at_seat(make_instant(now))
        case "wrap" if seat.state is SeatState.WRAP_UP:
            return seat.end_wrap_up(make_instant(now))
        case "came":
            return seat.connect_phone(make_instant(now))
        case "went":
            return seat.disconnect_phone(make_instant(now))
    return seat
