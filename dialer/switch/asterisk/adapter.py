"""The switch port implemented with Asterisk: orders go out as AMI actions, events come in through the tracker."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Collection, Coroutine
from math import inf
from pathlib import Path
from typing import Any, Final

import structlog

from dialer.domain.enums import CampaignKind
from dialer.domain.errors import OriginateUnsure, SwitchError, SwitchUnreachable, UnsafeValue
from dialer.domain.model import AttemptId
from dialer.domain.parties import PartyId, Place
from dialer.domain.switch import History, OriginateRequest, PartyRequest, SeatSound
from dialer.domain.switch_events import REDIRECTED, EventSink, SwitchDown, SwitchEvent
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.call_history import read_history
from dialer.switch.asterisk.comparison import compare_channels
from dialer.switch.asterisk.inbound import InboundChannel, inbound_channel
from dialer.switch.asterisk.lease import SwitchLease
from dialer.switch.asterisk.listing import (
    STATE_UP,
    check_dialplan,
    inbound_attempts,
    live_channels,
    redirected_channels,
)
from dialer.switch.asterisk.places import (
    AGENT_CONTEXT,
    FLOW_CONTEXT,
    HANDED_CONTEXT,
    HANDOVER_CONFERENCE,
    HOLD_CONTEXT,
    LOG_IN_CONTEXT,
    MESSAGE_CONTEXT,
    NUMBER,
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
from dialer.switch.asterisk.tracking.calls import CallTracker
from dialer.switch.asterisk.tracking.parties import PartyTracker
from dialer.switch.asterisk.tracking.tracker import SwitchTracker
from dialer.switch.routed import no_sink

_log = structlog.get_logger(__name__)

LINK_SECONDS: Final = 4.0  # to wait for a link before a channel counts as unknown; the dialplan asks again
GRACE_SECONDS: Final = 1.0  # between the two events of a call's end, which come within milliseconds
HANG_UP_AGAIN_SECONDS: Final = (0.02, 0.1, 0.5, 2.0)
"""Waits before a Hangup that found no channel is sent again: Asterisk makes the channel some milliseconds after it has
answered the Originate.
"""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
_UNIQUE_ID = re.compile(r"[A-Za-z0-9._-]{1,150}", re.ASCII)
_NUMBER_RULE = "a number is 3 to 20 digits"
_SEAT_RULE = "a seat's name is letters, digits and -"
_ENDPOINT_RULE = "an endpoint is up to 40 letters, digits, - and _"
_KEY_ANSWER = "MATDAN_SAY"  # the variable that the dialplan of a key waits for


class AsteriskSwitch:
    """Implements `dialer.domain.switch.Switch`. The AMI link calls `on_up`, `on_event`, `keep_session` and `on_down`."""

    def __init__(
        self,
        lease: SwitchLease | None = None,
        fingerprint: str | None = None,
        history: Path | None = None,
        server: str = "",
    ) -> None:
        """Create a switch without a link. Call `deliver_to` before the first event.

        With a `lease`, an Asterisk that another dialler uses is refused. `fingerprint` is that of the dialplan which
        this dialler serves; None: any. `history` is the file of Asterisk's call records, as this machine sees it.
        `server` is the name of this Asterisk, where there are several.
        """
        self._server = server
        self._lease = lease
        self._fingerprint = fingerprint
        self._history = history
        self.tracker = SwitchTracker(server)
        self._sink: EventSink = no_sink
        self._client: AmiClient | None = None
        self._linked = asyncio.Event()  # set while there is a synchronised session
        self._started_at = ""  # when Asterisk itself started, as CoreStatus says
        self._up_since: float | None = None  # the same by FullyBooted, on the loop's clock
        self._timers: set[asyncio.TimerHandle] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._comparing: asyncio.Task[None] | None = None  # while there is a session
        self._hung_up_meanwhile: set[str] | None = (
            None  # channels that end while a resync reads its lists; None: no resync
        )

    def deliver_to(self, sink: EventSink) -> None:
        """Report events to `sink` from now on."""
        self._sink = sink

    def close(self) -> None:
        """Stop. No event is reported after this."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for task in self._tasks:
            task.cancel()
        if self._comparing is not None:
            self._comparing.cancel()

    # What the AMI link calls

    def on_event(self, message: AmiMessage) -> None:
        """Handle an AMI event."""
        if self._hung_up_meanwhile is not None and message.event == "Hangup":
            self._hung_up_meanwhile.add(message.get("Uniqueid"))
        if self._lease is not None:
            self._lease.on_event(message)
        if message.event == "FullyBooted" and message.get("Uptime").isdecimal():
            self._up_since = asyncio.get_running_loop().time() - int(message.get("Uptime"))
        self._report(self.tracker.handle(message))
        for channel in self.tracker.seats.pop_replaced():
            self._spawn(self._hang_up_replaced(channel), "hang-up-replaced")
        if message.event == "DialEnd" and message.get("DialStatus") == REDIRECTED:
            self._spawn(self._end_redirected(), "end-redirected")
        for attempt_id in self.tracker.calls.pop_half_ended():
            self._end_after_grace(attempt_id)

    async def on_up(self, client: AmiClient) -> None:
        """Synchronise a new session, then report it. Nothing is dialled before that.

        Raises SwitchTaken where another dialler has this Asterisk, SwitchError where Asterisk does not answer; the link
        then starts again.
        """
        await client.booted()
        if self._fingerprint is not None:
            await check_dialplan(client, self._fingerprint)
        if self._lease is not None:
            await self._lease.take(client)
        self._hung_up_meanwhile = set()
        try:
            status = await client.action("CoreStatus")
            channels = await live_channels(client)
            inbound = await inbound_attempts(client, channels)
            hung_up = self._hung_up_meanwhile
        finally:
            self._hung_up_meanwhile = None
        started_at = f"{status.get('CoreStartupDate')} {status.get('CoreStartupTime')}"
        restarted = bool(self._started_at) and started_at != self._started_at
        self._started_at = started_at
        self._client = client
        live = [channel for channel in channels if channel.unique_id not in hung_up]
        self._report(self.tracker.resync(live, restarted, inbound))
        self._linked.set()
        self._comparing = asyncio.get_running_loop().create_task(
            compare_channels(client, self.tracker, self._report), name="compare-channels"
        )
        self._comparing.add_done_callback(lambda task: _close_if_failed(task, client))

    async def keep_session(self, client: AmiClient) -> SwitchError:
        """Keep the lease until the session is lost. Return or raise the reason."""
        return await (client.lost() if self._lease is None else self._lease.keep(client))

    def on_down(self, reason: SwitchError) -> None:
        """Report that the session is lost, or could not be made: the latest reason is reported."""
        if self._comparing is not None:
            self._comparing.cancel()
            self._comparing = None
        self._client = None
        self._linked.clear()
        self._report([SwitchDown(str(reason), self._server)])

    def _report(self, events: list[SwitchEvent]) -> None:
        for event in events:
            self._sink(event)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hang_up_replaced(self, channel: str) -> None:
        try:
            await self._hang_up_channel(channel)
        except SwitchError as error:  # it sends no sound, and Asterisk's own timeout ends it
            _log.info("seat.replaced_phone_not_hung_up", channel=channel, problem=str(error))

    async def _end_redirected(self) -> None:
        """End what Asterisk calls because a number or a phone answered with a redirection.

        Our configuration leads redirections nowhere, but a contact that names a channel itself (PJSIP/number@trunk) is
        called all the same, though the rules were not asked about that number.
        """
        try:
            for unique_id in await redirected_channels(self._connected_client(), self.tracker.knows):
                _log.warning("redirect.hung_up", channel=unique_id)
                await self._hang_up_channel(unique_id)
        except SwitchError as error:  # the next resync ends what is in our contexts
            _log.warning("redirect.not_hung_up", problem=str(error))

    def _end_after_grace(self, attempt_id: AttemptId) -> None:
        def fire() -> None:
            self._timers.discard(timer)
            self._report(self.tracker.calls.end_overdue(attempt_id))

        timer = asyncio.get_running_loop().call_later(GRACE_SECONDS, fire)
        self._timers.add(timer)

    # What FastAGI handlers ask

    def attempt_of(self, unique_id: str) -> AttemptId:
        """Return the attempt of a channel."""
        return self.tracker.calls.attempt_of(unique_id)

    async def adopt(self, unique_id: str, name: str, attempt_id: AttemptId) -> InboundChannel | None:
        """Know an inbound channel that is not answered yet by this attempt. Its events are the attempt's from now on.

        Anybody may ask for it, so Asterisk itself is asked whether the channel exists, and for its numbers. Returns
        None where there is none, or it is known already. Raises SwitchUnreachable.
        """
        if not _UNIQUE_ID.fullmatch(unique_id) or not self.tracker.adopt(unique_id, attempt_id):
            return None
        found = None
        try:
            found = await inbound_channel(self._connected_client(), unique_id, name)
        except SwitchUnreachable:
            self.disown(attempt_id)
            raise
        except SwitchError as error:  # "No such channel"
            _log.debug("inbound.channel_not_found", channel=unique_id, answer=str(error))
        if found is None:
            self.disown(attempt_id)
        return found

    def disown(self, attempt_id: AttemptId) -> None:
        """Undo `adopt`."""
        self.tracker.calls.forget(attempt_id)

    async def is_answered(self, unique_id: str, name: str, context: str) -> bool:
        """Return whether Asterisk has reported, or says when asked, that a channel of this unique id and name is answered.

        The AMI event of an answer may come later than what the dialplan does then, so Asterisk is asked for the channel
        in this context. Where there is no link, one is waited for, for LINK_SECONDS. The answer is False where Asterisk
        cannot be asked.
        """
        attempt_id = self.attempt_of(unique_id)
        if self.tracker.calls.answered_channel(attempt_id) == name:
            return True
        if not _UNIQUE_ID.fullmatch(unique_id):
            return False
        try:
            async with asyncio.timeout(LINK_SECONDS):
                await self._linked.wait()
            found = await self._connected_client().action_list("Status", [("Channel", unique_id)])
        except (TimeoutError, SwitchError) as error:  # "No such channel" among them
            _log.debug("channel.not_found", channel=unique_id, answer=str(error))
            return False
        listed = [(each.get("Uniqueid"), each.get("Channel"), each.get("Context")) for each in found]
        if listed != [(unique_id, name, context)] or found[0].get("ChannelState") != STATE_UP:
            return False
        self._report(self.tracker.calls.mark_answered(attempt_id, name))
        return True

    # The switch port: calls

    def unanswered_seconds(self, server: str = "") -> float:
        """See `Switch.unanswered_seconds`. Infinity also where our lease may have expired."""
        if self._client is None:
            return 0.0
        if self._lease is not None and not self._lease.is_valid:
            return inf
        return self._client.oldest_unanswered_seconds

    async def history(self, attempt_ids: Collection[AttemptId], server: str = "") -> History:
        """See `Switch.history`."""
        if self._history is None:
            raise SwitchError("Asterisk keeps no records of ended calls (asterisk.history is not set)")
        up_seconds = None if self._up_since is None else asyncio.get_running_loop().time() - self._up_since
        return await asyncio.to_thread(read_history, self._history, attempt_ids, up_seconds)

    async def originate(self, request: OriginateRequest) -> None:
        """See `Switch.originate`.

        The attempt's id is both channel id and ActionID. Beside number and caller ID it is all that Asterisk gets:
        everything else is looked up when the call comes back to us.
        """
        number = _checked(NUMBER, request.number, _NUMBER_RULE)
        caller_id = _checked(NUMBER, request.caller_id, _NUMBER_RULE)
        endpoint = _checked(_NAME, request.endpoint, _ENDPOINT_RULE)
        fields = origination(
            f"PJSIP/{number}@{endpoint}",
            request.attempt_id,
            VOTER_CONTEXT if request.kind is CampaignKind.AGENTS else FLOW_CONTEXT,
            _first_extension(request),
            ("CallerID", caller_id),
            ("Timeout", str(round(request.ring_seconds * 1000))),
        )
        await self._place(self.tracker.calls, request.attempt_id, fields)

    async def hang_up(self, attempt_id: AttemptId) -> None:
        """See `Switch.hang_up`."""
        channel = self.tracker.calls.channel_of(attempt_id)
        await self._hang_up_while(lambda: self.tracker.calls.is_live(attempt_id), channel)

    async def connect(
        self, attempt_id: AttemptId, seat: str, *, record: bool = False, server: str | None = None
    ) -> None:
        """See `Switch.connect`. Redirects the voter into the seat's conference.

        Where there are several servers, `server` is the seat's, which this one then calls; "": the seat is here.
        """
        name = _checked(_NAME, seat, _SEAT_RULE)
        await self._set_server(attempt_id, server)
        if record:
            await self._redirect(attempt_id, RECORDED_CONTEXT, f"{SEAT_CHANNEL}{name}")
        else:
            await self._redirect(attempt_id, SEAT_CONTEXT, name)

    async def play_message(self, attempt_id: AttemptId) -> None:
        """See `Switch.play_message`."""
        await self._redirect(attempt_id, MESSAGE_CONTEXT, "s")

    # The switch port: seats

    async def call_seat(self, seat: str, endpoint: str) -> None:
        """See `Switch.call_seat`."""
        replaces = ("Variable", f"{REPLACES_VARIABLE}=1")
        await self._call_phone(seat, endpoint, AGENT_CONTEXT, _checked(_NAME, seat, _SEAT_RULE), replaces)

    async def call_for_log_in(self, seat: str, endpoint: str) -> None:
        """See `Switch.call_for_log_in`."""
        await self._call_phone(seat, endpoint, LOG_IN_CONTEXT, "s")

    async def answer_key(self, seat: str, sound: SeatSound) -> None:
        """See `Switch.answer_key`. The dialplan of the key waits some 0.2 s for the variable."""
        channel = self.tracker.seats.channel(seat)
        if channel is not None:
            await self._set_variable(channel, _KEY_ANSWER, sound.value)

    async def seat_packets(self, seat: str) -> int:
        """See `Switch.seat_packets`."""
        channel = self.tracker.seats.channel(seat)
        if channel is None:
            raise SwitchError(f"the phone of seat {seat} is not on the line")
        fields = [("Channel", channel), ("Variable", "CHANNEL(rtcp,rxcount)")]
        packets = (await self._connected_client().action("Getvar", fields)).get("Value")
        if not packets.isdecimal():
            raise SwitchError(f"Asterisk does not say how many packets came from the phone of seat {seat}")
        return int(packets)

    async def release_seat(self, seat: str) -> None:
        """See `Switch.release_seat`."""
        channel = self.tracker.seats.channel(seat)
        if channel is not None:
            await self._hang_up_channel(channel)

    async def _call_phone(self, seat: str, endpoint: str, context: str, extension: str, *more: tuple[str, str]) -> None:
        channel_id = seat_channel_id(_checked(_NAME, seat, _SEAT_RULE), secrets.token_hex(6))
        phone = f"PJSIP/{_checked(_NAME, endpoint, _ENDPOINT_RULE)}"
        fields = origination(phone, channel_id, context, extension, ("Timeout", "30000"), *more)
        await self._connected_client().action("Originate", fields, action_id=channel_id)

    # The switch port: transfers, supervision and recordings

    async def hold(self, attempt_id: AttemptId, seat: str) -> None:
        """See `Switch.hold`."""
        await self._redirect(attempt_id, HOLD_CONTEXT, f"{SEAT_CHANNEL}{_checked(_NAME, seat, _SEAT_RULE)}")

    async def hand_over(self, attempt_id: AttemptId, server: str | None = None) -> None:
        """See `Switch.hand_over`. Where there are several servers, `server` is the target's; "": the target is here."""
        await self._set_server(attempt_id, server)
        await self._redirect(attempt_id, HANDED_CONTEXT, f"{HANDOVER_CONFERENCE}{attempt_id}")

    async def call_party(self, request: PartyRequest, server: str | None = None) -> None:
        """See `Switch.call_party`. `server` has the phone or the trunk, where that is another one: it is asked to call."""
        endpoint = _checked(_NAME, request.endpoint, _ENDPOINT_RULE)
        number = None if request.number is None else _checked(NUMBER, request.number, _NUMBER_RULE)
        if server is None:
            target = endpoint if number is None else f"{number}@{endpoint}"
        else:
            extension = f"phone*{endpoint}" if number is None else f"number*{endpoint}*{number}"
            target = f"{extension}@{SERVER_ENDPOINT}{server}"
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
        fields = [("Channel", self.tracker.calls.channel_of(attempt_id)), ("Direction", "both")]
        await self._connected_client().action("MixMonitorMute", [*fields, ("State", "1" if muted else "0")])

    # Actions

    async def _place(self, tracker: CallTracker | PartyTracker, channel_id: Any, fields: list[tuple[str, str]]) -> None:
        client = self._connected_client()
        tracker.expect(channel_id)
        try:
            await client.action("Originate", fields, action_id=channel_id)
        except OriginateUnsure:
            raise
        except (SwitchError, UnsafeValue):  # any other error: it was certainly not placed
            tracker.forget(channel_id)
            raise

    async def _hang_up_while(self, is_live: Callable[[], bool], unique_id: str) -> None:
        """Hang up a channel that may not exist yet: Asterisk makes it after it has answered the Originate."""
        for seconds in HANG_UP_AGAIN_SECONDS:
            if await self._hang_up_channel(unique_id) or not is_live():
                return
            await asyncio.sleep(seconds)
        await self._hang_up_channel(unique_id)

    async def _hang_up_channel(self, unique_id: str) -> bool:
        """Hang up a channel. Return whether there was one; that it is gone already is no error."""
        try:
            await self._connected_client().action("Hangup", [("Channel", unique_id)])
        except SwitchUnreachable:
            raise
        except SwitchError as error:  # "No such channel"
            _log.debug("hangup.channel_not_found", channel=unique_id, answer=str(error))
            return False
        return True

    async def _redirect(self, channel: str, context: str, extension: str) -> None:
        location = [("Context", context), ("Exten", extension), ("Priority", "1")]
        unique_id = self.tracker.calls.channel_of(AttemptId(channel))
        await self._connected_client().action("Redirect", [("Channel", unique_id), *location])

    async def _set_server(self, attempt_id: AttemptId, server: str | None) -> None:
        if server is not None:
            await self._set_variable(self.tracker.calls.channel_of(attempt_id), SERVER_VARIABLE, server)

    async def _set_variable(self, channel: str, name: str, value: str) -> None:
        fields = [("Channel", channel), ("Variable", name), ("Value", value)]
        await self._connected_client().action("Setvar", fields)

    def _connected_client(self) -> AmiClient:
        if self._client is None:
            raise SwitchUnreachable("no link to Asterisk; nothing was sent")
        return self._client


def _first_extension(request: OriginateRequest) -> str:
    """Return the extension of the voters' or the flows' context at which an answered call starts."""
    if not request.detect_machine:
        return "s"
    return "voicemail" if request.message_to_machine else "machine"


def _party_place(place: Place) -> tuple[str, str]:
    _checked(_NAME, place.name, "a place's name is letters, digits and -")
    return party_place(place)


def _checked(pattern: re.Pattern[str], value: str, rule: str) -> str:
    """Return the value if it has no character that could mean something else to Asterisk.

    Raises UnsafeValue, which does not repeat the value.
    """
    if not pattern.fullmatch(value):
        raise UnsafeValue(f"a value was not sent to Asterisk: {rule}")
    return value


def _close_if_failed(comparing: asyncio.Task[None], client: AmiClient) -> None:
    """Close the session where the comparison has failed by a bug of ours: the next one starts with a list of all channels."""
    if not comparing.cancelled() and (error := comparing.exception()) is not None:
        _log.error("channels.compare_crashed", exc_info=error)
        client.close()
