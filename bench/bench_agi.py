"""FastAGI calls of 12 commands: our server compared with other libraries and with the minimum on asyncio.

    python -m bench.bench_agi [--quick | --smoke] [--rounds N] [--uvloop] [--json FILE]

Another process makes the calls over TCP: 1, 100 and 1,000 at once. Both sides check every command and result, and a
contender with a wrong one is void. CPU time is that of this process. Also measured: the time from a reply to the next
command in calls at conversational pace, and the memory of waiting calls.
"""

from __future__ import annotations

import asyncio
import gc
import io
import os
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from bench.agi_driver import TURNOUT, TWELVE, CallOrder, CallResult, Driver, Script, driver
from bench.common import (
    EXIT_GOAL_MISSED,
    Contender,
    Done,
    Figure,
    Result,
    Size,
    Stopwatch,
    Unrunnable,
    describe_machine,
    interleave,
    judge_goal,
    parse_arguments,
    print_table,
    ratio_figures,
    record,
    write_json,
)
from dialer.flows.catalogue import load_flow
from dialer.flows.texts import load_shipped_texts
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_server import AgiLimits, AgiServer
from dialer.switch.asterisk.fastagi.flow_driver import ConventionalPrompts, run_flow

OURS = "ours"
PANORAMISK = "panoramisk 1.4 fast_agi"
PYST2 = "pyst2 0.5.1 AGI (threads)"
BARE = "bare asyncio"
RIGHT = ("1", "2", "12", "abc")  # the input that a call must collect
# The driver opens all calls at once from one address; a server accepts 128 per address that have not sent their environment.
LIMITS = AgiLimits(connections=10_000, opening=10_000, opening_per_peer=10_000, drain_seconds=0)

Tally = list[tuple[str, ...]]
Server = Callable[[Tally], AbstractAsyncContextManager[int]]
"""Runs a server that appends the input of each call to the tally. Yields its port."""


@asynccontextmanager
async def our_server(tally: Tally) -> AsyncIterator[int]:
    """Run our server with our call methods."""

    async def flow(call: AgiCall) -> None:
        await call.answer_channel()
        await call.play_sound_file("matdan/hi/greeting")
        answer = await call.play_sound_and_read_keys("matdan/hi/question", 5000, 1)
        await call.set_channel_variable("ANSWER", answer)
        await call.play_sound_file("matdan/hi/thanks")
        key = await call.wait_for_digit(1000)
        booth = await call.play_sound_and_read_keys("matdan/hi/booth", 5000, 3)
        await call.send_command("SAY DIGITS", booth, "")
        variable = (await call.send_command("GET VARIABLE", "NOTE")).note
        await call.play_sound_file("matdan/hi/goodbye")
        await call.set_channel_variable("DONE", "1")
        await call.hang_up_channel()
        tally.append((answer, key or "", booth, variable))

    async with AgiServer(flow, LIMITS, port=0) as server:
        yield server.port


@asynccontextmanager
async def panoramisk_server(tally: Tally) -> AsyncIterator[int]:
    """Run panoramisk's application with raw commands, as its users write them."""
    try:
        from panoramisk.fast_agi import Application
    except ImportError as error:
        raise Unrunnable(f"not installed ({error}); pip install '.[bench]'") from None

    async def flow(request: Any) -> None:
        send = request.send_command
        await send("ANSWER")
        await send('STREAM FILE matdan/hi/greeting ""')
        answer = (await send("GET DATA matdan/hi/question 5000 1"))["result"][0]
        await send(f"SET VARIABLE ANSWER {answer}")
        await send('STREAM FILE matdan/hi/thanks ""')
        key = chr(int((await send("WAIT FOR DIGIT 1000"))["result"][0]))
        booth = (await send("GET DATA matdan/hi/booth 5000 3"))["result"][0]
        await send(f'SAY DIGITS {booth} ""')
        variable = (await send("GET VARIABLE NOTE"))["result"][1]
        await send('STREAM FILE matdan/hi/goodbye ""')
        await send("SET VARIABLE DONE 1")
        await send("HANGUP")
        tally.append((answer, key, booth, variable))

    application = Application(loop=asyncio.get_running_loop())
    application.add_route("ivr", flow)
    server = await asyncio.start_server(application.handler, "127.0.0.1", 0, backlog=1024)
    yield server.sockets[0].getsockname()[1]
    server.close()


class BareCall(asyncio.BufferedProtocol):
    """The minimum: sends the next prepared command after each read, without parsing."""

    def __init__(self, commands: list[bytes], ended: Callable[[], None]) -> None:
        self._commands = commands
        self._ended = ended
        self._buffer = bytearray(2048)
        self._next = 0
        self._wire: Any = None

    def connection_made(self, transport: Any) -> None:
        self._wire = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._next == 0 and self._buffer[nbytes - 2 : nbytes] != b"\n\n":
            return
        if self._next == len(self._commands):
            self._ended()
            self._wire.close()
            return
        self._wire.write(self._commands[self._next])
        self._next += 1


def bare_server(script: Script = TWELVE) -> Server:
    """Return a server that only writes the commands of a script."""
    commands = [command + b"\n" for command, _ in script]

    @asynccontextmanager
    async def server_of(tally: Tally) -> AsyncIterator[int]:
        def call() -> BareCall:
            return BareCall(commands, lambda: tally.append(RIGHT))

        server = await asyncio.get_running_loop().create_server(call, "127.0.0.1", 0, backlog=1024)
        yield server.sockets[0].getsockname()[1]
        server.close()

    return server_of


@asynccontextmanager
async def flow_server(tally: Tally) -> AsyncIterator[int]:
    """Run our server with a shipped flow, whose commits succeed immediately."""
    flow = load_flow("turnout")
    prompts = ConventionalPrompts(load_shipped_texts())
    facts: dict[str, str | int | bool] = {
        "organisation": "Matdan",
        "booth_name": "Town Hall",
        "booth_part": 12,
        "closes_at": 18,
        "hour_now": 11,
    }

    async def handler(call: AgiCall) -> None:
        commits: list[object] = []

        async def commit(made: object) -> bool:
            commits.append(made)
            return True

        result = await run_flow(call, flow, facts, "hi", prompts=prompts, commit=commit)
        tally.append(RIGHT if result.is_flow_completed and len(commits) == 1 else ("flow", result.state.node))

    async with AgiServer(handler, LIMITS, port=0) as server:
        yield server.port


@asynccontextmanager
async def written_out_server(tally: Tally) -> AsyncIterator[int]:
    """Run our server with the commands of the flow written out, to show the cost of the flow machine."""
    sounds = [command.split()[2].decode() for command, _ in TURNOUT if command.startswith(b"STREAM")]

    async def handler(call: AgiCall) -> None:
        await call.answer_channel()
        for sound in sounds:
            await call.play_sound_file(sound)
        await call.hang_up_channel()
        tally.append(RIGHT)

    async with AgiServer(handler, LIMITS, port=0) as server:
        yield server.port


class ThreadedServer(socketserver.ThreadingTCPServer):
    """A TCP server with one thread per call."""

    request_queue_size = 1024
    daemon_threads = True
    block_on_close = False


@contextmanager
def pyst2_server(tally: Tally) -> Iterator[int]:
    """Run pyst2's AGI on a threaded server of the standard library: its own fastagi module needs Python 2."""
    try:
        from asterisk import agi
    except ImportError as error:
        raise Unrunnable(f"not installed or not for this Python ({error})") from None
    agi.signal.signal = lambda *_: None  # it sets a SIGHUP handler, which only the main thread can
    null_log = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it logs every line there

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            call = agi.AGI(stdin=self.rfile, stdout=io.TextIOWrapper(cast(Any, self.wfile)), stderr=null_log)
            call.answer()
            call.stream_file("matdan/hi/greeting")
            answer = call.get_data("matdan/hi/question", 5000, 1)
            call.set_variable("ANSWER", answer)
            call.stream_file("matdan/hi/thanks")
            key = call.wait_for_digit(1000)
            booth = call.get_data("matdan/hi/booth", 5000, 3)
            call.say_digits(booth)
            variable = call.get_variable("NOTE")
            call.stream_file("matdan/hi/goodbye")
            call.set_variable("DONE", "1")
            call.hangup()
            tally.append((answer, key, booth, variable))

    with ThreadedServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()
    null_log.close()


def check_calls(tally: Tally, outcome: CallResult) -> Done:
    """Check that every call ran its whole script and collected the right input."""
    wrong = sum(collected != RIGHT for collected in tally)
    if outcome.wrong or wrong or len(tally) != outcome.calls:
        return Done(
            outcome.calls, f"{len(tally)} of {outcome.calls} calls ended, {wrong + outcome.wrong} of them wrong"
        )
    return Done(outcome.calls)


def asyncio_round(server: Server, asterisk: Driver, order: CallOrder, *, uvloop: bool) -> Callable[[Stopwatch], Done]:
    """Return a round of an asyncio contender."""

    async def round_of(watch: Stopwatch) -> Done:
        tally: Tally = []
        loop = asyncio.get_running_loop()
        async with server(tally) as port:
            with watch.running():
                outcome = await loop.run_in_executor(None, asterisk.run_order, _with_port(order, port))
            await asyncio.sleep(0.05)  # the last connections close
        return check_calls(tally, outcome)

    return lambda watch: run_on(round_of(watch), uvloop=uvloop)


def run_on(coroutine: Any, *, uvloop: bool) -> Any:
    """Run a coroutine on a new asyncio or uvloop event loop."""
    if not uvloop:
        return asyncio.run(coroutine)
    import uvloop as fast

    return fast.run(coroutine)


def pyst2_round(asterisk: Driver, order: CallOrder, watch: Stopwatch) -> Done:
    """Run a round of pyst2."""
    tally: Tally = []
    with pyst2_server(tally) as port, watch.running():
        outcome = asterisk.run_order(_with_port(order, port))
    return check_calls(tally, outcome)


def _with_port(order: CallOrder, port: int) -> CallOrder:
    return replace(order, port=port)


def make_contenders(asterisk: Driver, order: CallOrder, *, uvloop: bool) -> list[Contender]:
    """Return the contenders. pyst2 makes a quarter of the calls, because figures are per call."""
    few = CallOrder(0, max(order.outstanding, order.calls // 4), order.outstanding)
    return [
        Contender(OURS, asyncio_round(our_server, asterisk, order, uvloop=uvloop), "ours"),
        Contender(PANORAMISK, asyncio_round(panoramisk_server, asterisk, order, uvloop=uvloop)),
        Contender(PYST2, lambda watch: pyst2_round(asterisk, few, watch)),
        Contender(BARE, asyncio_round(bare_server(), asterisk, order, uvloop=uvloop), "limit"),
    ]


def make_flow_contenders(asterisk: Driver, order: CallOrder, *, uvloop: bool) -> list[Contender]:
    """Return the contenders of the flow: with the flow machine, with written-out commands, and the minimum."""
    return [
        Contender("ours with the flow machine", asyncio_round(flow_server, asterisk, order, uvloop=uvloop), "ours"),
        Contender(
            "ours, the same commands written out", asyncio_round(written_out_server, asterisk, order, uvloop=uvloop)
        ),
        Contender(BARE, asyncio_round(bare_server(TURNOUT), asterisk, order, uvloop=uvloop), "limit"),
    ]


SERVERS: dict[str, Server] = {OURS: our_server, PANORAMISK: panoramisk_server, BARE: bare_server()}


async def measure_turnaround(server: Server, asterisk: Driver, order: CallOrder) -> list[float]:
    """Return the milliseconds from a reply to the next command: p50, p99, longest."""
    tally: Tally = []
    async with server(tally) as port:
        outcome = await asyncio.get_running_loop().run_in_executor(None, asterisk.run_order, _with_port(order, port))
        await asyncio.sleep(0.05)
    if done := check_calls(tally, outcome).wrong:
        raise RuntimeError(done)
    return outcome.turnaround_ms


async def measure_held_bytes(server: Server, calls: int) -> float:
    """Return the memory of this process per waiting call (bytes), without that of the kernel."""
    loop = asyncio.get_running_loop()
    with driver() as asterisk:
        async with server([]) as port:
            await loop.run_in_executor(None, asterisk.run_order, CallOrder(port, 4, 1))
            gc.collect()
            before = resident_bytes()
            await loop.run_in_executor(None, asterisk.run_order, CallOrder(port, calls, calls, hold=True))
            grown = resident_bytes() - before
    return grown / calls


def resident_bytes() -> int:
    """Return the resident memory of this process (bytes)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def show_pace_and_memory(asterisk: Driver, order: CallOrder, *, uvloop: bool) -> None:
    """Print the tables of turnaround times and of memory."""
    print(
        f"\n{order.calls} calls at conversational pace, {order.think_seconds * 1000:.0f} ms per command: reply to next command, ms"
    )
    print(f"  {'contender':<44}{'p50':>10}{'p99':>10}{'longest':>10}")
    measured = []
    for name, server in SERVERS.items():
        try:
            p50, p99, longest = run_on(measure_turnaround(server, asterisk, order), uvloop=uvloop)
        except Unrunnable as missing:
            print(f"  {name:<44}{missing}")
            continue
        measured.append(name)
        print(f"  {name:<44}{p50:>10.2f}{p99:>10.2f}{longest:>10.2f}")
    print(f"\nmemory of {order.calls} waiting calls, kB per call, each contender in a separate process")
    for name in measured:
        command = [sys.executable, "-m", "bench.bench_agi", "--held", name, str(order.calls)]
        held = subprocess.run(command, check=True, capture_output=True, text=True)
        print(f"  {name:<44}{float(held.stdout) / 1024:>10.1f}")


def main(argv: list[str] | None = None) -> int:
    """Run the bench. Return 0, or EXIT_GOAL_MISSED if the full size misses a goal."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["--held"]:
        with suppress(BrokenPipeError):
            print(asyncio.run(measure_held_bytes(SERVERS[argv[1]], int(argv[2]))))
        return 0
    chosen = parse_arguments(__doc__ or "", rounds=5, argv=argv)
    full = [(1, 500), (100, 2000), (1000, 3000)]
    sizes = chosen.size.pick(full, [(1, 100), (100, 300)], [(1, 10), (10, 20)])
    tables: dict[str, list[Result]] = {}
    started = time.perf_counter()
    met = []
    figures: list[Figure] = []
    gc.collect()
    gc.freeze()  # as the dialler does at its start; the same for every contender
    with driver() as asterisk:
        print(f"{describe_machine()}, {'uvloop' if chosen.uvloop else 'asyncio'}, {chosen.rounds} rounds")
        for outstanding, calls in sizes:
            title = f"FastAGI, 12 commands per call, {outstanding:,} concurrent calls: CPU microseconds per call"
            tables[title] = interleave(
                make_contenders(asterisk, CallOrder(0, calls, outstanding), uvloop=chosen.uvloop), chosen.rounds
            )
            print_table(title, tables[title])
            met.append(judge_goal(tables[title], PANORAMISK, 1.5))
            figures += ratio_figures(f"calls at once: {outstanding:,}", tables[title], {PANORAMISK: 1.5})
        order = CallOrder(0, sizes[1][1], 100, script="turnout")
        title = "FastAGI, the shipped flow `turnout` (9 commands, one commit), 100 concurrent calls: CPU microseconds per call"
        tables[title] = interleave(make_flow_contenders(asterisk, order, uvloop=chosen.uvloop), chosen.rounds)
        print_table(title, tables[title])
        at_once = chosen.size.pick(1000, 200, 10)
        show_pace_and_memory(
            asterisk,
            CallOrder(0, at_once, at_once, think_seconds=chosen.size.pick(0.5, 0.1, 0.01)),
            uvloop=chosen.uvloop,
        )
    print(f"\n{time.perf_counter() - started:.0f} s in total")
    if chosen.json:
        write_json(chosen.json, tables)
    record("agi", [*figures, *ratio_figures("the flow `turnout`, calls at once: 100", tables[title])])
    return 0 if chosen.size is not Size.FULL or all(met) else EXIT_GOAL_MISSED


if __name__ == "__main__":
    sys.exit(main())
