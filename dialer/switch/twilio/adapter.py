"""The switch, done by Twilio: orders go out over its REST API, news come in by status callbacks, silent calls are asked
for.

At most once: a request to place a call is sent once. Where its answer was lost the call is looked for in Twilio's list,
by number and time; found, it is ours; not found, nobody dials that number again by itself.
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
from dialer.settings.flows import Twilio
from dialer.switch.routed import no_sink
from dialer.switch.twilio.api import CallRecord, TwilioApi
from dialer.switch.twilio.spend import SpendMeter, segments_of
from dialer.switch.twilio.states import FINAL, CallStatus, TwilioCall, vanished

_log = structlog.get_logger(__name__)

LOOK_SECONDS = 15.0  # between two rounds of looking after calls
HANG_UPS_A_ROUND = 5  # so often in between is a hang-up sent again that Twilio did not take
SILENT_SECONDS = 60.0  # a call that says nothing for so long is asked for
LOST_SECONDS = 60.0  # a call whose request was not answered is looked for so long
CLOCKS_APART_SECONDS = 60.0  # ours and Twilio's
SPEND_SECONDS = 300.0  # between two readings of what was spent
_NUMBER = re.compile(r"\+[0-9]{5,15}", re.ASCII)


FindAttempt = Callable[[str], Awaitable[AttemptId | None]]
"""The attempt under way on a number: it knows again calls that an earlier run placed."""


class TwilioSwitch:
    """The switch port over Twilio: calls that run a flow, without seats.

    Implements `dialer.switch.routed.CarrierSwitch` and `dialer.switch.flow_effects.SmsGateway`. The webhooks call
    `take_status`.
    """

    def __init__(
        self, api: TwilioApi, settings: Twilio, meter: SpendMeter, clock: Clock, find_attempt: FindAttempt
    ) -> None:
        """No events go anywhere before `deliver_to`."""
        self.meter = meter
        self._api = api
        self._settings = settings
        self._clock = clock
        self._find_attempt = find_attempt
        self._sink: EventSink = no_sink
        self._on_end: Callable[[AttemptId], None] = lambda _attempt_id: None
        self._calls: dict[AttemptId, TwilioCall] = {}
        self._to_hang_up: set[AttemptId] = set()  # asked for before we know the call's sid, or not taken by Twilio
        self._resynced = False

    def deliver_to(self, sink: EventSink, on_end: Callable[[AttemptId], None] | None = None) -> None:
        """From now on `sink` takes the engine's events; `on_end` hears of each end after it."""
        self._sink = sink
        if on_end is not None:
            self._on_end = on_end

    def live(self) -> frozenset[AttemptId]:
        """The attempts that are, or may be, calls at Twilio."""
        return frozenset(self._calls)

    def sid_of(self, attempt_id: AttemptId) -> str | None:
        """The call's sid, where it is known."""
        call = self._calls.get(attempt_id)
        return None if call is None else call.sid

    def dialled_on(self, attempt_id: AttemptId) -> None:
        """The call's flow has somebody else dialled: what it costs is counted for both."""
        call = self._calls.get(attempt_id)
        if call is not None:
            call.legs = self.meter.most_legs

    async def send_sms(self, number: str, text: str) -> bool:
        """Send an SMS from the site's number, once; False where the day's cap leaves no room beside what the live calls
        may still cost. Raises SwitchError where it was not taken, or nobody can say.
        """
        segments = segments_of(text)
        if self._settings.sms_from is None or not self.meter.allows_sms(len(self._calls), segments):
            return False
        self.meter.sms_sent(segments)  # also where the answer is lost: it may have been sent
        await self._api.send_message(number, self._settings.sms_from, text)
        return True

    # The engine's side

    async def originate(self, request: OriginateRequest) -> None:
        """See `Switch.originate`.

        What Twilio refuses, or cannot be reached for, is also told as an end before any channel, so that the trunk is
        rested instead of asked again at once.
        """
        self._check(request)
        attempt_id = request.attempt_id
        call = TwilioCall(attempt_id, request.number, self._clock.now(), heard_seconds=self._clock.monotonic())
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
        except BaseException:  # cancelled in the middle: the call may exist
            call.unsure = call.sid is None
            raise
        await self._know(call, sid)

    def _check(self, request: OriginateRequest) -> None:
        if request.kind is not CampaignKind.IVR:
            raise OriginateRefused("Twilio carries ivr campaigns alone: give an agents' campaign an Asterisk trunk")
        for number in (request.number, request.caller_id):
            if not _NUMBER.fullmatch(number):
                raise UnsafeValue("a value was not sent to Twilio: a number is + and 5 to 15 digits")

    def _may_place(self) -> None:
        if not self._resynced:
            raise SwitchUnreachable("Twilio has not been reached since the start; nothing was sent")
        if not self.meter.allows_call(len(self._calls)):
            raise OriginateRefused(
                f"Twilio: today's cap on spending leaves no room for a call ({self.meter.spent:.2f} spent); "
                "raise `twilio.most_spend_per_day` or wait for the account's next day"
            )

    async def hang_up(self, attempt_id: AttemptId) -> None:
        """See `Switch.hang_up`. A call whose sid is not known yet is hung up as soon as it is.

        Raises SwitchError where Twilio did not take it: it is sent again, with the call's next news and in each round,
        until the call is over.
        """
        call = self._calls.get(attempt_id)
        if call is None:
            return
        if call.sid is None:
            self._to_hang_up.add(attempt_id)
            return
        await self._end(call, call.sid)

    async def connect(self, attempt_id: AttemptId, seat: str, *, record: bool = False) -> None:
        """See `Switch.connect`: a flow's transfer dials on by itself."""
        raise SwitchError("a call on Twilio is not sent to a seat; set `twilio.transfer_to`")

    async def play_message(self, attempt_id: AttemptId) -> None:
        """See `Switch.play_message`."""
        raise SwitchError("a call on Twilio waits for no seat: there is no message to play")

    # Twilio's side

    async def take_status(self, attempt_id: AttemptId, form: Mapping[str, str]) -> None:
        """A status callback, of which the signature was right."""
        call = self._calls.get(attempt_id)
        if call is None:
            return
        sid = form.get("CallSid", "")
        if call.sid is not None and sid != call.sid:
            _log.warning("twilio.another-call", attempt=attempt_id)
            return
        try:
            status = CallStatus(form.get("CallStatus", ""))
        except ValueError:
            return
        if status in FINAL:  # nothing is left to hang up, and its end is not to wait for an answer to that
            self._to_hang_up.discard(attempt_id)
        await self._know(call, sid)
        self._news(call, status, _seconds(form.get("CallDuration")), form.get("SipResponseCode", ""))

    async def _know(self, call: TwilioCall, sid: str) -> None:
        """The call's sid has become known: from the answer, from a callback that overtook it, or from Twilio's list."""
        if call.sid is None:
            call.sid, call.unsure = sid, False
            call.heard_seconds = self._clock.monotonic()
        if call.attempt_id in self._to_hang_up:
            try:
                await self._end(call, sid)
            except SwitchError as error:
                _log.info("cancel.not-sent", attempt=call.attempt_id, problem=str(error))

    async def _end(self, call: TwilioCall, sid: str) -> None:
        """Hang up. Raises SwitchError where Twilio did not take it, and keeps it in mind while the call lives."""
        self._to_hang_up.discard(call.attempt_id)
        try:
            await self._api.end_call(sid)
        except SwitchError:
            if call.attempt_id in self._calls:
                self._to_hang_up.add(call.attempt_id)
            raise

    async def _hang_up_again(self) -> None:
        """What Twilio did not take. A hang-up, unlike a call, harms nobody when it is sent twice."""
        for call in list(self._calls.values()):
            if call.sid is None or call.attempt_id not in self._to_hang_up:
                continue
            try:
                await self._end(call, call.sid)
            except (SwitchUnreachable, OriginateUnsure):  # nor will it answer for the others now
                return
            except SwitchError as error:
                _log.debug("cancel.not-sent", attempt=call.attempt_id, problem=str(error))

    def _news(self, call: TwilioCall, status: CallStatus, seconds: int, sip_status: str = "") -> None:
        call.heard_seconds = self._clock.monotonic()
        events: list[CallEvent] = call.take(status, seconds=seconds, sip_status=sip_status)
        if call.ended and self._calls.pop(call.attempt_id, None) is not None:
            self.meter.call_ended(call.billed_seconds, call.legs)
        self._report(events)

    def _report(self, events: list[CallEvent]) -> None:
        for event in events:
            self._sink(event)
            if isinstance(event, CallEnded):
                self._to_hang_up.discard(event.attempt_id)
                self._on_end(event.attempt_id)

    # Looking after calls

    async def resync(self) -> None:
        """Find the calls of an earlier run, and what was spent. Before anything is dialled. Raises SwitchError."""
        self.meter.reading(*await self._api.spent_today())
        for record in await self._api.live_calls():
            attempt_id = await self._find_attempt(record.to)
            if attempt_id is not None and attempt_id not in self._calls:
                found = TwilioCall(attempt_id, record.to, record.created_at, sid=record.sid)
                found.heard_seconds = self._clock.monotonic()
                found.legs = self.meter.most_legs  # whether it was dialled on, the earlier run knew
                self._calls[attempt_id] = found
        self._resynced = True

    def report_states(self) -> None:
        """After the engine's own resync: have each call that was found again asked for in the next round."""
        for call in self._calls.values():
            call.heard_seconds = float("-inf")

    async def look_after(self) -> None:
        """Until cancelled: ask for calls that fell silent, look for those whose request was not answered, read the
        spending; and, more often, send again what hang-ups were not taken: a phone rings.
        """
        read_at = self._clock.monotonic()
        while True:
            for _ in range(HANG_UPS_A_ROUND - 1):
                await asyncio.sleep(LOOK_SECONDS / HANG_UPS_A_ROUND)
                await self._hang_up_again()
            await asyncio.sleep(LOOK_SECONDS / HANG_UPS_A_ROUND)
            try:
                if not self._resynced:
                    await self.resync()
                await self.look_once()
                if self._clock.monotonic() - read_at >= SPEND_SECONDS:
                    self.meter.reading(*await self._api.spent_today())
                    read_at = self._clock.monotonic()
            except SwitchError as error:
                _log.warning("twilio.not-asked", problem=str(error))

    async def look_once(self) -> None:
        """One round. Raises SwitchError."""
        await self._hang_up_again()
        now = self._clock.monotonic()
        for call in list(self._calls.values()):
            if call.attempt_id not in self._calls:
                continue
            if call.sid is None:
                if call.unsure:
                    await self._look_for(call)
            elif now - call.heard_seconds >= SILENT_SECONDS:
                record = await self._api.call(call.sid)
                self._news(call, record.status, record.seconds)

    async def _look_for(self, call: TwilioCall) -> None:
        """A call of which the request's answer was lost: is it in the list?"""
        known = {other.sid for other in self._calls.values()}
        listed = await self._api.calls_to(call.number, call.asked_at - CLOCKS_APART_SECONDS)
        fresh: list[CallRecord] = [record for record in listed if record.sid not in known]
        if fresh:
            found = min(fresh, key=lambda record: abs(record.created_at - call.asked_at))
            await self._know(call, found.sid)
            self._news(call, found.status, found.seconds)
        elif self._clock.monotonic() - call.heard_seconds >= LOST_SECONDS:
            self._calls.pop(call.attempt_id, None)
            self._report([vanished(call)])


def _seconds(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else 0
