"""Warnings about a roll are given before the import, each with its consequence and remedy."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import openpyxl
import pytest

from dialer.domain.errors import RollError
from dialer.roll.fields import Field
from dialer.roll.importer import ImportOptions, import_roll_file, prepare_roll_import
from dialer.roll.mapping import load_column_map
from dialer.roll.warnings import is_garbled_text
from tests.support.command_line import run

KEY = "AC_NO,PART_NO,SLNOINPART"


def find_warnings(directory: Path, header: str, *rows: str, name: str = "roll.csv") -> list[str]:
    path = directory / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return prepare_roll_import(path).find_roll_warnings("IN")


def test_electoral_roll_without_faults_gives_no_warnings(tmp_path: Path) -> None:
    header = f"{KEY},FM_NAME_EN,FM_NAME_V1,AGE,HOUSE,MOBILE"
    assert (
        find_warnings(tmp_path, header, "174,1,1,Asha Devi,आशा देवी,30,12,9812345601", "174,1,2,RAVI,रवि,41,13,") == []
    )


def test_warning_about_an_unread_phone_column_names_the_heading(tmp_path: Path) -> None:
    rows = (
        "174,1,1,Asha,9812345601,98123 45651",
        "174,1,2,Ravi,9812345602,+919812345652",
        "174,1,3,Om,9812345603,none",
    )
    (warning,) = find_warnings(tmp_path, f"{KEY},NAME,MOBILE,ALT CONTACT", *rows)
    assert warning == (
        "ALT CONTACT: 2 of the first 3 cells are phone numbers, but the column is not read;"
        ' map it to mobile (in a `--map` file: `mobile = ["MOBILE", "ALT CONTACT"]` under `[columns]`)'
    )
    map_file = tmp_path / "map.toml"
    map_file.write_text('[columns]\nmobile = ["MOBILE", "ALT CONTACT"]\n')
    assert prepare_roll_import(tmp_path / "roll.csv", load_column_map(map_file)).find_roll_warnings("IN") == []


def test_aadhaar_column_is_not_mistaken_for_a_phone_number_column(tmp_path: Path) -> None:
    assert find_warnings(tmp_path, f"{KEY},NAME,MOBILE,AADHAAR", "174,1,1,Asha,9812345601,9812345651") == []


def test_electoral_roll_without_phone_and_name_columns_gives_warnings(tmp_path: Path) -> None:
    phones, names = find_warnings(tmp_path, f"{KEY},AGE", "174,1,1,30")
    assert phones.startswith("no column is read as a phone number: no voter in this file can be called")
    assert names.startswith("no column is read as a name: ")


@pytest.mark.parametrize(
    ("heading", "names", "says"),
    [
        (
            "NAME",
            ("à¤†à¤¶à¤¾", "à¤°à¤µà¤¿"),
            "NAME: 2 of the first 2 names are `UTF-8` decoded as Latin letters (à¤†à¤¶à¤¾)",
        ),
        ("NAME HI", ("jke dqekj", "lhrk nsoh"), "names look like text in a legacy font such as Kruti Dev (jke dqekj)"),
        ("NAME", ("fot; dqekj 'kekZ", "jke dqekj"), "NAME: 2 of the first 2 names look like text in a legacy font"),
    ],
)
def test_illegible_voter_names_give_a_warning(tmp_path: Path, heading: str, names: tuple[str, ...], says: str) -> None:
    rows = [f"174,1,{number},{name},981234560{number}" for number, name in enumerate(names, 1)]
    (warning,) = find_warnings(tmp_path, f"{KEY},{heading},MOBILE", *rows)
    assert says in warning


@pytest.mark.parametrize("name", ["José", "Müller", "आशा", "D'Souza", "McDonald", "Ã", "asha"])
def test_real_voter_names_are_not_reported_as_illegible(name: str) -> None:
    assert not is_garbled_text(name)


def test_shared_voter_id_numbers_are_counted_within_a_roll_version(tmp_path: Path) -> None:
    header, row = f"{KEY},NAME,EPIC,MOBILE", "174,1,{},Asha,ABC1234567,981234560{}"
    store = tmp_path / "centre.db"
    (tmp_path / "roll.csv").write_text("\n".join([header, row.format(1, 1), row.format(2, 2)]))
    result = import_roll_file(tmp_path / "roll.csv", store)
    assert result.shared_epics == 1
    assert [tuple(each) for each in result.shared_epic_places] == [("ABC1234567", "174/1/1, 174/1/2")]
    (tmp_path / "other.csv").write_text("\n".join([header, row.format(9, 9)]))
    other = import_roll_file(tmp_path / "other.csv", store, ImportOptions(roll_version="2027", allow_second_roll=True))
    assert other.shared_epics == 1


def test_roll_error_names_other_sheets_of_the_workbook(
    tmp_path: Path,
) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.active.append(["Dear team, this is the roll"])
    book.create_sheet("Roll 174").append(["AC_NO", "PART_NO", "SLNOINPART"])
    for name in ("roll.xlsx", "roll.ods"):  # workbooks are recognized by their content
        book.save(tmp_path / name)
        with pytest.raises(
            RollError,
            match=r'only the first sheet of the workbook was read\. If .* another sheet \("Roll 174"\), .* sheet = .Roll 174.',
        ):
            prepare_roll_import(tmp_path / name)


def test_zip_archive_given_as_a_roll_gives_an_error_naming_the_file_inside(
    tmp_path: Path,
) -> None:
    with zipfile.ZipFile(tmp_path / "roll.zip", "w") as archive:
        archive.writestr("part-1.csv", KEY)
    with pytest.raises(
        RollError, match=r"is a ZIP archive, not a workbook; unpack the archive, then import its file part-1\.csv"
    ):
        prepare_roll_import(tmp_path / "roll.zip")


def test_roll_import_dry_run_shows_warnings_and_first_rejected_rows(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    path.write_text(f"{KEY},NAME,MOBILE,OTHER\n174,1,1,Asha,12345,9812345601\n174,1,x,Ravi,9812345602,9812345603\n")
    code, said = run("import", path, "--store", tmp_path / "centre.db", "--dry-run")
    assert code == 0
    words = " ".join(said.split())
    assert "warning: OTHER: 2 of the first 2 cells are phone numbers" in words
    assert "2 MOBILE 12345 too few digits" in words
    assert "3 SLNOINPART x" in words
    assert "the first 2 rejects; --rejects FILE writes all" in words


def test_docs_page_on_electoral_rolls_lists_every_field(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/rolls.md").read_text(encoding="utf-8")
    examples = [text for text in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "[[sources]]" not in text]
    assert len(examples) == 1
    for example in examples:
        (tmp_path / "map.toml").write_text(example, encoding="utf-8")
        load_column_map(tmp_path / "map.toml")
    for field in Field:
        assert f"`{field}`" in page
