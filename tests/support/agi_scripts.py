"""AGI scripts as a test writes them, Asterisk's end of their calls, and what they may have left behind."""

from __future__ import annotations

import asyncio
import os
import select
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from dialer.domain.errors import StoreFull
from dialer.flows.model import Scalar
from dialer.flows.turns import FlowCommit
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import split_command
from dialer.switch.asterisk.agi_server import AgiLimits, AgiServer
from dialer.switch.asterisk.scripts.commands import Recordings
from dialer.switch.asterisk.scripts.runner import ScriptEnd, ScriptRules, ScriptRun

SCRIPT_ENVIRONMENT = "agi_network: yes\nagi_uniqueid: 7b0c\nagi_channel: PJSIP/trunk-1\nagi_language: en\n\n"
SCRIPT_FACTS: dict[str, Scalar] = {"booth_name": "Primary School 12", "closes_at": "18:00", "hour_now": 9}
ROOMY = ScriptRules(seconds=20.0)
HANG_UP = "HANGUP"
GONE = " and gone"  # after an answer: the caller has hung up since, and Asterisk closes
PLAIN = """
    import sys

    def ask(line):
        print(line, flush=True)
        return sys.stdin.readline().strip()

    while sys.stdin.readline().strip():
        pass
"""


class Peer:
    """Asterisk's end: answers by the beginning of a command, else 0."""

    def __init__(self, answers: dict[str, str] | None = None) -> None:
        self.commands: list[str] = []
        self._answers = answers or {}

    async def talk(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(SCRIPT_ENVIRONMENT.encode())
        while data := await reader.readline():
            command = " ".join(split_command(data.decode().rstrip("\n")))
            self.commands.append(command)
            answer = next((said for begin, said in self._answers.items() if command.startswith(begin)), "200 result=0")
            writer.write(f"{answer.removesuffix(GONE)}\n".encode() if answer != HANG_UP else b"HANGUP\n200 result=-1\n")
            if answer.endswith(GONE):
                writer.write(b"HANGUP\n")
                break
        writer.close()


async def call(
    path: Path,
    peer: Peer | None = None,
    rules: ScriptRules = ROOMY,
    *,
    commits: list[FlowCommit] | None = None,
    works: bool = True,
    recordings: Recordings = Recordings(),  # noqa: B008 - it is frozen
    until: Callable[[], Awaitable[object]] | None = None,
) -> tuple[ScriptEnd, list[str]]:
    """One call with the script: how it ended, and what Asterisk was asked. A commit is on disk after `until`."""
    ends: list[ScriptEnd] = []
    peer = peer or Peer()

    async def commit(what: FlowCommit) -> bool:
        if until is not None:
            await until()
        if commits is not None:
            commits.append(what)
        if not works:
            raise StoreFull("no room")
        return True

    async def handler(agi: AgiCall) -> None:
        ends.append(await ScriptRun(agi, path, rules, commit, SCRIPT_FACTS, recordings).run())

    async with AgiServer(handler, AgiLimits(drain_seconds=5.0), port=0) as server, asyncio.timeout(40):
        await peer.talk(server.port)
    return ends[0], peer.commands


class Held:
    """A named pipe that a script and what it starts hold open: it ends when the last of them has."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path, 0o666)
        path.chmod(0o666)
        self._reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._reading)

    def left(self, seconds: float = 10.0) -> bytes:
        """What they wrote, once all have ended. Raises TimeoutError where one has not in time."""
        heard, deadline = b"", time.monotonic() + seconds
        while select.select([self._reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
            data = os.read(self._reading, 4096)
            if not data:
                return heard
            heard += data
        raise TimeoutError(f"something of the script lives on; it wrote {heard!r}")
