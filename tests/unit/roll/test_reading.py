"""Reading rolls: encodings, delimiters, quotation marks, workbooks, and files that are not rolls."""

from __future__ import annotations

import datetime
from pathlib import Path

import openpyxl
import pytest

from dialer.domain.errors import RollError
from dialer.roll.reading import FileOptions, detect_delimiter, open_roll
from dialer.roll.workbook_reader import format_cell

HEADER = "AC_NO,PART_NO,SLNOINPART,FM_NAME_EN"


def read_rows_of(path: Path, options: FileOptions | None = None, skip_rows: int = 1) -> list[list[str]]:
    return [row for batch in open_roll(path, options).read_row_batches(skip_rows) for row in batch.rows]


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16-LE"),
        ("utf-16-be", "UTF-16-BE"),
    ],
)
def test_every_unicode_encoding_of_an_electoral_roll_is_detected(tmp_path: Path, encoding: str, shown: str) -> None:
    path = tmp_path / "roll.csv"
    path.write_bytes(f"{HEADER}\r\n1,2,३,प्रिया\r\n".encode(encoding))
    roll = open_roll(path)
    assert roll.read_first_rows() == [HEADER.split(","), ["1", "2", "३", "प्रिया"]]
    assert shown in roll.description
    assert read_rows_of(path) == [["1", "2", "३", "प्रिया"]]


@pytest.mark.parametrize(("encoding", "name"), [("cp1252", "André Coração"), ("cp1250", "Łukasz Hašek Ťapák")])
def test_electoral_roll_in_a_windows_code_page_is_read_without_garbled_letters(
    tmp_path: Path, encoding: str, name: str
) -> None:
    path = tmp_path / "roll.csv"
    path.write_bytes(f"{HEADER}\n1,2,3,{name}\n".encode(encoding))
    assert read_rows_of(path) == [["1", "2", "3", name]]


def test_roll_encoding_is_detected_from_a_single_letter_in_the_last_row(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    lines = [f"1,2,{serial},plain" for serial in range(1, 150_000)]
    path.write_bytes("\n".join([HEADER, *lines, "1,2,3,Zoë"]).encode("cp1252"))
    roll = open_roll(path)
    assert "Windows-1252" in roll.description
    last = [row for batch in roll.read_row_batches(1) for row in batch.rows][-1]
    assert last == ["1", "2", "3", "Zoë"]


def test_utf8_electoral_roll_with_one_broken_character_is_still_read_as_utf8(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    good = "".join(f"1,2,{serial},प्रिया शर्मा\n" for serial in range(1, 30))
    path.write_bytes(f"{HEADER}\n{good}1,2,30,".encode() + "प्रिया".encode()[:-1] + b"\n")
    roll = open_roll(path)
    assert roll.damaged
    assert read_rows_of(path)[0][3] == "प्रिया शर्मा"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_of_a_csv_electoral_roll_is_detected(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "roll.csv"
    path.write_text(f"{HEADER}\n1,2,3,Mira\n4,5,6,Tarun\n".replace(",", delimiter), "utf-8")
    assert read_rows_of(path) == [["1", "2", "3", "Mira"], ["4", "5", "6", "Tarun"]]


def test_commas_within_cells_are_not_detected_as_the_delimiter() -> None:
    assert detect_delimiter("A;B;C\n1;2,3,4;x\n5;6,7,8;y\n") == ";"
    assert detect_delimiter("ONE COLUMN\n1\n2\n") == ","


def test_quoted_cells_of_a_csv_electoral_roll_may_contain_delimiters_and_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    path.write_text(f'{HEADER}\n1,2,3,"Mira, of\nRobadi"\n4,5,6,"say ""Tarun"""\n', "utf-8")
    batches = list(open_roll(path).read_row_batches(1))
    assert [row[3] for row in batches[0].rows] == ["Mira, of\nRobadi", 'say "Tarun"']
    assert batches[0].first_row == 2


def test_electoral_roll_rows_are_numbered_like_those_of_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    path.write_text("\n".join([HEADER, *(f"1,2,{serial},x" for serial in range(1, 8))]) + "\n", "utf-8")
    batches = list(open_roll(path).read_row_batches(1, batch_rows=3))
    assert [(batch.first_row, len(batch.rows)) for batch in batches] == [(2, 3), (5, 3), (8, 1)]
    assert batches[-1].share_done == 1.0


def test_electoral_roll_workbook_with_numbers_dates_and_blank_rows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "roll.xlsx"
    workbook = openpyxl.Workbook()
    workbook.active["A2"] = "PART_NO"
    workbook.active["B2"] = "MOBILE"
    workbook.active["A3"] = 7
    workbook.active["B3"] = 6990012345
    workbook.active["C3"] = datetime.date(2024, 6, 13)
    workbook.create_sheet("Notes")["A1"] = "not a roll"
    workbook.save(path)
    roll = open_roll(path)
    assert roll.read_first_rows() == [["", "", ""], ["PART_NO", "MOBILE", ""], ["7", "6990012345", "2024-06-13"]]
    assert "not read: Notes" in roll.description
    assert read_rows_of(path, skip_rows=2) == [["7", "6990012345", "2024-06-13"]]
    assert [batch.first_row for batch in roll.read_row_batches(2)] == [3]
    assert read_rows_of(path, FileOptions(sheet="Notes"), skip_rows=0) == [["not a roll"]]


def test_excel_workbook_is_recognized_by_its_content_whatever_its_file_name(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    workbook = openpyxl.Workbook()
    workbook.active.append(["PART_NO"])
    workbook.save(path)
    assert open_roll(path).read_first_rows() == [["PART_NO"]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9876543210.0, "9876543210"),
        (1.5, "1.5"),
        (True, "TRUE"),
        ("x", "x"),
        (datetime.datetime(2024, 6, 13), "2024-06-13"),  # noqa: DTZ001 - a workbook's cells have no zone
        (datetime.date(2024, 6, 13), "2024-06-13"),
    ],
)
def test_cells_of_an_electoral_roll_workbook_are_read_with_their_displayed_values(value: object, text: str) -> None:
    assert format_cell(value) == text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n\r\n", "is empty"),
        (b" " * 100, "is empty"),
        (b"%PDF-1.7 ...", "is a PDF"),
        (b"\x1f\x8b\x08 ...", "unpack it first"),
        (b"SQLite format 3\x00", "is a database"),
        (bytes(range(256)) * 20, "is not a text file"),
        (b"PK\x03\x04 and then nothing of a workbook", "cannot be opened as a workbook"),
        (b"AC_NO,PART_NO\n1,2,\x81\x8d\x83\n", "unknown encoding"),
        (b"AC_NO,PART_NO,SLNOINPART\n" + b"1,2,3\n" * 20_000 + b"1,2,\x00\n", "is not a text file"),
    ],
)
def test_file_that_is_no_electoral_roll_is_rejected_with_a_one_line_error(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "roll.csv"
    path.write_bytes(content)
    with pytest.raises(RollError, match=says) as refused:
        open_roll(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_missing_electoral_roll_file_or_folder_in_place_of_a_roll_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(RollError, match="file not found"):
        open_roll(tmp_path / "none.csv")
    with pytest.raises(RollError, match="is a folder"):
        open_roll(tmp_path)


@pytest.mark.parametrize(
    ("encoding", "says"),
    [
        ("klingon", "is not an encoding"),
        ("hex", "is not an encoding"),
        ("utf-8", 'not in encoding "utf-8"'),
        ("ascii", "not in enc"),
    ],
)
def test_roll_in_another_encoding_than_the_map_file_says_is_rejected(tmp_path: Path, encoding: str, says: str) -> None:
    path = tmp_path / "roll.csv"
    path.write_bytes(f"{HEADER}\n1,2,3,André\n".encode("cp1252"))
    with pytest.raises(RollError, match=says):
        open_roll(path, FileOptions(encoding=encoding))


def test_electoral_roll_import_rejects_an_empty_workbook_and_a_missing_sheet(tmp_path: Path) -> None:
    path = tmp_path / "roll.xlsx"
    openpyxl.Workbook().save(path)
    with pytest.raises(RollError, match="is empty"):
        open_roll(path)
    with pytest.raises(RollError, match='the workbook has no sheet "Roll"; choose from Sheet'):
        open_roll(path, FileOptions(sheet="Roll"))


def test_unclosed_quotation_mark_is_detected_in_a_long_electoral_roll_file(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    path.write_text(f'{HEADER}\n1,2,1,x\n1,2,2,"Mira\n' + "1,2,3,y\n" * 100, "utf-8")
    with pytest.raises(RollError, match="opens in row 3"):
        read_rows_of(path)
    path.write_text(f'{HEADER}\n1,2,2,"Mira\n' + "1,2,3,y\n" * 40_000, "utf-8")
    with pytest.raises(RollError, match="quotation mark"):
        read_rows_of(path)


LAST = f"{HEADER},MOBILE"


def make_roll(count: int, changes: dict[int, str], end: str = "\n") -> str:
    """Return a roll of `count` rows including the header; `changes` replaces rows by number (the header is 1)."""
    rows = {number: f"174,2,{number},Mira,98123450{number}" for number in range(2, count + 1)} | changes
    return end.join([LAST, *rows.values()]) + end


@pytest.mark.parametrize(
    "changes",
    [
        {11: '174,2,11,Mira,"9812345011'},
        {30: '174,2,30,Mira,"9812345030'},
        {11: '174,2,11,Mira,"9812345011', 15: '174,2,15,Mira,9812345015"'},
        {11: '174,2,11,Mira,"9812345011', 12: '174,2,12,"Mira of Robadi",9812345012'},
        {11: '174,2,11,Mira,"9812345011', 20: '174,2,20,Mira,"9812345020"'},
        {11: '174,2,11,"Mira,9812345011'},
        {11: '"174,2,11,Mira,9812345011'},
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("batch_rows", [4_000, 10])
def test_unclosed_quotation_mark_is_detected_in_any_column_of_a_short_roll(
    tmp_path: Path, changes: dict[int, str], end: str, batch_rows: int
) -> None:
    path = tmp_path / "roll.csv"
    for text in (make_roll(30, changes, end), make_roll(30, changes, end).removesuffix(end)):
        path.write_bytes(text.encode())
        with pytest.raises(RollError, match=f"opens in row {min(changes)} and is not closed"):
            list(open_roll(path).read_row_batches(1, batch_rows))


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("constituency,part,number,name", ["72", "1, 2,\n3, 4, 5, 6, 7", "9812345678", "Ram"]),
        ("address,phone,name", ["House 3, Lane 4\nSector 5, Delhi, India", "9812345678", "Ram"]),
    ],
)
def test_multi_line_cells_of_an_electoral_roll_are_not_mistaken_for_rows(
    tmp_path: Path, head: str, row: list[str]
) -> None:
    path = tmp_path / "list.csv"
    path.write_text(head + "\n" + ",".join(f'"{cell}"' if "\n" in cell else cell for cell in row) + "\n", "utf-8")
    assert read_rows_of(path) == [row]


def test_electoral_roll_cell_with_several_lines_is_read_in_any_column(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    cells = ["Mira\nof Robadi", "12, MG Road, Ward 3, Town, 462001\n4, Lane 2, Ward 3, Town, India", "at home\n\n"]
    changes = {11: f'174,2,11,"{cells[0]}",1', 12: f'174,2,12,"{cells[1]}",1', 30: f'174,2,30,Mira,"{cells[2]}"'}
    for text in (make_roll(30, changes), make_roll(30, changes).removesuffix("\n")):
        path.write_text(text, "utf-8")
        rows = read_rows_of(path)
        assert [len(rows), rows[9][3], rows[10][3], rows[28][4]] == [29, *cells]
