"""The start of calls: an Originate, an inbound call, an agent's phone that dials; and their way through the dialplan."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import structlog

from dialer.simulation.asterisk.channels import (
    REASON_ANSWERED,
    REASON_FAILED,
    Channel,
    ChannelState,
    EndsBy,
    Location,
    OriginateOrder,
)
from dialer.simulation.asterisk.config import PhoneMode, SeatPhone, SimulatedAsteriskConfig
from dialer.simulation.asterisk.core import SERVER, SwitchCore
from dialer.simulation.asterisk.dialplan import APPLICATIONS, run_aside, run_dialplan
from dialer.simulation.asterisk.extensions import DialplanError, find_extension
from dialer.simulation.asterisk.originate import OutgoingCall
from dialer.simulation.asterisk.phones import Caller, VoterPhone
from dialer.simulation.asterisk.voters import Behaviour, Voter

JOINED_CONTEXT = "matdan-joined"
PHONE_CONTEXT = "matdan-phones"  # of a seat's phone that dials

_log = structlog.get_logger(__name__)


class SwitchCalls(SwitchCore):
    """The core with everything that starts a call."""

    def __init__(self, config: SimulatedAsteriskConfig) -> None:
        """Nothing happens until the clock is set."""
        super().__init__(config)
        self.caller = Caller(config)
        self._call_backs: list[asyncio.TimerHandle] = []

    def place(self, order: OriginateOrder) -> None:
        """Carry out an Originate that was answered with "queued"."""
        if order.channel.startswith("Local/"):
            self._place_local(order)
            return
        target, at, endpoint = order.dial_string.rpartition("@")
        server = self.servers.get(endpoint.removeprefix(SERVER))
        trunks = self._trunks
        if server is not None and target.startswith("number*"):  # number*ENDPOINT*NUMBER, over a trunk of that server
            trunks, (_, endpoint, target) = server._trunks, target.split("*")
        trunk = trunks.get(endpoint) if at else None
        phone = self._phone_of(endpoint, target if at else None)
        unreachable = phone is None or phone.mode is PhoneMode.UNREGISTERED
        if order.uniqueid in self.channels or (trunk is None and unreachable):
            self.events.originate_response(order, REASON_FAILED)
            return
        channel = self._new_channel(endpoint, order.uniqueid, "from-agent" if trunk is None else "from-carrier")
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
            channel.behaviour, random = self.caller.agents_phone(phone)
        for name, value in order.variables:
            self.set_variable(channel, name, value, announce=False)
        OutgoingCall(self, channel, order, random, trunk_alive=alive).begin()

    def _phone_of(self, endpoint: str, target: str | None) -> SeatPhone | None:
        """Return the called phone, ours or, by phone*ENDPOINT, another server's; None: there is none, or it is a trunk."""
        if target is None:
            return self._phones.get(endpoint)
        server = self.servers.get(endpoint.removeprefix(SERVER))
        return None if server is None else server._phones.get(target.removeprefix("phone*"))

    def _place_local(self, order: OriginateOrder) -> None:
        """Two halves that live and end together: the second goes through the dialplan that the channel names and answers
        the first, which goes where the order says.
        """
        name, _, context = order.dial_string.partition("/")[0].partition("@")
        ids = (order.uniqueid, order.other_uniqueid or f"{order.uniqueid};2")
        # As in 22.10, an id is in use where another channel's begins with it.
        taken = any(each and known.startswith(each) for each in ids for known in self.channels)
        taken = taken or order.uniqueid.startswith(ids[1])
        if taken or find_extension(self.dialplan, context, name) is None or not self.booted:
            self.events.originate_response(order, REASON_FAILED)
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
            runs = (order.application, order.data) if half is first else ("", "")
            self.start_dialplan(half, place, *runs)
            if half.task is not None:
                half.task.add_done_callback(partial(self._end_half, other))
        self.events.originate_response(order, REASON_ANSWERED, first.name)

    def _end_half(self, half: Channel, _other_ended: asyncio.Task[None]) -> None:
        self.hang_up(half, 16, EndsBy.DIALPLAN)

    def start_dialplan(self, channel: Channel, start: Location, application: str = "", data: str = "") -> None:
        """Send an answered channel to its location in the dialplan, or into an application instead."""
        channel.task = asyncio.get_running_loop().create_task(
            self._live(channel, start, application, data), name=channel.name
        )

    async def _live(self, channel: Channel, start: Location, application: str, data: str) -> None:
        try:
            if application:
                channel.application, channel.data = application, data
                await self.run_application(channel, application, data)
            elif self.booted:
                await run_dialplan(self, channel, start)
            else:
                _log.warning("simulated_dialplan_before_boot", context=channel.context)
        except DialplanError as error:  # as Asterisk: a warning in the log, and the call ends
            _log.warning("simulated_dialplan_broken", context=channel.context, reason=str(error))
        channel.hung_up = True
        self.events.soft_hang_up(channel)
        self.events.quality(channel)
        cause = channel.cause or 0
        self.events.hang_up(channel, cause)
        self.forget(channel, channel.ended_by, cause)

    async def run_application(self, channel: Channel, name: str, data: str) -> int:
        """Run one application of the dialplan. Return 0; -1 after a hang-up, -2 for an unknown name."""
        application = APPLICATIONS.get(name)
        if application is None:
            return -2
        await application(self, channel, data)
        return -1 if channel.interrupted else 0

    def call_in(
        self, number: str, trunk: str | None = None, called: str | None = None, script: Behaviour | None = None
    ) -> Channel:
        """Place an inbound call by a voter; "" withholds the number.

        Return the channel, in the inbound context at `called`.
        """
        carrier = self._trunks[trunk or self.config.trunks[0].name]
        channel = self._new_channel(carrier.name, "", "from-carrier")
        channel.trunk, channel.number = carrier.name, number
        channel.enter(ChannelState.RING)
        channel.name_caller(number, "")
        behaviour, random = self.caller.calls_us(number)
        if script is not None:
            behaviour = script
        channel.voter = Voter(behaviour, self.config.profile, random, VoterPhone(self, channel))
        self._journal.inbound(self.now(), channel.uniqueid, number, carrier.name)
        self.events.of_channel("Newchannel", channel)
        start = Location(self.config.inbound_context, called or self.config.our_number, 1)
        channel.move_to(start.context, start.extension, 1)
        self.start_dialplan(channel, start)
        return channel

    def called_by_server(self, server: str, extension: str) -> Channel:
        """Return the channel of a call from another server, for a voter of its own."""
        channel = self._new_channel(f"{SERVER}{server}", "", JOINED_CONTEXT)
        channel.enter(ChannelState.RING)
        channel.move_to(JOINED_CONTEXT, extension, 1)
        self.events.of_channel("Newchannel", channel)
        self.start_dialplan(channel, Location(JOINED_CONTEXT, extension, 1))
        return channel

    async def run_menu_entry(self, channel: Channel, place: tuple[str, str, int]) -> None:
        """Run the dialplan for a key of a conference's menu."""
        await run_aside(self, channel, Location(*place))

    def phone_dials(self, endpoint: str, extension: str) -> Channel | None:
        """Dial an extension from a seat's phone. Return the channel; None: there is no such extension (404)."""
        if find_extension(self.dialplan, PHONE_CONTEXT, extension) is None:
            return None
        phone = self._phones[endpoint]
        channel = self._new_channel(endpoint, "", PHONE_CONTEXT)
        channel.seat = endpoint
        channel.enter(ChannelState.RING)
        channel.name_caller(phone.caller_number, endpoint)
        self.events.of_channel("Newchannel", channel)
        self.start_dialplan(channel, Location(PHONE_CONTEXT, extension, 1))
        return channel

    def phone_keys(self, endpoint: str, keys: str, *, every_seconds: float = 0.3) -> None:
        """Press keys on a seat's phone, the first at once."""
        channel = self.phone_channel(endpoint)
        if channel is None:
            raise ValueError(f"the phone of {endpoint} is on no call")
        phone = VoterPhone(self, channel)
        for number, key in enumerate(keys):
            phone.after(number * every_seconds, partial(phone.press, key))

    def forget(self, channel: Channel, how: str, cause: int) -> None:
        """Remove a channel. Its voter may call back."""
        super().forget(channel, how, cause)
        behaviour = channel.behaviour
        if channel.trunk is not None and behaviour is not None and behaviour.calls_back_after is not None:
            delay = behaviour.calls_back_after / self.speed
            call = asyncio.get_running_loop().call_later(delay, self.call_in, channel.number, channel.trunk)
            self._call_backs.append(call)
