"""Fixtures for report tests: a store with known rows, and the settings of its call centre."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.report_store import HandFilled


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HandFilled]:
    """Yield a store with a roll of 60 voters in three booths, and two campaigns."""
    made = HandFilled(tmp_path / "centre.db")
    with closing(made.db):
        yield made


@pytest.fixture
def one_state(store: HandFilled) -> Path:
    """Return the settings of a call centre whose third booth is in another constituency.

    The section of some voters is text that a spreadsheet would read as a formula.
    """
    store.db.execute("UPDATE booth SET constituency_number = 175 WHERE booth_id = 3")
    store.db.execute("UPDATE voter SET section = '=A, B Road' WHERE voter_id <= 5")
    path = store.path.parent / "centre.toml"
    path.write_text(f'[centre]\ntime_zone = "Asia/Kolkata"\n[store]\npath = "{store.path}"\n', encoding="utf-8")
    return path


@pytest.fixture
def config(one_state: Path) -> Path:
    """Return the settings of `one_state`; test modules may override this fixture."""
    return one_state
