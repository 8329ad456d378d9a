"""Seats that are reserved for calls: which seat is chosen, and when it is released."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialer.domain.model import AttemptId
from dialer.domain.view import SeatState
from dialer.engine.effects import Notify
from tests.support.turns import A, Turns

B = AttemptId("b" * 36)


def reserve_seat(turns: Turns, attempt_id: AttemptId = A, seat: str = "01") -> None:
    features = turns.features
    turns.after(
        0,
        lambda: features.seat_reservations_for_calls.reserve_seat(
            features.agent_seats[seat], features.loaded_campaigns["calls"], attempt_id
        ),
    )


def test_seat_without_the_skill_of_the_campaign_is_not_reserved() -> None:
    turns = Turns(seats=2)
    run, reserved = turns.features.loaded_campaigns["calls"], turns.features.seat_reservations_for_calls
    run.spec = replace(run.spec, skill="law")
    assert reserved.choose_seat(run, "hi") is None
    turns.place(replace(turns.features.agent_seats["02"], skills=frozenset({"law"})))
    chosen = reserved.choose_seat(run, "hi")
    assert chosen is not None
    assert chosen.name == "02"


def test_seat_restricted_to_another_campaign_is_not_reserved() -> None:
    turns = Turns(seats=2)
    run, reserved = turns.features.loaded_campaigns["calls"], turns.features.seat_reservations_for_calls
    turns.place(replace(turns.features.agent_seats["01"], campaigns=frozenset({"other"})))
    turns.place(replace(turns.features.agent_seats["02"], campaigns=frozenset({"calls"})))
    chosen = reserved.choose_seat(run, "hi")
    assert chosen is not None
    assert chosen.name == "02"


def test_seat_that_speaks_the_language_of_the_voter_is_reserved() -> None:
    turns = Turns(seats=2)
    for name, language in (("01", "hi"), ("02", "mr")):
        turns.place(replace(turns.features.agent_seats[name], agent_languages=frozenset({language})))
    for name, language in (("01", "hi"), ("02", "mr")):
        chosen = turns.features.seat_reservations_for_calls.choose_seat(
            turns.features.loaded_campaigns["calls"], language
        )
        assert chosen is not None
        assert chosen.name == name


def test_reserved_seat_is_free_again_if_the_call_is_not_placed() -> None:
    turns = Turns()
    reserve_seat(turns)
    assert turns.seat() is SeatState.RESERVED
    lines = turns.after(1, lambda: turns.features.seat_reservations_for_calls.release_seat_reserved_for_attempt(A))
    assert "seat 01 ready" in lines
    assert turns.seat() is SeatState.READY


def test_ending_an_attempt_without_a_reserved_seat_changes_no_seat() -> None:
    turns = Turns()
    reserve_seat(turns)
    assert turns.after(1, lambda: turns.features.seat_reservations_for_calls.release_seat_reserved_for_attempt(B)) == []
    assert turns.seat() is SeatState.RESERVED


@pytest.mark.parametrize("is_talking", [True, False])
def test_ending_an_attempt_does_not_release_a_seat_that_has_another_call(is_talking: bool) -> None:
    turns = Turns()
    reserve_seat(turns)
    seat, now = turns.features.agent_seats["01"], turns.features.core.read_clock()
    turns.place(seat.start_conversation(A, "calls", now) if is_talking else replace(seat, attempt_id=B))
    before = turns.features.agent_seats["01"]
    assert turns.after(1, lambda: turns.features.seat_reservations_for_calls.release_seat_reserved_for_attempt(A)) == []
    assert turns.features.agent_seats["01"] == before


def test_only_seats_reserved_for_ended_calls_are_released() -> None:
    turns = Turns(seats=2)
    reserve_seat(turns)
    reserve_seat(turns, B, "02")
    turns.features.live_calls.add_or_replace_call(replace(turns.call(), reserved_seat="01"))
    lines = turns.after(1, turns.features.seat_reservations_for_calls.release_unneeded_seat_reservations)
    assert (turns.seat("01"), turns.seat("02")) == (SeatState.RESERVED, SeatState.READY)
    assert not [line for line in lines if line.startswith("order")]


def test_ringing_call_that_lost_its_reserved_seat_is_cancelled() -> None:
    turns = Turns()
    reserve_seat(turns)
    turns.features.live_calls.add_or_replace_call(replace(turns.call(), reserved_seat="01"))
    turns.place(turns.features.agent_seats["01"].end_call_at_seat(turns.features.core.read_clock()))
    lines = turns.after(1, turns.features.seat_reservations_for_calls.release_unneeded_seat_reservations)
    assert "order hang_up_call A" in lines


def test_seat_on_an_unreachable_server_does_not_count_as_reserved() -> None:
    turns = Turns()
    reserve_seat(turns)
    call = replace(turns.call(), reserved_seat="01")
    assert turns.features.seat_reservations_for_calls.is_seat_reserved(call)
    assert not turns.features.seat_reservations_for_calls.is_seat_reserved(replace(call, attempt_id=B))
    assert not turns.features.seat_reservations_for_calls.is_seat_reserved(replace(call, reserved_seat=None))
    turns.features.asterisk_servers.add_asterisk_servers({}, ["b"])
    turns.features.asterisk_servers.up = {"b"}
    assert not turns.features.seat_reservations_for_calls.is_seat_reserved(call)


def test_reserved_seat_of_a_call_is_published() -> None:
    turns = Turns(seats=2)
    turns.features.core.in_event = True
    turns.features.seat_reservations_for_calls.publish_reserved_seat(replace(turns.call(), reserved_seat="02"))
    [effect] = turns.features.core.pop_requested_side_effects()
    assert isinstance(effect, Notify)
    assert getattr(effect.change, "seat", None) == "02"
    turns.features.seat_reservations_for_calls.publish_reserved_seat(turns.call())
    assert turns.features.core.pop_requested_side_effects() == []
