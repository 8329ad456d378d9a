"""The FastAGI handler of inbound calls. The engine decides where Asterisk routes each call.

A call is stored once per channel. Before that, Asterisk must confirm over AMI that the channel exists in our inbound
context, and report its numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from dialer.domain.errors import SwitchError
from dialer.engine.engine import Engine
from dialer.engine.inbound.service import InboundAction
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.listing import ATTEMPT_VARIABLE
from dialer.switch.asterisk.multi_server import AnyAsterisk

_log = structlog.get_logger(__name__)

WAY_VARIABLE: Final = "MATDAN_GO"
"""The channel variable with the destination: "flow", "agent" or "message". For other values the dialplan hangs up."""

Normalise = Callable[[str], str | None]
"""Converts a number in a carrier's notation to E.164, or returns None if it is invalid."""


class InboundHandler:
    """The FastAGI handler that tells Asterisk where to route an inbound call (path `inbound`)."""

    def __init__(self, engine: Engine, switch: AnyAsterisk, normalise: Normalise) -> None:
        """Create the handler. `normalise` converts a number from the carrier's notation to E.164."""
        self._engine = engine
        self._switch = switch
        self._normalise = normalise

    async def __call__(self, call: AgiCall) -> None:
        """Set the destination of an inbound call, as decided by the engine. A connection whose channel Asterisk does
        not confirm is rejected.
        """
        await self._engine.wait_until_calls_are_reconciled()
        inbound = self._engine.features.inbound_call_router
        attempt_id = inbound.reserve_channel_for_inbound_call()
        if attempt_id is None:
            await call.set_channel_variable(WAY_VARIABLE, InboundAction.HANG_UP.value)
            return
        try:
            channel = await self._switch.assign_channel_to_attempt(
                call.env.unique_id, call.env.channel_name, attempt_id
            )
        except SwitchError as error:
            _log.warning("inbound.not_confirmed", problem=str(error))
            channel = None
        if channel is None:
            _log.warning("inbound.rejected", channel=call.env.unique_id)
            inbound.release_channel_of_inbound_call(attempt_id)
            await call.set_channel_variable(WAY_VARIABLE, InboundAction.HANG_UP.value)
            return
        way = await inbound.route_inbound_call(
            attempt_id,
            self._normalise(channel.called),
            None if channel.caller is None else self._normalise(channel.caller),
            channel.endpoint,
            channel.attestation,
        )
        if way is InboundAction.HANG_UP:
            self._switch.unassign_channel_of_attempt(attempt_id)
        await call.set_channel_variable(ATTEMPT_VARIABLE, attempt_id)
        await call.set_channel_variable(WAY_VARIABLE, way.value)
