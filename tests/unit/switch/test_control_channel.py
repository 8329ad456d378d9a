"""The AGI session by which the dialler hangs up channels while Asterisk is shutting down."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from dialer.domain.dialler_name import DiallerName
from dialer.domain.errors import SwitchError, SwitchStopping
from dialer.domain.model import AttemptId
from dialer.switch.asterisk.adapter import AsteriskSwitch
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import AgiEnvironment, AgiReply
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.control_channel import CONNECT_SECONDS, REPLY_SECONDS, ControlChannel
from dialer.switch.asterisk.lease import SwitchLease
from dialer.switch.asterisk.places import CONTROL_CHANNEL
from dialer.switch.asterisk.tracking.tracker import SwitchTracker
from tests.support.virtual import virtual_time

CALL = AttemptId("3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c21")
OURS = DiallerName("0123456789ab", 17, 1_795_779_056, "here")


class Wire:
    """Asterisk's end of an AGI session: it records each command and replies to it, unless `answers` is false."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.answers = True
        self.results: dict[str, str] = {}  # by command; otherwise "1"
        self.call: AgiCall
        self.session: asyncio.Task[None]

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        command = data.decode().strip()
        self.written.append(command)
        if self.answers:
            self.call.pass_reply_to_waiting_command(AgiReply(200, self.results.get(command, "1")))


class Manager:
    """An AMI session to an Asterisk that is shutting down, or is not if `refuses` is false."""

    def __init__(self, *, refuses: bool = True) -> None:
        self.refuses = refuses
        self.sent: list[tuple[str, dict[str, str]]] = []

    async def send_action(self, name: str, fields: list[tuple[str, str]], **_more: Any) -> None:
        self.sent.append((name, dict(fields)))
        if self.refuses:
            raise SwitchStopping("Asterisk is shutting down")


def make_call() -> tuple[AgiCall, Wire]:
    wire = Wire()
    wire.call = AgiCall(cast(asyncio.Transport, wire), AgiEnvironment({"agi_uniqueid": "c"}))
    return wire.call, wire


@pytest.fixture
async def connected() -> tuple[ControlChannel, Wire]:
    """Return a control channel with an AGI session."""
    control, (call, wire) = ControlChannel(), make_call()
    wire.session = asyncio.create_task(control.serve_control_session(call))
    await asyncio.sleep(0)
    return control, wire


async def test_channel_is_hung_up_by_an_agi_command_with_its_unique_id(connected: tuple[ControlChannel, Wire]) -> None:
    control, wire = connected
    wire.results["HANGUP gone"] = "-1"
    assert [await control.hang_up_channel(each) for each in ("seat-01-a", "gone")] == [True, False]
    assert wire.written == ["HANGUP seat-01-a", "HANGUP gone"]


async def test_simultaneous_hang_ups_are_sent_one_after_the_other(connected: tuple[ControlChannel, Wire]) -> None:
    control, wire = connected
    wire.answers = False
    both = asyncio.gather(control.hang_up_channel("one"), control.hang_up_channel("two"))
    await asyncio.sleep(0)
    assert wire.written == ["HANGUP one"]
    wire.answers = True
    wire.call.pass_reply_to_waiting_command(AgiReply(200, "1"))
    assert [*await both] == [True, True]
    assert wire.written == ["HANGUP one", "HANGUP two"]


async def test_control_channel_without_an_agi_session_cannot_hang_up_calls() -> None:
    assert not await ControlChannel().hang_up_channel("seat-01-a")


@virtual_time()
async def test_hang_up_that_asterisk_does_not_answer_fails_after_the_reply_time() -> None:
    control, (call, wire) = ControlChannel(), make_call()
    wire.answers = False
    serving = asyncio.create_task(control.serve_control_session(call))
    await asyncio.sleep(0)
    began = asyncio.get_running_loop().time()
    assert not await control.hang_up_channel("seat-01-a")
    assert asyncio.get_running_loop().time() - began == pytest.approx(REPLY_SECONDS)
    control.close_control_session()
    await serving


@virtual_time()
async def test_hang_up_without_a_time_limit_waits_until_a_busy_asterisk_answers() -> None:
    control, (call, wire) = ControlChannel(), make_call()
    wire.answers = False
    serving = asyncio.create_task(control.serve_control_session(call))
    await asyncio.sleep(0)
    hanging_up = asyncio.create_task(control.hang_up_channel("seat-01-a", reply_seconds=None))
    await asyncio.sleep(10 * REPLY_SECONDS)
    assert not hanging_up.done()
    call.pass_reply_to_waiting_command(AgiReply(200, "1"))
    assert await hanging_up
    control.close_control_session()
    await serving


@pytest.mark.parametrize("end", ["closed by the dialler", "lost"])
async def test_control_channel_sends_nothing_on_an_ended_agi_session(
    connected: tuple[ControlChannel, Wire], end: str
) -> None:
    control, wire = connected
    if end == "lost":
        wire.call.on_connection_lost()
    else:
        control.close_control_session()
    await wire.session
    assert not await control.hang_up_channel("seat-01-a")
    assert wire.written == []


@virtual_time()
async def test_unconnected_control_channel_gives_an_error_naming_the_render_command() -> None:
    manager, control = Manager(refuses=False), ControlChannel()
    began = asyncio.get_running_loop().time()
    with pytest.raises(SwitchError, match="dialer asterisk render"):
        await control.open_control_channel(cast(Any, manager))
    assert asyncio.get_running_loop().time() - began == pytest.approx(CONNECT_SECONDS)
    ((name, fields),) = manager.sent
    assert (name, fields["Channel"], fields["OtherChannelId"]) == (
        "Originate",
        "Local/control@matdan-lease/n",
        control.channel_id,
    )


async def test_hang_up_during_an_asterisk_shutdown_uses_the_control_channel() -> None:
    switch, (call, wire) = AsteriskSwitch(), make_call()
    switch._client = cast(Any, Manager())
    serving = asyncio.create_task(switch.control_channel.serve_control_session(call))
    await asyncio.sleep(0)
    await switch.hang_up_call(CALL)
    assert wire.written == [f"HANGUP {CALL}"]
    switch.control_channel.close_control_session()
    await serving


def test_control_channel_is_not_hung_up_as_a_redirected_call() -> None:
    assert SwitchTracker().is_tracked_channel(f"{CONTROL_CHANNEL}0123456789ab")


@virtual_time()
async def test_exclusive_use_of_asterisk_that_was_given_up_is_not_valid() -> None:
    lease = SwitchLease(OURS)
    await lease.renew_sole_use_of_asterisk(cast(Any, Manager(refuses=False)))
    assert lease.is_lease_valid
    assert lease.give_up_sole_use_of_asterisk() == f"matdan-lease-{OURS.dialler_name_as_text}"
    assert not lease.is_lease_valid


@pytest.mark.parametrize(
    "end",
    [
        "Event: Hangup\r\nUniqueid: seat-01-a\r\nCause: 16",
        "Event: OriginateResponse\r\nActionID: seat-01-a\r\nResponse: Failure",
    ],
)
def test_agents_phone_that_has_hung_up_is_not_hung_up_before_a_restart(end: str) -> None:
    tracker = SwitchTracker()
    tracker.seats.start_tracking_called_phone("seat-01-a")
    assert tracker.list_channels_without_voter() == ["seat-01-a"]
    tracker.handle_ami_event(AmiMessage(end.encode()))
    assert tracker.list_channels_without_voter() == []


async def test_call_to_a_phone_is_not_tracked_if_asterisk_refused_the_call() -> None:
    switch = AsteriskSwitch()
    switch._client = cast(Any, Manager())
    with pytest.raises(SwitchStopping):
        await switch.call_seat_phone("01", "agent01")
    assert switch.tracker.list_channels_without_voter() == []
