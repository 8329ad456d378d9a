"""Every call keeps why it was lawful, and a report tells it call by call."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path

from tests.support.centre import a_site, agents_at_work
from tests.support.virtual import virtual_time
from tests.system.test_engine import all_answer, rows
from tests.unit.test_numbers_cli import run


@virtual_time()
async def calls(directory: Path) -> None:
    async with a_site(directory, all_answer(talk_seconds=5.0), seats=2) as site, agents_at_work(site):
        await site.until(lambda: site.view.campaigns[0].connected >= 4)


def test_every_call_keeps_its_grounds_and_the_rules_that_held(tmp_path: Path) -> None:
    calls(tmp_path)
    [(digest, text)] = rows(tmp_path, "SELECT digest, text FROM rules_version")
    assert hashlib.sha256(text.encode()).hexdigest() == digest
    assert json.loads(text)["profile"]["abandoned"]["denominator"] == "live-answers"
    attempts = rows(tmp_path, "SELECT attempt_id, grounds FROM attempt LEFT JOIN lawful USING (lawful_id)")
    assert len(attempts) >= 4
    found = [json.loads(grounds) for _, grounds in attempts]
    assert {(each["verdict"], each["rules"], each["voice"], each["purpose"]) for each in found} == {
        ("allowed", digest, "live", "turnout")
    }
    assert all(each["zones"] and each["consent"] == "unknown" for each in found)
    assert rows(tmp_path, "SELECT count(*) < 3 FROM lawful") == [(1,)]  # the same reasons are kept once
    where = ("--store", tmp_path / "centre.db")
    code, told = run("report", "calls", "--each", "--format", "csv", *where)
    assert code == 0
    listed = {row["attempt"]: row for row in csv.DictReader(io.StringIO(told))}
    assert set(listed) == {attempt for attempt, _ in attempts}
    assert {row["rules"] for row in listed.values()} == {digest}
    assert {row["gap_seconds"] for row in listed.values()} == {""}  # first calls
    for ending in ("json", "xlsx", "pdf"):
        assert run("report", "calls", "--each", "--out", tmp_path / f"calls.{ending}", *where)[0] == 0
    assert run("report", "calls", *where)[0] == 0
    assert run("audit", "verify", *where)[0] == 0
