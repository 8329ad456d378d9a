"""Routes of the FastAGI server. The path in the dialplan's `AGI(agi://host:port/path)` selects the handler of a
connection.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_server import Handler

_log = structlog.get_logger(__name__)


class AgiRoutes:
    """A handler of FastAGI connections that passes each connection to the handler of its path."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        """Create the routes from handlers by path, without a leading slash ("flow")."""
        self._handlers = dict(handlers)

    async def __call__(self, call: AgiCall) -> None:
        """Run the handler for the path of the call's AGI URL. For an unknown path, return, so that the dialplan
        continues with its fallback.
        """
        handler = self._handlers.get(call.env.agi_url_path)
        if handler is None:
            _log.warning("agi.path_rejected", channel=call.env.unique_id)
            return
        await handler(call)
