"""Which desk serves a FastAGI connection: the path of the dialplan's `AGI(agi://host:port/path)` says."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_server import Handler

_log = structlog.get_logger(__name__)


class AgiRoutes:
    """The FastAGI server's handler: one desk per path."""

    def __init__(self, desks: Mapping[str, Handler]) -> None:
        """`desks` by path, without a slash: "flow"."""
        self._desks = dict(desks)

    async def __call__(self, call: AgiCall) -> None:
        """Serve the call. A path that nobody serves ends the connection: the dialplan's own fail-safe goes on."""
        desk = self._desks.get(call.env.script)
        if desk is None:
            _log.warning("agi.no-such-path", channel=call.env.unique_id)
            return
        await desk(call)
