"""Serves flows: a FastAGI connection comes in, the engine says which flow it is, the flow runs."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from dialer.engine.engine import Engine
from dialer.flow_driver import ConventionalPrompts, MissingSounds, PromptResolver, run_flow
from dialer.switch.asterisk.agi_call import AgiCall

_log = structlog.get_logger(__name__)

DONE_VARIABLE = "MATDAN_DONE"
"""Set last: Asterisk reports a server that died in mid-call as success, so the dialplan goes by this instead."""


class FlowService:
    """The FastAGI server's handler."""

    def __init__(self, engine: Engine, prompts_for: Callable[[str], PromptResolver] | None = None) -> None:
        """`prompts_for` finds, for a call of that campaign, the sounds that it may play; by convention when none is given."""
        self._engine = engine
        conventional = ConventionalPrompts()
        self._prompts_for = prompts_for or (lambda campaign: conventional)
        self._missing = MissingSounds()

    async def __call__(self, call: AgiCall) -> None:
        """Run the call's flow to its end. A connection that belongs to no live IVR attempt is turned away."""
        attempt_id = call.env.unique_id
        session = self._engine.flow_desk.begin(attempt_id)
        if session is None:
            _log.warning("flow.turned-away", channel=attempt_id)
            await call.set_variable(DONE_VARIABLE, "1")
            return
        completed, left_at = False, None
        try:
            result = await run_flow(
                call,
                session.flow,
                session.facts,
                session.language,
                prompts=self._prompts_for(session.campaign_id),
                commit=lambda commit: self._engine.flow_desk.commit(session.attempt_id, commit),
                missing=self._missing,
            )
            completed, left_at = result.completed, result.left_at
        finally:
            self._engine.flow_ended(session.attempt_id, completed=completed, left_at=left_at)
        await call.set_variable(DONE_VARIABLE, "1")
