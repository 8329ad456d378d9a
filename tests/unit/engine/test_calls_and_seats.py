"""Supervisors, recordings, phone keys, silent phones and the link to the switch: tables of events and the effects that
follow.
"""

from __future__ import annotations

import pytest

from dialer.domain.enums import SupervisorRole
from dialer.domain.model import AttemptId, ListeningMode
from dialer.domain.parties import make_supervision_party_id
from dialer.domain.switch_events import (
    CallEnded,
    CallWaiting,
    EndedBy,
    MessageFailed,
    PartyLeft,
    PhoneUnreachable,
    RecordingStarted,
    SeatDown,
    SeatKeyPressed,
    SeatPhoneSilent,
    StrayCallFound,
    SwitchDown,
    SwitchUp,
)
from dialer.domain.view import SeatState
from dialer.engine.effects import CallFinished, TimerExpired, TimerKind
from dialer.engine.supervision.state import Listener, SupervisorPhone
from tests.support.turns import HUNG_UP, A, Turns

STRANGER = AttemptId("5" * 36)
SUP = SupervisorPhone("sup", "sup", SupervisorRole.SUPERVISOR)
SILENT = {"seat_rtp_timeout_seconds": 5}


@pytest.mark.parametrize("mode", ListeningMode)
def test_barging_supervisor_only_listens_after_the_conversation_ends(mode: ListeningMode) -> None:
    turns = Turns()
    turns.talking()
    party = make_supervision_party_id("x")
    turns.features.supervisors_monitoring_seats.add_or_replace_monitoring_supervisor(Listener(SUP, "01", mode, party))
    begun = turns.at(20, HUNG_UP)
    assert ("beside barge-ends" in begun) is (mode is ListeningMode.BARGE)
    [kept] = turns.at(21, PartyLeft(party))
    assert kept.startswith(f"commit append_audit_entry {mode.value}-end sup ")
    assert kept.endswith("'because': 'hung up'} 21s")
    assert not turns.features.supervisors_monitoring_seats


def test_listening_supervisor_is_released_when_the_agent_logs_off() -> None:
    turns = Turns()
    turns.features.supervisors_monitoring_seats.add_or_replace_monitoring_supervisor(
        Listener(SUP, "01", ListeningMode.LISTEN, make_supervision_party_id("x"))
    )
    assert f"order hang_up_third_party {make_supervision_party_id('x')}" in turns.at(
        20, TimerExpired(TimerKind.AGENT_ABSENT, "01")
    )


def test_call_recording_reported_twice_is_stored_once() -> None:
    turns = Turns()
    turns.talking()
    turns.play([(20, RecordingStarted(A), "commit save_start_of_call_recording A 20s"), (21, RecordingStarted(A), "")])


def test_seat_refuses_phone_keys_while_a_command_is_running() -> None:
    turns = Turns()
    turns.talking()
    turns.play(
        [
            (20, SeatKeyPressed("01", "*"), "order play_key_feedback_tone 01 key"),
            (20.1, SeatKeyPressed("01", "3"), "SeatHangUp(seat='01', name='seat-hang-up')"),
            (20.2, SeatKeyPressed("01", "*"), "order play_key_feedback_tone 01 key"),
            (
                20.3,
                SeatKeyPressed("01", "8"),
                "order play_key_feedback_tone 01 wrong",
            ),  # the last command is still running
            (21, SeatKeyPressed("99", "3"), ""),
        ]
    )


def test_call_counts_as_abandoned_if_the_agents_phone_is_found_dead_early() -> None:
    turns = Turns(asterisk=SILENT)
    turns.talking()
    turns.at(12, SeatDown("01"))
    turns.play([(12, SeatPhoneSilent("01"), "learn abandoned 0"), (12, SeatPhoneSilent("01"), "")])
    end = turns.at(13, HUNG_UP)
    assert end[-1] == "commit end abandoned"
    # A second report changes nothing.
    assert not [each for each in end if "abandoned 0" in each or each.startswith("learn abandoned")]


def test_short_conversation_is_stored_only_after_the_check_for_a_dead_phone() -> None:
    turns = Turns(asterisk=SILENT)
    turns.talking()
    turns.play([(10, HUNG_UP, "beside ask-seat"), (10, PhoneUnreachable("agent01"), "beside phone-away")])
    assert turns.at(10.9, CallFinished(HUNG_UP))[-1] == "commit end connected"
    assert turns.at(11, CallFinished(HUNG_UP)) == []


def test_long_conversation_is_stored_without_a_check_for_a_dead_phone() -> None:
    turns = Turns(asterisk=SILENT)
    turns.talking()
    assert turns.at(30, HUNG_UP)[-1] == "commit end connected"


def test_reconnect_to_asterisk_restores_conversations_and_agents_phones() -> None:
    turns = Turns(2)
    turns.talking()
    live = frozenset({A})
    turns.play(
        [
            (20, SwitchDown("cut"), "alert switch-down"),
            (
                25,
                SwitchUp(live, frozenset({"01"}), ((A, "01"),), restarted=False),
                "timer seat/02 off; timer lost/02 900 agent-absent; seat 02 lost; timer phone/02 5 call-phone;"
                " alert switch-down over; timer phone/02 off; order call_seat_phone 02 agent02",
            ),
        ]
    )
    assert turns.seat() is SeatState.TALKING
    assert "beside look-up-vanished" in turns.at(26, SwitchUp(frozenset(), frozenset(), (), restarted=True))


def test_failed_connection_of_a_voter_is_repeated_only_if_the_voter_still_waits() -> None:
    turns = Turns()
    turns.call()
    came = "order connect_call_to_seat A 01"
    assert any(came in each for each in turns.at(20, CallWaiting(A)))
    assert not any(came in each for each in turns.at(20, TimerExpired(TimerKind.VOTER_NOT_CONNECTED, "01", A)))
    assert turns.seat() is SeatState.READY
    assert any(came in each for each in turns.at(25, CallWaiting(A)))


def test_unknown_call_in_asterisk_is_hung_up() -> None:
    turns = Turns()
    turns.features.calls_of_unknown_callers.trunks[STRANGER] = "carrier"
    turns.play(
        [
            (20, StrayCallFound(AttemptId("x")), "beside hang-up-strays"),
            (21, CallEnded(STRANGER, EndedBy.HANGUP, answered=True), ""),
        ]
    )
    assert not turns.features.calls_of_unknown_callers.trunks


def test_campaign_is_held_when_the_information_message_cannot_be_played() -> None:
    turns = Turns()
    turns.call()
    turns.play([(20, MessageFailed(A), "alert no-audio-calls"), (21, MessageFailed(A), "")])
    assert turns.features.loaded_campaigns["calls"].inaudible_sound
