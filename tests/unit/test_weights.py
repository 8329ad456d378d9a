"""Files of voters' weights: taken whole or not at all, and felt at once in the queues."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dialer.errors import RollError
from dialer.model import CampaignKind, Purpose
from dialer.roll.weights import import_weights
from dialer.store.sqlite import open_store
from tests.support.roll_filler import fill_roll

HEAD = "AC_NO,PART_NO,SLNOINPART,WEIGHT\n"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Six voters of one booth on four numbers, enrolled in a campaign."""
    path = tmp_path / "centre.db"
    fill_roll(path, 6, voters_per_booth=20)

    async def enrol() -> None:
        async with await open_store(path) as opened:
            await opened.ensure_campaign("c", CampaignKind.AGENTS, Purpose.TURNOUT)
            await opened.enrol("c")

    asyncio.run(enrol())
    return path


def rows(path: Path, statement: str) -> list[tuple[float, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(statement).fetchall()


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "weights.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_weights_are_taken_and_the_queue_follows(tmp_path: Path, store: Path) -> None:
    before = rows(store, "SELECT phone_id, -rank FROM target ORDER BY phone_id")
    assert before == [(1, 1.0), (2, 1.0), (3, 2.0), (4, 1.0), (5, 1.0)]
    file = written(tmp_path, HEAD + "174,1,1,3\n174,1,4,0.5\n174,1,99,2\n174,1,2,1\n\n")
    done: list[float] = []
    result = import_weights(file, store, done.append)
    assert (result.rows, result.changed, result.unknown) == (4, 2, 1)
    assert done[-1] == 1.0
    assert rows(store, "SELECT phone_id, -rank FROM target ORDER BY phone_id") == [
        (1, 3.0),
        (2, 1.0),
        (3, 1.5),
        (4, 1.0),
        (5, 1.0),
    ]
    assert import_weights(file, store).changed == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("AC,PART,SERIAL\n174,1,1\n", "no column weight"),
        ("AC,AC_NO,PART,SERIAL,WEIGHT\n", "more than one column constituency"),
        (HEAD + "174,1,1,2\n174,1,2,0\n", "row 3: the weight is not a number from 0.001 to 1000"),
        (HEAD + "174,1,1,2\n174,1,2,nan\n", "row 3: the weight"),
        (HEAD + "174,1,1,2\n174,one,2,1\n", "row 3: part is not a whole number"),
        (HEAD + "174,1,1\n", "row 2: the weight"),
    ],
)
def test_a_file_with_a_mistake_changes_nothing(tmp_path: Path, store: Path, text: str, complaint: str) -> None:
    with pytest.raises(RollError, match=complaint):
        import_weights(written(tmp_path, text), store)
    assert rows(store, "SELECT count(*) FROM voter WHERE weight <> 1") == [(0,)]
