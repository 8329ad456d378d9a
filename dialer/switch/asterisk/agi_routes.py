"""Which handler serves a FastAGI connection: the path of the dialplan's `AGI(agi://host:port/path)` says."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_server import Handler

_log = structlog.get_logger(__name__)


class AgiRoutes:
    """The FastAGI server's handler: one handler per path."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        """`handlers` by path, without a slash: "flow"."""
        self._handlers = dict(handlers)

    async def __call__(self, call: AgiCall) -> None:
        """Serve the call. An unknown path closes the connection: the dialplan's own fail-safe goes on."""
        handler = self._handlers.get(call.env.script)
        if handler is None:
            _log.warning("agi.unknown_path", channel=call.env.unique_id)
            return
        await handler(call)
