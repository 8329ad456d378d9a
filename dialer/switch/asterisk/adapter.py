"""The switch, done by Asterisk: orders go out as AMI actions, events come in through the tracker."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import structlog

from dialer.domain.enums import CampaignKind
from dialer.domain.errors import OriginateUnsure, SwitchError, SwitchUnreachable, UnsafeValue
from dialer.domain.model import AttemptId
from dialer.domain.parties import PartyId, Place
from dialer.domain.switch import History, OriginateRequest, PartyRequest, SeatSound
from dialer.domain.switch_events import REDIRECTED, EventSink, SwitchDown, SwitchEvent
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.lease import SwitchLease
from dialer.switch.asterisk.listing import (
    STATE_UP,
    check_mark,
    inbound_attempts,
    live_channels,
    read_history,
    redirected_channels,
)
from dialer.switch.asterisk.places import (
    AGENT_CONTEXT,
    FLOW_CONTEXT,
    HANDED_CONTEXT,
    HANDOVER_CONFERENCE,
    HOLD_CONTEXT,
    INBOUND_CONTEXT,
    LOG_IN_CONTEXT,
    MESSAGE_CONTEXT,
    RECORDED_CONTEXT,
    REPLACES_VARIABLE,
    SEAT_CHANNEL,
    SEAT_CONTEXT,
    SERVER_ENDPOINT,
    SERVER_VARIABLE,
    VOTER_CONTEXT,
    origination,
    party_place,
    seat_channel_id,
)
from dialer.switch.asterisk.tracker import CallTracker, PartyTracker
from dialer.switch.routed import nowhere

# A channel that came in: who calls whom, as Asterisk says.

_ENDPOINT = re.compile(r"PJSIP/([A-Za-z0-9_-]{1,40})-[0-9a-f]+\Z", re.ASCII)
NUMBER = re.compile(r"\+?[0-9]{3,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class InboundChannel:
    """Who calls whom, as Asterisk says."""

    called: str  # as the carrier wrote it
    caller: str | None  # as the carrier wrote it; None: withheld
    endpoint: str  # the trunk's


async def inbound_channel(client: AmiClient, unique_id: str, name: str) -> InboundChannel | None:
    """The channel of this unique id and name; None: no carrier's call stands there. Raises SwitchError, for one that is gone too.

    A Local channel is nobody's call: a real Asterisk 22 makes one, in the context of a trunk's endpoint, where a number that we
    called is redirected (SIP 3xx) and the endpoint's FORWARD_CONTEXT is not ours.
    """
    found = await client.action_list("Status", [("Channel", unique_id)])
    if len(found) != 1 or found[0].get("Uniqueid") != unique_id or found[0].get("Context") != INBOUND_CONTEXT:
        return None
    endpoint = _ENDPOINT.match(name) if found[0].get("Channel") == name else None
    if endpoint is None:
        return None
    caller = found[0].get("CallerIDNum")
    return InboundChannel(
        called=found[0].get("Exten"), caller=caller if NUMBER.fullmatch(caller) else None, endpoint=endpoint[1]
    )


_log = structlog.get_logger(__name__)

LINK_SECONDS = 4.0  # for a link to come back before a channel is not known; the dialplan asks again
GRACE_SECONDS = 1.0  # between the two halves of an end: they were never seen further apart than some milliseconds
HANG_UP_AGAIN_SECONDS = (0.02, 0.1, 0.5, 2.0)
"""Waits before a Hangup that found no channel is sent again. On a real Asterisk 22 the channel came 0.8 to 3.8 ms after the
answer to its Originate (five recorded sessions, an idle machine)."""
COMPARE_SECONDS = 15.0
COMPARE_AGAIN_SECONDS = 5.0
"""Between two looks at Asterisk's list of channels, and to the second one where the first shows something that no event said. A
call that has ended unheard is over after 21 s at the latest. One look costs the dialler some 6 us of CPU a channel
(0.15 ms a second with 400 channels)."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
_NUMBER_RULE = "a number is 3 to 20 digits"
_UNIQUE_ID = re.compile(r"[A-Za-z0-9._-]{1,150}", re.ASCII)
_SEAT_RULE = "a seat's name is letters, digits and -"
_ENDPOINT_RULE = "an endpoint is up to 40 letters, digits, - and _"
_KEY_ANSWER = "MATDAN_SAY"  # the variable that the dialplan of a key waits for


class AsteriskSwitch:
    """Implements `dialer.domain.switch.Switch`. The AMI link calls `up`, `event` and `down`."""

    def __init__(
        self,
        lease: SwitchLease | None = None,
        agi_mark: str | None = None,
        history: Path | None = None,
        server: str = "",
    ) -> None:
        """No events go anywhere before `deliver_to`. With a `lease`, a switch that another dialler has is not used. `agi_mark` is
        that of the dialplan which the dialler serves; None: any. `history` is the file in which Asterisk keeps how calls ended, as
        this machine sees it. `server` names it, where there are several.
        """
        self._server = server
        self._lease = lease
        self._history = history
        self._up_since: float | None = None  # on the loop's clock: when Asterisk itself began
        self._sink: EventSink = nowhere
        self.tracker = CallTracker(server)
        self._client: AmiClient | None = None
        self._started_at = ""  # when Asterisk itself began, as CoreStatus says
        self._timers: set[asyncio.TimerHandle] = set()
        self._beside: set[asyncio.Task[None]] = set()
        self._comparing: asyncio.Task[None] | None = None  # for as long as the session stands
        self._gone_meanwhile: set[str] | None = None  # channels that end while a resync reads its lists
        self._linked = asyncio.Event()  # set while there is a session, and what lives on the switch is known
        self._agi_mark = agi_mark

    def deliver_to(self, sink: EventSink) -> None:
        """From now on `sink` takes the engine's events."""
        self._sink = sink

    # The link's side

    def event(self, message: AmiMessage) -> None:
        """An AMI event, in order."""
        if self._gone_meanwhile is not None and message.event == "Hangup":
            self._gone_meanwhile.add(message.get("Uniqueid"))
        if self._lease is not None:
            self._lease.heard(message)
        if message.event == "FullyBooted" and message.get("Uptime").isdecimal():
            self._up_since = asyncio.get_running_loop().time() - int(message.get("Uptime"))
        self._report(self.tracker.take(message))
        for channel in self.tracker.seats.replaced():
            self._beside_this(self._hang_up_replaced(channel), "hang-up-replaced")
        if message.event == "DialEnd" and message.get("DialStatus") == REDIRECTED:
            self._beside_this(self._end_redirected(), "end-redirected")
        for attempt_id in self.tracker.awaiting_rest():
            self._after_grace(attempt_id)

    async def up(self, client: AmiClient) -> None:
        """A new session: find out what lives on the switch, then tell the engine. Nothing is dialled before that.

        Raises SwitchTaken where another dialler has it, SwitchError when Asterisk will not tell; the link then begins again.
        """
        await client.booted()
        if self._agi_mark is not None:
            await check_mark(client, self._agi_mark)
        if self._lease is not None:
            await self._lease.take(client)
        self._gone_meanwhile = set()
        try:
            status = await client.action("CoreStatus")
            channels = await live_channels(client)
            inbound = await inbound_attempts(client, channels)
            gone = self._gone_meanwhile
        finally:
            self._gone_meanwhile = None
        started_at = f"{status.get('CoreStartupDate')} {status.get('CoreStartupTime')}"
        restarted = bool(self._started_at) and started_at != self._started_at
        self._started_at = started_at
        self._client = client
        self._report(
            self.tracker.resync(
                [channel for channel in channels if channel.unique_id not in gone],
                restarted,
                inbound,
            )
        )
        self._linked.set()

        self._comparing = asyncio.get_running_loop().create_task(self._compare(client), name="compare-channels")
        self._comparing.add_done_callback(lambda task: _end_if_broken(task, client))

    async def _compare(self, client: AmiClient) -> None:
        """Look now and then whether Asterisk's channels are those that its events told of. An event that is lost on a link that
        stands would leave a ghost for ever: a call that holds its channel and its number, a seat that talks to nobody.
        """
        before: frozenset[SwitchEvent] = frozenset()
        while True:
            await asyncio.sleep(COMPARE_AGAIN_SECONDS if before else COMPARE_SECONDS)
            try:
                channels = await live_channels(client)
            except SwitchUnreachable:
                return
            except SwitchError as error:
                _log.warning("compare.failed", problem=str(error))
                continue
            differences = self.tracker.differences(channels)
            lost, before = before & differences, differences
            if lost:
                before = differences - lost  # what was seen for the first time is looked at again as soon
                await asyncio.sleep(GRACE_SECONDS)  # for events that were on their way while the list was made
                lost &= self.tracker.differences(channels)
            if lost:
                _log.warning("events.lost", **Counter(type(event).__name__ for event in lost))
                self._report(self.tracker.make_up_for(lost, channels))

    async def keep(self, client: AmiClient) -> SwitchError:
        """Look after a session that is up until it is lost, and return or raise why."""
        return await (client.lost() if self._lease is None else self._lease.keep(client))

    def down(self, reason: SwitchError) -> None:
        """The session is lost, or there is none yet: the latest reason is told."""
        if self._comparing is not None:
            self._comparing.cancel()
            self._comparing = None
        self._client = None
        self._linked.clear()
        self._report([SwitchDown(str(reason), self._server)])

    # Calls that come in

    def attempt_of(self, unique_id: str) -> AttemptId:
        """The attempt that a channel is known by."""
        return self.tracker.attempt_of(unique_id)

    async def adopt(self, unique_id: str, name: str, attempt_id: AttemptId) -> InboundChannel | None:
        """Know a channel that came in, and is not answered yet, by this attempt; its events are the attempt's from now on.

        Whoever asks for it may be anybody, so Asterisk itself is asked whether there is such a channel, and who calls whom.
        None: there is none, or it is ours already. Raises SwitchError when Asterisk cannot be asked.
        """
        if not _UNIQUE_ID.fullmatch(unique_id) or not self.tracker.adopt(unique_id, attempt_id):
            return None
        found = None
        try:
            found = await inbound_channel(self._standing(), unique_id, name)
        except SwitchUnreachable:
            self.tracker.forget(attempt_id)
            raise
        except SwitchError as error:  # "No such channel": gone already, or never there
            _log.debug("inbound.no-such-channel", channel=unique_id, answer=str(error))
        if found is None:
            self.tracker.forget(attempt_id)
        return found

    async def stands(self, unique_id: str, name: str, context: str) -> bool:
        """Whether a channel of this unique id and name is answered, as Asterisk has told or, asked, tells of it in this context.

        The AMI event of an answer may come after what the dialplan does then; where there is no link, one is waited for, not
        for ever. What Asterisk could not be asked about does not stand.
        """
        attempt_id = self.tracker.attempt_of(unique_id)
        if self.tracker.answered_as(attempt_id) == name:
            return True
        if not _UNIQUE_ID.fullmatch(unique_id):
            return False
        try:
            async with asyncio.timeout(LINK_SECONDS):
                await self._linked.wait()
            found = await self._standing().action_list("Status", [("Channel", unique_id)])
        except (TimeoutError, SwitchError) as error:  # "No such channel" among them
            _log.debug("channel.not-there", channel=unique_id, answer=str(error))
            return False
        listed = [(each.get("Uniqueid"), each.get("Channel"), each.get("Context")) for each in found]
        if listed != [(unique_id, name, context)] or found[0].get("ChannelState") != STATE_UP:
            return False
        self._report(self.tracker.reported_up(attempt_id, name))
        return True

    def disown(self, attempt_id: AttemptId) -> None:
        """What `adopt` took is not ours after all."""
        self.tracker.forget(attempt_id)

    def close(self) -> None:
        """No event comes after this."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for task in self._beside:
            task.cancel()
        if self._comparing is not None:
            self._comparing.cancel()

    def _report(self, events: list[SwitchEvent]) -> None:
        for event in events:
            self._sink(event)

    def _beside_this(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def _hang_up_replaced(self, channel: str) -> None:
        try:
            await self._hang_up_channel(channel)
        except SwitchError as error:  # nothing comes from it, and Asterisk's own timeout ends it
            _log.info("seat.replaced-not-hung-up", channel=channel, problem=str(error))

    async def _end_redirected(self) -> None:
        """End what Asterisk calls because a number or a phone answered "call elsewhere". Our configuration leads it nowhere, but a
        contact that names a channel itself (PJSIP/number@trunk) is called all the same: the rules were asked about another number.
        """
        try:
            for unique_id in await redirected_channels(self._standing(), self.tracker.knows):
                _log.warning("redirect.ended", channel=unique_id)
                await self._hang_up_channel(unique_id)
        except SwitchError as error:  # the resync ends what stands in our contexts
            _log.warning("redirect.not-ended", problem=str(error))

    def _after_grace(self, attempt_id: AttemptId) -> None:
        def fire() -> None:
            self._timers.discard(timer)
            self._report(self.tracker.overdue(attempt_id))

        timer = asyncio.get_running_loop().call_later(GRACE_SECONDS, fire)
        self._timers.add(timer)

    # The engine's side

    def unanswered_seconds(self, server: str = "") -> float:
        """See `Switch.unanswered_seconds`. For ever, where our lease on the switch may be another's by now."""
        if self._client is None:
            return 0.0
        if self._lease is not None and not self._lease.stands:
            return inf
        return self._client.oldest_unanswered_seconds

    async def originate(self, request: OriginateRequest) -> None:
        """See `Switch.originate`. The attempt's id is channel id and ActionID in one, and the only thing of ours on the wire
        beside number and caller ID: everything else is looked up when the call comes back to us.
        """
        number = _checked(NUMBER, request.number, _NUMBER_RULE)
        caller_id = _checked(NUMBER, request.caller_id, _NUMBER_RULE)
        endpoint = _checked(_NAME, request.endpoint, _ENDPOINT_RULE)
        fields = origination(
            f"PJSIP/{number}@{endpoint}",
            request.attempt_id,
            VOTER_CONTEXT if request.kind is CampaignKind.AGENTS else FLOW_CONTEXT,
            _entrance(request),
            ("CallerID", caller_id),
            ("Timeout", str(round(request.ring_seconds * 1000))),
        )
        await self._place(self.tracker, request.attempt_id, fields)

    async def _place(self, known: CallTracker | PartyTracker, attempt_id: Any, fields: list[tuple[str, str]]) -> None:
        client = self._standing()
        known.expect(attempt_id)
        try:
            await client.action("Originate", fields, action_id=attempt_id)
        except OriginateUnsure:
            raise
        except (SwitchError, UnsafeValue):  # whatever else it is: it was certainly not placed
            known.forget(attempt_id)
            raise

    async def hang_up(self, attempt_id: AttemptId) -> None:
        """See `Switch.hang_up`."""
        channel = self.tracker.channel_of(attempt_id)
        await self._hang_up_while(lambda: self.tracker.is_live(attempt_id), channel)

    async def connect(
        self, attempt_id: AttemptId, seat: str, *, record: bool = False, server: str | None = None
    ) -> None:
        """See `Switch.connect`. Redirect into the seat's conference, 14 ms in the median on a real Asterisk. Where there are
        several `server` is the seat's own, whose conference it calls, and "" where that is this one.
        """
        name = _checked(_NAME, seat, _SEAT_RULE)
        await self._say_server(attempt_id, server)
        if record:
            await self._redirect(attempt_id, RECORDED_CONTEXT, f"{SEAT_CHANNEL}{name}")
        else:
            await self._redirect(attempt_id, SEAT_CONTEXT, name)

    async def play_message(self, attempt_id: AttemptId) -> None:
        """See `Switch.play_message`."""
        await self._redirect(attempt_id, MESSAGE_CONTEXT, "s")

    async def call_seat(self, seat: str, endpoint: str) -> None:
        """See `Switch.call_seat`."""
        replaces = ("Variable", f"{REPLACES_VARIABLE}=1")
        await self._call_phone(seat, endpoint, AGENT_CONTEXT, _checked(_NAME, seat, _SEAT_RULE), replaces)

    async def call_for_log_in(self, seat: str, endpoint: str) -> None:
        """See `Switch.call_for_log_in`."""
        await self._call_phone(seat, endpoint, LOG_IN_CONTEXT, "s")

    async def _call_phone(self, seat: str, endpoint: str, context: str, extension: str, *more: tuple[str, str]) -> None:
        channel_id = seat_channel_id(_checked(_NAME, seat, _SEAT_RULE), secrets.token_hex(6))
        phone = f"PJSIP/{_checked(_NAME, endpoint, _ENDPOINT_RULE)}"
        fields = origination(phone, channel_id, context, extension, ("Timeout", "30000"), *more)
        await self._standing().action("Originate", fields, action_id=channel_id)

    async def answer_key(self, seat: str, sound: SeatSound) -> None:
        """See `Switch.answer_key`. The key's dialplan waits some 0.2 s for the variable."""
        channel = self.tracker.seats.channel(seat)
        if channel is not None:
            await self._set_variable(channel, _KEY_ANSWER, sound.value)

    async def history(self, attempt_ids: Collection[AttemptId], server: str = "") -> History:
        """See `Switch.history`."""
        if self._history is None:
            raise SwitchError("Asterisk keeps nothing of calls that ended (asterisk.history is not set)")
        up = None if self._up_since is None else asyncio.get_running_loop().time() - self._up_since
        return await asyncio.to_thread(read_history, self._history, attempt_ids, up)

    async def seat_packets(self, seat: str) -> int:
        """See `Switch.seat_packets`."""
        channel = self.tracker.seats.channel(seat)
        if channel is None:
            raise SwitchError(f"seat {seat} has no phone on the line that could be listened to")
        fields = [("Channel", channel), ("Variable", "CHANNEL(rtcp,rxcount)")]
        packets = (await self._standing().action("Getvar", fields)).get("Value")
        if not packets.isdecimal():
            raise SwitchError("Asterisk does not say how many packets came from a phone")
        return int(packets)

    async def release_seat(self, seat: str) -> None:
        """See `Switch.release_seat`."""
        channel = self.tracker.seats.channel(seat)
        if channel is not None:
            await self._hang_up_channel(channel)

    # Transfers

    async def hold(self, attempt_id: AttemptId, seat: str) -> None:
        """See `Switch.hold`."""
        await self._redirect(attempt_id, HOLD_CONTEXT, f"{SEAT_CHANNEL}{_checked(_NAME, seat, _SEAT_RULE)}")

    async def hand_over(self, attempt_id: AttemptId, server: str | None = None) -> None:
        """See `Switch.hand_over`. Where there are several `server` has the target, "" where that is this one."""
        await self._say_server(attempt_id, server)
        await self._redirect(attempt_id, HANDED_CONTEXT, f"{HANDOVER_CONFERENCE}{attempt_id}")

    async def _say_server(self, attempt_id: AttemptId, server: str | None) -> None:
        if server is not None:
            await self._set_variable(self.tracker.channel_of(attempt_id), SERVER_VARIABLE, server)

    async def _set_variable(self, channel: str, name: str, value: str) -> None:
        await self._standing().action("Setvar", [("Channel", channel), ("Variable", name), ("Value", value)])

    async def call_party(self, request: PartyRequest, server: str | None = None) -> None:
        """See `Switch.call_party`. `server` has the phone or the trunk, where that is another one: it is asked to call."""
        endpoint = _checked(_NAME, request.endpoint, _ENDPOINT_RULE)
        number = None if request.number is None else _checked(NUMBER, request.number, _NUMBER_RULE)
        if server is None:
            target = endpoint if number is None else f"{number}@{endpoint}"
        else:
            asked = f"phone*{endpoint}" if number is None else f"number*{endpoint}*{number}"
            target = f"{asked}@{SERVER_ENDPOINT}{server}"
        caller = [] if request.caller_id is None else [("CallerID", _checked(NUMBER, request.caller_id, _NUMBER_RULE))]
        seconds = ("Timeout", str(round(request.ring_seconds * 1000)))
        fields = origination(f"PJSIP/{target}", request.party_id, *_party_place(request.place), *caller, seconds)
        await self._place(self.tracker.parties, request.party_id, fields)

    async def move_party(self, party_id: PartyId, place: Place) -> None:
        """See `Switch.move_party`."""
        await self._redirect(party_id, *_party_place(place))

    async def release_party(self, party_id: PartyId) -> None:
        """See `Switch.release_party`."""
        await self._hang_up_while(lambda: self.tracker.parties.is_live(party_id), party_id)

    async def mute_recording(self, attempt_id: AttemptId, *, muted: bool) -> None:
        """See `Switch.mute_recording`."""
        fields = [("Channel", self.tracker.channel_of(attempt_id)), ("Direction", "both")]
        await self._standing().action("MixMonitorMute", [*fields, ("State", "1" if muted else "0")])

    async def _hang_up_while(self, is_live: Callable[[], bool], unique_id: str) -> None:
        """Hang up a channel that may not be there yet: Asterisk makes it after it has answered the Originate."""
        for seconds in HANG_UP_AGAIN_SECONDS:
            if await self._hang_up_channel(unique_id) or not is_live():
                return
            await asyncio.sleep(seconds)
        await self._hang_up_channel(unique_id)

    async def _hang_up_channel(self, unique_id: str) -> bool:
        """Whether there was such a channel: one that is gone already is what was wanted."""
        try:
            await self._standing().action("Hangup", [("Channel", unique_id)])
        except SwitchUnreachable:
            raise
        except SwitchError as error:  # "No such channel"
            _log.debug("hangup.nothing-there", channel=unique_id, answer=str(error))
            return False
        return True

    async def _redirect(self, channel: str, context: str, extension: str) -> None:
        there = [("Context", context), ("Exten", extension), ("Priority", "1")]
        unique_id = self.tracker.channel_of(AttemptId(channel))
        await self._standing().action("Redirect", [("Channel", unique_id), *there])

    def _standing(self) -> AmiClient:
        if self._client is None:
            raise SwitchUnreachable("there is no link to Asterisk; nothing was sent")
        return self._client


def _entrance(request: OriginateRequest) -> str:
    """The extension of the voters' and the flows' context that an answered call begins at."""
    if not request.detect_machine:
        return "s"
    return "voicemail" if request.message_to_machine else "machine"


def _party_place(place: Place) -> tuple[str, str]:
    _checked(_NAME, place.name, "a place's name is letters, digits and -")
    return party_place(place)


def _checked(pattern: re.Pattern[str], value: str, rule: str) -> str:
    """The value, if nothing in it can mean anything to Asterisk beside itself. Raises UnsafeValue, which does not repeat it."""
    if not pattern.fullmatch(value):
        raise UnsafeValue(f"a value was not sent to Asterisk: {rule}")
    return value


def _end_if_broken(comparing: asyncio.Task[None], client: AmiClient) -> None:
    """A mistake of our own ended the comparing: the session goes with it, and the next one begins with a list of all channels."""
    if not comparing.cancelled() and (mistake := comparing.exception()) is not None:
        _log.error("compare.broken", exc_info=mistake)
        client.close()
