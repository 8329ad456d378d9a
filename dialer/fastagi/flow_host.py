"""What a flow may ask for beyond sounds and keys, on an Asterisk call: a recording, an agent, an SMS."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from config.errors import MatdanError
from dialer.engine.flow_desk import FlowDesk, FlowSession
from dialer.fastagi.flow_driver import FlowCall, FlowHost
from dialer.flow_effects import SmsGateway, send_text
from dialer.switch.asterisk.agi_call import AgiCall
from ivr_flows.texts import Texts
from ivr_flows.turns import Record, Recorded, SendSms, Transfer

_log = structlog.get_logger(__name__)

LINE_RATE = 8000  # samples a second, in which Asterisk counts what it has recorded


@dataclass(frozen=True, slots=True)
class RecordingRules:
    """Where Asterisk keeps what callers say."""

    directory: str  # as Asterisk names it: absolute, or below its sounds directory
    sound_format: str


class AgiFlowHost(FlowHost):
    """Of one call. What the site has not allowed (`recording`, `sms` None) fails, and the flow says so."""

    def __init__(
        self,
        call: AgiCall,
        session: FlowSession,
        desk: FlowDesk,
        *,
        texts: Texts,
        recording: RecordingRules | None = None,
        sms: SmsGateway | None = None,
    ) -> None:
        self._call = call
        self._session = session
        self._desk = desk
        self._texts = texts
        self._recording = recording
        self._sms = sms
        self._recorded = 0

    async def record(self, call: FlowCall, action: Record) -> Recorded | None:
        """Record after a tone. A caller who hangs up while speaking has left the message all the same."""
        if self._recording is None:
            return None
        self._recorded += 1
        name = f"{self._session.attempt_id}-{self._recorded}"
        try:
            recording = await self._call.record_file(
                f"{self._recording.directory}/{name}",
                self._recording.sound_format,
                action.terminator,
                round(action.max_seconds * 1000),
                silence_seconds=max(1, round(action.silence_seconds)),
                beep=True,
            )
        except MatdanError as error:  # the flow has its own way for it, and must not begin anew
            _log.error("flow.not-recorded", attempt=self._session.attempt_id, problem=str(error))
            return None
        return Recorded(name, recording.samples / LINE_RATE) if recording.samples > 0 else None

    async def transfer(self, call: FlowCall, action: Transfer) -> bool:
        """To a seat that is ready, with the answers so far on record for its screen."""
        try:
            return await self._desk.hand_over(self._session.attempt_id, action.answers)
        except MatdanError as error:  # the flow has its own way for it, and must not begin anew
            _log.error("flow.not-transferred", attempt=self._session.attempt_id, problem=str(error))
            return False

    async def send_sms(self, action: SendSms) -> bool:
        """Send the text `sms.<template>` in the caller's language."""
        return await send_text(action, self._session, self._desk, self._texts, self._sms)
