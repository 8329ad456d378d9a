"""The dialler's connection to Twilio. It sends commands as REST requests, and receives call states as status callbacks.

A request to place a call is sent at most once. If its response is lost, the call is searched in Twilio's list of calls.
If it is not found there, the number is not redialled automatically. If a call has no recent callback, its state is
queried.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping

import structlog

from dialer.domain.clock import Clock
from dialer.domain.enums import CampaignKind
from dialer.domain.errors import OriginateRefused, OriginateUnsure, SwitchError, SwitchUnreachable, UnsafeValue
from dialer.domain.model import AttemptId
from dialer.domain.switch import OriginateRequest
from dialer.domain.switch_events import CallEnded, CallEvent, EndedBy, EventSink
from dialer.settings.twilio import Twilio
from dialer.switch.routed import refuse_event_before_engine_is_connected
from dialer.switch.twilio.api import CallRecord, TwilioApi
from dialer.switch.twilio.spend import SpendMeter, count_sms_segments
from dialer.switch.twilio.states import FINAL, CallStatus, TwilioCall, end_vanished_call

_log = structlog.get_logger(__name__)

ROUND_SECONDS = 15.0  # between two rounds of queries
HANG_UPS_PER_ROUND = 5  # retries of a failed hang-up in that time
SILENT_SECONDS = 60.0  # without a callback, after which a call is queried
LOST_SECONDS = 60.0  # for which a call is searched whose request got no response
CLOCKS_APART_SECONDS = 60.0  # largest assumed difference between our clock and Twilio's
SPEND_SECONDS = 300.0  # between two readings of the account's spending
_NUMBER = re.compile(r"\+[0-9]{5,15}", re.ASCII)


FindAttempt = Callable[[str], Awaitable[AttemptId | None]]
"""Returns the open attempt for a number, to recognise calls placed by an earlier run of the dialler."""


class TwilioSwitch:
    """A Twilio account over which the dialler places IVR calls. It has no seats.

    Implements `dialer.switch.routed.CarrierSwitch` and `dialer.switch.flow_effects.SmsGateway`. The webhooks call
    `on_status_callback`.
    """

    def __init__(
        self, api: TwilioApi, settings: Twilio, meter: SpendMeter, clock: Clock, find_attempt: FindAttempt
    ) -> None:
        """Create a connection to Twilio that has no calls yet. Call `set_event_sink` before the first event."""
        self.meter = meter
        self._api = api
        self._settings = settings
        self._clock = clock
        self._find_attempt = find_attempt
        self._sink: EventSink = refuse_event_before_engine_is_connected
        self._on_end: Callable[[AttemptId], None] = lambda _attempt_id: None
        self._calls: dict[AttemptId, TwilioCall] = {}
        self._to_hang_up: set[AttemptId] = set()  # calls without a known sid, or whose hang-up failed
        self._resynced = False

    def set_event_sink(self, sink: EventSink, on_end: Callable[[AttemptId], None] | None = None) -> None:
        """Set the function that receives all call events from now on.

        `on_end` is called with the id of each ended attempt, after the attempt's CallEnded event.
        """
        self._sink = sink
        if on_end is not None:
            self._on_end = on_end

    def list_live_calls(self) -> frozenset[AttemptId]:
        """Return the attempts that have, or may have, a call at Twilio."""
        return frozenset(self._calls)

    def find_twilio_sid_of_call(self, attempt_id: AttemptId) -> str | None:
        """Return the id (sid) that Twilio has given to an attempt's call, or None if it is not known."""
        call = self._calls.get(attempt_id)
        return None if call is None else call.sid

    def record_second_billed_leg(self, attempt_id: AttemptId) -> None:
        """Record that the IVR flow of a call has started a transfer. Twilio then bills two legs: to the voter and to
        the target.
        """
        call = self._calls.get(attempt_id)
        if call is not None:
            call.legs = self.meter.max_legs

    async def send_sms(self, number: str, text: str) -> bool:
        """Send an SMS from the site's number, without retries. Return False if it would exceed the daily spending cap.

        Raises:
            SwitchError: Twilio did not accept it, or the response was lost.
        """
        segments = count_sms_segments(text)
        if self._settings.sms_from is None or not self.meter.has_budget_for_sms(len(self._calls), segments):
            return False
        self.meter.add_sms_cost(segments)  # counted before the request, as an SMS may be sent without a response
        await self._api.send_message(number, self._settings.sms_from, text)
        return True

    # The switch port

    async def originate_call(self, request: OriginateRequest) -> None:
        """Place one IVR call to a voter.

        If Twilio refuses the call or is unreachable, the event CallEnded is reported too. The engine then gives the
        trunk no calls for a while.
        """
        self._refuse_invalid_originate_request(request)
        attempt_id = request.attempt_id
        call = TwilioCall(attempt_id, request.number, self._clock.now(), updated_at=self._clock.monotonic())
        try:
            self._require_contact_with_twilio_and_budget()
            self._calls[attempt_id] = call
            sid = await self._api.create_call(request)
        except OriginateUnsure:
            call.unsure = call.sid is None
            raise
        except SwitchError:
            self._calls.pop(attempt_id, None)
            self._to_hang_up.discard(attempt_id)
            self._sink(CallEnded(attempt_id, EndedBy.NO_CHANNEL, answered=False))
            raise
        except BaseException:  # cancelled during the request: the call may exist
            call.unsure = call.sid is None
            raise
        await self._store_twilio_sid_of_call(call, sid)

    def _refuse_invalid_originate_request(self, request: OriginateRequest) -> None:
        if request.kind is not CampaignKind.IVR:
            raise OriginateRefused("Twilio serves IVR campaigns only: give a campaign with agents an Asterisk trunk")
        for number in (request.number, request.caller_id):
            if not _NUMBER.fullmatch(number):
                raise UnsafeValue("an invalid number was not sent to Twilio: give + and 5 to 15 digits")

    def _require_contact_with_twilio_and_budget(self) -> None:
        if not self._resynced:
            raise SwitchUnreachable(
                "Twilio has not answered since the start of the dialler, so no call was placed: check the network and "
                "`twilio.account_sid`"
            )
        if not self.meter.has_budget_for_call(len(self._calls)):
            raise OriginateRefused(
                f"Twilio: another call could exceed the daily spending cap ({self.meter.spent:.2f} spent); "
                "raise `twilio.max_spend_per_day` or wait for the account's next day"
            )

    async def hang_up_call(self, attempt_id: AttemptId) -> None:
        """Hang up the call of an attempt, whatever its state. If the call's sid is not known yet, the call is hung up
        as soon as the sid is known.

        Raises:
            SwitchError: Twilio did not accept the request. It is retried until the call has ended.
        """
        call = self._calls.get(attempt_id)
        if call is None:
            return
        if call.sid is None:
            self._to_hang_up.add(attempt_id)
            return
        await self._hang_up_call_at_twilio(call, call.sid)

    async def connect_call_to_seat(self, attempt_id: AttemptId, seat: str, *, record: bool = False) -> None:
        """Raise SwitchError, because Twilio has no seats. To transfer a call, an IVR flow dials `twilio.transfer_to`
        instead.
        """
        raise SwitchError(
            "a call on Twilio cannot be connected to a seat; set `twilio.transfer_to` to the number that takes "
            "such calls"
        )

    async def play_information_message(self, attempt_id: AttemptId) -> None:
        """Raise SwitchError, because a call on Twilio never waits for an agent and needs no information message."""
        raise SwitchError(
            "the information message was not played: it is for voters who wait for an agent, and no voter waits on "
            "Twilio"
        )

    # Callbacks of the webhooks

    async def on_status_callback(self, attempt_id: AttemptId, form: Mapping[str, str]) -> None:
        """Handle a status callback of Twilio, such as "ringing" or "completed". The webhooks have checked its
        signature.
        """
        call = self._calls.get(attempt_id)
        if call is None:
            return
        sid = form.get("CallSid", "")
        if call.sid is not None and sid != call.sid:
            _log.warning("twilio.callback_rejected", attempt=attempt_id)
            return
        try:
            status = CallStatus(form.get("CallStatus", ""))
        except ValueError:
            return
        if status in FINAL:  # nothing left to hang up
            self._to_hang_up.discard(attempt_id)
        await self._store_twilio_sid_of_call(call, sid)
        self._update_call_from_status(
            call, status, _parse_call_duration(form.get("CallDuration")), form.get("SipResponseCode", "")
        )

    async def _store_twilio_sid_of_call(self, call: TwilioCall, sid: str) -> None:
        """Store the sid of a call once it is known. If a hang-up was requested before, hang up the call."""
        if call.sid is None:
            call.sid, call.unsure = sid, False
            call.updated_at = self._clock.monotonic()
        if call.attempt_id in self._to_hang_up:
            try:
                await self._hang_up_call_at_twilio(call, sid)
            except SwitchError as error:
                _log.info("twilio.hang_up_failed", attempt=call.attempt_id, problem=str(error))

    async def _hang_up_call_at_twilio(self, call: TwilioCall, sid: str) -> None:
        """Ask Twilio to hang up a call. If Twilio does not accept the request, it is retried later (`_retry_hang_ups`).

        Raises SwitchError if Twilio does not accept the request now.
        """
        self._to_hang_up.discard(call.attempt_id)
        try:
            await self._api.end_call(sid)
        except SwitchError:
            if call.attempt_id in self._calls:
                self._to_hang_up.add(call.attempt_id)
            raise

    async def _retry_hang_ups(self) -> None:
        """Retry the hang-ups that Twilio did not accept. Unlike a call, a hang-up may be sent twice."""
        for call in list(self._calls.values()):
            if call.sid is None or call.attempt_id not in self._to_hang_up:
                continue
            try:
                await self._hang_up_call_at_twilio(call, call.sid)
            except (SwitchUnreachable, OriginateUnsure):  # the remaining hang-ups would fail too
                return
            except SwitchError as error:
                _log.debug("twilio.hang_up_failed", attempt=call.attempt_id, problem=str(error))

    def _update_call_from_status(
        self, call: TwilioCall, status: CallStatus, seconds: int, sip_status: str = ""
    ) -> None:
        call.updated_at = self._clock.monotonic()
        events: list[CallEvent] = call.update_call_from_twilio_status(status, seconds=seconds, sip_status=sip_status)
        if call.ended and self._calls.pop(call.attempt_id, None) is not None:
            self.meter.add_call_cost(call.billed_seconds, call.legs)
        self._report_events_to_engine(events)

    def _report_events_to_engine(self, events: list[CallEvent]) -> None:
        for event in events:
            self._sink(event)
            if isinstance(event, CallEnded):
                self._to_hang_up.discard(event.attempt_id)
                self._on_end(event.attempt_id)

    # Synchronisation

    async def load_live_calls_at_start(self) -> None:
        """Find live calls of an earlier run and read the account's spending, before anything is dialled. Raises
        SwitchError.
        """
        self.meter.record_spending_of_today(*await self._api.fetch_spending_today())
        for record in await self._api.fetch_live_calls():
            attempt_id = await self._find_attempt(record.to)
            if attempt_id is not None and attempt_id not in self._calls:
                found = TwilioCall(attempt_id, record.to, record.created_at, sid=record.sid)
                found.updated_at = self._clock.monotonic()
                found.legs = self.meter.max_legs  # only the earlier run knew whether the call was transferred
                self._calls[attempt_id] = found
        self._resynced = True

    def report_states_of_live_calls(self) -> None:
        """Have the states of all live calls reported to the engine, by querying them at Twilio in the next round."""
        for call in self._calls.values():
            call.updated_at = float("-inf")

    async def check_live_calls_until_cancelled(self) -> None:
        """Repeat until cancelled: query calls without a recent callback, search lost calls, and read the account's
        spending.

        Failed hang-ups are retried more often than once per round, because the called phone may still be ringing.
        """
        read_at = self._clock.monotonic()
        while True:
            for _ in range(HANG_UPS_PER_ROUND - 1):
                await asyncio.sleep(ROUND_SECONDS / HANG_UPS_PER_ROUND)
                await self._retry_hang_ups()
            await asyncio.sleep(ROUND_SECONDS / HANG_UPS_PER_ROUND)
            try:
                if not self._resynced:
                    await self.load_live_calls_at_start()
                await self.query_live_calls()
                if self._clock.monotonic() - read_at >= SPEND_SECONDS:
                    self.meter.record_spending_of_today(*await self._api.fetch_spending_today())
                    read_at = self._clock.monotonic()
            except SwitchError as error:
                _log.warning("twilio.query_failed", problem=str(error))

    async def query_live_calls(self) -> None:
        """Check the live calls at Twilio once.

        Failed hang-ups are retried, and calls without a recent callback are queried. A call is searched for
        if Twilio's response to its creation was lost.

        Raises:
            SwitchError: Twilio did not answer a request.
        """
        await self._retry_hang_ups()
        now = self._clock.monotonic()
        for call in list(self._calls.values()):
            if call.attempt_id not in self._calls:
                continue
            if call.sid is None:
                if call.unsure:
                    await self._find_call_at_twilio(call)
            elif now - call.updated_at >= SILENT_SECONDS:
                record = await self._api.fetch_call(call.sid)
                self._update_call_from_status(call, record.status, record.seconds)

    async def _find_call_at_twilio(self, call: TwilioCall) -> None:
        """Search Twilio's list for a call whose creation got no response.

        If the call is not found within LOST_SECONDS, report it to the engine as ended.
        """
        known = {other.sid for other in self._calls.values()}
        listed = await self._api.fetch_calls_to_number(call.number, call.asked_at - CLOCKS_APART_SECONDS)
        fresh: list[CallRecord] = [record for record in listed if record.sid not in known]
        if fresh:
            found = min(fresh, key=lambda record: abs(record.created_at - call.asked_at))
            await self._store_twilio_sid_of_call(call, found.sid)
            self._update_call_from_status(call, found.status, found.seconds)
        elif self._clock.monotonic() - call.updated_at >= LOST_SECONDS:
            self._calls.pop(call.attempt_id, None)
            self._report_events_to_engine([end_vanished_call(call)])


def _parse_call_duration(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else 0
