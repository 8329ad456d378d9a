"""Rows that a centre sends again: the same rows are acknowledged, and other rows under the same ids are refused."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from dialer.domain.clock import SystemClock
from dialer.hq.batch_import import BatchImporter, BatchSender, ReceivedBatch
from dialer.hq.cpu_share import CpuShares
from dialer.hq.database import Database, open_database
from dialer.hq.stores import StoreSightings
from dialer.nats.messages import Acknowledgement, BatchRow, OutboxBatch, SendingStore
from dialer.settings.headquarters import HqSettings
from tests.support.headquarters import NOW, attempt_row, batch, create_database, hq_settings, mark_row, row

STORE = "1" * 32
FIRST_RUN, SECOND_RUN = (SendingStore(STORE, None, 0, run) for run in ("a" * 32, "b" * 32))
UNREADABLE = BatchRow(3, "results/attempts", NOW + 3, "no JSON")
SENT = [attempt_row(1), mark_row(2, 12), UNREADABLE, row(4, "seat-hours", seats=1, seconds={"ready": 60.0})]
SET_BACK = "was set back to an older copy"


@dataclass
class Gathering:
    """An importer of batches, and the acknowledgements of its last commit."""

    db: Database
    settings: HqSettings
    position: int = 0
    acks: dict[BatchSender, Acknowledgement] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Start with another importer, as a restarted gatherer does."""
        self.importer = BatchImporter(self.settings, self.db, SystemClock(), StoreSightings(), CpuShares())

    async def commit(self, *batches: OutboxBatch) -> Acknowledgement:
        """Commit batches together. Return the acknowledgement for the sender of the last one."""
        received = [ReceivedBatch(self.position + n, NOW, "up.pune-1", each) for n, each in enumerate(batches, 1)]
        self.acks = await self.importer.commit_batches("UP.1", self.position, received)
        self.position += len(batches)
        store = batches[-1].store
        return self.acks[BatchSender("pune-1", store.incarnation, store.run)]

    async def read_attempts(self) -> list[str]:
        found = await self.db.fetch_rows_as_tuples(
            "SELECT key FROM result WHERE topic = 'results/attempts' ORDER BY at, key"
        )
        return [key for (key,) in found]

    async def read_problem(self) -> str:
        return await self.db.fetch_value("SELECT problem FROM centre WHERE centre = 'pune-1'") or ""


@pytest.fixture
async def gathering(address: str) -> AsyncIterator[Gathering]:
    settings = hq_settings("nats://unused", await create_database(address, f"hq_{uuid.uuid4().hex[:8]}"), "pune-1")
    async with open_database(settings.gather.database.get_secret_value()) as db:
        await db.prepare_schema()
        await db.run_statement("INSERT INTO centre (centre, zone) VALUES ('pune-1', 'z1')")
        yield Gathering(db, settings)


def batch_of(store: SendingStore, rows: Sequence[BatchRow]) -> OutboxBatch:
    return replace(batch(rows), store=store)


async def test_resent_result_rows_are_acknowledged_up_to_the_end_of_the_batch(
    gathering: Gathering,
) -> None:
    await gathering.commit(batch_of(FIRST_RUN, SENT))
    for rows in (SENT[:1], SENT[:2], SENT[1:3], SENT):
        ack = await gathering.commit(batch_of(FIRST_RUN, rows))
        assert (ack.through, ack.last_id, ack.problem, ack.run) == (rows[-1].id, 4, "", FIRST_RUN.run)


async def test_result_rows_sent_twice_before_a_commit_of_headquarters_are_acknowledged(gathering: Gathering) -> None:
    sent = batch_of(FIRST_RUN, SENT)
    assert (await gathering.commit(sent, sent)).through == 4
    assert await gathering.read_attempts() == ["a1"]


async def test_repeated_voter_status_outside_the_centres_area_is_acknowledged_each_time(
    gathering: Gathering,
) -> None:
    correct = gathering.settings
    other_area = correct.centres[0].model_copy(update={"state": "S99"})
    gathering.settings = correct.model_copy(update={"centres": (other_area,)})
    gathering.restart()
    sent = batch_of(FIRST_RUN, [mark_row(1, 12)])
    assert (await gathering.commit(sent)).through == 1
    assert (await gathering.commit(sent)).through == 1
    gathering.settings = correct
    gathering.restart()
    await gathering.importer.retry_rejected_rows()
    assert await gathering.db.fetch_value("SELECT count(*) FROM mark") == 1
    assert (await gathering.commit(sent)).through == 1


@pytest.mark.parametrize(
    "other",
    [
        attempt_row(1, attempt="other"),
        replace(attempt_row(1), at=NOW + 9),
        replace(mark_row(1, 12), payload=mark_row(2, 12, key="other").payload),
        replace(UNREADABLE, id=1),
        mark_row(2, 13),
        mark_row(2, 12, key="other"),
        attempt_row(3),
        replace(UNREADABLE, payload="other"),
        row(4, "seat-hours", seats=1, seconds={"ready": 61.0}),
    ],
)
async def test_store_that_reuses_a_row_id_is_refused_as_an_older_copy(gathering: Gathering, other: BatchRow) -> None:
    await gathering.commit(batch_of(FIRST_RUN, SENT))
    ack = await gathering.commit(batch_of(SECOND_RUN, [other, attempt_row(5)]))
    assert (ack.through, ack.last_id, ack.is_set_back, ack.run) == (None, None, True, SECOND_RUN.run)
    assert SET_BACK in ack.problem
    assert await gathering.read_attempts() == ["a1"]
    assert await gathering.read_problem() == ack.problem


async def test_old_repeated_result_row_is_accepted_if_headquarters_may_have_deleted_the_original(
    gathering: Gathering,
) -> None:
    now = SystemClock().now()
    gathering.settings = gathering.settings.model_copy(
        update={"gather": gathering.settings.gather.model_copy(update={"keep_days": 30})}
    )
    gathering.restart()
    await gathering.commit(batch_of(FIRST_RUN, [replace(attempt_row(1), at=now), replace(attempt_row(2), at=now)]))
    day = 86_400.0
    old = replace(attempt_row(1, attempt="other"), at=now - 29.5 * day)
    impossible = replace(attempt_row(2, attempt="other"), at=-1.0)
    ack = await gathering.commit(batch_of(FIRST_RUN, [old, impossible]))
    assert (ack.through, ack.problem) == (2, "")
    ack = await gathering.commit(batch_of(FIRST_RUN, [replace(old, at=now - 28.5 * day)]))
    assert ack.is_set_back


@pytest.mark.parametrize("resent", [SENT[:1], SENT[3:]])
async def test_result_row_stored_by_an_earlier_headquarters_version_is_accepted_when_sent_again(
    gathering: Gathering, resent: list[BatchRow]
) -> None:
    """Otherwise an upgrade would stop the campaigns of each centre that sends a row again."""
    await gathering.commit(batch_of(FIRST_RUN, SENT))
    await gathering.db.run_statement("UPDATE result SET key = 'of an earlier version'")
    assert (await gathering.commit(batch_of(FIRST_RUN, resent))).through == resent[-1].id


async def test_batch_from_a_restored_older_store_stays_refused_after_a_later_valid_batch(
    gathering: Gathering,
) -> None:
    good, other = batch_of(FIRST_RUN, SENT), [attempt_row(1, attempt="other"), attempt_row(5)]
    ack = await gathering.commit(good, batch_of(FIRST_RUN, other), good)
    assert (ack.through, ack.is_set_back) == (None, True)
    assert SET_BACK in await gathering.read_problem()
    assert await gathering.read_attempts() == ["a1"]


async def test_results_sent_after_a_store_was_set_back_are_refused(
    gathering: Gathering,
) -> None:
    """The gatherer was down when the store was set back, and reads both batches afterwards."""
    refused = batch_of(SECOND_RUN, [attempt_row(1, attempt="other"), attempt_row(5)])
    ack = await gathering.commit(batch_of(FIRST_RUN, SENT), refused)
    assert ack.is_set_back
    assert gathering.acks[BatchSender("pune-1", STORE, FIRST_RUN.run)].through == 4
    problem = await gathering.read_problem()
    assert problem.count(SET_BACK) == 1
    assert "1 rows are set aside" in problem
