"""Headquarters for tests: what centres announce, a gatherer that runs, and its books to look into."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from dialer.domain.clock import SystemClock
from dialer.hq.database import database
from dialer.hq.gather import Gatherer
from dialer.hq.snapshots import Snapshots
from dialer.nats import messages
from dialer.nats.messages import BatchRow, OutboxBatch
from dialer.nats.session import connected
from dialer.settings.headquarters import HqSettings
from tests.support.waiting import HANG_SECONDS

NOW = 1_713_764_000.0  # Monday 22 April 2024, 11:03 in India


def hq_settings(server: str, books: str, *centres: str) -> HqSettings:
    """Headquarters of these centres, each of the zone `z1`."""
    return HqSettings.model_validate(
        {
            "servers": [server],
            "centres": [{"id": centre, "zone": "z1"} for centre in centres],
            "gather": {"database": books, "keep_days": 3650},  # `NOW` is years ago
        }
    )


def mark_row(
    number: int, serial: int, kind: str = "voted", *, source: str = "agent", undoes: str | None = None, key: str = ""
) -> BatchRow:
    """A mark of a voter of part 2, made at id `number`."""
    told = {
        "key": key or f"k{number}",
        "voter_id": 7,
        "kind": kind,
        "source": source,
        "at": NOW + number,
        "undoes": undoes,
    }
    place = {"roll_version": "2026-1", "state_code": "S13", "constituency_number": 209, "part_number": 2}
    return BatchRow(number, "results/marks", NOW + number, json.dumps({**told, "place": {**place, "serial": serial}}))


def attempt_row(number: int, outcome: str = "connected", *, attempt: str = "") -> BatchRow:
    """An attempt's end."""
    fields = {"attempt_id": attempt or f"a{number}", "outcome": outcome}
    return BatchRow(number, "results/attempts", NOW + number, json.dumps(fields))


def row(number: int, topic: str, **fields: Any) -> BatchRow:
    """Another row."""
    return BatchRow(number, f"results/{topic}", NOW + number, json.dumps(fields))


def batch(
    rows: Sequence[BatchRow], *, first: int = 0, last: int = 0, centre: str = "pune-1", gone: int = 0
) -> OutboxBatch:
    """A batch of these rows, which covers their ids and no more unless it says so."""
    return OutboxBatch(centre, messages.VERSION, first or rows[0].id, last or rows[-1].id, tuple(rows), gone)


@contextlib.asynccontextmanager
async def gathering(settings: HqSettings) -> AsyncIterator[Gatherer]:
    """A gatherer that runs, on a connection of its own."""
    async with connected(settings.servers, "gather") as session:
        await Snapshots(settings, session).answer()
        gatherer = Gatherer(settings, session, SystemClock())
        running = asyncio.create_task(gatherer.run())
        try:
            yield gatherer
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


async def looked(address: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows of a query in the books."""
    async with database(address) as books:
        return await books.ask(sql, *values)


async def until_true(wanted: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(HANG_SECONDS):
        while not wanted():
            await asyncio.sleep(0.02)


async def until_found(address: str, sql: str, wanted: object) -> None:
    """Wait until a query in the books gives these rows."""
    found: object = None
    try:
        async with asyncio.timeout(HANG_SECONDS), database(address) as books:
            while (found := await books.ask(sql)) != wanted:
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{sql}: {found}, not {wanted}") from None
