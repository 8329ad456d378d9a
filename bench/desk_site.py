"""What the benches of the desk share: a site of a hundred agents, `dialer desk serve` over it, and pages that are streams."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from dialer.desk.pages_built import OPEN_AT
from dialer.settings.site import load_settings
from dialer.web.access import DESK_COOKIE
from tests.support.desk import PASSWORD, PIN, keep_passwords

AGENTS, BOARDS = 100, 20
CENTRE = "pune-1"
CAMPAIGN = "turnout-agents"
_SUPERVISORS = tuple(f"asha-{number}" for number in range(3))  # whose boards: eight at most may be open of each


def site_lines(pin_hash: str) -> str:
    """The lines of settings that say who may sign in at the desk, and the seats; what has no table of its own goes before them."""
    text = '[[supervisors]]\nname = "desk"\nrole = "desk"\n'
    text += "".join(f'[[supervisors]]\nname = "{name}"\nrole = "supervisor"\n' for name in _SUPERVISORS)
    for number in range(1, AGENTS + 1):
        text += f'[[seats]]\nname = "{seat_name(number)}"\nendpoint = "agent{number:02}"\n'
        text += f'[[agents]]\nnumber = "{number}"\npin = "{pin_hash}"\n'
    return text


def seat_name(number: int) -> str:
    """The seat at which that agent sits, from 1 on."""
    return f"seat-{number:02}"


async def let_boards_in(config: Path) -> None:
    """Give the supervisors of the site their passwords."""
    await keep_passwords(load_settings(config), *_SUPERVISORS)


async def start_desk(config: Path) -> tuple[asyncio.subprocess.Process, str]:
    """`dialer desk serve` as a process of its own, and where it listens; its log stands beside the settings."""
    log = config.parent / "desk.log"
    with log.open("wb") as errors:
        desk = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dialer", "desk", "serve", "-c", str(config)),
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    assert desk.stdout is not None
    line = (await desk.stdout.readline()).decode().strip()
    if not line.startswith(OPEN_AT):
        raise RuntimeError(log.read_text(encoding="utf-8"))
    return desk, line.removeprefix(OPEN_AT)


async def agent_token(origin: str, number: int) -> str:
    """Have that agent take the own seat; the session's token. Raises RuntimeError with the desk's answer."""
    asked = {"agent": str(number), "pin": PIN, "seat": seat_name(number), "phone": "own"}
    return await _token(origin, "/api/agent/sign-in", asked)


async def board_token(origin: str, number: int) -> str:
    """Sign in for that board, from 0 on; the session's token."""
    asked = {"name": _SUPERVISORS[number % len(_SUPERVISORS)], "password": PASSWORD}
    return await _token(origin, "/api/sign-in", asked)


async def _token(origin: str, path: str, asked: dict[str, Any]) -> str:
    async with httpx.AsyncClient(base_url=origin, timeout=120) as http:
        answer = await http.post(path, json=asked, headers={"origin": origin})
    if answer.status_code != 204:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
    return answer.cookies[DESK_COOKIE]


async def listen(origin: str, token: str, path: str, heard: dict[str, float]) -> None:
    """Read a stream as a browser does, until cancelled; note in `heard` when each attempt's pop was there (perf_counter)."""
    host, port = origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 22)
    asked = f"GET {path} HTTP/1.1\r\nhost: {host}:{port}\r\ncookie: __Host-desk={token}\r\n\r\n"
    writer.write(asked.encode())
    try:
        while line := await reader.readline():
            if line.startswith(b"data: ") and b'"pop":{' in line:
                at = time.perf_counter()
                heard.setdefault(json.loads(line[6:])["values"]["pop"]["attempt"], at)
    finally:
        writer.close()
