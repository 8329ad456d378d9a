"""`dialer source import`: each export of a voter-data portal is imported once, by a saved column mapping."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dialer.domain.errors import RollError
from dialer.errors import SettingError
from tests.support.command_line import run
from tests.support.roll_support import write_roll
from tests.support.stored import query_store

HEADER = ("AC_NO", "PART_NO", "SLNOINPART", "FM_NAME_EN", "CALL ON")
MAP = '[columns]\nmobile = "CALL ON"\n[values]\nstate_code = "S13"\n'


class Portal:
    """A site with one voter-data portal, whose exports appear in a folder."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder, self.settings, self.store = tmp_path / "drop", tmp_path / "centre.toml", tmp_path / "centre.db"
        self.map = tmp_path / "portal.map.toml"
        self.folder.mkdir()
        self.map.write_text(MAP, encoding="utf-8")
        self.settings.write_text(
            f'[centre]\nid = "pune-1"\n[store]\npath = "{self.store}"\n'
            f'[[sources]]\nname = "portal"\nfolder = "{self.folder}"\nmap_file = "{self.map}"\n',
            encoding="utf-8",
        )

    def write_export(
        self, name: str, serials: range, *, header: tuple[str, ...] = HEADER, days_ago: float = 1.0
    ) -> Path:
        rows = [("209", "2", str(serial), "Asha", f"98765{serial:05}", "9876500000") for serial in serials]
        path = write_roll(self.folder / name, [row[: len(header)] for row in rows], header)
        moment = path.stat().st_mtime - days_ago * 86_400
        os.utime(path, (moment, moment))
        return path

    def run_import(self, *options: str) -> tuple[int, str]:
        return run("source", "import", "portal", *options, "-c", self.settings)

    def voters(self) -> int:
        return len(query_store(self.store, "SELECT 1 FROM voter")) if self.store.exists() else 0


@pytest.fixture
def portal(tmp_path: Path) -> Portal:
    return Portal(tmp_path)


def test_dialer_check_reports_missing_settings_of_a_voter_data_portal(portal: Portal, tmp_path: Path) -> None:
    def list_findings() -> list[str]:
        return [line for line in run("check", "-c", portal.settings)[1].splitlines() if "source portal: " in line]

    assert list_findings() == [f"ok      source portal: folder {portal.folder} and mapping of the portal exist"]
    with portal.settings.open("a", encoding="utf-8") as file:
        file.write(
            f'token_file = "{tmp_path}/none"\nid_heading = "ID"\nwebhook_url = "https://portal.example.org/"\n'
            f'webhook_secret_file = "{tmp_path}/secret"\n'
        )
    (tmp_path / "secret").write_text("c2VjcmV0")
    (tmp_path / "secret").chmod(0o600)
    portal.folder.rmdir()
    portal.map.unlink()
    for line, says in zip(
        list_findings(),
        ("does not exist", "--map, or `map_file`", "the token cannot be", "is not a valid secret"),
        strict=True,
    ):
        assert line.startswith("ERROR   source portal: ")
        assert says in line


def test_each_export_of_a_portal_is_imported_once_oldest_first(portal: Portal) -> None:
    portal.write_export("b.csv", range(1, 11), days_ago=2)
    portal.write_export("a.csv", range(1, 21), days_ago=1)
    code, printed = portal.run_import()
    assert code == 0, printed
    assert printed.endswith("portal: 2 files imported\n")
    assert printed.index("b.csv") < printed.index("a.csv")
    (portal.folder / "b.csv").rename(portal.folder / "again.csv")
    assert portal.run_import() == (0, f"nothing new in {portal.folder}: every file was imported before\n")
    assert portal.voters() == 20
    portal.write_export("c.csv", range(1, 22))
    assert portal.run_import()[1].endswith("portal: 1 file imported\n")
    assert sorted(path.name for path in portal.folder.glob("*.csv") if "rejects" not in path.name) == [
        "a.csv",
        "again.csv",
        "c.csv",
    ]


def test_audit_and_import_report_name_the_portal_of_a_roll_import(portal: Portal) -> None:
    portal.write_export("a.csv", range(1, 21))
    portal.run_import()
    [(what,)] = query_store(portal.store, "SELECT what FROM audit WHERE kind = 'roll-import'")
    printed = json.loads(str(what))
    assert (printed["source"], printed["file"], printed["rows"], len(printed["mapping"])) == (
        "portal",
        "a.csv",
        "20",
        64,
    )
    [run_of_it] = json.loads(run("report", "imports", "-c", portal.settings, "--format", "json")[1])["rows"]
    assert (run_of_it["source"], run_of_it["mapping_sha256"]) == ("portal", printed["mapping"])


def test_dry_run_of_an_import_from_a_portal_changes_nothing(portal: Portal) -> None:
    portal.write_export("a.csv", range(1, 21))
    code, printed = portal.run_import("--dry-run")
    assert (code, portal.voters()) == (0, 0)
    assert "dry run: the store was not changed" in printed
    assert portal.run_import()[0] == 0
    assert portal.voters() == 20


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ((*HEADER[:4], "PHONE NO"), 'columns.mobile: {file} has no column "CALL ON"'),
        ((*HEADER, "MOBILE2"), 'the column "MOBILE2" has phone numbers'),
        ((*HEADER, "OTHER CONTACT PERSON"), 'the column "OTHER CONTACT PERSON" has phone numbers'),
    ],
)
def test_portal_export_that_does_not_fit_the_saved_mapping_stops_the_import(
    portal: Portal, header: tuple[str, ...], why: str
) -> None:
    portal.write_export("a.csv", range(1, 11), days_ago=3)
    refused = portal.write_export("b.csv", range(1, 21), header=header, days_ago=2)
    portal.write_export("c.csv", range(1, 31))
    code, printed = portal.run_import()
    assert code == RollError.exit_code
    assert why.format(file=refused) in printed
    assert portal.voters() == 10


def test_portal_export_with_a_column_that_the_mapping_ignores_is_imported(portal: Portal) -> None:
    portal.write_export("a.csv", range(1, 11), header=(*HEADER, "MOBILE2"))
    portal.map.write_text(f'ignore = ["mobile 2"]\n{MAP}', encoding="utf-8")
    assert portal.run_import()[0] == 0
    assert len(query_store(portal.store, "SELECT 1 FROM phone")) == 10
    portal.map.write_text(f"ignore = 5\n{MAP}", encoding="utf-8")
    portal.write_export("b.csv", range(1, 12))
    assert "the setting `ignore` of this map file is not a list of headings" in portal.run_import()[1]


def test_portal_export_changed_within_the_last_seconds_is_refused_as_incomplete(portal: Portal) -> None:
    portal.write_export("a.csv", range(1, 11), days_ago=0)
    code, printed = portal.run_import()
    assert code == RollError.exit_code
    assert "may be incomplete" in printed
    assert portal.voters() == 0


def test_portal_export_with_only_rejected_rows_is_reread_by_the_next_import(portal: Portal) -> None:
    portal.write_export("a.csv", range(1))  # serial 0 is invalid
    for _ in range(2):
        code, printed = portal.run_import()
        assert code == 1
        assert "every row was rejected" in printed


def test_unknown_portal_or_missing_export_folder_is_refused_with_a_one_line_error(portal: Portal) -> None:
    code, printed = run("source", "import", "other", "-c", portal.settings)
    assert (code, printed) == (SettingError.exit_code, "settings: sources: has no source 'other'; choose from portal.")
    assert "webhook_url: is not set" in run("source", "send", "portal", "-c", portal.settings)[1]
    portal.folder.rmdir()
    assert "correct `folder` of 'portal' in [[sources]]" in portal.run_import()[1]
