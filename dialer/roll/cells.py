"""Parsers of single cells of an electoral roll: numbers in any Indian digits, ages, times, and words for languages or
sex.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from dialer.roll.phone_numbers import ASCII_DIGITS

T = TypeVar("T")

AGES = range(17, 131)

SEXES = {
    "M": "m, male, man, पु, पुरुष, पुरूष, पुं, পুরুষ, ஆண், పురుషుడు, పు, પુરુષ, પુ, ಪುರುಷ, പുരുഷൻ, ਪੁਰਸ਼, ਮਰਦ, ପୁରୁଷ, مرد, পুৰুষ",
    "F": "f, female, woman, म, महिला, स्त्री, মহিলা, স্ত্রী, பெண், స్త్రీ, મહિલા, સ્ત્રી, ಮಹಿಳೆ, ಸ್ತ್ರೀ, സ്ത്രീ, ਔਰਤ, ਮਹਿਲਾ, ਇਸਤਰੀ, ମହିଳା, عورت",
    "O": "o, other, others, t, tg, third gender, transgender, अन्य, तृतीय लिंग, इतर, অন্যান্য, மற்றவை, ఇతరులు, અન્ય, ಇತರೆ, മറ്റുള്ളവ, ਹੋਰ, ଅନ୍ୟ",
}
RELATIONS = {
    "F": "f, fthr, father, पिता, वडील, পিতা, தந்தை, తండ్రి, પિતા, ತಂದೆ, അച്ഛൻ, പിതാവ്, ਪਿਤਾ, ପିତା, والد",
    "M": "m, mthr, mother, माता, आई, মাতা, தாய், తల్లి, માતા, ತಾಯಿ, അമ്മ, മാതാവ്, ਮਾਤਾ, ମାତା, والدہ",
    "H": "h, hsbn, husband, पति, पती, স্বামী, கணவர், భర్త, પતિ, ಗಂಡ, ಪತಿ, ഭർത്താവ്, ਪਤੀ, ସ୍ୱାମୀ, شوہر",
    "O": """o, othr, other, w, wife, g, guru, guardian, c, son, daughter, अन्य, पत्नी, गुरु, इतर, অন্যান্য, இதர, ఇతర, અન્ય, ಇತರೆ,
        മറ്റുള്ളവ, ਹੋਰ, ଅନ୍ୟ""",
}
_WHOLE_NUMBER = re.compile(r"'?([0-9]{1,9})(?:\.0*)?")
_STATE_AND_NUMBER = re.compile(r"([SU][0-9]{2})[\s\-_/]*([0-9]{1,4})", re.IGNORECASE)
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3])[:.]([0-5][0-9])(?::[0-5][0-9])?")
_DEFUSED = re.compile(r"'(?=[=+\-@])")


class Memo(dict[str, T]):
    """A cache of cleaned cells, for columns with few distinct values such as part, age and sex."""

    def __init__(self, clean: Callable[[str], T], limit: int = 50_000) -> None:
        """Create an empty cache for the results of a cleaning function. The cache empties itself when it has `limit`
        entries.
        """
        super().__init__()
        self._clean = clean
        self._limit = limit

    def __missing__(self, cell: str) -> T:
        """Clean a cell that is not in the cache yet, and store the result."""
        if len(self) >= self._limit:
            self.clear()
        value = self[cell] = self._clean(cell)
        return value


def create_word_to_code_converter(table: dict[str, str]) -> Callable[[str], str | None]:
    """Return a function that converts a word in a cell, such as "female", to its code.

    The function returns "" for a blank cell and None for an unknown word.
    """
    codes = {word.strip(): code for code, words in table.items() for word in words.split(",")}
    return lambda cell: codes.get(collapse_spaces(cell).casefold().rstrip(".")) if cell.strip() else ""


def collapse_spaces(cell: str) -> str:
    """Return a text without spaces at its ends, and with single spaces between words."""
    return " ".join(cell.split())


def parse_whole_number(cell: str, largest: int) -> int | None:
    """Return the whole number in a cell, or None if the cell has no whole number from 1 to `largest`.

    Digits of any Indian script and forms such as 12.0 are accepted.
    """
    match = _WHOLE_NUMBER.fullmatch(cell.strip().translate(ASCII_DIGITS))
    return value if match is not None and 1 <= (value := int(match[1])) <= largest else None


def parse_age(cell: str) -> int | None:
    """Return the age in a cell, in years.

    None = a blank cell or 0; -1 = an impossible age.
    """
    text = cell.strip().translate(ASCII_DIGITS)
    if text in {"", "0", "-", "0.0"}:
        return None
    value = parse_whole_number(text, AGES.stop - 1)
    return value if value is not None and value in AGES else -1


def clean_house_number(cell: str) -> str:
    """Return a house or section number without a leading apostrophe.

    The file of rejected rows has an apostrophe before "-" and "+", so that no spreadsheet runs the cell as a formula.
    When the corrected file is imported, this function removes the apostrophe.
    """
    return collapse_spaces(_DEFUSED.sub("", cell))


def parse_clock_time(cell: str) -> str:
    """Return a time of day in a cell as "HH:MM", or "" if the cell is not a time of day."""
    match = _CLOCK.fullmatch(cell.strip().translate(ASCII_DIGITS))
    return f"{int(match[1]):02}:{match[2]}" if match is not None else ""


def split_constituency_cell(cell: str) -> tuple[str, str]:
    """Return the state code and the number of a constituency from a cell such as "S24-170". The state code is "" if the
    cell has none.
    """
    text = collapse_spaces(cell)
    match = _STATE_AND_NUMBER.fullmatch(text)
    return (match[1].upper(), match[2]) if match is not None else ("", text)
