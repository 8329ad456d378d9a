"""The share of the gatherer's time that one centre may use."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialer.domain.clock import LoopClock
from dialer.domain.sealed_epochs import SealedEpoch
from dialer.hq import batch_import, seal_records
from dialer.hq.batch_import import BatchImporter, ParsedRow
from dialer.hq.cpu_share import BURST_SECONDS, SHARE, CpuShares
from dialer.hq.ledger import CentreRows, ResultRow, parse_outbox_row
from dialer.hq.seal_chains import SealChain
from dialer.hq.stores import KnownStore, StoreSightings, StoreState
from tests.support.headquarters import NOW, hq_settings
from tests.support.sealing import SealingStore, sealed_row


def count_read(shares: CpuShares, centre: str, cost: float, per_second: int, seconds: int) -> int:
    """Return how many messages of a centre are read that arrive at this rate, each with this cost (seconds)."""
    read = 0
    for number in range(per_second * seconds):
        if shares.has_centre_cpu_time_left(centre, number / per_second):
            read += 1
            shares.subtract_cpu_time(centre, cost)
    return read


def test_slow_messages_of_a_centre_use_only_its_own_share_of_processor_time() -> None:
    read = count_read(CpuShares(), "pune-1", 0.085, 100, 60)
    assert read * 0.085 <= BURST_SECONDS + 60 * SHARE + 0.085


def test_headquarters_reads_all_full_batches_of_a_centre_that_catches_up() -> None:
    assert count_read(CpuShares(), "pune-1", 0.005, 20, 600) == 12_000


def test_centre_over_its_share_of_cpu_time_does_not_delay_other_centres() -> None:
    shares = CpuShares()
    count_read(shares, "pune-1", 1.0, 100, 1)
    assert not shares.has_centre_cpu_time_left("pune-1", 1.0)
    assert shares.has_centre_cpu_time_left("pune-2", 1.0)


async def test_cpu_time_to_verify_a_signed_log_counts_towards_the_share_of_its_centre(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = 0.0

    class SlowChain(SealChain):
        """A chain of which each epoch takes a fifth of a second to check."""

        def add_signed_log_entry(
            self, epoch: SealedEpoch, store_began_at: float, known_epochs: Mapping[str, int], now: float
        ) -> bool:
            nonlocal used
            used += 0.2
            return False

    async def read_slow_chain(*_: object) -> SealChain:
        return SlowChain()

    async def ignore(*_: object) -> dict[str, int]:
        return {}

    monkeypatch.setattr(batch_import, "time", SimpleNamespace(thread_time=lambda: used))
    monkeypatch.setattr(seal_records, "read_signed_log_of_store", read_slow_chain)
    monkeypatch.setattr(seal_records, "write_signed_log_of_store", ignore)
    monkeypatch.setattr(seal_records, "find_numbers_of_log_entries", ignore)
    shares, store = CpuShares(), SealingStore.create()
    for subject in ("up.pune-1", "up.pune-2"):
        assert shares.has_centre_cpu_time_left(subject, 0.0)
    settings = hq_settings("nats://one", "postgresql:///hq", "pune-1", "pune-2")
    importer = BatchImporter(settings, cast(Any, None), LoopClock(NOW), StoreSightings(), shares)
    results: list[ParsedRow[ResultRow]] = []
    for number, kind in enumerate(["start", *["minute"] * 5], 1):
        row, fields = parse_outbox_row("pune-1", sealed_row(number, store.seal(kind)), NOW)
        assert isinstance(row, ResultRow)
        results.append(ParsedRow(row, fields))
    rows = CentreRows(KnownStore("1" * 32, None, StoreState.ACCEPTED, 0, NOW, ""))
    await importer._check_signed_log_entries({"pune-1": rows}, results, NOW)
    assert used > BURST_SECONDS
    assert not shares.has_centre_cpu_time_left("up.pune-1", 0.0)
    assert shares.has_centre_cpu_time_left("up.pune-2", 0.0)
