"""The contenders of `bench_store`. Each runs the same statements on a copy of the same store, and is checked."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.common import Done, Stopwatch, Unrunnable
from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.model import Announcement, AttemptId, EndedAttempt, NewAttempt, Outcome
from dialer.domain.results import Result
from dialer.store import campaigns, claims, targets
from dialer.store.connection import close_writing_connection, open_store_exclusively, open_store_for_writing
from dialer.store.driver import connect_to_database_file
from dialer.store.keys import StoreKey
from dialer.store.store import Store, open_store
from dialer.store.writer import Writer
from tests.support.roll_filler import fill_roll

CAMPAIGN = "bench"
NOW = 1.7e9

# The four statements of a cycle.
CLAIM = f"{claims.SQL.fresh.sql} LIMIT 1"
TAKE = claims.SQL.claim_target.sql
RECORD = (
    "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
    " ended_at, outcome) VALUES (:attempt_id, 'bench', :phone_id, :phone_id, 1, 'trunk', '', :at, :at, 'no-answer')"
)
ANNOUNCE = "INSERT INTO outbox (topic, payload, at) VALUES ('attempt/ended', :attempt_id, :at)"


def _announcement(result: Result) -> Announcement:
    return Announcement("attempt/ended", result.attempt_id if isinstance(result, EndedAttempt) else "")


def cycle(db: sqlite3.Connection) -> None:
    """Claim a number, record its call and announce it: four statements in the caller's transaction."""
    target, phone_id, *_ = db.execute(CLAIM, {"campaign_id": CAMPAIGN}).fetchone()
    attempt_id = str(uuid.uuid4())
    db.execute(TAKE, {"target": target, "owner": "bench", "until": NOW})
    db.execute(RECORD, {"attempt_id": attempt_id, "phone_id": phone_id, "at": NOW})
    db.execute(ANNOUNCE, {"attempt_id": attempt_id, "at": NOW})


class StoreTemplate:
    """A store with all numbers enrolled, which is copied for every round."""

    def __init__(self, directory: Path, voters: int, *, uvloop: bool, key: StoreKey | None = None) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.key = key
        self.path = directory / "template.db"
        self._uvloop = uvloop
        fill_roll(self.path, voters, key=key)
        enrol(self.path, key)

    @contextmanager
    def copy(self) -> Iterator[Path]:
        """Yield a copy for one round."""
        path = self.directory / "round.db"
        shutil.copyfile(self.path, path)
        try:
            yield path
        finally:
            for file in self.directory.glob("round.db*"):
                file.unlink()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a contender's coroutine on asyncio or uvloop."""
        if self._uvloop:
            import uvloop

            uvloop.run(work)
        else:
            asyncio.run(work)


def enrol(path: Path, key: StoreKey | None = None) -> None:
    """Enrol every number of the roll in the bench's campaign."""
    with open_store_exclusively(path, "a bench", key=key) as db:
        campaigns.add_or_update_campaign(db, CAMPAIGN, CampaignKind.AGENTS, Purpose.TURNOUT)
        targets.add_roll_numbers_to_queue(db, CAMPAIGN)


def check_round(path: Path, cycles: int, key: StoreKey | None = None) -> Done:
    """Check that every cycle was recorded and announced once and no number was claimed twice."""
    db = connect_to_database_file(path, "ro", key)
    try:
        found = db.execute(
            "SELECT (SELECT count(*) FROM attempt WHERE outcome IS NOT NULL),"
            " (SELECT count(DISTINCT phone_id) FROM attempt), (SELECT count(DISTINCT payload) FROM outbox),"
            " (SELECT count(*) FROM outbox), (SELECT count(*) FROM target WHERE state <> 'due')"
        ).fetchone()
    finally:
        db.close()
    return Done(cycles) if set(found) == {cycles} else Done(cycles, f"{found} instead of {cycles} each")


async def run_callers(waiting: int, cycles: int, one: Callable[[], Awaitable[None]]) -> None:
    """Run `cycles` cycles with `waiting` callers. Each caller starts its next cycle when the last one is durable."""

    async def caller() -> None:
        for _ in range(cycles // waiting):
            await one()

    async with asyncio.TaskGroup() as group:
        for _ in range(waiting):
            group.create_task(caller())


# Contenders of the cycle


def write_with_store(template: StoreTemplate, waiting: int, cycles: int) -> Callable[[Stopwatch], Done]:
    """Return a round with the store's own writer."""

    def run(watch: Stopwatch) -> Done:
        async def work(path: Path) -> None:
            db = open_store_for_writing(path, key=template.key)
            with ThreadPoolExecutor(1) as executor:
                writer = Writer(db, path, executor)
                with watch.running():
                    await run_callers(waiting, cycles, lambda: writer.run_write_job(cycle))
                await writer.close()
            close_writing_connection(db)

        with template.copy() as path:
            template.run(work(path))
            return check_round(path, cycles, template.key)

    return run


def sqlite_in_thread(template: StoreTemplate, waiting: int, cycles: int) -> Callable[[Stopwatch], Done]:
    """Return a round with one thread and a commit per cycle."""

    def run(watch: Stopwatch) -> Done:
        async def work(path: Path) -> None:
            db = open_store_for_writing(path)

            def commit_one() -> None:
                db.execute("BEGIN IMMEDIATE")
                cycle(db)
                db.execute("COMMIT")

            async def one() -> None:
                await asyncio.get_running_loop().run_in_executor(executor, commit_one)

            with ThreadPoolExecutor(1) as executor, watch.running():
                await run_callers(waiting, cycles, one)
            close_writing_connection(db)

        with template.copy() as path:
            template.run(work(path))
            return check_round(path, cycles)

    return run


def plain_aiosqlite(template: StoreTemplate, waiting: int, cycles: int) -> Callable[[Stopwatch], Done]:
    """Return a round with one aiosqlite connection and a lock around each transaction."""

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
                        async with db.execute(CLAIM, {"campaign_id": CAMPAIGN}) as cursor:
                            row = await cursor.fetchone()
                        assert row is not None
                        attempt_id = str(uuid.uuid4())
                        await db.execute(TAKE, {"target": row[0], "owner": "bench", "until": NOW})
                        await db.execute(RECORD, {"attempt_id": attempt_id, "phone_id": row[1], "at": NOW})
                        await db.execute(ANNOUNCE, {"attempt_id": attempt_id, "at": NOW})
                        await db.execute("COMMIT")

                with watch.running():
                    await run_callers(waiting, cycles, one)

        with template.copy() as path:
            template.run(work(path))
            return check_round(path, cycles)

    return run


def sqlalchemy_core(template: StoreTemplate, waiting: int, cycles: int) -> Callable[[Stopwatch], Done]:
    """Return a round with SQLAlchemy Core on aiosqlite, one pooled connection and a transaction per cycle."""

    def run(watch: Stopwatch) -> Done:
        try:
            from sqlalchemy import event, text
            from sqlalchemy.ext.asyncio import create_async_engine
        except ImportError as error:
            raise Unrunnable(f"{error}: pip install 'SQLAlchemy[asyncio]'") from error

        claim, take, record, announce = map(text, (CLAIM, TAKE, RECORD, ANNOUNCE))

        async def work(path: Path) -> None:
            engine = create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=1, max_overflow=0, pool_timeout=600)

            def prepare(connection: Any, _record: Any) -> None:
                for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                    connection.execute(f"PRAGMA {pragma}")

            event.listen(engine.sync_engine, "connect", prepare)

            async def one() -> None:
                async with engine.begin() as connection:
                    row = (await connection.execute(claim, {"campaign_id": CAMPAIGN})).one()
                    attempt_id = str(uuid.uuid4())
                    await connection.execute(take, {"target": row[0], "owner": "bench", "until": NOW})
                    await connection.execute(record, {"attempt_id": attempt_id, "phone_id": row[1], "at": NOW})
                    await connection.execute(announce, {"attempt_id": attempt_id, "at": NOW})

            with watch.running():
                await run_callers(waiting, cycles, one)
            await engine.dispose()

        with template.copy() as path:
            template.run(work(path))
            return check_round(path, cycles)

    return run


def write_in_batches(template: StoreTemplate, batch: int, cycles: int) -> Callable[[Stopwatch], Done]:
    """Return a round without callers: `batch` cycles per transaction."""

    def run(watch: Stopwatch) -> Done:
        with template.copy() as path:
            db = open_store_for_writing(path)
            with watch.running():
                for _ in range(cycles // batch):
                    db.execute("BEGIN IMMEDIATE")
                    for _ in range(batch):
                        cycle(db)
                    db.execute("COMMIT")
            close_writing_connection(db)
            return check_round(path, cycles)

    return run


def whole_contract(template: StoreTemplate, waiting: int, cycles: int, batch: int = 1) -> Callable[[Stopwatch], Done]:
    """Return a round through the store interface: claim, open and end an attempt, each durable.

    Each call handles `batch` numbers, as in the engine.
    """

    async def one(store: Store) -> None:
        claims = await store.claim_queued_numbers(CAMPAIGN, batch, owner="bench", now=NOW, lease_seconds=60)
        new = [NewAttempt(AttemptId(str(uuid.uuid4())), claim, "trunk", "", NOW) for claim in claims]
        refusals = await store.commit_new_attempts(new, max_attempts_since=NOW - 3600, max_attempts=3)
        ended = [
            EndedAttempt(attempt.attempt_id, Outcome.NO_ANSWER, NOW + 20, retry_at=NOW + 900)
            for attempt, refusal in zip(new, refusals, strict=True)
            if refusal is None
        ]
        await store.end_attempts(ended)

    def run(watch: Stopwatch) -> Done:
        async def work(path: Path) -> None:
            async with await open_store(path, encode=_announcement, key=template.key) as store:
                # Called numbers are due again fifteen minutes later, so every claim finds a new number.
                with watch.running():
                    await run_callers(waiting, cycles // batch, lambda: one(store))

        with template.copy() as path:
            template.run(work(path))
            return check_contract(path, cycles, template.key)

    return run


def check_contract(path: Path, cycles: int, key: StoreKey | None = None) -> Done:
    """Check a round through the store interface. Called numbers are due again and counted as such."""
    db = connect_to_database_file(path, "ro", key)
    try:
        found = db.execute(
            "SELECT (SELECT count(*) FROM attempt WHERE outcome = 'no-answer'),"
            " (SELECT count(DISTINCT phone_id) FROM attempt), (SELECT count(DISTINCT payload) FROM outbox),"
            " (SELECT count(*) FROM target WHERE due_at > 0 AND attempts = 1)"
        ).fetchone()
    finally:
        db.close()
    return Done(cycles) if set(found) == {cycles} else Done(cycles, f"{found} instead of {cycles} each")
