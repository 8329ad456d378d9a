"""A store that is filled by hand, and the settings of its site."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.report_store import HandFilled


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HandFilled]:
    """A roll of sixty voters in three booths, and two campaigns."""
    made = HandFilled(tmp_path / "centre.db")
    with closing(made.db):
        yield made


@pytest.fixture
def one_state(store: HandFilled) -> Path:
    """Settings; the third booth is of another constituency, and some live at an address that a spreadsheet takes for a formula."""
    store.db.execute("UPDATE booth SET constituency_number = 175 WHERE booth_id = 3")
    store.db.execute("UPDATE voter SET section = '=A, B Road' WHERE voter_id <= 5")
    path = store.path.parent / "centre.toml"
    path.write_text(f'[centre]\ntime_zone = "Asia/Kolkata"\n[store]\npath = "{store.path}"\n', encoding="utf-8")
    return path


@pytest.fixture
def config(one_state: Path) -> Path:
    """The same, where no file of tests has another in mind."""
    return one_state
