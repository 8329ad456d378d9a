"""The store: a durable cycle of claim, record and announce, beside what people would write, and beside the bare limit.

    python -m bench.bench_store [--quick] [--rounds N] [--uvloop] [--json FILE]

Every contender runs the same four statements a cycle on the same roll and schema (WAL, every commit synced), and is void
unless every cycle was recorded and announced once and no number was claimed twice. Wall time counts: the disk is part of
the work. Then the same through the whole contract (three durable calls a cycle), how long a caller waits at a given load,
what a claim costs in a short and in a long list, and the memory that a long list takes.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
    peak_memory_bytes,
    show,
    write_json,
)
from dialer.model import Announcement, AttemptId, CampaignKind, EndedAttempt, NewAttempt, Outcome, Purpose
from dialer.store import queues
from dialer.store.connection import close_writing, exclusive_connection, open_writing
from dialer.store.port import Store
from dialer.store.sqlite import open_store
from dialer.store.writer import Writer
from tests.support.roll_filler import fill_roll

CAMPAIGN = "bench"
NOW = 1.7e9
SQLALCHEMY = "SQLAlchemy + aiosqlite"
AIOSQLITE = "aiosqlite"
THREAD = "sqlite3 in a thread"
GOAL_CYCLES_PER_SECOND = 20_000
GOAL_WAIT_SECONDS = 0.005
GOAL_CLAIM_RATIO = 1.5
GOAL_MEMORY_BYTES = 150e6

# The four statements; sqlite3 takes them as they are, SQLAlchemy with named parameters.
CLAIM = f"{queues.SQL['claim_fresh']} LIMIT 1"
TAKE = queues.SQL["take"]
RECORD = (
    "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
    " ended_at, outcome) VALUES (?1, 'bench', ?2, ?2, 1, 'trunk', '', ?3, ?3, 'no-answer')"
)
ANNOUNCE = "INSERT INTO outbox (topic, payload, at) VALUES ('attempt/ended', ?1, ?2)"


def cycle(db: sqlite3.Connection) -> None:
    """Claim a number, record its call, announce it: four statements in the caller's transaction."""
    target, phone_id, *_ = db.execute(CLAIM, (CAMPAIGN,)).fetchone()
    attempt_id = str(uuid.uuid4())
    db.execute(TAKE, (target, "bench", NOW))
    db.execute(RECORD, (attempt_id, phone_id, NOW))
    db.execute(ANNOUNCE, (attempt_id, NOW))


class Ground:
    """A store with everybody enrolled, copied anew for every round."""

    def __init__(self, directory: Path, voters: int, *, uvloop: bool) -> None:
        self.directory = directory
        self.template = directory / "template.db"
        self._uvloop = uvloop
        fill_roll(self.template, voters)
        enrol(self.template)

    @contextmanager
    def copy(self) -> Iterator[Path]:
        """The file of one round."""
        path = self.directory / "round.db"
        shutil.copyfile(self.template, path)
        try:
            yield path
        finally:
            for file in self.directory.glob("round.db*"):
                file.unlink()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a contender's coroutine on the chosen kind of loop."""
        if self._uvloop:
            import uvloop

            uvloop.run(work)
        else:
            asyncio.run(work)


def enrol(path: Path) -> None:
    """Put every number of the roll into the bench's campaign."""
    with exclusive_connection(path, "a bench") as db:
        queues.ensure_campaign(db, CAMPAIGN, CampaignKind.AGENTS, Purpose.TURNOUT)
        queues.enrol(db, CAMPAIGN)


def checked(path: Path, cycles: int) -> Done:
    """The round's verdict: every cycle once, no number twice."""
    db = sqlite3.connect(path)
    try:
        found = db.execute(
            "SELECT (SELECT count(*) FROM attempt WHERE outcome IS NOT NULL),"
            " (SELECT count(DISTINCT phone_id) FROM attempt), (SELECT count(DISTINCT payload) FROM outbox),"
            " (SELECT count(*) FROM outbox), (SELECT count(*) FROM target WHERE state <> 'due')"
        ).fetchone()
    finally:
        db.close()
    return Done(cycles) if set(found) == {cycles} else Done(cycles, f"{found} instead of {cycles} each")


async def by_many(waiting: int, cycles: int, one: Callable[[], Awaitable[None]]) -> None:
    """`cycles` cycles by `waiting` callers, each of which begins the next when the last is durable."""

    async def caller() -> None:
        for _ in range(cycles // waiting):
            await one()

    async with asyncio.TaskGroup() as group:
        for _ in range(waiting):
            group.create_task(caller())


# Contenders of the cycle


def ours(ground: Ground, waiting: int, cycles: int) -> Callable[[Stopwatch], Done]:
    """The store's own writer."""

    def run(watch: Stopwatch) -> Done:
        async def work(path: Path) -> None:
            db = open_writing(path)
            with ThreadPoolExecutor(1) as executor:
                writer = Writer(db, path, executor)
                with watch.running():
                    await by_many(waiting, cycles, lambda: writer.write(cycle))
                await writer.close()
            close_writing(db)

        with ground.copy() as path:
            ground.run(work(path))
            return checked(path, cycles)

    return run


def in_a_thread(ground: Ground, waiting: int, cycles: int) -> Callable[[Stopwatch], Done]:
    """One thread, one commit each."""

    def run(watch: Stopwatch) -> Done:
        async def work(path: Path) -> None:
            db = open_writing(path)

            def commit_one() -> None:
                db.execute("BEGIN IMMEDIATE")
                cycle(db)
                db.execute("COMMIT")

            async def one() -> None:
                await asyncio.get_running_loop().run_in_executor(executor, commit_one)

            with ThreadPoolExecutor(1) as executor, watch.running():
                await by_many(waiting, cycles, one)
            close_writing(db)

        with ground.copy() as path:
            ground.run(work(path))
            return checked(path, cycles)

    return run


def plain_aiosqlite(ground: Ground, waiting: int, cycles: int) -> Callable[[Stopwatch], Done]:
    """One connection of aiosqlite, a lock round each transaction."""

    def run(watch: Stopwatch) -> Done:
        import aiosqlite

        async def work(path: Path) -> None:
            lock = asyncio.Lock()
            async with aiosqlite.connect(path, isolation_level=None) as db:
                for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                    await db.execute(f"PRAGMA {pragma}")

                async def one() -> None:
                    async with lock:
                        await db.execute("BEGIN IMMEDIATE")
                        async with db.execute(CLAIM, (CAMPAIGN,)) as cursor:
                            row = await cursor.fetchone()
                        assert row is not None
                        attempt_id = str(uuid.uuid4())
                        await db.execute(TAKE, (row[0], "bench", NOW))
                        await db.execute(RECORD, (attempt_id, row[1], NOW))
                        await db.execute(ANNOUNCE, (attempt_id, NOW))
                        await db.execute("COMMIT")

                with watch.running():
                    await by_many(waiting, cycles, one)

        with ground.copy() as path:
            ground.run(work(path))
            return checked(path, cycles)

    return run


def sqlalchemy_core(ground: Ground, waiting: int, cycles: int) -> Callable[[Stopwatch], Done]:
    """SQLAlchemy Core on aiosqlite, one connection in its pool, a transaction each."""

    def run(watch: Stopwatch) -> Done:
        try:
            from sqlalchemy import event, text
            from sqlalchemy.ext.asyncio import create_async_engine
        except ImportError as error:
            raise Unrunnable(f"{error}: pip install 'SQLAlchemy[asyncio]'") from error

        def named(statement: str) -> Any:
            for number in "123":
                statement = statement.replace(f"?{number}", f":p{number}")
            return text(statement)

        claim, take, record, announce = map(named, (CLAIM, TAKE, RECORD, ANNOUNCE))

        async def work(path: Path) -> None:
            engine = create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=1, max_overflow=0, pool_timeout=600)

            @event.listens_for(engine.sync_engine, "connect")
            def prepare(connection: Any, _record: Any) -> None:
                for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                    connection.execute(f"PRAGMA {pragma}")

            async def one() -> None:
                async with engine.begin() as connection:
                    row = (await connection.execute(claim, {"p1": CAMPAIGN})).one()
                    attempt_id = str(uuid.uuid4())
                    await connection.execute(take, {"p1": row[0], "p2": "bench", "p3": NOW})
                    await connection.execute(record, {"p1": attempt_id, "p2": row[1], "p3": NOW})
                    await connection.execute(announce, {"p1": attempt_id, "p2": NOW})

            with watch.running():
                await by_many(waiting, cycles, one)
            await engine.dispose()

        with ground.copy() as path:
            ground.run(work(path))
            return checked(path, cycles)

    return run


def limit(ground: Ground, batch: int, cycles: int) -> Callable[[Stopwatch], Done]:
    """No callers at all: `batch` cycles in one transaction, one after the other."""

    def run(watch: Stopwatch) -> Done:
        with ground.copy() as path:
            db = open_writing(path)
            with watch.running():
                for _ in range(cycles // batch):
                    db.execute("BEGIN IMMEDIATE")
                    for _ in range(batch):
                        cycle(db)
                    db.execute("COMMIT")
            close_writing(db)
            return checked(path, cycles)

    return run


def whole_contract(ground: Ground, waiting: int, cycles: int, batch: int = 1) -> Callable[[Stopwatch], Done]:
    """Through the contract: claim, open before the dialling, end with its announcement; each of the three is durable.

    `batch` numbers are claimed, opened and ended by one call each, as the engine does.
    """

    async def one(store: Store) -> None:
        claims = await store.claim(CAMPAIGN, batch, owner="bench", now=NOW, lease_seconds=60)
        new = [NewAttempt(AttemptId(str(uuid.uuid4())), claim, "trunk", "", NOW) for claim in claims]
        refusals = await store.open_attempts(new, max_attempts_since=NOW - 3600, max_attempts=3)
        ended = [
            EndedAttempt(attempt.attempt_id, Outcome.NO_ANSWER, NOW + 20, retry_at=NOW + 900)
            for attempt, refusal in zip(new, refusals, strict=True)
            if refusal is None
        ]
        announcements = [Announcement("attempt/ended", each.attempt_id) for each in ended]
        await store.end_attempts(ended, announcements)

    def run(watch: Stopwatch) -> Done:
        async def work(path: Path) -> None:
            async with await open_store(path) as store:
                # Numbers that were called come back fifteen minutes later, so every claim finds a fresh one.
                with watch.running():
                    await by_many(waiting, cycles // batch, lambda: one(store))

        with ground.copy() as path:
            ground.run(work(path))
            return checked_contract(path, cycles)

    return run


def checked_contract(path: Path, cycles: int) -> Done:
    """The verdict on a round through the contract: the numbers called are due again, so they are counted as such."""
    db = sqlite3.connect(path)
    try:
        found = db.execute(
            "SELECT (SELECT count(*) FROM attempt WHERE outcome = 'no-answer'),"
            " (SELECT count(DISTINCT phone_id) FROM attempt), (SELECT count(DISTINCT payload) FROM outbox),"
            " (SELECT count(*) FROM target WHERE due_at > 0 AND attempts = 1)"
        ).fetchone()
    finally:
        db.close()
    return Done(cycles) if set(found) == {cycles} else Done(cycles, f"{found} instead of {cycles} each")


# What a caller waits, what a claim costs, what a long list takes


def waits(ground: Ground, per_second: int, seconds: float) -> list[float]:
    """How long each of fifty callers waited for a durable cycle, in seconds, at `per_second` cycles by all of them together."""
    taken: list[float] = []

    async def work(path: Path) -> None:
        db = open_writing(path)
        with ThreadPoolExecutor(1) as executor:
            writer = Writer(db, path, executor)
            loop = asyncio.get_running_loop()
            end = loop.time() + seconds

            async def caller(chance: random.Random) -> None:
                while loop.time() < end:
                    await asyncio.sleep(chance.expovariate(per_second / 50))
                    began = time.perf_counter()
                    await writer.write(cycle)
                    taken.append(time.perf_counter() - began)

            async with asyncio.TaskGroup() as group:
                for seed in range(50):
                    group.create_task(caller(random.Random(seed)))
            await writer.close()
        close_writing(db)

    with ground.copy() as path:
        ground.run(work(path))
    return taken


def claim_costs(paths: dict[int, Path], rounds: int) -> dict[int, list[float]]:
    """Seconds of each claim of one number, by the list's length; the lists take turns."""
    costs: dict[int, list[float]] = {voters: [] for voters in paths}
    stores = {voters: open_writing(path) for voters, path in paths.items()}
    for _ in range(rounds):
        for voters, db in stores.items():
            db.execute("BEGIN IMMEDIATE")
            for _ in range(50):
                began = time.perf_counter()
                [claimed] = queues.claim(db, CAMPAIGN, 1, owner="bench", now=NOW, lease_seconds=60)
                costs[voters].append(time.perf_counter() - began)
                assert claimed.attempt_number == 1
            db.execute("COMMIT")
    for db in stores.values():
        close_writing(db)
    return costs


async def a_while_of_calls(path: Path) -> None:
    """Two thousand calls and the board's figures: what an engine does with its store."""
    async with await open_store(path) as store:
        for _ in range(100):
            claims = await store.claim(CAMPAIGN, 20, owner="bench", now=NOW, lease_seconds=60)
            new = [NewAttempt(AttemptId(str(uuid.uuid4())), claim, "trunk", "", NOW) for claim in claims]
            await store.open_attempts(new, max_attempts_since=NOW - 3600, max_attempts=3)
            await store.end_attempts([EndedAttempt(each.attempt_id, Outcome.BUSY, NOW + 20) for each in new])
            await store.campaign_progress(CAMPAIGN)
            await store.booth_turnout()


def memory_of(path: Path) -> int:
    """Peak memory, in bytes, of a process of its own that works with the store for a while."""
    code = (
        "import asyncio, sys; from pathlib import Path; from bench.bench_store import a_while_of_calls, own_peak_bytes;"
        " asyncio.run(a_while_of_calls(Path(sys.argv[1]))); print(own_peak_bytes())"
    )
    return int(
        subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True).stdout
    )


def own_peak_bytes() -> int:
    """The most memory this process has held. Linux lets a child inherit its parent's peak in `getrusage`, not in here."""
    try:
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    except FileNotFoundError:
        return peak_memory_bytes()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def verdict(text: str, met: bool) -> None:
    """Print a goal's line as `goal` does."""
    print(f"  goal: {text} - {'met' if met else 'NOT met'}")


def show_cycles(ground: Ground, rounds: int, cycles: int) -> list[Result]:
    """The table of the cycle, and its goals."""
    few = max(50, cycles // 10)
    contenders = [
        Contender("ours, 50 waiting", ours(ground, 50, cycles), role="ours"),
        Contender("ours, 1 waiting", ours(ground, 1, few)),
        Contender("ours, 500 waiting", ours(ground, 500, cycles)),
        Contender(SQLALCHEMY, sqlalchemy_core(ground, 50, few)),
        Contender(AIOSQLITE, plain_aiosqlite(ground, 50, few)),
        Contender(THREAD, in_a_thread(ground, 50, few)),
        Contender("50 in one transaction, no callers", limit(ground, 50, cycles), role="limit"),
    ]
    results = interleave(contenders, rounds)
    show("Claim + record + announce, durable, per cycle", results, wall=True)
    show("The same, without the time that the disk takes", results)
    if results[0].usable:
        per_second = 1 / results[0].wall_per_operation
        verdict(
            f"{GOAL_CYCLES_PER_SECOND:,} cycles/s at 50 waiting: {per_second:,.0f}",
            per_second >= GOAL_CYCLES_PER_SECOND,
        )
    goal(results, SQLALCHEMY, 10, wall=True)
    return results


def show_contract(ground: Ground, rounds: int, cycles: int) -> list[Result]:
    """The table of the whole contract."""
    contenders = [
        Contender("50 waiting", whole_contract(ground, 50, cycles), role="ours"),
        Contender("1 waiting", whole_contract(ground, 1, max(50, cycles // 10))),
        Contender("500 waiting", whole_contract(ground, 500, cycles)),
        Contender("1 waiting, 20 numbers a call", whole_contract(ground, 1, cycles, batch=20)),
    ]
    results = interleave(contenders, rounds)
    show("The same through the contract (three durable calls, every check), per number", results, wall=True)
    return results


def show_waits(ground: Ground, seconds: float) -> None:
    """How long callers wait, and its goal."""
    print("\nWhat a caller waits for a durable cycle, 50 callers, ms")
    for per_second in (100, 1000, 2000):
        taken = waits(ground, per_second, seconds)
        p50, p99 = statistics.median(taken), percentile(taken, 0.99)
        print(f"  {len(taken) / seconds:>6.0f} cycles/s: p50 {p50 * 1e3:.2f}, p99 {p99 * 1e3:.2f}")
        if per_second == 1000:
            verdict(
                f"p99 below {GOAL_WAIT_SECONDS * 1e3:g} ms at 1,000 cycles/s: {p99 * 1e3:.2f}", p99 < GOAL_WAIT_SECONDS
            )


def show_lists(directory: Path, short: int, long: int, rounds: int) -> dict[str, float]:
    """What a claim costs in a short and a long list, the memory of the long one, and their goals."""
    paths = {voters: directory / f"{voters}.db" for voters in (short, long)}
    for voters, path in paths.items():
        fill_roll(path, voters)
        enrol(path)
    print("\nA claim of one number (two statements, one update, in a transaction), us")
    costs = claim_costs(paths, rounds)
    for voters, each in costs.items():
        print(f"  {voters:>9,} voters: p50 {statistics.median(each) * 1e6:.1f}, p99 {percentile(each, 0.99) * 1e6:.1f}")
    ratio = statistics.median(costs[long]) / statistics.median(costs[short])
    verdict(f"{long:,} voters at most {GOAL_CLAIM_RATIO} x {short:,}: {ratio:.2f} x", ratio <= GOAL_CLAIM_RATIO)
    memory = memory_of(paths[long])
    text = (
        f"under {GOAL_MEMORY_BYTES / 1e6:.0f} MB for a process with {long:,} voters in its store: {memory / 1e6:.0f} MB"
    )
    verdict(text, memory < GOAL_MEMORY_BYTES)
    return {"claim_ratio": ratio, "peak_memory_bytes": memory}


def main() -> None:
    """Run the bench and print its tables."""
    chosen = arguments(__doc__ or "", rounds=7)
    cycles = 500 if chosen.quick else 10_000
    print(machine(), "SQLite", sqlite3.sqlite_version)
    # Beside the working directory, not in /tmp, which may be memory: a commit must reach a disk.
    with tempfile.TemporaryDirectory(prefix="bench-store-", dir=Path.cwd()) as place:
        directory = Path(place)
        ground = Ground(directory, max(cycles * 2, 5_000), uvloop=chosen.uvloop)
        tables: dict[str, Any] = {
            "cycle": show_cycles(ground, chosen.rounds, cycles),
            "contract": show_contract(ground, chosen.rounds, cycles),
        }
        show_waits(ground, 0.5 if chosen.quick else 5.0)
        lists = show_lists(directory, 10_000, 50_000 if chosen.quick else 1_000_000, 10 if chosen.quick else 60)
    if chosen.json:
        write_json(chosen.json, tables)
        document = json.loads(chosen.json.read_text("utf-8"))
        chosen.json.write_text(json.dumps(document | {"lists": lists}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
