"""The FastAGI handler of inbound calls: Asterisk asks where a call goes, and the engine decides.

A connection is believed only once Asterisk, asked over the manager interface, has confirmed that the channel exists in
our inbound context, and which numbers it has. Only then is anything stored, and once per channel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from dialer.domain.errors import SwitchError
from dialer.engine.engine import Engine
from dialer.engine.inbound.service import Way
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.listing import ATTEMPT_VARIABLE
from dialer.switch.asterisk.multi_server import AnyAsterisk

_log = structlog.get_logger(__name__)

WAY_VARIABLE: Final = "MATDAN_GO"
"""Set last. The dialplan hangs up unanswered for any value but "flow", "agent" or "message"."""

Normalise = Callable[[str], str | None]
"""Returns a number, as a carrier writes it, in E.164; None where it is invalid."""


class InboundHandler:
    """The FastAGI handler of the path `inbound`."""

    def __init__(self, engine: Engine, switch: AnyAsterisk, normalise: Normalise) -> None:
        """`normalise` reads numbers as the carrier writes them."""
        self._engine = engine
        self._switch = switch
        self._normalise = normalise

    async def __call__(self, call: AgiCall) -> None:
        """Set where the call goes. A connection that Asterisk does not confirm is rejected."""
        await self._engine.until_reconciled()
        inbound = self._engine.features.inbound
        attempt_id = inbound.reserve()
        if attempt_id is None:
            await call.set_variable(WAY_VARIABLE, Way.HANG_UP.value)
            return
        try:
            channel = await self._switch.adopt(call.env.unique_id, call.env.channel, attempt_id)
        except SwitchError as error:
            _log.warning("inbound.switch_unreachable", problem=str(error))
            channel = None
        if channel is None:
            _log.warning("inbound.rejected", channel=call.env.unique_id)
            inbound.withdraw(attempt_id)
            await call.set_variable(WAY_VARIABLE, Way.HANG_UP.value)
            return
        way = await inbound.decide(
            attempt_id,
            self._normalise(channel.called),
            None if channel.caller is None else self._normalise(channel.caller),
            channel.endpoint,
        )
        if way is Way.HANG_UP:
            self._switch.disown(attempt_id)
        await call.set_variable(ATTEMPT_VARIABLE, attempt_id)
        await call.set_variable(WAY_VARIABLE, way.value)
