"""Benches that compare parts of the dialler with other software, run for a moment: all that no other file runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.run_all import list_benches
from tests.support.benches import assert_bench_runs_to_its_end

ELSEWHERE = {
    "bench_cps_queue",
    "bench_desk",
    "bench_desk_load",
    "bench_engine",
    "bench_headquarters",
    "bench_headquarters_down",
    "bench_hq_cluster",
    "bench_paced",
    "bench_servers",
    "bench_soak",
    "bench_uplink",
}
"""The benches that the other files of this directory run."""


@pytest.mark.parametrize("name", [name for name in list_benches() if name not in ELSEWHERE])
def test_each_benchmark_of_a_dialler_component_completes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_bench_runs_to_its_end(name, tmp_path, monkeypatch)
