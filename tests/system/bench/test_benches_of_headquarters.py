"""Benches of a headquarters, run for a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.benches import NEEDS_HEADQUARTERS, NEEDS_PROC, assert_bench_runs_to_its_end

pytestmark = [NEEDS_HEADQUARTERS, NEEDS_PROC]


@pytest.mark.parametrize("name", ["bench_headquarters", "bench_headquarters_down", "bench_hq_cluster", "bench_uplink"])
def test_each_benchmark_of_headquarters_completes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_bench_runs_to_its_end(name, tmp_path, monkeypatch)
