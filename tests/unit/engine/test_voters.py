"""The way of an answered voter to a seat: tables of second, event and effects."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from dialer.domain.model import AttemptId
from dialer.domain.switch_events import (
    CallAnswered,
    CallConnected,
    CallEnded,
    CallLeftSeat,
    CallRinging,
    CallWaiting,
    EndedBy,
    MachineDetected,
    MessageStarted,
    SeatDown,
    SeatUp,
)
from dialer.domain.view import SeatState
from dialer.engine.effects import Event, TimerExpired, TimerKind
from tests.support.turns import HUNG_UP, A, Turns

B = AttemptId("b" * 36)
TO_THE_SEAT = (
    "seat 01 reserved; call connecting; order connect_call_to_seat A 01; timer call/A off;"
    " timer seat/01 2 voter-not-connected"
)
LOST = "timer seat/01 off; timer lost/01 900 agent-absent; seat 01 lost; timer phone/01 5 call-phone"
TALK_ENDS = "timer seat/01 off; seat 01 wrap-up; timer seat/01 60 wrap-up-expired"


def test_answered_voter_is_connected_to_a_free_seat_immediately() -> None:
    turns = Turns()
    turns.call()
    turns.play(
        [
            (3, CallRinging(A), "call ringing"),
            (8, CallAnswered(A), "learn answered 8; commit save_answer_time_of_call A 8s; call waiting"),
            (8, CallAnswered(A), ""),
            (8.1, CallWaiting(A), TO_THE_SEAT),
            (
                8.4,
                CallConnected(A, "01"),
                "seat 01 talking; commit save_connect_time_of_call A 8.4s 01 1001; call talking;"
                " timer call/A off; timer seat/01 off",
            ),
            (60, HUNG_UP, f"timer call/A off; learn talk-ended 51.6; {TALK_ENDS}; call ended; commit end connected"),
            (
                62,
                TimerExpired(TimerKind.WRAP_UP_EXPIRED, "01"),
                "learn wrap-up-ended 2; timer seat/01 off; seat 01 ready",
            ),
            (63, CallAnswered(A), ""),
        ]
    )
    assert turns.seat() is SeatState.READY


def test_voter_without_a_free_agent_hears_the_information_message_once() -> None:
    turns = Turns(seats=0)
    turns.call()
    turns.play(
        [
            (
                8,
                CallWaiting(A),
                "learn answered 8; commit save_answer_time_of_call A 8s; call waiting; timer call/A 1.8 connect-limit",
            ),
            (
                9.8,
                TimerExpired(TimerKind.CONNECT_LIMIT, attempt_id=A),
                "learn abandoned 0; call message; timer call/A off; order play_information_message A",
            ),
            (9.9, MessageStarted(A), ""),
            (16, HUNG_UP, "timer call/A off; call ended; commit end abandoned"),
            (17, TimerExpired(TimerKind.CONNECT_LIMIT, attempt_id=A), ""),
        ]
    )


def test_waiting_voter_is_connected_to_the_next_free_seat() -> None:
    turns = Turns()
    turns.talking()
    turns.call(B, phone_id=2, voter_id=2)
    assert turns.at(50, CallWaiting(B))[-1] == f"timer call/{B} 1.8 connect-limit"
    turns.at(50.5, HUNG_UP)
    follows = turns.at(51, TimerExpired(TimerKind.WRAP_UP_EXPIRED, "01"))
    assert [line for line in follows if line.startswith("order")] == [f"order connect_call_to_seat {B} 01"]
    assert turns.seat() is SeatState.RESERVED


def test_seat_is_released_when_the_reserved_voter_is_not_connected() -> None:
    turns = Turns()
    turns.call()
    turns.at(8, CallWaiting(A))
    turns.play(
        [
            (
                10,
                TimerExpired(TimerKind.VOTER_NOT_CONNECTED, "01", A),
                "timer seat/01 off; seat 01 ready; call waiting",
            ),
            (10.1, MessageStarted(A), "learn abandoned 0; call message; timer call/A off"),
        ]
    )


def test_disconnected_phone_of_an_agent_is_called_again_until_log_off() -> None:
    turns = Turns()
    turns.talking()
    turns.play(
        [
            (30, SeatDown("01"), f"learn talk-ended 21.6; {LOST}"),
            (30, CallLeftSeat(A, "01"), ""),
            (30, MessageStarted(A), "call message; timer call/A off"),  # not abandoned, because a seat had the call
            (35, TimerExpired(TimerKind.CALL_PHONE, "01"), "timer phone/01 off; order call_seat_phone 01 agent01"),
            (36, TimerExpired(TimerKind.PHONE_NOT_CALLED, "01"), "timer phone/01 5 call-phone"),
            (40, HUNG_UP, "timer call/A off; call ended; commit end connected"),
            (42, SeatUp("01"), "timer seat/01 off; timer lost/01 off; seat 01 ready"),
            (43, SeatDown("01"), LOST),
            (
                943,
                TimerExpired(TimerKind.AGENT_ABSENT, "01"),
                "timer seat/01 off; timer lost/01 off; seat 01 offline; beside drop-log-in",
            ),
            (944, TimerExpired(TimerKind.CALL_PHONE, "01"), ""),
        ]
    )


@pytest.mark.parametrize(
    ("table", "campaign"),
    [
        (
            [
                (8, CallAnswered(A), "commit save_answer_time_of_call A 8s; call waiting"),
                (9, MachineDetected(A), "learn failed 8; learn taken-for-machine 0"),
                (9, MachineDetected(A), ""),
                (10, HUNG_UP, "timer call/A off; call ended; commit end machine"),
            ],
            "before-seat",
        ),
        (
            [
                (8, CallAnswered(A), "commit save_answer_time_of_call A 8s; call waiting"),
                (9, CallWaiting(A), f"learn answered 8; {TO_THE_SEAT}"),  # a person: counts as an answer only now
            ],
            "before-seat",
        ),
        (
            [
                (8, CallAnswered(A), "commit save_answer_time_of_call A 8s; call waiting"),
                (9, HUNG_UP, "timer call/A off; learn answered 8; call ended; commit end dropped"),
            ],
            "before-seat",
        ),
        (
            [
                (8, CallAnswered(A), "learn answered 8; commit save_answer_time_of_call A 8s; call waiting"),
                (9, MachineDetected(A), "learn machine 8; learn taken-for-machine 0"),
            ],
            "after-seat",
        ),
    ],
)
def test_pacing_counts_each_live_answer_once_and_no_answering_machine(
    table: list[tuple[float, Event, str]], campaign: str
) -> None:
    turns = Turns(campaign={"machine_detection": campaign})
    turns.call(answer_classified=campaign != "before-seat")
    turns.play(table)


@pytest.mark.parametrize("order", list(permutations([CallAnswered(A), CallWaiting(A), CallConnected(A, "01")])))
def test_answered_call_is_connected_and_counted_once_in_any_order_of_its_events(order: tuple[Event, ...]) -> None:
    turns = Turns()
    turns.call()
    lines = [line for event in order for line in turns.at(8, event) if line.startswith(("learn", "commit"))]
    assert sorted(lines) == [
        "commit save_answer_time_of_call A 8s",
        "commit save_connect_time_of_call A 8s 01 1001",
        "learn answered 8",
    ]
    assert turns.seat() is SeatState.TALKING


@pytest.mark.parametrize(
    ("facts", "follows"),
    [
        ({}, "learn failed 30; call ended; commit end no-answer"),
        ({"cancelled": True}, "learn cancelled 30; call ended; commit end cancelled"),
        ({"inbound": True}, "call ended; commit end missed"),
        (
            {"originate_sent": False, "cancelled": True},
            "call ended; commit end cancelled",
        ),  # the call was never sent: nothing is learned
    ],
)
def test_pacing_counts_each_unanswered_call_once(facts: dict[str, Any], follows: str) -> None:
    turns = Turns()
    turns.call(**facts)
    ended = CallEnded(A, EndedBy.HANGUP, answered=False, timed_out=True, ever_ringing=True)
    turns.play([(30, ended, f"timer call/A off; {follows}"), (30, ended, "")])


def test_ended_call_waits_a_limited_time_for_its_ivr_flow() -> None:
    turns = Turns()
    turns.call(is_running=True, waiting=True, answered_seconds=8.0, answered_at=8.0)
    turns.play(
        [
            (20, HUNG_UP, "timer flow/A 5 flow-overdue"),
            (
                25,
                TimerExpired(TimerKind.FLOW_OVERDUE, attempt_id=A),
                "timer call/A off; call ended; commit end dropped",
            ),
            (26, TimerExpired(TimerKind.FLOW_OVERDUE, attempt_id=A), ""),
        ]
    )
