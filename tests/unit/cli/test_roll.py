"""`dialer import` and `dialer sample-roll` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.group import CommandGroup
from dialer.cli.roll import import_electoral_roll, write_synthetic_roll
from dialer.domain.errors import RollError
from dialer.mqtt.commands.client import CommandRequest
from dialer.store.connection import open_store_exclusively
from dialer.store.lock import DIALLER
from tests.support.roll_support import write_roll
from tests.support.stored import query_store

app = CommandGroup()
app.command("import")(import_electoral_roll)
app.command("sample-roll")(write_synthetic_roll)


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def roll(tmp_path: Path) -> Path:
    path = tmp_path / "roll.csv"
    assert run("sample-roll", "--rows", "300", "--out", path, "--seed", "7", "--messy", "0.5")[0] == 0
    return path


def test_electoral_roll_import_prints_the_column_mapping_and_the_result(roll: Path, tmp_path: Path) -> None:
    code, shown, _ = run("import", roll, "--store", tmp_path / "centre.db")
    assert code == 0
    for words in ("SLNOINPART", "serial", "300  rows", "too few digits", "roll.csv.rejects.csv"):
        assert words in shown, shown


def test_electoral_roll_import_with_json_option_prints_only_json_on_standard_output(roll: Path, tmp_path: Path) -> None:
    store = tmp_path / "centre.db"
    _, first, explained = run("import", roll, "--store", store, "--json")
    figures = json.loads(first)
    assert list(figures) == ["rows", "voters", "numbers", "links", "rejected", "unchanged"]
    assert figures["rows"] == 300 == figures["voters"] + figures["unchanged"] + figures["rejected"]
    assert "SLNOINPART" in explained
    again = json.loads(run("import", roll, "--store", store, "--json")[1])
    assert again == {**figures, "voters": 0, "numbers": 0, "links": 0, "unchanged": 300 - figures["rejected"]}


def test_dry_run_of_an_electoral_roll_import_creates_no_store_file(roll: Path, tmp_path: Path) -> None:
    code, shown, _ = run("import", roll, "--store", tmp_path / "centre.db", "--dry-run")
    assert code == 0
    assert "the store was not changed" in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["roll.csv"]


def test_electoral_roll_import_while_the_dialler_runs_is_done_by_the_dialler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, roll = tmp_path / "centre.db", tmp_path / "more.csv"
    head = "state_code,constituency_number,part_number,serial,name,mobile\n"
    known = [f"S24,174,1,{serial},Voter {serial},98000000{serial:02}\n" for serial in range(1, 21)]
    roll.write_text(head + "".join(known), encoding="utf-8")
    assert run("import", roll, "--store", store)[0] == 0
    new = [
        "S24,174,1,20,Another name,9800000020\n",
        "S24,174,1,21,New,9800000020\n",
        "S24,174,2,1,New too,9900000001\n",
    ]
    roll.write_text(head + "".join(known[:18] + new) + "S24,174,1,x,Nobody,\n", encoding="utf-8")
    alone = json.loads(run("import", roll, "--store", store, "--json", "--dry-run")[1])
    asked: list[str] = []

    def ask(settings: object, requests: list[CommandRequest], busy: object) -> list[str]:
        asked.extend(request.name for request in requests)
        list_id = requests[0].fields["list"]
        assert query_store(tmp_path / "centre.db.spool" / f"{list_id}.db", "SELECT count(*) FROM voter") == [(21,)]
        return ["it is in"]

    monkeypatch.setattr("dialer.cli.external_records.send_requests_to_dialler", ask)
    with open_store_exclusively(store, DIALLER):
        beside = json.loads(run("import", roll, "--store", store, "--json", "--dry-run")[1])
        assert not asked
        code, shown, _ = run("import", roll, "--store", store)
    assert beside == alone
    assert alone == {"rows": 22, "voters": 3, "numbers": 1, "links": 2, "rejected": 1, "unchanged": 18}
    assert (code, asked) == (0, ["roll-import"])
    assert "reply of the dialler: it is in" in shown
    assert not [*(tmp_path / "centre.db.spool").iterdir()]


def test_second_roll_version_of_a_constituency_is_imported_only_with_an_option(tmp_path: Path) -> None:
    roll, store = write_roll(tmp_path / "roll.csv", [("174", "1", "1", "Mira", "30", "F", "")]), tmp_path / "centre.db"
    assert run("import", roll, "--store", store, "--roll-version", "2026-1")[0] == 0
    with pytest.raises(RollError, match=r"give --roll-version 2026-1 to update .* or --allow-second-roll to keep both"):
        run("import", roll, "--store", store)
    assert query_store(store, "SELECT count(*) FROM import_run") == [(1,)]
    assert run("import", roll, "--store", store, "--allow-second-roll")[0] == 0
    assert query_store(store, "SELECT roll_version FROM booth ORDER BY 1") == [("2026-1",), ("current",)]


def test_roll_import_uses_settings_column_map_and_rejects_paths_from_options(tmp_path: Path) -> None:
    roll = write_roll(tmp_path / "roll.csv", [("1", "2", "3", "(212) 555-2368")], ("A", "B", "C", "D"))
    settings = tmp_path / "centre.toml"
    settings.write_text(f'[centre]\nregion = "US"\n[store]\npath = "{tmp_path / "own.db"}"\n', "utf-8")
    mapping = tmp_path / "map.toml"
    mapping.write_text('[columns]\nconstituency_number = "A"\npart_number = "B"\nserial = "C"\nmobile = "D"\n', "utf-8")
    code, _, _ = run("import", roll, "--map", mapping, "--rejects", tmp_path / "bad.csv", "-c", settings)
    assert code == 0
    assert (tmp_path / "bad.csv").exists()
    assert query_store(tmp_path / "own.db", "SELECT e164 FROM phone") == [("+12125552368",)]


def test_sensitive_columns_of_an_electoral_roll_are_reported_as_dropped(tmp_path: Path) -> None:
    roll = write_roll(tmp_path / "roll.csv", [("1", "2", "3", "x")], ("AC_NO", "PART_NO", "SLNOINPART", "Caste"))
    _, shown, _ = run("import", roll, "--store", tmp_path / "centre.db")
    assert "dropped" in shown


def test_missing_electoral_roll_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RollError, match="file not found"):
        run("import", tmp_path / "none.csv", "--store", tmp_path / "centre.db")


def test_ctrl_c_during_an_electoral_roll_import_says_that_nothing_was_imported(
    roll: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object, **keywords: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dialer.roll.importer.import_prepared_roll", interrupt)
    code, _, output = run("import", roll, "--store", tmp_path / "centre.db")
    assert code == 130
    assert "nothing was imported" in output
    monkeypatch.setattr("dialer.roll.sample.write_sample_roll", interrupt)
    assert run("sample-roll", "--rows", "5", "--out", tmp_path / "x.csv")[0] == 130
