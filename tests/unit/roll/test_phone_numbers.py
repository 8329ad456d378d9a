"""Phone numbers in the notations of real rolls. Every number here is made up; +91 699x is the block of sample rolls."""

from __future__ import annotations

import unicodedata

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.roll.phone_numbers import (
    ASCII_DIGITS,
    NumberReason,
    parse_mobile_number_without_separators,
    read_phone_numbers_in_cell,
)

MOBILE = "+916990012345"
OTHER = "+916991123456"


@pytest.mark.parametrize(
    "cell",
    [
        "6990012345",
        " 6990012345 ",
        "+916990012345",
        "916990012345",
        "00916990012345",
        "06990012345",
        "0916990012345",
        "+91-06990012345",
        "+91 69900 12345",
        "699-001-2345",
        "(0)6990012345",
        "6990012345.0",
        "6990012345.00",
        "6.990012345E+09",
        "6.990012345e9",
        "9.16990012345E+11",
        "6,99,00,12,345",
        "'+916990012345",
        "Mob: 6990012345",
        "M-6990012345",
        "6990012345 (R)",
        "+6990012345",  # a plus by mistake: the number is valid in no other country
        "\u202a+91 69900 12345\u202c",  # with invisible marks from a phone's address book
        "6990\u00a0012345",
        "6990–012345",
        "६९९००१२३४५",
        "৬৯৯০০১২৩৪৫",
        "੬੯੯੦੦੧੨੩੪੫",
        "૬૯૯૦૦૧૨૩૪૫",
        "୬୯୯୦୦୧୨୩୪୫",
        "௬௯௯௦௦௧௨௩௪௫",
        "౬౯౯౦౦౧౨౩౪౫",
        "೬೯೯೦೦೧೨೩೪೫",
        "൬൯൯൦൦൧൨൩൪൫",
        "۶۹۹۰۰۱۲۳۴۵",
        "６９９００１２３４５",
        "+९१ ६९९०० १२३४५",
    ],
)
def test_phone_number_is_read_in_every_notation(cell: str) -> None:
    found = read_phone_numbers_in_cell(cell)
    assert found.numbers == (MOBILE,)
    assert found.rejected == ()


@pytest.mark.parametrize(
    "cell",
    [
        "6990012345/6991123456",
        "6990012345, 6991123456",
        "6990012345; 6991123456",
        "6990012345 | 6991123456",
        "6990012345 and 6991123456",
        "6990012345 & 6991123456",
        "6990012345 या 6991123456",
        "६९९००१२३४५ । ६९९११२३४५६",
        "6990012345\n6991123456",
        "6990012345 6991123456",
        "6990012345-6991123456",
        "+91 69900 12345 / 0 69911 23456",
        "6990012345, 6991123456, 06990012345",  # the first number is repeated
    ],
)
def test_several_phone_numbers_in_a_cell_are_read(cell: str) -> None:
    found = read_phone_numbers_in_cell(cell)
    assert found.numbers == (MOBILE, OTHER)
    assert found.rejected == ()


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("9.19E+09", NumberReason.DIGITS_LOST),
        ("9,19E+09", NumberReason.DIGITS_LOST),
        ("9.19877E+11", NumberReason.DIGITS_LOST),
        ("9190000000", NumberReason.DIGITS_LOST),
        ("9190000000.0", NumberReason.DIGITS_LOST),
        ("1234567890", NumberReason.TEST_PATTERN),
        ("0123456789", NumberReason.TEST_PATTERN),
        ("१२३४५६७८९०", NumberReason.TEST_PATTERN),
        ("9999999999", NumberReason.TEST_PATTERN),
        ("+91 77777 77777", NumberReason.TEST_PATTERN),
        ("0000000000", NumberReason.TEST_PATTERN),
        ("12345", NumberReason.TOO_SHORT),
        ("699001234", NumberReason.TOO_SHORT),
        ("+91 699001234", NumberReason.TOO_SHORT),
        ("1950", NumberReason.TOO_SHORT),
        ("69900123451", NumberReason.TOO_LONG),
        ("919876543210123", NumberReason.TOO_LONG),
        ("123456789012345678901234", NumberReason.TOO_LONG),
        ("switched off", NumberReason.NOT_A_NUMBER),
        ("69900x12345", NumberReason.NOT_A_NUMBER),
        ("699001234O", NumberReason.NOT_A_NUMBER),
        ("0800 FLOWERS", NumberReason.NOT_A_NUMBER),  # `phonenumbers` would spell it out
        ("1800-123-4567", NumberReason.SPECIAL),
        ("+1 900 555 0123", NumberReason.PREMIUM),
        ("1700123456", NumberReason.UNKNOWN_SERIES),
    ],
)
def test_invalid_phone_number_is_rejected_with_a_reason(cell: str, reason: NumberReason) -> None:
    found = read_phone_numbers_in_cell(cell)
    assert found.numbers == ()
    assert [bad.reason for bad in found.rejected] == [reason]


@pytest.mark.parametrize("cell", ["", "  ", "-", "NA", "n/a", "Nil", "none", "0", "0.0", "NaN"])
def test_cell_such_as_na_or_nil_has_no_phone_number(cell: str) -> None:
    found = read_phone_numbers_in_cell(cell)
    assert (found.numbers, found.rejected) == ((), ())


def test_valid_phone_number_is_read_next_to_an_invalid_number() -> None:
    found = read_phone_numbers_in_cell("6990012345 / 12345")
    assert found.numbers == (MOBILE,)
    assert [(bad.text, bad.reason) for bad in found.rejected] == [("12345", NumberReason.TOO_SHORT)]


def test_landline_and_foreign_phone_numbers_on_an_electoral_roll_are_read() -> None:
    assert read_phone_numbers_in_cell("011-2345 6789").numbers == ("+911123456789",)
    assert read_phone_numbers_in_cell("+44 7700 900123").numbers == ()  # reserved by Ofcom for fiction
    assert read_phone_numbers_in_cell("+1 212 555 2368").numbers == ("+12125552368",)
    assert read_phone_numbers_in_cell("0012125552368").numbers == ("+12125552368",)


def test_default_region_applies_to_phone_numbers_without_a_country_code() -> None:
    assert read_phone_numbers_in_cell("(212) 555-2368", "US").numbers == ("+12125552368",)
    assert read_phone_numbers_in_cell("6990012345", "US").numbers == ()
    assert read_phone_numbers_in_cell("+916990012345", "US").numbers == (MOBILE,)


def test_digits_of_every_script_in_a_phone_number_are_read() -> None:
    assert len(ASCII_DIGITS) == 280
    for code_point, digit in ASCII_DIGITS.items():
        value = unicodedata.decimal(chr(code_point), None)
        assert value is None or str(value) == digit, hex(code_point)  # None: newer than this Python's Unicode
        assert value is not None or code_point > 0x1E000


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.from_regex(r"(\+91|91|0|0091)?[6-9][0-9]{9}", fullmatch=True))
def test_fast_parser_of_mobile_numbers_agrees_with_the_phone_number_library(cell: str) -> None:
    number = parse_mobile_number_without_separators(cell)
    if number is None:  # a test pattern, or rounded by a spreadsheet
        assert [
            bad.reason in {NumberReason.TEST_PATTERN, NumberReason.DIGITS_LOST}
            for bad in read_phone_numbers_in_cell(cell).rejected
        ] == [True]
        return
    parsed = phonenumbers.parse(cell if cell.startswith("+") else "+91" + cell[-10:])
    assert phonenumbers.is_valid_number(parsed)
    assert phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.text(alphabet=st.sampled_from("0123456789+-/,.;| ()EeMob९९७৯\n'"), max_size=40) | st.text(max_size=30))
def test_every_phone_number_read_from_a_random_cell_is_valid(cell: str) -> None:
    found = read_phone_numbers_in_cell(cell)
    for number in found.numbers:
        assert number.startswith("+")
        assert number.isascii()
        assert 7 <= len(number[1:]) <= 15
        assert read_phone_numbers_in_cell(number).numbers == (number,)
    assert len(set(found.numbers)) == len(found.numbers)
