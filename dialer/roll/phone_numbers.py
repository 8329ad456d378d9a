"""Convert phone numbers as rolls contain them to E.164: in any Indian digits, with any prefix, several in a cell.

These are pure functions. An Indian mobile number (ten digits, the first 6-9, with or without a prefix) is accepted
directly: the numbering plan (National Numbering Plan 2003, levels 6-9) and the `phonenumbers` library agree that all of
these are valid. Every other number is checked with `phonenumbers`, for the configured region. A refused number is
returned with the reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType, ValidationResult

from dialer.domain.errors import RollError


class NumberReason(StrEnum):
    """Why a number of the roll is not called. The text is written to the rejects file."""

    NOT_A_NUMBER = "not a phone number"
    TOO_SHORT = "too few digits"
    TOO_LONG = "too many digits"
    DIGITS_LOST = "a spreadsheet rounded it, digits are lost: format the column as text and export again"
    TEST_PATTERN = "a made-up number (all the same digit, or counted up)"
    PREMIUM = "a premium-rate number"
    SPECIAL = "not a person's line (toll-free, shared-cost, pager or service number)"
    UNKNOWN_SERIES = "no such number in the numbering plan"


@dataclass(frozen=True, slots=True)
class RejectedNumber:
    """A refused number, as written in the cell."""

    text: str
    reason: NumberReason


@dataclass(frozen=True, slots=True)
class CellNumbers:
    """The numbers of one cell in E.164, in order and without repetitions, and those that were refused."""

    numbers: tuple[str, ...] = ()
    rejected: tuple[RejectedNumber, ...] = ()


# The zero of every set of decimal digits used in India (and the full-width ones that spreadsheets bring).
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
_LOST_ZEROS = "0" * 7  # 9.19E+09 read back as a number ends in seven or more

_CALLABLE_TYPES = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.VOIP,
        PhoneNumberType.PERSONAL_NUMBER,
    }
)


def plain_mobile(cell: str) -> str | None:
    """The E.164 form of a cell that contains one Indian mobile without separators; None: use `read_cell`."""
    match = PLAIN_MOBILE.fullmatch(cell)
    if match is None or match[1] in _SAME_DIGIT_MOBILES:
        return None
    return "+91" + match[1]


def read_cell(cell: str, region: str = "IN") -> CellNumbers:
    """Read every number in a cell. `region` (ISO 3166, two letters) applies to numbers without a country code.

    A cell that means "no number" (blank, "-", "NA", "nil", 0) gives neither numbers nor rejects.
    """
    text = (cell if cell.isascii() else cell.translate(_CLEAN)).strip().lstrip("'").strip()
    if region == "IN" and (mobile := plain_mobile(_PUNCTUATION.sub("", text))) is not None:
        return CellNumbers((mobile,))
    if text.casefold() in _NO_NUMBER:
        return CellNumbers()
    if _GROUPED.fullmatch(text) and 10 <= _count_digits(text.partition(".")[0]) <= 12:
        text = text.replace(",", "")
    numbers: dict[str, None] = {}
    rejected: list[RejectedNumber] = []
    for piece in _pieces(text):
        result = _read_one(piece, region)
        if isinstance(result, NumberReason):
            rejected.append(RejectedNumber(piece, result))
        else:
            numbers[result] = None
    return CellNumbers(tuple(numbers), tuple(rejected))


def single_number(text: str, region: str) -> str:
    """The one number in a text, in E.164. Raises RollError for none that can be called, or several."""
    read = read_cell(text, region)
    if len(read.numbers) != 1:
        raise RollError("this is not one number that can be called; write one, with its country code")
    return read.numbers[0]


def _pieces(text: str) -> list[str]:
    """Split a cell into the texts of its numbers."""
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


def _read_one(piece: str, region: str) -> str | NumberReason:
    """Convert one number to E.164, or return the reason why that is not possible."""
    if region == "IN" and (mobile := plain_mobile(_PUNCTUATION.sub("", piece))) is not None:
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
    if _made_up(digits):
        return NumberReason.TEST_PATTERN
    return _read_indian(compact, digits) if region == "IN" else _ask_library(compact, region)


def _read_indian(compact: str, digits: str) -> str | NumberReason:
    """A number of India or, with a country code, of another country."""
    if (mobile := plain_mobile(compact)) is not None:
        return mobile
    abroad = compact.startswith(("+", "00"))
    if not abroad and len(digits.removeprefix("0")) < 10:
        return NumberReason.TOO_SHORT  # every line of India has ten digits
    answer = _ask_library(compact, "IN")
    if isinstance(answer, NumberReason) and abroad and (mobile := plain_mobile(digits)) is not None:
        return mobile  # an Indian mobile with a plus by mistake: no country has that number
    return answer


def _made_up(digits: str) -> bool:
    """Whether all digits after the prefix are the same or count up from 0 or 1; `phonenumbers` accepts some of these."""
    national = digits.removeprefix("00").removeprefix("91") if len(digits) > 10 else digits
    national = national.lstrip("0") if len(national) > 10 else national
    return len(digits) >= 5 and (len(set(national)) <= 1 or national in _COUNTED or digits in _COUNTED)


def _ask_library(compact: str, region: str) -> str | NumberReason:
    """E.164 of a number that can belong to a person, according to `phonenumbers`, or the reason why it is not one."""
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
    verdict = _by_type(number)
    if verdict == NumberReason.UNKNOWN_SERIES and number.country_code == 91:
        # The library accepts shorter and longer ones as possible.
        digits = len(str(number.national_number))
        return NumberReason.TOO_SHORT if digits < 10 else NumberReason.TOO_LONG if digits > 10 else verdict
    return verdict


def _by_type(number: PhoneNumber) -> str | NumberReason:
    kind = phonenumbers.number_type(number)
    if kind in _CALLABLE_TYPES:
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    refused = {PhoneNumberType.PREMIUM_RATE: NumberReason.PREMIUM, PhoneNumberType.UNKNOWN: NumberReason.UNKNOWN_SERIES}
    return refused.get(kind, NumberReason.SPECIAL)


def plain_number(text: str, region: str) -> str | None:
    """Convert a number as carriers write it (+919876543210, 919876543210, 09876543210) to E.164; None if it is not a number.

    The number may be of any kind, also one of our own lines: this does not check whether it may be called.
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
