"""Benches of the desk, run for a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.benches import NEEDS_PROC, assert_bench_runs_to_its_end

pytestmark = [NEEDS_PROC]


@pytest.mark.parametrize("name", ["bench_desk", "bench_desk_load"])
def test_each_benchmark_of_the_web_desk_completes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_bench_runs_to_its_end(name, tmp_path, monkeypatch)
