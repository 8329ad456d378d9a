"""The program that runs every bench: which ends are failures, and what it says about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.common import EXIT_GOAL_MISSED, Size
from bench.run_all import list_benches, main, run_bench
from tests.support.benches import LIMIT_SECONDS, REPOSITORY

ENDS = {
    "bench_good": "print('a figure')",
    "bench_missed": f"raise SystemExit({EXIT_GOAL_MISSED})",
    "bench_broken": "import sys; print('round 3 of 5', file=sys.stderr); raise SystemExit(7)",
    "bench_crashed": "raise ValueError('no such store')",
    "bench_hanging": "import threading; threading.Event().wait()",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with benches that end in different ways."""
    (tmp_path / "bench").mkdir()
    for name, program in ENDS.items():
        (tmp_path / "bench" / f"{name}.py").write_text(program + "\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("bench_good", ""),
        ("bench_missed", "a goal was missed"),
        ("bench_broken", "ended with status 7; its last message was: round 3 of 5"),
        ("bench_crashed", "ended with status 1; its last message was: ValueError: no such store"),
    ],
)
def test_failed_benchmark_is_reported_with_its_last_message(folder: Path, name: str, problem: str) -> None:
    assert run_bench(name, Size.FULL, LIMIT_SECONDS, folder) == problem


def test_benchmark_that_hangs_is_stopped_and_reported(folder: Path) -> None:
    problem = run_bench("bench_hanging", Size.FULL, 1.0, folder)
    assert problem.startswith("did not end in 1 s; its last message was:")


@pytest.mark.usefixtures("folder")
def test_missed_performance_goal_is_reported_but_does_not_fail_the_benchmark_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["bench_good", "bench_missed"]) == 0
    printed = capsys.readouterr().out
    assert "2 of 2 benches ran to their end" in printed
    assert "bench_missed: a goal was missed" in printed


@pytest.mark.usefixtures("folder")
def test_crash_of_a_benchmark_fails_the_run_after_the_remaining_benchmarks_have_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["bench_crashed", "bench_good"]) == 1
    printed = capsys.readouterr().out
    assert "1 of 2 benches ran to their end" in printed
    assert "bench_crashed: ended with status 1" in printed


def test_benchmark_list_contains_benchmarks_of_engine_pacing_and_store() -> None:
    assert {"bench_engine", "bench_pacing", "bench_store"} <= set(list_benches())
