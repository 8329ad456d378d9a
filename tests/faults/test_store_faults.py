"""The store under faults: a full disk, a busy file, a second process, a killed dialler, and lost replies."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from dialer.domain.enums import MarkKind
from dialer.domain.errors import StoreBusy, StoreFull
from dialer.domain.model import Announcement, CampaignProgress, Disposition, DispositionRecord, EndedAttempt, Outcome
from dialer.store.attempts import Refusal
from dialer.store.connection import open_store_exclusively, open_store_for_reading
from dialer.store.free_space import RESERVE_BYTES
from dialer.store.lock import StoreLock
from dialer.store.store import Store, open_store
from tests.support.forked import ForkedProcess, run_forked
from tests.support.roll_filler import fill_roll
from tests.support.stored import is_one_line, query_store
from tests.support.stores import (
    CAMPAIGN,
    DAY_START,
    NOW,
    SqliteBackend,
    announce_by_kind,
    claim_and_open_attempt,
    claim_numbers,
    claim_one_number,
    end_attempt,
    make_attempt,
    make_mark,
    open_filled_store,
)

PAGE_BYTES = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "centre.db"


async def limit_pages(store: Store, more: int) -> None:
    """Let the file grow by at most `more` pages, like a disk with that much free space."""

    def set_page_limit(db: sqlite3.Connection) -> None:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages + more}")

    await store._writer.run_write_job(set_page_limit)


# Disk full


async def test_store_recovers_from_a_full_disk_without_partial_results(path: Path) -> None:
    size = [PAGE_BYTES * 60]  # of an announcement: more than migrations left free
    backend = SqliteBackend(path.parent, lambda news: Announcement("attempt/ended", "x" * size[0]))
    async with open_filled_store(backend) as store:
        assert isinstance(store, Store)
        calls = [await claim_and_open_attempt(store, phone_id) for phone_id in range(1, 9)]
        await limit_pages(store, 1)
        with pytest.raises(StoreFull) as caught:
            await end_attempt(store, calls[0], Outcome.COMPLETED)
        assert is_one_line(caught.value, path)
        assert len(await store.read_unfinished_attempts()) == 8
        assert await store.read_outbox_rows_for_broker(10) == []
        size[0] = 200
        assert await end_attempt(store, calls[1], Outcome.COMPLETED)  # what still fits is kept
        await limit_pages(store, 1000)
        size[0] = PAGE_BYTES * 60
        assert await end_attempt(store, calls[0], Outcome.COMPLETED)
        assert await store.count_attempts_by_outcome(CAMPAIGN) == {Outcome.COMPLETED: 2}
        assert len(await store.read_outbox_rows_for_broker(10)) == 2
    assert query_store(path, "PRAGMA integrity_check") == [("ok",)]


async def test_new_calls_are_refused_while_the_disk_has_only_space_for_call_results(path: Path) -> None:
    async with open_filled_store(SqliteBackend(path.parent)) as store:
        assert isinstance(store, Store)
        live = [await claim_and_open_attempt(store, phone_id) for phone_id in range(1, 9)]
        await limit_pages(store, RESERVE_BYTES // PAGE_BYTES - 1)
        last, *claims = await claim_numbers(store, 20)
        with pytest.raises(StoreFull, match="no new calls") as caught:
            for each in [make_attempt(claimed) for claimed in claims] * 3:  # it looks at every fiftieth attempt
                await store.commit_new_attempts([each], max_attempts_since=DAY_START, max_attempts=3)
        assert is_one_line(caught.value, path)
        for each in live:
            assert await end_attempt(store, each, Outcome.COMPLETED)
        with pytest.raises(StoreFull):
            await store.commit_new_attempts([make_attempt(last)], max_attempts_since=DAY_START, max_attempts=3)
        await limit_pages(store, RESERVE_BYTES // PAGE_BYTES + 100)
        [refusal] = await store.commit_new_attempts([make_attempt(last)], max_attempts_since=DAY_START, max_attempts=3)
        assert refusal is None


# Other processes


async def test_second_dialler_and_import_are_refused_while_the_store_is_in_use(path: Path) -> None:
    async with open_filled_store(SqliteBackend(path.parent)) as store:
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        with pytest.raises(StoreBusy, match=rf"a dialler \(process {os.getpid()}\) is using this store") as caught:
            await open_store(path)
        assert is_one_line(caught.value, path)
        with pytest.raises(StoreBusy, match="a dialler"), open_store_exclusively(path, "an import"):
            pytest.fail("the import got in")
        assert query_store(path, "SELECT count(*) FROM mark") == [(1,)]
    with open_store_exclusively(path, "an import"):
        with pytest.raises(StoreBusy, match="an import"):
            await open_store(path)
        assert query_store(path, "SELECT count(*) FROM mark") == [(1,)]
    await (await open_store(path)).close()


async def test_reader_of_the_store_can_neither_write_nor_delay_writes(path: Path) -> None:
    async with open_filled_store(SqliteBackend(path.parent)) as store:
        db = open_store_for_reading(path)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            db.execute("DELETE FROM mark")
        db.execute("BEGIN")
        assert db.execute("SELECT count(*) FROM mark").fetchone() == (0,)
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        assert db.execute("SELECT count(*) FROM mark").fetchone() == (0,)
        await store.close()  # with a report still open
        db.close()
    assert query_store(path, "SELECT count(*) FROM mark") == [(1,)]


async def test_store_writes_fail_as_busy_while_another_program_writes_and_succeed_afterwards(path: Path) -> None:
    fill_roll(path, 9)
    async with await open_store(path, encode=announce_by_kind, busy_seconds=0.05) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy) as caught:
            await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        assert is_one_line(caught.value, path)
        other.execute("ROLLBACK")
        other.close()
        assert (await store.save_voter_mark(make_mark(1, MarkKind.VOTED))).recorded
        assert len(await store.read_outbox_rows_for_broker(10)) == 1


def test_store_lock_is_released_when_the_process_that_holds_the_lock_ends(path: Path) -> None:
    first = StoreLock(path, "a dialler")
    with pytest.raises(StoreBusy):
        StoreLock(path, "an import")
    first.release_lock()
    first.release_lock()
    StoreLock(path, "an import").release_lock()


def test_opening_a_store_in_use_with_an_empty_lock_file_gives_a_clear_error(path: Path) -> None:
    with (path.parent / "centre.db.lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StoreBusy, match="another process is using this store"):
            StoreLock(path, "a dialler")


DIALLER = """
import asyncio, sys
from pathlib import Path
from dialer.domain.enums import MarkKind
from dialer.domain.model import EndedAttempt, Outcome
from tests.support.stores import *

async def main():
    store = await open_store(Path(sys.argv[1]))
    await store.add_or_update_campaign(CAMPAIGN, CampaignKind.AGENTS, Purpose.TURNOUT)
    await store.add_roll_numbers_to_queue(CAMPAIGN)
    ended, ringing, _ = [await claim_and_open_attempt(store, phone_id) for phone_id in (1, 2, 3)]
    await end_attempt(store, ended, Outcome.COMPLETED)
    await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
    print(ended.attempt_id, ringing.attempt_id, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def run_and_kill_dialler(path: Path) -> Iterator[Callable[[], list[str]]]:
    """Run a dialler in another process until it waits, kill it, and return what it had acknowledged."""
    fill_roll(path, 54)
    with ForkedProcess(DIALLER, path) as process:

        def kill_dialler() -> list[str]:
            acknowledged = process.stdout.readline().split()
            with pytest.raises(StoreBusy, match=f"process {process.pid}"):
                StoreLock(path, "another dialler")
            process.kill()
            return acknowledged

        yield kill_dialler


async def test_acknowledged_writes_to_the_store_survive_a_killed_process(
    path: Path, run_and_kill_dialler: Callable[[], list[str]]
) -> None:
    ended, ringing = run_and_kill_dialler()
    async with await open_store(path) as store:
        unfinished = await store.read_unfinished_attempts()
        assert ringing in {each.attempt_id for each in unfinished}
        assert {each.phone_id for each in unfinished} == {2, 3}
        assert ended not in {each.attempt_id for each in unfinished}
        assert await store.read_campaign_progress(CAMPAIGN, NOW) == CampaignProgress(
            total=36, completed=1, remaining=33, attempts=3
        )
        assert (await store.count_booth_turnout())[0].voted == 1


async def test_closing_the_store_leaves_a_single_database_file(path: Path) -> None:
    async with open_filled_store(SqliteBackend(path.parent)) as store:
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        assert (path.parent / "centre.db-wal").stat().st_size > 0
    files = {"centre.db", "centre.db.identity", "centre.db.lock", "centre.db.seal-key"}
    assert {file.name for file in path.parent.iterdir()} == files
    assert query_store(path, "SELECT count(*) FROM mark") == [(1,)]


# The commit's own reply lost


T = TypeVar("T")


class LostReply(Exception):
    """The error of a caller whose connection broke after the commit."""


class ForgetfulStore(Store):
    """A store that commits every write, but reports a failure for the first one."""

    def __init__(self, store: Store) -> None:
        self.__dict__.update(store.__dict__)
        self._seen = set[object]()

    async def _run_write_job(self, job: Callable[..., T], /, *args: Any, **named: Any) -> T:
        return await self._lose_first(job, super()._run_write_job(job, *args, **named))

    async def _run_announcing_write_job(self, job: Callable[..., T], /, *args: Any, **named: Any) -> T:
        return await self._lose_first(job, super()._run_announcing_write_job(job, *args, **named))

    async def _lose_first(self, job: Callable[..., T], written: Awaitable[T]) -> T:
        value = await written
        if job.__qualname__ not in self._seen:
            self._seen.add(job.__qualname__)
            raise LostReply
        return value


async def call_twice(call_it: Callable[[], Any]) -> Any:
    with pytest.raises(LostReply):
        await call_it()
    return await call_it()


def read_all_rows(path: Path) -> dict[str, Sequence[Any]]:
    tables = [
        name for (name,) in query_store(path, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    ]
    return {table: query_store(path, f"SELECT * FROM {table}") for table in tables}  # noqa: S608 - names of our schema


async def test_repeated_store_write_whose_reply_was_lost_changes_nothing(path: Path) -> None:
    async with open_filled_store(SqliteBackend(path.parent)) as plain:
        assert isinstance(plain, Store)
        first = make_attempt(await claim_one_number(plain, 3))  # of voters 3 and 4
        [second] = (make_attempt(claimed) for claimed in await claim_numbers(plain, 1))
        store = ForgetfulStore(plain)

        async def open_first_attempt() -> list[Refusal | None]:
            return await store.commit_new_attempts([first], max_attempts_since=DAY_START, max_attempts=3)

        # The engine reads this as: it is open already, so reconcile it; it must not dial it a second time.
        assert await call_twice(open_first_attempt) == [Refusal.OPEN_ATTEMPT]
        ended = EndedAttempt(first.attempt_id, Outcome.CONNECTED, NOW + 30, retry_at=NOW + 900)
        voted = make_mark(first.claim.voter_id, MarkKind.VOTED)
        still_pending = make_mark(7 - first.claim.voter_id, MarkKind.NOT_YET)
        said = DispositionRecord(first.attempt_id, Disposition.CALL_BACK, NOW + 60, "asha", retry_at=NOW + 1800)
        steps: list[Callable[[], Any]] = [
            lambda: store.save_answer_time_of_call(first.attempt_id, NOW + 9),
            lambda: store.save_connect_time_of_call(first.attempt_id, NOW + 10, "01", "asha"),
            lambda: store.end_attempts([ended]),
            lambda: store.save_voter_mark(voted),
            lambda: store.save_opt_out(second.claim.phone_id, at=NOW, source="flow"),
            lambda: store.save_disposition_of_call(said, [still_pending]),
            lambda: store.record_new_command("c", "pause", "hash", "done", NOW),
            lambda: store.release_claimed_numbers([second.claim]),
            lambda: store.release_expired_claims(NOW + 1e6),
            lambda: store.mark_outbox_rows_published(1),
        ]
        for step in steps:
            with pytest.raises(LostReply):
                await step()
            before = read_all_rows(path)
            await step()
            assert read_all_rows(path) == before


# Another program looks into the file


def read_in_other_program(path: Path, statement: str) -> str:
    """Read the store in another program, which opens the file and exits."""
    program = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); print(db.execute(sys.argv[2]).fetchone()); db.close()"
    )
    return run_forked(program, path, statement).stdout.strip()


async def test_write_ahead_log_survives_another_program_closing_the_store(path: Path) -> None:
    """Later commits must be in the files on disk, so that a killed dialler loses nothing."""
    async with open_filled_store(SqliteBackend(path.parent)) as store:
        assert read_in_other_program(path, "SELECT count(*) FROM mark") == "(0,)"
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        assert read_in_other_program(path, "SELECT count(*) FROM mark") == "(1,)"


def test_full_disk_at_the_start_gives_a_one_line_error_naming_the_store(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(StoreFull, match="the lock file of the store cannot be written") as error:
        StoreLock(path, "a dialler")
    monkeypatch.undo()

    assert is_one_line(error.value, path)
    StoreLock(path, "a dialler").release_lock()  # the failed start holds no lock
