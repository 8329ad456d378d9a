"""Serves flows: a FastAGI connection comes in, the engine says which flow it is, the flow runs."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from dialer.engine.engine import Engine
from dialer.flow_driver import ConventionalPrompts, FlowCall, FlowServices, PromptResolver, run_flow
from dialer.switch.asterisk.agi_call import AgiCall
from ivr_flows.turns import Transfer

_log = structlog.get_logger(__name__)

DONE_VARIABLE = "MATDAN_DONE"
"""Set last: Asterisk reports a server that died in mid-call as success, so the dialplan goes by this instead."""


class SeatServices(FlowServices):
    """What a flow's call can have of the centre: an agent."""

    def __init__(self, engine: Engine, attempt_id: str) -> None:
        """Of one call."""
        self._engine = engine
        self._attempt_id = attempt_id

    async def transfer(self, call: FlowCall, action: Transfer) -> bool:
        """To a seat that is free now; the switch takes the call out of the flow by that."""
        return await self._engine.transfer(self._attempt_id)


class FlowService:
    """The FastAGI server's handler."""

    def __init__(
        self,
        engine: Engine,
        prompts: PromptResolver | None = None,
        attempt_of: Callable[[str], str] = lambda unique_id: unique_id,
    ) -> None:
        """`prompts` finds sound files; by convention when none is given. `attempt_of` gives a channel's attempt by its unique id:
        the id itself of a call that we placed, another one of a call that came in.
        """
        self._engine = engine
        self._prompts = prompts or ConventionalPrompts()
        self._attempt_of = attempt_of

    async def __call__(self, call: AgiCall) -> None:
        """Run the call's flow to its end. A connection that belongs to no live IVR attempt is turned away."""
        await self._engine.until_reconciled()
        attempt_id = self._attempt_of(call.env.unique_id)
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
                prompts=self._prompts,
                commit=lambda commit: self._engine.flow_desk.commit(session.attempt_id, commit),
                services=SeatServices(self._engine, session.attempt_id),
            )
            completed, left_at = result.completed, result.left_at
        finally:
            self._engine.flow_ended(session.attempt_id, completed=completed, left_at=left_at)
        await call.set_variable(DONE_VARIABLE, "1")
