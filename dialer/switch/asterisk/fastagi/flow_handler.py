"""Serves flows: a FastAGI connection comes in, the engine says which flow it is, the flow runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from config.errors import MatdanError
from dialer.domain.model import AttemptId
from dialer.engine.engine import Engine
from dialer.engine.flows import FlowService, FlowSession, ScriptSession
from dialer.ivr.effects import SmsGateway, send_text
from dialer.ivr.prompts import MissingSounds
from dialer.switch.asterisk.adapter import Channels
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.fastagi.flow_driver import ConventionalPrompts, FlowCall, FlowHost, PromptResolver, run_flow
from dialer.switch.asterisk.places import FLOW_CONTEXT
from dialer.switch.asterisk.scripts.commands import Recordings
from dialer.switch.asterisk.scripts.runner import ScriptEnd, ScriptGiven, ScriptRules, ScriptRun, script_of
from ivr_flows.texts import Texts
from ivr_flows.turns import Record, Recorded, SendSms, Transfer

# What a flow may ask for beyond sounds and keys, on an Asterisk call: a recording, an agent, an SMS.

LINE_RATE = 8000  # samples a second, in which Asterisk counts what it has recorded


@dataclass(frozen=True, slots=True)
class RecordingRules:
    """Where Asterisk keeps what callers say."""

    directory: str  # as Asterisk names it: absolute, or below its sounds directory
    sound_format: str


@dataclass(frozen=True, slots=True)
class AgiFlowRules:
    """What flows may do on Asterisk."""

    recording: RecordingRules | None = None  # None: nothing is recorded
    sms: SmsGateway | None = None  # None: none is sent
    scripts: ScriptRules = field(default_factory=ScriptRules)


class AgiFlowHost(FlowHost):
    """Of one call. What the site has not allowed (`recording`, `sms` None) fails, and the flow says so."""

    def __init__(
        self,
        call: AgiCall,
        session: FlowSession,
        desk: FlowService,
        *,
        texts: Texts,
        rules: AgiFlowRules,
    ) -> None:
        self._call = call
        self._session = session
        self._desk = desk
        self._texts = texts
        self._recording = rules.recording
        self._sms = rules.sms
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


_log = structlog.get_logger(__name__)

DONE_VARIABLE = "MATDAN_DONE"
"""Set last: Asterisk reports a server that died in mid-call as success, so the dialplan goes by this instead."""


class FlowHandler:
    """The FastAGI server's handler."""

    def __init__(
        self,
        engine: Engine,
        switch: Channels,
        texts: Callable[[], Texts],
        prompts_for: Callable[[str], PromptResolver] | None = None,
        rules: AgiFlowRules | None = None,
    ) -> None:
        """`switch` knows the channels, and whether they are answered. `texts`: what flows say now. `prompts_for` finds, for a call
        of that campaign, the sounds that it may play; by convention when none is given.
        """
        self._engine = engine
        self._switch = switch
        self._texts = texts
        self._by_convention = ConventionalPrompts(texts())
        self._prompts_for = prompts_for or self._conventional
        self._missing = MissingSounds()
        self._rules = rules or AgiFlowRules()

    def _conventional(self, campaign: str) -> PromptResolver:
        if self._by_convention.texts is not self._texts():
            self._by_convention = ConventionalPrompts(self._texts())
        return self._by_convention

    async def __call__(self, call: AgiCall) -> None:
        """Run the call's flow to its end. A connection that belongs to no answered channel of a live IVR attempt is turned away;
        where Asterisk could not be asked, without its MATDAN_DONE, so that the dialplan comes again.
        """
        await self._engine.until_reconciled()
        if not await self._switch.stands(call.env.unique_id, call.env.channel, FLOW_CONTEXT):
            _log.warning("flow.no-such-call", channel=call.env.unique_id)
            return
        attempt_id = self._switch.attempt_of(call.env.unique_id)
        session = self._engine.flow_desk.begin(attempt_id)
        if session is None:
            _log.warning("flow.turned-away", channel=attempt_id)
            await call.set_variable(DONE_VARIABLE, "1")
            return
        if isinstance(session, ScriptSession):
            await self._run_script(call, session)
        else:
            await self._run(call, session)
        await call.set_variable(DONE_VARIABLE, "1")

    async def _run_script(self, call: AgiCall, session: ScriptSession) -> None:
        desk = self._engine.flow_desk
        end: ScriptEnd | None = None
        completed, left_at = False, None
        try:
            script = script_of(session.script)
            if script is not None:
                run = ScriptRun(
                    call,
                    script,
                    self._rules.scripts,
                    lambda commit: desk.commit(session, commit),
                    ScriptGiven(session.facts, self._recordings_of(session.attempt_id)),
                )
                end = await run.run()
                completed = end is ScriptEnd.DONE
                left_at = None if completed else f"script ({end})"
        finally:
            self._engine.flow_ended(session.attempt_id, completed=completed, left_at=left_at)
        if end is ScriptEnd.TOO_LONG:  # its last command may wait for a key for ever, and a cut connection begins anew
            await call.cut_short()

    def _recordings_of(self, attempt_id: AttemptId) -> Recordings:
        recording = self._rules.recording
        return Recordings() if recording is None else Recordings(recording.directory, f"{attempt_id}-")

    async def _run(self, call: AgiCall, session: FlowSession) -> None:
        desk = self._engine.flow_desk
        services = AgiFlowHost(call, session, desk, texts=self._texts(), rules=self._rules)
        completed, left_at, unheard = False, None, None
        answers: Mapping[str, str] = {}
        try:
            result = await run_flow(
                call,
                session.flow,
                session.facts,
                session.language,
                prompts=self._prompts_for(session.campaign_id),
                commit=lambda commit: desk.commit(session, commit),
                services=services,
                missing=self._missing,
            )
            completed, left_at, answers = result.completed, result.left_at, result.answers
            unheard = result.unheard
        finally:
            self._engine.flow_ended(
                session.attempt_id, completed=completed, left_at=left_at, answers=answers, unheard=unheard
            )
