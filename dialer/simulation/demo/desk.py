"""The demo's desk: the same process that a site runs, beside the demo, with a sign-in for whoever sits at this machine.

The demo never fails for it: where the pages are not built, or the extra is not installed, it says in one line what to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from argon2 import PasswordHasher

from dialer.desk.pages_built import BUILT, OPEN_AT, are_built
from dialer.domain.clock import SystemClock
from dialer.domain.enums import HqRole
from dialer.engine.seats.pins import hash_pin
from dialer.extras import with_extra
from dialer.mqtt.embedded_broker import GUARD, HOST, DemoBroker, free_port, is_free, last_line
from dialer.settings.headquarters import HqSettings
from dialer.settings.site import Settings, load_settings
from dialer.settings.unfinished import why_trivial
from dialer.simulation.rehearsal.site import REHEARSAL_PIN

USER = "demo"
SECOND = "second"  # who confirms what the first proposes, on headquarters' pages
FREE_SEATS = 3
_FIRST_VISITOR, _PIN_DIGITS = 901, 6
START_SECONDS = 20.0
STOP_SECONDS = 8.0
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another


def seat_names(count: int) -> list[str]:
    """The names of the demo's seats."""
    return [f"{number:02d}" for number in range(1, count + 1)]


@dataclass(frozen=True, slots=True)
class DemoVisitors:
    """Seats that no simulated agent has, and agents for whoever sits at this machine. The seats' phones are simulated."""

    seats: tuple[str, ...]
    agents: tuple[str, ...]  # numbers, with one PIN
    pin: str = field(repr=False)

    @classmethod
    def after(cls, staff: int) -> DemoVisitors:
        """Some seats more than the `staff` simulated agents have."""
        pin = "".join(secrets.choice("0123456789") for _ in range(_PIN_DIGITS))
        while why_trivial(pin) is not None:
            pin = "".join(secrets.choice("0123456789") for _ in range(_PIN_DIGITS))
        numbers = tuple(str(_FIRST_VISITOR + number) for number in range(FREE_SEATS))
        return cls(tuple(seat_names(staff + FREE_SEATS)[staff:]), numbers, pin)

    def and_staff(self, staff: int) -> list[dict[str, str]]:
        """[[agents]]: these, and simulated ones from 1 on, who have the PIN of a rehearsal's."""
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(REHEARSAL_PIN)
        own = hash_pin(self.pin)
        return [
            *({"number": number, "pin": own} for number in self.agents),
            *({"number": str(number), "pin": cheap} for number in range(1, staff + 1)),
        ]


@contextlib.asynccontextmanager
async def demo_desk(
    settings_file: Path, settings: Settings, broker: DemoBroker, visitors: DemoVisitors
) -> AsyncIterator[tuple[str, ...]]:
    """The desk for as long as the context lasts; gives lines for the screen: its addresses and how to sign in, or why not."""
    lacks, store = _lacking(), settings.store.path
    if lacks is not None:
        yield (f"no desk: {lacks}",)
        return
    password = _password()
    given = {
        "MATDAN_STORE__PATH": str(store),
        "MATDAN_BROKER__HOST": HOST,
        "MATDAN_BROKER__PORT": str(broker.port),
        "MATDAN_DESK__PORT": str(_port(settings_file)),
        "MATDAN_SEATS": json.dumps([{"name": each.name, "endpoint": each.endpoint} for each in settings.seats]),
        "MATDAN_AGENTS": json.dumps(
            [{"number": each.number, "pin": each.pin.get_secret_value()} for each in settings.agents]
        ),
    }
    command = [sys.executable, "-m", "dialer"]
    options = ["-c", str(settings_file)]
    refused = await _set_password([*command, "user", "password", USER, *options, "--password", "-"], given, password)
    if refused is not None:
        yield (f"no desk: {refused}",)
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
            if not said:
                yield (f"no desk: {last_line(Path(log.name))}",)
                return
            address = said.removeprefix(OPEN_AT)  # short, for a terminal of 80 columns
            numbers, seats = (f"{some[0]} to {some[-1]}" for some in (visitors.agents, visitors.seats))
            yield (
                f"desk {address} - sign in as {USER}, {password}",
                f"agent {address}/agent - {numbers}, PIN {visitors.pin}, seat {seats}",
            )
        finally:
            await _end(process)


@contextlib.asynccontextmanager
async def demo_hq_desk(settings: HqSettings) -> AsyncIterator[str]:
    """Headquarters' pages for as long as the context lasts, with an account for whoever sits at this machine; a line for the
    screen: address and how to sign in, or why there is none.
    """
    if (lacks := _lacking()) is not None:
        yield f"no pages: {lacks}"
        return
    from dialer.hq.desk import open_accounts, running_hq_desk  # noqa: PLC0415 - of extras
    from dialer.web.assets import read_assets  # noqa: PLC0415

    password = _password()
    async with open_accounts(settings, SystemClock()) as (_, accounts, people, _):
        for user in (USER, SECOND):
            await accounts.save(user, HqRole.HEADQUARTERS, "", USER)
        for user in (USER, SECOND):
            await people.set_password(user, password)
    async with running_hq_desk(settings, read_assets(BUILT)) as origin:
        yield f"headquarters' pages {origin} - sign in as {USER}, {password}; as {SECOND} to confirm"


def _password() -> str:
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))


def _lacking() -> str | None:
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        return f"it is not installed: {with_extra('desk')}"
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
