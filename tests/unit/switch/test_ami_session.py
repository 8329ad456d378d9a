"""The AMI session without a socket: tables of (time, received bytes, output), split anywhere, and captured sessions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from dialer.domain.errors import (
    LoginRefused,
    OriginateRefused,
    OriginateUnsure,
    ProtocolError,
    SwitchError,
    SwitchStopping,
    SwitchUnreachable,
    UnsafeValue,
)
from dialer.switch.asterisk.ami_codec import AmiDecoder, AmiMessage
from dialer.switch.asterisk.ami_session import Action, AmiLimits, AmiLogin, AmiSession
from tests.support.captures import NAMES, CapturedData, read_capture

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
LOGIN = AmiLogin("asterisk.example", 5038, "dialler", "s3cret")
ORIGINATE = [("Channel", "PJSIP/15550100@trunk"), ("Async", "true")]

Came = AmiMessage | Action


def make_session(limits: AmiLimits | None = None, wanted_events: set[str] | None = None) -> AmiSession:
    return AmiSession(LOGIN, limits or AmiLimits(), "s", wanted_events)


def make_logged_in_session(limits: AmiLimits | None = None, wanted_events: set[str] | None = None) -> AmiSession:
    """Return a session at second 0 whose Login (ActionID s-1) has succeeded."""
    session = make_session(limits, wanted_events)
    session.mark_connection_open(0)
    session.process_received_bytes(BANNER, 0)
    session.queue_login_action(0)
    session.pop_bytes_to_write()
    session.process_received_bytes(make_success_response("s-1"), 0)
    return session


def make_success_response(action_id: str, more: str = "") -> bytes:
    return f"Response: Success\r\nActionID: {action_id}\r\n{more}\r\n".encode()


def make_error_response(action_id: str, why: str) -> bytes:
    return f"Response: Error\r\nActionID: {action_id}\r\nMessage: {why}\r\n\r\n".encode()


def make_event(name: str, more: str = "") -> bytes:
    return f"Event: {name}\r\n{more}\r\n".encode()


def list_new_actions(session: AmiSession) -> list[str]:
    """Return name and ActionID of the actions that the session writes now."""
    return [
        f"{one.action_name} {one.action_id}"
        for one in AmiDecoder(expects_banner=False).decode_bytes(session.pop_bytes_to_write())
    ]


def describe_output(came: Came) -> str:
    """Return a short description of what the session has returned: an event, or an action and its outcome."""
    if isinstance(came, AmiMessage):
        return came.event_name
    outcome = came.outcome
    listed = "" if came.items is None else f" of {len(came.items)}"
    how = "waits" if outcome is None else type(outcome).__name__ if isinstance(outcome, Exception) else "answered"
    return f"{came.action_id} {how}{listed}"


@dataclass(frozen=True)
class Step:
    """A step of a table: actions sent, bytes received or only time passed, then the expected output and writes."""

    at: float
    send: tuple[tuple[str, str], ...] = ()  # name and ActionID
    lists: tuple[tuple[str, str], ...] = ()
    bring: bytes = b""
    writable: bool | None = None
    lost: bool = False
    out: tuple[str, ...] = ()
    written: tuple[str, ...] = ()


TABLES = {
    "answers in any order, late, repeated and unasked": (
        Step(1, send=(("Getvar", "a"), ("Getvar", "b")), written=("Getvar a", "Getvar b")),
        Step(
            2,
            bring=make_success_response("b") + make_event("One") + make_success_response("a"),
            out=("b answered", "One", "a answered"),
        ),
        Step(
            3,
            bring=make_success_response("a")
            + make_success_response("of-nobody")
            + b"Response: Error\r\nMessage: Missing action\r\n\r\n",
        ),
        Step(4, send=(("Getvar", "a"),), written=("Getvar a",)),
        Step(4, bring=make_success_response("a"), out=("a answered",)),
    ),
    "time runs out for one alone, and its late answer is nobody's": (
        Step(1, send=(("Originate", "a"),), written=("Originate a",)),
        Step(4, send=(("Getvar", "b"),), written=("Getvar b",)),
        Step(5, written=("Ping s-2",)),
        Step(5, bring=make_success_response("s-2")),
        Step(10, written=("Ping s-3",)),
        Step(10, bring=make_success_response("s-3")),
        Step(11, out=("a OriginateUnsure",)),
        Step(12, bring=make_success_response("a") + make_success_response("b"), out=("b answered",)),
    ),
    "a half-open connection: one Ping, then silence ends all": (
        Step(1, send=(("Originate", "a"), ("Getvar", "b")), written=("Originate a", "Getvar b")),
        Step(5, written=("Ping s-2",)),
        Step(9.9),
        Step(10, out=("a OriginateUnsure", "b SwitchUnreachable")),
    ),
    "a Ping that is not answered is not repeated while events come": (
        Step(5, written=("Ping s-2",)),
        Step(9, bring=make_event("Hangup"), out=("Hangup",)),
        Step(10),
        Step(15, bring=make_event("Hangup"), out=("Hangup",)),
        Step(20),
        Step(21, bring=make_success_response("s-2")),
        Step(25, written=("Ping s-3",)),
    ),
    "lists side by side, apart from the events between them": (
        Step(1, lists=(("Status", "a"), ("CoreShowChannels", "b")), written=("Status a", "CoreShowChannels b")),
        Step(
            2,
            bring=make_success_response("b", "EventList: start\r\n")
            + make_success_response("a", "EventList: start\r\n"),
        ),
        Step(
            2, bring=make_event("Status", "ActionID: a\r\n") + make_event("Hangup", "ActionID: x\r\n"), out=("Hangup",)
        ),
        Step(2, bring=make_event("CoreShowChannel", "ActionID: b\r\n") * 2),
        Step(3, bring=make_event("StatusComplete", "ActionID: a\r\nEventList: Complete\r\n"), out=("a answered of 1",)),
        Step(3, bring=make_event("Done", "ActionID: b\r\nEventList: Complete\r\n"), out=("b answered of 2",)),
    ),
    "an empty list, a refused one and one without end": (
        Step(1, lists=(("ConfbridgeListRooms", "a"),), written=("ConfbridgeListRooms a",)),
        Step(1, bring=make_error_response("a", "No active conferences."), out=("a answered of 0",)),
        Step(2, lists=(("Status", "b"),), written=("Status b",)),
        Step(2, bring=make_error_response("b", "Nonsense"), out=("b SwitchError of 0",)),
        Step(3, lists=(("Status", "c"),), written=("Status c",)),
        Step(3, bring=make_event("Status", "ActionID: c\r\n") * 5, out=("c SwitchError of 4",)),
    ),
    "turns: no more than two outstanding, first come first served, one more for each answer": (
        Step(1, send=tuple(("Getvar", each) for each in "abcd"), written=("Getvar a", "Getvar b")),
        Step(2, bring=make_success_response("b"), out=("b answered",), written=("Getvar c",)),
        Step(
            3,
            bring=make_success_response("a") + make_success_response("c"),
            out=("a answered", "c answered"),
            written=("Getvar d",),
        ),
    ),
    "an unanswered Ping takes no place of an action, and is sent when all places are taken": (
        Step(5, written=("Ping s-2",)),
        Step(6, send=tuple(("Getvar", each) for each in "abc"), written=("Getvar a", "Getvar b")),
        Step(7, bring=make_success_response("s-2")),
        Step(10, written=("Ping s-3",)),
        Step(11, bring=make_success_response("a"), out=("a answered",), written=("Getvar c",)),
    ),
    "what had no turn was not sent, of what was written nobody knows": (
        Step(1, send=(("Originate", "a"), ("Getvar", "b"), ("Originate", "c")), written=("Originate a", "Getvar b")),
        Step(2, lost=True, out=("a OriginateUnsure", "b SwitchUnreachable", "c SwitchUnreachable")),
    ),
    "while Asterisk does not read nothing leaves, no Ping either": (
        Step(1, writable=False, send=(("Originate", "a"),)),
        Step(5),
        Step(6, bring=make_event("Hangup"), out=("Hangup",)),
        Step(11, out=("a SwitchUnreachable",)),
        Step(12, writable=True, send=(("Getvar", "b"),), written=("Getvar b",)),
    ),
}


def run_steps(session: AmiSession, steps: tuple[Step, ...], split: int | None = None) -> None:
    """Run the steps of a table on a session. With `split`, each read arrives in two parts, cut there."""
    for step in steps:
        if step.writable is not None:
            session.set_connection_writable(step.writable)
        for name, action_id in step.send:
            session.queue_ami_action(name, ORIGINATE if name == "Originate" else (), step.at, action_id=action_id)
        for name, action_id in step.lists:
            session.queue_ami_action(name, (), step.at, action_id=action_id, listing=True)
        came: list[Came] = []
        cut = len(step.bring) if split is None else split % (len(step.bring) + 1)
        for part in (step.bring[:cut], step.bring[cut:]):
            if part:
                came += session.process_received_bytes(part, step.at)
        came += session.run_due_timeouts_and_pings(step.at)
        if step.lost:
            came += session.on_connection_lost(None)
        assert (step.at, tuple(map(describe_output, came))) == (step.at, step.out)
        assert (step.at, tuple(list_new_actions(session))) == (step.at, step.written)


@pytest.mark.parametrize("steps", TABLES.values(), ids=TABLES)
def test_responses_events_and_timeouts_end_the_right_ami_actions(steps: tuple[Step, ...]) -> None:
    run_steps(make_logged_in_session(AmiLimits(outstanding_actions=2, list_items=4)), steps)


@pytest.mark.parametrize("steps", TABLES.values(), ids=TABLES)
def test_output_of_an_ami_session_does_not_depend_on_how_reads_are_split(steps: tuple[Step, ...]) -> None:
    for split in range(max(len(step.bring) for step in steps) + 1):
        run_steps(make_logged_in_session(AmiLimits(outstanding_actions=2, list_items=4)), steps, split)


def test_ami_session_deadline_is_the_earliest_of_its_timeouts() -> None:
    session = make_session()
    assert session.deadline == math.inf
    session.mark_connection_open(100)
    assert session.deadline == 110  # silence
    session.process_received_bytes(BANNER, 100)
    session.queue_login_action(100.5)
    session.pop_bytes_to_write()
    session.process_received_bytes(make_success_response("s-1"), 101)
    assert session.deadline == 106  # Ping
    session.queue_ami_action("Getvar", (), 102, action_id="a", timeout_seconds=3)
    assert session.deadline == 105
    assert [describe_output(each) for each in session.run_due_timeouts_and_pings(105)] == [
        "a SwitchUnreachable"
    ]  # never written, and must not be now
    assert (session.pop_bytes_to_write(), session.deadline) == (b"", 106)
    session.end_ami_session(SwitchUnreachable("the end"))
    assert (
        session.deadline,
        session.run_due_timeouts_and_pings(1e9),
        session.process_received_bytes(b"x", 1e9),
        session.pop_bytes_to_write(),
    ) == (
        math.inf,
        [],
        [],
        b"",
    )


def test_error_about_a_refused_ami_login_omits_the_secret() -> None:
    session = make_session()
    with pytest.raises(SwitchUnreachable, match="is not connected"):
        session.queue_login_action(0)
    session.mark_connection_open(0)
    login = session.queue_login_action(0)
    data = session.pop_bytes_to_write()
    assert b"Username: dialler\r\nSecret: s3cret\r\nEvents: on\r\n" in data
    assert session.pop_bytes_to_write() == b""
    assert session.process_received_bytes(
        BANNER + make_error_response(login.action_id, "Authentication failed"), 1
    ) == [login]
    assert isinstance(login.outcome, LoginRefused)
    assert "s3cret" not in f"{login.outcome}{LOGIN!r}"
    assert list_new_actions(session) == []
    assert session.run_due_timeouts_and_pings(6) == []
    assert list_new_actions(session) == []  # no ping before the login


@pytest.mark.parametrize(
    ("garbage", "why"),
    [
        (b"\x00\x01garbage\r\n\r\n", "does not speak AMI"),
        (b"Event: A\r\nX: " + b"a" * 20_000, "line of more than"),
        (b"X: y\r\n" * 180_000, "message of more than"),
    ],
)
def test_invalid_ami_ends_the_session_and_fails_all_pending_actions(garbage: bytes, why: str) -> None:
    session = make_logged_in_session()
    originate = session.queue_ami_action("Originate", ORIGINATE, 1)
    session.pop_bytes_to_write()
    listing = session.queue_ami_action("Status", (), 1, listing=True)
    assert session.process_received_bytes(garbage, 2) == [originate, listing]
    assert isinstance(session.ended, ProtocolError)
    assert why in str(session.ended)
    assert isinstance(originate.outcome, OriginateUnsure)
    assert isinstance(listing.outcome, SwitchUnreachable)
    with pytest.raises(SwitchUnreachable, match=why):
        session.queue_ami_action("Originate", ORIGINATE, 3)


@pytest.mark.parametrize(
    ("lose", "why"),
    [
        (lambda session: session.on_connection_lost(None), "closed the connection"),
        (lambda session: session.on_connection_lost(OSError("reset")), r"cut off \(reset\)"),
        (
            lambda session: session.process_received_bytes(b"Response: Suc", 1) + session.on_connection_lost(None),
            "closed the connection in the middle of a message",
        ),
        (lambda session: session.run_due_timeouts_and_pings(10), "silent for 10 s"),
    ],
)
def test_second_failure_of_an_ami_session_does_not_replace_the_first_reason(
    lose: Callable[[AmiSession], object], why: str
) -> None:
    session = make_logged_in_session()
    unsent = session.queue_ami_action("Originate", ORIGINATE, 0.5, timeout_seconds=60)
    lose(session)
    assert isinstance(unsent.outcome, SwitchUnreachable)
    assert session.end_ami_session(SwitchError("another")) == []
    with pytest.raises(SwitchUnreachable, match=why):
        session.queue_ami_action("Ping", (), 11)
    assert (session.pop_bytes_to_write(), len(session._pending)) == (b"", 0)


def test_ami_action_id_in_use_is_refused() -> None:
    session = make_logged_in_session(AmiLimits(outstanding_actions=1))
    session.queue_ami_action("Originate", ORIGINATE, 1, action_id="a")
    session.queue_ami_action("Originate", ORIGINATE, 1, action_id="b")  # waits for its turn
    for taken in "ab":
        with pytest.raises(SwitchError, match="another action uses its ActionID"):
            session.queue_ami_action("Originate", ORIGINATE, 1, action_id=taken)
    with pytest.raises(UnsafeValue):
        session.queue_ami_action("Hangup", [("Channel", "a\r\nAction: Logoff")], 1)
    assert list_new_actions(session) == ["Originate a"]
    session.process_received_bytes(make_success_response("a"), 2)
    assert list_new_actions(session) == ["Originate b"]


class CancelledWaiter:
    """A caller of an AMI action that has stopped waiting."""

    def cancelled(self) -> bool:
        return True


def test_cancelled_ami_action_frees_a_slot_for_the_next_action() -> None:
    session = make_logged_in_session(AmiLimits(outstanding_actions=1))
    actions = [session.queue_ami_action("Getvar", (), 1, action_id=each) for each in "abcd"]
    assert list_new_actions(session) == ["Getvar a"]
    actions[1].waiter = CancelledWaiter()
    session.stop_waiting_for_action(actions[2])
    session.stop_waiting_for_action(actions[0])
    assert session.has_bytes_to_write
    assert list_new_actions(session) == ["Getvar d"]
    assert [
        describe_output(each)
        for each in session.process_received_bytes(make_success_response("a") + make_success_response("d"), 2)
    ] == ["d answered"]
    assert (len(session._pending), session.has_bytes_to_write) == (0, False)


def test_write_buffer_of_an_ami_session_is_limited() -> None:
    session = make_logged_in_session()
    session.set_connection_writable(False)
    for number in range(300):
        session.queue_ami_action("Setvar", [("Value", "x" * 1000)], 1, action_id=str(number))
    assert not session.has_bytes_to_write
    session.set_connection_writable(True)
    sizes = []
    while data := session.pop_bytes_to_write():
        sizes.append(len(data))
    assert len(sizes) == 5
    assert max(sizes) < 65_536 + 1_100
    assert len(session._pending) == 300


def test_waiting_time_of_an_ami_action_starts_when_it_is_queued() -> None:
    session = make_logged_in_session()
    assert session.get_age_of_oldest_pending_action(3) == 0
    session.queue_ami_action("Getvar", (), 1, action_id="a")
    session.queue_ami_action("Getvar", (), 2, action_id="b")
    assert session.get_age_of_oldest_pending_action(2.5) == 1.5
    session.process_received_bytes(make_success_response("a"), 3)
    assert session.get_age_of_oldest_pending_action(3) == 1


def replay_capture(name: str, split: int | None) -> tuple[list[str], str]:
    """Replay a captured session with its own actions. Return its output and the actions pending at its end."""
    session = make_session()
    session.mark_connection_open(0)
    came: list[Came] = []
    opening = read_capture(name)[0].data

    def receive_captured_data(said: CapturedData) -> None:
        data = said.data.encode()
        for start in range(0, len(data), split or len(data)):
            came.extend(session.process_received_bytes(data[start : start + (split or len(data))], said.seconds))

    for number, said in enumerate(read_capture(name)):
        if said.who == "asterisk-ami":
            if number and said.data == opening:
                break  # a second session's
            receive_captured_data(said)
        elif said.who == "client-ami":
            for action in AmiDecoder(expects_banner=False).decode_bytes(said.data.encode()):
                fields = [pair for pair in action.list_fields() if pair[0] not in ("Action", "ActionID")]
                session.queue_ami_action(
                    action.action_name, fields, said.seconds, action_id=action.action_id, timeout_seconds=1e6
                )
            session.pop_bytes_to_write()
    return [describe_output(each) for each in came], ",".join(
        describe_output(each) for each in session.end_ami_session(SwitchError("the end"))
    )


@pytest.mark.parametrize("name", NAMES)
def test_replayed_ami_sessions_match_all_responses_whole_and_byte_by_byte(name: str) -> None:
    whole = replay_capture(name, None)
    assert replay_capture(name, 1) == whole
    assert replay_capture(name, 7) == whole
    answered = [each for each in whole[0] if each.endswith(("answered", "Error", "Refused", "Missing"))]
    assert answered
    assert len(set(answered)) == len(answered)


def test_each_kind_of_ami_refusal_raises_a_specific_error() -> None:
    assert replay_capture("login-refused", None)[0][0].split()[1] == "LoginRefused"
    session = make_logged_in_session()
    action = session.queue_ami_action("Originate", ORIGINATE, 1, action_id="a")
    session.pop_bytes_to_write()
    session.process_received_bytes(make_error_response("a", "Extension does not exist."), 2)
    assert isinstance(action.outcome, OriginateRefused)


def test_asterisk_that_is_shutting_down_refuses_the_login_without_blaming_the_secret() -> None:
    session = make_session()
    session.mark_connection_open(0)
    login = session.queue_login_action(0)
    session.pop_bytes_to_write()
    session.process_received_bytes(BANNER + make_error_response(login.action_id, "Asterisk is shutting down"), 1)
    assert isinstance(login.outcome, SwitchStopping)
    assert "secret" not in str(login.outcome)
    assert session.is_stopping


def test_ami_ping_reports_that_asterisk_is_shutting_down() -> None:
    session = make_logged_in_session()
    session.run_due_timeouts_and_pings(6)
    [ping] = list_new_actions(session)
    assert not session.is_stopping
    session.process_received_bytes(make_error_response(ping.split()[1], "Asterisk is shutting down"), 6)
    assert session.is_stopping
