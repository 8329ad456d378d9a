"""The dialler's connection to one Asterisk server: it sends commands as AMI actions, and turns AMI events into call
events.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Collection, Coroutine, Mapping
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Final

import structlog

from dialer.domain.enums import CampaignKind
from dialer.domain.errors import OriginateUnsure, SwitchError, SwitchStopping, SwitchUnreachable, UnsafeValue
from dialer.domain.model import AttemptId
from dialer.domain.newest_call import NewestCall, NewestCallRecorder
from dialer.domain.parties import PartyId, Place
from dialer.domain.switch import History, OriginateRequest, PartyRequest, SeatSound
from dialer.domain.switch_events import REDIRECTED, EventSink, SwitchDown, SwitchEvent
from dialer.settings.number_notation import NumberNotation
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage, parse_whole_number
from dialer.switch.asterisk.call_history import read_call_history
from dialer.switch.asterisk.comparison import compare_calls_with_channels
from dialer.switch.asterisk.control_channel import ControlChannel
from dialer.switch.asterisk.inbound import InboundChannel, find_inbound_channel
from dialer.switch.asterisk.lease import SwitchLease
from dialer.switch.asterisk.listing import (
    STATE_UP,
    check_dialplan_fingerprint,
    list_channels,
    list_inbound_attempts,
    list_redirected_channels,
    read_newest_call_from_asterisk,
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
    get_third_party_extension,
    make_originate_fields,
    make_seat_channel_id,
)
from dialer.switch.asterisk.registrations import watch_trunk_registrations
from dialer.switch.asterisk.tracking.calls import CallTracker
from dialer.switch.asterisk.tracking.parties import PartyTracker
from dialer.switch.asterisk.tracking.tracker import SwitchTracker
from dialer.switch.routed import refuse_event_before_engine_is_connected

_log = structlog.get_logger(__name__)

LINK_SECONDS: Final = 4.0  # wait for a link before a channel counts as unknown; the dialplan then asks again
GRACE_SECONDS: Final = 1.0  # wait for the second event of a call's end, which normally follows within milliseconds
HANG_UP_AGAIN_SECONDS: Final = (0.02, 0.1, 0.5, 2.0)
"""Waits before a Hangup that found no channel is resent: Asterisk answers an Originate some milliseconds before it has
created the channel.
"""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
_UNIQUE_ID = re.compile(r"[A-Za-z0-9._-]{1,150}", re.ASCII)
_NUMBER_RULE = "a number is 3 to 20 digits"
_SEAT_RULE = "a seat's name is letters, digits and -"
_E164 = NumberNotation()
_ENDPOINT_RULE = "an endpoint is up to 40 letters, digits, - and _"
_KEY_ANSWER = "MATDAN_SAY"  # channel variable with the sound to play after a key, for which the dialplan waits


class AsteriskSwitch:
    """The dialler's connection to one Asterisk server. It implements `dialer.domain.switch.Switch`.

    The AMI link calls `on_ami_link_up`, `on_ami_event`, `run_ami_session` and `on_ami_link_down`.
    """

    def __init__(
        self,
        lease: SwitchLease | None = None,
        fingerprint: str | None = None,
        history: Path | None = None,
        server: str = "",
        notations: Mapping[str, NumberNotation] | None = None,
    ) -> None:
        """Create a switch that is not connected. Call `set_event_sink` before the first event.

        Args:
            lease: reserves the Asterisk server for this dialler. None: other diallers may use the server too.
            fingerprint: the fingerprint of the dialplan that this dialler serves, or None to accept any dialplan.
            history: the file of Asterisk's call detail records, if this machine can read it.
            server: the name of this Asterisk, if there are several.
            notations: how each carrier wants numbers to be written, by endpoint of the trunk. The default is E.164.
        """
        self._server = server
        self._notations = notations or {}
        self._lease = lease
        self._fingerprint = fingerprint
        self._history = history
        self.tracker = SwitchTracker(server)
        self.control_channel = ControlChannel()
        self._sink: EventSink = refuse_event_before_engine_is_connected
        self._client: AmiClient | None = None
        self._linked = asyncio.Event()  # set while a synchronised session exists
        self._started_at = ""  # start time of Asterisk, from CoreStatus
        self._up_since: float | None = None  # start time of Asterisk, from FullyBooted (loop time)
        self._timers: set[asyncio.TimerHandle] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._watches: list[asyncio.Task[None]] = []  # of the session; empty without one
        self._registrations_changed = asyncio.Event()
        self._reported = asyncio.Event()  # set when events are reported to the engine
        self._recorder = NewestCallRecorder()
        self._hung_up_meanwhile: set[str] | None = None  # channels that ended during a resync; None outside one

    def set_event_sink(self, sink: EventSink) -> None:
        """Set the function that receives all events of this Asterisk server from now on."""
        self._sink = sink

    def set_number_notations(self, notations: Mapping[str, NumberNotation]) -> None:
        """Set how each trunk's carrier wants numbers to be written, by the endpoint of the trunk. Applies to calls
        placed from now on.
        """
        self._notations = notations

    def close(self) -> None:
        """Cancel the timers and tasks of this Asterisk connection. The engine gets no event after this."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for task in (*self._tasks, *self._watches):
            task.cancel()

    # Callbacks of the AMI link

    def on_ami_event(self, message: AmiMessage) -> None:
        """Handle an AMI event: update the tracked calls and phones, and report the resulting call events to the engine."""
        if self._hung_up_meanwhile is not None and message.event_name == "Hangup":
            self._hung_up_meanwhile.add(message.get("Uniqueid"))
        if self._lease is not None:
            self._lease.on_ami_event(message)
        if message.event_name == "Registry":
            self._registrations_changed.set()
        if message.event_name == "FullyBooted" and (uptime := parse_whole_number(message.get("Uptime"))) is not None:
            self._up_since = asyncio.get_running_loop().time() - uptime
        self._report_events_to_engine(self.tracker.handle_ami_event(message))
        for channel in self.tracker.seats.pop_replaced_phones():
            self._start_background_task(self._hang_up_replaced_seat_phone(channel), "hang-up-replaced")
        if message.event_name == "DialEnd" and message.get("DialStatus") == REDIRECTED:
            self._start_background_task(self._hang_up_calls_redirected_by_carrier(), "end-redirected")
        for attempt_id in self.tracker.calls.pop_attempts_awaiting_end_event():
            self._schedule_end_of_overdue_call(attempt_id)

    async def on_ami_link_up(self, client: AmiClient) -> None:
        """Read Asterisk's live calls and phones after an AMI log-in, then report SwitchUp to the engine.

        The engine dials only after SwitchUp. If this function fails, the AMI link reconnects.

        Raises:
            SwitchInUse: another dialler uses this Asterisk.
            SwitchError: Asterisk does not answer.
        """
        await client.wait_until_asterisk_booted()
        if self._fingerprint is not None:
            await check_dialplan_fingerprint(client, self._fingerprint)
        if self._lease is not None:
            await self._lease.acquire_sole_use_of_asterisk(client)
            await self._lease.check_asterisk_database_is_writable(client)
        self._hung_up_meanwhile = set()
        try:
            status = await client.send_action("CoreStatus")
            channels = await list_channels(client)
            inbound = await list_inbound_attempts(client, channels)
            newest_call = None if self._lease is None else await read_newest_call_from_asterisk(client)
            hung_up = self._hung_up_meanwhile
        finally:
            self._hung_up_meanwhile = None
        started_at = f"{status.get('CoreStartupDate')} {status.get('CoreStartupTime')}"
        restarted = bool(self._started_at) and started_at != self._started_at
        self._started_at = started_at
        self._client = client
        live = [channel for channel in channels if channel.unique_id not in hung_up]
        self._report_events_to_engine(
            self.tracker.rebuild_tracked_state_from_channels(live, restarted, inbound, newest_call)
        )
        self._linked.set()
        watches = {
            "compare-channels": compare_calls_with_channels(client, self.tracker, self._report_events_to_engine),
            "registrations": watch_trunk_registrations(
                client, self._server, self._registrations_changed, self._report_events_to_engine
            ),
        }
        if self._lease is not None:
            self._recorder.cancel_pending_save_of_newest_call()  # the engine may find that its store lacks the recorded call
            record = partial(_try_to_store_newest_call_in_asterisk, self._lease, client)
            watches["record-newest-call"] = self._recorder.save_newest_calls_until_cancelled(record)
            watches["release-asterisk"] = self._end_own_channels_at_asterisk_shutdown(client, self._lease)
        for name, watch in watches.items():
            task = asyncio.get_running_loop().create_task(watch, name=name)
            task.add_done_callback(lambda task: _close_ami_session_after_task_crash(task, client))
            self._watches.append(task)

    async def run_ami_session(self, client: AmiClient) -> SwitchError:
        """Renew the lease (this dialler's reservation of Asterisk) until the AMI session is lost.

        Returns why it was lost. Raises SwitchError; SwitchInUse if another dialler has taken the lease.
        """
        if self._lease is None:
            return await client.wait_until_session_lost()
        try:
            return await self._lease.hold_sole_use_of_asterisk(client)
        finally:
            self.control_channel.close_control_session()

    def on_ami_link_down(self, reason: SwitchError) -> None:
        """Report to the engine that the AMI session is lost, or that it could not be opened."""
        for task in self._watches:
            task.cancel()
        self._watches.clear()
        self._client = None
        self._linked.clear()
        self._report_events_to_engine([SwitchDown(str(reason), self._server)])

    def _report_events_to_engine(self, events: list[SwitchEvent]) -> None:
        for event in events:
            self._sink(event)
        self._reported.set()

    async def _end_own_channels_at_asterisk_shutdown(self, client: AmiClient, lease: SwitchLease) -> None:
        """End the dialler's own channels when Asterisk is shutting down and the last voter's call has ended.

        These are the channels of agents' phones and third parties, the lease (reservation of Asterisk) and the control
        channel. Asterisk stops or restarts when no channel is left. If the shutdown is cancelled instead, the next
        renewal of the lease fails, and the AMI link reconnects. The control channel is opened first, because it is
        needed during the shutdown.
        """
        control = self.control_channel
        try:
            await control.open_control_channel(client)
        except SwitchError as error:
            _log.warning("control.not_opened", server=self._server, problem=str(error))
        await client.wait_until_asterisk_stops()
        _log.info("asterisk.stopping", server=self._server)
        while self.tracker.has_live_voter_channel:
            self._reported.clear()
            await self._reported.wait()
        for channel in (*self.tracker.list_channels_without_voter(), lease.give_up_sole_use_of_asterisk()):
            await control.hang_up_channel(channel, reply_seconds=None)  # one that is left would prevent the restart
        control.close_control_session()

    def _start_background_task(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def check_connection_to_other_asterisk(self, server: str) -> None:
        """Make this Asterisk check at once whether it reaches another server, which has just come up.

        Otherwise this Asterisk would treat the other server as unreachable until its next check (`qualify_frequency`),
        and could not connect voters to seats there.
        """
        if self._client is not None:
            self._start_background_task(self._check_other_server(self._client, server), "check-other-server")

    async def _check_other_server(self, client: AmiClient, server: str) -> None:
        try:
            await client.send_action("PJSIPQualify", [("Endpoint", f"{SERVER_ENDPOINT}{server}")])
        except SwitchError as error:
            _log.warning("server.not_checked", server=self._server, other=server, problem=str(error))

    async def _hang_up_replaced_seat_phone(self, channel: str) -> None:
        try:
            await self._hang_up_channel(channel)
        except SwitchError as error:  # the dead phone sends no RTP, so Asterisk's own timeout ends it
            _log.info("seat.replaced_phone_not_hung_up", channel=channel, problem=str(error))

    async def _hang_up_calls_redirected_by_carrier(self) -> None:
        """Hang up calls that Asterisk placed by itself to follow a redirection (SIP 3xx).

        Such a call reaches a number that the dialler has not checked against the calling rules. Our dialplan blocks
        most redirections, but not those to a channel (PJSIP/number@trunk).
        """
        try:
            for unique_id in await list_redirected_channels(
                self._require_ami_client(), self.tracker.is_tracked_channel
            ):
                _log.warning("redirect.hung_up", channel=unique_id)
                await self._hang_up_channel(unique_id)
        except SwitchError as error:  # the next resync ends calls in our contexts
            _log.warning("redirect.not_hung_up", problem=str(error))

    def _schedule_end_of_overdue_call(self, attempt_id: AttemptId) -> None:
        def end_call_and_report_end() -> None:
            self._timers.discard(timer)
            self._report_events_to_engine(self.tracker.calls.end_overdue_call(attempt_id))

        timer = asyncio.get_running_loop().call_later(GRACE_SECONDS, end_call_and_report_end)
        self._timers.add(timer)

    # Queries of FastAGI handlers

    def find_attempt_on_channel(self, unique_id: str) -> AttemptId:
        """Return the attempt (record of one call) whose call is on the channel with this unique id."""
        return self.tracker.calls.find_attempt_on_channel(unique_id)

    async def assign_channel_to_attempt(
        self, unique_id: str, name: str, attempt_id: AttemptId
    ) -> InboundChannel | None:
        """Assign an unanswered inbound channel to an attempt (record of one call). Return the caller's and the called
        number.

        From now on the channel's events belong to the attempt. Return None if Asterisk has no such inbound channel, or
        if the channel is assigned already.

        Raises:
            SwitchUnreachable: there is no connection to Asterisk.
        """
        if not _UNIQUE_ID.fullmatch(unique_id) or not self.tracker.assign_channel_to_attempt(unique_id, attempt_id):
            return None
        found = None
        try:
            found = await find_inbound_channel(self._require_ami_client(), unique_id, name)
        except SwitchUnreachable:
            self.unassign_channel_of_attempt(attempt_id)
            raise
        except SwitchError as error:  # "No such channel"
            _log.debug("inbound.channel_not_found", channel=unique_id, answer=str(error))
        if found is None:
            self.unassign_channel_of_attempt(attempt_id)
        return found

    def unassign_channel_of_attempt(self, attempt_id: AttemptId) -> None:
        """Undo `assign_channel_to_attempt`: the inbound channel no longer belongs to the call attempt, and the
        channel's events are ignored.
        """
        self.tracker.calls.stop_tracking_channel(attempt_id)

    async def is_channel_answered(self, unique_id: str, name: str, context: str) -> bool:
        """Return whether the channel with this unique id and name is answered.

        If no AMI event has reported the answer yet, Asterisk is queried. The channel must then be in the dialplan
        context `context`. While the AMI link is down, this waits up to LINK_SECONDS, then returns False.
        """
        attempt_id = self.find_attempt_on_channel(unique_id)
        if self.tracker.calls.find_answered_channel(attempt_id) == name:
            return True
        if not _UNIQUE_ID.fullmatch(unique_id):
            return False
        try:
            async with asyncio.timeout(LINK_SECONDS):
                await self._linked.wait()
            found = await self._require_ami_client().send_list_action("Status", [("Channel", unique_id)])
        except (TimeoutError, SwitchError) as error:  # "No such channel" among them
            _log.debug("channel.not_found", channel=unique_id, answer=str(error))
            return False
        listed = [(each.get("Uniqueid"), each.get("Channel"), each.get("Context")) for each in found]
        if listed != [(unique_id, name, context)] or found[0].get("ChannelState") != STATE_UP:
            return False
        self._report_events_to_engine(self.tracker.calls.record_answered_channel(attempt_id, name))
        return True

    # The switch port: calls

    def get_age_of_oldest_pending_action(self, server: str = "") -> float:
        """Return how long the oldest AMI action without a response has waited so far (s), or 0 if all have one.

        Return infinity if Asterisk is shutting down, or if this dialler's reservation of Asterisk (lease) may have
        expired.
        """
        if self._client is None:
            return 0.0
        if self._client.is_asterisk_stopping or (self._lease is not None and not self._lease.is_lease_valid):
            return inf
        return self._client.age_of_oldest_pending_action

    async def read_call_records(self, attempt_ids: Collection[AttemptId], server: str = "") -> History:
        """Return Asterisk's call detail records (CDR) of these attempts, which say how the calls have ended."""
        if self._history is None:
            raise SwitchError(
                "ended calls cannot be looked up: set `asterisk.history` to the file of Asterisk's call records"
            )
        if not await asyncio.to_thread(self._history.parent.is_dir):
            raise SwitchError(
                f"ended calls cannot be looked up: Asterisk writes no call records to {self._history} "
                "(`asterisk.history`); run `dialer install` and `dialer asterisk render`"
            )
        up_seconds = None if self._up_since is None else asyncio.get_running_loop().time() - self._up_since
        return await asyncio.to_thread(read_call_history, self._history, attempt_ids, up_seconds)

    async def originate_call(self, request: OriginateRequest) -> None:
        """Place one call to a voter. The id of the call's attempt becomes the channel id and the ActionID.

        Asterisk gets only this id, the number and the caller ID. FastAGI handlers look up everything else by the id.
        """
        number = _require_safe_ami_value(NUMBER, request.number, _NUMBER_RULE)
        caller_id = _require_safe_ami_value(NUMBER, request.caller_id, _NUMBER_RULE)
        endpoint = _require_safe_ami_value(_NAME, request.endpoint, _ENDPOINT_RULE)
        notation = self._notations.get(endpoint, _E164)
        fields = make_originate_fields(
            f"PJSIP/{notation.format_called_number(number)}@{endpoint}",
            request.attempt_id,
            VOTER_CONTEXT if request.kind is CampaignKind.AGENTS else FLOW_CONTEXT,
            _choose_dialplan_extension_of_call(request),
            ("CallerID", notation.format_caller_id(caller_id)),
            ("Timeout", str(round(request.ring_seconds * 1000))),
        )
        self._recorder.queue_newest_call_for_saving(NewestCall(request.attempt_id, request.at))
        await self._originate_channel(self.tracker.calls, request.attempt_id, fields)

    async def hang_up_call(self, attempt_id: AttemptId) -> None:
        """Hang up the call of an attempt (record of one call), whether the call is ringing or answered."""
        channel = self.tracker.calls.find_channel_of_attempt(attempt_id)
        await self._hang_up_channel_with_retries(lambda: self.tracker.calls.is_call_live(attempt_id), channel)

    async def connect_call_to_seat(
        self, attempt_id: AttemptId, seat: str, *, record: bool = False, server: str | None = None
    ) -> None:
        """Connect a voter to a seat, by redirecting the voter's channel into the seat's conference.

        `server` matters only with several Asterisk servers. It names the other server that has the seat, or is "" if
        this server has it.
        """
        name = _require_safe_ami_value(_NAME, seat, _SEAT_RULE)
        await self._set_target_server_of_call(attempt_id, server)
        if record:
            await self._redirect_channel(attempt_id, RECORDED_CONTEXT, f"{SEAT_CHANNEL}{name}")
        else:
            await self._redirect_channel(attempt_id, SEAT_CONTEXT, name)

    async def play_information_message(self, attempt_id: AttemptId) -> None:
        """Play the information message (who called, and that no agent was free) to a voter who has answered."""
        await self._redirect_channel(attempt_id, MESSAGE_CONTEXT, "s")

    # The switch port: seats

    async def call_seat_phone(self, seat: str, endpoint: str) -> None:
        """Call the phone of a seat and connect it to the seat's conference."""
        replaces = ("Variable", f"{REPLACES_VARIABLE}=1")
        await self._originate_call_to_seat_phone(
            seat, endpoint, AGENT_CONTEXT, _require_safe_ami_value(_NAME, seat, _SEAT_RULE), replaces
        )

    async def call_seat_phone_for_log_in(self, seat: str, endpoint: str) -> None:
        """Call the phone of a seat to ask for agent number and PIN."""
        await self._originate_call_to_seat_phone(seat, endpoint, LOG_IN_CONTEXT, "s")

    async def play_key_feedback_tone(self, seat: str, sound: SeatSound) -> None:
        """Play the tone by which an agent hears whether a key pressed on the phone was accepted or rejected.

        The dialplan waits some 0.2 s for the channel variable that is set here.
        """
        channel = self.tracker.seats.find_phone_in_seat(seat)
        if channel is not None:
            await self._set_channel_variable(channel, _KEY_ANSWER, sound.value)

    async def count_packets_from_seat_phone(self, seat: str) -> int:
        """Return the number of RTP packets received from the phone of a seat in its present call."""
        channel = self.tracker.seats.find_phone_in_seat(seat)
        if channel is None:
            raise SwitchError(f"the phone of seat {seat} is not connected: call it, or log in again")
        fields = [("Channel", channel), ("Variable", "CHANNEL(rtcp,rxcount)")]
        packets = parse_whole_number((await self._require_ami_client().send_action("Getvar", fields)).get("Value"))
        if packets is None:
            raise SwitchError(
                f"Asterisk does not report whether audio (RTP) arrives from the phone of seat {seat}: call the "
                "phone again"
            )
        return packets

    async def hang_up_seat_phone(self, seat: str) -> None:
        """Hang up the agent's phone at a seat."""
        channel = self.tracker.seats.find_phone_in_seat(seat)
        if channel is not None:
            await self._hang_up_channel(channel)

    async def _originate_call_to_seat_phone(
        self, seat: str, endpoint: str, context: str, extension: str, *more: tuple[str, str]
    ) -> None:
        channel_id = make_seat_channel_id(_require_safe_ami_value(_NAME, seat, _SEAT_RULE), secrets.token_hex(6))
        phone = f"PJSIP/{_require_safe_ami_value(_NAME, endpoint, _ENDPOINT_RULE)}"
        fields = make_originate_fields(phone, channel_id, context, extension, ("Timeout", "30000"), *more)
        client = self._require_ami_client()
        self.tracker.seats.start_tracking_called_phone(channel_id)
        try:
            await client.send_action("Originate", fields, action_id=channel_id)
        except OriginateUnsure:
            raise
        except SwitchError:
            self.tracker.seats.stop_tracking_called_phone(channel_id)
            raise

    # The switch port: transfers, supervision and recordings

    async def put_call_on_hold(self, attempt_id: AttemptId, seat: str) -> None:
        """Play hold music to the voter who is talking at a seat."""
        await self._redirect_channel(
            attempt_id, HOLD_CONTEXT, f"{SEAT_CHANNEL}{_require_safe_ami_value(_NAME, seat, _SEAT_RULE)}"
        )

    async def hand_over_call_to_third_party(self, attempt_id: AttemptId, server: str | None = None) -> None:
        """Complete a transfer: connect the voter to the third party (the transfer target), and disconnect the agent.

        `server` matters only with several Asterisk servers. It names the other server that has the third party, or is
        "" if this server has it.
        """
        await self._set_target_server_of_call(attempt_id, server)
        await self._redirect_channel(attempt_id, HANDED_CONTEXT, f"{HANDOVER_CONFERENCE}{attempt_id}")

    async def call_third_party(self, request: PartyRequest, server: str | None = None) -> None:
        """Call a third party (a transfer target or a supervisor), and connect the third party to a seat or to a voter.

        A voter is connected only during a transfer to this third party. `server` names the other Asterisk server that
        has the phone or trunk, or is None for this one.
        """
        endpoint = _require_safe_ami_value(_NAME, request.endpoint, _ENDPOINT_RULE)
        number = None if request.number is None else _require_safe_ami_value(NUMBER, request.number, _NUMBER_RULE)
        notation = self._notations.get(endpoint, _E164)
        if server is None:
            target = endpoint if number is None else f"{notation.format_called_number(number)}@{endpoint}"
        else:
            extension = f"phone*{endpoint}" if number is None else f"number*{endpoint}*{number}"
            target = f"{extension}@{SERVER_ENDPOINT}{server}"
        caller = (
            []
            if request.caller_id is None
            else [
                (
                    "CallerID",
                    notation.format_caller_id(_require_safe_ami_value(NUMBER, request.caller_id, _NUMBER_RULE)),
                )
            ]
        )
        seconds = ("Timeout", str(round(request.ring_seconds * 1000)))
        fields = make_originate_fields(
            f"PJSIP/{target}", request.party_id, *_get_extension_of_third_party(request.place), *caller, seconds
        )
        await self._originate_channel(self.tracker.parties, request.party_id, fields)

    async def move_third_party(self, party_id: PartyId, place: Place) -> None:
        """Move a third party to a seat, or to the voter who is being transferred to them."""
        await self._redirect_channel(party_id, *_get_extension_of_third_party(place))

    async def hang_up_third_party(self, party_id: PartyId) -> None:
        """Hang up the call of a third party (a transfer target or a supervisor)."""
        await self._hang_up_channel_with_retries(lambda: self.tracker.parties.is_third_party_live(party_id), party_id)

    async def set_call_recording_muted(self, attempt_id: AttemptId, *, muted: bool) -> None:
        """Stop recording the audio of a call (`muted`), or record it again."""
        fields = [("Channel", self.tracker.calls.find_channel_of_attempt(attempt_id)), ("Direction", "both")]
        await self._require_ami_client().send_action("MixMonitorMute", [*fields, ("State", "1" if muted else "0")])

    # Actions

    async def _originate_channel(
        self, tracker: CallTracker | PartyTracker, channel_id: Any, fields: list[tuple[str, str]]
    ) -> None:
        client = self._require_ami_client()
        tracker.start_tracking_channel(channel_id)
        try:
            await client.send_action("Originate", fields, action_id=channel_id)
        except OriginateUnsure:
            raise
        except (SwitchError, UnsafeValue):  # these mean that the call was certainly not placed
            tracker.stop_tracking_channel(channel_id)
            raise

    async def _hang_up_channel_with_retries(self, is_live: Callable[[], bool], unique_id: str) -> None:
        """Hang up a channel, and retry while the channel does not exist yet.

        Asterisk creates the channel of a call only after it has answered the Originate.
        """
        for seconds in HANG_UP_AGAIN_SECONDS:
            if await self._hang_up_channel(unique_id) or not is_live():
                return
            await asyncio.sleep(seconds)
        await self._hang_up_channel(unique_id)

    async def _hang_up_channel(self, unique_id: str) -> bool:
        """Hang up a channel. Return False if it does not exist."""
        try:
            await self._require_ami_client().send_action("Hangup", [("Channel", unique_id)])
        except SwitchUnreachable:
            raise
        except SwitchStopping:
            return await self.control_channel.hang_up_channel(unique_id)
        except SwitchError as error:  # "No such channel"
            _log.debug("hangup.channel_not_found", channel=unique_id, answer=str(error))
            return False
        return True

    async def _redirect_channel(self, channel: str, context: str, extension: str) -> None:
        location = [("Context", context), ("Exten", extension), ("Priority", "1")]
        unique_id = self.tracker.calls.find_channel_of_attempt(AttemptId(channel))
        await self._require_ami_client().send_action("Redirect", [("Channel", unique_id), *location])

    async def _set_target_server_of_call(self, attempt_id: AttemptId, server: str | None) -> None:
        if server is not None:
            await self._set_channel_variable(
                self.tracker.calls.find_channel_of_attempt(attempt_id), SERVER_VARIABLE, server
            )

    async def _set_channel_variable(self, channel: str, name: str, value: str) -> None:
        fields = [("Channel", channel), ("Variable", name), ("Value", value)]
        await self._require_ami_client().send_action("Setvar", fields)

    def _require_ami_client(self) -> AmiClient:
        if self._client is None:
            raise SwitchUnreachable(
                "Asterisk is not connected, so no command was sent to it: check that it runs, and `ami.host` and `ami.port`"
            )
        return self._client


async def _try_to_store_newest_call_in_asterisk(lease: SwitchLease, client: AmiClient, call: NewestCall) -> bool:
    try:
        await lease.write_newest_call_to_asterisk_database(client, call)
    except SwitchError as error:
        _log.info("newest_call.record_delayed", problem=str(error))
        return False
    return True


def _choose_dialplan_extension_of_call(request: OriginateRequest) -> str:
    """Return the extension of the dialplan at which a call starts once it is answered."""
    if not request.detect_machine:
        return "s"
    extension = "voicemail" if request.message_to_machine else "machine"
    return f"recorded_{extension}" if request.record_machine else extension


def _get_extension_of_third_party(place: Place) -> tuple[str, str]:
    _require_safe_ami_value(_NAME, place.name, "a place's name is letters, digits and -")
    return get_third_party_extension(place)


def _require_safe_ami_value(pattern: re.Pattern[str], value: str, rule: str) -> str:
    """Return `value` if it matches `pattern`, which excludes characters with a special meaning to Asterisk.

    Raises:
        UnsafeValue: the value does not match. The error's text has the rule but not the value.
    """
    if not pattern.fullmatch(value):
        raise UnsafeValue(f"an invalid value was not sent to Asterisk: {rule}")
    return value


def _close_ami_session_after_task_crash(watch: asyncio.Task[None], client: AmiClient) -> None:
    """Close the AMI session if a task that watches Asterisk crashed. The next session lists all channels again."""
    if not watch.cancelled() and (error := watch.exception()) is not None:
        _log.error("asterisk.watch_crashed", task=watch.get_name(), exc_info=error)
        client.close()
