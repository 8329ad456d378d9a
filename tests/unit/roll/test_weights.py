"""Files of voters' weights are imported completely or not at all, and change the order of calls immediately."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.errors import RollError
from dialer.roll.weights import import_calling_weights_from_file, import_changed_calling_weights
from dialer.store.store import open_store
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_store

HEAD = "AC_NO,PART_NO,SLNOINPART,WEIGHT\n"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a store with six voters of one booth, who share numbers and are enrolled in a campaign."""
    path = tmp_path / "centre.db"
    fill_roll(path, 6, voters_per_booth=20)

    async def enrol() -> None:
        async with await open_store(path) as opened:
            await opened.add_or_update_campaign("c", CampaignKind.AGENTS, Purpose.TURNOUT)
            await opened.add_roll_numbers_to_queue("c")

    asyncio.run(enrol())
    return path


def write_weights(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "weights.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_imported_voter_weights_change_the_order_of_calls(tmp_path: Path, store: Path) -> None:
    before = query_store(store, "SELECT phone_id, -rank FROM target ORDER BY phone_id")
    assert before == [(1, 1.0), (2, 1.0), (3, 2.0), (4, 1.0), (5, 1.0)]
    file = write_weights(tmp_path, HEAD + "174,1,1,3\n174,1,4,0.5\n174,1,99,2\n174,1,2,1\n\n")
    done: list[float] = []
    result = import_calling_weights_from_file(file, store, done.append)
    assert (result.rows, result.changed, result.unknown) == (4, 2, 1)
    assert done[-1] == 1.0
    assert query_store(store, "SELECT phone_id, -rank FROM target ORDER BY phone_id") == [
        (1, 3.0),
        (2, 1.0),
        (3, 1.5),
        (4, 1.0),
        (5, 1.0),
    ]
    assert import_calling_weights_from_file(file, store).changed == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("AC,PART,SERIAL\n174,1,1\n", "no column `weight`"),
        ("AC,AC_NO,PART,SERIAL,WEIGHT\n", "the column `constituency` more than once"),
        (HEAD + "174,1,1,2\n174,1,2,0\n", "row 3: the weight is not a number from 0.001 to 1000"),
        (HEAD + "174,1,1,2\n174,1,2,nan\n", "row 3: the weight"),
        (HEAD + "174,1,1,2\n174,one,2,1\n", "row 3: the cell in column `part` is not a whole number"),
        (HEAD + "174,1,1\n", "row 2: the weight"),
    ],
)
def test_file_of_voter_weights_with_an_error_changes_no_weight(
    tmp_path: Path, store: Path, text: str, message: str
) -> None:
    with pytest.raises(RollError, match=message):
        import_calling_weights_from_file(write_weights(tmp_path, text), store)
    assert query_store(store, "SELECT count(*) FROM voter WHERE weight <> 1") == [(0,)]


def add_second_roll(store: Path, version: str, state: str) -> None:
    """Store part 1 on a roll of another version or state, with another voter of serial 1."""
    with closing(sqlite3.connect(store)) as db:
        db.execute(
            "INSERT INTO booth (booth_id, roll_version, state_code, constituency_number, part_number) VALUES (90, ?, ?, 174, 1)",
            (version, state),
        )
        db.execute("INSERT INTO voter (voter_id, booth_id, serial) VALUES (900, 90, 1)")
        db.commit()


@pytest.mark.parametrize(
    ("version", "state", "column", "words"),
    [
        (
            "2026-2",
            "S24",
            "roll version",
            r"in several versions of the roll \(2026-1, 2026-2\): add the column `roll version` to",
        ),
        ("2026-1", "S13", "state", r"in the rolls of several states \(S13, S24\): add the column `state` to"),
    ],
)
def test_voter_weights_need_a_version_or_state_for_an_ambiguous_part(
    tmp_path: Path, store: Path, version: str, state: str, column: str, words: str
) -> None:
    add_second_roll(store, version, state)
    with pytest.raises(
        RollError, match=rf"row 3: the store has this part {words} the file you import; nothing was imported"
    ):
        import_calling_weights_from_file(write_weights(tmp_path, HEAD + "174,2,1,9\n174,1,1,50\n"), store)
    assert query_store(store, "SELECT count(*) FROM voter WHERE weight <> 1") == [(0,)]
    head = HEAD.replace("\n", f",{column}\n")
    wanted = version if column == "roll version" else state.lower()
    assert import_calling_weights_from_file(write_weights(tmp_path, f"{head}174,1,1,50,{wanted}\n"), store).changed == 1
    assert query_store(store, "SELECT voter_id FROM voter WHERE weight = 50") == [(900,)]
    with pytest.raises(RollError, match="row 2: "):
        import_calling_weights_from_file(write_weights(tmp_path, f"{head}174,1,1,50,nowhere\n"), store)


def test_unchanged_folder_of_voter_weights_is_reimported_only_after_a_roll_change(tmp_path: Path, store: Path) -> None:
    folder = tmp_path / "weights"
    assert import_changed_calling_weights(folder, store) == ({}, None)
    folder.mkdir()
    write_weights(folder, HEAD + "174,1,1,3\n")
    assert import_changed_calling_weights(folder, tmp_path / "none.db") == ({}, None)

    def import_weights_as_at_start() -> str | None:
        """Import the folder of weights as the dialler does at its start. Return the error, or None."""
        imported, error = import_changed_calling_weights(folder, store)

        async def record_settings_at_start() -> None:
            async with await open_store(store) as opened:
                await opened.record_settings_at_start({"centre.id": "x", **imported}, 1.0)

        asyncio.run(record_settings_at_start())
        return error

    def read_weight_after(by_hand: float) -> float:
        with closing(sqlite3.connect(store)) as db, db:
            db.execute("UPDATE voter SET weight = ? WHERE serial = 1", (by_hand,))
        assert import_weights_as_at_start() is None
        return float(query_store(store, "SELECT weight FROM voter WHERE serial = 1")[0][0])

    assert [read_weight_after(1.0), read_weight_after(5.0)] == [3.0, 5.0]
    write_weights(folder, HEAD + "174,1,1,4\n")
    assert [read_weight_after(5.0), read_weight_after(6.0)] == [4.0, 6.0]
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("DELETE FROM link WHERE voter_id = (SELECT max(voter_id) FROM voter)")
        db.execute("DELETE FROM voter WHERE voter_id = (SELECT max(voter_id) FROM voter)")
    assert read_weight_after(6.0) == 4.0
    write_weights(folder, HEAD + "174,1,1,many\n")
    error = import_weights_as_at_start()
    assert error is not None
    assert "the weight is not a number" in error
