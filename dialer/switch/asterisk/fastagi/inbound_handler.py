"""Serves calls that come in: Asterisk asks over FastAGI where a call goes, the engine says it.

What a connection claims is believed once the switch, asked over the manager interface, has said that this channel is there, in our
inbound context, and who calls whom on it. Only then is anything kept or opened, and for each channel once.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from dialer.domain.errors import SwitchError
from dialer.engine.engine import Engine
from dialer.engine.inbound.service import Way
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.listing import ATTEMPT_VARIABLE
from dialer.switch.asterisk.multi_server import AnyAsterisk

_log = structlog.get_logger(__name__)

WAY_VARIABLE = "MATDAN_GO"
"""Set last: what is not "flow", "agent" or "message" is hung up unanswered by the dialplan."""

Normalise = Callable[[str], str | None]
"""A number as a carrier writes it, in E.164; None where it is none."""


class InboundHandler:
    """The FastAGI server's handler for the dialplan's inbound context."""

    def __init__(self, engine: Engine, switch: AnyAsterisk, normalise: Normalise) -> None:
        """`normalise` reads the carrier's way of writing numbers."""
        self._engine = engine
        self._switch = switch
        self._normalise = normalise

    async def __call__(self, call: AgiCall) -> None:
        """Say where the call goes. A connection whose channel is not what it says is turned away."""
        await self._engine.until_reconciled()
        desk = self._engine.inbound_desk
        attempt_id = desk.reserve()
        if attempt_id is None:
            await call.set_variable(WAY_VARIABLE, Way.HANG_UP.value)
            return
        try:
            channel = await self._switch.adopt(call.env.unique_id, call.env.channel, attempt_id)
        except SwitchError as error:
            _log.warning("inbound.switch-not-asked", problem=str(error))
            channel = None
        if channel is None:
            _log.warning("inbound.turned-away", channel=call.env.unique_id)
            desk.withdraw(attempt_id)
            await call.set_variable(WAY_VARIABLE, Way.HANG_UP.value)
            return
        way = await desk.decide(
            attempt_id,
            self._normalise(channel.called),
            None if channel.caller is None else self._normalise(channel.caller),
            channel.endpoint,
        )
        if way is Way.HANG_UP:
            self._switch.disown(attempt_id)
        await call.set_variable(ATTEMPT_VARIABLE, attempt_id)
        await call.set_variable(WAY_VARIABLE, way.value)
