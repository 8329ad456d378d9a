"""The columns of a roll are recognised by their headings, or by a map file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.domain.errors import RollError
from dialer.roll.fields import Field, find_field_of_heading, is_sensitive_column
from dialer.roll.mapping import DROPPED, NOT_USED, load_column_map, map_roll_columns_to_fields

ROLL = Path("roll.csv")
EXPORT = [
    "ST_CODE", "AC_NO", "AC_NAME_EN", "PART_NO", "PART_NAME_EN", "PART_NAME_V1", "SECTION_NO", "SLNOINPART",
    "C_HOUSE_NO", "C_HOUSE_NO_V1", "FM_NAME_EN", "LASTNAME_EN", "FM_NAME_V1", "LASTNAME_V1", "RLN_TYPE",
    "RLN_FM_NM_EN", "RLN_L_NM_EN", "SEX", "AGE", "IDCARD_NO", "MOBILE", "MOBILE2",
]  # fmt: skip


def write_map(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "map.toml"
    path.write_text(text, "utf-8")
    return path


def test_usual_headings_of_electoral_roll_exports_are_all_mapped() -> None:
    mapping = map_roll_columns_to_fields(ROLL, [EXPORT])
    assert dict(mapping.describe_use_of_each_column()) == {
        "ST_CODE": "state_code",
        "AC_NO": "constituency_number",
        "AC_NAME_EN": "constituency_name",
        "PART_NO": "part_number",
        "PART_NAME_EN": "part_name",
        "PART_NAME_V1": "part_name_local",
        "SECTION_NO": "section",
        "SLNOINPART": "serial",
        "C_HOUSE_NO": "house",
        "C_HOUSE_NO_V1": NOT_USED,
        "FM_NAME_EN": "name",
        "LASTNAME_EN": "last_name",
        "FM_NAME_V1": "name_local",
        "LASTNAME_V1": "last_name_local",
        "RLN_TYPE": "relation",
        "RLN_FM_NM_EN": "relation_name",
        "RLN_L_NM_EN": "relation_last_name",
        "SEX": "sex",
        "AGE": "age",
        "IDCARD_NO": "epic",
        "MOBILE": "mobile",
        "MOBILE2": "mobile",
    }
    assert mapping.skip_rows == 1


def test_roll_needs_only_columns_for_constituency_part_and_serial_number() -> None:
    assert map_roll_columns_to_fields(ROLL, [["app", "part_no", "slnoinpart"]]).columns == {
        Field.CONSTITUENCY_NUMBER: (0,),
        Field.PART_NUMBER: (1,),
        Field.SERIAL: (2,),
    }


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("Part No.", Field.PART_NUMBER),
        ("booth number", Field.PART_NUMBER),
        ("भाग संख्या", Field.PART_NUMBER),
        ("பாகம் எண்", Field.PART_NUMBER),
        ("Sl. No. in Part", Field.SERIAL),
        ("क्रम संख्या", Field.SERIAL),
        ("ক্রমিক নং", Field.SERIAL),
        ("विधानसभा संख्या", Field.CONSTITUENCY_NUMBER),
        ("Voter's Name", Field.NAME),
        ("नाम", Field.NAME_LOCAL),
        ("పేరు", Field.NAME_LOCAL),
        ("Mobile No", Field.MOBILE),
        ("WhatsApp", Field.MOBILE),
        ("Mobile-2", Field.MOBILE),
        ("मोबाइल नंबर", Field.MOBILE),
        ("मोबाईल क्रमांक", Field.MOBILE),
        ("ਮੋਬਾਈਲ ਨੰਬਰ", Field.MOBILE),
        ("موبائل نمبر", Field.MOBILE),
        ("उम्र", Field.AGE),
        ("লিঙ্গ", Field.SEX),
        ("EPIC No", Field.EPIC),
    ],
)
def test_electoral_roll_heading_is_recognized_in_several_languages_and_spellings(heading: str, name: Field) -> None:
    found = find_field_of_heading(heading)
    assert found is not None
    assert found[0] is name


@pytest.mark.parametrize(
    "heading",
    ["Caste", "SUB_CASTE", "Religion", "Aadhaar No", "AADHAR", "UID No", "जाति", "धर्म", "आधार संख्या", "voted_for"],
)
def test_sensitive_electoral_roll_columns_are_dropped_and_reported_as_dropped(heading: str) -> None:
    mapping = map_roll_columns_to_fields(ROLL, [[*EXPORT, heading]])
    assert mapping.sensitive == {len(EXPORT)}
    assert mapping.describe_use_of_each_column()[-1] == (heading, DROPPED)


@pytest.mark.parametrize("heading", ["MOBILE", "अनुभाग संख्या", "भाग संख्या", "Section", "Guardian", "Fluid", "Broadcast"])
def test_harmless_electoral_roll_headings_are_not_mistaken_for_sensitive_headings(heading: str) -> None:
    assert not is_sensitive_column(heading)


def test_only_name_column_of_a_roll_is_the_name_in_any_script() -> None:
    both = map_roll_columns_to_fields(ROLL, [["AC", "PART", "SERIAL", "Name", "नाम"]]).columns
    assert (both[Field.NAME], both[Field.NAME_LOCAL]) == ((3,), (4,))
    alone = map_roll_columns_to_fields(ROLL, [["विधानसभा संख्या", "भाग संख्या", "क्रम संख्या", "नाम"]]).columns
    assert alone[Field.NAME] == (3,)
    assert Field.NAME_LOCAL not in alone


def test_more_common_heading_is_chosen_if_two_electoral_roll_columns_match_one_field() -> None:
    columns = map_roll_columns_to_fields(ROLL, [["SNO", "AC_NO", "PART_NO", "SLNOINPART", "BOOTH NO"]]).columns
    assert columns[Field.SERIAL] == (3,)
    assert columns[Field.PART_NUMBER] == (2,)


def test_header_row_below_a_title_of_the_electoral_roll_is_found() -> None:
    head = [["Electoral roll 2026"], [], ["AC_NO", "PART_NO", "SLNOINPART"], ["1", "2", "3"]]
    assert map_roll_columns_to_fields(ROLL, head).skip_rows == 3


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ([["S24", "170", "12", "6990012345"]], "has no header row"),
        ([["foo", "bar"], ["1", "2"]], "no known heading"),
        ([["AC_NO", "NAME"]], "no column for part number and serial"),
        ([["PART_NO", "SLNOINPART"]], 'write constituency_number = "HEADING"'),
    ],
)
def test_roll_without_columns_for_constituency_part_and_serial_number_is_rejected(
    head: list[list[str]], says: str
) -> None:
    with pytest.raises(RollError, match=says) as refused:
        map_roll_columns_to_fields(ROLL, head)
    assert "6990012345" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_column_map_file_overrides_the_headings_of_the_electoral_roll(tmp_path: Path) -> None:
    path = write_map(
        tmp_path,
        'delimiter = ";"\n[columns]\npart_number = "Stn"\nmobile = ["Phone A", 5]\nage = ""\n'
        '[values]\nconstituency_number = 170\nstate_code = "S24"\n',
    )
    map_file = load_column_map(path)
    assert map_file.options.delimiter == ";"
    mapping = map_roll_columns_to_fields(ROLL, [["SLNOINPART", "stn", "PHONE_A", "AGE", "spare", "MOBILE"]], map_file)
    assert mapping.columns == {Field.SERIAL: (0,), Field.PART_NUMBER: (1,), Field.MOBILE: (2, 4)}
    assert mapping.values == {Field.CONSTITUENCY_NUMBER: "170", Field.STATE_CODE: "S24"}


def test_electoral_roll_without_header_is_mapped_by_column_numbers(tmp_path: Path) -> None:
    path = write_map(tmp_path, "header_row = 0\n[columns]\nconstituency_number = 1\npart_number = 2\nserial = 3\n")
    mapping = map_roll_columns_to_fields(ROLL, [["170", "12", "1"]], load_column_map(path))
    assert mapping.skip_rows == 0
    assert mapping.columns[Field.SERIAL] == (2,)


def test_column_map_file_may_name_a_column_that_looks_sensitive(tmp_path: Path) -> None:
    path = write_map(tmp_path, '[columns]\nsection = "Community Hall"\n')
    mapping = map_roll_columns_to_fields(ROLL, [["AC", "PART", "SERIAL", "Community Hall"]], load_column_map(path))
    assert mapping.columns[Field.SECTION] == (3,)
    assert mapping.sensitive == frozenset()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[columns]\nmobil = 'MOBILE'\n", 'the map file has the unknown field `columns.mobil`, did you mean "mobile"'),
        ("[columns]\nmobile = 'MOBLIE'\n", 'has no column "MOBLIE", did you mean "MOBILE"'),
        ("[columns]\nmobile = 99\n", "columns.mobile = 99 must be from 1 to 22"),
        ("[columns]\nmobile = 1.5\n", "`columns.mobile` must be"),
        ("[columns]\nage = ['AGE', 'SEX']\n", "has several columns, which only `columns.mobile` may have"),
        ("[values]\nage = [1]\n", "`values.age` must be"),
        ("[column]\n", 'the map file has the unknown setting `column`, did you mean "columns"'),
        ("header_row = 'one'\n", "the setting `header_row` of this map file is not a whole number"),
        ("header_row = 9\n", "`header_row` is 9, but the headings must be in the first 1 rows"),
        ("columns = 3\n", "the setting `columns` of this map file is not a table"),
        ("= =\n", "is not valid TOML"),
    ],
)
def test_error_in_a_column_map_file_names_file_key_and_remedy(tmp_path: Path, text: str, says: str) -> None:
    path = write_map(tmp_path, text)
    with pytest.raises(RollError) as refused:
        map_roll_columns_to_fields(ROLL, [EXPORT], load_column_map(path))
    assert says in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_missing_column_map_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(RollError, match="cannot be read"):
        load_column_map(tmp_path / "none.toml")
