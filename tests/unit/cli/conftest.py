"""Fixtures for the tests of the command line: a store with the voters of a town."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.held_clock import fix_clock
from tests.support.roll_filler import fill_roll


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    fix_clock(monkeypatch)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a store with sixty voters and the campaign `town`."""
    path = tmp_path / "centre.db"
    fill_roll(path, 60, voters_per_booth=20)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('town', 'agents', 'turnout')")
    return path
