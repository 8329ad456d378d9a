"""Converts phone numbers in electoral rolls to E.164.

Numbers may have the digits of any Indian script and any prefix, and a cell may contain several. Ten-digit Indian mobile
numbers are accepted without a further check, because the National Numbering Plan 2003 allows all of them (first digit 6
to 9). All other numbers are checked with the library `phonenumbers`. Rejected numbers are returned with a reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType, ValidationResult

from dialer.domain.errors import RollError


class NumberReason(StrEnum):
    """The reason why a phone number is rejected, in the words of the rejects file."""

    NOT_A_NUMBER = "not a phone number"
    TOO_SHORT = "too few digits"
    TOO_LONG = "too many digits"
    DIGITS_LOST = "digits were lost when a spreadsheet rounded it: format the column as text and export again"
    TEST_PATTERN = "a made-up number (all digits the same, or ascending)"
    PREMIUM = "a premium-rate number"
    SPECIAL = "not a person's line (toll-free, shared-cost, pager or service number)"
    UNKNOWN_SERIES = "no such number in the numbering plan"


@dataclass(frozen=True, slots=True)
class RejectedNumber:
    """A rejected phone number as the electoral roll has it, with the reason."""

    text: str
    reason: NumberReason


@dataclass(frozen=True, slots=True)
class CellNumbers:
    """The phone numbers in a cell (E.164, in order, without duplicates), and the rejected ones."""

    numbers: tuple[str, ...] = ()
    rejected: tuple[RejectedNumber, ...] = ()


# The zero of every set of decimal digits used in India, and of the full-width digits that some spreadsheets contain.
_DIGIT_ZEROS = (
    0x0660, 0x06F0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x1946, 0x1C40, 0x1C50,
    0xA8D0, 0xABF0, 0xFF10, 0x110F0, 0x11136, 0x112F0, 0x114D0, 0x11650, 0x116C0, 0x118E0, 0x11D50, 0x11DA0, 0x1E4F0,
)  # fmt: skip
ASCII_DIGITS: dict[int, str] = {zero + value: str(value) for zero in _DIGIT_ZEROS for value in range(10)}
"""Table for str.translate: digits of every Indian script to 0-9."""

_INVISIBLE = (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0xFEFF, 0x00AD)
_CLEAN: dict[int, str] = (
    ASCII_DIGITS
    | dict.fromkeys(_INVISIBLE, "")
    | dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212, 0xFE63, 0xFF0D), "-")
    | dict.fromkeys((0x00A0, 0x2007, 0x2009, 0x202F, 0x3000), " ")
    | {0xFF0B: "+", 0xFF0F: "/", 0x0964: "|", 0x060C: ",", 0x061B: ";"}
)

PLAIN_MOBILE = re.compile(r"(?:(?:\+|00?)?91)?0?([6-9][0-9]{9})(?<!0000000)(?:\.0*)?")
"""Use with fullmatch: an Indian mobile without separators; group 1 is its ten national digits."""

_SEPARATORS = re.compile(
    r"[/,;|&\\\n\r\t]|\s+(?:and|or|तथा|और|एवं|या|আর|ও|এবং|आणि|અને|ਅਤੇ|మరియు|ಮತ್ತು|மற்றும்|اور)\s+", re.IGNORECASE
)
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{2,3}){2,}(?:\.0*)?")  # 9,87,65,43,210: a number with thousands separators
_GAPS = re.compile(r"[\s\-]+")
_SCIENTIFIC = re.compile(r"\+?([0-9]+)(?:[.,]([0-9]+))?[eE]\+?([0-9]{1,2})")
_WHOLE = re.compile(r"\+?([0-9]+)\.0*")
_LABEL = re.compile(r"^(?:[^\W\d_]|[\s.:#\-])*(?=[+(0-9])|\s*\([^\W\d_]{1,3}\)\s*$")
_PUNCTUATION = re.compile(r"[\s\-.()\[\]'\"*#_:]+")
_NO_NUMBER = frozenset(
    {"", "-", "--", "0", "0.0", "0.00", "na", "n/a", "n.a.", "n.a", "nil", "none", "null", "nan", "no", "not available"}
)
_COUNTED = ("0123456789", "1234567890", "12345678901")
_SAME_DIGIT_MOBILES = frozenset(digit * 10 for digit in "6789")
_LOST_ZEROS = "0" * 7  # a number that was rounded to 9.19E+09 ends in seven or more zeros

_CALLABLE_TYPES = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.VOIP,
        PhoneNumberType.PERSONAL_NUMBER,
    }
)


def parse_mobile_number_without_separators(cell: str) -> str | None:
    """Return the E.164 form of a cell that is only one Indian mobile number without separators.

    Return None for any other cell.
    """
    match = PLAIN_MOBILE.fullmatch(cell)
    if match is None or match[1] in _SAME_DIGIT_MOBILES:
        return None
    return "+91" + match[1]


def read_phone_numbers_in_cell(cell: str, region: str = "IN") -> CellNumbers:
    """Read all phone numbers in a cell of an electoral roll.

    `region` (ISO 3166, two letters) applies to numbers without a country code. A cell that means "no number" (blank,
    "-", "NA", "nil", "0") has neither numbers nor rejected ones.
    """
    text = (cell if cell.isascii() else cell.translate(_CLEAN)).strip().lstrip("'").strip()
    if region == "IN" and (mobile := parse_mobile_number_without_separators(_PUNCTUATION.sub("", text))) is not None:
        return CellNumbers((mobile,))
    if text.casefold() in _NO_NUMBER:
        return CellNumbers()
    if _GROUPED.fullmatch(text) and 10 <= _count_digits(text.partition(".")[0]) <= 12:
        text = text.replace(",", "")
    numbers: dict[str, None] = {}
    rejected: list[RejectedNumber] = []
    for piece in _split_cell_into_numbers(text):
        result = _parse_phone_number(piece, region)
        if isinstance(result, NumberReason):
            rejected.append(RejectedNumber(piece, result))
        else:
            numbers[result] = None
    return CellNumbers(tuple(numbers), tuple(rejected))


def parse_single_phone_number(text: str, region: str) -> str:
    """Return the only phone number in a text, in E.164.

    Raises:
        RollError: The text has no valid number, or several.
    """
    read = read_phone_numbers_in_cell(text, region)
    if len(read.numbers) != 1:
        raise RollError("the text is not a single valid phone number; write one number, with its country code")
    return read.numbers[0]


def _split_cell_into_numbers(text: str) -> list[str]:
    """Split a cell into the texts of its phone numbers."""
    if _SCIENTIFIC.fullmatch(text):
        return [text]  # the comma is a decimal comma, not a separator
    pieces: list[str] = []
    for part in _SEPARATORS.split(text):
        tokens = _GAPS.split(part.strip()) if len(part) > 20 else ()
        several = len(tokens) > 1 and all(_count_digits(token) >= 10 for token in tokens)
        pieces.extend(tokens if several else (part.strip(),))
    return [piece for piece in pieces if piece]


def _count_digits(text: str) -> int:
    return sum(map(text.count, "0123456789"))


def _parse_phone_number(piece: str, region: str) -> str | NumberReason:
    """Return one phone number in E.164, or the reason for which it is rejected."""
    if region == "IN" and (mobile := parse_mobile_number_without_separators(_PUNCTUATION.sub("", piece))) is not None:
        return mobile
    text = _LABEL.sub("", piece)
    if (scientific := _SCIENTIFIC.fullmatch(text)) is not None:
        whole, fraction, exponent = scientific[1], scientific[2] or "", int(scientific[3])
        if len(fraction) < exponent - 1:  # a trailing zero is omitted even when all digits are shown
            return NumberReason.DIGITS_LOST
        text = (whole + fraction.ljust(exponent, "0"))[: len(whole) + exponent]
    elif (number := _WHOLE.fullmatch(text)) is not None:
        text = number[1]
    compact = _PUNCTUATION.sub("", text)
    digits = compact.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return NumberReason.NOT_A_NUMBER
    if len(digits) >= 10 and digits.endswith(_LOST_ZEROS):
        return NumberReason.DIGITS_LOST if len(set(digits)) > 1 else NumberReason.TEST_PATTERN
    if _is_invented_number(digits):
        return NumberReason.TEST_PATTERN
    return _parse_indian_number(compact, digits) if region == "IN" else _parse_with_phonenumbers(compact, region)


def _parse_indian_number(compact: str, digits: str) -> str | NumberReason:
    """Return an Indian phone number in E.164, or the reason for its rejection."""
    if (mobile := parse_mobile_number_without_separators(compact)) is not None:
        return mobile
    is_international = compact.startswith(("+", "00"))
    if not is_international and len(digits.removeprefix("0")) < 10:
        return NumberReason.TOO_SHORT  # every Indian number has ten digits
    result = _parse_with_phonenumbers(compact, "IN")
    if (
        isinstance(result, NumberReason)
        and is_international
        and (mobile := parse_mobile_number_without_separators(digits)) is not None
    ):
        return mobile  # an Indian mobile number with a plus sign by mistake: it is valid in no other country
    return result


def _is_invented_number(digits: str) -> bool:
    """Return whether a number is probably invented: one repeated digit, or digits that ascend from 0 or 1.

    `phonenumbers` accepts some of these.
    """
    national = digits.removeprefix("00").removeprefix("91") if len(digits) > 10 else digits
    national = national.lstrip("0") if len(national) > 10 else national
    return len(digits) >= 5 and (len(set(national)) <= 1 or national in _COUNTED or digits in _COUNTED)


def _parse_with_phonenumbers(compact: str, region: str) -> str | NumberReason:
    """Return a number in E.164 if the library `phonenumbers` accepts it, otherwise the reason for its rejection."""
    try:
        number = phonenumbers.parse(compact, region)
    except phonenumbers.NumberParseException as error:
        if error.error_type == error.TOO_LONG:
            return NumberReason.TOO_LONG
        short = error.error_type in {error.TOO_SHORT_NSN, error.TOO_SHORT_AFTER_IDD}
        return NumberReason.TOO_SHORT if short or len(compact) < 7 else NumberReason.UNKNOWN_SERIES
    length = phonenumbers.is_possible_number_with_reason(number)
    if length in {ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY}:
        return NumberReason.TOO_SHORT
    if length == ValidationResult.TOO_LONG:
        return NumberReason.TOO_LONG
    result = _check_phone_line_type(number)
    if result == NumberReason.UNKNOWN_SERIES and number.country_code == 91:
        # The library accepts shorter and longer Indian numbers as possible, so give a more precise reason.
        digits = len(str(number.national_number))
        return NumberReason.TOO_SHORT if digits < 10 else NumberReason.TOO_LONG if digits > 10 else result
    return result


def _check_phone_line_type(number: PhoneNumber) -> str | NumberReason:
    """Return the number in E.164 if it can be a person's (mobile or landline), otherwise the reason for its rejection."""
    kind = phonenumbers.number_type(number)
    if kind in _CALLABLE_TYPES:
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    refused = {PhoneNumberType.PREMIUM_RATE: NumberReason.PREMIUM, PhoneNumberType.UNKNOWN: NumberReason.UNKNOWN_SERIES}
    return refused.get(kind, NumberReason.SPECIAL)


def parse_number_in_carrier_notation(text: str, region: str) -> str | None:
    """Return the E.164 form of a number as carriers write it, such as 09876543210, or None if the text is no number.

    Whether the number may be called is not checked: it may be one of the site's own caller IDs.
    """
    if not re.fullmatch(r"\+?[0-9]{3,20}", text, re.ASCII):
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
