"""The demo's desk: the same process that a site runs, beside the demo, with a sign-in for whoever sits at this machine.

The demo never fails for it: where the pages are not built, or the extra is not installed, it says in one line what to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

from config.settings import load_settings
from dialer.desk.pages_built import OPEN_AT, are_built
from dialer.mqtt.embedded_broker import GUARD, DemoBroker, free_port, is_free, last_line

USER = "demo"
START_SECONDS = 20.0
STOP_SECONDS = 8.0
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another


@contextlib.asynccontextmanager
async def demo_desk(settings_file: Path, store: Path, broker: DemoBroker) -> AsyncIterator[str]:
    """The desk for as long as the context lasts; gives one line for the screen: its address and how to sign in, or why not."""
    lacks = _lacking()
    if lacks is not None:
        yield f"no desk: {lacks}"
        return
    password = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))
    given = {
        "MATDAN_STORE__PATH": str(store),
        "MATDAN_BROKER__HOST": broker.host,
        "MATDAN_BROKER__PORT": str(broker.port),
        "MATDAN_DESK__PORT": str(_port(settings_file)),
    }
    command = [sys.executable, "-m", "dialer"]
    options = ["-c", str(settings_file)]
    refused = await _set_password([*command, "user", "password", USER, *options, "--password", "-"], given, password)
    if refused is not None:
        yield f"no desk: {refused}"
        return
    with (store.parent / "desk.log").open("wb") as log:
        serve = [*command, "desk", "serve", *options, "--mqtt", broker.settings.version.value]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", GUARD, *serve),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={**os.environ, **given},
            start_new_session=True,
        )
        try:
            said = await _first_line(process)
            address = said.removeprefix(OPEN_AT)  # short, for a terminal of 80 columns
            yield f"desk {address} - sign in as {USER}, {password}" if said else f"no desk: {last_line(Path(log.name))}"
        finally:
            await _end(process)


def _lacking() -> str | None:
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        return ".venv/bin/pip install -e '.[desk]' installs what it needs"
    if not are_built():
        return "its pages are not built: `dialer desk pages` builds them (with npm), then start the demo again"
    return None


def _port(settings_file: Path) -> int:
    usual = load_settings(settings_file).desk.port
    return usual if is_free(usual) else free_port()


async def _set_password(command: list[str], given: dict[str, str], password: str) -> str | None:
    """In a process of its own too: what it may not do, it says in one line."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **given},
    )
    _, problem = await process.communicate(f"{password}\n".encode())
    return None if process.returncode == 0 else problem.decode(errors="replace").strip()


async def _first_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None  # noqa: S101 - it was asked for as a pipe
    try:
        async with asyncio.timeout(START_SECONDS):
            return (await process.stdout.readline()).decode(errors="replace").strip()
    except TimeoutError:
        return ""


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()  # the guard ends the desk then, however this process ended
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
