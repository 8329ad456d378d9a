"""A process in a script's containment: its pipes, the signal of a hang-up, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from asyncio.subprocess import SubprocessStreamProtocol
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from dialer.switch.asterisk.scripts.containment import ScriptRules, contained_command, environment


class ContainedProcess:
    """A contained program with pipes for its standard input and output. Ends with everything that it has started."""

    def __init__(self, process: asyncio.subprocess.Process, transport: asyncio.SubprocessTransport, info: int) -> None:
        """Wrap a process that `start` has started.

        `info` is read for the namespace's first process, and closed by `stop`.
        """
        assert process.stdin is not None  # noqa: S101 - pipes were asked for
        assert process.stdout is not None  # noqa: S101
        self.stdin = process.stdin
        self.stdout = process.stdout
        self._process = process
        self._transport = transport
        self._info = info

    @classmethod
    async def start(
        cls, rules: ScriptRules, program: Sequence[str], directory: Path, line_bytes: int
    ) -> ContainedProcess:
        """Start a program. Lines on its standard output are at most `line_bytes` long.

        Raises OSError where it cannot be started, and KeyError where the machine has no such user.
        """
        loop = asyncio.get_running_loop()
        errors: int | IO[bytes] = asyncio.subprocess.DEVNULL
        reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if rules.errors is not None:
                errors = rules.errors.open("ab")
            transport, protocol = await loop.subprocess_exec(
                lambda: SubprocessStreamProtocol(limit=line_bytes, loop=loop),
                *contained_command(rules, program, directory, writing),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env=environment(rules),
                pass_fds=(writing,),
                start_new_session=True,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
            if not isinstance(errors, int):
                errors.close()
        return cls(asyncio.subprocess.Process(transport, protocol, loop), transport, reading)

    @property
    def status(self) -> int | None:
        """The exit status, 128 and the signal's number where a signal ended the program; None while it runs."""
        return self._process.returncode

    async def wait(self) -> None:
        """Wait until the program has ended."""
        await self._process.wait()

    def hang_up(self) -> None:
        """Send SIGHUP to the program and its process group.

        bwrap's first process in the namespace leads that group. The kernel keeps the signal from it, as from the init
        process of any namespace. Its id is valid for as long as bwrap itself runs.
        """
        if self._process.returncode is not None:
            return
        with contextlib.suppress(OSError, ValueError):  # nothing is written to `info` yet: the program has not begun
            os.killpg(int(json.loads(os.read(self._info, 4096))["child-pid"]), signal.SIGHUP)

    async def stop(self, seconds: float) -> None:
        """Kill the program and everything that it has started, and wait for that, so long at most."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while await self.stdout.read(4096):  # what it still writes; the last of its processes ends the stream
                    pass
                await self._process.wait()
        self._transport.close()
        os.close(self._info)
