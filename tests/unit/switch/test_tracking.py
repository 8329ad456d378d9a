"""The trackers of calls: calls that end in every order of events, phones at seats, voters of other servers, and the
list of channels after a restart.
"""

from __future__ import annotations

import itertools
import uuid

import pytest

from dialer.domain.model import AttemptId
from dialer.domain.switch_events import (
    CallAnswered,
    CallConnected,
    CallEnded,
    CallLeftSeat,
    CallRinging,
    CallSentToCarrier,
    CallWaiting,
    EndedBy,
    MessageStarted,
    SeatDown,
    SeatKeyPressed,
    SeatUp,
    SwitchUp,
)
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import make_seat_channel_id
from dialer.switch.asterisk.tracking.channels import LiveChannel
from dialer.switch.asterisk.tracking.tracker import SwitchTracker

ID = AttemptId("3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c22")


def make_event(name: str, **fields: str) -> AmiMessage:
    lines = [f"Event: {name}", *(f"{key}: {value}" for key, value in fields.items())]
    return AmiMessage("\r\n".join(lines).encode())


RINGING = make_event("DialState", DestUniqueid=ID, DialStatus="RINGING")
PROGRESS = make_event("DialState", DestUniqueid=ID, DialStatus="PROGRESS")
ANSWER = make_event("DialEnd", DestUniqueid=ID, DialStatus="ANSWER")
SUCCESS = make_event("OriginateResponse", ActionID=ID, Response="Success", Reason="4", Uniqueid=ID)
FAILURE = make_event("OriginateResponse", ActionID=ID, Response="Failure", Reason="3", Uniqueid="<null>")
HANGUP = make_event("Hangup", Uniqueid=ID, Cause="16")


@pytest.mark.parametrize("order", list(itertools.permutations([RINGING, ANSWER, SUCCESS, HANGUP])))
def test_answered_call_ends_once_for_any_order_of_events(order: tuple[AmiMessage, ...]) -> None:
    tracker = SwitchTracker()
    tracker.calls.start_tracking_channel(ID)
    events = [each for message in order for each in tracker.handle_ami_event(message)]
    events += tracker.calls.end_overdue_call(ID)
    ends = [each for each in events if isinstance(each, CallEnded)]
    assert len(ends) == 1
    assert ends[0].by is EndedBy.HANGUP


def test_begin_of_dialling_is_reported_as_call_sent_to_carrier() -> None:
    tracker = SwitchTracker()
    tracker.calls.start_tracking_channel(ID)
    assert tracker.handle_ami_event(make_event("DialBegin", DestUniqueid=ID)) == [CallSentToCarrier(ID)]


@pytest.mark.parametrize(
    ("messages", "times"),
    [([PROGRESS], 1), ([PROGRESS, PROGRESS], 1), ([PROGRESS, RINGING], 2), ([RINGING, PROGRESS, RINGING], 1)],
)
def test_early_media_counts_as_ringing_until_ringing_is_reported(messages: list[AmiMessage], times: int) -> None:
    tracker = SwitchTracker()
    tracker.calls.start_tracking_channel(ID)
    assert [each for message in messages for each in tracker.handle_ami_event(message)] == [CallRinging(ID)] * times
    (end,) = [each for message in (FAILURE, HANGUP) for each in tracker.handle_ami_event(message)]
    assert isinstance(end, CallEnded)
    assert end.ever_ringing


def test_call_redirected_by_the_carrier_does_not_count_as_answered() -> None:
    """A real Asterisk sent these events when the carrier redirected to another channel, which answered."""
    tracker = SwitchTracker()
    tracker.calls.start_tracking_channel(ID)
    redirected = make_event("DialEnd", DestUniqueid=ID, DialStatus="CANCEL")
    (end,) = [each for message in (redirected, SUCCESS, HANGUP) for each in tracker.handle_ami_event(message)]
    assert isinstance(end, CallEnded)
    assert not end.answered


@pytest.mark.parametrize("order", list(itertools.permutations([RINGING, FAILURE, HANGUP])))
def test_call_that_rings_too_long_times_out_for_any_order_of_events(order: tuple[AmiMessage, ...]) -> None:
    tracker = SwitchTracker()
    tracker.calls.start_tracking_channel(ID)
    ends = [each for message in order for each in tracker.handle_ami_event(message) if isinstance(each, CallEnded)]
    assert [(end.answered, end.timed_out) for end in ends] == [(False, True)]


def test_failed_call_without_a_channel_ends_after_a_short_wait() -> None:
    tracker = SwitchTracker()
    tracker.calls.start_tracking_channel(ID)
    assert not tracker.handle_ami_event(FAILURE)
    assert tracker.calls.pop_attempts_awaiting_end_event() == [ID]
    assert not tracker.calls.pop_attempts_awaiting_end_event()
    (end,) = tracker.calls.end_overdue_call(ID)
    assert isinstance(end, CallEnded)
    assert end.by is EndedBy.NO_CHANNEL
    assert not tracker.calls.end_overdue_call(ID)


def test_events_of_unknown_asterisk_channels_are_ignored() -> None:
    tracker = SwitchTracker()
    for message in (RINGING, ANSWER, SUCCESS, FAILURE, HANGUP):
        assert not tracker.handle_ami_event(message)


def test_seat_is_reported_down_if_the_agents_phone_does_not_answer() -> None:
    channel = make_seat_channel_id("07-b", "abc")
    assert SwitchTracker().handle_ami_event(make_event("OriginateResponse", ActionID=channel, Response="Failure")) == [
        SeatDown("07-b")
    ]


def test_calls_placed_before_a_restart_are_recognised_by_their_channel_ids() -> None:
    """A ringing phone is still in its trunk's context, as on a real Asterisk. Channels of others are ignored."""
    waiting, talking, message = (AttemptId(str(uuid.UUID(int=number))) for number in (1, 2, 3))
    tracker = SwitchTracker()
    up, *states = tracker.rebuild_tracked_state_from_channels(
        [
            LiveChannel(ID, "from-carrier", up=False, ringing=True),
            LiveChannel(waiting, "matdan-voter", up=True, ringing=False),
            LiveChannel(talking, "matdan-seat", up=True, ringing=False, conference="seat-01"),
            LiveChannel(message, "matdan-message", up=True, ringing=False),
            LiveChannel("1795532660.12", "from-carrier", up=True, ringing=False),
            LiveChannel("seat-01-abc", "matdan-agent", up=True, ringing=False, conference="seat-01"),
        ],
        restarted=False,
    )
    assert isinstance(up, SwitchUp)
    assert up.live_attempts == {ID, waiting, talking, message}
    assert up.live_seats == {"01"}
    assert up.talking == ((talking, "01"),)
    assert states == [
        CallRinging(ID),
        CallAnswered(waiting),
        CallWaiting(waiting),
        CallAnswered(talking),
        CallAnswered(message),
        MessageStarted(message),
    ]
    # The Originate of the call that still rings is not answered yet: its end needs both events, and may be a timeout.
    assert not tracker.handle_ami_event(HANGUP)
    (end,) = tracker.handle_ami_event(FAILURE)
    assert isinstance(end, CallEnded)
    assert end.timed_out


def test_seat_is_reported_up_while_the_agents_phone_is_connected() -> None:
    tracker = SwitchTracker()
    join = make_event("ConfbridgeJoin", Conference="seat-01", Uniqueid="seat-01-x", Context="matdan-agent")
    assert tracker.handle_ami_event(join) == [SeatUp("01")]
    assert tracker.seats.find_phone_in_seat("01") == "seat-01-x"
    assert tracker.handle_ami_event(make_event("Hangup", Uniqueid="seat-01-x", Cause="16")) == [SeatDown("01")]
    assert tracker.seats.find_phone_in_seat("01") is None


PHONE = "seat-07-abc"
ANSWERED = make_event("DialEnd", DestUniqueid=PHONE, DialStatus="ANSWER")
PLACED = make_event("OriginateResponse", ActionID=PHONE, Response="Success", Reason="4", Uniqueid=PHONE)
IN_SEAT = make_event("ConfbridgeJoin", Conference="seat-07", Uniqueid=PHONE, Context="matdan-agent")
HUNG_UP = make_event("Hangup", Uniqueid=PHONE, Cause="16")


@pytest.mark.parametrize("order", [(ANSWERED, PLACED), (PLACED, ANSWERED)])
def test_seat_is_reported_down_if_the_phone_hangs_up_before_joining_the_conference(
    order: tuple[AmiMessage, ...],
) -> None:
    """A real Asterisk sent these events: answered, no ConfbridgeJoin, hung up."""
    tracker = SwitchTracker()
    assert [each for message in order for each in tracker.handle_ami_event(message)] == []
    assert tracker.handle_ami_event(HUNG_UP) == [SeatDown("07")]
    assert tracker.handle_ami_event(HUNG_UP) == []


def test_seat_is_reported_down_once_when_the_agents_phone_hangs_up() -> None:
    tracker = SwitchTracker()
    events = [
        each for message in (ANSWERED, PLACED, IN_SEAT, HUNG_UP, HUNG_UP) for each in tracker.handle_ami_event(message)
    ]
    assert events == [SeatUp("07"), SeatDown("07")]


def test_seat_is_still_reported_up_when_its_second_phone_hangs_up() -> None:
    tracker = SwitchTracker()
    for message in (
        make_event("ConfbridgeJoin", Conference="seat-07", Uniqueid="1732.7", Context="matdan-agent"),
        ANSWERED,
    ):
        tracker.handle_ami_event(message)
    assert tracker.handle_ami_event(HUNG_UP) == []


def test_agents_phone_that_is_still_logging_in_is_found_after_a_reconnect() -> None:
    tracker = SwitchTracker()
    tracker.rebuild_tracked_state_from_channels(
        [LiveChannel(PHONE, "matdan-login", up=True, ringing=False)], restarted=False
    )
    assert tracker.handle_ami_event(HUNG_UP) == [SeatDown("07")]


def test_key_pressed_on_an_agents_phone_is_reported_for_the_agents_seat() -> None:
    tracker = SwitchTracker()
    key = make_event("UserEvent", UserEvent="SeatKey", Uniqueid="1732.7", Key="5")
    assert tracker.handle_ami_event(key) == []  # of a channel in no seat
    joined = make_event("ConfbridgeJoin", Conference="seat-01", Uniqueid="1732.7", Context="matdan-agent")
    assert tracker.handle_ami_event(joined) == [SeatUp("01")]
    assert tracker.handle_ami_event(key) == [SeatKeyPressed("01", "5")]
    assert tracker.handle_ami_event(make_event("UserEvent", UserEvent="VoterWaiting", Uniqueid="1732.7")) == []


def test_seat_is_reported_down_when_the_last_phone_has_left() -> None:
    """A lost phone is called while it dials in by itself: the failed call does not take the seat down."""
    tracker = SwitchTracker()
    for unique_id in ("1732.7", "seat-01-aa"):
        tracker.handle_ami_event(
            make_event("ConfbridgeJoin", Conference="seat-01", Uniqueid=unique_id, Context="matdan-agent")
        )
    failed = make_event("OriginateResponse", ActionID="seat-01-bb", Response="Failure", Reason="5")
    assert tracker.handle_ami_event(failed) == []
    assert tracker.handle_ami_event(make_event("ConfbridgeLeave", Conference="seat-01", Uniqueid="seat-01-aa")) == []
    assert tracker.handle_ami_event(make_event("Hangup", Uniqueid="seat-01-aa")) == []
    assert tracker.handle_ami_event(make_event("Hangup", Uniqueid="1732.7")) == [SeatDown("01")]
    assert tracker.handle_ami_event(failed) == [SeatDown("01")]


LEG = "b-1795826257.5"  # between two servers
JOIN = make_event(
    "ConfbridgeJoin", Conference="seat-02", Uniqueid=LEG, Context="matdan-joined", Exten=f"{ID}*02", Channel="PJSIP/x"
)
IN_TALK = LiveChannel(LEG, "matdan-joined", True, False, f"{ID}*02", "seat-02")


@pytest.mark.parametrize("end", ["ConfbridgeLeave", "Hangup"])
def test_voter_on_another_server_is_identified_by_the_called_extension(end: str) -> None:
    tracker = SwitchTracker("b")
    assert tracker.handle_ami_event(JOIN) == [CallConnected(ID, "02")]
    assert tracker.handle_ami_event(make_event(end, Conference="seat-02", Uniqueid=LEG)) == [CallLeftSeat(ID, "02")]
    assert tracker.handle_ami_event(make_event("Hangup", Uniqueid=LEG)) == []
    assert not tracker.calls.is_call_still_tracked(ID)


def test_channel_without_an_attempt_id_is_no_call_of_another_server() -> None:
    tracker = SwitchTracker("b")
    stranger = make_event(
        "ConfbridgeJoin", Conference="seat-02", Uniqueid=LEG, Context="matdan-joined", Exten="1234*02"
    )
    assert tracker.handle_ami_event(stranger) == []


def test_lost_events_of_a_voter_from_another_server_are_recovered() -> None:
    tracker = SwitchTracker("b")
    [up] = tracker.rebuild_tracked_state_from_channels([IN_TALK], restarted=False)
    assert isinstance(up, SwitchUp)
    assert (up.server, up.talking, up.live_attempts) == ("b", ((ID, "02"),), frozenset())
    assert tracker.find_lost_events([IN_TALK]) == frozenset()
    assert tracker.find_lost_events([]) == {CallLeftSeat(ID, "02")}
    assert tracker.update_from_lost_events({CallLeftSeat(ID, "02")}, []) == [CallLeftSeat(ID, "02")]
    assert tracker.find_lost_events([IN_TALK]) == {CallConnected(ID, "02")}
    assert tracker.update_from_lost_events({CallConnected(ID, "02")}, [IN_TALK]) == [CallConnected(ID, "02")]
    assert tracker.find_lost_events([IN_TALK]) == frozenset()


@pytest.mark.parametrize("cause", ["9" * 4301, "-16", "x", ""])
def test_hangup_with_an_unreadable_cause_ends_the_call(cause: str) -> None:
    """Python's `int` raises ValueError for more than 4,300 digits, which would end the AMI connection."""
    tracker = SwitchTracker()
    tracker.calls.start_tracking_channel(ID)
    assert [
        type(each)
        for message in (FAILURE, make_event("Hangup", Uniqueid=ID, Cause=cause))
        for each in tracker.handle_ami_event(message)
    ] == [CallEnded]
