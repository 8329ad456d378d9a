"""Commands refuse, before they start, to write their output over an input file or a store."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dialer.domain.errors import OutputRefused
from dialer.domain.output import refuse_protected_path, write_file
from dialer.roll.importer import ImportOptions, import_roll_file
from tests.support.command_line import run_for_error
from tests.support.roll_filler import fill_roll
from tests.support.roll_support import write_roll
from tests.support.stored import query_store


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder with settings, a roll, a map file, a list of marks, and a store under several file names."""
    fill_roll(tmp_path / "centre.db", 60, voters_per_booth=20)
    for name in ("centre.csv", "centre.pdf", "centre.svg"):
        (tmp_path / name).hardlink_to(tmp_path / "centre.db")
    settings = f'[centre]\nid = "test"\n[store]\npath = "{tmp_path / "centre.db"}"\n'
    (tmp_path / "centre.json").write_text(settings, encoding="utf-8")
    (tmp_path / "map.toml").write_text("", encoding="utf-8")
    (tmp_path / "marks.csv").write_text("AC No,Part No,Serial\n174,1,1\n", encoding="utf-8")
    write_roll(tmp_path / "roll.csv", [("1", "1", "1", "Mira", "30", "F", "")])
    return tmp_path


@pytest.mark.parametrize(
    ("command", "place", "what"),
    [
        ("report calls --out", "centre.csv", "the store"),
        ("report calls --out", "centre.json", "the settings file"),
        ("report turnout --picture", "centre.svg", "the store"),
        ("marks show 1 --out", "centre.json", "the settings file"),
        ("list strike-off --for asha --out", "centre.pdf", "the store"),
        ("marks import marks.csv --who ops --rejects", "marks.csv", "the list itself"),
        ("marks import marks.csv --who ops --rejects", "centre.db", "the store"),
        ("import roll.csv --rejects", "centre.db", "the store"),
        ("import roll.csv --rejects", "centre.db-wal", "the store's -wal file"),
        ("import roll.csv --rejects", "centre.json", "the settings file"),
        ("import roll.csv --rejects", "roll.csv", "the roll itself"),
        ("import roll.csv --map map.toml --rejects", "map.toml", "the map file"),
    ],
)
def test_dialer_command_refuses_to_write_output_over_an_input_file(
    site: Path, monkeypatch: pytest.MonkeyPatch, command: str, place: str, what: str
) -> None:
    monkeypatch.chdir(site)
    before = {path.name: path.read_bytes() for path in site.iterdir()}
    *words, option = command.split()
    printed = run_for_error(*words, "-c", "centre.json", option, place)
    assert printed == (2, f"{option}: {place} is {what}, which must not be overwritten; name another file")
    after = {path.name: path.read_bytes() for path in site.iterdir()}
    assert {name: after[name] for name in before} == before
    assert query_store(
        site / "centre.db", "SELECT (SELECT count(*) FROM mark), (SELECT count(*) FROM audit WHERE kind <> 'seal')"
    ) == [(0, 0)]


@pytest.mark.parametrize("command", ["demo --headless --for 5 --report", "sample-roll --rows 5 --out"])
def test_dialer_command_refuses_to_write_output_over_any_store(
    site: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(site)
    monkeypatch.setattr(
        "dialer.cli.logs.configure_quiet_logging", lambda: None
    )  # it would log to the runner's output after that is closed
    before = (site / "centre.csv").read_bytes()
    option = command.rsplit(maxsplit=1)[-1]
    assert run_for_error(*command.split(), "centre.csv") == (
        2,
        f"{option}: centre.csv is a store or another database, which must not be overwritten; name another file",
    )
    assert (site / "centre.csv").read_bytes() == before


def test_demo_refuses_to_write_the_report_over_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialer.cli.logs.configure_quiet_logging", lambda: None)
    code, printed = run_for_error(
        "demo", "--headless", "--for", "5", "--dir", tmp_path, "--report", tmp_path / "centre.db"
    )
    assert (code, "is the demo's store" in printed) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_electoral_roll_import_refuses_to_write_rejected_rows_over_the_store(tmp_path: Path) -> None:
    roll = write_roll(tmp_path / "roll.csv", [("1", "1", "1", "Mira", "30", "F", "")])
    (tmp_path / "here").symlink_to(tmp_path)
    with pytest.raises(OutputRefused, match="is the store, which must not be overwritten; name another file"):
        import_roll_file(roll, tmp_path / "new.db", ImportOptions(rejects_path=tmp_path / "here" / "new.db"))
    assert not (tmp_path / "new.db").exists()


def test_encrypted_store_is_recognised_by_the_lock_file_next_to_the_store(tmp_path: Path) -> None:
    path = tmp_path / "centre.csv"
    path.write_bytes(os.urandom(4096))
    refuse_protected_path(path, "--out")
    path.with_name("centre.csv.lock").touch()
    with pytest.raises(OutputRefused, match="is a store"):
        write_file(path, b"x")


def test_database_of_another_program_is_never_overwritten(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.csv")) as db:
        db.execute("CREATE TABLE x (y)")
    with pytest.raises(OutputRefused, match="another database"):
        write_file(tmp_path / "other.csv", b"x")


def test_existing_output_file_is_overwritten_unless_the_file_is_a_store(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(b"of yesterday")
    write_file(path, b"of today")
    assert path.read_bytes() == b"of today"
