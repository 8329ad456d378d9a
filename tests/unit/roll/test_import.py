"""Importing a roll: which rows are accepted or rejected, and that a failed import changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest

from dialer.domain.clock import Clock
from dialer.domain.errors import OutputRefused, RollError, StoreBusy, StoreCorrupt, StoreFull
from dialer.roll import importer
from dialer.roll.importer import ImportOptions, ImportResult, Progress, import_roll_file
from dialer.roll.merging import CONFLICT
from dialer.roll.phone_numbers import NumberReason
from dialer.roll.rejects import OWN_COLUMNS
from dialer.store.connection import Connection, open_store_exclusively
from dialer.store.roll import begin_roll_import
from tests.support.forked import run_forked
from tests.support.roll_support import COLUMNS, read_imported_tables, read_rejected_rows, write_roll
from tests.support.stored import execute_in_store, query_store


class FixedClock(Clock):
    def now(self) -> float:
        return 1_700_000_000.0

    def monotonic(self) -> float:
        return 0.0

    def get_seconds_since_boot(self) -> float:
        return 0.0


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "centre.db"


def import_rows(
    store: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = COLUMNS, name: str = "roll.csv"
) -> ImportResult:
    return import_roll_file(write_roll(store.parent / name, rows, header), store, clock=FixedClock())


def count_imported_rows(result: ImportResult) -> tuple[int, int, int, int]:
    assert result.rows == result.voters + result.unchanged + result.rejected
    return result.rows, result.voters, result.unchanged, result.rejected


def test_roll_import_stores_booths_voters_numbers_and_links_between_voters_and_numbers(store: Path) -> None:
    header = (
        "ST_CODE", "AC_NO", "AC_NAME_EN", "PART_NO", "PART_NAME_EN", "PART_NAME_V1", "CLOSES_AT", "SECTION_NO", "SLNOINPART",
        "C_HOUSE_NO", "FM_NAME_EN", "LASTNAME_EN", "FM_NAME_V1", "LASTNAME_V1", "RLN_TYPE", "RLN_FM_NM_EN", "SEX", "AGE",
        "IDCARD_NO", "MOBILE",
    )  # fmt: skip
    row = (
        "s24", "170", "ROBADI", "१२", "School", "विद्यालय", "17.00", "3", "७", "१३-६", " Mira ", "Tarun  Devi", "मीरा", "", "Father",
        "Kolem", "महिला", "२४", "zzz0000001 ", "6990012345/6991123456",
    )  # fmt: skip
    result = import_rows(store, [row], header)
    assert result.get_counts_of_imported_rows() == {
        "rows": 1,
        "voters": 1,
        "numbers": 2,
        "links": 2,
        "rejected": 0,
        "unchanged": 0,
    }
    assert query_store(store, "SELECT * FROM booth") == [
        (1, "current", "S24", 170, "ROBADI", 12, "School", "विद्यालय", "hi", "17:00")
    ]
    assert query_store(
        store,
        "SELECT booth_id, serial, epic, name, name_local, relation, relation_name, sex, age, house, section, language, turnout"
        " FROM voter",
    ) == [(1, 7, "ZZZ0000001", "Mira Tarun Devi", "मीरा", "F", "Kolem", "F", 24, "१३-६", "3", "", "pending")]
    assert query_store(store, "SELECT e164, opted_out_at FROM phone ORDER BY e164") == [
        ("+916990012345", None),
        ("+916991123456", None),
    ]
    assert query_store(store, "SELECT count(*), min(source), max(dropped_at) FROM link") == [(2, "roll", None)]


def test_electoral_roll_import_is_recorded_with_file_and_counts(store: Path) -> None:
    import_rows(store, [("1", "1", "1", "Mira", "30", "F", "6990012345"), ("1", "1", "x", "", "", "", "")])
    ((at, name, sha256, *rest),) = query_store(
        store, "SELECT at, file_name, sha256, rows, voters, numbers, links, rejected, unchanged FROM import_run"
    )
    assert (at, name, rest) == (1_700_000_000.0, "roll.csv", [2, 1, 1, 1, 1, 0])
    assert len(str(sha256)) == 64


def test_roll_with_only_constituency_part_and_serial_number_is_imported(store: Path) -> None:
    result = import_rows(store, [("S24-170", "12", "7"), ("171", "12", "8")], ("app", "part_no", "slnoinpart"))
    assert count_imported_rows(result) == (2, 2, 0, 0)
    assert query_store(store, "SELECT state_code, constituency_number, part_number FROM booth ORDER BY booth_id") == [
        ("S24", 170, 12),
        ("", 171, 12),
    ]


def test_workbook_numbers_stored_as_floats_are_imported(store: Path) -> None:
    path = store.parent / "roll.xlsx"
    workbook = openpyxl.Workbook()
    workbook.active.append(COLUMNS)
    workbook.active.append([170, 12.0, 7, "Mira", 24.0, "F", 6990012345.0])
    workbook.active.append([170, 12, 8, "Tarun", None, None, 916991123456])
    workbook.save(path)
    result = import_roll_file(path, store)
    assert count_imported_rows(result) == (2, 2, 0, 0)
    assert query_store(store, "SELECT e164 FROM phone ORDER BY 1") == [("+916990012345",), ("+916991123456",)]
    assert query_store(store, "SELECT serial, age FROM voter ORDER BY 1") == [(7, 24), (8, None)]


def test_importing_an_electoral_roll_twice_changes_nothing(store: Path) -> None:
    rows = [
        ("1", "1", "1", "Mira", "30", "F", "6990012345"),
        ("1", "1", "2", "Tarun", "x", "M", "6990012345, 12345"),
        ("1", "1", "1", "Mira", "30", "F", "6991123456"),
        ("1", "1", "1", "Kolem", "30", "F", "6992123456"),
        ("1", "2", "", "Silel", "30", "F", "6993123456"),
    ]
    first = import_rows(store, rows)
    before = read_imported_tables(store)
    second = import_rows(store, rows)
    assert count_imported_rows(first) == (5, 2, 1, 2)
    assert count_imported_rows(second) == (5, 0, 3, 2)
    assert (second.numbers, second.links, second.booths) == (0, 0, 0)
    assert read_imported_tables(store) == before
    assert second.reasons == first.reasons


def test_changed_roll_row_updates_the_voter_and_blank_cells_delete_nothing(store: Path) -> None:
    import_rows(store, [("1", "1", "1", "Mira", "30", "F", "6990012345"), ("1", "1", "2", "Tarun", "40", "M", "")])
    result = import_rows(store, [("1", "1", "1", "Mira Devi", "", "F", "6991123456"), ("1", "1", "2", "", "", "", "")])
    assert count_imported_rows(result) == (2, 1, 1, 0)
    assert query_store(store, "SELECT serial, name, age, sex FROM voter ORDER BY serial") == [
        (1, "Mira Devi", 30, "F"),
        (2, "Tarun", 40, "M"),
    ]
    assert query_store(store, "SELECT count(*) FROM link WHERE voter_id = 1") == [(2,)]


def test_second_roll_with_fewer_columns_keeps_the_voters_other_details(store: Path) -> None:
    import_rows(store, [("1", "1", "1", "Mira", "30", "F", "")])
    before = query_store(store, "SELECT * FROM voter")
    result = import_rows(store, [("1", "1", "1", "6990012345")], ("AC_NO", "PART_NO", "SLNOINPART", "MOBILE"))
    assert count_imported_rows(result) == (1, 0, 1, 0)
    assert result.links == 1
    assert query_store(store, "SELECT * FROM voter") == before


def test_second_roll_import_keeps_recorded_votes_and_removed_links_to_numbers(store: Path) -> None:
    rows = [("1", "1", "1", "Mira", "30", "F", "6990012345")]
    import_rows(store, rows)
    execute_in_store(store, "UPDATE voter SET turnout = 'voted', reached = 1")
    execute_in_store(store, "UPDATE link SET dropped_at = 5.0")
    result = import_rows(store, [("1", "1", "1", "Mira Devi", "30", "F", "6990012345")])
    assert (result.voters, result.links) == (1, 0)
    assert query_store(store, "SELECT turnout, reached, name FROM voter") == [("voted", 1, "Mira Devi")]
    assert query_store(store, "SELECT dropped_at FROM link") == [(5.0,)]


def test_imported_number_with_an_earlier_opt_out_stays_opted_out(store: Path) -> None:
    import_rows(store, [("1", "1", "1", "Mira", "30", "F", "")])
    execute_in_store(store, "INSERT INTO opt_out (e164, at, source) VALUES ('+916990012345', 7.0, 'flow')")
    result = import_rows(
        store, [("1", "1", "1", "Mira", "30", "F", "06990012345"), ("1", "1", "2", "", "", "", "6991123456")]
    )
    assert result.opted_out == 1
    assert query_store(store, "SELECT e164, opted_out_at FROM phone ORDER BY 1") == [
        ("+916990012345", 7.0),
        ("+916991123456", None),
    ]


def test_roll_with_shared_numbers_and_repeated_voters_stores_each_link_once(store: Path) -> None:
    rows = [
        ("1", "1", "1", "Mira", "30", "F", "6990012345"),
        ("1", "1", "2", "Tarun", "40", "M", "6990012345"),
        ("1", "1", "1", "Mira", "30", "F", "6991123456"),
        ("1", "1", "2", "Tarun", "", "M", "+91 69900 12345"),
    ]
    result = import_rows(store, rows)
    assert count_imported_rows(result) == (4, 2, 2, 0)
    assert (result.numbers, result.links) == (2, 3)


def test_second_roll_row_of_a_voter_must_not_contradict_the_first(store: Path) -> None:
    rows = [
        ("1", "1", "1", "Mira", "", "", "6990012345"),
        ("1", "1", "1", "", "30", "", ""),
        ("1", "1", "1", "Mira", "", "F", ""),
        ("1", "1", "1", "Kolem", "", "", "6991123456"),
        ("1", "1", "1", "Mira", "31", "", "6992123456"),
    ]
    result = import_rows(store, rows)
    assert count_imported_rows(result) == (5, 3, 0, 2)
    assert query_store(store, "SELECT name, age, sex FROM voter") == [("Mira", 30, "F")]
    assert result.numbers == 1
    assert [
        (row["REJECT_ROW"], row["REJECT_COLUMN"], row["REJECT_REASON"])
        for row in read_rejected_rows(store.parent / "roll.csv.rejects.csv")
    ] == [
        ("5", "name", CONFLICT),
        ("6", "age", CONFLICT),
    ]


def test_rejects_file_has_row_column_value_and_reason_of_every_rejected_row(store: Path) -> None:
    rows = [
        ("1", "1", "1", "Mira", "30", "F", "6990012345/12345"),
        ("1", "1", "new", "Tarun", "40", "M", "6991123456"),
        ("1", "12A", "3", "Kolem", "40", "M", "6991123456"),
        ("x", "1", "4", "Silel", "40", "M", "6991123456"),
        ("1", "1", "5", "Hayir", "240", "?", "=1+1"),
        ("1", "1", "6", "Too", "40", "M", "6991123456", "one more"),
        ("", "", "", "", "", "", ""),
        ("1", "1", "7"),
    ]
    result = import_rows(store, rows)
    assert count_imported_rows(result) == (7, 3, 0, 4)
    assert (result.rejected_numbers, result.rejected_cells, result.blank_rows) == (2, 2, 1)
    found = read_rejected_rows(store.parent / "roll.csv.rejects.csv")
    assert [(row["REJECT_ROW"], row["REJECT_COLUMN"], row["REJECT_VALUE"]) for row in found] == [
        ("2", "MOBILE", "12345"),
        ("3", "SLNOINPART", "new"),
        ("4", "PART_NO", "12A"),
        ("5", "AC_NO", "x"),
        ("6", "AGE", "240"),
        ("6", "SEX", "?"),
        ("6", "MOBILE", "'=1+1"),  # escaped, so that no spreadsheet runs it as a formula
        ("7", "", "one more"),
    ]
    assert found[0]["REJECT_REASON"] == NumberReason.TOO_SHORT
    assert found[1]["FM_NAME_EN"] == "Tarun"
    assert sum(result.reasons.values()) == len(found)


def test_caste_religion_and_aadhaar_columns_are_not_stored_anywhere(store: Path) -> None:
    header = (*COLUMNS, "Caste", "Religion", "Aadhaar")
    import_rows(store, [("1", "1", "x", "Mira", "30", "F", "", "canary1", "canary2", "canary3")], header)
    text = (store.parent / "roll.csv.rejects.csv").read_text("utf-8-sig")
    assert "Mira" in text
    assert "canary" not in text
    assert b"canary" not in store.read_bytes()


def test_file_of_rejected_rows_can_be_imported_after_correction(store: Path) -> None:
    import_rows(store, [("1", "1", "x", "Mira", "30", "F", "+916990012345")])
    reject_path = store.parent / "roll.csv.rejects.csv"
    text = reject_path.read_text("utf-8-sig")
    assert text.splitlines()[0].startswith(",".join(OWN_COLUMNS))
    corrected = store.parent / "corrected.csv"
    corrected.write_text(text.replace(",1,1,x,Mira", ",1,1,9,Mira"), "utf-8")
    result = import_roll_file(corrected, store)
    assert count_imported_rows(result) == (1, 1, 0, 0)
    assert query_store(store, "SELECT e164 FROM phone") == [("+916990012345",)]


def test_row_with_undecodable_characters_is_rejected_and_all_other_rows_are_imported(store: Path) -> None:
    path = store.parent / "roll.csv"
    good = "".join(f"1,1,{serial},प्रिया शर्मा,30,F,\n" for serial in range(1, 40))
    path.write_bytes(f"{','.join(COLUMNS)}\n{good}1,1,40,".encode() + "प्रिया".encode()[:-1] + b",30,F,\n")
    result = import_roll_file(path, store)
    assert count_imported_rows(result) == (40, 39, 0, 1)
    assert "\\udc" in read_rejected_rows(store.parent / "roll.csv.rejects.csv")[0]["FM_NAME_EN"]


def test_dry_run_of_an_electoral_roll_import_reports_the_result_and_writes_nothing(store: Path) -> None:
    roll = write_roll(
        store.parent / "roll.csv", [("1", "1", "1", "Mira", "30", "F", "6990012345"), ("1", "1", "x", "", "", "", "")]
    )
    result = import_roll_file(roll, store, ImportOptions(dry_run=True))
    assert result.get_counts_of_imported_rows() == {
        "rows": 2,
        "voters": 1,
        "numbers": 1,
        "links": 1,
        "rejected": 1,
        "unchanged": 0,
    }
    assert sorted(path.name for path in store.parent.iterdir()) == ["roll.csv"]
    import_roll_file(roll, store)
    before = read_imported_tables(store)
    (store.parent / "roll.csv.rejects.csv").unlink()
    asked = store.parent / "asked.csv"
    second = import_roll_file(
        write_roll(
            store.parent / "other.csv",
            [("1", "1", "2", "Tarun", "40", "M", "6991123456"), ("1", "x", "2", "", "", "", "")],
        ),
        store,
        ImportOptions(dry_run=True, rejects_path=asked),
    )
    assert (second.voters, second.numbers, second.rejected) == (1, 1, 1)
    assert read_imported_tables(store) == before
    assert query_store(store, "SELECT count(*) FROM import_run") == [(1,)]
    assert len(read_rejected_rows(asked)) == 1


def test_second_roll_version_of_a_constituency_is_imported_if_allowed(store: Path) -> None:
    roll = write_roll(store.parent / "roll.csv", [("1", "1", "1", "Mira", "30", "F", "")])
    import_roll_file(roll, store, ImportOptions(roll_version="2025"))
    result = import_roll_file(roll, store, ImportOptions(roll_version="2026", allow_second_roll=True))
    assert (result.voters, result.booths) == (1, 1)
    assert query_store(store, "SELECT roll_version FROM booth ORDER BY 1") == [("2025",), ("2026",)]
    second = import_roll_file(
        roll, store, ImportOptions(roll_version="2026")
    )  # an existing version needs no permission
    assert (second.unchanged, second.booths) == (1, 0)


VERSIONED = ("state_code", "ac_no", "part_no", "serial", "mobile")


@pytest.mark.parametrize("state", ["S24", ""])
@pytest.mark.parametrize("dry_run", [True, False])
def test_roll_is_refused_if_the_constituency_is_stored_in_another_roll_version(
    store: Path, state: str, dry_run: bool
) -> None:
    """A voter who is marked "voted" on one roll would still be called from the other."""
    import_rows(store, [("S24", "174", "1", "1", "6990012345")], VERSIONED)
    before = read_imported_tables(store)
    roll = write_roll(store.parent / "new.csv", [(state, "174", "2", "5", "6990012345")], VERSIONED)
    with pytest.raises(RollError) as refused:
        import_roll_file(roll, store, ImportOptions(roll_version="2026-2", dry_run=dry_run))
    said = str(refused.value)
    place = "constituency 174 of S24" if state else "constituency 174 is"
    for words in (
        place,
        "as version current",
        "as version 2026-2",
        "--roll-version current",
        "--allow-second-roll",
        "nothing was imported",
    ):
        assert words in said
    assert "\n" not in said
    assert read_imported_tables(store) == before
    assert not roll.with_name("new.csv.rejects.csv").exists()
    assert import_roll_file(roll, store, ImportOptions(roll_version="2026-2", allow_second_roll=True)).booths == 1


def test_constituencies_with_the_same_number_in_two_states_can_be_imported(store: Path) -> None:
    import_rows(store, [("S24", "174", "1", "1", "")], VERSIONED)
    roll = write_roll(store.parent / "other.csv", [("S13", "174", "1", "1", "")], VERSIONED)
    assert import_roll_file(roll, store, ImportOptions(roll_version="2026-2")).booths == 1


@pytest.mark.parametrize("heading", ["Revision", "Qualifying Date"])
def test_error_about_a_duplicate_constituency_names_the_column_read_as_version(store: Path, heading: str) -> None:
    import_rows(store, [("S24", "174", "1", "1", "")], VERSIONED)
    header = (*VERSIONED, heading)
    roll = write_roll(store.parent / "new.csv", [("S24", "174", "1", "1", "", "2026-04-01")], header)
    with pytest.raises(RollError, match=f'its column "{heading}" makes it version 2026-04-01') as refused:
        import_roll_file(roll, store)
    assert 'roll_version = "current" under [values]' in str(refused.value)
    map_file = store.parent / "map.toml"
    map_file.write_text('[values]\nroll_version = "current"\n', encoding="utf-8")
    assert import_roll_file(roll, store, map_path=map_file).unchanged == 1


def test_two_roll_versions_of_a_constituency_in_one_file_are_refused(store: Path) -> None:
    header = (*VERSIONED, "revision")
    rows = [("S24", "174", "1", "1", "", "1"), ("S24", "175", "1", "1", "", "2"), ("S24", "174", "2", "1", "", "2")]
    with pytest.raises(RollError, match="174 of S24 is in this file as version 1,"):
        import_rows(store, rows, header)
    assert query_store(store, "SELECT count(*) FROM booth") == [(0,)]


@pytest.mark.parametrize(
    ("stored", "imported", "remedy"),
    [
        ("", "S13", 'write state_code = "" under [values]'),
        ("S13", "", 'add the column state_code, or write state_code = "S13" under [values]'),
    ],
)
def test_roll_is_refused_if_only_roll_or_store_names_the_state(
    store: Path, stored: str, imported: str, remedy: str
) -> None:
    """Each voter would be stored twice."""
    import_rows(store, [(stored, "174", "1", "1", "6990012345")], VERSIONED)
    before = read_imported_tables(store)
    roll = write_roll(store.parent / "again.csv", [(imported, "174", "1", "1", "6990012345")], VERSIONED)
    with pytest.raises(RollError) as refused:
        import_roll_file(roll, store)
    said = str(refused.value)
    assert "constituency 174 is on the roll" in said
    assert remedy in said
    assert "\n" not in said
    assert read_imported_tables(store) == before
    map_file = store.parent / "map.toml"
    map_file.write_text(f'[values]\nstate_code = "{stored}"\n', encoding="utf-8")
    assert import_roll_file(roll, store, map_path=map_file).unchanged == 1
    assert import_roll_file(roll, store, ImportOptions(allow_second_roll=True)).booths == 1


@pytest.mark.parametrize(
    ("number", "values", "remedy"),
    [
        ("S13-174", "", "only the constituency's number"),
        ("174", '[values]\nstate_code = "S13"\n', r"remove state_code from \[values\] of the map file"),
    ],
)
def test_error_about_a_duplicate_constituency_says_where_to_remove_the_state(
    store: Path, number: str, values: str, remedy: str
) -> None:
    import_rows(store, [("174", "1", "1")], VERSIONED[1:4])
    roll = write_roll(store.parent / "again.csv", [(number, "1", "1")], VERSIONED[1:4])
    map_file = store.parent / "map.toml"
    map_file.write_text(values, encoding="utf-8")
    with pytest.raises(RollError, match=remedy):
        import_roll_file(roll, store, map_path=map_file)


def test_electoral_roll_file_with_the_state_in_only_some_rows_is_refused(store: Path) -> None:
    rows = [("S13", "174", "1", "1", ""), ("", "174", "2", "1", "")]
    with pytest.raises(
        RollError, match=r"174 is in this file with the state S13, .* in every row of the file or in none"
    ):
        import_rows(store, rows, VERSIONED)
    assert query_store(store, "SELECT count(*) FROM booth") == [(0,)]


def test_roll_rows_of_one_booth_need_not_be_adjacent(store: Path) -> None:
    rows = [
        ("1", str(1 + number % 7), str(1 + number // 7), f"Voter {number}", "30", "F", "") for number in range(9_000)
    ]
    assert count_imported_rows(import_rows(store, rows)) == (9_000, 9_000, 0, 0)
    assert count_imported_rows(import_rows(store, rows[::-1])) == (9_000, 0, 9_000, 0)


def test_phone_numbers_of_another_country_are_imported_if_the_region_is_given(store: Path) -> None:
    roll = write_roll(store.parent / "roll.csv", [("1", "1", "1", "Mira", "30", "F", "(212) 555-2368")])
    assert import_roll_file(roll, store, ImportOptions(region="US")).numbers == 1
    assert query_store(store, "SELECT e164 FROM phone") == [("+12125552368",)]


# Failed imports


def write_big_roll(store: Path) -> Path:
    rows = [("1", "1", str(number), f"Voter {number}", "30", "F", f"69{number:08}") for number in range(1, 13_000)]
    return write_roll(store.parent / "big.csv", rows)


def find_leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.endswith((".part", "-wal", ".rejects.csv")))


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_interrupted_electoral_roll_import_changes_nothing(store: Path, error: type[BaseException]) -> None:
    import_rows(store, [("1", "1", "1", "Mira", "30", "F", "6990012345")], name="small.csv")
    (store.parent / "small.csv.rejects.csv").unlink()
    before = read_imported_tables(store)

    def interrupt(done: Progress) -> None:
        if done.tally.rows > 5_000:
            raise error

    with pytest.raises(error):
        import_roll_file(write_big_roll(store), store, progress=interrupt)
    assert find_leftovers(store.parent) == []  # checked first, because reading the store creates a WAL file
    assert read_imported_tables(store) == before
    assert query_store(store, "SELECT count(*) FROM import_run") == [(1,)]
    assert import_roll_file(store.parent / "big.csv", store).voters == 12_999


def test_killed_electoral_roll_import_changes_nothing(store: Path) -> None:
    import_rows(store, [("1", "1", "1", "Mira", "30", "F", "6990012345")], name="small.csv")
    before = read_imported_tables(store)
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom dialer.roll.importer import import_roll_file\n"
        "import_roll_file(Path(sys.argv[1]), Path(sys.argv[2]),"
        " progress=lambda done: os._exit(9) if done.tally.rows > 9_000 else None)\n"
    )
    ended = run_forked(script, write_big_roll(store), store)
    assert ended.returncode == 9
    assert read_imported_tables(store) == before
    assert import_roll_file(store.parent / "big.csv", store).voters == 12_999


def test_electoral_roll_import_to_a_full_disk_changes_nothing(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_rows(store, [("1", "1", "1", "Mira", "30", "F", "6990012345")], name="small.csv")
    before = read_imported_tables(store)

    def begin_with_small_limit(db: Connection) -> int:
        db.execute("PRAGMA max_page_count = 60")
        return begin_roll_import(db)

    monkeypatch.setattr(importer, "begin_roll_import", begin_with_small_limit)
    with pytest.raises(StoreFull):
        import_roll_file(write_big_roll(store), store)
    assert read_imported_tables(store) == before
    assert [name for name in find_leftovers(store.parent) if name.startswith("big")] == []


def test_import_of_an_electoral_roll_with_an_unclosed_quotation_mark_changes_nothing(store: Path) -> None:
    import_rows(store, [("1", "1", "1", "Mira", "30", "F", "6990012345")], name="small.csv")
    before = read_imported_tables(store)
    path = write_big_roll(store)
    with path.open("a", encoding="utf-8") as file:
        file.write('1,2,1,"Mira\n' + "1,1,1,x\n" * 200)
    with pytest.raises(RollError, match="quotation mark opens in row 13,001"):
        import_roll_file(path, store)
    assert read_imported_tables(store) == before


def test_electoral_roll_import_is_refused_while_the_store_is_in_use(store: Path) -> None:
    roll = write_roll(store.parent / "roll.csv", [("1", "1", "1", "Mira", "30", "F", "")])
    with open_store_exclusively(store, "a dialler"), pytest.raises(StoreBusy, match="a dialler"):
        import_roll_file(roll, store)


def test_electoral_roll_import_refuses_to_overwrite_a_file_that_is_not_a_store(store: Path) -> None:
    roll = write_roll(store.parent / "roll.csv", [("1", "1", "1", "Mira", "30", "F", "")])
    store.write_text("a letter to the editor")
    with pytest.raises(StoreCorrupt):
        import_roll_file(roll, store)
    assert store.read_text() == "a letter to the editor"


@pytest.mark.parametrize(
    ("name", "says"), [("roll.csv", "is the roll itself"), ("none/rejects.csv", "cannot be written")]
)
def test_electoral_roll_import_refuses_an_unusable_path_of_the_rejects_file(store: Path, name: str, says: str) -> None:
    roll = write_roll(store.parent / "roll.csv", [("1", "1", "1", "Mira", "30", "F", "")])
    text = roll.read_text("utf-8")
    with pytest.raises((RollError, OutputRefused), match=says):
        import_roll_file(roll, store, ImportOptions(rejects_path=store.parent / name))
    assert roll.read_text("utf-8") == text
    assert not store.exists()


def test_roll_without_voters_is_rejected(store: Path) -> None:
    with pytest.raises(RollError, match="a header but no voters"):
        import_rows(store, [])
    with pytest.raises(RollError, match="a header but no voters"):
        import_rows(store, [("", "", "", "", "", "", "")])
