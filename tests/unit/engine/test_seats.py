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


def at(seconds: float) -> Instant:
    return Instant(seconds, seconds)


def a_seat(name: str = "01", languages_of_the_seat: frozenset[str] = frozenset(), **facts: object) -> Seat:
    return Seat(name, f"agent{name}", languages_of_the_seat, at(0.0), **facts)  # type: ignore[arg-type]  # facts by name


def a_ready_seat(
    name: str = "01",
    since: float = 0.0,
    languages: frozenset[str] = frozenset(),
    skills: frozenset[str] = frozenset(),
) -> Seat:
    return Seat(name, f"agent{name}", languages, at(since), SeatState.READY, "anna", skills=skills, phone_up=True)


def test_log_in_is_complete_only_when_the_phone_has_answered() -> None:
    seat = a_seat().log_in("anna", None, at(1.0))
    assert seat.state is SeatState.LOST
    assert seat.connect_phone(at(2.0)).state is SeatState.READY


def test_seat_goes_from_reserved_through_a_call_back_to_ready() -> None:
    seat = a_ready_seat().reserve(CALL, "c", at(1.0))
    assert seat.state is SeatState.RESERVED
    seat = seat.start_talk(CALL, "c", at(2.0)).end_call(at(62.0))
    assert (seat.state, seat.attempt_id, seat.since.seconds) == (SeatState.WRAP_UP, CALL, 62.0)
    seat = seat.end_wrap_up(at(70.0))
    assert (seat.state, seat.attempt_id, seat.since.seconds) == (SeatState.READY, None, 70.0)


def test_seat_is_ready_again_if_its_voter_was_not_connected() -> None:
    assert a_ready_seat().reserve(CALL, "c", at(1.0)).end_call(at(2.0)).state is SeatState.READY


def test_pause_during_a_call_takes_effect_after_the_wrap_up() -> None:
    seat = a_ready_seat().start_talk(CALL, "c", at(1.0)).pause("tea", at(2.0))
    assert seat.state is SeatState.TALKING
    assert seat.is_leaving
    seat = seat.end_call(at(3.0)).end_wrap_up(at(4.0))
    assert (seat.state, seat.reason) == (SeatState.PAUSED, "tea")
    assert seat.make_ready(at(5.0)).state is SeatState.READY


def test_log_off_during_a_call_takes_effect_after_the_call() -> None:
    seat = a_ready_seat().start_talk(CALL, "c", at(1.0)).log_off(at(2.0))
    assert seat.state is SeatState.TALKING
    seat = seat.end_call(at(3.0)).end_wrap_up(at(4.0))
    assert (seat.state, seat.agent) == (SeatState.OFFLINE, None)


def test_seat_is_lost_while_its_phone_is_disconnected() -> None:
    seat = a_ready_seat().start_talk(CALL, "c", at(1.0)).disconnect_phone(at(2.0))
    assert (seat.state, seat.agent) == (SeatState.LOST, "anna")
    seat = seat.connect_phone(at(3.0))
    assert (seat.state, seat.attempt_id) == (SeatState.READY, None)


def test_wrap_up_continues_while_the_agents_phone_is_disconnected() -> None:
    seat = a_ready_seat().start_talk(CALL, "c", at(1.0)).end_call(at(2.0)).disconnect_phone(at(3.0))
    assert seat.state is SeatState.WRAP_UP
    assert seat.end_wrap_up(at(4.0)).state is SeatState.LOST


def test_seat_is_empty_after_log_off_and_hang_up() -> None:
    talking = a_ready_seat().start_talk(CALL, "c", at(1.0))
    for gone in (
        talking.log_off(at(2.0)).disconnect_phone(at(3.0)),
        talking.log_off(at(2.0)).end_call(at(3.0)).disconnect_phone(at(4.0)).end_wrap_up(at(5.0)),
    ):
        assert (gone.state, gone.agent, gone.attempt_id) == (SeatState.OFFLINE, None, None)
        assert gone.connect_phone(at(6.0)).state is SeatState.OFFLINE


def test_seat_without_agent_is_empty_after_a_conversation_found_at_a_restart() -> None:
    found = a_seat(phone_up=True).start_talk(CALL, "c", at(1.0))
    assert found.end_call(at(2.0)).end_wrap_up(at(2.0)).state is SeatState.OFFLINE


def test_seat_stays_paused_while_its_phone_is_lost() -> None:
    seat = a_ready_seat().pause("tea", at(1.0)).disconnect_phone(at(2.0)).connect_phone(at(3.0))
    assert seat.state is SeatState.PAUSED


@pytest.mark.parametrize("command", ["log_off", "make_ready"])
def test_seat_without_an_agent_refuses_commands(command: str) -> None:
    with pytest.raises(CommandRefused, match="seat 01"):
        getattr(a_seat(), command)(at(1.0))


def test_two_agents_cannot_have_one_seat() -> None:
    with pytest.raises(CommandRefused, match="is already in use"):
        a_ready_seat().log_in("bela", None, at(1.0))


def test_voter_gets_the_longest_idle_agent_who_speaks_the_language() -> None:
    tamil = a_ready_seat("01", since=5.0, languages=frozenset({"ta"}))
    hindi = a_ready_seat("02", since=9.0, languages=frozenset({"hi"}))
    any_language = a_ready_seat("03", since=7.0)
    assert choose_seat([tamil, hindi, any_language], "hi") is any_language
    assert choose_seat([tamil, hindi], "hi") is hindi
    assert choose_seat([tamil], "hi") is tamil
    assert choose_seat([a_seat()], "hi") is None


def test_agents_languages_replace_those_of_the_seat() -> None:
    seat = a_seat(phone_up=True, languages_of_the_seat=frozenset({"hi"})).log_in(
        "101", AgentAccount("101", "", frozenset({"ta"})), at(1.0)
    )
    other = a_ready_seat("02", since=5.0)
    assert seat.spoken_languages == {"ta"}
    assert choose_seat([seat, other], "hi") is other
    assert choose_seat([seat, other], "ta") is seat
    assert seat.log_off(at(2.0)).spoken_languages == {"hi"}


def test_closing_a_conversation_changes_the_reported_stage_of_the_seat() -> None:
    talking = a_ready_seat().reserve(CALL, "turnout", at(1.0)).start_talk(CALL, "turnout", at(2.0))
    assert talking.stage is SeatStage.TALKING
    closing = talking.announce_closing(30.0)
    assert (closing.stage, closing.closing_since_seconds, closing.since.seconds) == (SeatStage.CLOSING, 30.0, 2.0)
    assert closing.announce_closing(31.0) is closing
    wrapping = closing.end_call(at(40.0))
    assert (wrapping.stage, wrapping.closing_since_seconds) == (SeatStage.WRAP_UP, None)
    assert wrapping.announce_closing(45.0).stage is SeatStage.WRAP_UP_FILLED
    for seat in (a_seat(), a_ready_seat(), a_ready_seat().reserve(CALL, "turnout", at(1.0))):
        with pytest.raises(CommandRefused, match="no call or wrap-up to close"):
            seat.announce_closing(3.0)
    assert wrapping.announce_closing(45.0).end_wrap_up(at(50.0)).closing_since_seconds is None


def test_agent_without_a_required_skill_is_never_chosen() -> None:
    skilled = a_ready_seat("02", since=9.0, skills=frozenset({"senior"}))
    assert choose_seat([a_ready_seat("01"), skilled], "hi", "senior") is skilled
    assert choose_seat([a_ready_seat("01")], "hi", "senior") is None
    assert choose_seat([a_ready_seat("01"), skilled], "hi") is not skilled
    assert not skilled.log_off(at(1.0)).skills


STEPS = ("log_in", "log_off", "pause", "ready", "reserve", "talk", "end", "wrap", "came", "went")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(STEPS), max_size=30))
def test_seat_stays_consistent_after_random_events(steps: list[str]) -> None:
    seat, now = a_seat(), 0.0
    for step in steps:
        now += 1.0
        with contextlib.suppress(CommandRefused):
            seat = _take(seat, step, now)
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


def _take(seat: Seat, step: str, now: float) -> Seat:
    match step:
        case "log_in":
            return seat.log_in("anna", None, at(now))
        case "log_off":
            return seat.log_off(at(now))
        case "pause":
            return seat.pause("tea", at(now))
        case "ready":
            return seat.make_ready(at(now))
        case "reserve" if seat.state is SeatState.READY:
            return seat.reserve(CALL, "c", at(now))
        case "talk" if seat.state in {SeatState.READY, SeatState.RESERVED}:
            return seat.start_talk(CALL, "c", at(now))
        case "end":
            return seat.end_call(at(now))
        case "wrap" if seat.state is SeatState.WRAP_UP:
            return seat.end_wrap_up(at(now))
        case "came":
            return seat.connect_phone(at(now))
        case "went":
            return seat.disconnect_phone(at(now))
    return seat
