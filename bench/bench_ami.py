"""AMI events and actions: our client compared with other libraries and with the minimum on asyncio.

    python -m bench.bench_ami [--quick | --smoke] [--rounds N] [--uvloop] [--json FILE]

Another process sends recorded events (`tests/captures`) over TCP, in blocks and one by one at a fixed rate. A contender
must deliver the events that a dialler uses, with their fields; a missing or wrong one makes it void. Actions are
answered in random order, and a response to the wrong caller makes a contender void. CPU time is that of this process.
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

from bench.ami_feeder import USED, event_stream, expected_uses, feeder
from bench.common import (
    EXIT_GOAL_MISSED,
    HANG_SECONDS,
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
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_session import AmiLimits, AmiLogin

PANORAMISK = "panoramisk 1.4"
PYST2 = "pyst2 0.5.1 (threads)"
EOM = b"\r\n\r\n"

Uses = list[tuple[str, ...]]
Runner = Callable[[Coroutine[Any, Any, Done]], Done]


def check_events(events: int, uses: Uses) -> Done:
    """Compare the delivered events with those that were sent."""
    expected = expected_uses(events)
    if uses == expected:
        return Done(events)
    if len(uses) != len(expected):
        return Done(events, f"{len(uses)} of {len(expected)} used events arrived")
    wrong = sum(one != other for one, other in zip(uses, expected, strict=True))
    return Done(events, f"{wrong} of {len(expected)} used events have a wrong field")


class EventCollector:
    """Collects the used fields of events from any reader, and calls `ended` at the last event."""

    def __init__(self, ended: Callable[[], object]) -> None:
        self.uses: Uses = []
        self._ended = ended

    def add(self, event: str, get: Callable[[str, str], Any]) -> None:
        """Add an event. `get(name, default)` returns a field in the reader's own way."""
        used = USED.get(event)
        if used is None:
            return
        self.uses.append((event, *[get(name, "") for name in used]))
        if event == "UserEvent" and get("UserEvent", "") == "BenchEnds":
            self._ended()


async def receive_ours(port: int, mask: str, watch: Stopwatch, *, skip_by_name: bool) -> Uses:
    """Receive events with our client, which may discard unused events by their name."""
    ended = asyncio.Event()
    collector = EventCollector(ended.set)
    keep = tuple(USED) if skip_by_name else None
    login = AmiLogin("127.0.0.1", port, "bench", "bench")
    async with AmiClient(login, on_event=lambda m: collector.add(m.event_name, m.get), wanted_events=keep) as client:
        await client.send_action("Events", [("EventMask", mask)])
        with watch.running():
            await ended.wait()
    return collector.uses


async def receive_panoramisk(port: int, mask: str, watch: Stopwatch) -> Uses:
    """Receive events with panoramisk, with one callback for all events."""
    manager = await connect_panoramisk(port)
    ended = asyncio.Event()
    collector = EventCollector(ended.set)
    manager.register_event("*", lambda _, message: collector.add(message.event, message.get))
    await manager.send_action({"Action": "Events", "EventMask": mask})
    with watch.running():
        await ended.wait()
    manager.close()
    return collector.uses


async def connect_panoramisk(port: int) -> Any:
    """Return a panoramisk manager that is logged in."""
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


async def receive_stream_reader(port: int, mask: str, watch: Stopwatch) -> Uses:
    """Receive events as in a tutorial: asyncio streams, readuntil, and a dict per message."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    for text in ("Login\r\nActionID: 1", f"Events\r\nActionID: 2\r\nEventMask: {mask}"):
        writer.write(f"Action: {text}\r\n\r\n".encode())
        await reader.readuntil(EOM)
    going = True

    def stop() -> None:
        nonlocal going
        going = False

    collector = EventCollector(stop)
    with watch.running():
        while going:
            text = (await reader.readuntil(EOM)).decode("utf-8", "replace")
            fields = dict(line.split(": ", 1) for line in text.split("\r\n") if ": " in line)
            collector.add(fields.get("Event", ""), fields.get)
    writer.close()
    return collector.uses


class Counter(asyncio.BufferedProtocol):
    """The minimum: reads into one buffer and counts blank lines, without parsing."""

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
        """Wait for `ends` more blank lines, or the end of the stream."""
        self.ends, self.wanted_ends = 0, ends
        self.reached.clear()
        await self.reached.wait()


async def count_only(port: int, mask: str, watch: Stopwatch, events: int) -> Done:
    """Receive events without parsing. Bytes are checked, because a blank line split by a read is not counted."""
    _, counter = await asyncio.get_running_loop().create_connection(Counter, "127.0.0.1", port)
    for text in ("Login\r\nActionID: 1", f"Events\r\nActionID: 2\r\nEventMask: {mask}"):
        counter.wire.write(f"Action: {text}\r\n\r\n".encode())
        await counter.until(1)
    counter.bytes = 0
    with watch.running():
        await counter.until(sys.maxsize)
    counter.wire.abort()
    missing = len(event_stream(events)) - counter.bytes
    return Done(events, f"{missing} bytes missing" if missing else "")


def connect_pyst2(port: int) -> Any:
    """Return a pyst2 manager that is logged in."""
    warnings.simplefilter("ignore", DeprecationWarning)  # it uses deprecated methods of threads
    try:
        from asterisk.manager import Manager
    except ImportError as error:
        raise Unrunnable(f"not installed or not for this Python ({error})") from None
    manager = Manager()
    manager.connect("127.0.0.1", port)
    manager.login("bench", "bench")
    return manager


def close_pyst2(manager: Any) -> None:
    """Log off. pyst2's reader may close the file between our write and its flush, which raises ValueError."""
    with suppress(ValueError):
        manager.close()


def receive_pyst2(port: int, mask: str, watch: Stopwatch) -> Uses:
    """Receive events with pyst2, which uses three threads."""
    manager = connect_pyst2(port)
    ended = threading.Event()
    collector = EventCollector(ended.set)
    manager.register_event("*", lambda event, _: collector.add(event.name, event.get_header))
    with watch.running():
        manager.send_action({"Action": "Events", "EventMask": mask})
        if not ended.wait(HANG_SECONDS):
            raise Unrunnable(f"did not receive the end of the stream within {HANG_SECONDS:g} s")
    close_pyst2(manager)
    return collector.uses


def make_event_contenders(port: int, events: int, rate: int | None, run: Runner) -> list[Contender]:
    """Return the contenders for events, in blocks (`rate` None) or at a rate per second.

    pyst2 receives a fortieth of the events in blocks, because figures are per event.
    """

    def mask(number: int) -> str:
        return f"blocks-{number}" if rate is None else f"paced-{number}-{rate}"

    def on_loop(reader: Callable[[Stopwatch], Coroutine[Any, Any, Uses]]) -> Callable[[Stopwatch], Done]:
        async def round_of(watch: Stopwatch) -> Done:
            try:
                async with asyncio.timeout(HANG_SECONDS):
                    return check_events(events, await reader(watch))
            except TimeoutError:
                return Done(events, f"the last event did not arrive in {HANG_SECONDS:g} s")

        return lambda watch: run(round_of(watch))

    few = max(500, events // 40) if rate is None else events
    return [
        Contender(
            "ours (unused events discarded by name)",
            on_loop(lambda w: receive_ours(port, mask(events), w, skip_by_name=True)),
            "ours",
        ),
        Contender(
            "ours, every event delivered", on_loop(lambda w: receive_ours(port, mask(events), w, skip_by_name=False))
        ),
        Contender(PANORAMISK, on_loop(lambda w: receive_panoramisk(port, mask(events), w))),
        Contender(
            "asyncio StreamReader, a dict per event", on_loop(lambda w: receive_stream_reader(port, mask(events), w))
        ),
        Contender(PYST2, lambda w: check_events(few, receive_pyst2(port, mask(few), w))),
        Contender("asyncio + count", lambda w: run(count_only(port, mask(events), w, events)), "limit"),
    ]


def check_answers(answers: list[str]) -> Done:
    """Check that each response has the value of its own action."""
    wrong = sum(answer != str(number) for number, answer in enumerate(answers))
    return Done(len(answers), f"{wrong} responses went to the wrong caller" if wrong else "")


async def ask_concurrently(actions: int, outstanding: int, ask: Callable[[str], Coroutine[Any, Any, str]]) -> list[str]:
    """Send one action per number with `outstanding` concurrent callers. Return the answers in order."""
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
    """Send actions with our client."""
    login = AmiLogin("127.0.0.1", port, "bench", "bench")
    limits = AmiLimits(outstanding_actions=outstanding)
    async with AmiClient(login, on_event=lambda _: None, limits=limits) as client:

        async def ask(number: str) -> str:
            return (await client.send_action("Getvar", [("Variable", number)])).get("Value")

        with watch.running():
            return check_answers(await ask_concurrently(actions, outstanding, ask))


async def panoramisk_actions(port: int, actions: int, outstanding: int, watch: Stopwatch) -> Done:
    """Send actions with panoramisk."""
    manager = await connect_panoramisk(port)

    async def ask(number: str) -> str:
        return str((await manager.send_action({"Action": "Getvar", "Variable": number})).value)

    with watch.running():
        done = check_answers(await ask_concurrently(actions, outstanding, ask))
    manager.close()
    return done


async def count_answers(port: int, actions: int, outstanding: int, watch: Stopwatch) -> Done:
    """Send prepared actions and count responses, `outstanding` at a time, without parsing."""
    _, counter = await asyncio.get_running_loop().create_connection(Counter, "127.0.0.1", port)
    counter.wire.write(b"Action: Login\r\nActionID: 1\r\n\r\n")
    await counter.until(1)
    batch = b"".join(b"Action: Getvar\r\nActionID: %d\r\nVariable: %d\r\n\r\n" % (n, n) for n in range(outstanding))
    with watch.running():
        for _ in range(actions // outstanding):
            counter.wire.write(batch)
            await counter.until(outstanding * 9 // 10)  # blank lines split by a read are not counted
            while counter.ends < outstanding * 9 // 10:
                await counter.until(1)
    counter.wire.abort()
    return Done(actions)


def pyst2_actions(port: int, actions: int, watch: Stopwatch) -> Done:
    """Send actions with pyst2, which waits for each response."""
    manager = connect_pyst2(port)
    with watch.running():
        answers = [
            manager.send_action({"Action": "Getvar", "Variable": str(number)}).get_header("Value")
            for number in range(actions)
        ]
    close_pyst2(manager)
    return check_answers(answers)


def make_action_contenders(port: int, actions: int, outstanding: int, run: Runner) -> list[Contender]:
    """Return the contenders for actions. pyst2 sends a twentieth of them, one at a time."""
    few = max(100, actions // 20)
    return [
        Contender("ours", lambda w: run(our_actions(port, actions, outstanding, w)), "ours"),
        Contender(PANORAMISK, lambda w: run(panoramisk_actions(port, actions, outstanding, w))),
        Contender("pyst2 0.5.1 (one at a time)", lambda w: pyst2_actions(port, few, w)),
        Contender("asyncio + count", lambda w: run(count_answers(port, actions, outstanding, w)), "limit"),
    ]


@contextmanager
def choose_runner(*, uvloop: bool) -> Iterator[Runner]:
    """Yield a function that runs a coroutine on a new asyncio or uvloop event loop."""
    if not uvloop:
        yield asyncio.run
        return
    import uvloop as fast

    yield fast.run


def main(argv: list[str] | None = None) -> int:
    """Run the bench. Return 0, or EXIT_GOAL_MISSED if the full size misses a goal."""
    chosen = parse_arguments(__doc__ or "", rounds=5, argv=argv)
    events, paced, actions = chosen.size.pick((200_000, 6000, 50_000), (10_000, 400, 10_000), (1000, 100, 1000))
    tables: dict[str, list[Result]] = {}
    started = time.perf_counter()
    with feeder() as port, choose_runner(uvloop=chosen.uvloop) as run:
        print(f"{describe_machine()}, {'uvloop' if chosen.uvloop else 'asyncio'}, {chosen.rounds} rounds")
        figures: list[Figure] = []
        title = f"AMI events, {events:,} in blocks: CPU seconds per 100,000 events"
        tables[title] = interleave(make_event_contenders(port, events, None, run), chosen.rounds)
        print_table(title, tables[title], unit="s/100k", scale=1e5)
        met = [judge_goal(tables[title], PANORAMISK, 8)]
        figures += ratio_figures("intake in blocks", tables[title], {PANORAMISK: 8})
        title = f"AMI events, {paced:,} one by one at 2,000/s: CPU seconds per 100,000 events"
        tables[title] = interleave(make_event_contenders(port, paced, 2000, run), chosen.rounds, warm_up=False)
        print_table(title, tables[title], unit="s/100k", scale=1e5)
        met.append(judge_goal(tables[title], PANORAMISK, 3))
        figures += ratio_figures("intake one by one", tables[title], {PANORAMISK: 3})
        title = f"AMI actions, {actions:,} with 500 outstanding: CPU microseconds per action"
        tables[title] = interleave(make_action_contenders(port, actions, 500, run), chosen.rounds)
        print_table(title, tables[title])
        met.append(judge_goal(tables[title], PANORAMISK, 4))
        figures += ratio_figures("actions, 500 outstanding", tables[title], {PANORAMISK: 4})
    print(f"\n{time.perf_counter() - started:.0f} s in total")
    if chosen.json:
        write_json(chosen.json, tables)
    record("ami", figures)
    return 0 if chosen.size is not Size.FULL or all(met) else EXIT_GOAL_MISSED


if __name__ == "__main__":
    sys.exit(main())
