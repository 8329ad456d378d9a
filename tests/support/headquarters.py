"""A headquarters for tests: rows of centres, a running gatherer, and queries of its database."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from dialer.domain.clock import SystemClock
from dialer.hq.database import open_database
from dialer.hq.gather import Gatherer
from dialer.hq.snapshots import SnapshotServer
from dialer.nats import messages
from dialer.nats.messages import BatchRow, OutboxBatch
from dialer.nats.session import open_session
from dialer.settings.headquarters import HqSettings
from tests.support.waiting import HANG_SECONDS

NOW = 1_713_764_000.0  # Monday 22 April 2024, 11:03 in India


def hq_settings(server: str, database_address: str, *centres: str, state: str = "S13") -> HqSettings:
    """Return the settings of a headquarters with these centres, all in the zone `z1`."""
    return HqSettings.model_validate(
        {
            "servers": [server],
            "centres": [{"id": centre, "zone": "z1", "state": state} for centre in centres],
            "gather": {"database": database_address, "keep_days": 3650},  # because `NOW` is years ago
        }
    )


def mark_row(
    number: int, serial: int, kind: str = "voted", *, source: str = "agent", undoes: str | None = None, key: str = ""
) -> BatchRow:
    """Return the outbox row `number`: a mark of a voter of part 2."""
    fields = {
        "key": key or f"k{number}",
        "voter_id": 7,
        "kind": kind,
        "source": source,
        "at": NOW + number,
        "undoes": undoes,
    }
    place = {"roll_version": "2026-1", "state_code": "S13", "constituency_number": 209, "part_number": 2}
    return BatchRow(number, "results/marks", NOW + number, json.dumps({**fields, "place": {**place, "serial": serial}}))


def attempt_row(number: int, outcome: str = "connected", *, attempt: str = "") -> BatchRow:
    """Return the outbox row `number`: an ended attempt."""
    fields = {"attempt_id": attempt or f"a{number}", "outcome": outcome}
    return BatchRow(number, "results/attempts", NOW + number, json.dumps(fields))


def row(number: int, topic: str, **fields: Any) -> BatchRow:
    """Return the outbox row `number`: a result with these fields."""
    return BatchRow(number, f"results/{topic}", NOW + number, json.dumps(fields))


def batch(
    rows: Sequence[BatchRow], *, first: int = 0, last: int = 0, centre: str = "pune-1", deleted_through: int = 0
) -> OutboxBatch:
    """Return a batch of these rows. It covers the ids from `first` to `last`, by default those of the rows."""
    return OutboxBatch(centre, messages.VERSION, first or rows[0].id, last or rows[-1].id, tuple(rows), deleted_through)


@contextlib.asynccontextmanager
async def run_gatherer(settings: HqSettings) -> AsyncIterator[Gatherer]:
    """Run a gatherer and a snapshot server, on a connection of their own."""
    async with open_session(settings.servers, "gather") as session:
        await SnapshotServer(settings, session).answer_snapshot_requests()
        gatherer = Gatherer(settings, session, SystemClock())
        running = asyncio.create_task(gatherer.import_batches_until_cancelled())
        try:
            yield gatherer
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


async def create_database(server_address: str, name: str) -> str:
    """Create an empty database on a PostgreSQL server, and return its address."""
    async with open_database(server_address) as db:
        await db.run_statement(f"CREATE DATABASE {name}")
    return server_address.replace("/postgres?", f"/{name}?")


async def query_database(address: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    async with open_database(address) as db:
        return await db.fetch_rows_as_tuples(sql, *values)


async def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(HANG_SECONDS):
        while not condition():
            await asyncio.sleep(0.02)


async def wait_for_rows(address: str, sql: str, expected: object) -> None:
    """Wait until a query returns these rows."""
    rows: object = None
    try:
        async with asyncio.timeout(HANG_SECONDS), open_database(address) as db:
            while (rows := await db.fetch_rows_as_tuples(sql)) != expected:
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{sql}: {rows}, not {expected}") from None
