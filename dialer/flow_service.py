"""Serves flows: a FastAGI connection comes in, the engine says which flow it is, the flow runs."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from dialer.engine.engine import Engine
from dialer.engine.flow_desk import FlowSession
from dialer.flow_driver import ConventionalPrompts, PromptResolver, run_flow
from dialer.flow_services import AgiFlowServices, RecordingRules, SmsGateway
from dialer.switch.asterisk.agi_call import AgiCall
from ivr_flows.texts import Texts, shipped_texts

_log = structlog.get_logger(__name__)

DONE_VARIABLE = "MATDAN_DONE"
"""Set last: Asterisk reports a server that died in mid-call as success, so the dialplan goes by this instead."""


class FlowService:
    """The FastAGI server's handler."""

    def __init__(
        self,
        engine: Engine,
        prompts: PromptResolver | None = None,
        *,
        texts: Texts | None = None,
        recording: RecordingRules | None = None,
        sms: SmsGateway | None = None,
    ) -> None:
        """`prompts` finds sound files, by convention when none is given. Without `recording` nothing is recorded, without
        `sms` none is sent.
        """
        self._engine = engine
        self._texts = texts or shipped_texts()
        self._prompts = prompts or ConventionalPrompts(self._texts)
        self._recording = recording
        self._sms = sms

    async def __call__(self, call: AgiCall) -> None:
        """Run the call's flow to its end. A connection that belongs to no live IVR attempt is turned away."""
        attempt_id = call.env.unique_id
        session = self._engine.flow_desk.begin(attempt_id)
        if session is None:
            _log.warning("flow.turned-away", channel=attempt_id)
            await call.set_variable(DONE_VARIABLE, "1")
            return
        await self._run(call, session)
        await call.set_variable(DONE_VARIABLE, "1")

    async def _run(self, call: AgiCall, session: FlowSession) -> None:
        desk = self._engine.flow_desk
        services = AgiFlowServices(call, session, desk, texts=self._texts, recording=self._recording, sms=self._sms)
        completed, left_at = False, None
        answers: Mapping[str, str] = {}
        try:
            result = await run_flow(
                call,
                session.flow,
                session.facts,
                session.language,
                prompts=self._prompts,
                commit=lambda commit: desk.commit(session.attempt_id, commit),
                services=services,
            )
            completed, left_at, answers = result.completed, result.left_at, result.answers
        finally:
            self._engine.flow_ended(session.attempt_id, completed=completed, left_at=left_at, answers=answers)
