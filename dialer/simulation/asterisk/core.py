"""The core of the simulated Asterisk: channels, variables and events, without sockets."""

from __future__ import annotations

import asyncio
import hashlib
from abc import ABC, abstractmethod
from pathlib import Path
from random import Random

from dialer.deploy.asterisk.conf_file import parse_asterisk_conf
from dialer.deploy.asterisk.render import render_dialplan
from dialer.domain.clock import LoopClock
from dialer.simulation.asterisk.channels import Channel, ChannelState, EndsBy, Location
from dialer.simulation.asterisk.conference import Conferences
from dialer.simulation.asterisk.config import PhoneMode, SeatPhone, SimulatedAsteriskConfig, SimulatedTrunk
from dialer.simulation.asterisk.extensions import parse_dialplan
from dialer.simulation.asterisk.journal import Journal, PlacedCall
from dialer.simulation.asterisk.sessions import SessionRegistry

SERVER = "matdan-server-"  # prefix of another server's endpoint
MESSAGE_SOUND = "matdan/message"
TONE_SECONDS = {"matdan/beep": 0.16, "matdan/key": 0.04, "matdan/done": 0.08, "matdan/wrong": 0.1}


class SwitchCore(ABC):
    """The channels, conferences and AMI events of the simulated Asterisk. This part starts no calls and uses no
    sockets.
    """

    def __init__(self, config: SimulatedAsteriskConfig) -> None:
        """Create the core of a simulated Asterisk, without a clock. The server sets the clock when it starts."""
        self.config = config
        self.speed = self.config.speed
        self.ami_port = self.config.ami_port
        self.agi_port = self.config.agi_port
        secret = self.config.users[0].secret
        text = self.config.dialplan or render_dialplan(manager_secret=secret, servers=bool(self.config.server))
        self.dialplan = parse_dialplan(text)
        section = parse_asterisk_conf("extensions.conf", text).find_section("globals")
        self._first_globals = {} if section is None else {each.key: each.value for each in section.settings}
        self.globals = dict(self._first_globals)
        self.database: dict[str, str] = {}  # by family/key; a restart keeps it
        self.stopping = False  # refuses all actions, and restarts once its calls have ended
        self.booted = True
        self.channels: dict[str, Channel] = {}  # by uniqueid
        self.servers: dict[str, SwitchCore] = {}  # the other servers, by name
        self.session_registry = SessionRegistry(self.get_current_time, Random(f"{self.config.seed}/faults"))
        self.events = self.session_registry.events
        self.agi_connections: set[asyncio.Transport] = set()
        self._journal = Journal(None)
        self._random = Random(f"{self.config.seed}/switch")
        self.conferences = Conferences(
            self.events,
            self.config.conference_users,
            self._random,
            self.start_conversation,
            self.run_conference_menu_entry,
        )
        self._trunks: dict[str, SimulatedTrunk] = {trunk.name: trunk for trunk in self.config.trunks}
        self._dead_trunks: set[str] = set()
        self.registrations = {trunk.name: trunk.registration for trunk in self.config.trunks if trunk.registration}
        """The state of each trunk's registration with its carrier, by trunk."""
        self._phones: dict[str, SeatPhone] = {phone.endpoint: phone for phone in self.config.seats}
        self._channel_number = 0
        self.processed_calls = 0
        self._clock: LoopClock | None = None
        self._started_at = 0.0

    @property
    def placed_calls(self) -> list[PlacedCall]:
        """All outbound calls that the simulated Asterisk has placed so far, in order."""
        return self._journal.placed

    def get_current_time(self) -> float:
        """Return the time of the simulated Asterisk (epoch seconds)."""
        return 0.0 if self._clock is None else self._clock.now()

    @property
    def uptime_seconds(self) -> float:
        """The seconds since the start or the last restart of the simulated Asterisk."""
        return self.get_current_time() - self._started_at

    def create_agi_command_id(self) -> int:
        """Return a new CommandId for the events of an AGI command."""
        return self._random.getrandbits(31)

    # Implemented by SwitchCalls

    @abstractmethod
    def start_dialplan(self, channel: Channel, start: Location, application: str = "", data: str = "") -> None:
        """Start a task that runs the dialplan from `start` on an answered channel. If `application` is given, only this
        application is run.
        """

    @abstractmethod
    def accept_call_from_other_server(self, server: str, extension: str) -> Channel:
        """Accept a call from another simulated server, which connects a voter there to an agent here. Return the new channel."""

    @abstractmethod
    async def run_dialplan_application(self, channel: Channel, name: str, data: str) -> int:
        """Run one dialplan application on a channel. Return 0, -1 after a hang-up, or -2 for an unknown name."""

    @abstractmethod
    async def run_conference_menu_entry(self, channel: Channel, place: tuple[str, str, int]) -> None:
        """Run the dialplan from `place` (context, extension, priority) after a key of a conference menu was pressed."""

    # Calls

    def get_device_state(self, device: str) -> str:
        """Return the DEVICE_STATE of a phone or a trunk, such as INUSE."""
        technology, _, endpoint = device.partition("/")
        if endpoint.removeprefix(SERVER) in self.servers:
            return "NOT_INUSE"
        phone = self._phones.get(endpoint)
        if technology != "PJSIP" or (phone is None and endpoint not in self._trunks):
            return "INVALID"
        if self.find_phone_channel(endpoint) is not None:
            return "INUSE"
        unavailable = endpoint in self._dead_trunks if phone is None else phone.mode is PhoneMode.UNREGISTERED
        return "UNAVAILABLE" if unavailable else "NOT_INUSE"

    def count_channels_of_trunk(self, trunk: str) -> int:
        """Return the number of channels that a trunk has in use."""
        return sum(1 for channel in self.channels.values() if channel.trunk == trunk)

    def _create_channel(self, endpoint: str, uniqueid: str, context: str) -> Channel:
        name = f"PJSIP/{endpoint}-{self._channel_number:08x}"
        prefix = f"{self.config.server}-" if self.config.server else ""
        uniqueid = uniqueid or f"{prefix}{self.get_current_time():.0f}.{self._channel_number}"
        self._channel_number += 1
        self.processed_calls += 1
        channel = Channel(name, uniqueid, context, asyncio.get_running_loop().time())
        self.channels[uniqueid] = channel
        return channel

    def answer_channel(self, channel: Channel) -> None:
        """Answer a channel, unless it is answered already."""
        if channel.state is ChannelState.UP:
            return
        channel.set_channel_state(ChannelState.UP)
        channel.answered_at = asyncio.get_running_loop().time()
        self.events.publish_channel_event("Newstate", channel)
        if channel.trunk is not None and channel.behaviour is not None:
            self._journal.write_answered_call_to_journal(self.get_current_time(), channel.uniqueid)
        if channel.voter is not None:
            channel.voter.start_voter_behaviour()
        phone = self._phones.get(channel.seat or "")  # None: not a phone of this server
        if phone is not None and phone.mode is PhoneMode.HANGS_UP:
            asyncio.get_running_loop().call_soon(self.hang_up_channel_from_other_side, channel, EndsBy.PHONE)

    def hang_up_channel(self, channel: Channel, cause: int, by: EndsBy) -> None:
        """Hang up a channel from Asterisk's side, in any state."""
        if channel.hung_up or self.channels.get(channel.uniqueid) is not channel:
            return
        channel.cause = cause
        channel.ended_by = by
        if channel.on_hang_up is not None:
            channel.on_hang_up()
        else:
            channel.hung_up = True
            channel.wake_waiting_application()

    def hang_up_channel_from_other_side(self, channel: Channel, by: EndsBy) -> None:
        """Hang up a channel from the other side: by the voter, or on the agent's phone."""
        if channel.hung_up or channel.state is not ChannelState.UP:
            return
        self.events.publish_rtp_quality_events(channel)
        self.events.publish_hangup_request_event(channel)
        channel.hung_up = True
        channel.ended_by = by
        channel.wake_waiting_application()

    def count_received_packets(self, channel: Channel) -> int:
        """Return the number of RTP packets received from a channel: 50 per second since the answer."""
        if channel.answered_at is None:
            return 0
        until = asyncio.get_running_loop().time() if channel.silent_since is None else channel.silent_since
        return int(50 * (until - channel.answered_at))

    def remove_ended_channel(self, channel: Channel, how: str, cause: int) -> None:
        """Remove a channel that has ended from the simulated Asterisk. Write its journal entry and call record."""
        channel.cancel_timers()
        if channel.recording is not None:
            channel.recording.finish_recording()
        self.channels.pop(channel.uniqueid, None)
        if self.config.history is not None and how != EndsBy.RESTART:
            self._write_call_record(self.config.history, channel, how)
        if channel.trunk is None:
            return
        self._journal.write_ended_call_to_journal(self.get_current_time(), channel.uniqueid, how, cause)

    def _write_call_record(self, file: Path, channel: Channel, how: str) -> None:
        """Append a call record in the format of cdr_custom, as Asterisk 22 writes it."""
        loop_time = asyncio.get_running_loop().time()
        now = self.get_current_time()
        answered = channel.answered_at is not None
        refusals = {"carrier-486": 4, "carrier-600": 4, "carrier-503": 16}
        answer = 0.0 if channel.answered_at is None else now - (loop_time - channel.answered_at)
        fields = (
            channel.uniqueid,
            8 if answered else refusals.get(how, 0),
            f"{now - (loop_time - channel.created_at):.6f}",
        )
        line = ",".join(map(str, (*fields, f"{answer:.6f}", f"{now:.6f}", channel.application, channel.data)))
        with file.open("a", encoding="utf-8") as opened:
            opened.write(line + "\n")

    def start_conversation(self, voter: Channel) -> None:
        """Record that a voter and an agent hear each other, and start the voter's talk."""
        if voter.on_conversation_start is not None:
            voter.on_conversation_start()
            return
        self._journal.write_connected_call_to_journal(self.get_current_time(), voter.uniqueid)
        if voter.voter is not None:
            voter.voter.start_talk_with_agent()

    def find_phone_channel(self, endpoint: str) -> Channel | None:
        """Return the latest channel of a seat's phone, or None if it is not on a call."""
        mine = (channel for channel in reversed(self.channels.values()) if channel.seat == endpoint)
        return next(mine, None)

    def find_channel(self, name: str) -> Channel | None:
        """Return a live channel of the simulated Asterisk by its uniqueid or name, or None."""
        channel = self.channels.get(name)
        if channel is None:
            channel = next((channel for channel in self.channels.values() if channel.name == name), None)
        return channel

    # For the dialplan

    def get_sound_length_seconds(self, name: str) -> float | None:
        """Return the length of a sound in seconds, or None if its file is missing."""
        if name in self.config.missing_sounds:
            return None
        default = self.config.message_seconds if name == MESSAGE_SOUND else self.config.default_prompt_seconds
        return self.config.prompt_seconds.get(name, TONE_SECONDS.get(name, default))

    def set_dialplan_variable(self, channel: Channel, name: str, value: str, *, announce: bool = True) -> None:
        """Set a channel variable, or a global variable by GLOBAL(). Assignments to other dialplan functions are ignored
        and send no event.
        """
        if name.startswith("GLOBAL("):
            self.globals[name[7:].rstrip(")")] = value
        elif not name.endswith(")"):
            channel.variables[name.lstrip("_")] = value
            if announce:
                self.events.publish_variable_set_event(channel, name, value)

    def look_up_dialplan_variable(self, channel: Channel | None, name: str) -> str:
        """Return the value of a channel variable, a global variable or a function call; "" if it is not set."""
        function, bracket, arguments = name.removesuffix(")").partition("(")
        if function == "CONFBRIDGE_INFO":
            kind, _, conference = arguments.partition(",")
            return self.conferences.get_conference_info(kind, conference)
        if function == "SHA1" and bracket:
            return hashlib.sha1(arguments.encode(), usedforsecurity=False).hexdigest()
        if name == "STRFTIME(,,%s.%3q)":
            return f"{self.get_current_time():.3f}"
        if function == "DB_EXISTS":
            return str(int(arguments in self.database))
        if function == "DEVICE_STATE":
            return self.get_device_state(arguments)
        if name == "EPOCH":
            return str(int(self.get_current_time()))
        if name == "AGI_SERVER":
            return f"{self.config.agi_host}:{self.agi_port}"
        own = {} if channel is None else channel.variables
        if channel is not None and name not in own:
            own = {
                "CHANNEL(rtcp,rxcount)": str(self.count_received_packets(channel)),
                "CHANNEL": channel.name,
                "CONTEXT": channel.context,
                "EXTEN": channel.extension,
                "PRIORITY": str(channel.priority),
                "UNIQUEID": channel.uniqueid,
                "CALLERID(num)": channel.caller_number,
            }
        return own.get(name, self.globals.get(name, ""))
