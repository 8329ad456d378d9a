"""The store: durable cycles of claim, record and announce, compared with common libraries and with plain sqlite3.

    python -m bench.bench_store [--quick | --smoke] [--rounds N] [--uvloop] [--json FILE]

Every contender runs the same four statements per cycle on the same roll and schema (WAL, every commit synced). It is void
unless every cycle was recorded and announced once and no number was claimed twice. Wall time counts, because the disk is
part of the work. Then come: the same through the whole store interface (three durable calls per cycle), both on an encrypted
store, the wait of callers at a given load, the cost of a claim in a short and in a long list, and the memory for a long list.
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
    Done,
    Result,
    Size,
    Stopwatch,
    describe_machine,
    interleave,
    judge_goal,
    parse_arguments,
    peak_memory_bytes,
    print_table,
    ratio_figures,
    record,
    write_json,
)
from bench.store_contenders import (
    CAMPAIGN,
    NOW,
    StoreTemplate,
    cycle,
    enrol,
    plain_aiosqlite,
    sqlalchemy_core,
    sqlite_in_thread,
    whole_contract,
    write_in_batches,
    write_with_store,
)
from dialer.domain.model import AttemptId, EndedAttempt, NewAttempt, Outcome
from dialer.store import claims
from dialer.store.connection import close_writing_connection, open_store_for_writing
from dialer.store.keys import StoreKey, create_store_key_file
from dialer.store.store import open_store
from dialer.store.writer import Writer
from tests.support.roll_filler import fill_roll

SQLALCHEMY = "SQLAlchemy + aiosqlite"
AIOSQLITE = "aiosqlite"
THREAD = "sqlite3 in a thread"
GOAL_CYCLES_PER_SECOND = 20_000
GOAL_LIMIT_RATIO = 1.5  # also meaningful on a busy disk, where plain sqlite3 is too slow for the goal above
GOAL_WAIT_SECONDS = 0.005
GOAL_CLAIM_RATIO = 1.5
CALLS_CYCLES = 75  # durable cycles per second for 25 calls per second: started, ended, announced
GOAL_MEMORY_BYTES = 150e6

# Waits of callers, cost of a claim, memory of a long list


def measure_waits(
    template: StoreTemplate,
    per_second: int,
    seconds: float,
    background_job: Callable[[Path], Coroutine[Any, Any, None]] | None = None,
) -> list[float]:
    """Return the waits of fifty callers for a durable cycle (seconds), at `per_second` cycles by all together.

    `background_job` is a job that runs meanwhile.
    """
    waits: list[float] = []

    async def work(path: Path) -> None:
        db = open_store_for_writing(path)
        with ThreadPoolExecutor(1) as executor:
            writer = Writer(db, path, executor)
            loop = asyncio.get_running_loop()
            end = loop.time() + seconds

            async def caller(chance: random.Random) -> None:
                while loop.time() < end:
                    await asyncio.sleep(chance.expovariate(per_second / 50))
                    began = time.perf_counter()
                    await writer.run_write_job(cycle)
                    waits.append(time.perf_counter() - began)

            async with asyncio.TaskGroup() as group:
                for seed in range(50):
                    group.create_task(caller(random.Random(seed)))
                if background_job is not None:
                    going_on = group.create_task(background_job(path))
                    await asyncio.sleep(seconds)
                    going_on.cancel()
            await writer.close()
        close_writing_connection(db)

    with template.copy() as path:
        template.run(work(path))
    return waits


def measure_claims(lists: dict[str, tuple[Path, StoreKey | None]], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each claim of one number by list. The lists take turns."""
    costs: dict[str, list[float]] = {name: [] for name in lists}
    stores = {name: open_store_for_writing(path, key=key) for name, (path, key) in lists.items()}
    for _ in range(rounds):
        for name, db in stores.items():
            db.execute("BEGIN IMMEDIATE")
            for _ in range(50):
                began = time.perf_counter()
                [claimed] = claims.claim_queued_numbers(
                    db, CAMPAIGN, 1, owner="bench", now=NOW, lease_seconds=60, day_start=NOW - 86_400
                )
                costs[name].append(time.perf_counter() - began)
                assert claimed.attempt_number == 1
            db.execute("COMMIT")
    for db in stores.values():
        close_writing_connection(db)
    return costs


async def run_calls(path: Path) -> None:
    """Run two thousand calls and read the board's figures, as an engine does."""
    async with await open_store(path) as store:
        for _ in range(100):
            claims = await store.claim_queued_numbers(CAMPAIGN, 20, owner="bench", now=NOW, lease_seconds=60)
            new = [NewAttempt(AttemptId(str(uuid.uuid4())), claim, "trunk", "", NOW) for claim in claims]
            await store.commit_new_attempts(new, max_attempts_since=NOW - 3600, max_attempts=3)
            await store.end_attempts([EndedAttempt(each.attempt_id, Outcome.BUSY, NOW + 20) for each in new])
            await store.read_campaign_progress(CAMPAIGN, NOW)
            await store.count_booth_turnout()


def measure_peak_memory(path: Path) -> int:
    """Return the peak memory of a separate process that runs calls on the store (bytes)."""
    code = (
        "import asyncio, sys; from pathlib import Path; from bench.bench_store import run_calls, own_peak_bytes;"
        " asyncio.run(run_calls(Path(sys.argv[1]))); print(own_peak_bytes())"
    )
    return int(
        subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True).stdout
    )


def own_peak_bytes() -> int:
    """Return the peak memory of this process (bytes). Unlike `getrusage`, it excludes the peak of the parent process."""
    try:
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    except FileNotFoundError:
        return peak_memory_bytes()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` (0-1) of the values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def print_goal(text: str, met: bool) -> None:
    """Print whether a goal is met, as `judge_goal` does."""
    print(f"  goal: {text} - {'met' if met else 'NOT met'}")


def show_cycles(template: StoreTemplate, rounds: int, cycles: int) -> list[Result]:
    """Run and print the cycles and their goals."""
    few = max(50, cycles // 10)
    contenders = [
        Contender("ours, 50 waiting", write_with_store(template, 50, cycles), role="ours"),
        Contender("ours, 1 waiting", write_with_store(template, 1, few)),
        Contender("ours, 500 waiting", write_with_store(template, 500, cycles)),
        Contender(SQLALCHEMY, sqlalchemy_core(template, 50, few)),
        Contender(AIOSQLITE, plain_aiosqlite(template, 50, few)),
        Contender(THREAD, sqlite_in_thread(template, 50, few)),
        Contender("50 in one transaction, no callers (minimum)", write_in_batches(template, 50, cycles), role="limit"),
    ]
    results = interleave(contenders, rounds)
    print_table("Claim + record + announce, durable, per cycle", results, wall=True)
    print_table("The same, CPU time only", results)
    if results[0].usable:
        per_second = 1 / results[0].wall_per_operation
        print_goal(
            f"{GOAL_CYCLES_PER_SECOND:,} cycles/s at 50 waiting: {per_second:,.0f}",
            per_second >= GOAL_CYCLES_PER_SECOND,
        )
    if results[0].usable and results[-1].usable:
        ratio = results[0].wall_per_operation / results[-1].wall_per_operation
        print_goal(
            f"at most {GOAL_LIMIT_RATIO} x the minimum of the same run: {ratio:.2f} x", ratio <= GOAL_LIMIT_RATIO
        )
    judge_goal(results, SQLALCHEMY, 10, wall=True)
    return results


def show_contract(template: StoreTemplate, rounds: int, cycles: int) -> list[Result]:
    """Run and print the cycles through the store interface."""
    contenders = [
        Contender("50 waiting", whole_contract(template, 50, cycles), role="ours"),
        Contender("1 waiting", whole_contract(template, 1, max(50, cycles // 10))),
        Contender("500 waiting", whole_contract(template, 500, cycles)),
        Contender("1 waiting, 20 numbers per call", whole_contract(template, 1, cycles, batch=20)),
    ]
    results = interleave(contenders, rounds)
    print_table(
        "The same through the store interface (three durable calls, all checks), per number", results, wall=True
    )
    return results


def show_encryption(template: StoreTemplate, encrypted: StoreTemplate, rounds: int, cycles: int) -> list[Result]:
    """Run and print the cycles on a plain and on an encrypted store."""
    few = max(50, cycles // 10)
    pairs: list[tuple[str, Callable[[StoreTemplate], Callable[[Stopwatch], Done]]]] = [
        ("cycle, 50 waiting", lambda where: write_with_store(where, 50, cycles)),
        ("cycle, 1 waiting", lambda where: write_with_store(where, 1, few)),
        ("interface, 50 waiting", lambda where: whole_contract(where, 50, cycles)),
    ]
    results = interleave(
        [
            Contender(f"{name}, {how}", make(where))
            for name, make in pairs
            for how, where in (("plain", template), ("encrypted", encrypted))
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


def show_waits(template: StoreTemplate, seconds: float) -> None:
    """Run and print the waits of callers, with their goal."""
    print("\nWait of a caller for a durable cycle, 50 callers, ms")
    for per_second in (100, 1000, 2000):
        waits = measure_waits(template, per_second, seconds)
        p50, p99 = statistics.median(waits), percentile(waits, 0.99)
        print(f"  {len(waits) / seconds:>6.0f} cycles/s: p50 {p50 * 1e3:.2f}, p99 {p99 * 1e3:.2f}")
        if per_second == 1000:
            print_goal(
                f"p99 below {GOAL_WAIT_SECONDS * 1e3:g} ms at 1,000 cycles/s: {p99 * 1e3:.2f}", p99 < GOAL_WAIT_SECONDS
            )


def show_backups(directory: Path, voters: int, seconds: float, rounds: int) -> dict[str, float]:
    """Run and print the waits of callers while `dialer backup` copies the store repeatedly in a separate process."""
    template = StoreTemplate(directory / "backed-up", voters, uvloop=False)
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

    alone, background_job = [], []
    for _ in range(rounds):
        alone += measure_waits(template, CALLS_CYCLES, seconds)
        background_job += measure_waits(template, CALLS_CYCLES, seconds, back_up)
    megabytes = template.path.stat().st_size / 1e6
    print(
        f"\nWaits of callers during backups of {megabytes:,.0f} MB at 25 calls/s ({CALLS_CYCLES} durable cycles/s), ms"
    )
    for name, waits in (("without backups", alone), ("with backups", background_job)):
        p50, p99 = statistics.median(waits) * 1e3, percentile(waits, 0.99) * 1e3
        print(f"  {name:>20}: p50 {p50:.2f}, p99 {p99:.2f}, max {max(waits) * 1e3:.1f}")
    if took:
        print(f"  a backup took {statistics.median(took):.1f} s, {len(took)} of them")
    ratio = percentile(background_job, 0.99) / percentile(alone, 0.99)
    print(f"  p99 with backups / without: {ratio:.2f} x")
    return {"backup_wait_p99_ratio": ratio, "backup_megabytes": megabytes}


def show_lists(directory: Path, key: StoreKey, short: int, long: int, rounds: int) -> dict[str, float]:
    """Run and print claims in a short, a long and a long encrypted list, the memory of the long one, and their goals."""
    names = (f"{short:,} voters", f"{long:,} voters", f"{long:,} voters, encrypted")
    lists: dict[str, tuple[Path, StoreKey | None]] = {}
    for place, (name, voters) in enumerate(zip(names, (short, long, long), strict=True)):
        lists[name] = path, used = directory / f"list{place}.db", key if "encrypted" in name else None
        fill_roll(path, voters, key=used)
        enrol(path, used)
    print("\nA claim of one number (two statements, one update, in a transaction), us")
    costs = measure_claims(lists, rounds)
    for name, each in costs.items():
        print(f"  {name:>30}: p50 {statistics.median(each) * 1e6:.1f}, p99 {percentile(each, 0.99) * 1e6:.1f}")
    middle = [statistics.median(costs[name]) for name in names]
    ratio, encrypted = middle[1] / middle[0], middle[2] / middle[1]
    print_goal(f"{long:,} voters at most {GOAL_CLAIM_RATIO} x {short:,}: {ratio:.2f} x", ratio <= GOAL_CLAIM_RATIO)
    print(f"  encrypted / plain: {encrypted:.2f} x")
    memory = measure_peak_memory(lists[names[1]][0])
    text = (
        f"under {GOAL_MEMORY_BYTES / 1e6:.0f} MB for a process with {long:,} voters in its store: {memory / 1e6:.0f} MB"
    )
    print_goal(text, memory < GOAL_MEMORY_BYTES)
    return {"claim_ratio": ratio, "claim_encrypted_ratio": encrypted, "peak_memory_bytes": memory}


def main() -> None:
    """Run the bench and print its tables."""
    chosen = parse_arguments(__doc__ or "", rounds=5)
    size: Size = chosen.size
    cycles = size.pick(5_000, 500, 100)
    print(describe_machine(), "SQLite", sqlite3.sqlite_version)
    # In the working directory, not in /tmp, which may be in memory: commits must reach a disk.
    with tempfile.TemporaryDirectory(prefix="bench-store-", dir=Path.cwd()) as place:
        directory = Path(place)
        voters = max(cycles * 2, size.pick(5_000, 5_000, 1_200))
        template = StoreTemplate(directory / "plain", voters, uvloop=chosen.uvloop)
        key = create_store_key_file(directory / "key")
        encrypted = StoreTemplate(directory / "encrypted", voters, uvloop=chosen.uvloop, key=key)
        tables: dict[str, Any] = {
            "cycle": show_cycles(template, chosen.rounds, cycles),
            "contract": show_contract(template, chosen.rounds, cycles),
            "encryption": show_encryption(template, encrypted, chosen.rounds, cycles),
        }
        show_waits(template, size.pick(3.0, 0.5, 0.1))
        lists = show_backups(
            directory, size.pick(500_000, 20_000, 2_000), size.pick(10.0, 3.0, 0.5), size.pick(2, 1, 1)
        )
        lists |= show_lists(
            directory, key, *size.pick((10_000, 1_000_000), (10_000, 50_000), (3_000, 4_000)), size.pick(60, 10, 2)
        )
    record("store", ratio_figures("claim, record and announce, 50 waiting, wall", tables["cycle"], wall=True))
    if chosen.json:
        write_json(chosen.json, tables)
        document = json.loads(chosen.json.read_text("utf-8"))
        chosen.json.write_text(json.dumps(document | {"lists": lists}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
