"""The switch's core: channels and their lives, variables, and who is told of what. No socket of its own."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import structlog

from config.asterisk.conf_file import read_conf
from config.asterisk.render import dialplan
from dialer.domain.clock import LoopClock
from dialer.simulation.asterisk.agi_client import VERSION, AgiConnection
from dialer.simulation.asterisk.channels import Channel, ChannelState, EndsBy, Location
from dialer.simulation.asterisk.conference import Conferences
from dialer.simulation.asterisk.config import PhoneMode, SeatPhone, SimulatedAsteriskConfig, SimulatedTrunk
from dialer.simulation.asterisk.dialplan import APPLICATIONS, run_aside, run_dialplan
from dialer.simulation.asterisk.events import EventWriter
from dialer.simulation.asterisk.extensions import DialplanError, find_extension, parse_dialplan
from dialer.simulation.asterisk.journal import Journal, PlacedCall
from dialer.simulation.asterisk.originate import REASON_ANSWERED, REASON_FAILED, OriginateOrder, OutgoingCall, respond
from dialer.simulation.asterisk.phones import Caller, VoterPhone
from dialer.simulation.asterisk.sessions import ManagerSession
from dialer.simulation.asterisk.voters import Scripted, Voter, behaviour_of

# Faults of the event stream: events that are lost, come twice, or in another order.


class EventFaults:
    """Decides what becomes of each event. Without any fault set, every event passes once and in order."""

    def __init__(self, random: Random) -> None:
        """`random` is the faults' own."""
        self._random = random
        self._lose_share = self._repeat_share = self._delay_share = 0.0
        self._names: frozenset[str] | None = None
        self._lose_next: Counter[str] = Counter()
        self._late: list[tuple[str, bytes]] = []

    @property
    def active(self) -> bool:
        """Whether anything may happen to an event."""
        return bool(self._lose_share or self._repeat_share or self._delay_share or self._lose_next or self._late)

    def set(
        self, *, lose: float = 0.0, repeat: float = 0.0, reorder: float = 0.0, names: Collection[str] | None = None
    ) -> None:
        """Set the shares of events that are lost, repeated, or come after the next one; of `names` only, None for all."""
        self._lose_share, self._repeat_share, self._delay_share = lose, repeat, reorder
        self._names = None if names is None else frozenset(names)

    def lose_next(self, name: str, count: int = 1) -> None:
        """Lose the next `count` events of that name."""
        self._lose_next[name] += count

    def apply(self, name: str, data: bytes) -> list[tuple[str, bytes]]:
        """What goes out now in place of one event, in order."""
        late, self._late = self._late, []
        if self._lose_next[name] > 0:
            self._lose_next[name] -= 1
            self._lose_next += Counter()  # drops what has come down to nothing
            return late
        del self._lose_next[name]
        if self._names is not None and name not in self._names:
            return [(name, data), *late]
        point = self._random.random()
        if point < self._lose_share:
            return late
        if point < self._lose_share + self._repeat_share:
            return [(name, data), *late, (name, data)]
        if point < self._lose_share + self._repeat_share + self._delay_share:
            self._late.append((name, data))
            return late
        return [(name, data), *late]

    def take_late(self) -> list[tuple[str, bytes]]:
        """What is still held back."""
        late, self._late = self._late, []
        return late


MESSAGE_SOUND = "matdan/message"
TONE_SECONDS = {"matdan/beep": 0.16, "matdan/key": 0.04, "matdan/done": 0.08, "matdan/wrong": 0.1}
LATE_EVENT_SECONDS = 0.02  # how long a reordered event is held back when no other follows it

_log = structlog.get_logger(__name__)


class SwitchCore:
    """Channels, conferences and events. `SimulatedAsterisk` adds the listening socket and the faults."""

    def __init__(self, config: SimulatedAsteriskConfig) -> None:
        """Nothing happens before the clock is set."""
        self.config = config
        self.speed = self.config.speed
        self.ami_port = self.config.ami_port
        self.agi_port = self.config.agi_port
        text = self.config.dialplan or dialplan(manager_secret=self.config.users[0].secret)
        self.dialplan = parse_dialplan(text)
        section = read_conf("extensions.conf", text).named("globals")
        self._first_globals = {} if section is None else {each.key: each.value for each in section.settings}
        self.globals = dict(self._first_globals)
        self.channels: dict[str, Channel] = {}  # by uniqueid
        self.sessions: set[ManagerSession] = set()
        self.agi_connections: set[AgiConnection] = set()
        self.processed_calls = 0
        self.event_faults = EventFaults(Random(f"{self.config.seed}/faults"))
        self.events = EventWriter(self._publish, self.now, self.config.system_name)
        self.caller = Caller(self.config)
        self._journal = Journal(None)
        self._random = Random(f"{self.config.seed}/switch")
        self.conferences = Conferences(
            self.events, dict(self.config.conference_users), self.config.conference_menus, self._random, self
        )
        self._trunks: dict[str, SimulatedTrunk] = {trunk.name: trunk for trunk in self.config.trunks}
        self._dead_trunks: set[str] = set()
        self._phones: dict[str, SeatPhone] = {phone.endpoint: phone for phone in self.config.seats}
        self._channel_number = 0
        self._clock: LoopClock | None = None
        self._started_at = 0.0
        self._call_backs: list[asyncio.TimerHandle] = []

    @property
    def placed(self) -> list[PlacedCall]:
        """Every call truly placed so far, in order."""
        return self._journal.placed

    def now(self) -> float:
        """Epoch seconds of the switch's clock."""
        return 0.0 if self._clock is None else self._clock.now()

    @property
    def uptime_seconds(self) -> float:
        """Since the start, or the last restart."""
        return self.now() - self._started_at

    def next_command_id(self) -> int:
        """A CommandId for the events of an AGI command."""
        return self._random.getrandbits(31)

    # Calls

    def place(self, order: OriginateOrder) -> None:
        """Carry out an Originate that was answered with "queued"."""
        if order.channel.startswith("Local/"):
            self._place_local(order)
            return
        target, at, endpoint = order.dial_string.rpartition("@")
        trunk = self._trunks.get(endpoint) if at else None
        phone = None if at else self._phones.get(endpoint)
        unreachable = phone is None or phone.mode is PhoneMode.UNREGISTERED
        if order.uniqueid in self.channels or (trunk is None and unreachable):
            respond(self, order, success=False, reason=REASON_FAILED, channel=order.channel)
            return
        channel = self._new_channel(endpoint, order.uniqueid, (trunk or phone or SimulatedTrunk("")).context)
        alive = True
        if trunk is not None:
            channel.trunk, channel.number = trunk.name, target
            busy = trunk.channels and self.live_calls(trunk.name) > trunk.channels
            behaviour, random = self.caller.next_call(target, self.now(), congested=bool(busy))
            if trunk.rings_with is not None:
                behaviour = replace(behaviour, rings_with=trunk.rings_with)
            channel.behaviour = behaviour
            channel.voter = Voter(behaviour, self.config.profile, random, VoterPhone(self, channel))
            alive = trunk.name not in self._dead_trunks
            self._journal.call_placed(self.now(), channel.uniqueid, target, trunk.name)
        elif phone is not None:
            channel.seat = phone.endpoint
            channel.name_caller(phone.caller_number, phone.endpoint)
            behaviour, random = self.caller.agents_phone(phone)
        for name, value in order.variables:
            self.set_variable(channel, name, value, announce=False)
        OutgoingCall(self, channel, order, behaviour, random, trunk_alive=alive).begin()

    def _place_local(self, order: OriginateOrder) -> None:
        """Two halves that live and end together: the second goes through the dialplan that the channel names and answers the first,
        which goes where the order says.
        """
        name, _, context = order.dial_string.partition("/")[0].partition("@")
        ids = (order.uniqueid, order.other_uniqueid or f"{order.uniqueid};2")
        if find_extension(self.dialplan, context, name) is None or any(each in self.channels for each in ids):
            respond(self, order, success=False, reason=REASON_FAILED, channel=order.channel)
            return
        first, second = (self._new_channel("", each, context) for each in ids)
        stem = f"Local/{name}@{context}-{self._channel_number:08x}"
        places = (order.start, Location(context, name, 1))
        for half, other, number, place in ((first, second, 1, places[0]), (second, first, 2, places[1])):
            half.name = f"{stem};{number}"
            half.variables.update(order.variables)
            half.move_to(place.context, place.extension, place.priority)
            self.events.of_channel("Newchannel", half)
            self.answer(half)
            self.start_dialplan(half, order if half is first else replace(order, application="", start=place))
            if half.task is not None:
                half.task.add_done_callback(partial(self._end_half, other))
        respond(self, order, success=True, reason=REASON_ANSWERED, channel=first.name)

    def _end_half(self, half: Channel, _other_ended: asyncio.Task[None]) -> None:
        self.hang_up(half, 16, EndsBy.DIALPLAN)

    def device_state(self, device: str) -> str:
        """What DEVICE_STATE says of a phone or a trunk."""
        technology, _, endpoint = device.partition("/")
        phone = self._phones.get(endpoint)
        if technology != "PJSIP" or (phone is None and endpoint not in self._trunks):
            return "INVALID"
        if self.phone_channel(endpoint) is not None:
            return "INUSE"
        away = endpoint in self._dead_trunks if phone is None else phone.mode is PhoneMode.UNREGISTERED
        return "UNAVAILABLE" if away else "NOT_INUSE"

    def live_calls(self, trunk: str) -> int:
        """How many channels a trunk carries now."""
        return sum(1 for channel in self.channels.values() if channel.trunk == trunk)

    def _new_channel(self, endpoint: str, uniqueid: str, context: str) -> Channel:
        name = f"PJSIP/{endpoint}-{self._channel_number:08x}"
        uniqueid = uniqueid or f"{self.now():.0f}.{self._channel_number}"
        self._channel_number += 1
        channel = Channel(name, uniqueid, context, asyncio.get_running_loop().time())
        self.channels[uniqueid] = channel
        self.processed_calls += 1
        return channel

    def answer(self, channel: Channel) -> None:
        """Pick up; an answered channel stays as it is."""
        if channel.state is ChannelState.UP:
            return
        channel.enter(ChannelState.UP)
        channel.answered_at = asyncio.get_running_loop().time()
        self.events.of_channel("Newstate", channel)
        if channel.trunk is not None and channel.behaviour is not None:
            self._journal.call_answered(self.now(), channel.uniqueid)
        if channel.voter is not None:
            channel.voter.answered()
        if channel.seat is not None and self._phones[channel.seat].mode is PhoneMode.PUTS_DOWN:
            asyncio.get_running_loop().call_soon(self.other_side_hangs_up, channel, EndsBy.PHONE)

    def start_dialplan(self, channel: Channel, order: OriginateOrder) -> None:
        """Let an answered channel go where its order says."""
        channel.task = asyncio.get_running_loop().create_task(self._live(channel, order), name=channel.name)

    async def _live(self, channel: Channel, order: OriginateOrder) -> None:
        try:
            if order.application:
                channel.application, channel.data = order.application, order.data
                await self.run_application(channel, order.application, order.data)
            else:
                await run_dialplan(self, channel, order.start)
        except DialplanError as error:  # as Asterisk: a warning in the log, and the call ends
            _log.warning("simulated_dialplan_broken", context=channel.context, reason=str(error))
        channel.hung_up = True
        self.events.soft_hang_up(channel)
        self.events.quality(channel)
        cause = channel.cause or 0
        self.events.hang_up(channel, cause)
        self.forget(channel, channel.ended_by, cause)

    async def run_application(self, channel: Channel, name: str, data: str) -> int:
        """Run one application of the dialplan. Returns 0; -1 after a hang-up, -2 where there is none of that name."""
        application = APPLICATIONS.get(name)
        if application is None:
            return -2
        await application(self, channel, data)
        return -1 if channel.interrupted else 0

    def hang_up(self, channel: Channel, cause: int, by: EndsBy) -> None:
        """End a channel from this side, in whatever state it is."""
        if channel.hung_up or self.channels.get(channel.uniqueid) is not channel:
            return
        channel.cause = cause
        channel.ended_by = by
        if channel.on_hang_up is not None:
            channel.on_hang_up()
        else:
            channel.hung_up = True
            channel.poke()

    def other_side_hangs_up(self, channel: Channel, by: EndsBy) -> None:
        """The voter puts the phone down, or an agent's phone is gone."""
        if channel.hung_up or channel.state is not ChannelState.UP:
            return
        self.events.quality(channel)
        self.events.hang_up_request(channel)
        channel.hung_up = True
        channel.ended_by = by
        channel.poke()

    def no_media(self, channel: Channel) -> None:
        """No RTP has come for the timeout: cause 44, as a real Asterisk 22 has it."""
        self.hang_up(channel, 44, EndsBy.PHONE)

    def packets_from(self, channel: Channel) -> int:
        """How many RTP packets came, fifty a second since the answer."""
        if channel.answered_at is None:
            return 0
        until = asyncio.get_running_loop().time() if channel.silent_since is None else channel.silent_since
        return int(50 * (until - channel.answered_at))

    def forget(self, channel: Channel, how: str, cause: int) -> None:
        """The channel is gone: nothing of it stays but its line in the journal."""
        channel.cancel_timers()
        if channel.recording is not None:
            channel.recording.end()
        self.channels.pop(channel.uniqueid, None)
        if self.config.history is not None and how != EndsBy.RESTART:
            self._keep_history(self.config.history, channel, how)
        if channel.trunk is None:
            return
        self._journal.call_ended(self.now(), channel.uniqueid, how, cause)
        behaviour = channel.behaviour
        if behaviour is not None and behaviour.calls_back_after is not None:
            loop = asyncio.get_running_loop()
            delay = behaviour.calls_back_after / self.speed
            self._call_backs.append(loop.call_later(delay, self.call_in, channel.number, channel.trunk))

    def _keep_history(self, file: Path, channel: Channel, how: str) -> None:
        """A line of cdr_custom: the disposition and the times as a real Asterisk 22 writes them. A restart writes none."""
        age = asyncio.get_running_loop().time()
        now = self.now()
        answered = channel.answered_at is not None
        refusals = {"carrier-486": 4, "carrier-600": 4, "carrier-503": 16}
        answer = 0.0 if channel.answered_at is None else now - (age - channel.answered_at)
        fields = (channel.uniqueid, 8 if answered else refusals.get(how, 0), f"{now - (age - channel.created_at):.6f}")
        line = ",".join(map(str, (*fields, f"{answer:.6f}", f"{now:.6f}", channel.application, channel.data)))
        with file.open("a", encoding="utf-8") as opened:
            opened.write(line + "\n")

    def call_in(
        self, number: str, trunk: str | None = None, called: str | None = None, script: Scripted | None = None
    ) -> Channel:
        """A voter calls us; "" withholds the number. Returns the channel, which begins in the inbound context at `called`."""
        carrier = self._trunks[trunk or self.config.trunks[0].name]
        channel = self._new_channel(carrier.name, "", carrier.context)
        channel.trunk, channel.number = carrier.name, number
        channel.enter(ChannelState.RING)
        channel.name_caller(number, "")
        behaviour, random = self.caller.calls_us(number)
        if script is not None:
            behaviour = behaviour_of(script)
        channel.voter = Voter(behaviour, self.config.profile, random, VoterPhone(self, channel))
        self._journal.inbound(self.now(), channel.uniqueid, number, carrier.name)
        self.events.of_channel("Newchannel", channel)
        start = Location(self.config.inbound_context, called or self.config.our_number, 1)
        channel.move_to(start.context, start.extension, 1)
        order = OriginateOrder("", channel.name, number, channel.uniqueid, start, "", "", 0.0, number, "", ())
        self.start_dialplan(channel, order)
        return channel

    def voter_met_agent(self, voter: Channel) -> None:
        """Voter and agent hear each other."""
        self._journal.call_connected(self.now(), voter.uniqueid)
        if voter.voter is not None:
            voter.voter.met_agent()

    async def run_menu_entry(self, channel: Channel, place: tuple[str, str, int]) -> None:
        """A key of a conference's menu leads into the dialplan."""
        await run_aside(self, channel, Location(*place))

    def phone_dials(self, endpoint: str, extension: str) -> Channel | None:
        """A seat's phone calls an extension of its context; None: there is no such extension, and the phone hears 404."""
        context = self.config.phone_context
        if find_extension(self.dialplan, context, extension) is None:
            return None
        phone = self._phones[endpoint]
        channel = self._new_channel(endpoint, "", context)
        channel.seat = endpoint
        channel.enter(ChannelState.RING)
        channel.name_caller(phone.caller_number, endpoint)
        self.events.of_channel("Newchannel", channel)
        start = Location(context, extension, 1)
        order = OriginateOrder("", channel.name, extension, channel.uniqueid, start, "", "", 0.0, "", "", ())
        self.start_dialplan(channel, order)
        return channel

    def phone_channel(self, endpoint: str) -> Channel | None:
        """The channel of a seat's phone, the last of them; None: it is not on a call."""
        mine = (channel for channel in reversed(self.channels.values()) if channel.seat == endpoint)
        return next(mine, None)

    def phone_keys(self, endpoint: str, keys: str, *, every_seconds: float = 0.3) -> None:
        """Press keys on a seat's phone, the first at once."""
        channel = self.phone_channel(endpoint)
        if channel is None:
            raise ValueError(f"the phone of {endpoint} is on no call")
        phone = VoterPhone(self, channel)
        for number, key in enumerate(keys):
            phone.after(number * every_seconds, partial(phone.press, key))

    def find_channel(self, name: str) -> Channel | None:
        """A live channel by its uniqueid or its name."""
        channel = self.channels.get(name)
        if channel is None:
            channel = next((channel for channel in self.channels.values() if channel.name == name), None)
        return channel

    # What the dialplan asks of the switch

    def sound_seconds(self, name: str) -> float | None:
        """How long a sound is; None: there is no such file."""
        if name in self.config.missing_sounds:
            return None
        default = self.config.message_seconds if name == MESSAGE_SOUND else self.config.default_prompt_seconds
        return self.config.prompt_seconds.get(name, TONE_SECONDS.get(name, default))

    def set_variable(self, channel: Channel, name: str, value: str, *, announce: bool = True) -> None:
        """Set a variable, or run the function that a name with parentheses is. Functions announce nothing."""
        if name.startswith("GLOBAL("):
            self.globals[name[7:].rstrip(")")] = value
        elif not name.endswith(")"):
            channel.variables[name.lstrip("_")] = value
            if announce:
                self.events.variable_set(channel, name, value)

    def look_up(self, channel: Channel | None, name: str) -> str:
        """The value of a channel's variable, of a global one, or of a function's call; "" of what is not set."""
        if name.startswith("CONFBRIDGE_INFO("):
            kind, _, conference = name[16:].rstrip(")").partition(",")
            return self.conferences.info(kind, conference)
        if name.startswith("SHA1(") and name.endswith(")"):
            return hashlib.sha1(name[5:-1].encode(), usedforsecurity=False).hexdigest()
        if name == "STRFTIME(,,%s.%3q)":
            return f"{self.now():.3f}"
        if name.startswith("DEVICE_STATE("):
            return self.device_state(name[13:].rstrip(")"))
        if name == "EPOCH":
            return str(int(self.now()))
        if name == "AGI_SERVER":
            return f"{self.config.agi_host}:{self.agi_port}"
        if channel is not None:
            if name == "CHANNEL(rtcp,rxcount)":
                return str(self.packets_from(channel))
            if name in channel.variables:
                return channel.variables[name]
            built_in = {
                "CHANNEL": channel.name,
                "CONTEXT": channel.context,
                "EXTEN": channel.extension,
                "PRIORITY": str(channel.priority),
                "UNIQUEID": channel.uniqueid,
                "CALLERID(num)": channel.caller_number,
            }
            if name in built_in:
                return built_in[name]
        return self.globals.get(name, "")

    def run_command(self, command: str) -> list[str] | None:
        """The output lines of a console command; None of one that it does not know."""
        uptime = int(self.uptime_seconds)
        known = {
            "core show version": [
                f"Asterisk {VERSION} built by root @ vm on a x86_64 running Linux on 2026-11-24 13:25:39 UTC"
            ],
            "core show uptime seconds": [f"System uptime: {uptime}", f"Last reload: {uptime}"],
            "core show channels count": [
                f"{len(self.channels)} active channels",
                f"{len(self.channels)} active calls",
                f"{self.processed_calls} calls processed",
            ],
            "dialplan show": sorted(f"[ Context '{context}' created by 'pbx_config' ]" for context in self.dialplan),
        }
        return known.get(command)

    # Events

    def sessions_changed(self) -> None:
        """Somebody logged in or left: render what is wanted now, and nothing else."""
        self.events.wanted = frozenset().union(*(session.taken_events for session in self.sessions))

    def _publish(self, name: str, data: bytes) -> None:
        if not self.event_faults.active:
            for session in self.sessions:
                if session.takes(name):
                    session.write(data)
            return
        self._deliver(self.event_faults.apply(name, data))
        asyncio.get_running_loop().call_later(LATE_EVENT_SECONDS, lambda: self._deliver(self.event_faults.take_late()))

    def _deliver(self, events: list[tuple[str, bytes]]) -> None:
        for name, data in events:
            for session in self.sessions:
                if session.takes(name):
                    session.write(data)
