"""The web pages (desk) of the demo, with an account for the person who runs the demo.

If the pages cannot be served, the demo runs without them and prints what is missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from argon2 import PasswordHasher

from dialer.desk.pages_built import BUILT, OPEN_AT_PREFIX, are_pages_built
from dialer.domain.clock import SystemClock
from dialer.domain.enums import HqRole
from dialer.engine.seats.pins import hash_pin
from dialer.extras import describe_extra_installation
from dialer.mqtt.embedded_broker import GUARD, DemoBroker, find_free_port, is_port_free, read_last_line_of_log
from dialer.settings.headquarters import HqSettings
from dialer.settings.site import Settings
from dialer.settings.unfinished import find_pin_weakness
from dialer.simulation.rehearsal.site import REHEARSAL_PIN

USER = "demo"
SECOND = "second"  # confirms the proposals of the first user on headquarters' pages
FREE_SEATS = 3
_FIRST_VISITOR, _PIN_DIGITS = 901, 6
START_SECONDS = 300.0  # a loaded machine is slow; a desk that cannot start ends by itself before
STOP_SECONDS = 8.0
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without look-alikes such as l and 1


_AGENT_NAMES = (
    *("Aarti", "Vijay", "Asha", "Imran", "Kavita", "Suresh", "Meena", "Rahul", "Farida", "Anil"),
    *("Sunita", "Joseph", "Lakshmi", "Prakash", "Nasreen", "Deepak", "Gurpreet", "Ravi", "Shanta", "Mohan"),
    *("Rekha", "Salim", "Usha", "Kiran", "Anjali", "Bhaskar", "Zoya"),
)
"""First names that the simulated agents get in turn."""


def list_seat_names(count: int) -> list[str]:
    """Return the names of the first `count` seats: 01, 02, ..."""
    return [f"{number:02d}" for number in range(1, count + 1)]


@dataclass(frozen=True, slots=True)
class DemoVisitors:
    """Seats and agent accounts for the person who runs the demo. The seats' phones are simulated."""

    seats: tuple[str, ...]
    agents: tuple[str, ...]  # agent numbers, all with the same PIN
    pin: str = field(repr=False)

    @classmethod
    def create_visitor_seats_and_agents(cls, staff: int) -> DemoVisitors:
        """Create the seats and agents that a visitor of the demo can use, and a random PIN.

        Their numbers follow those of the simulated agents, of which there are `staff`.
        """
        pin = "".join(secrets.choice("0123456789") for _ in range(_PIN_DIGITS))
        while find_pin_weakness(pin) is not None:
            pin = "".join(secrets.choice("0123456789") for _ in range(_PIN_DIGITS))
        numbers = tuple(str(_FIRST_VISITOR + number) for number in range(FREE_SEATS))
        return cls(tuple(list_seat_names(staff + FREE_SEATS)[staff:]), numbers, pin)

    def list_agent_settings(self, staff: int) -> list[dict[str, str]]:
        """Return the [[agents]] settings: the visitor's agents, then `staff` simulated agents with the rehearsal PIN."""
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(REHEARSAL_PIN)
        own = hash_pin(self.pin)
        return [
            *({"number": number, "pin": own} for number in self.agents),
            *(
                {"number": str(number), "full_name": _AGENT_NAMES[number % len(_AGENT_NAMES)], "pin": cheap}
                for number in range(1, staff + 1)
            ),
        ]


@contextlib.asynccontextmanager
async def run_demo_desk(
    settings: Settings, broker: DemoBroker, visitors: DemoVisitors
) -> AsyncIterator[tuple[str, ...]]:
    """Run the web server of the demo's pages (desk).

    Yield lines to print: the addresses and how to sign in, or why the server is not running.
    """
    missing, store = _find_missing_requirement_of_web_pages(), settings.store.path
    if missing is not None:
        yield (f"the desk is not running: {missing}",)
        return
    password = _generate_demo_password()
    environment = {"MATDAN_DESK__PORT": str(_choose_port_of_desk(settings))}
    settings_file = settings.text_of_settings_file.name
    command = [sys.executable, "-m", "dialer"]
    options = ["-c", settings_file]
    refused = await _set_demo_password(
        [*command, "user", "password", USER, *options, "--password", "-"], environment, password
    )
    if refused is not None:
        yield (f"the desk is not running: {refused}",)
        return
    with (store.parent / "desk.log").open("wb") as log:
        serve = [*command, "desk", "serve", *options, "--mqtt", broker.connection_settings.version.value]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", GUARD, *serve),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        try:
            first_line = await _read_first_output_line(process)
            if not first_line:
                yield (f"the desk is not running: {read_last_line_of_log(Path(log.name))}",)
                return
            address = first_line.removeprefix(OPEN_AT_PREFIX)  # short, for a terminal of 80 columns
            numbers, seats = (f"{some[0]} to {some[-1]}" for some in (visitors.agents, visitors.seats))
            yield (
                f"desk {address} - sign in as {USER}, {password}",
                f"agent {address}/agent - {numbers}, PIN {visitors.pin}, seat {seats}",
            )
        finally:
            await _stop_desk_process(process)


@contextlib.asynccontextmanager
async def run_demo_hq_desk(settings: HqSettings) -> AsyncIterator[str]:
    """Run headquarters' pages with two accounts. Yield a line for the screen: how to sign in, or why the pages do not
    run.
    """
    if (missing := _find_missing_requirement_of_web_pages()) is not None:
        yield f"headquarters' pages are not running: {missing}"
        return
    from dialer.hq.desk import open_user_accounts, run_hq_page_server  # noqa: PLC0415 - needs an extra
    from dialer.web.assets import read_built_page_files  # noqa: PLC0415

    password = _generate_demo_password()
    async with open_user_accounts(settings, SystemClock()) as (_, accounts, people, _):
        for user in (USER, SECOND):
            await accounts.save_account(user, HqRole.HEADQUARTERS, "", USER)
        for user in (USER, SECOND):
            await people.set_password(user, password)
    async with run_hq_page_server(settings, read_built_page_files(BUILT)) as origin:
        yield f"headquarters' pages {origin} - sign in as {USER}, {password}; as {SECOND} to confirm"


def _generate_demo_password() -> str:
    """Return a random password of three groups of four characters."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))


def _find_missing_requirement_of_web_pages() -> str | None:
    """Return what is missing for the pages, or None if they can be served."""
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        return f"the extra `desk` is not installed: {describe_extra_installation('desk')}"
    if not are_pages_built():
        return "the pages are not built; run `dialer desk pages` (needs npm), then start the demo again"
    return None


def _choose_port_of_desk(settings: Settings) -> int:
    """Return the port of the demo's web pages (desk): the one in the settings, or a free one if it is in use."""
    usual = settings.desk.port
    return usual if is_port_free(usual) else find_free_port()


async def _set_demo_password(command: list[str], environment: dict[str, str], password: str) -> str | None:
    """Set the demo user's password with `dialer user password`. Return the error, or None on success."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    _, problem = await process.communicate(f"{password}\n".encode())
    return None if process.returncode == 0 else problem.decode(errors="replace").strip()


async def _read_first_output_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None  # noqa: S101 - stdout=PIPE
    try:
        async with asyncio.timeout(START_SECONDS):
            return (await process.stdout.readline()).decode(errors="replace").strip()
    except TimeoutError:
        return ""


async def _stop_desk_process(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()  # ends the guard and with it the desk, even if this process is killed
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
