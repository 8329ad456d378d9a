"""Asterisk's side of the FastAGI bench, in a separate process that makes many calls at once.

It reads one JSON order per line (`CallOrder`), makes the calls, answers the commands of the script and checks that
exactly these commands arrive in this order. Then it writes one JSON result per line (`CallResult`).
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

ENVIRONMENT = b"".join(
    b"agi_%s\n" % line
    for line in (
        b"network: yes", b"network_script: ivr", b"request: agi://127.0.0.1:4573/ivr", b"channel: PJSIP/carrier-0000001f",
        b"language: en", b"type: PJSIP", b"uniqueid: 0190c0de-6157-4765-8243-481c0ffee000", b"version: 22.10.1",
        b"callerid: 1000", b"calleridname: Matdan", b"callingpres: 0", b"callingani2: 0", b"callington: 0", b"callingtns: 0",
        b"dnid: unknown", b"rdnis: unknown", b"context: ivr", b"extension: 5551", b"priority: 1", b"enhanced: 0.0",
        b"accountcode: ", b"threadid: 140566382876352",
    )
) + b"\n"  # fmt: skip

Script = tuple[tuple[bytes, bytes], ...]
"""The expected commands of a call, by their beginnings, and the replies to them."""

TWELVE: Script = (
    (b"ANSWER", b"200 result=0\n"),
    (b"STREAM FILE matdan/hi/greeting", b"200 result=0 endpos=16179\n"),
    (b"GET DATA matdan/hi/question 5000 1", b"200 result=1\n"),
    (b"SET VARIABLE", b"200 result=1\n"),
    (b"STREAM FILE matdan/hi/thanks", b"200 result=0 endpos=16179\n"),
    (b"WAIT FOR DIGIT 1000", b"200 result=50\n"),
    (b"GET DATA matdan/hi/booth 5000 3", b"200 result=12 (timeout)\n"),
    (b"SAY DIGITS", b"200 result=0\n"),
    (b"GET VARIABLE", b"200 result=1 (abc)\n"),
    (b"STREAM FILE matdan/hi/goodbye", b"200 result=0 endpos=16179\n"),
    (b"SET VARIABLE", b"200 result=1\n"),
    (b"HANGUP", b"200 result=1\n"),
)
TURNOUT: Script = (
    (b"ANSWER", b"200 result=0\n"),
    (b"STREAM FILE matdan/hi/common/greeting", b"200 result=0 endpos=16179\n"),
    (b"STREAM FILE matdan/hi/common/from-1", b"200 result=0 endpos=8000\n"),
    (b"STREAM FILE matdan/hi/name/", b"200 result=0 endpos=9000\n"),
    (b"STREAM FILE matdan/hi/common/from-2", b"200 result=0 endpos=8000\n"),
    (b"STREAM FILE matdan/hi/turnout/question", b"200 result=49 endpos=4000\n"),
    (b"STREAM FILE matdan/hi/turnout/noted_voted", b"200 result=0 endpos=16179\n"),
    (b"STREAM FILE matdan/hi/common/goodbye", b"200 result=0 endpos=16179\n"),
    (b"HANGUP", b"200 result=1\n"),
)
"""The commands of the shipped flow `turnout` for a caller who presses 1. A mark is committed after the question."""

SCRIPTS = {"twelve": TWELVE, "turnout": TURNOUT}


@dataclass(frozen=True, slots=True)
class CallOrder:
    """A number of calls to make."""

    port: int
    calls: int
    outstanding: int  # calls at once
    think_seconds: float = 0.0  # mean time from a command to its reply, varied by half
    script: str = "twelve"
    hold: bool = False  # leave all calls unanswered until the next order


@dataclass(slots=True)
class CallResult:
    """The result of an order."""

    calls: int = 0
    wrong: int = 0  # calls with a wrong or missing command
    turnaround_ms: list[float] = field(default_factory=list)  # from a reply to the next command: p50, p99, longest


class Call(asyncio.Protocol):
    """Asterisk's side of one call."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._script = SCRIPTS[run.order.script]
        self._pending = b""
        self._next = 0
        self._right = True
        self._answered_at = 0.0
        self._wire: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._wire = transport
        transport.write(ENVIRONMENT)

    def data_received(self, data: bytes) -> None:
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            if self._answered_at:
                self._run.turnarounds.append(time.perf_counter() - self._answered_at)
            if self._next >= len(self._script) or not line.startswith(self._script[self._next][0]):
                self._right = False
                self._wire.abort()
                return
            if self._run.order.hold:
                self._run.hold_call(self._wire)
            elif self._run.order.think_seconds:
                seconds = self._run.order.think_seconds * self._run.random.uniform(0.5, 1.5)
                asyncio.get_running_loop().call_later(seconds, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        self._answered_at = time.perf_counter()
        self._wire.write(self._script[self._next][1])
        self._next += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.count_ended_call(self._right and self._next == len(self._script))


class Run:
    """An order in progress."""

    def __init__(self, order: CallOrder) -> None:
        self.order = order
        self.turnarounds: list[float] = []
        self.random = random.Random(1)
        self._outcome = CallResult()
        self._begun = 0
        self._held: list[asyncio.Transport] = []
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[object]] = set()

    async def make_calls(self) -> CallResult:
        """Make the calls and return the result."""
        for _ in range(min(self.order.outstanding, self.order.calls)):
            self._start_call()
        await self._done
        if self.turnarounds:
            ranked = sorted(self.turnarounds)
            points = (ranked[len(ranked) // 2], ranked[len(ranked) * 99 // 100], ranked[-1])
            self._outcome.turnaround_ms = [round(seconds * 1000, 3) for seconds in points]
        return self._outcome

    def _start_call(self) -> None:
        self._begun += 1
        task = asyncio.ensure_future(
            asyncio.get_running_loop().create_connection(lambda: Call(self), "127.0.0.1", self.order.port)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def count_ended_call(self, right: bool) -> None:
        """Count an ended call and start the next one."""
        self._outcome.calls += 1
        self._outcome.wrong += not right
        if self._begun < self.order.calls:
            self._start_call()
        elif self._outcome.calls == self.order.calls and not self._done.done():
            self._done.set_result(None)

    def hold_call(self, wire: asyncio.Transport) -> None:
        """Leave a call waiting for its reply."""
        self._held.append(wire)
        if len(self._held) == self.order.calls and not self._done.done():
            self._done.set_result(None)

    def end_held_calls(self) -> None:
        """End the waiting calls."""
        for wire in self._held:
            wire.abort()


async def _serve_orders() -> None:
    loop = asyncio.get_running_loop()
    run: Run | None = None
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if run is not None:
            run.end_held_calls()
        run = Run(CallOrder(**json.loads(line)))
        print(json.dumps(asdict(await run.make_calls())), flush=True)


class Driver:
    """The driver process, as its parent sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run_order(self, order: CallOrder) -> CallResult:
        """Run an order and return its result. Blocks."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        return CallResult(**json.loads(self._process.stdout.readline()))


@contextmanager
def driver() -> Iterator[Driver]:
    """Run the driver in a separate process."""
    command = [sys.executable, "-m", "bench.agi_driver"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Driver(process)
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(_serve_orders())
