"""Transfers of calls: tables of stage, event, effects and next stage."""

from __future__ import annotations

import pytest

from dialer.domain.parties import Place, PlaceKind, make_transfer_party_id
from dialer.domain.switch_events import (
    CallConnected,
    CallHandedOver,
    CallLeftSeat,
    MessageStarted,
    PartyJoined,
    PartyLeft,
    SeatDown,
)
from dialer.domain.view import TransferStage
from dialer.engine.effects import Event, TimerExpired, TimerKind
from dialer.engine.transfers.state import CallTransfer
from tests.support.transfers import TRANSFERS
from tests.support.turns import HUNG_UP, A, Turns

BOSS = make_transfer_party_id(A, "boss", "t1")
TO_SEAT, ASIDE = Place(PlaceKind.SEAT, "01"), Place(PlaceKind.HANDOVER, A)
LET_GO = "order hang_up_third_party help-A-boss-t1"
LOST = (
    "learn talk-ended 11.6; timer seat/01 off; timer lost/01 900 agent-absent; seat 01 lost;"
    " timer phone/01 5 call-phone"
)
WRAPS_UP = "learn talk-ended 11.6; timer seat/01 off; seat 01 wrap-up; timer seat/01 60 wrap-up-expired"


@pytest.mark.parametrize(
    ("stage", "event", "follows", "then"),
    [
        ("hold", CallLeftSeat(A, "01"), "", "hold"),  # the talk has not ended
        ("hold", CallConnected(A, "01"), "seat 01 talking", None),
        ("hold", SeatDown("01"), f"seat 01 talking; {LET_GO}; order play_information_message A; {LOST}", None),
        (
            "returning",
            MessageStarted(A),
            f"seat 01 talking; {LET_GO}; {WRAPS_UP}; call message; timer call/A off",
            None,
        ),
        (
            "returning",
            SeatDown("01"),
            f"seat 01 talking; {LET_GO}; {LOST}",
            None,
        ),  # the dialplan plays the message
        ("calling", PartyJoined(BOSS, TO_SEAT), "seat 01 talking consult", "consult"),
        ("calling", PartyLeft(BOSS), "seat 01 talking returning; order connect_call_to_seat A 01", "returning"),
        ("consult", CallConnected(A, "01"), "seat 01 talking three-way", "three-way"),
        (
            "consult",
            HUNG_UP,
            f"seat 01 talking; {LET_GO}; timer call/A off; {WRAPS_UP}; call ended; commit end connected",
            None,
        ),
        ("merging", CallConnected(A, "01"), "seat 01 talking three-way", "three-way"),
        ("three-way", PartyLeft(BOSS), "seat 01 talking", None),
        (
            "three-way",
            SeatDown("01"),
            f"seat 01 talking handing-over; order move_third_party help-A-boss-t1 handover; {LOST}",
            "handing-over",
        ),
        (
            "transfer",
            PartyJoined(BOSS, ASIDE),
            "seat 01 talking handing-over; order hand_over_call_to_third_party A",
            "handing-over",
        ),
        ("transfer", PartyLeft(BOSS), "seat 01 talking returning; order connect_call_to_seat A 01", "returning"),
        ("handing-over", TimerExpired(TimerKind.HAND_OVER_FAILED, attempt_id=A), LET_GO, "handing-over"),
        ("handing-over", CallHandedOver(A), "seat 01 talking transferred", "transferred"),
        (
            "transferred",
            PartyLeft(BOSS),
            "seat 01 talking transferred",
            "transferred",
        ),  # the calls of both end by themselves
        (None, PartyJoined(BOSS, TO_SEAT), LET_GO, None),  # the target is no longer needed
        (None, PartyLeft(BOSS), "", None),
    ],
)
def test_switch_event_at_each_transfer_stage_causes_the_expected_orders_and_next_stage(
    stage: str | None, event: Event, follows: str, then: str | None
) -> None:
    turns = Turns(transfers=TRANSFERS)
    turns.talking()
    if stage is not None:
        turns.features.transfers_in_progress.add_or_replace_transfer(
            CallTransfer(A, "01", TransferStage(stage), BOSS, "boss")
        )
    turns.play([(20, event, follows)])
    now = turns.features.transfers_in_progress.find_transfer_of_call(A)
    assert (None if now is None else now.stage.value) == then


def test_voter_of_a_failed_transfer_goes_to_another_agent_or_hears_the_information_message() -> None:
    for seats, follows in (
        (2, "seat 02 talking transfer; seat 02 talking returning; order connect_call_to_seat A 02"),
        (1, "order play_information_message A"),
    ):
        turns = Turns(seats, transfers=TRANSFERS)
        turns.talking()
        turns.at(15, SeatDown("01"))
        turns.features.transfers_in_progress.add_or_replace_transfer(
            CallTransfer(A, "01", TransferStage.TRANSFER, BOSS, "boss")
        )
        lines = turns.at(20, PartyLeft(BOSS))
        assert "; ".join(line for line in lines if line.startswith(("seat 02", "order"))) == follows
