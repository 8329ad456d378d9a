"""The tracker: ends in every order, what belongs to whom, and a resync that knows an earlier run's calls by their ids."""

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
    CallWaiting,
    EndedBy,
    MessageStarted,
    SeatDown,
    SeatKeyPressed,
    SeatUp,
    SwitchUp,
)
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import seat_channel_id
from dialer.switch.asterisk.tracker import CallTracker, LiveChannel

ID = AttemptId("3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c22")


def event(name: str, **fields: str) -> AmiMessage:
    lines = [f"Event: {name}", *(f"{key}: {value}" for key, value in fields.items())]
    return AmiMessage("\r\n".join(lines).encode())


RINGING = event("DialState", DestUniqueid=ID, DialStatus="RINGING")
PROGRESS = event("DialState", DestUniqueid=ID, DialStatus="PROGRESS")
ANSWER = event("DialEnd", DestUniqueid=ID, DialStatus="ANSWER")
SUCCESS = event("OriginateResponse", ActionID=ID, Response="Success", Reason="4", Uniqueid=ID)
FAILURE = event("OriginateResponse", ActionID=ID, Response="Failure", Reason="3", Uniqueid="<null>")
HANGUP = event("Hangup", Uniqueid=ID, Cause="16")


@pytest.mark.parametrize("order", list(itertools.permutations([RINGING, ANSWER, SUCCESS, HANGUP])))
def test_an_answered_call_ends_once_in_every_order(order: tuple[AmiMessage, ...]) -> None:
    tracker = CallTracker()
    tracker.expect(ID)
    events = [told for message in order for told in tracker.take(message)]
    events += tracker.overdue(ID)
    ends = [told for told in events if isinstance(told, CallEnded)]
    assert len(ends) == 1
    assert ends[0].by is EndedBy.HANGUP


@pytest.mark.parametrize(
    ("said", "times"),
    [([PROGRESS], 1), ([PROGRESS, PROGRESS], 1), ([PROGRESS, RINGING], 2), ([RINGING, PROGRESS, RINGING], 1)],
)
def test_early_media_is_taken_for_ringing_until_ringing_is_said(said: list[AmiMessage], times: int) -> None:
    tracker = CallTracker()
    tracker.expect(ID)
    assert [told for message in said for told in tracker.take(message)] == [CallRinging(ID)] * times
    (end,) = [told for message in (FAILURE, HANGUP) for told in tracker.take(message)]
    assert isinstance(end, CallEnded)
    assert end.ever_ringing


def test_who_was_called_elsewhere_has_not_answered() -> None:
    """As a real Asterisk told it when the carrier's contact named another channel, and that one answered."""
    tracker = CallTracker()
    tracker.expect(ID)
    redirected = event("DialEnd", DestUniqueid=ID, DialStatus="CANCEL")
    (end,) = [told for message in (redirected, SUCCESS, HANGUP) for told in tracker.take(message)]
    assert isinstance(end, CallEnded)
    assert not end.answered


@pytest.mark.parametrize("order", list(itertools.permutations([RINGING, FAILURE, HANGUP])))
def test_our_ring_limit_is_told_in_every_order(order: tuple[AmiMessage, ...]) -> None:
    tracker = CallTracker()
    tracker.expect(ID)
    ends = [told for message in order for told in tracker.take(message) if isinstance(told, CallEnded)]
    assert [(end.answered, end.timed_out) for end in ends] == [(False, True)]


def test_a_failure_without_a_channel_ends_after_the_grace_time() -> None:
    tracker = CallTracker()
    tracker.expect(ID)
    assert not tracker.take(FAILURE)
    assert tracker.awaiting_rest() == [ID]
    assert not tracker.awaiting_rest()
    (end,) = tracker.overdue(ID)
    assert isinstance(end, CallEnded)
    assert end.by is EndedBy.NO_CHANNEL
    assert not tracker.overdue(ID)


def test_what_is_not_ours_means_nothing() -> None:
    tracker = CallTracker()
    for message in (RINGING, ANSWER, SUCCESS, FAILURE, HANGUP):
        assert not tracker.take(message)


def test_a_phone_that_was_not_reached_leaves_its_seat_down() -> None:
    channel = seat_channel_id("07-b", "abc")
    assert CallTracker().take(event("OriginateResponse", ActionID=channel, Response="Failure")) == [SeatDown("07-b")]


def test_a_resync_knows_an_earlier_runs_calls_wherever_they_stand() -> None:
    """A phone that rings stands in its trunk's context, as a real Asterisk listed it; one of somebody else's is left alone."""
    waiting, talking, message = (AttemptId(str(uuid.UUID(int=number))) for number in (1, 2, 3))
    tracker = CallTracker()
    up, *states = tracker.resync(
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
    # What still rings has no answer to its Originate yet: its end waits for both halves, and knows our ring limit.
    assert not tracker.take(HANGUP)
    (end,) = tracker.take(FAILURE)
    assert isinstance(end, CallEnded)
    assert end.timed_out


def test_an_agents_phone_comes_and_goes() -> None:
    tracker = CallTracker()
    join = event("ConfbridgeJoin", Conference="seat-01", Uniqueid="seat-01-x", Context="matdan-agent")
    assert tracker.take(join) == [SeatUp("01")]
    assert tracker.seats.channel("01") == "seat-01-x"
    assert tracker.take(event("Hangup", Uniqueid="seat-01-x", Cause="16")) == [SeatDown("01")]
    assert tracker.seats.channel("01") is None


PHONE = "seat-07-abc"
LIFTED = event("DialEnd", DestUniqueid=PHONE, DialStatus="ANSWER")
PLACED = event("OriginateResponse", ActionID=PHONE, Response="Success", Reason="4", Uniqueid=PHONE)
IN_SEAT = event("ConfbridgeJoin", Conference="seat-07", Uniqueid=PHONE, Context="matdan-agent")
PUT_DOWN = event("Hangup", Uniqueid=PHONE, Cause="16")


@pytest.mark.parametrize("order", [(LIFTED, PLACED), (PLACED, LIFTED)])
def test_a_phone_that_is_put_down_before_it_is_in_its_seat_is_gone(order: tuple[AmiMessage, ...]) -> None:
    """19 of 20 calls to such a phone, on a real Asterisk: answered, no ConfbridgeJoin, gone."""
    tracker = CallTracker()
    assert [told for message in order for told in tracker.take(message)] == []
    assert tracker.take(PUT_DOWN) == [SeatDown("07")]
    assert tracker.take(PUT_DOWN) == []


def test_a_phone_that_was_in_its_seat_is_gone_once() -> None:
    tracker = CallTracker()
    told = [told for message in (LIFTED, PLACED, IN_SEAT, PUT_DOWN, PUT_DOWN) for told in tracker.take(message)]
    assert told == [SeatUp("07"), SeatDown("07")]


def test_a_second_phone_that_is_put_down_takes_no_seat_down() -> None:
    tracker = CallTracker()
    for message in (event("ConfbridgeJoin", Conference="seat-07", Uniqueid="1732.7", Context="matdan-agent"), LIFTED):
        tracker.take(message)
    assert tracker.take(PUT_DOWN) == []


def test_a_resync_knows_a_phone_on_its_way_to_its_seat() -> None:
    tracker = CallTracker()
    tracker.resync([LiveChannel(PHONE, "matdan-login", up=True, ringing=False)], restarted=False)
    assert tracker.take(PUT_DOWN) == [SeatDown("07")]


def test_a_key_is_the_seats_whose_phone_it_came_from() -> None:
    tracker = CallTracker()
    key = event("UserEvent", UserEvent="SeatKey", Uniqueid="1732.7", Key="5")
    assert tracker.take(key) == []  # from a channel that is in no seat
    joined = event("ConfbridgeJoin", Conference="seat-01", Uniqueid="1732.7", Context="matdan-agent")
    assert tracker.take(joined) == [SeatUp("01")]
    assert tracker.take(key) == [SeatKeyPressed("01", "5")]
    assert tracker.take(event("UserEvent", UserEvent="VoterWaiting", Uniqueid="1732.7")) == []


def test_a_seat_is_down_when_its_last_phone_is_gone() -> None:
    """A lost phone is called and dials in by itself at the same moment: the call that fails does not take the seat down."""
    tracker = CallTracker()
    for unique_id in ("1732.7", "seat-01-aa"):
        tracker.take(event("ConfbridgeJoin", Conference="seat-01", Uniqueid=unique_id, Context="matdan-agent"))
    failed = event("OriginateResponse", ActionID="seat-01-bb", Response="Failure", Reason="5")
    assert tracker.take(failed) == []
    assert tracker.take(event("ConfbridgeLeave", Conference="seat-01", Uniqueid="seat-01-aa")) == []
    assert tracker.take(event("Hangup", Uniqueid="seat-01-aa")) == []
    assert tracker.take(event("Hangup", Uniqueid="1732.7")) == [SeatDown("01")]
    assert tracker.take(failed) == [SeatDown("01")]


LEG = "b-1795826257.5"  # between two servers
JOIN = event(
    "ConfbridgeJoin", Conference="seat-02", Uniqueid=LEG, Context="matdan-joined", Exten=f"{ID}*02", Channel="PJSIP/x"
)
IN_TALK = LiveChannel(LEG, "matdan-joined", True, False, f"{ID}*02", "seat-02")


@pytest.mark.parametrize("end", ["ConfbridgeLeave", "Hangup"])
def test_a_voter_of_another_server_is_known_by_what_was_called(end: str) -> None:
    tracker = CallTracker("b")
    assert tracker.take(JOIN) == [CallConnected(ID, "02")]
    assert tracker.take(event(end, Conference="seat-02", Uniqueid=LEG)) == [CallLeftSeat(ID, "02")]
    assert tracker.take(event("Hangup", Uniqueid=LEG)) == []
    assert not tracker.has(ID)


def test_a_stranger_in_a_seat_is_nobody_s_voter() -> None:
    tracker = CallTracker("b")
    stranger = event("ConfbridgeJoin", Conference="seat-02", Uniqueid=LEG, Context="matdan-joined", Exten="1234*02")
    assert tracker.take(stranger) == []


def test_what_was_not_heard_of_a_voter_of_another_server_is_made_up_for() -> None:
    tracker = CallTracker("b")
    [up] = tracker.resync([IN_TALK], restarted=False)
    assert isinstance(up, SwitchUp)
    assert (up.server, up.talking, up.live_attempts) == ("b", ((ID, "02"),), frozenset())
    assert tracker.differences([IN_TALK]) == frozenset()
    assert tracker.differences([]) == {CallLeftSeat(ID, "02")}
    assert tracker.make_up_for({CallLeftSeat(ID, "02")}, []) == [CallLeftSeat(ID, "02")]
    assert tracker.differences([IN_TALK]) == {CallConnected(ID, "02")}
    assert tracker.make_up_for({CallConnected(ID, "02")}, [IN_TALK]) == [CallConnected(ID, "02")]
    assert tracker.differences([IN_TALK]) == frozenset()
