"""The writer commits waiting jobs in one transaction, and a failing job does not affect the others."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dialer.domain.errors import StoreBusy, StoreError, StoreFull
from dialer.store.writer import GROUP_LIMIT, WAITING_LIMIT, Writer, commit_write_jobs
from tests.support.waiting import HANG_SECONDS

Job = Callable[[sqlite3.Connection], int]


class Numbers:
    """A database table of numbers, the store's writer for it, and the statements that ran."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.05)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("CREATE TABLE number (number INTEGER PRIMARY KEY)")
        self.statements: list[str] = []
        self.db.set_trace_callback(self.statements.append)

    @property
    def commits(self) -> int:
        return self.statements.count("COMMIT")

    def kept(self) -> list[int]:
        """Return the committed numbers, read on another connection."""
        other = sqlite3.connect(self.path)
        try:
            return [number for (number,) in other.execute("SELECT number FROM number ORDER BY number")]
        finally:
            other.close()


@asynccontextmanager
async def writing(directory: Path) -> AsyncIterator[tuple[Numbers, Writer]]:
    numbers = Numbers(directory / "numbers.db")
    executor = ThreadPoolExecutor(1)
    writer = Writer(numbers.db, numbers.path, executor)
    try:
        yield numbers, writer
    finally:
        await writer.close()
        executor.shutdown()
        numbers.db.close()


def add(number: int) -> Job:
    def job(db: sqlite3.Connection) -> int:
        db.execute("INSERT INTO number VALUES (?)", (number,))
        return number

    return job


def add_then_fail(number: int) -> Job:
    def job(db: sqlite3.Connection) -> int:
        add(number)(db)
        raise ValueError(f"{number} is bad")

    return job


def hold(entered: threading.Event, gate: threading.Event) -> Job:
    """Occupy the writer's thread until the gate opens. Runs as a job of the writer."""

    def job(db: sqlite3.Connection) -> int:
        entered.set()
        gate.wait()
        return 0

    return job


@asynccontextmanager
async def occupied(writer: Writer) -> AsyncIterator[None]:
    """Keep the writer's thread busy within the block, so that the jobs of the block wait for one commit."""
    entered, gate = threading.Event(), threading.Event()
    holding = asyncio.create_task(writer.run_write_job(hold(entered, gate)))
    await asyncio.to_thread(entered.wait)
    try:
        yield
    finally:
        gate.set()
        await holding


async def settle() -> None:
    """Let every task that is ready run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_waiting_store_writes_are_committed_in_one_transaction(tmp_path: Path) -> None:
    async with writing(tmp_path) as (numbers, writer):
        async with occupied(writer):
            tasks = [asyncio.create_task(writer.run_write_job(add(number))) for number in range(50)]
            await settle()
        assert await asyncio.gather(*tasks) == list(range(50))
        assert numbers.commits == 2
        assert numbers.kept() == list(range(50))


async def test_store_writer_returns_a_result_only_after_the_commit(tmp_path: Path) -> None:
    async with writing(tmp_path) as (numbers, writer):
        await writer.run_write_job(add(1))
        assert numbers.kept() == [1]


async def test_failing_store_write_does_not_fail_other_writes(tmp_path: Path) -> None:
    async with writing(tmp_path) as (numbers, writer):
        async with occupied(writer):
            jobs = [add(1), add_then_fail(2), add(1), add(3)]
            tasks = [asyncio.create_task(writer.run_write_job(job)) for job in jobs]
            await settle()
        good, bad, twice, also_good = await asyncio.gather(*tasks, return_exceptions=True)
        assert (good, also_good) == (1, 3)
        assert isinstance(bad, ValueError)
        assert isinstance(twice, StoreError)
        assert str(twice).startswith(f"{numbers.path}: UNIQUE constraint failed")
        assert numbers.kept() == [1, 3]
        assert numbers.commits == 2


async def test_store_write_that_ends_the_transaction_does_not_fail_other_writes(tmp_path: Path) -> None:
    def rolls_everything_back(db: sqlite3.Connection) -> int:
        db.execute("ROLLBACK")
        raise ValueError("bad")

    async with writing(tmp_path) as (numbers, writer):
        async with occupied(writer):
            tasks = [asyncio.create_task(writer.run_write_job(job)) for job in (add(1), rolls_everything_back, add(2))]
            await settle()
        first, bad, second = await asyncio.gather(*tasks, return_exceptions=True)
        assert (first, second) == (1, 2)
        assert isinstance(bad, ValueError)
        assert numbers.kept() == [1, 2]


async def test_cancelled_caller_of_a_store_write_does_not_cancel_the_write(tmp_path: Path) -> None:
    async with writing(tmp_path) as (numbers, writer):
        async with occupied(writer):
            cancelled = asyncio.create_task(writer.run_write_job(add(1)))
            waiting = asyncio.create_task(writer.run_write_job(add(2)))
            await settle()
            cancelled.cancel()
            await settle()
            assert cancelled.cancelled()
        assert await waiting == 2
        assert numbers.kept() == [1, 2]


async def test_cancelled_caller_of_a_store_write_does_not_stop_the_store_writer(tmp_path: Path) -> None:
    async with writing(tmp_path) as (_, writer):
        entered, gate = threading.Event(), threading.Event()
        holding = asyncio.create_task(writer.run_write_job(hold(entered, gate)))
        await asyncio.to_thread(entered.wait)
        holding.cancel()
        await settle()
        gate.set()
        assert await writer.run_write_job(add(1)) == 1


async def test_number_of_waiting_store_writes_and_of_writes_per_commit_is_limited(tmp_path: Path) -> None:
    many = WAITING_LIMIT + GROUP_LIMIT
    async with writing(tmp_path) as (numbers, writer):
        async with occupied(writer):
            tasks = [asyncio.create_task(writer.run_write_job(add(number))) for number in range(many)]
            await settle()
        assert await asyncio.gather(*tasks) == list(range(many))
        assert numbers.commits == 1 + many // GROUP_LIMIT


async def test_closing_the_store_writer_commits_all_waiting_store_writes(tmp_path: Path) -> None:
    many = WAITING_LIMIT + 10
    async with writing(tmp_path) as (numbers, writer):
        async with occupied(writer):
            tasks = [asyncio.create_task(writer.run_write_job(add(number))) for number in range(many)]
            await settle()
            closing = asyncio.create_task(writer.close())
            await settle()
            with pytest.raises(StoreError, match="closed"):
                await writer.run_write_job(add(-1))
        await closing
        assert await asyncio.gather(*tasks) == list(range(many))
        assert numbers.kept() == list(range(many))


async def test_cancelling_the_store_writer_raises_an_error_in_waiting_callers(tmp_path: Path) -> None:
    async with writing(tmp_path) as (_, writer):
        entered, gate = threading.Event(), threading.Event()
        jobs = [hold(entered, gate), *(add(number) for number in range(WAITING_LIMIT * 3))]
        tasks = [asyncio.create_task(writer.run_write_job(job)) for job in jobs]
        await asyncio.to_thread(entered.wait)
        await settle()
        [of_writer] = [task for task in asyncio.all_tasks() if task.get_name() == "store writer"]
        of_writer.cancel()
        async with asyncio.timeout(HANG_SECONDS):
            results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, StoreError) for result in results)
        gate.set()


def test_writes_that_fit_are_committed_if_the_whole_group_fills_the_disk(tmp_path: Path) -> None:
    def add_big(number: int) -> Job:
        def job(db: sqlite3.Connection) -> int:
            db.execute("INSERT INTO big VALUES (zeroblob(?))", (number * 4096,))
            return number

        return job

    numbers = Numbers(tmp_path / "numbers.db")
    numbers.db.execute("CREATE TABLE big (value BLOB)")
    (pages,) = numbers.db.execute("PRAGMA page_count").fetchone()
    numbers.db.execute(f"PRAGMA max_page_count = {pages + 10}")
    done = commit_write_jobs(numbers.db, numbers.path, [add(1), add_big(100), add_big(2), add(2)])
    assert [each.value for each in done] == [1, None, 2, 2]
    assert isinstance(done[1].error, StoreFull)
    assert numbers.kept() == [1, 2]
    numbers.db.close()


def test_busy_store_fails_every_waiting_write_and_later_writes_succeed(tmp_path: Path) -> None:
    numbers = Numbers(tmp_path / "numbers.db")
    other = sqlite3.connect(numbers.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    done = commit_write_jobs(numbers.db, numbers.path, [add(1), add(2)])
    assert [type(each.error) for each in done] == [StoreBusy, StoreBusy]
    other.execute("ROLLBACK")
    other.close()
    assert [each.value for each in commit_write_jobs(numbers.db, numbers.path, [add(1), add(2)])] == [1, 2]
    numbers.db.close()
