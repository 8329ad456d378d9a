"""Benches of whole centres with calls, run for a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.benches import assert_bench_runs_to_its_end


@pytest.mark.parametrize(
    "name",
    ["bench_cps_queue", "bench_engine", "bench_fairness", "bench_paced", "bench_seats", "bench_servers", "bench_soak"],
)
def test_each_benchmark_of_call_handling_completes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_bench_runs_to_its_end(name, tmp_path, monkeypatch)
