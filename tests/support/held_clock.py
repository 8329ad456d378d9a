"""A fixed wall clock, so that tests about days give the same result at any hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.clock import SystemClock

NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)  # noon in India, and the same day in both
TODAY = NOW.date()


def fix_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fix the time of `SystemClock` at `NOW` until the end of the test."""
    monkeypatch.setattr(SystemClock, "now", lambda _: NOW.timestamp())


def days_ago(days: int) -> str:
    """Return the date `days` before `TODAY` as YYYY-MM-DD."""
    return (TODAY - timedelta(days=days)).isoformat()
