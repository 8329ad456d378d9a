"""A channel of the simulated switch, the conference that it is in, and what is recorded of it."""

from __future__ import annotations

import asyncio
import wave
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path

from dialer.simulation.asterisk.config import ConferenceUser
from dialer.simulation.asterisk.voters import Behaviour, Voter

UNKNOWN = "<unknown>"
REASON_FAILED, REASON_NO_ANSWER, REASON_ANSWERED = 0, 3, 4  # of an OriginateResponse

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
"""Texts of main/channel.c for the Q.850 causes that a carrier's answer turns into."""


class ChannelState(IntEnum):
    """The states of a channel that a call of ours passes through, by Asterisk's numbers."""

    DOWN = 0
    RING = 4
    RINGING = 5
    UP = 6

    @property
    def text(self) -> str:
        """As ChannelStateDesc says it."""
        return self.name.capitalize()


class EndsBy(StrEnum):
    """Who or what ended a channel, for the journal."""

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
    """A place in the dialplan."""

    context: str
    extension: str
    priority: int


@dataclass(frozen=True, slots=True)
class OriginateOrder:
    """An Originate action, checked. `ring_seconds` are the dialler's: the switch's speed shortens them."""

    action_id: str
    channel: str  # as ordered: PJSIP/...
    dial_string: str
    uniqueid: str
    start: Location
    application: str  # instead of a place in the dialplan; "" where there is one
    data: str
    ring_seconds: float
    caller_number: str
    caller_name: str
    variables: tuple[tuple[str, str], ...]
    other_uniqueid: str = ""  # of the second half of a Local channel


class Channel:
    """One leg: a voter's or an agent's."""

    def __init__(self, name: str, uniqueid: str, context: str, created_at: float) -> None:
        """`created_at` is the loop's time."""
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
        self.silent_since: float | None = (
            None  # the loop's time since when nothing comes from the phone; None: it sends
        )
        self.behaviour: Behaviour | None = None
        self.voter: Voter | None = None
        self.conference: Conference | None = None
        self.hung_up = False
        self.cause: int | None = None
        self.ended_by = EndsBy.DIALPLAN
        self.goto: Location | None = None
        self.jump: str | None = None  # where Goto pointed
        self.listens = False
        self.digits: deque[str] = deque()
        self.quality_reported = False
        # As a list shows it, with application and data, where that is not how it stands: after a key, until its conference changes.
        self.shown: tuple[bytes, str, str] | None = None
        self.recording: ChannelRecording | None = None
        self.task: asyncio.Task[None] | None = None
        self.on_hang_up: Callable[[], None] | None = None
        self.met_agent: Callable[[], None] | None = None  # of a voter whom another server has: told there
        self._blocks: dict[str, bytes] = {}
        self._timers: list[asyncio.TimerHandle] = []
        self._waiter: asyncio.Future[None] | None = None

    @property
    def interrupted(self) -> bool:
        """Whether the running application must end: hung up, or sent elsewhere."""
        return self.hung_up or self.goto is not None

    def enter(self, state: ChannelState) -> None:
        """Change the state."""
        self.state = state
        self._blocks.clear()

    def name_caller(self, number: str, name: str) -> None:
        """Set the caller's number and name."""
        self.caller_number, self.caller_name = number or UNKNOWN, name or UNKNOWN
        self._blocks.clear()

    def name_connected(self, number: str, name: str) -> None:
        """Set the connected line's number and name."""
        self.connected_number, self.connected_name = number or UNKNOWN, name or UNKNOWN
        self._blocks.clear()

    def move_to(self, context: str, extension: str, priority: int) -> None:
        """Set the place in the dialplan."""
        self.context, self.extension, self.priority = context, extension, priority
        self._blocks.clear()

    def block(self, prefix: str = "") -> bytes:
        """The header lines that every event of this channel bears; `prefix` is "Dest" in dialling events."""
        block = self._blocks.get(prefix)
        if block is None:
            p = prefix
            block = (
                f"{p}Channel: {self.name}\r\n{p}ChannelState: {self.state.value}\r\n"
                f"{p}ChannelStateDesc: {self.state.text}\r\n"
                f"{p}CallerIDNum: {self.caller_number}\r\n{p}CallerIDName: {self.caller_name}\r\n"
                f"{p}ConnectedLineNum: {self.connected_number}\r\n{p}ConnectedLineName: {self.connected_name}\r\n"
                f"{p}Language: en\r\n{p}AccountCode: \r\n{p}Context: {self.context}\r\n{p}Exten: {self.extension}\r\n"
                f"{p}Priority: {self.priority}\r\n{p}Uniqueid: {self.uniqueid}\r\n{p}Linkedid: {self.uniqueid}\r\n"
            ).encode()
            self._blocks[prefix] = block
        return block

    async def wait(self, seconds: float | None) -> None:
        """Return after `seconds`, or when something happens to the channel: a key, a hang-up, a redirect, AGI input."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiter = waiter
        timer = None if seconds is None else loop.call_later(seconds, self.poke)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def poke(self) -> None:
        """Wake the application that waits."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def schedule(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something later, unless the channel is gone by then."""
        self._timers.append(asyncio.get_running_loop().call_later(seconds, act))

    def cancel_timers(self) -> None:
        """Forget everything that was scheduled."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def press(self, digit: str) -> None:
        """A key was pressed. Between two commands nobody reads the channel, and the key is lost, as on the real thing."""
        if self.listens:
            self.digits.append(digit)
            self.poke()


# ConfBridge


@dataclass(slots=True)
class Participant:
    """A channel in a conference."""

    channel: Channel
    user: ConferenceUser
    result: str = ""  # set when the conference itself puts the member out


class Conference:
    """One conference. Its announcer counts as a channel of the bridge, as Asterisk counts it."""

    def __init__(self, name: str, uniqueid: str, announcer: str) -> None:
        """`announcer` is the name of the conference's own channel."""
        self.name = name
        self.uniqueid = uniqueid
        self.announcer = announcer
        self.members: list[Participant] = []
        self._head = (
            f"BridgeUniqueid: {uniqueid}\r\nBridgeType: base\r\nBridgeTechnology: softmix\r\n"
            f"BridgeCreator: ConfBridge\r\nBridgeName: {name}\r\nBridgeNumChannels: "
        ).encode()

    def block(self, count: int) -> bytes:
        """The header lines that every event of this bridge bears."""
        return b"%b%d\r\nBridgeVideoSourceMode: none\r\n" % (self._head, count)

    @property
    def marked(self) -> int:
        """How many marked members are in."""
        return sum(1 for member in self.members if member.user.marked)

    def peers_of(self, channel: Channel) -> str:
        """What BRIDGEPEER says of a member."""
        others = [member.channel.name for member in self.members if member.channel is not channel]
        return ",".join([f"{self.announcer};2", *others])


# MixMonitor: a small WAV file of silence that is as long as the talk was

SAMPLES_PER_SECOND = 8_000
LONGEST_SECONDS = 2.0  # of the file; nobody needs more silence


class ChannelRecording:
    """What is recorded of one channel: with option b only while it is in a conference."""

    def __init__(self, path: Path, channel: Channel, *, bridged_only: bool) -> None:
        """Begins now. The file is written at the end."""
        self.path = path
        self.muted = False
        self.seconds = 0.0
        self.muted_seconds = 0.0
        self._channel = channel
        self._bridged_only = bridged_only
        self._since = asyncio.get_running_loop().time()

    def count(self) -> None:
        """Add the time since the last count; called before anything changes that decides whether it is recorded."""
        now = asyncio.get_running_loop().time()
        if not self._bridged_only or self._channel.conference is not None:
            self.seconds += now - self._since
            self.muted_seconds += now - self._since if self.muted else 0.0
        self._since = now

    def mute(self, muted: bool) -> None:
        """Record silence, or sound again."""
        self.count()
        self.muted = muted

    def end(self) -> None:
        """Write the file. A folder that is not there gives none, as in Asterisk, where only the log says so."""
        self.count()
        if not self.path.parent.is_dir():
            return
        with wave.open(str(self.path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLES_PER_SECOND)
            file.writeframes(bytes(2 * int(SAMPLES_PER_SECOND * min(self.seconds, LONGEST_SECONDS))))
