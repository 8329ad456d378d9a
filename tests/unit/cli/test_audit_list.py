"""`dialer audit list`, and the audit's entries on roll imports, logins and settings changed between two starts."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path

from dialer.settings.site import load_settings
from dialer.site.settings_changes import list_settings_by_key
from dialer.store.log_ins import LogIn
from dialer.store.store import open_store
from tests.support.command_line import run
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_store
from tests.support.stores import NOW


def read_audit_entries(path: Path, *options: str) -> list[dict[str, str]]:
    code, text = run("audit", "list", "--store", path, "--format", "csv", *options)
    assert code == 0
    return list(csv.DictReader(io.StringIO(text)))


async def log_agents_in_and_out(path: Path) -> None:
    async with await open_store(path) as store:
        await store.save_log_in(LogIn("01", "101", False, None, NOW))
        await store.save_log_in(LogIn("01", "101", True, "meal", NOW + 1))  # a pause is no log-in
        await store.save_log_in(LogIn("01", "12345678", False, None, NOW + 2))
        await store.remove_log_in("01", NOW + 3)
        await store.remove_log_in("01", NOW + 4)


def test_audit_list_command_shows_logins_and_logoffs_with_the_seat(tmp_path: Path) -> None:
    path = tmp_path / "centre.db"
    asyncio.run(log_agents_in_and_out(path))
    found = [(each["kind"], each["who"], json.loads(each["what"])) for each in read_audit_entries(path)]
    hidden = "(looks like a number)"
    assert found == [
        (kind, who, {"seat": "01"})
        for kind, who in (("log-in", "101"), ("log-off", "101"), ("log-in", hidden), ("log-off", hidden))
    ]
    assert [each["kind"] for each in read_audit_entries(path, "--kind", "log-off", "--who", "101")] == ["log-off"]
    assert len(read_audit_entries(path, "--since", "2024-04-22T04:30:02+00:00")) == 3
    assert read_audit_entries(path, "--until", "2024-04-22") == []
    assert run("audit", "list", "--store", path, "--format", "json")[0] == 0
    assert run("audit", "verify", "--store", path)[0] == 0


def test_audit_list_command_shows_settings_changed_between_two_starts_without_secrets(tmp_path: Path) -> None:
    path, config = tmp_path / "centre.db", tmp_path / "centre.toml"
    fill_roll(path, 9, voters_per_booth=9)
    start = '[dialling]\ndrain_seconds = {}\n[rules]\nopt_out_secret = "{}"\n'

    async def record_call_start(*values: object) -> None:
        config.write_text(start.format(*values), encoding="utf-8")
        async with await open_store(path) as store:
            await store.record_settings_at_start(list_settings_by_key(load_settings(config)), NOW)

    asyncio.run(record_call_start(8, "a secret of twenty letters"))
    asyncio.run(record_call_start(8, "a secret of twenty letters"))
    asyncio.run(record_call_start(9, "another of twenty letters"))
    first, second = (json.loads(each["what"]) for each in read_audit_entries(path, "--kind", "settings"))
    assert first["first"] == "yes"
    assert second == {"changed": "1", "dialling.drain_seconds": "8.0 -> 9.0"}
    assert "twenty" not in str(
        query_store(path, "SELECT value FROM setting") + query_store(path, "SELECT what FROM audit")
    )


def test_audit_list_command_shows_an_electoral_roll_import_with_file_and_hash(tmp_path: Path) -> None:
    path, roll = tmp_path / "centre.db", tmp_path / "9812345678.csv"
    roll.write_text(
        "ST_CODE,AC_NO,PART_NO,SLNOINPART,FM_NAME_EN,MOBILE\nS24,174,1,500,Ravi,+919812345678\n", encoding="utf-8"
    )
    code, output = run("import", roll, "--store", path)
    assert code == 0, output
    [entry] = read_audit_entries(path)
    what = json.loads(entry["what"])
    assert (entry["kind"], what["file"], what["voters"], len(what["sha256"])) == (
        "roll-import",
        "(looks like a number)",
        "1",
        64,
    )


def test_unknown_kind_of_audit_entry_is_rejected_with_a_list_of_the_known_kinds(tmp_path: Path) -> None:
    path = tmp_path / "centre.db"
    asyncio.run(log_agents_in_and_out(path))
    code, text = run("audit", "list", "--store", path, "--kind", "nonsense")
    assert code == 2
    words = " ".join(text.replace("│", " ").split())
    assert "--kind: the audit has no entry of the kind 'nonsense'; it has log-in, log-off" in words
    fill_roll(tmp_path / "empty.db", 1)
    code, text = run("audit", "list", "--store", tmp_path / "empty.db", "--kind", "nonsense")
    assert (code, "it has no entries" in " ".join(text.replace("│", " ").split())) == (2, True)
