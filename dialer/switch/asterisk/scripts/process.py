"""Run a program in a sandbox for an AGI script, with pipes. Send it SIGHUP after a hang-up, and end it."""

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

from dialer.switch.asterisk.scripts.containment import ScriptRules, create_command_in_sandbox, make_script_environment


class ContainedProcess:
    """A program that runs isolated in a sandbox (bubblewrap), with pipes for standard input and output. When it ends,
    so do all processes that it has started.
    """

    def __init__(self, process: asyncio.subprocess.Process, transport: asyncio.SubprocessTransport, info: int) -> None:
        """Wrap a process that `start` has created.

        `info` is the file descriptor to which bwrap has written the process id of the sandbox's first process.
        """
        assert process.stdin is not None  # noqa: S101 - pipes were asked for
        assert process.stdout is not None  # noqa: S101
        self._stdin = process.stdin
        self.stdout = process.stdout
        self._process = process
        self._transport = transport
        self._info = info

    @classmethod
    async def start(
        cls, rules: ScriptRules, program: Sequence[str], directory: Path, line_bytes: int
    ) -> ContainedProcess:
        """Start a program isolated in a sandbox (bubblewrap), in a working directory. Lines of its output may have up
        to `line_bytes`.

        Raises:
            OSError: the program cannot be started.
            KeyError: the machine has no such user.
        """
        loop = asyncio.get_running_loop()
        errors: int | IO[bytes] = asyncio.subprocess.DEVNULL
        reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if rules.errors is not None:
                errors = rules.errors.open("ab")
            transport, protocol = await loop.subprocess_exec(
                lambda: SubprocessStreamProtocol(limit=line_bytes, loop=loop),
                *create_command_in_sandbox(rules, program, directory, writing),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env=make_script_environment(rules),
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
    def exit_status(self) -> int | None:
        """The program's exit status (128 plus the signal's number if a signal ended the program), or None while it
        runs.
        """
        return self._process.returncode

    async def write_to_program(self, data: bytes) -> None:
        """Send data to the program, and wait until its pipe accepts it.

        Errors of a closed pipe are ignored. The program may have ended, but the commands that it wrote before are still
        executed.
        """
        # uvloop raises RuntimeError for a pipe that it has closed, also before `is_closing` says so.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, RuntimeError):
            if not self._stdin.is_closing():
                self._stdin.write(data)
                await self._stdin.drain()

    async def wait_until_program_ended(self) -> None:
        """Wait until the program has ended."""
        await self._process.wait()

    def send_hangup_signal(self) -> None:
        """Send SIGHUP to the program and its process group, as Asterisk does after a hang-up.

        The group's leader is bwrap's first process in the namespace. As the namespace's init process, it does not get
        the signal itself. Its process id is valid while bwrap runs.
        """
        if self._process.returncode is not None:
            return
        with contextlib.suppress(OSError, ValueError):  # `info` is still empty if the program has not started
            os.killpg(int(json.loads(os.read(self._info, 4096))["child-pid"]), signal.SIGHUP)

    async def stop(self, seconds: float) -> None:
        """Kill the program and all processes that it has started. Wait up to `seconds` until they have ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while await self.stdout.read(4096):  # ends once the last of its processes has ended
                    pass
                await self._process.wait()
        self._transport.close()
        os.close(self._info)
