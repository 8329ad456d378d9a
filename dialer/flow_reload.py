"""SIGHUP reads the flows again."""

from __future__ import annotations

import asyncio
import signal

import structlog

from config.errors import MatdanError
from dialer.commands import ReloadFlows
from dialer.engine.engine import Engine
from dialer.view import Alert, AlertLevel

_log = structlog.get_logger(__name__)


def reload_on_hang_up(engine: Engine) -> None:
    """SIGHUP reads the flows again, for the next call. Flows that are wrong change nothing, and an alert says why."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    def ask() -> None:
        task = loop.create_task(reload_flows(engine), name="reload-flows")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGHUP, ask)


async def reload_flows(engine: Engine) -> None:
    """Read the flows again; an alert stands for as long as they are wrong."""
    try:
        done = await engine.execute(ReloadFlows())
    except MatdanError as error:
        engine.take_alert(Alert("flows", AlertLevel.WARNING, f"flows not reloaded: {error}", engine.view().at))
    else:
        _log.info("flows.reloaded", what=done)
        engine.take_alert(Alert("flows", AlertLevel.WARNING, done, engine.view().at, cleared=True))
