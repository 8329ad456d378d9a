"""Processes that start quickly, forked from a server process that has already imported the product."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

from tests.support.paths import ROOT

COMMAND_LINE = "from dialer.cli.main import main; main()"

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        *("dialer.app", "dialer.cli.running", "dialer.cli.roll", "dialer.site.check"),
        *("tests.support.dying_dialler", "tests.support.stores"),
    ]
)


class ForkedProcess(contextlib.ExitStack):
    """A process equivalent to `python -c program arguments`, in the folder `cwd`; killed at the end of the context.

    Standard input and output are pipes. With a `log`, all output is appended to that file instead.
    """

    def __init__(self, program: str, *arguments: str | Path, cwd: Path = ROOT, log: Path | None = None) -> None:
        super().__init__()
        self.arguments = [*map(str, arguments)]
        reads, gives = os.pipe()
        shows, writes = os.pipe()
        self.stdin = self.enter_context(os.fdopen(gives, "w"))
        self.stdout = self.enter_context(os.fdopen(shows))
        self._errors = self.enter_context(tempfile.TemporaryFile("w+") if log is None else log.open("a+"))  # noqa: SIM115 - closed with it
        if log is not None:
            os.dup2(self._errors.fileno(), writes)
        theirs = (
            Connection(reads, writable=False),
            Connection(writes, readable=False),
            Connection(os.dup(self._errors.fileno()), readable=False),
        )
        work = (program, self.arguments, str(cwd), dict(os.environ), theirs)
        self._process = _CONTEXT.Process(target=_run, args=work)
        self._process.start()
        self.callback(self.kill)
        for stream in theirs:
            stream.close()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, negative after a signal; None while it runs."""
        return self._process.exitcode

    def terminate(self) -> None:
        """Send SIGTERM."""
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process and wait until it has ended."""
        self._process.kill()
        self._process.join()

    async def wait(self) -> int:
        """Wait until the process has ended. Return its exit code."""
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._process.sentinel, end.set)
        try:
            await end.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        return self._exit_code()

    def ended(self, given: str = "") -> subprocess.CompletedProcess[str]:
        """Write `given` to standard input, close it, and return the completed process with its output."""
        with self.stdin:
            self.stdin.write(given)
        output = self.stdout.read()
        code = self._exit_code()
        self._errors.seek(0)
        return subprocess.CompletedProcess(self.arguments, code, output, self._errors.read())

    def _exit_code(self) -> int:
        self._process.join()
        assert self.returncode is not None
        return self.returncode


def run_forked(program: str, *arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a program to its end. Return the completed process with its output."""
    with ForkedProcess(program, *arguments, cwd=cwd) as process:
        return process.ended()


def _run(
    program: str,
    arguments: list[str],
    cwd: str,
    environment: dict[str, str],
    streams: tuple[Connection, Connection, Connection],
) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
        stream.close()
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115 - until it ends
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = ["-c", *arguments]
    exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})  # noqa: S102
