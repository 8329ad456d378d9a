"""Serves flows: a FastAGI connection comes in, the engine says which flow it is, the flow runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from dialer.engine.call_flows.service import FlowService, FlowSession, ScriptSession
from dialer.engine.engine import Engine
from dialer.errors import MatdanError
from dialer.flows.prompts import MissingSounds
from dialer.flows.texts import Texts
from dialer.flows.turns import Record, Recorded, SendSms, Transfer
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.fastagi.flow_driver import ConventionalPrompts, FlowHost, PromptResolver, run_flow
from dialer.switch.asterisk.multi_server import AnyAsterisk
from dialer.switch.asterisk.places import FLOW_CONTEXT
from dialer.switch.asterisk.scripts.commands import Recordings
from dialer.switch.asterisk.scripts.containment import ScriptRules
from dialer.switch.asterisk.scripts.runner import ScriptEnd, ScriptRun, script_of
from dialer.switch.flow_effects import SmsGateway, send_text

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


@dataclass(slots=True)
class AgiFlowHost(FlowHost):
    """Of one call. What the site has not allowed (`recording`, `sms` None) fails, and the flow says so."""

    call: AgiCall
    session: FlowSession
    desk: FlowService
    texts: Texts
    rules: AgiFlowRules
    recorded: int = 0

    async def record(self, action: Record) -> Recorded | None:
        """Record after a tone. A caller who hangs up while speaking has left the message all the same."""
        rules = self.rules.recording
        if rules is None:
            return None
        self.recorded += 1
        name = f"{self.session.attempt_id}-{self.recorded}"
        try:
            samples = await self.call.record_file(
                f"{rules.directory}/{name}",
                rules.sound_format,
                action.terminator,
                round(action.max_seconds * 1000),
                max(1, round(action.silence_seconds)),
            )
        except MatdanError as error:  # the flow has its own way for it, and must not begin anew
            _log.error("flow.not-recorded", attempt=self.session.attempt_id, problem=str(error))
            return None
        return Recorded(name, samples / LINE_RATE) if samples > 0 else None

    async def transfer(self, action: Transfer) -> bool:
        """To a seat that is ready, with the answers so far on record for its screen."""
        try:
            return await self.desk.hand_over(self.session.attempt_id, action.answers)
        except MatdanError as error:  # the flow has its own way for it, and must not begin anew
            _log.error("flow.not-transferred", attempt=self.session.attempt_id, problem=str(error))
            return False

    async def send_sms(self, action: SendSms) -> bool:
        """Send the text `sms.<template>` in the caller's language."""
        return await send_text(action, self.session, self.desk, self.texts, self.rules.sms)


_log = structlog.get_logger(__name__)

DONE_VARIABLE = "MATDAN_DONE"
"""Set last: Asterisk reports a server that died in mid-call as success, so the dialplan goes by this instead."""


class FlowHandler:
    """The FastAGI server's handler."""

    def __init__(
        self,
        engine: Engine,
        switch: AnyAsterisk,
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
                rules = self._rules.recording
                kept = Recordings() if rules is None else Recordings(rules.directory, f"{session.attempt_id}-")
                run = ScriptRun(
                    call,
                    script,
                    self._rules.scripts,
                    lambda commit: desk.commit(session, commit),
                    session.facts,
                    kept,
                )
                end = await run.run()
                completed = end is ScriptEnd.DONE
                left_at = None if completed else f"script ({end})"
        finally:
            self._engine.flow_ended(session.attempt_id, completed=completed, left_at=left_at)
        if end is ScriptEnd.TOO_LONG:  # its last command may wait for a key for ever, and a cut connection begins anew
            await call.cut_short()

    async def _run(self, call: AgiCall, session: FlowSession) -> None:
        desk = self._engine.flow_desk
        ended: dict[str, Any] = {"completed": False, "left_at": None}
        try:
            result = await run_flow(
                call,
                session.flow,
                session.facts,
                session.language,
                prompts=self._prompts_for(session.campaign_id),
                commit=lambda commit: desk.commit(session, commit),
                services=AgiFlowHost(call, session, desk, self._texts(), self._rules),
                missing=self._missing,
            )
            ended = {"left_at": result.state.left_at, "answers": result.state.answers, "unheard": result.unheard}
            ended["completed"] = result.completed
        finally:
            self._engine.flow_ended(session.attempt_id, **ended)
