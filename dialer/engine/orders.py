"""Orders to the switch whose failure changes nothing here: it is told in the log, and what lives on the switch settles the rest."""

from __future__ import annotations

from collections.abc import Awaitable

import structlog

from dialer.domain.errors import SwitchError
from dialer.domain.model import AttemptId
from dialer.domain.switch import Switch

_log = structlog.get_logger(__name__)


async def quietly(order: Awaitable[None]) -> None:
    """An order whose failure needs no answer: the link is gone and the resync will see to it, or the channel is."""
    try:
        await order
    except SwitchError as error:
        _log.info("order.failed", problem=str(error))


async def hang_up(switch: Switch, attempt_id: AttemptId) -> None:
    """End a call. Where that cannot be said, the resync after the reconnect tells what became of it."""
    try:
        await switch.hang_up(attempt_id)
    except SwitchError as error:
        _log.warning("call.not-hung-up", attempt=attempt_id, problem=str(error))
