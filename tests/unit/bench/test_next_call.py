"""The bench of the next call: its counts, and its contenders."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bench.bench_next_call import check_store, percentile
from bench.next_call_contenders import run_contenders
from bench.next_call_stage import CallWatch, Figures, build_store, noon_zone
from tests.support.roll_filler import VOTERS_PER_BOOTH


def test_benchmark_counts_calls_without_a_claimed_number_and_measures_their_delays() -> None:
    figures = Figures()
    watch = CallWatch(figures)
    watch.note_wanted(2)
    watch.note_chosen()
    watch.note_wanted(1)  # the second call is waiting for a claim
    assert figures.waited == 1
    watch.note_chosen()
    watch.note_handed(2)
    assert (len(figures.chosen), len(figures.handed)) == (2, 2)
    assert 0 < figures.chosen[0] < figures.chosen[1]


@pytest.mark.parametrize("hour", range(24))
def test_benchmark_finds_a_time_zone_in_which_the_local_time_is_noon(hour: int) -> None:
    now = datetime(2024, 4, 26, hour, 30, tzinfo=ZoneInfo("UTC"))
    assert now.astimezone(ZoneInfo(noon_zone(now))).hour == 12


def test_every_benchmarked_method_chooses_each_phone_number_once(tmp_path: Path) -> None:
    voters = 3 * VOTERS_PER_BOOTH
    store = build_store(tmp_path, voters)
    assert build_store(tmp_path, voters) == store
    contenders = run_contenders(store, voters, 3, 8)
    assert [len(set(each.numbers)) for each in contenders] == [8, 8, 8, 8]
    assert not any(each.wrong for each in contenders)
    check_store(store, in_order=True)


def test_percentile_of_measured_times_is_one_of_the_measured_times() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([1.0], 0.99) == 1.0
