"""The store: a durable cycle of claim, record and announce, beside what people would write, and beside the bare limit.

    python -m bench.bench_store [--quick] [--rounds N] [--uvloop] [--json FILE]

Every contender runs the same four statements a cycle on the same roll and schema (WAL, every commit synced), and is void
unless every cycle was recorded and announced once and no number was claimed twice. Wall time counts: the disk is part of
the work. Then the same through the whole contract (three durable calls a cycle), both on an encrypted store, how long a
caller waits at a given load, what a claim costs in a short and in a long list, and the memory that a long list takes.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.common import (
    Contender,
    Result,
    arguments,
    goal,
    interleave,
    machine,
    peak_memory_bytes,
    ratio_figures,
    record,
    show,
    write_json,
)
from bench.store_contenders import (
    CAMPAIGN,
    NOW,
    Ground,
    cycle,
    enrol,
    in_a_thread,
    limit,
    ours,
    plain_aiosqlite,
    sqlalchemy_core,
    whole_contract,
)
from dialer.domain.model import AttemptId, EndedAttempt, NewAttempt, Outcome
from dialer.store import claims
from dialer.store.connection import close_writer, open_for_writing
from dialer.store.keys import StoreKey, write_new_key
from dialer.store.store import open_store
from dialer.store.writer import Writer
from tests.support.roll_filler import fill_roll

SQLALCHEMY = "SQLAlchemy + aiosqlite"
AIOSQLITE = "aiosqlite"
THREAD = "sqlite3 in a thread"
GOAL_CYCLES_PER_SECOND = 20_000
GOAL_LIMIT_RATIO = 1.5  # holds on a busy disk too, where the limit itself falls below the cycles asked for
GOAL_WAIT_SECONDS = 0.005
GOAL_CLAIM_RATIO = 1.5
CALLS_CYCLES = 75  # of 25 calls a second: started, ended, announced
GOAL_MEMORY_BYTES = 150e6

# What a caller waits, what a claim costs, what a long list takes


def waits(
    ground: Ground, per_second: int, seconds: float, beside: Callable[[Path], Coroutine[Any, Any, None]] | None = None
) -> list[float]:
    """How long each of fifty callers waited for a durable cycle, in seconds, at `per_second` cycles by all of them together, with
    something going on `beside` that lasts as long.
    """
    taken: list[float] = []

    async def work(path: Path) -> None:
        db = open_for_writing(path)
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
                if beside is not None:
                    going_on = group.create_task(beside(path))
                    await asyncio.sleep(seconds)
                    going_on.cancel()
            await writer.close()
        close_writer(db)

    with ground.copy() as path:
        ground.run(work(path))
    return taken


def claim_costs(lists: dict[str, tuple[Path, StoreKey | None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each claim of one number, by the list's name; the lists take turns."""
    costs: dict[str, list[float]] = {name: [] for name in lists}
    stores = {name: open_for_writing(path, key=key) for name, (path, key) in lists.items()}
    for _ in range(rounds):
        for name, db in stores.items():
            db.execute("BEGIN IMMEDIATE")
            for _ in range(50):
                began = time.perf_counter()
                [claimed] = claims.claim(
                    db, CAMPAIGN, 1, owner="bench", now=NOW, lease_seconds=60, day_start=NOW - 86_400
                )
                costs[name].append(time.perf_counter() - began)
                assert claimed.attempt_number == 1
            db.execute("COMMIT")
    for db in stores.values():
        close_writer(db)
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
    if results[0].usable and results[-1].usable:
        ratio = results[0].wall_per_operation / results[-1].wall_per_operation
        verdict(f"at most {GOAL_LIMIT_RATIO} x the limit of the same run: {ratio:.2f} x", ratio <= GOAL_LIMIT_RATIO)
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


def show_encryption(ground: Ground, encrypted: Ground, rounds: int, cycles: int) -> list[Result]:
    """What encryption at rest costs: the cycle and the contract, on a plain store and on an encrypted one in turn."""
    few = max(50, cycles // 10)
    pairs = [
        ("cycle, 50 waiting", lambda where: ours(where, 50, cycles)),
        ("cycle, 1 waiting", lambda where: ours(where, 1, few)),
        ("contract, 50 waiting", lambda where: whole_contract(where, 50, cycles)),
    ]
    results = interleave(
        [
            Contender(f"{name}, {how}", make(where))
            for name, make in pairs
            for how, where in (("plain", ground), ("encrypted", encrypted))
        ],
        rounds,
    )
    print("\nEncryption at rest, encrypted / plain")
    for (name, _), plain, with_key in zip(pairs, results[::2], results[1::2], strict=True):
        if not (plain.usable and with_key.usable):
            print(f"  {name}: {plain.void or with_key.void or plain.unrunnable or with_key.unrunnable}")
            continue
        wall = with_key.wall_per_operation / plain.wall_per_operation
        cpu = with_key.cpu_per_operation / plain.cpu_per_operation
        more = (with_key.cpu_per_operation - plain.cpu_per_operation) * 1e6
        print(f"  {name:<24} wall {wall:.2f} x, CPU {cpu:.2f} x ({more:+.0f} us)")
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


def show_backups(directory: Path, voters: int, seconds: float, rounds: int) -> dict[str, float]:
    """How long callers wait while the store is copied again and again, as `dialer backup` does it, in a process of its own."""
    ground = Ground(directory / "backed-up", voters, uvloop=False)
    took: list[float] = []

    async def back_up(path: Path) -> None:
        while True:
            began = time.perf_counter()
            with tempfile.TemporaryDirectory(dir=directory) as folder:
                command = ("-m", "dialer", "backup", folder, "--store", str(path))
                process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=subprocess.DEVNULL)
                try:
                    if await process.wait():
                        raise RuntimeError("a backup failed")
                    took.append(time.perf_counter() - began)
                finally:
                    if process.returncode is None:
                        process.kill()
                        await process.wait()

    alone, beside = [], []
    for _ in range(rounds):
        alone += waits(ground, CALLS_CYCLES, seconds)
        beside += waits(ground, CALLS_CYCLES, seconds, back_up)
    megabytes = ground.template.stat().st_size / 1e6
    print(
        f"\nA backup of {megabytes:,.0f} MB beside 25 calls a second ({CALLS_CYCLES} durable cycles), what callers wait, ms"
    )
    for name, taken in (("nothing beside it", alone), ("backups beside it", beside)):
        p50, p99 = statistics.median(taken) * 1e3, percentile(taken, 0.99) * 1e3
        print(f"  {name:>20}: p50 {p50:.2f}, p99 {p99:.2f}, most {max(taken) * 1e3:.1f}")
    if took:
        print(f"  a backup took {statistics.median(took):.1f} s, {len(took)} of them")
    ratio = percentile(beside, 0.99) / percentile(alone, 0.99)
    print(f"  p99 with backups / without: {ratio:.2f} x")
    return {"backup_wait_p99_ratio": ratio, "backup_megabytes": megabytes}


def show_lists(directory: Path, key: StoreKey, short: int, long: int, rounds: int) -> dict[str, float]:
    """What a claim costs in a short, a long and a long encrypted list, the memory of the long one, and their goals."""
    names = (f"{short:,} voters", f"{long:,} voters", f"{long:,} voters, encrypted")
    lists: dict[str, tuple[Path, StoreKey | None]] = {}
    for place, (name, voters) in enumerate(zip(names, (short, long, long), strict=True)):
        lists[name] = path, used = directory / f"list{place}.db", key if "encrypted" in name else None
        fill_roll(path, voters, key=used)
        enrol(path, used)
    print("\nA claim of one number (two statements, one update, in a transaction), us")
    costs = claim_costs(lists, rounds)
    for name, each in costs.items():
        print(f"  {name:>30}: p50 {statistics.median(each) * 1e6:.1f}, p99 {percentile(each, 0.99) * 1e6:.1f}")
    middle = [statistics.median(costs[name]) for name in names]
    ratio, encrypted = middle[1] / middle[0], middle[2] / middle[1]
    verdict(f"{long:,} voters at most {GOAL_CLAIM_RATIO} x {short:,}: {ratio:.2f} x", ratio <= GOAL_CLAIM_RATIO)
    print(f"  encrypted / plain: {encrypted:.2f} x")
    memory = memory_of(lists[names[1]][0])
    text = (
        f"under {GOAL_MEMORY_BYTES / 1e6:.0f} MB for a process with {long:,} voters in its store: {memory / 1e6:.0f} MB"
    )
    verdict(text, memory < GOAL_MEMORY_BYTES)
    return {"claim_ratio": ratio, "claim_encrypted_ratio": encrypted, "peak_memory_bytes": memory}


def main() -> None:
    """Run the bench and print its tables."""
    chosen = arguments(__doc__ or "", rounds=7)
    cycles = 500 if chosen.quick else 10_000
    print(machine(), "SQLite", sqlite3.sqlite_version)
    # Beside the working directory, not in /tmp, which may be memory: a commit must reach a disk.
    with tempfile.TemporaryDirectory(prefix="bench-store-", dir=Path.cwd()) as place:
        directory = Path(place)
        voters = max(cycles * 2, 5_000)
        ground = Ground(directory / "plain", voters, uvloop=chosen.uvloop)
        key = write_new_key(directory / "key")
        encrypted = Ground(directory / "encrypted", voters, uvloop=chosen.uvloop, key=key)
        tables: dict[str, Any] = {
            "cycle": show_cycles(ground, chosen.rounds, cycles),
            "contract": show_contract(ground, chosen.rounds, cycles),
            "encryption": show_encryption(ground, encrypted, chosen.rounds, cycles),
        }
        show_waits(ground, 0.5 if chosen.quick else 5.0)
        lists = show_backups(
            directory, 20_000 if chosen.quick else 1_000_000, 3.0 if chosen.quick else 20.0, 1 if chosen.quick else 3
        )
        lists |= show_lists(directory, key, 10_000, 50_000 if chosen.quick else 1_000_000, 10 if chosen.quick else 60)
    record("store", ratio_figures("claim, record and announce, 50 waiting, wall", tables["cycle"], wall=True))
    if chosen.json:
        write_json(chosen.json, tables)
        document = json.loads(chosen.json.read_text("utf-8"))
        chosen.json.write_text(json.dumps(document | {"lists": lists}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
