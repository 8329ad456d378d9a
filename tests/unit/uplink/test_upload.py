"""Acknowledgements of headquarters: which rows the uplink sends next, when the store gets a new identity, and whether the
centre's clock is wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from dialer.domain.clock import LoopClock
from dialer.mqtt.dialler_client import Reply
from dialer.nats.messages import UNASSIGNED_ID, Acknowledgement, OutboxBatch, pack_acknowledgement, unpack_batch
from dialer.nats.session import Session
from dialer.store.identity import StoreIdentity
from dialer.store.outbox import OutboxRow
from dialer.store.uplink_reader import UplinkReader
from dialer.uplink import batches, upload
from dialer.uplink.dialler import DiallerCommands
from dialer.uplink.upload import OutboxUpload
from tests.support.virtual import virtual_time

STORE, RUN = "1" * 32, "a" * 32
ROWS = 10
START = 1e9


class SilentServer(Session):
    """A session whose server stores batches. Tests answer them with `acknowledge`."""

    is_connected = True

    def __init__(self) -> None:
        self.batches: list[OutboxBatch] = []

    async def store_message(self, subject: str, data: bytes) -> int:
        self.batches.append(unpack_batch(data))
        return len(self.batches)

    async def publish_message(self, subject: str, data: bytes) -> None:
        pass

    async def subscribe_to_subject(self, subject: str, handle: Any) -> None:
        self._handle = handle

    async def acknowledge(self, through: int | None, **fields: Any) -> None:
        """Deliver an acknowledgement, and let the uplink send the next batch before a resend is due."""
        await self._handle("ack.pune-1", pack_acknowledgement(Acknowledgement(through, STORE, **fields)))
        await asyncio.sleep(0.5)

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The ranges of rows of the received batches."""
        return [(batch.first, batch.last) for batch in self.batches]


class StoreInMemory(UplinkReader, DiallerCommands):
    """A store with ten rows, and a dialler that records which ids the uplink confirms, and by how much its clock is ahead."""

    confirmed: list[int]
    clocks_ahead: list[int]

    def __init__(self) -> None:
        object.__setattr__(self, "confirmed", [])  # the class is frozen
        object.__setattr__(self, "clocks_ahead", [])

    def refuse_replaced_store(self) -> None:
        pass

    async def read_last_outbox_id_at_headquarters(self) -> int | None:
        return max([0, *self.confirmed])

    async def read_highest_outbox_id(self) -> int:
        return ROWS

    async def read_store_identity(self) -> StoreIdentity:
        return StoreIdentity(STORE, None, 0, RUN)

    async def read_outbox_rows_after(self, passed: int, limit: int) -> Sequence[OutboxRow]:
        rows = [OutboxRow(number, "results/marks", "{}", 1.0) for number in range(1, ROWS + 1)]
        return rows[passed : passed + limit]

    async def send_command_to_dialler(self, name: str, values: dict[str, Any]) -> Reply | None:
        if name == "confirm-uplink":
            self.confirmed.append(values["through"])
        else:
            self.clocks_ahead.append(values["clock_ahead_seconds"])
        return Reply("done", "")


@contextlib.asynccontextmanager
async def run_upload() -> AsyncIterator[tuple[SilentServer, StoreInMemory]]:
    server, store = SilentServer(), StoreInMemory()
    uploading = asyncio.create_task(
        OutboxUpload("pune-1", server, store, store, LoopClock(START)).send_results_until_cancelled()
    )
    await asyncio.sleep(0.5)
    yield server, store
    uploading.cancel()
    await asyncio.wait([uploading])


@pytest.fixture(autouse=True)
def _send_two_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (upload, batches):
        monkeypatch.setattr(module, "MAX_BATCH_ROWS", 2)


@virtual_time()
async def test_acknowledgement_for_a_store_before_its_restart_is_ignored() -> None:
    """It is from before the store was set back, or for a file, and is not about the rows that the store has now."""
    async with run_upload() as (server, _):
        for run in ("b" * 32, ""):
            await server.acknowledge(8, last_id=8, run=run)
        assert server.ranges == [(1, 2)]
        await server.acknowledge(2, last_id=8, run=RUN)
        assert server.ranges == [(1, 2), (3, 4)]


@virtual_time()
async def test_acknowledgement_sent_by_an_older_version_of_headquarters_is_obeyed() -> None:
    async with run_upload() as (server, _):
        await server.acknowledge(8)
        assert server.ranges == [(1, 2), (9, 10)]


@pytest.mark.parametrize(
    ("through", "fields", "confirmed"),
    [
        (None, {"is_set_back": True}, UNASSIGNED_ID),  # headquarters has other rows under the same ids
        (2, {"last_id": ROWS + 1}, UNASSIGNED_ID),  # headquarters has more rows than the store has yet
        (2, {"last_id": ROWS}, 2),
    ],
)
@virtual_time()
async def test_dialler_is_warned_of_missing_rows_only_after_an_older_store_was_restored(
    through: int | None, fields: dict[str, Any], confirmed: int
) -> None:
    async with run_upload() as (server, store):
        await server.acknowledge(through, run=RUN, **fields)
        await asyncio.sleep(2 * upload.REPORT_SECONDS)
        assert store.confirmed == [confirmed]


@virtual_time()
async def test_batch_refused_before_the_stores_restart_confirms_no_rows() -> None:
    async with run_upload() as (server, store):
        await server.acknowledge(None, run="b" * 32, is_set_back=True)
        await asyncio.sleep(2 * upload.REPORT_SECONDS)
        assert store.confirmed == []


def get_time_of_headquarters(ahead: float = 0.0) -> float:
    """Return headquarters' time now, if the centre's clock is `ahead` seconds ahead of it."""
    return START + asyncio.get_running_loop().time() - ahead


async def wait_for_report_of_clock() -> None:
    await asyncio.sleep(upload.STATUS_SECONDS)


@pytest.mark.parametrize("ahead", [45, -45])
@virtual_time()
async def test_single_acknowledgement_shows_that_the_clock_of_the_centre_is_wrong(ahead: float) -> None:
    async with run_upload() as (server, store):
        await server.acknowledge(2, at=get_time_of_headquarters(ahead))
        await wait_for_report_of_clock()
        assert store.clocks_ahead[-1] == pytest.approx(ahead, abs=1)


@virtual_time()
async def test_refusal_of_a_resent_batch_shows_that_the_clock_of_the_centre_is_wrong() -> None:
    async with run_upload() as (server, store):
        for ahead in (0, 0, 0, 0, 45):  # the batch is first sent more than 45 s before its last refusal
            sent = len(server.batches)
            await server.acknowledge(None, problem="two stores", at=get_time_of_headquarters(ahead))
            while len(server.batches) == sent:
                await asyncio.sleep(0.1)
        assert store.clocks_ahead[-1] == pytest.approx(45, abs=1)


@virtual_time()
async def test_delayed_acknowledgements_do_not_make_the_clock_of_the_centre_look_wrong() -> None:
    async with run_upload() as (server, store):
        written = get_time_of_headquarters()
        await asyncio.sleep(40.0)  # meanwhile, the batch is resent
        await server.acknowledge(2, at=written)
        assert server.ranges[-1] == (3, 4)
        await server.acknowledge(2, at=written)  # to the resent batch
        await wait_for_report_of_clock()
        assert {0} >= {*store.clocks_ahead}


@virtual_time()
async def test_clock_alert_ends_when_an_acknowledgement_confirms_the_time() -> None:
    async with run_upload() as (server, store):
        await server.acknowledge(2, at=get_time_of_headquarters(45))
        await wait_for_report_of_clock()
        await server.acknowledge(4, at=get_time_of_headquarters())
        await wait_for_report_of_clock()
        assert store.clocks_ahead[-2:] == [pytest.approx(45, abs=1), 0]
