"""Reload of the settings and the IVR flows when the dialler receives SIGHUP."""

from __future__ import annotations

import asyncio
import signal

import structlog

from dialer.domain.alerts import AlertKind, create_alert
from dialer.engine.call_flows.commands import ReloadFlows
from dialer.engine.engine import Engine
from dialer.engine.settings_reload.commands import ReloadSettings
from dialer.errors import MatdanError

_log = structlog.get_logger(__name__)


def reload_on_sighup(engine: Engine) -> None:
    """Reload the settings and the IVR flows whenever the process receives SIGHUP. New calls use the new settings and
    flows.
    """
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    def start_reload_task() -> None:
        task = loop.create_task(reload_settings_and_flows(engine), name="reload")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGHUP, start_reload_task)


async def reload_settings_and_flows(engine: Engine) -> None:
    """Reload the settings, then the IVR flows. If they are invalid, the old ones stay in use, and an alert gives the
    reason until they are corrected.
    """
    for kind, command in ((AlertKind.SETTINGS, ReloadSettings()), (AlertKind.FLOWS, ReloadFlows())):
        try:
            result = await engine.execute_command(command)
        except MatdanError as error:
            engine.raise_or_clear_alert(create_alert(kind, engine.make_centre_view().state.at, problem=str(error)))
        else:
            _log.info(f"{kind}.reloaded", result=result)
            engine.raise_or_clear_alert(
                create_alert(kind, engine.make_centre_view().state.at, cleared=True, problem="")
            )
