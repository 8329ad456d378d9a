"""Synthetic rolls are reproducible, contain no real person, and can be imported."""

from __future__ import annotations

import csv
import hashlib
import unicodedata
from pathlib import Path

import pytest
from phonenumbers import carrier, parse

from dialer.domain.errors import RollError
from dialer.roll.importer import ImportOptions, import_roll_file
from dialer.roll.invented_words import convert_digits_to_script, spell_word_in_latin, spell_word_in_script
from dialer.roll.option_values import STATES
from dialer.roll.phone_numbers import read_phone_numbers_in_cell
from dialer.roll.sample import HEADER, write_sample_roll
from tests.support.stored import query_store

BLOCKS = {
    "hi": "DEVANAGARI", "mr": "DEVANAGARI", "bn": "BENGALI", "as": "BENGALI", "te": "TELUGU", "ta": "TAMIL", "gu": "GUJARATI",
    "kn": "KANNADA", "ml": "MALAYALAM", "pa": "GURMUKHI", "or": "ORIYA", "ur": "ARABIC",
}  # fmt: skip


def read_rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_sample_electoral_rolls_with_the_same_seed_have_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    digests = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        path = tmp_path / (name + suffix)
        summary = write_sample_roll(path, 500, seed)
        assert (summary.rows, summary.path) == (500, path)
        digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
    assert digests[0] == digests[1] != digests[2]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a{suffix}", f"b{suffix}", f"c{suffix}"]


def test_names_in_a_sample_roll_are_in_the_script_of_the_voters_language(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    write_sample_roll(path, 1_200, messy=0.0)
    seen = set()
    for row in read_rows_of(path):
        language = STATES[row["ST_CODE"]]
        seen.add(language)
        for text in (row["FM_NAME_V1"], row["LASTNAME_V1"], row["PART_NAME_V1"], row["C_HOUSE_NO"]):
            for letter in text:
                if letter not in " -":
                    assert unicodedata.name(letter).startswith((BLOCKS[language], "EXTENDED ARABIC")), (
                        language,
                        text,
                        letter,
                    )
        assert row["FM_NAME_EN"].isascii()
    assert seen == set(STATES.values())


def test_clean_sample_electoral_roll_is_imported_completely_and_households_share_numbers(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    summary = write_sample_roll(path, 3_000, messy=0.0, booth_voters=100)
    result = import_roll_file(path, tmp_path / "centre.db")
    assert (result.rows, result.voters, result.rejected, result.rejected_numbers) == (3_000, 3_000, 0, 0)
    assert result.booths == summary.booths
    assert 20 <= summary.booths <= 45
    assert result.links > 1.4 * result.numbers
    assert query_store(tmp_path / "centre.db", "SELECT count(*) FROM booth WHERE language = ''") == [(0,)]


def test_messy_sample_roll_contains_every_kind_of_error(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    write_sample_roll(path, 4_000, messy=0.5)
    result = import_roll_file(path, tmp_path / "centre.db")
    assert result.rows == 4_000 == result.voters + result.unchanged + result.rejected
    assert min(result.unchanged, result.rejected, result.rejected_cells, result.rejected_numbers) > 0
    assert len(result.reasons) >= 7


def test_sample_workbook_has_the_same_voters_as_the_sample_csv(tmp_path: Path) -> None:
    write_sample_roll(tmp_path / "roll.csv", 400)
    write_sample_roll(tmp_path / "roll.xlsx", 400)
    store = tmp_path / "centre.db"
    import_roll_file(tmp_path / "roll.csv", store)
    same = import_roll_file(tmp_path / "roll.xlsx", store, ImportOptions(dry_run=True))
    assert (same.rows, same.voters, same.numbers, same.links) == (400, 0, 0, 0)


def test_phone_numbers_of_a_sample_electoral_roll_belong_to_no_operator(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    write_sample_roll(path, 3_000, messy=0.6)
    numbers = {number for row in read_rows_of(path) for number in read_phone_numbers_in_cell(row["MOBILE"]).numbers}
    assert len(numbers) > 1_000
    for number in numbers:
        assert number.startswith("+91699")
        assert carrier.name_for_number(parse(number), "en") == ""  # no operator has this block


def test_voter_id_numbers_of_a_sample_roll_have_an_unused_prefix(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    write_sample_roll(path, 50, messy=0.0)
    epics = [row["IDCARD_NO"] for row in read_rows_of(path)]
    assert all(epic.startswith("ZZZ") for epic in epics)
    assert len(set(epics)) == 50


def test_states_and_languages_of_a_sample_electoral_roll_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    write_sample_roll(path, 30, states=["S24", "S25"], languages=["bn", "ta"])
    assert {row["ST_CODE"] for row in read_rows_of(path)} == {"S25"}
    assert tuple(read_rows_of(path)[0]) == HEADER


def test_progress_of_a_sample_electoral_roll_is_reported_every_5000_rows(tmp_path: Path) -> None:
    calls: list[int] = []
    write_sample_roll(tmp_path / "roll.csv", 10_001, progress=calls.append)
    assert calls == [5_000, 10_000]


@pytest.mark.parametrize(
    ("name", "rows", "choice", "says"),
    [
        ("roll.txt", 10, {}, "written as .csv or .xlsx"),
        ("roll.csv", 0, {}, "at least 1 row"),
        ("roll.csv", 10, {"messy": 1.5}, "--messy"),
        ("roll.csv", 10, {"states": ["XX"]}, 'unknown state "XX"'),
        ("roll.csv", 10, {"languages": ["xx"]}, 'unknown language "xx"'),
        ("roll.csv", 10, {"states": ["S24"], "languages": ["ta"]}, "none of the states S24 has the language ta"),
        ("roll.xlsx", 2_000_000, {}, "write .csv for more"),
        ("none/roll.csv", 10, {}, "cannot be written"),
    ],
)
def test_invalid_arguments_of_a_sample_electoral_roll_are_refused_and_leave_no_file(
    tmp_path: Path, name: str, rows: int, choice: dict[str, object], says: str
) -> None:
    with pytest.raises(RollError, match=says):
        write_sample_roll(tmp_path / name, rows, **choice)  # type: ignore[arg-type]  # arguments by name
    assert list(tmp_path.iterdir()) == []


def test_invented_sample_name_is_spelled_in_the_script_of_each_language() -> None:
    word = [("r", "aa"), ("v", "i"), ("n", "")]
    assert spell_word_in_latin(word) == "Ravin"
    assert [spell_word_in_script(word, language) for language in ("hi", "bn", "as", "ta", "te", "ur")] == [
        "राविन", "রাবিন", "ৰাৱিন", "ராவின்", "రావిన్", "راون",
    ]  # fmt: skip
    assert convert_digits_to_script("13-6", "hi") == "१३-६"
    assert convert_digits_to_script("13-6", "ur") == "۱۳-۶"
