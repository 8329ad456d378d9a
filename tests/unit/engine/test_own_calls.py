"""Calls that agents dial: tables of the effects at the seat and the orders to the switch."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from dialer.domain.errors import CommandRefused, RefusedBecause
from dialer.domain.model import AttemptId, NewAttempt
from dialer.domain.switch_events import CallAnswered, CallEnded, CallWaiting, EndedBy, SeatDown, SeatKeyPressed
from dialer.domain.view import CallState, Preview, SeatState
from dialer.engine.effects import TimerExpired, TimerKind
from tests.support.turns import A, Turns

BACK = "timer call/A off; timer seat/01 off; seat 01 ready; call ended; commit end refused"
B = AttemptId("b" * 36)


def set_up_preview(dials: bool = False, **campaign: object) -> Turns:
    """Return an engine in which a call is previewed at seat 01 and not dialled."""
    turns = Turns(campaign={"pacing": "preview", **campaign})
    seat = turns.features.agent_seats["01"]
    turns.place(seat.reserve_seat_for_call(A, "calls", turns.features.core.read_clock()))
    call = replace(turns.call(originate_sent=False), reserved_seat="01")
    turns.features.live_calls.add_or_replace_call(call.copy_call_with_preview(Preview(turns.clock.now() + 60, dials)))
    originator = turns.features.campaign_call_placer._originator
    turns.features.seat_reservations_for_calls._seats_by_attempt[A] = "01"
    [run] = turns.features.loaded_campaigns.list_campaign_runs()
    originator._previewed[A] = run, cast(NewAttempt, None)  # the table dials nothing
    return turns


def test_previewed_call_has_the_state_preview_and_is_shown_at_the_agents_seat() -> None:
    turns = set_up_preview()
    [call] = turns.features.live_calls.list_live_calls()
    assert call.call_state is CallState.PREVIEW
    [view] = turns.engine.make_centre_view().seats
    assert view.preview is not None
    assert not view.dialling


def test_skipped_call_preview_frees_the_seat_and_makes_the_number_due_again() -> None:
    turns = set_up_preview()
    ends = turns.after(5, lambda: turns.features.agent_dialling_service.skip_previewed_call("01", A))
    assert "; ".join(ends) == BACK
    assert turns.seat() is SeatState.READY


@pytest.mark.parametrize("gone", [True, False])
def test_cancelled_call_preview_sends_no_command_to_asterisk(gone: bool) -> None:
    turns = set_up_preview()
    if gone:
        turns.at(3, SeatDown("01"))
        ends = turns.after(4, turns.features.seat_reservations_for_calls.release_unneeded_seat_reservations)
        assert [line for line in ends if line.startswith("commit")] == ["commit end refused"]
    else:
        ends = turns.after(4, lambda: turns.features.live_calls.cancel_call(turns.features.live_calls[A]))
        assert "; ".join(ends) == BACK
    assert not [line for line in ends if line.startswith("order")]


def test_expired_call_preview_returns_the_number_to_the_queue_and_pauses_the_seat() -> None:
    turns = set_up_preview()
    ends = turns.at(60, TimerExpired(TimerKind.PREVIEW_EXPIRED, "01", A))
    assert "; ".join(ends) == BACK.replace("ready", "paused")
    assert turns.features.agent_seats["01"].reason == "preview-unanswered"
    assert turns.at(61, TimerExpired(TimerKind.PREVIEW_EXPIRED, "01", A)) == []


def test_expired_call_preview_is_dialled_if_the_campaign_dials_previews_automatically() -> None:
    turns = set_up_preview(dials=True, preview_seconds=60)
    ends = turns.at(60, TimerExpired(TimerKind.PREVIEW_EXPIRED, "01", A))
    assert "; ".join(ends) == "call sending; timer preview/A off; seat 01 reserved; beside dial-preview"
    assert turns.at(60, TimerExpired(TimerKind.PREVIEW_EXPIRED, "01", A)) == []


def test_agents_phone_keys_dial_and_skip_a_preview() -> None:
    turns = set_up_preview()
    turns.at(3, SeatKeyPressed("01", "*"))
    [done] = turns.at(3.5, SeatKeyPressed("01", "3"))
    assert "SeatPreviewSkip(seat='01'" in done


def test_answered_preview_call_is_connected_to_the_seat_reserved_for_the_call() -> None:
    turns = Turns(seats=2, campaign={"pacing": "preview"})
    seat = turns.features.agent_seats["02"]
    turns.place(seat.reserve_seat_for_call(A, "calls", turns.features.core.read_clock()))
    turns.features.live_calls.add_or_replace_call(replace(turns.call(), reserved_seat="02"))
    turns.at(8, CallAnswered(A))
    orders = [line for line in turns.at(8, CallWaiting(A)) if line.startswith("order")]
    assert orders == ["order connect_call_to_seat A 02"]


def test_command_for_a_previewed_call_of_another_seat_is_refused() -> None:
    turns = set_up_preview()
    for seat, attempt_id in (("01", B),):
        with pytest.raises(CommandRefused) as refused:
            turns.features.agent_dialling_service.skip_previewed_call(seat, attempt_id)
        assert refused.value.why is RefusedBecause.CALL_OVER
    turns.features.live_calls.add_or_replace_call(turns.features.live_calls[A].copy_call_without_preview())
    with pytest.raises(CommandRefused, match="already being dialled"):
        turns.features.agent_dialling_service.skip_previewed_call("01", A)


def test_unanswered_call_frees_the_seat_reserved_for_the_call() -> None:
    turns = set_up_preview()
    turns.features.live_calls.add_or_replace_call(
        turns.features.live_calls[A].copy_call_without_preview().copy_call_with_originate_sent(5.0)
    )
    ends = turns.at(30, CallEnded(A, EndedBy.HANGUP, answered=False, dial_status="BUSY"))
    assert ends[-1] == "commit end busy"
    assert turns.seat() is SeatState.READY
