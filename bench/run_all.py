"""Runs every bench one after the other, and says at the end which failed and which missed a goal.

    python -m bench.run_all [--quick | --smoke] [--except NAME] [NAME ...]

A bench that fails or hangs does not stop the others. The exit status is 1 if one has failed, not if one has missed a goal.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import IO

from bench.common import EXIT_GOAL_MISSED, Size, add_size_options, print_progress

LIMIT_SECONDS = {Size.FULL: 7_200.0, Size.QUICK: 1_800.0, Size.SMOKE: 600.0}
"""After which a bench hangs. Several times what it takes on a loaded machine."""
STACKS_SECONDS = 10.0


def list_benches() -> list[str]:
    """Return the names of all benches."""
    return sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))


class _Messages:
    """Passes on what a bench prints on standard error, and keeps the last line."""

    def __init__(self, stream: IO[str]) -> None:
        self.last = "nothing"
        self._thread = Thread(target=self._pass_on, args=(stream,), daemon=True)
        self._thread.start()

    def _pass_on(self, stream: IO[str]) -> None:
        for line in stream:
            self.last = line.strip() or self.last
            sys.stderr.write(line)
            sys.stderr.flush()

    def wait(self) -> None:
        """Wait until everything is passed on. A process that the bench has left running may hold the stream open."""
        self._thread.join(STACKS_SECONDS)


def run_bench(name: str, size: Size, limit_seconds: float, folder: Path) -> str:
    """Run a bench in `folder`, where its stores are. Return why it failed, "a goal was missed", or ""."""
    command = [sys.executable, "-m", f"bench.{name}"] + ([] if size is Size.FULL else [f"--{size.value}"])
    environment = {**os.environ, "PYTHONFAULTHANDLER": "1"}  # SIGABRT prints the stacks
    with subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        assert process.stderr is not None
        messages = _Messages(process.stderr)
        try:
            status = process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            last = messages.last
            process.send_signal(signal.SIGABRT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STACKS_SECONDS)
            return f"did not end in {limit_seconds:g} s; its last message was: {last}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it started
            process.wait()
            messages.wait()
    if status == EXIT_GOAL_MISSED:
        return "a goal was missed"
    return "" if status == 0 else f"ended with status {status}; its last message was: {messages.last}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benches. Return 1 if one has failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a bench to run; default: all")
    parser.add_argument(
        "--except", dest="left_out", action="append", default=[], metavar="NAME", help="a bench to omit"
    )
    add_size_options(parser)
    chosen = parser.parse_args(arguments)
    names = [name for name in chosen.names or list_benches() if name not in chosen.left_out]
    problems: dict[str, str] = {}
    for number, name in enumerate(names, 1):
        load = " ".join(f"{each:.1f}" for each in os.getloadavg())
        print_progress(f"bench {number} of {len(names)}: {name}, load {load}")
        began = time.monotonic()
        problems[name] = run_bench(name, chosen.size, LIMIT_SECONDS[chosen.size], Path.cwd())
        print_progress(f"{name}: {problems[name] or 'ran to its end'}, {time.monotonic() - began:.0f} s")
    failed = [name for name, problem in problems.items() if problem not in {"", "a goal was missed"}]
    print(f"\n{len(names) - len(failed)} of {len(names)} benches ran to their end")
    for name, problem in problems.items():
        if problem:
            print(f"  {name}: {problem}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
