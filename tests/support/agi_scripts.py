"""Helpers for tests of AGI scripts: Asterisk's side of a call, and a check that a script has left no process behind."""

from __future__ import annotations

import asyncio
import os
import select
import time
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

import pytest

from dialer.domain.errors import StoreFull
from dialer.flows.errors import FlowError
from dialer.flows.model import Scalar
from dialer.flows.turns import FlowCommit
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import split_agi_command
from dialer.switch.asterisk.agi_server import AgiLimits, AgiServer
from dialer.switch.asterisk.scripts.commands import Recordings
from dialer.switch.asterisk.scripts.containment import ScriptRules, check_script_sandbox
from dialer.switch.asterisk.scripts.runner import ScriptEnd, ScriptRun
from tests.support.waiting import HANG_SECONDS

SCRIPT_ENVIRONMENT = "agi_network: yes\nagi_uniqueid: 7b0c\nagi_channel: PJSIP/trunk-1\nagi_language: en\n\n"
SCRIPT_FACTS: dict[str, Scalar] = {"booth_name": "Primary School 12", "closes_at": "18:00", "hour_now": 9}
RULES = ScriptRules(seconds=20.0)
HANG_UP = "HANGUP"
THEN_HANG_UP = " then hang-up"  # ends a reply after which the caller hangs up and Asterisk closes the connection
PLAIN = """
    import sys

    def ask(line):
        print(line, flush=True)
        return sys.stdin.readline().strip()

    while sys.stdin.readline().strip():
        pass
"""


@cache
def _containment_problem() -> str | None:
    try:
        check_script_sandbox(RULES)
    except FlowError as error:
        return str(error)
    return None


def skip_without_containment() -> None:
    """Skip a test where this machine cannot contain scripts: the dialler then refuses to run any."""
    problem = _containment_problem()
    if problem is not None:
        pytest.skip(problem)


class Peer:
    """Asterisk's side of a call: replies by the beginning of a command, `200 result=0` to any other."""

    def __init__(self, replies: dict[str, str] | None = None) -> None:
        self.commands: list[str] = []
        self._replies = replies or {}

    async def talk(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(SCRIPT_ENVIRONMENT.encode())
        while data := await reader.readline():
            command = " ".join(split_agi_command(data.decode().rstrip("\n")))
            self.commands.append(command)
            reply = next((reply for begin, reply in self._replies.items() if command.startswith(begin)), "200 result=0")
            last = reply.endswith(THEN_HANG_UP)
            reply = reply.removesuffix(THEN_HANG_UP)
            writer.write(f"{reply}\n".encode() if reply != HANG_UP else b"HANGUP\n200 result=-1\n")
            if last:
                writer.write(b"HANGUP\n")
                break
        writer.close()


async def run_script(
    path: Path,
    peer: Peer | None = None,
    rules: ScriptRules = RULES,
    *,
    commits: list[FlowCommit] | None = None,
    works: bool = True,
    recordings: Recordings = Recordings(),  # noqa: B008 - it is frozen
    until: Callable[[], Awaitable[object]] | None = None,
) -> tuple[ScriptEnd, list[str]]:
    """Run a script on one call. Return how it ended, and the commands that Asterisk got. A commit is on disk after `until`."""
    skip_without_containment()
    ends: list[ScriptEnd] = []
    peer = peer or Peer()

    async def commit(result: FlowCommit) -> bool:
        if until is not None:
            await until()
        if commits is not None:
            commits.append(result)
        if not works:
            raise StoreFull("the disk is full")
        return True

    async def handler(agi: AgiCall) -> None:
        ends.append(await ScriptRun(agi, path, rules, commit, SCRIPT_FACTS, recordings).run_script_until_ended())

    async with AgiServer(handler, AgiLimits(drain_seconds=5.0), port=0) as server, asyncio.timeout(HANG_SECONDS):
        await peer.talk(server.port)
    return ends[0], peer.commands


class HeldOpen:
    """A named pipe that a script and its processes hold open, so that it ends with the last of them."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path, 0o666)
        path.chmod(0o666)
        self._reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def __enter__(self) -> HeldOpen:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._reading)

    def read_to_end(self, seconds: float = 10.0) -> bytes:
        """Return what the processes wrote into the pipe, once all have ended.

        Raises TimeoutError if one does not end.
        """
        data, deadline = b"", time.monotonic() + seconds
        while select.select([self._reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
            piece = os.read(self._reading, 4096)
            if not piece:
                return data
            data += piece
        raise TimeoutError(f"a process of the script is still running; they wrote {data!r}")
