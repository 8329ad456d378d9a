"""The FastAGI handler of IVR calls: it runs the flow or AGI script that the engine has chosen for the call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from dialer.engine.call_flows.service import FlowService, FlowSession, ScriptSession
from dialer.engine.engine import Engine
from dialer.errors import MatdanError
from dialer.flows.missing_sounds import MissingSounds
from dialer.flows.texts import Texts
from dialer.flows.turns import Record, Recorded, SendSms, Transfer
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.fastagi.flow_driver import ConventionalPrompts, FlowHost, PromptResolver, run_flow
from dialer.switch.asterisk.multi_server import AnyAsterisk
from dialer.switch.asterisk.places import FLOW_CONTEXT
from dialer.switch.asterisk.scripts.commands import Recordings
from dialer.switch.asterisk.scripts.containment import ScriptRules
from dialer.switch.asterisk.scripts.runner import ScriptEnd, ScriptRun, find_agi_script_in_flow_setting
from dialer.switch.flow_effects import SmsGateway, send_flow_sms

SAMPLE_RATE: Final = 8000  # samples per second in a recording's length, as Asterisk reports it


@dataclass(frozen=True, slots=True)
class RecordingRules:
    """The directory and format for recordings of callers."""

    directory: str  # on the Asterisk server: absolute, or relative to its sounds directory
    sound_format: str


@dataclass(frozen=True, slots=True)
class AgiFlowRules:
    """The optional features of IVR flows and AGI scripts on Asterisk."""

    recording: RecordingRules | None = None  # None if callers may not be recorded
    sms: SmsGateway | None = None  # None if the site sends no SMS
    scripts: ScriptRules = field(default_factory=ScriptRules)


@dataclass(slots=True)
class AgiFlowHost(FlowHost):
    """The recordings, transfers and SMS that an IVR flow may request on an Asterisk call, if the site allows them."""

    call: AgiCall
    session: FlowSession
    flows: FlowService
    texts: Texts
    rules: AgiFlowRules
    recorded: int = 0

    async def record_caller_message(self, action: Record) -> Recorded | None:
        """Record the caller after a tone. If the caller hangs up during the recording, the recording is kept."""
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
        except MatdanError as error:  # the flow handles the failure; if raised, the dialplan would start the flow again
            _log.error("flow.recording_failed", attempt=self.session.attempt_id, problem=str(error))
            return None
        return Recorded(name, samples / SAMPLE_RATE) if samples > 0 else None

    async def transfer_call(self, action: Transfer) -> bool:
        """Transfer the call to a ready seat, and store the caller's answers for the agent's screen."""
        try:
            return await self.flows.connect_flow_call_to_agent(self.session.attempt_id, action.answers)
        except MatdanError as error:  # the flow handles the failure; if raised, the dialplan would start the flow again
            _log.error("flow.transfer_failed", attempt=self.session.attempt_id, problem=str(error))
            return False

    async def send_sms(self, action: SendSms) -> bool:
        """Send the text `sms.<template>` in the caller's language. Return whether the gateway accepted it."""
        return await send_flow_sms(action, self.session, self.flows, self.texts, self.rules.sms)


_log = structlog.get_logger(__name__)

DONE_VARIABLE: Final = "MATDAN_DONE"
"""The channel variable that is set last. The dialplan checks it, as Asterisk reports success for a crashed server too."""


class FlowHandler:
    """The FastAGI handler that runs the flow or AGI script of an IVR call (path `flow`)."""

    def __init__(
        self,
        engine: Engine,
        switch: AnyAsterisk,
        texts: Callable[[], Texts],
        prompts_for: Callable[[str], PromptResolver] | None = None,
        rules: AgiFlowRules | None = None,
    ) -> None:
        """Create the handler.

        Args:
            engine: chooses and records the flow of each call.
            switch: confirms that channels are answered.
            texts: returns the present texts of flows.
            prompts_for: returns the finder of sound files for a campaign. By default, file names follow from the
                prompts' names.
            rules: whether recordings, SMS and AGI scripts are allowed, and how they work.
        """
        self._engine = engine
        self._switch = switch
        self._texts = texts
        self._conventional_prompts = ConventionalPrompts(texts())
        self._prompts_for = prompts_for or self._create_finder_of_sound_files
        self._missing = MissingSounds()
        self._rules = rules or AgiFlowRules()

    def _create_finder_of_sound_files(self, campaign: str) -> PromptResolver:
        if self._conventional_prompts.texts is not self._texts():
            self._conventional_prompts = ConventionalPrompts(self._texts())
        return self._conventional_prompts

    async def __call__(self, call: AgiCall) -> None:
        """Run the flow or script of a call to its end.

        The connection is rejected unless it belongs to an answered IVR call that is still live. If Asterisk cannot
        confirm this over AMI, the channel variable MATDAN_DONE is not set, and the dialplan connects again.
        """
        await self._engine.wait_until_calls_are_reconciled()
        if not await self._switch.is_channel_answered(call.env.unique_id, call.env.channel_name, FLOW_CONTEXT):
            _log.warning("flow.call_not_found", channel=call.env.unique_id)
            return
        attempt_id = self._switch.find_attempt_on_channel(call.env.unique_id)
        session = self._engine.features.ivr_flow_service.start_flow_of_call(attempt_id)
        if session is None:
            _log.warning("flow.rejected", channel=attempt_id)
            await call.set_channel_variable(DONE_VARIABLE, "1")
            return
        if isinstance(session, ScriptSession):
            await self._run_script(call, session)
        else:
            await self._run_flow(call, session)
        await call.set_channel_variable(DONE_VARIABLE, "1")

    async def _run_script(self, call: AgiCall, session: ScriptSession) -> None:
        flows = self._engine.features.ivr_flow_service
        end: ScriptEnd | None = None
        completed, left_at = False, None
        try:
            script = find_agi_script_in_flow_setting(session.script)
            if script is not None:
                rules = self._rules.recording
                recordings = Recordings() if rules is None else Recordings(rules.directory, f"{session.attempt_id}-")
                run = ScriptRun(
                    call,
                    script,
                    self._rules.scripts,
                    lambda commit: flows.store_input_of_ivr_caller(session, commit),
                    session.facts,
                    recordings,
                )
                end = await run.run_script_until_ended()
                completed = end is ScriptEnd.DONE
                left_at = None if completed else f"script ({end})"
        finally:
            self._engine.on_flow_ended(session.attempt_id, completed=completed, left_at=left_at)
        if end is ScriptEnd.TOO_LONG:  # its last command may wait for a key for ever
            await call.abort_agi_call()

    async def _run_flow(self, call: AgiCall, session: FlowSession) -> None:
        flows = self._engine.features.ivr_flow_service
        ended: dict[str, Any] = {"completed": False, "left_at": None}
        try:
            result = await run_flow(
                call,
                session.flow,
                session.facts,
                session.language,
                prompts=self._prompts_for(session.campaign_id),
                commit=lambda commit: flows.store_input_of_ivr_caller(session, commit),
                host=AgiFlowHost(call, session, flows, self._texts(), self._rules),
                missing=self._missing,
            )
            ended = {
                "left_at": result.state.node_where_caller_hung_up,
                "answers": result.state.answers,
                "unheard": result.unheard,
            }
            ended["completed"] = result.is_flow_completed
        finally:
            self._engine.on_flow_ended(session.attempt_id, **ended)
