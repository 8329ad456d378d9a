"""How far a long command is."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from dialer.cli.progress import progress


def test_without_a_terminal_a_line_is_said_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    said = io.StringIO()
    with progress("speaking", Console(file=said)) as advance:
        for done in range(31):
            now = 100.0 + done
            advance(done / 40, f"{done} of 40")
    assert said.getvalue().splitlines() == [
        f"speaking: {share}, {done} of 40" for done, share in ((10, "25%"), (20, "50%"), (30, "75%"))
    ]


def test_what_is_done_at_once_says_nothing() -> None:
    said = io.StringIO()
    with progress("speaking", Console(file=said)) as advance:
        advance(1.0)
    assert said.getvalue() == ""


def test_of_a_bar_nothing_stays_on_a_terminal() -> None:
    screen = io.StringIO()
    with progress("importing", Console(file=screen, force_terminal=True, width=80)) as advance:
        advance(0.5, "10 rows")
    assert "importing" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")
