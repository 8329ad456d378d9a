"""A channel of the simulated Asterisk."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from dialer.simulation.asterisk.voters import Behaviour, Voter

if TYPE_CHECKING:  # both name Channel
    from dialer.simulation.asterisk.bridges import Conference
    from dialer.simulation.asterisk.recording import ChannelRecording

UNKNOWN = "<unknown>"
REASON_FAILED, REASON_NO_ANSWER, REASON_ANSWERED = 0, 3, 4  # values of Reason in OriginateResponse

CAUSE_TEXT = {
    0: "Unknown",
    1: "Unallocated (unassigned) number",
    16: "Normal Clearing",
    17: "User busy",
    18: "No user responding",
    19: "User alerting, no answer",
    21: "Call Rejected",
    22: "Number changed",
    23: "Redirected to new destination",
    27: "Destination out of order",
    28: "Invalid number format",
    34: "Circuit/channel congestion",
    38: "Network out of order",
    58: "Bearer capability not available",
    102: "Recover on timer expiry",
    127: "Interworking, unspecified",
}
"""Texts of Q.850 causes, as in main/channel.c."""


class ChannelState(IntEnum):
    """The states of a channel, with Asterisk's numbers."""

    DOWN = 0
    RING = 4
    RINGING = 5
    UP = 6

    @property
    def channel_state_as_text(self) -> str:
        """The channel's state as text, such as "Up", as in the field ChannelStateDesc of AMI events."""
        return self.name.capitalize()


class EndsBy(StrEnum):
    """The person or component that ended a channel, as recorded in the journal of calls."""

    VOTER = "voter"
    MANAGER = "manager"
    DIALPLAN = "dialplan"
    AGI = "agi"
    PHONE = "phone"
    CARRIER = "carrier"
    RING_LIMIT = "ring-limit"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Location:
    """A location in the dialplan: context, extension and priority."""

    context: str
    extension: str
    priority: int


@dataclass(frozen=True, slots=True)
class OriginateOrder:
    """A valid Originate action: whom to call, and what to run after the answer.

    `ring_seconds` is the action's Timeout in simulated time.
    """

    action_id: str
    channel: str  # as in the action: PJSIP/...
    dial_string: str
    uniqueid: str
    start: Location
    application: str  # runs instead of the dialplan; "": the dialplan runs
    data: str
    ring_seconds: float
    caller_number: str
    caller_name: str
    variables: tuple[tuple[str, str], ...]
    other_uniqueid: str = ""  # of the second half of a Local channel


class Channel:
    """A channel of the simulated Asterisk: one leg of a call, to a voter's or an agent's phone."""

    def __init__(self, name: str, uniqueid: str, context: str, created_at: float) -> None:
        """Create a channel. `created_at` is the event loop's time."""
        self.name = name
        self.uniqueid = uniqueid
        self.state = ChannelState.DOWN
        self.caller_number = self.caller_name = UNKNOWN
        self.connected_number = self.connected_name = UNKNOWN
        self.context = context
        self.extension = "s"
        self.priority = 1
        self.application = ""
        self.data = ""
        self.variables: dict[str, str] = {}
        self.created_at = created_at
        self.answered_at: float | None = None
        self.number = ""
        self.trunk: str | None = None  # None: an agent's phone
        self.seat: str | None = None  # the phone's endpoint
        self.silent_since: float | None = None  # when the phone stopped sending RTP (loop time); None: it is sending
        self.behaviour: Behaviour | None = None
        self.voter: Voter | None = None
        self.conference: Conference | None = None
        self.hung_up = False
        self.cause: int | None = None
        self.ended_by = EndsBy.DIALPLAN
        self.goto: Location | None = None
        self.jump: str | None = None  # target of Goto or GotoIf
        self.reads_keys = False
        self.digits: deque[str] = deque()
        self.quality_reported = False
        # The stale (lines, application, data) that lists show after a menu key, until its conference changes.
        self.shown: tuple[bytes, str, str] | None = None
        self.recording: ChannelRecording | None = None
        self.hang_up_handler = ""  # the place in the dialplan: context, extension and priority
        self.task: asyncio.Task[None] | None = None
        self.on_hang_up: Callable[[], None] | None = None
        self.on_conversation_start: Callable[[], None] | None = None  # set on a leg from another server, for its voter
        self._blocks: dict[str, bytes] = {}
        self._timers: list[asyncio.TimerHandle] = []
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_application_interrupted(self) -> bool:
        """Whether a hang-up or a redirect has stopped the dialplan application that runs on the channel."""
        return self.hung_up or self.goto is not None

    def set_channel_state(self, state: ChannelState) -> None:
        """Set the channel's state, such as ringing or up."""
        self.state = state
        self._blocks.clear()

    def set_caller_number_and_name(self, number: str, name: str) -> None:
        """Set the caller's number and name on the channel."""
        self.caller_number, self.caller_name = number or UNKNOWN, name or UNKNOWN
        self._blocks.clear()

    def set_connected_line(self, number: str, name: str) -> None:
        """Set the number and name of the other party (connected line) on the channel."""
        self.connected_number, self.connected_name = number or UNKNOWN, name or UNKNOWN
        self._blocks.clear()

    def move_channel_to_dialplan_step(self, context: str, extension: str, priority: int) -> None:
        """Set the channel's location in the dialplan."""
        self.context, self.extension, self.priority = context, extension, priority
        self._blocks.clear()

    def render_channel_event_lines(self, prefix: str = "") -> bytes:
        """Return the lines that every event of this channel contains. `prefix` is "Dest" in dial events."""
        block = self._blocks.get(prefix)
        if block is None:
            p = prefix
            block = (
                f"{p}Channel: {self.name}\r\n{p}ChannelState: {self.state.value}\r\n"
                f"{p}ChannelStateDesc: {self.state.channel_state_as_text}\r\n"
                f"{p}CallerIDNum: {self.caller_number}\r\n{p}CallerIDName: {self.caller_name}\r\n"
                f"{p}ConnectedLineNum: {self.connected_number}\r\n{p}ConnectedLineName: {self.connected_name}\r\n"
                f"{p}Language: en\r\n{p}AccountCode: \r\n{p}Context: {self.context}\r\n{p}Exten: {self.extension}\r\n"
                f"{p}Priority: {self.priority}\r\n{p}Uniqueid: {self.uniqueid}\r\n{p}Linkedid: {self.uniqueid}\r\n"
            ).encode()
            self._blocks[prefix] = block
        return block

    async def wait_for_input_or_hang_up(self, seconds: float | None) -> None:
        """Wait up to `seconds` for a key, a hang-up, a redirect or AGI input on the channel. None means no limit."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiter = waiter
        timer = None if seconds is None else loop.call_later(seconds, self.wake_waiting_application)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def wake_waiting_application(self) -> None:
        """Wake the application that waits on the channel."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def schedule_action_unless_call_ends(self, seconds: float, act: Callable[[], None]) -> None:
        """Call the function `act` after `seconds`, unless the channel has ended by then."""
        self._timers.append(asyncio.get_running_loop().call_later(seconds, act))

    def cancel_timers(self) -> None:
        """Cancel all actions that were scheduled for the channel and have not run yet."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def pass_key_to_application(self, digit: str) -> None:
        """Pass a pressed key to the application that reads keys. If none reads keys, the key is lost, as in Asterisk."""
        if self.reads_keys:
            self.digits.append(digit)
            self.wake_waiting_application()
