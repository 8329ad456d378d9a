"""Lists of booth workers are imported completely or not at all, and can be updated by later lists."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.enums import PacingPolicy
from dialer.domain.errors import RollError
from dialer.domain.finding import Level
from dialer.roll.workers import WorkersResult, import_booth_workers
from dialer.site.checks.before_start import check_site
from tests.support.command_line import run
from tests.support.roll_filler import fill_roll
from tests.support.rules import site
from tests.support.stored import query_store

FIRST, SECOND = "+919810000001", "+919810000002"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    fill_roll(tmp_path / "centre.db", 30, voters_per_booth=10)
    return tmp_path / "centre.db"


def import_list(store: Path, text: str, **options: Any) -> WorkersResult:
    file = store.with_name("workers.csv")
    file.write_text(text, encoding="utf-8")
    return import_booth_workers(file, store, "IN", **options)


WORKERS = """SELECT e164, name, language, gone, group_concat(booth_id) FROM worker JOIN phone USING (phone_id)
JOIN worker_booth USING (worker_id) GROUP BY worker_id ORDER BY worker_id"""


def test_booth_worker_list_may_have_digits_of_any_script(store: Path) -> None:
    text = (
        f"AC No,Part,Mobile,Name,Language\n१७४,1; 3,98100 00001,Asha,hindi\n174,2,{SECOND},,\n174,3,{SECOND},Ravi,ta\n"
    )
    assert import_list(store, text) == WorkersResult(rows=3, workers=2, booths=3, opted_out=0, removed=0)
    assert query_store(store, WORKERS) == [(FIRST, "Asha", "hi", 0, "1,3"), (SECOND, "Ravi", "ta", 0, "2,3")]


def test_later_booth_worker_list_replaces_booths_but_keeps_other_details(store: Path) -> None:
    import_list(store, f"constituency,part,number,name,language\n174,1,{FIRST},Asha,hi\n174,2,{SECOND},Ravi,ta\n")
    result = import_list(store, f"constituency,part,number\n174,3,{FIRST}\n", replace=True)
    assert (result.workers, result.removed) == (1, 1)
    assert query_store(store, WORKERS) == [(FIRST, "Asha", "hi", 0, "3"), (SECOND, "Ravi", "ta", 1, "2")]
    assert import_list(store, f"constituency,part,number\n174,2,{SECOND}\n").removed == 0
    assert [gone for *_, gone, _ in query_store(store, WORKERS)] == [0, 0]


def test_booth_worker_number_with_two_names_is_reported_with_both_rows(store: Path) -> None:
    result = import_list(store, f"AC No,Part,Mobile,Name\n174,1,{FIRST},Asha\n174,2,{FIRST},asha\n174,3,{FIRST},Ravi\n")
    assert (result.workers, result.renamed) == (1, ((2, 4),))
    config = store.with_name("centre.toml")
    config.write_text(f'[store]\npath = "{store}"\n', encoding="utf-8")
    code, output = run("workers", "import", store.with_name("workers.csv"), "-c", config)
    assert (code, "rows 2 and 4 have the same number but different names" in output) == (0, True), output
    assert "3 rows: 1 worker at 3 booths" in output


def test_opted_out_booth_worker_stays_opted_out_after_an_import(store: Path) -> None:
    with closing(sqlite3.connect(store)) as db:
        db.execute("INSERT INTO opt_out (e164, at, source) VALUES (?, 1.0, 'request')", (FIRST,))
        db.commit()
    assert import_list(store, f"constituency,part,number\n174,1,{FIRST}\n").opted_out == 1
    assert query_store(store, "SELECT opted_out_at FROM worker JOIN phone USING (phone_id)") == [(1.0,)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("part,number\n1,9810000001\n", "no column `constituency`"),
        ("constituency,part,number\n", "has no booth workers"),
        ("constituency,part,number\n174,1,12\n", "row 2: the cell in column `number` is not exactly one valid"),
        (
            "constituency,part,number\n174,1,9810000001 / 9810000002\n",
            "row 2: the cell in column `number` is not exactly one valid",
        ),
        ("constituency,part,number\n174,,9810000001\n", "row 2: column `part` is empty"),
        ("constituency,part,number\n174,1a,9810000001\n", "row 2: the cell in column `part` is not a whole number"),
        ("constituency,part,number\n174,9,9810000001\n", "part 9 of constituency 174 is not on the roll"),
        ("constituency,part,number,language\n174,1,9810000001,klingon\n", "the language 'klingon' is unknown"),
        (
            "constituency,part,number\n174,1,9810000001\n175,1,9810000001\n",
            "row 3: the worker's number is also in row 2, in another constituency",
        ),
    ],
)
def test_booth_worker_list_with_an_invalid_row_imports_nobody(store: Path, text: str, words: str) -> None:
    with pytest.raises(RollError, match=words) as refused:
        import_list(store, text)
    assert "9810000" not in str(refused.value)
    assert "\n" not in str(refused.value)
    assert query_store(store, "SELECT count(*) FROM worker") == [(0,)]


def test_booth_worker_list_needs_a_roll_version_for_an_ambiguous_part(store: Path) -> None:
    with closing(sqlite3.connect(store)) as db:
        db.execute(
            "INSERT INTO booth (roll_version, state_code, constituency_number, part_number) VALUES ('2027', 'S24', 174, 1)"
        )
        db.commit()
    text = f"constituency,part,number\n174,1,{FIRST}\n"
    with pytest.raises(
        RollError, match=r"in several versions of the roll \(2026-1, 2027\): add the column `roll version`"
    ):
        import_list(store, text)
    assert import_list(store, text, roll_version="2027").booths == 1
    assert import_list(store, f"constituency,part,number,roll version\n174,1,{FIRST},2026-1\n").booths == 1
    assert query_store(store, "SELECT booth_id FROM worker_booth") == [(1,)]


def test_booth_worker_list_needs_a_state_for_an_ambiguous_part(store: Path) -> None:
    with closing(sqlite3.connect(store)) as db:
        db.execute(
            "INSERT INTO booth (booth_id, roll_version, state_code, constituency_number, part_number)"
            " SELECT 90, roll_version, 'S13', 174, 1 FROM booth WHERE booth_id = 1"
        )
        db.commit()
    with pytest.raises(
        RollError, match=r"row 2: the store has this part in the rolls of several states .*: add the column `state`"
    ):
        import_list(store, f"constituency,part,number\n174,1,{FIRST}\n")
    import_list(store, f"constituency,part,number,state\n174,1,{FIRST},s13\n")
    assert query_store(store, "SELECT booth_id FROM worker_booth") == [(90,)]


async def test_dialer_check_reports_a_booth_worker_campaign_without_polling_day() -> None:
    campaign = {"purpose": "booth-workers", "kind": "agents"}
    for polls, verdicts in (([], [Level.ERROR]), ([{"day": "2026-04-26"}], [])):
        settings = site(campaign=campaign, rules={"polls": polls}, ami={"port": 1}, broker={"enabled": False})
        found = [each async for each in check_site(settings) if "booth workers on polling days" in each.text]
        assert [each.level for each in found] == verdicts


def test_default_pacing_of_booth_worker_campaigns_is_progressive_or_broadcast() -> None:
    assert site(campaign={"purpose": "booth-workers"}).campaigns[0].pacing_policy is PacingPolicy.PROGRESSIVE
    assert site(campaign={"purpose": "booth-workers", "kind": "ivr", "flow": "booth_worker"}).campaigns[
        0
    ].pacing_policy is (PacingPolicy.BROADCAST)
    assert site().campaigns[0].pacing_policy is PacingPolicy.PREDICTIVE
