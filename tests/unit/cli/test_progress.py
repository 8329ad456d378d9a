"""Progress output of long commands."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from dialer.cli.progress import show_progress


def test_command_without_a_terminal_prints_a_progress_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    output = io.StringIO()
    with show_progress("speaking", Console(file=output)) as advance:
        for done in range(31):
            now = 100.0 + done
            advance(done / 40, f"{done} of 40")
    assert output.getvalue().splitlines() == [
        f"speaking: {share}, {done} of 40" for done, share in ((10, "25%"), (20, "50%"), (30, "75%"))
    ]


def test_command_with_a_short_task_prints_no_progress() -> None:
    output = io.StringIO()
    with show_progress("speaking", Console(file=output)) as advance:
        advance(1.0)
    assert output.getvalue() == ""


def test_progress_bar_of_a_command_is_erased_at_its_end() -> None:
    screen = io.StringIO()
    with show_progress("importing", Console(file=screen, force_terminal=True, width=80)) as advance:
        advance(0.5, "10 rows")
    assert "importing" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")
