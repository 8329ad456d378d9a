"""A dialler process that kills itself at a named crash point, as `kill -9` would. Used by test_crashes.py."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from random import Random
from typing import Any

from dialer.app import assemble_centre
from dialer.domain.errors import CommandRefused
from dialer.domain.switch_events import CallConnected, CallRinging, SwitchEvent
from dialer.engine.call_flows.service import FlowService
from dialer.engine.engine import Engine
from dialer.engine.seats.commands import SeatLogIn
from dialer.process.signals import stop_on_signals
from dialer.simulation.site import create_profile_without_calling_hours
from dialer.switch.asterisk.adapter import AsteriskSwitch
from tests.support.centre import site_settings
from tests.support.power_loss import lossy_disk

CRASH_POINTS = ("before-originate", "after-originate", "ringing", "talking", "before-commit", "after-commit")


def kill_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm_crash_point(point: str) -> None:
    """Let this process kill itself when it reaches the crash point."""
    originate, commit, event = (
        AsteriskSwitch.originate_call,
        FlowService.store_input_of_ivr_caller,
        Engine.on_switch_event,
    )

    async def originate_and_die(self: AsteriskSwitch, request: Any) -> None:
        if point == "before-originate":
            kill_process()
        await originate(self, request)
        if point == "after-originate":
            kill_process()

    async def commit_and_die(self: FlowService, session: Any, flow_commit: Any) -> bool:
        if point == "before-commit":
            kill_process()
        done = await commit(self, session, flow_commit)
        if point == "after-commit":
            kill_process()
        return done

    def event_and_die(self: Engine, switch_event: SwitchEvent) -> None:
        event(self, switch_event)
        if (point == "ringing" and isinstance(switch_event, CallRinging)) or (
            point == "talking" and isinstance(switch_event, CallConnected)
        ):
            kill_process()

    for owner, name, deadly in (
        (AsteriskSwitch, "originate_call", originate_and_die),
        (FlowService, "store_input_of_ivr_caller", commit_and_die),
        (Engine, "on_switch_event", event_and_die),
    ):
        setattr(owner, name, deadly)


def log_acknowledged_marks(path: str) -> None:
    """Append each committed mark to a file, one per line, before the caller hears the confirmation."""
    commit = FlowService.store_input_of_ivr_caller
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def commit_and_tell(self: FlowService, session: Any, flow_commit: Any) -> bool:
        done = await commit(self, session, flow_commit)
        if done and flow_commit.mark is not None:
            said = f"{flow_commit.mark.value}/{flow_commit.scope.value}"
            os.write(file, f"{session.attempt_id} {said}\n".encode())
        return done

    FlowService.store_input_of_ivr_caller = commit_and_tell  # type: ignore[method-assign, assignment]


async def _dial(options: dict[str, Any]) -> None:
    arm_crash_point(options["point"])
    if "acknowledged" in options:
        log_acknowledged_marks(options["acknowledged"])
    stop = asyncio.Event()
    stop_on_signals(stop)
    settings = site_settings(
        Path(options["directory"]),
        options["ami_port"],
        seats=2,
        fastagi={"port": options["agi_port"]},
        campaign=options["campaign"],
        dialling={"drain_seconds": 0.2},
    )
    async with (
        assemble_centre(settings, profile=create_profile_without_calling_hours()) as centre,
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(centre.dial_until_stopped(stop))
        for seat in ("01", "02"):
            with contextlib.suppress(
                CommandRefused
            ):  # the seat was restored, because its agent's phone stayed connected
                await centre.engine.execute_command(SeatLogIn(seat=seat, agent=f"agent-{seat}"))
        await running


def run(options: dict[str, Any]) -> None:
    """Dial until SIGTERM or the crash point. The folder `durable`, if given, gets what a power loss leaves of the store."""
    with contextlib.ExitStack() as disk:
        if "durable" in options:
            disk.enter_context(lossy_disk(Path(options["durable"]), Random(options["seed"])))
        asyncio.run(_dial(options))
