"""The switch port implemented with Twilio: orders go out over its REST API, states come in by status callbacks.

At most once: a request to place a call is sent once. Where its response was lost the call is looked for in Twilio's
list, by number and time. If it is not found, the number is not redialled automatically. Calls without a callback for a
while are queried.
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
from dialer.switch.routed import no_sink
from dialer.switch.twilio.api import CallRecord, TwilioApi
from dialer.switch.twilio.spend import SpendMeter, segments_of
from dialer.switch.twilio.states import FINAL, CallStatus, TwilioCall, vanished

_log = structlog.get_logger(__name__)

ROUND_SECONDS = 15.0  # between two rounds of queries
HANG_UPS_PER_ROUND = 5  # how often a failed hang-up is repeated in that time
SILENT_SECONDS = 60.0  # without a callback until a call is queried
LOST_SECONDS = 60.0  # how long a call whose request got no response is looked for
CLOCKS_APART_SECONDS = 60.0  # most difference between our clock and Twilio's
SPEND_SECONDS = 300.0  # between two readings of the spending
_NUMBER = re.compile(r"\+[0-9]{5,15}", re.ASCII)


FindAttempt = Callable[[str], Awaitable[AttemptId | None]]
"""Returns the open attempt on a number: recognises calls that an earlier run placed."""


class TwilioSwitch:
    """Calls in flows on Twilio; no seats.

    Implements `dialer.switch.routed.CarrierSwitch` and `dialer.switch.flow_effects.SmsGateway`. The webhooks call
    `on_status`.
    """

    def __init__(
        self, api: TwilioApi, settings: Twilio, meter: SpendMeter, clock: Clock, find_attempt: FindAttempt
    ) -> None:
        """Call `deliver_to` before the first event."""
        self.meter = meter
        self._api = api
        self._settings = settings
        self._clock = clock
        self._find_attempt = find_attempt
        self._sink: EventSink = no_sink
        self._on_end: Callable[[AttemptId], None] = lambda _attempt_id: None
        self._calls: dict[AttemptId, TwilioCall] = {}
        self._to_hang_up: set[AttemptId] = (
            set()
        )  # before the call's sid is known, or where Twilio did not accept the hang-up
        self._resynced = False

    def deliver_to(self, sink: EventSink, on_end: Callable[[AttemptId], None] | None = None) -> None:
        """Report events to `sink` from now on, and each call's end to `on_end` after that."""
        self._sink = sink
        if on_end is not None:
            self._on_end = on_end

    def live(self) -> frozenset[AttemptId]:
        """Return the attempts that are, or may be, calls at Twilio."""
        return frozenset(self._calls)

    def sid_of(self, attempt_id: AttemptId) -> str | None:
        """Return the call's sid; None where it is not known."""
        call = self._calls.get(attempt_id)
        return None if call is None else call.sid

    def on_transfer(self, attempt_id: AttemptId) -> None:
        """Note that a call's flow dials a second leg, which is billed too."""
        call = self._calls.get(attempt_id)
        if call is not None:
            call.legs = self.meter.most_legs

    async def send_sms(self, number: str, text: str) -> bool:
        """Send an SMS from the site's number, once.

        Return False where the daily cap leaves no room for it and the live calls.

        Raises SwitchError where it was not accepted, or the response was lost.
        """
        segments = segments_of(text)
        if self._settings.sms_from is None or not self.meter.allows_sms(len(self._calls), segments):
            return False
        self.meter.sms_sent(segments)  # also where the response is lost: it may have been sent
        await self._api.send_message(number, self._settings.sms_from, text)
        return True

    # The switch port

    async def originate(self, request: OriginateRequest) -> None:
        """See `Switch.originate`.

        Where Twilio refuses a call or is unreachable, an end without a channel is reported too, so that the trunk rests
        instead of being used again at once.
        """
        self._check(request)
        attempt_id = request.attempt_id
        call = TwilioCall(attempt_id, request.number, self._clock.now(), updated_at=self._clock.monotonic())
        try:
            self._may_place()
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
        await self._set_sid(call, sid)

    def _check(self, request: OriginateRequest) -> None:
        if request.kind is not CampaignKind.IVR:
            raise OriginateRefused("Twilio carries ivr campaigns only: give a campaign with agents an Asterisk trunk")
        for number in (request.number, request.caller_id):
            if not _NUMBER.fullmatch(number):
                raise UnsafeValue("a value was not sent to Twilio: a number is + and 5 to 15 digits")

    def _may_place(self) -> None:
        if not self._resynced:
            raise SwitchUnreachable("Twilio has not answered since the start; nothing was sent")
        if not self.meter.allows_call(len(self._calls)):
            raise OriginateRefused(
                f"Twilio: the daily spending cap leaves no room for a call ({self.meter.spent:.2f} spent); "
                "raise `twilio.max_spend_per_day` or wait for the account's next day"
            )

    async def hang_up(self, attempt_id: AttemptId) -> None:
        """See `Switch.hang_up`. A call whose sid is not known yet is hung up as soon as it is.

        Raises SwitchError where Twilio did not accept it: it is repeated, at the call's next callback and in each
        round, until the call is over.
        """
        call = self._calls.get(attempt_id)
        if call is None:
            return
        if call.sid is None:
            self._to_hang_up.add(attempt_id)
            return
        await self._end(call, call.sid)

    async def connect(self, attempt_id: AttemptId, seat: str, *, record: bool = False) -> None:
        """See `Switch.connect`. Never possible: a flow's transfer dials by itself."""
        raise SwitchError("a call on Twilio cannot be sent to a seat; set `twilio.transfer_to`")

    async def play_message(self, attempt_id: AttemptId) -> None:
        """See `Switch.play_message`. Never possible: no call waits for a seat."""
        raise SwitchError("a call on Twilio never waits for a seat: there is no message to play")

    # What the webhooks call

    async def on_status(self, attempt_id: AttemptId, form: Mapping[str, str]) -> None:
        """Handle a status callback, whose signature was checked."""
        call = self._calls.get(attempt_id)
        if call is None:
            return
        sid = form.get("CallSid", "")
        if call.sid is not None and sid != call.sid:
            _log.warning("twilio.callback_of_other_call", attempt=attempt_id)
            return
        try:
            status = CallStatus(form.get("CallStatus", ""))
        except ValueError:
            return
        if status in FINAL:  # nothing to hang up any more
            self._to_hang_up.discard(attempt_id)
        await self._set_sid(call, sid)
        self._set_status(call, status, _seconds(form.get("CallDuration")), form.get("SipResponseCode", ""))

    async def _set_sid(self, call: TwilioCall, sid: str) -> None:
        """Note a call's sid, from the response, from a callback that came before it, or from Twilio's list."""
        if call.sid is None:
            call.sid, call.unsure = sid, False
            call.updated_at = self._clock.monotonic()
        if call.attempt_id in self._to_hang_up:
            try:
                await self._end(call, sid)
            except SwitchError as error:
                _log.info("twilio.hang_up_failed", attempt=call.attempt_id, problem=str(error))

    async def _end(self, call: TwilioCall, sid: str) -> None:
        """Hang up. Raises SwitchError where Twilio did not accept it; it is then repeated while the call lives."""
        self._to_hang_up.discard(call.attempt_id)
        try:
            await self._api.end_call(sid)
        except SwitchError:
            if call.attempt_id in self._calls:
                self._to_hang_up.add(call.attempt_id)
            raise

    async def _hang_up_again(self) -> None:
        """Repeat the hang-ups that Twilio did not accept: unlike a call, a hang-up may be sent twice."""
        for call in list(self._calls.values()):
            if call.sid is None or call.attempt_id not in self._to_hang_up:
                continue
            try:
                await self._end(call, call.sid)
            except (SwitchUnreachable, OriginateUnsure):  # the others would fail too
                return
            except SwitchError as error:
                _log.debug("twilio.hang_up_failed", attempt=call.attempt_id, problem=str(error))

    def _set_status(self, call: TwilioCall, status: CallStatus, seconds: int, sip_status: str = "") -> None:
        call.updated_at = self._clock.monotonic()
        events: list[CallEvent] = call.apply(status, seconds=seconds, sip_status=sip_status)
        if call.ended and self._calls.pop(call.attempt_id, None) is not None:
            self.meter.call_ended(call.billed_seconds, call.legs)
        self._report(events)

    def _report(self, events: list[CallEvent]) -> None:
        for event in events:
            self._sink(event)
            if isinstance(event, CallEnded):
                self._to_hang_up.discard(event.attempt_id)
                self._on_end(event.attempt_id)

    # Synchronisation

    async def resync(self) -> None:
        """Find the calls of an earlier run, and read the spending, before anything is dialled. Raises SwitchError."""
        self.meter.reading(*await self._api.spent_today())
        for record in await self._api.live_calls():
            attempt_id = await self._find_attempt(record.to)
            if attempt_id is not None and attempt_id not in self._calls:
                found = TwilioCall(attempt_id, record.to, record.created_at, sid=record.sid)
                found.updated_at = self._clock.monotonic()
                found.legs = self.meter.most_legs  # only the earlier run knew whether it was transferred
                self._calls[attempt_id] = found
        self._resynced = True

    def report_states(self) -> None:
        """Have each known call queried in the next round, after the engine's own resync."""
        for call in self._calls.values():
            call.updated_at = float("-inf")

    async def supervise(self) -> None:
        """Run until cancelled: query silent calls, look for calls whose request got no response, read the spending.

        Failed hang-ups are repeated more often than that, as a phone may be ringing.
        """
        read_at = self._clock.monotonic()
        while True:
            for _ in range(HANG_UPS_PER_ROUND - 1):
                await asyncio.sleep(ROUND_SECONDS / HANG_UPS_PER_ROUND)
                await self._hang_up_again()
            await asyncio.sleep(ROUND_SECONDS / HANG_UPS_PER_ROUND)
            try:
                if not self._resynced:
                    await self.resync()
                await self.run_round()
                if self._clock.monotonic() - read_at >= SPEND_SECONDS:
                    self.meter.reading(*await self._api.spent_today())
                    read_at = self._clock.monotonic()
            except SwitchError as error:
                _log.warning("twilio.query_failed", problem=str(error))

    async def run_round(self) -> None:
        """Query the calls once. Raises SwitchError."""
        await self._hang_up_again()
        now = self._clock.monotonic()
        for call in list(self._calls.values()):
            if call.attempt_id not in self._calls:
                continue
            if call.sid is None:
                if call.unsure:
                    await self._find(call)
            elif now - call.updated_at >= SILENT_SECONDS:
                record = await self._api.call(call.sid)
                self._set_status(call, record.status, record.seconds)

    async def _find(self, call: TwilioCall) -> None:
        """Look for a call whose response was lost in Twilio's list."""
        known = {other.sid for other in self._calls.values()}
        listed = await self._api.calls_to(call.number, call.asked_at - CLOCKS_APART_SECONDS)
        fresh: list[CallRecord] = [record for record in listed if record.sid not in known]
        if fresh:
            found = min(fresh, key=lambda record: abs(record.created_at - call.asked_at))
            await self._set_sid(call, found.sid)
            self._set_status(call, found.status, found.seconds)
        elif self._clock.monotonic() - call.updated_at >= LOST_SECONDS:
            self._calls.pop(call.attempt_id, None)
            self._report([vanished(call)])


def _seconds(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else 0
