"""The contenders of `bench_store`: each runs the same statements on its own copy of the same store, and is checked."""

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
from dialer.store.connection import close_writer, exclusive_connection, open_for_writing
from dialer.store.driver import connect
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
    """Claim a number, record its call, announce it: four statements in the caller's transaction."""
    target, phone_id, *_ = db.execute(CLAIM, {"campaign_id": CAMPAIGN}).fetchone()
    attempt_id = str(uuid.uuid4())
    db.execute(TAKE, {"target": target, "owner": "bench", "until": NOW})
    db.execute(RECORD, {"attempt_id": attempt_id, "phone_id": phone_id, "at": NOW})
    db.execute(ANNOUNCE, {"attempt_id": attempt_id, "at": NOW})


class Ground:
    """A store with everybody enrolled, copied anew for every round."""

    def __init__(self, directory: Path, voters: int, *, uvloop: bool, key: StoreKey | None = None) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.key = key
        self.template = directory / "template.db"
        self._uvloop = uvloop
        fill_roll(self.template, voters, key=key)
        enrol(self.template, key)

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


def enrol(path: Path, key: StoreKey | None = None) -> None:
    """Put every number of the roll into the bench's campaign."""
    with exclusive_connection(path, "a bench", key=key) as db:
        campaigns.ensure_campaign(db, CAMPAIGN, CampaignKind.AGENTS, Purpose.TURNOUT)
        targets.enrol(db, CAMPAIGN)


def checked(path: Path, cycles: int, key: StoreKey | None = None) -> Done:
    """The round's verdict: every cycle once, no number twice."""
    db = connect(path, "ro", key)
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
            db = open_for_writing(path, key=ground.key)
            with ThreadPoolExecutor(1) as executor:
                writer = Writer(db, path, executor)
                with watch.running():
                    await by_many(waiting, cycles, lambda: writer.write(cycle))
                await writer.close()
            close_writer(db)

        with ground.copy() as path:
            ground.run(work(path))
            return checked(path, cycles, ground.key)

    return run


def in_a_thread(ground: Ground, waiting: int, cycles: int) -> Callable[[Stopwatch], Done]:
    """One thread, one commit each."""

    def run(watch: Stopwatch) -> Done:
        async def work(path: Path) -> None:
            db = open_for_writing(path)

            def commit_one() -> None:
                db.execute("BEGIN IMMEDIATE")
                cycle(db)
                db.execute("COMMIT")

            async def one() -> None:
                await asyncio.get_running_loop().run_in_executor(executor, commit_one)

            with ThreadPoolExecutor(1) as executor, watch.running():
                await by_many(waiting, cycles, one)
            close_writer(db)

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
                        async with db.execute(CLAIM, {"campaign_id": CAMPAIGN}) as cursor:
                            row = await cursor.fetchone()
                        assert row is not None
                        attempt_id = str(uuid.uuid4())
                        await db.execute(TAKE, {"target": row[0], "owner": "bench", "until": NOW})
                        await db.execute(RECORD, {"attempt_id": attempt_id, "phone_id": row[1], "at": NOW})
                        await db.execute(ANNOUNCE, {"attempt_id": attempt_id, "at": NOW})
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

        claim, take, record, announce = map(text, (CLAIM, TAKE, RECORD, ANNOUNCE))

        async def work(path: Path) -> None:
            engine = create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=1, max_overflow=0, pool_timeout=600)

            @event.listens_for(engine.sync_engine, "connect")
            def prepare(connection: Any, _record: Any) -> None:
                for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                    connection.execute(f"PRAGMA {pragma}")

            async def one() -> None:
                async with engine.begin() as connection:
                    row = (await connection.execute(claim, {"campaign_id": CAMPAIGN})).one()
                    attempt_id = str(uuid.uuid4())
                    await connection.execute(take, {"target": row[0], "owner": "bench", "until": NOW})
                    await connection.execute(record, {"attempt_id": attempt_id, "phone_id": row[1], "at": NOW})
                    await connection.execute(announce, {"attempt_id": attempt_id, "at": NOW})

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
            db = open_for_writing(path)
            with watch.running():
                for _ in range(cycles // batch):
                    db.execute("BEGIN IMMEDIATE")
                    for _ in range(batch):
                        cycle(db)
                    db.execute("COMMIT")
            close_writer(db)
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
        await store.end_attempts(ended)

    def run(watch: Stopwatch) -> Done:
        async def work(path: Path) -> None:
            async with await open_store(path, encode=_announcement, key=ground.key) as store:
                # Numbers that were called come back fifteen minutes later, so every claim finds a fresh one.
                with watch.running():
                    await by_many(waiting, cycles // batch, lambda: one(store))

        with ground.copy() as path:
            ground.run(work(path))
            return checked_contract(path, cycles, ground.key)

    return run


def checked_contract(path: Path, cycles: int, key: StoreKey | None = None) -> Done:
    """The verdict on a round through the contract: the numbers called are due again, so they are counted as such."""
    db = connect(path, "ro", key)
    try:
        found = db.execute(
            "SELECT (SELECT count(*) FROM attempt WHERE outcome = 'no-answer'),"
            " (SELECT count(DISTINCT phone_id) FROM attempt), (SELECT count(DISTINCT payload) FROM outbox),"
            " (SELECT count(*) FROM target WHERE due_at > 0 AND attempts = 1)"
        ).fetchone()
    finally:
        db.close()
    return Done(cycles) if set(found) == {cycles} else Done(cycles, f"{found} instead of {cycles} each")
