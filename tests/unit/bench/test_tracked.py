"""Figures of speed by commit: their file, and the printed change."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.bench_tracked import (
    CALIBRATION,
    compare_with_calibration_loop,
    print_changes,
    read_stored_figures,
    store_figures,
)
from bench.common import Result


def test_benchmark_cpu_time_is_given_relative_to_a_calibration_loop() -> None:
    results = [Result(CALIBRATION, "other", cpu=[0.02, 0.03, 0.04]), Result("a call", "other", cpu=[0.06, 0.09, 0.3])]
    assert compare_with_calibration_loop(results) == {"a call": pytest.approx(3000.0)}


def test_cpu_time_of_a_benchmark_with_wrong_results_is_refused() -> None:
    results = [
        Result(CALIBRATION, "other", cpu=[0.02]),
        Result("a call", "other", cpu=[0.06], void="2 calls were lost"),
    ]
    with pytest.raises(RuntimeError, match="a call: 2 calls were lost"):
        compare_with_calibration_loop(results)


def test_benchmark_history_has_one_entry_per_commit_newest_last(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    assert read_stored_figures(path) == []
    for commit, figure in (("aaa", 1.0), ("bbb", 2.0), ("aaa", 3.00004)):
        store_figures(path, commit, {"a call": figure})
    assert [(each["commit"], each["figures"]) for each in read_stored_figures(path)] == [
        ("bbb", {"a call": 2.0}),
        ("aaa", {"a call": 3.0}),
    ]


def test_benchmark_changes_since_the_last_stored_commit_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    store_figures(path, "0123456789", {"a call": 2.0})
    print_changes({"a call": 2.5, "a new figure": 7.0}, read_stored_figures(path))
    head, call, new = capsys.readouterr().out.splitlines()
    assert head.split()[-3:] == ["01234567", "now", "change"]
    assert call.split() == ["a", "call", "2", "2.5", "+25", "%"]
    assert new.split() == ["a", "new", "figure", "-", "7", "-"]
