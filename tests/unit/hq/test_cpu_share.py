"""The share of the gatherer's time that one centre may use."""

from __future__ import annotations

from dialer.hq.cpu_share import BURST_SECONDS, SHARE, CpuShares


def count_read(shares: CpuShares, centre: str, cost: float, per_second: int, seconds: int) -> int:
    """Return how many messages of a centre are read that arrive at this rate, each with this cost (seconds)."""
    read = 0
    for number in range(per_second * seconds):
        if shares.has_centre_computing_time_left(centre, number / per_second):
            read += 1
            shares.subtract_used_computing_time(centre, cost)
    return read


def test_slow_messages_of_a_centre_use_only_its_share_of_processor_time() -> None:
    read = count_read(CpuShares(), "pune-1", 0.085, 100, 60)
    assert read * 0.085 <= BURST_SECONDS + 60 * SHARE + 0.085


def test_full_batches_of_a_centre_that_catches_up_are_all_read() -> None:
    assert count_read(CpuShares(), "pune-1", 0.005, 20, 600) == 12_000


def test_centre_that_has_used_its_share_of_processor_time_delays_no_other_centre() -> None:
    shares = CpuShares()
    count_read(shares, "pune-1", 1.0, 100, 1)
    assert not shares.has_centre_computing_time_left("pune-1", 1.0)
    assert shares.has_centre_computing_time_left("pune-2", 1.0)
