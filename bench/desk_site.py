"""Common parts of the desk benches: a site with agents, `dialer desk serve`, and pages as event streams."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from bench.common import HANG_SECONDS
from dialer.desk.pages_built import OPEN_AT_PREFIX
from dialer.settings.site import load_settings
from dialer.web.access import DESK_COOKIE
from tests.support.desk import PASSWORD, PIN, set_passwords

_TLS = ssl.create_default_context()  # shared, because each client would read all CA certificates again
CENTRE = "pune-1"
CAMPAIGN = "turnout-agents"
_SUPERVISORS = tuple(f"asha-{number}" for number in range(3))  # each may have eight boards open at most


def site_lines(pin_hash: str, agents: int) -> str:
    """Return the settings of supervisors, seats and agents.

    They must come last in the file, because they are tables.
    """
    text = '[[supervisors]]\nname = "desk"\nrole = "desk"\n'
    text += "".join(f'[[supervisors]]\nname = "{name}"\nrole = "supervisor"\n' for name in _SUPERVISORS)
    for number in range(1, agents + 1):
        text += f'[[seats]]\nname = "{seat_name(number)}"\nendpoint = "agent{number:02}"\n'
        text += f'[[agents]]\nnumber = "{number}"\npin = "{pin_hash}"\n'
    return text


def seat_name(number: int) -> str:
    """Return the seat of an agent (from 1)."""
    return f"seat-{number:02}"


async def set_board_passwords(config: Path) -> None:
    """Set the passwords of the site's supervisors."""
    await set_passwords(load_settings(config), *_SUPERVISORS)


async def start_desk(config: Path) -> tuple[asyncio.subprocess.Process, str]:
    """Start `dialer desk serve`. Return the process and its origin. Its log is next to the settings file."""
    log = config.parent / "desk.log"
    with log.open("wb") as errors:
        desk = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dialer", "desk", "serve", "-c", str(config)),
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    assert desk.stdout is not None
    line = (await desk.stdout.readline()).decode().strip()
    if not line.startswith(OPEN_AT_PREFIX):
        raise RuntimeError(log.read_text(encoding="utf-8"))
    return desk, line.removeprefix(OPEN_AT_PREFIX)


async def sign_agent_in(origin: str, number: int) -> str:
    """Sign an agent in at its seat. Return the session token. Raises RuntimeError with the desk's answer."""
    asked = {"agent": str(number), "pin": PIN, "seat": seat_name(number), "phone": "own"}
    return await _token(origin, "/api/agent/sign-in", asked)


async def sign_board_in(origin: str, number: int) -> str:
    """Sign a supervisor in for a board (from 0). Return the session token."""
    asked = {"name": _SUPERVISORS[number % len(_SUPERVISORS)], "password": PASSWORD}
    return await _token(origin, "/api/sign-in", asked)


async def _token(origin: str, path: str, asked: dict[str, Any]) -> str:
    async with httpx.AsyncClient(base_url=origin, timeout=HANG_SECONDS, verify=_TLS) as http:
        answer = await http.post(path, json=asked, headers={"origin": origin})
    if answer.status_code != 204:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
    return answer.cookies[DESK_COOKIE]


async def read_events(origin: str, token: str, path: str, received: dict[str, float]) -> None:
    """Read an event stream until cancelled. Set in `received` when each attempt's screen pop arrived (perf_counter)."""
    host, port = origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 22)
    asked = f"GET {path} HTTP/1.1\r\nhost: {host}:{port}\r\ncookie: __Host-desk={token}\r\n\r\n"
    writer.write(asked.encode())
    try:
        while line := await reader.readline():
            if line.startswith(b"data: ") and b'"pop":{' in line:
                at = time.perf_counter()
                received.setdefault(json.loads(line[6:])["values"]["pop"]["attempt"], at)
    finally:
        writer.close()
