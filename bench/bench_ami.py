"""AMI: taking in events and sending actions, beside the libraries people use and beside the bare limit.

    python -m bench.bench_ami [--quick] [--rounds N] [--uvloop] [--json FILE]

Events are recorded ones (`tests/captures`) from another process over TCP, as blocks and one by one at a fixed pace; a
contender hands over the events a dialler wants with the fields it uses, and is void if one is missing or wrong. Actions
are answered in shuffled order; an answer at the wrong caller makes a contender void. CPU is this process's alone.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bench.ami_feeder import USED, expected_uses, feeder, stream
from bench.common import (
    Contender,
    Done,
    Result,
    Stopwatch,
    Unrunnable,
    arguments,
    goal,
    interleave,
    machine,
    ratio_figures,
    record,
    show,
    write_json,
)
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_session import AmiLimits, AmiLogin

PANORAMISK = "panoramisk 1.4"
PYST2 = "pyst2 0.5.1 (threads)"
EOM = b"\r\n\r\n"

Uses = list[tuple[str, ...]]
Runner = Callable[[Coroutine[Any, Any, Done]], Done]


def checked(events: int, uses: Uses) -> Done:
    """The round's verdict: what was handed over against what was sent."""
    expected = expected_uses(events)
    if uses == expected:
        return Done(events)
    if len(uses) != len(expected):
        return Done(events, f"{len(uses)} of {len(expected)} wanted events arrived")
    wrong = sum(one != other for one, other in zip(uses, expected, strict=True))
    return Done(events, f"{wrong} of {len(expected)} wanted events have a wrong field")


class Taker:
    """Takes events from whichever reader, keeps what is used, and notices the last."""

    def __init__(self, ended: Callable[[], object]) -> None:
        self.uses: Uses = []
        self._ended = ended

    def take(self, event: str, get: Callable[[str, str], Any]) -> None:
        """`get(name, default)` is the reader's own way to a field."""
        used = USED.get(event)
        if used is None:
            return
        self.uses.append((event, *[get(name, "") for name in used]))
        if event == "UserEvent" and get("UserEvent", "") == "BenchEnds":
            self._ended()


async def ours(port: int, mask: str, watch: Stopwatch, *, skip_by_name: bool) -> Uses:
    """Our session, with or without dropping unwanted events by their name."""
    ended = asyncio.Event()
    taker = Taker(ended.set)
    keep = tuple(USED) if skip_by_name else None
    login = AmiLogin("127.0.0.1", port, "bench", "bench")
    async with AmiClient(login, on_event=lambda m: taker.take(m.event, m.get), keep_events=keep) as client:
        await client.action("Events", [("EventMask", mask)])
        with watch.running():
            await ended.wait()
    return taker.uses


async def panoramisk(port: int, mask: str, watch: Stopwatch) -> Uses:
    """panoramisk's manager with one callback for all events."""
    manager = await panoramisk_manager(port)
    ended = asyncio.Event()
    taker = Taker(ended.set)
    manager.register_event("*", lambda _, message: taker.take(message.event, message.get))
    await manager.send_action({"Action": "Events", "EventMask": mask})
    with watch.running():
        await ended.wait()
    manager.close()
    return taker.uses


async def panoramisk_manager(port: int) -> Any:
    """A logged-in panoramisk manager."""
    try:
        from panoramisk import Manager
    except ImportError as error:
        raise Unrunnable(f"not installed ({error}); pip install '.[bench]'") from None
    logged_in = asyncio.Event()
    manager = Manager(
        loop=asyncio.get_running_loop(),
        host="127.0.0.1",
        port=port,
        username="bench",
        secret="bench",
        on_login=lambda _: logged_in.set(),
        on_connect=lambda _: None,
        on_disconnect=lambda *_: None,
    )
    await manager.connect()
    await logged_in.wait()
    return manager


async def stream_reader(port: int, mask: str, watch: Stopwatch) -> Uses:
    """The way a tutorial shows it: asyncio streams, readuntil, a dict a message."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    for text in ("Login\r\nActionID: 1", f"Events\r\nActionID: 2\r\nEventMask: {mask}"):
        writer.write(f"Action: {text}\r\n\r\n".encode())
        await reader.readuntil(EOM)
    going = True

    def stop() -> None:
        nonlocal going
        going = False

    taker = Taker(stop)
    with watch.running():
        while going:
            text = (await reader.readuntil(EOM)).decode("utf-8", "replace")
            fields = dict(line.split(": ", 1) for line in text.split("\r\n") if ": " in line)
            taker.take(fields.get("Event", ""), fields.get)
    writer.close()
    return taker.uses


class Counter(asyncio.BufferedProtocol):
    """The limit: read into one buffer, count blank lines, look at nothing."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(65_536))
        self.ends = 0
        self.bytes = 0
        self.wanted_ends = 0
        self.reached = asyncio.Event()
        self.wire: asyncio.Transport

    def connection_made(self, transport: Any) -> None:
        self.wire = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(self.buffer[:nbytes])
        self.bytes += nbytes
        self.ends += data.count(EOM)
        if self.ends >= self.wanted_ends or data.endswith(b"BenchEnds\r\nUniqueid: \r\n\r\n"):
            self.reached.set()

    async def until(self, ends: int) -> None:
        """Wait for so many more blank lines, or the end of the stream."""
        self.ends, self.wanted_ends = 0, ends
        self.reached.clear()
        await self.reached.wait()


async def count_only(port: int, mask: str, watch: Stopwatch, events: int) -> Done:
    """asyncio + count. A blank line cut by a read is not counted here, bytes are."""
    _, counter = await asyncio.get_running_loop().create_connection(Counter, "127.0.0.1", port)
    for text in ("Login\r\nActionID: 1", f"Events\r\nActionID: 2\r\nEventMask: {mask}"):
        counter.wire.write(f"Action: {text}\r\n\r\n".encode())
        await counter.until(1)
    counter.bytes = 0
    with watch.running():
        await counter.until(sys.maxsize)
    counter.wire.abort()
    missing = len(stream(events)) - counter.bytes
    return Done(events, f"{missing} bytes missing" if missing else "")


def pyst2_manager(port: int) -> Any:
    """A logged-in pyst2 manager."""
    warnings.simplefilter("ignore", DeprecationWarning)  # its threads are made the old way
    try:
        from asterisk.manager import Manager
    except ImportError as error:
        raise Unrunnable(f"not installed or not for this Python ({error})") from None
    manager = Manager()
    manager.connect("127.0.0.1", port)
    manager.login("bench", "bench")
    return manager


def close_pyst2(manager: Any) -> None:
    """Log off. Its reader closes the file at the peer's end of file, perhaps between our write and its flush."""
    with suppress(ValueError):
        manager.close()


def pyst2_intake(port: int, mask: str, watch: Stopwatch) -> Uses:
    """pyst2's manager with its three threads."""
    manager = pyst2_manager(port)
    ended = threading.Event()
    taker = Taker(ended.set)
    manager.register_event("*", lambda event, _: taker.take(event.name, event.get_header))
    with watch.running():
        manager.send_action({"Action": "Events", "EventMask": mask})
        if not ended.wait(120):
            raise Unrunnable("it did not see the end of the stream within 120 s")
    close_pyst2(manager)
    return taker.uses


def intake_contenders(port: int, events: int, rate: int | None, run: Runner) -> list[Contender]:
    """Everybody on one stream; `rate` None is blocks. pyst2 gets a fortieth of the blocks: figures are per event."""

    def mask(number: int) -> str:
        return f"blocks-{number}" if rate is None else f"paced-{number}-{rate}"

    def on_loop(reader: Callable[[Stopwatch], Coroutine[Any, Any, Uses]]) -> Callable[[Stopwatch], Done]:
        async def round_of(watch: Stopwatch) -> Done:
            return checked(events, await reader(watch))

        return lambda watch: run(round_of(watch))

    few = max(500, events // 40) if rate is None else events
    return [
        Contender(
            "ours (unwanted events dropped by name)",
            on_loop(lambda w: ours(port, mask(events), w, skip_by_name=True)),
            "ours",
        ),
        Contender("ours, every event handed over", on_loop(lambda w: ours(port, mask(events), w, skip_by_name=False))),
        Contender(PANORAMISK, on_loop(lambda w: panoramisk(port, mask(events), w))),
        Contender("asyncio StreamReader, a dict each", on_loop(lambda w: stream_reader(port, mask(events), w))),
        Contender(PYST2, lambda w: checked(few, pyst2_intake(port, mask(few), w))),
        Contender("asyncio + count", lambda w: run(count_only(port, mask(events), w, events)), "limit"),
    ]


def paired(answers: list[str]) -> Done:
    """The verdict on actions: each answer must carry its own question's value."""
    wrong = sum(answer != str(number) for number, answer in enumerate(answers))
    return Done(len(answers), f"{wrong} answers at the wrong caller" if wrong else "")


async def spread(actions: int, outstanding: int, ask: Callable[[str], Coroutine[Any, Any, str]]) -> list[str]:
    """Ask every number once with so many callers at work, and return the answers in the numbers' order."""
    answers = [""] * actions
    numbers = iter(range(actions))

    async def caller() -> None:
        for number in numbers:
            answers[number] = await ask(str(number))

    async with asyncio.TaskGroup() as group:
        for _ in range(outstanding):
            group.create_task(caller())
    return answers


async def our_actions(port: int, actions: int, outstanding: int, watch: Stopwatch) -> Done:
    """Our session's `action`."""
    login = AmiLogin("127.0.0.1", port, "bench", "bench")
    limits = AmiLimits(outstanding_actions=outstanding)
    async with AmiClient(login, on_event=lambda _: None, limits=limits) as client:

        async def ask(number: str) -> str:
            return (await client.action("Getvar", [("Variable", number)])).get("Value")

        with watch.running():
            return paired(await spread(actions, outstanding, ask))


async def panoramisk_actions(port: int, actions: int, outstanding: int, watch: Stopwatch) -> Done:
    """panoramisk's `send_action`."""
    manager = await panoramisk_manager(port)

    async def ask(number: str) -> str:
        return str((await manager.send_action({"Action": "Getvar", "Variable": number})).value)

    with watch.running():
        done = paired(await spread(actions, outstanding, ask))
    manager.close()
    return done


async def count_answers(port: int, actions: int, outstanding: int, watch: Stopwatch) -> Done:
    """The limit: write made bytes, count answers, `outstanding` at a time."""
    _, counter = await asyncio.get_running_loop().create_connection(Counter, "127.0.0.1", port)
    counter.wire.write(b"Action: Login\r\nActionID: 1\r\n\r\n")
    await counter.until(1)
    batch = b"".join(b"Action: Getvar\r\nActionID: %d\r\nVariable: %d\r\n\r\n" % (n, n) for n in range(outstanding))
    with watch.running():
        for _ in range(actions // outstanding):
            counter.wire.write(batch)
            await counter.until(outstanding * 9 // 10)  # blank lines cut by a read are not counted
            while counter.ends < outstanding * 9 // 10:
                await counter.until(1)
    counter.wire.abort()
    return Done(actions)


def pyst2_actions(port: int, actions: int, watch: Stopwatch) -> Done:
    """pyst2's `send_action`, which waits for each answer."""
    manager = pyst2_manager(port)
    with watch.running():
        answers = [
            manager.send_action({"Action": "Getvar", "Variable": str(number)}).get_header("Value")
            for number in range(actions)
        ]
    close_pyst2(manager)
    return paired(answers)


def action_contenders(port: int, actions: int, outstanding: int, run: Runner) -> list[Contender]:
    """Everybody on the same questions; pyst2 asks one at a time and a twentieth of them."""
    few = max(100, actions // 20)
    return [
        Contender("ours", lambda w: run(our_actions(port, actions, outstanding, w)), "ours"),
        Contender(PANORAMISK, lambda w: run(panoramisk_actions(port, actions, outstanding, w))),
        Contender("pyst2 0.5.1 (one at a time)", lambda w: pyst2_actions(port, few, w)),
        Contender("asyncio + count", lambda w: run(count_answers(port, actions, outstanding, w)), "limit"),
    ]


@contextmanager
def runner(*, uvloop: bool) -> Iterator[Runner]:
    """How coroutines are run: each on a fresh loop of the chosen kind."""
    if not uvloop:
        yield asyncio.run
        return
    import uvloop as fast

    yield fast.run


def main(argv: list[str] | None = None) -> int:
    """Run the three tables and judge the goals; 0 when all are met or nothing is judged (`--quick`)."""
    chosen = arguments(__doc__ or "", rounds=5, argv=argv)
    events, paced, actions = (10_000, 400, 10_000) if chosen.quick else (200_000, 6000, 50_000)
    tables: dict[str, list[Result]] = {}
    begun = time.perf_counter()
    with feeder() as port, runner(uvloop=chosen.uvloop) as run:
        print(f"{machine()}, {'uvloop' if chosen.uvloop else 'asyncio'}, {chosen.rounds} rounds")
        title = f"AMI intake, {events:,} events in blocks: CPU seconds per 100,000 events"
        tables[title] = interleave(intake_contenders(port, events, None, run), chosen.rounds)
        show(title, tables[title], unit="s/100k", scale=1e5)
        met = [goal(tables[title], PANORAMISK, 8)]
        title = f"AMI intake, {paced:,} events one by one at 2,000/s: CPU seconds per 100,000 events"
        tables[title] = interleave(intake_contenders(port, paced, 2000, run), chosen.rounds, warm_up=False)
        show(title, tables[title], unit="s/100k", scale=1e5)
        met.append(goal(tables[title], PANORAMISK, 3))
        title = f"AMI actions, 500 outstanding, {actions:,} of them: CPU microseconds each"
        tables[title] = interleave(action_contenders(port, actions, 500, run), chosen.rounds)
        show(title, tables[title])
        met.append(goal(tables[title], PANORAMISK, 4))
    print(f"\n{time.perf_counter() - begun:.0f} s in all")
    if chosen.json:
        write_json(chosen.json, tables)
    record("ami", [figure for title, results in tables.items() for figure in ratio_figures(title, results)])
    return 0 if chosen.quick or all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
