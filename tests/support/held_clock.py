"""A wall clock that stands still: what a test expects of a day holds at every hour, and over midnight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.clock import SystemClock

NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)  # noon in India, and the same day in both
TODAY = NOW.date()


def hold_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it be `NOW` for all of the product that asks for the time of day, until the test's end."""
    monkeypatch.setattr(SystemClock, "now", lambda _: NOW.timestamp())


def days_ago(days: int) -> str:
    """The day so many days before `TODAY`, as YYYY-MM-DD."""
    return (TODAY - timedelta(days=days)).isoformat()
