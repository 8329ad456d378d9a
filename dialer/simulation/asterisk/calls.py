"""The start of simulated calls: by Originate, by an inbound caller, or dialled on a seat's phone."""

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
from dialer.simulation.asterisk.dialplan import APPLICATIONS, run_dialplan, run_menu_dialplan
from dialer.simulation.asterisk.extensions import DialplanError, find_dialplan_extension
from dialer.simulation.asterisk.originate import OutgoingCall
from dialer.simulation.asterisk.phones import CallBehaviours, VoterPhone
from dialer.simulation.asterisk.voters import Behaviour, Voter

JOINED_CONTEXT = "matdan-joined"
PHONE_CONTEXT = "matdan-phones"  # for calls dialled on a seat's phone

_log = structlog.get_logger(__name__)


class SwitchCalls(SwitchCore):
    """The simulated Asterisk's functions for starting calls: Originate, inbound calls, and calls from a seat's phone."""

    def __init__(self, config: SimulatedAsteriskConfig) -> None:
        """Create the simulated Asterisk. Calls can start after the server has set the clock."""
        super().__init__(config)
        self.caller = CallBehaviours(config)
        self._call_backs: list[asyncio.TimerHandle] = []

    def place_call(self, order: OriginateOrder) -> None:
        """Place the call of an Originate action, to which the simulated Asterisk has already responded with "queued"."""
        if order.channel.startswith("Local/"):
            self._place_call_on_local_channel(order)
            return
        target, at, endpoint = order.dial_string.rpartition("@")
        server = self.servers.get(endpoint.removeprefix(SERVER))
        trunks = self._trunks
        if server is not None and target.startswith("number*"):  # number*ENDPOINT*NUMBER, over a trunk of that server
            trunks, (_, endpoint, target) = server._trunks, target.split("*")
        trunk = trunks.get(endpoint) if at else None
        phone = self._find_called_phone(endpoint, target if at else None)
        unreachable = phone is None or phone.mode is PhoneMode.UNREGISTERED
        if order.uniqueid in self.channels or (trunk is None and unreachable):
            self.events.publish_originate_response_event(order, REASON_FAILED)
            return
        channel = self._create_channel(endpoint, order.uniqueid, "from-agent" if trunk is None else "from-carrier")
        alive = True
        if trunk is not None:
            channel.trunk, channel.number = trunk.name, target
            busy = trunk.channels and self.count_channels_of_trunk(trunk.name) > trunk.channels
            behaviour, random = self.caller.pick_random_behaviour_of_next_call(
                target, self.get_current_time(), congested=bool(busy)
            )
            if trunk.rings_with is not None:
                behaviour = replace(behaviour, rings_with=trunk.rings_with)
            channel.behaviour = behaviour
            channel.voter = Voter(behaviour, self.config.profile, random, VoterPhone(self, channel))
            alive = trunk.name not in self._dead_trunks
            self._journal.write_placed_call_to_journal(self.get_current_time(), channel.uniqueid, target, trunk.name)
        elif phone is not None:
            channel.seat = phone.endpoint
            channel.set_caller_number_and_name(phone.caller_number, phone.endpoint)
            channel.behaviour, random = self.caller.pick_random_behaviour_of_seat_phone(phone)
        for name, value in order.variables:
            self.set_dialplan_variable(channel, name, value, announce=False)
        OutgoingCall(self, channel, order, random, trunk_alive=alive).start_dialling()

    def _find_called_phone(self, endpoint: str, target: str | None) -> SeatPhone | None:
        """Return the phone of the called seat, or None if the endpoint is not a phone.

        `target` is None for a phone of this server, and "phone*ENDPOINT" for a phone of another server.
        """
        if target is None:
            return self._phones.get(endpoint)
        server = self.servers.get(endpoint.removeprefix(SERVER))
        return None if server is None else server._phones.get(target.removeprefix("phone*"))

    def _place_call_on_local_channel(self, order: OriginateOrder) -> None:
        """Place a call on a Local channel, whose two halves start and end together.

        The first half runs the dialplan at the location in the Originate action. The second half runs the extension
        that the channel's name contains.
        """
        name, _, context = order.dial_string.partition("/")[0].partition("@")
        ids = (order.uniqueid, order.other_uniqueid or f"{order.uniqueid};2")
        # As in Asterisk 22.10, an id counts as in use if the id of another channel begins with it.
        in_use = any(each and known.startswith(each) for each in ids for known in self.channels)
        in_use = in_use or order.uniqueid.startswith(ids[1])
        if in_use or find_dialplan_extension(self.dialplan, context, name) is None or not self.booted:
            self.events.publish_originate_response_event(order, REASON_FAILED)
            return
        first, second = (self._create_channel("", each, context) for each in ids)
        stem = f"Local/{name}@{context}-{self._channel_number:08x}"
        places = (order.start, Location(context, name, 1))
        for half, other, number, place in ((first, second, 1, places[0]), (second, first, 2, places[1])):
            half.name = f"{stem};{number}"
            half.variables.update(order.variables)
            half.move_channel_to_dialplan_step(place.context, place.extension, place.priority)
            self.events.publish_channel_event("Newchannel", half)
            self.answer_channel(half)
            runs = (order.application, order.data) if half is first else ("", "")
            self.start_dialplan(half, place, *runs)
            if half.task is not None:
                half.task.add_done_callback(partial(self._hang_up_local_channel_half, other))
        self.events.publish_originate_response_event(order, REASON_ANSWERED, first.name)

    def _hang_up_local_channel_half(self, half: Channel, _other_ended: asyncio.Task[None]) -> None:
        self.hang_up_channel(half, 16, EndsBy.DIALPLAN)

    def start_dialplan(self, channel: Channel, start: Location, application: str = "", data: str = "") -> None:
        """Start a task that runs the dialplan from `start` on an answered channel. If `application` is given, only this
        application is run.
        """
        channel.task = asyncio.get_running_loop().create_task(
            self._run_channel_until_end(channel, start, application, data), name=channel.name
        )

    async def _run_channel_until_end(self, channel: Channel, start: Location, application: str, data: str) -> None:
        try:
            if application:
                channel.application, channel.data = application, data
                await self.run_dialplan_application(channel, application, data)
            elif self.booted:
                await run_dialplan(self, channel, start)
            else:
                _log.warning("simulated_asterisk.not_booted", context=channel.context)
        except DialplanError as error:  # as in Asterisk: a warning in the log, and the call ends
            _log.warning("simulated_asterisk.dialplan_failed", context=channel.context, reason=str(error))
        channel.hung_up = True
        self.events.publish_soft_hangup_request_event(channel)
        self.events.publish_rtp_quality_events(channel)
        cause = channel.cause or 0
        self.events.publish_hangup_event(channel, cause)
        self.remove_ended_channel(channel, channel.ended_by, cause)

    async def run_dialplan_application(self, channel: Channel, name: str, data: str) -> int:
        """Run one dialplan application on a channel. Return 0, -1 after a hang-up, or -2 for an unknown name."""
        application = APPLICATIONS.get(name)
        if application is None:
            return -2
        await application(self, channel, data)
        return -1 if channel.is_application_interrupted else 0

    def place_inbound_call(
        self, number: str, trunk: str | None = None, called: str | None = None, script: Behaviour | None = None
    ) -> Channel:
        """Simulate an inbound call by a voter, and return its channel.

        Args:
            number: The voter's number, or "" if it is withheld.
            trunk: The trunk of the call. By default the first one.
            called: The number that the voter dialled. By default the configured `our_number`.
            script: The voter's behaviour. By default the voter listens, and hangs up in silence.
        """
        carrier = self._trunks[trunk or self.config.trunks[0].name]
        channel = self._create_channel(carrier.name, "", "from-carrier")
        channel.trunk, channel.number = carrier.name, number
        channel.set_channel_state(ChannelState.RING)
        channel.set_caller_number_and_name(number, "")
        behaviour, random = self.caller.pick_random_behaviour_of_inbound_call(number)
        if script is not None:
            behaviour = script
        channel.voter = Voter(behaviour, self.config.profile, random, VoterPhone(self, channel))
        self._journal.write_inbound_call_to_journal(self.get_current_time(), channel.uniqueid, number, carrier.name)
        self.events.publish_channel_event("Newchannel", channel)
        start = Location(self.config.inbound_context, called or self.config.our_number, 1)
        channel.move_channel_to_dialplan_step(start.context, start.extension, 1)
        self.start_dialplan(channel, start)
        return channel

    def accept_call_from_other_server(self, server: str, extension: str) -> Channel:
        """Accept a call from another simulated server, which connects a voter there to an agent here. Return the new channel."""
        channel = self._create_channel(f"{SERVER}{server}", "", JOINED_CONTEXT)
        channel.set_channel_state(ChannelState.RING)
        channel.move_channel_to_dialplan_step(JOINED_CONTEXT, extension, 1)
        self.events.publish_channel_event("Newchannel", channel)
        self.start_dialplan(channel, Location(JOINED_CONTEXT, extension, 1))
        return channel

    async def run_conference_menu_entry(self, channel: Channel, place: tuple[str, str, int]) -> None:
        """Run the dialplan from `place` (context, extension, priority) after a key of a conference menu was pressed."""
        await run_menu_dialplan(self, channel, Location(*place))

    def dial_extension_from_phone(self, endpoint: str, extension: str) -> Channel | None:
        """Dial an extension on a seat's phone. Return the channel, or None if the extension does not exist (404)."""
        if find_dialplan_extension(self.dialplan, PHONE_CONTEXT, extension) is None:
            return None
        phone = self._phones[endpoint]
        channel = self._create_channel(endpoint, "", PHONE_CONTEXT)
        channel.seat = endpoint
        channel.set_channel_state(ChannelState.RING)
        channel.set_caller_number_and_name(phone.caller_number, endpoint)
        self.events.publish_channel_event("Newchannel", channel)
        self.start_dialplan(channel, Location(PHONE_CONTEXT, extension, 1))
        return channel

    def press_phone_keys(self, endpoint: str, keys: str, *, every_seconds: float = 0.3) -> None:
        """Press keys on a seat's phone: the first key at once, and each further key `every_seconds` later."""
        channel = self.find_phone_channel(endpoint)
        if channel is None:
            raise ValueError(f"the simulated phone {endpoint} is not on a call")
        phone = VoterPhone(self, channel)
        for number, key in enumerate(keys):
            phone.schedule_action_unless_call_ends(number * every_seconds, partial(phone.press_key, key))

    def remove_ended_channel(self, channel: Channel, how: str, cause: int) -> None:
        """Remove a channel that has ended from the simulated Asterisk. Its voter may then call back later."""
        super().remove_ended_channel(channel, how, cause)
        behaviour = channel.behaviour
        if channel.trunk is not None and behaviour is not None and behaviour.calls_back_after is not None:
            delay = behaviour.calls_back_after / self.speed
            call = asyncio.get_running_loop().call_later(delay, self.place_inbound_call, channel.number, channel.trunk)
            self._call_backs.append(call)
