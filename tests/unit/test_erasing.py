"""`dialer erase` and `dialer purge`: nothing that identifies is left in the file, and nobody is called again."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from config.errors import MatdanError
from dialer.cli import app
from dialer.roll.importer import ImportOptions, import_file
from dialer.store.sqlite import open_store
from tests.support.roll_filler import fill_roll
from tests.unit.roll_support import execute

SECRET = "twenty characters, at least"
TODAY = datetime.now(UTC).date()
NUMBER = "+917000000003"  # of voters 3 and 4


@pytest.fixture(params=[True, False], ids=["secret", "no-secret"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "centre.toml"
    secret = f'[rules]\nopt_out_secret = "{SECRET}"\n' if request.param else ""
    path.write_text(f'[store]\npath = "{tmp_path / "centre.db"}"\n{secret}', encoding="utf-8")
    fill_roll(tmp_path / "centre.db", 54, voters_per_booth=9)
    with contextlib.closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        db.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('a', 'agents', 'turnout')")
        db.execute("INSERT INTO target (campaign_id, phone_id, booth_id) SELECT 'a', phone_id, 1 FROM phone")
        db.execute("INSERT INTO register VALUES ('own', 0, 0, 1, '')")
        db.execute("INSERT INTO registered VALUES (?, 'own')", (NUMBER,))
        db.execute(
            "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
            " ended_at, outcome) VALUES ('x', 'a', 3, 3, 1, 't', 'c', 1, 2, 'connected')"
        )
        db.execute("INSERT INTO mark (key, voter_id, kind, source, at) VALUES ('k', 3, 'voted', 'agent', 2)")
        db.commit()
    return path


def run(*arguments: str | Path, given: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, [*map(str, arguments)], input=given)
    if isinstance(result.exception, MatdanError):
        return 2, str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def query(config: Path, sql: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(config.parent / "centre.db")) as db:
        return db.execute(sql).fetchall()


def in_the_files(config: Path, text: str) -> bool:
    return any(text.encode() in path.read_bytes() for path in config.parent.glob("centre.db*"))


def shares_a_secret(config: Path) -> bool:
    return "opt_out_secret" in config.read_text(encoding="utf-8")


async def callable_after_a_start(config: Path) -> set[str]:
    """What could be dialled once the dialler has started again."""
    async with await open_store(config.parent / "centre.db") as store:
        await store.hash_numbers(SECRET.encode() if shares_a_secret(config) else None)
        await store.enrol("a")
        claims = await store.claim("a", 1000, owner="test", now=1e9, lease_seconds=1)
    return {claim.number for claim in claims}


async def test_an_erased_number_leaves_the_file_and_no_roll_brings_it_back(config: Path, tmp_path: Path) -> None:
    assert in_the_files(config, NUMBER)
    assert in_the_files(config, "ABC0000004")
    code, text = run("erase", "70000 00003", "--voters", "--who", "officer", "-c", config)
    assert (code, text.splitlines()[0]) == (0, "erased; 2 voters' names too")
    assert not in_the_files(config, "ABC0000004")
    assert in_the_files(config, NUMBER) == (not shares_a_secret(config))
    assert ("the suppression list holds the number itself" in text) == (not shares_a_secret(config))
    assert query(config, "SELECT e164 FROM phone WHERE phone_id = 3") == [("erased-3",)]
    assert query(config, "SELECT outcome FROM attempt WHERE phone_id = 3") == [("connected",)]
    assert query(config, "SELECT kind, who FROM audit") == [("erase", "officer")]
    assert run("audit", "verify", "-c", config)[0] == 0

    roll = tmp_path / "roll.csv"
    roll.write_text(
        "AC_NO,PART_NO,SLNOINPART,FM_NAME_EN,MOBILE\n174,1,500,Again,7000000003\n174,1,501,New,9812345678\n"
    )
    import_file(roll, tmp_path / "centre.db", ImportOptions())
    dialled = await callable_after_a_start(config)
    assert "+919812345678" in dialled
    assert NUMBER not in dialled


def test_without_voters_the_names_stay_and_the_link_goes(config: Path) -> None:
    assert run("erase", NUMBER, "-c", config)[0] == 0
    assert query(config, "SELECT name FROM voter WHERE voter_id = 4") == [("Voter 4",)]
    assert query(config, "SELECT count(*) FROM link WHERE voter_id = 4") == [(0,)]


def test_a_number_on_no_roll_is_suppressed_all_the_same(config: Path) -> None:
    code, text = run("erase", "9812345678", "-c", config)
    assert (code, text.splitlines()[0]) == (0, "the number was on no roll here; it is suppressed all the same")
    assert in_the_files(config, "9812345678") == (not shares_a_secret(config))
    assert run("erase", "12345", "-c", config)[0] == 2


def days_ago(days: int) -> str:
    return (TODAY - timedelta(days=days)).isoformat()


async def test_a_purge_erases_everybody_and_keeps_what_must_be_kept(config: Path) -> None:
    execute(config.parent / "centre.db", "UPDATE voter SET weight = 4 WHERE voter_id = 12")
    run("optout", "add", "7000000009", "-c", config)
    code, text = run("purge", "--after", days_ago(10), "--dry-run", "-c", config)
    assert (code, "would erase 54 voters' names and 36 numbers" in text) == (0, True)
    assert "kept until" in text
    assert run("purge", "--after", days_ago(10), "-c", config, given="n\n")[1].endswith("nothing was erased\n")
    assert in_the_files(config, "Voter 12")

    code, text = run("purge", "--after", days_ago(10), "--yes", "-c", config)
    assert (code, "erased 54 voters' names and 36 numbers" in text) == (0, True)
    assert "1 attempts and 1 marks, which lead to nobody" in text
    assert not in_the_files(config, "Voter 12")
    assert query(config, "SELECT DISTINCT weight FROM voter") == [
        (1.0,)
    ]  # a supporter's score is nobody's business now
    assert not in_the_files(config, "+917000000001")
    assert in_the_files(config, "+917000000009") == (not shares_a_secret(config))
    assert query(config, "SELECT (SELECT count(*) FROM attempt), (SELECT count(*) FROM mark)") == [(1, 1)]
    assert await callable_after_a_start(config) == set()
    assert query(config, "SELECT kind FROM audit ORDER BY number") == [("opt-out-import",), ("purge",)]


def test_when_their_time_is_over_the_records_go_too(config: Path) -> None:
    code, text = run("purge", "--after", days_ago(50), "--yes", "-c", config)
    assert (code, "1 attempts and 1 marks" in text) == (0, True)
    assert "overdue since" in text
    assert "kept until" not in text
    assert query(config, "SELECT (SELECT count(*) FROM attempt), (SELECT count(*) FROM mark)") == [(0, 0)]
    assert query(config, "SELECT count(*) FROM audit") == [(1,)]


@pytest.mark.parametrize(
    ("after", "said"), [(days_ago(-1), "not over"), (days_ago(-5), "not over"), ("soon", "no date")]
)
def test_a_purge_before_the_day_is_over_is_refused(config: Path, after: str, said: str) -> None:
    code, text = run("purge", "--after", after, "--yes", "-c", config)
    assert (code, said in text) == (2, True)
    assert in_the_files(config, "Voter 12")
