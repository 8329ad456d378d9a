"""The bench of the next call counts what it says it counts, and its contenders choose."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bench.bench_next_call import checked, share
from bench.next_call_contenders import all_choices
from bench.next_call_stage import Figures, Watch, built_store, noon_zone
from tests.support.roll_filler import VOTERS_PER_BOOTH


def test_a_call_that_is_still_wanted_keeps_its_time_and_is_counted() -> None:
    figures = Figures()
    watch = Watch(figures)
    watch.wants(2)
    watch.got()
    watch.wants(1)  # the other one has waited for a claim
    assert figures.waited == 1
    watch.got()
    watch.handed(2)
    assert (len(figures.chosen), len(figures.handed)) == (2, 2)
    assert 0 < figures.chosen[0] < figures.chosen[1]


@pytest.mark.parametrize("hour", range(24))
def test_it_is_noon_where_the_bench_runs(hour: int) -> None:
    now = datetime(2024, 4, 26, hour, 30, tzinfo=ZoneInfo("UTC"))
    assert now.astimezone(ZoneInfo(noon_zone(now))).hour == 12


def test_every_contender_chooses_and_none_chooses_twice(tmp_path: Path) -> None:
    voters = 3 * VOTERS_PER_BOOTH
    store = built_store(tmp_path, voters)
    assert built_store(tmp_path, voters) == store
    contenders = all_choices(store, voters, 3, 8)
    assert [len(set(each.numbers)) for each in contenders] == [8, 8, 8, 8]
    assert not any(each.wrong for each in contenders)
    checked(store)


def test_percentiles_are_of_the_values() -> None:
    assert share([3.0, 1.0, 2.0], 0.5) == 2.0
    assert share([1.0], 0.99) == 1.0
