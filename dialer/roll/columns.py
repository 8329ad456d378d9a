"""Small files beside the roll (weights, workers): their columns found by the headings, their cells read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dialer.domain.errors import RollError
from dialer.roll.phone_numbers import ASCII_DIGITS
from dialer.roll.reading import open_roll
from dialer.store.connection import Connection
from dialer.store.roll import StoredBooth, all_booths

CONSTITUENCY = frozenset({"constituency", "constituencynumber", "acno", "ac"})
PART = frozenset({"part", "parts", "partnumber", "partno", "booth", "booths"})
ROLL_VERSION = frozenset({"rollversion", "roll"})
STATE = frozenset({"state", "statecode", "stcode"})
PLACE = {"constituency": CONSTITUENCY, "part": PART, "roll version": ROLL_VERSION, "state": STATE}
"""What names a part."""
SERIAL = frozenset({"serial", "serialno", "slno", "slnoinpart", "serialnoinpart"})


def places_of(
    path: Path, header: Sequence[str], columns: Mapping[str, frozenset[str]], optional: frozenset[str] = frozenset()
) -> dict[str, int]:
    """Where each of `columns` stands, by its name; its headings are written without spaces, marks and capitals.

    Raises RollError for one that is missing and not `optional`, and for one that is there twice.
    """
    squeezed = ["".join(letter for letter in heading.casefold() if letter.isalnum()) for heading in header]
    places: dict[str, int] = {}
    for name, headings in columns.items():
        found = [place for place, heading in enumerate(squeezed) if heading in headings]
        if not found and name in optional:
            continue
        if len(found) != 1:
            how = "no column" if not found else "more than one column"
            needed = ", ".join(each for each in columns if each not in optional)
            raise RollError(f"{path}: its first row has {how} {name}; name them {needed}")
        places[name] = found[0]
    return places


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a small file. A cell is asked for by its column's name: without blanks round it, "" where it is not there."""

    path: Path
    number: int  # as a spreadsheet counts: the first row is 1
    cells: Mapping[str, str]  # those that are not blank
    share_done: float  # of the file, 0 to 1

    def __getitem__(self, name: str) -> str:
        return self.cells.get(name, "")

    @property
    def where(self) -> str:
        """How an error about it begins."""
        return f"{self.path}: row {self.number:,}"

    def refusal(self, problem: str) -> RollError:
        """What is wrong with it, where nothing of the file is taken then."""
        return RollError(f"{self.where}: {problem}; nothing was taken")

    def whole_number(self, name: str, text: str | None = None) -> int:
        """The number in a cell, or in `text` of it, in any Indian digits. Raises RollError."""
        digits = (self[name] if text is None else text).translate(ASCII_DIGITS).removesuffix(".0")
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= 9):
            raise RollError(f"{self.where}: {name} is not a whole number; correct it, nothing was taken")
        return int(digits)


class SmallTable:
    """A small file, open, with its columns found. Raises RollError as `open_roll` and `places_of` do."""

    def __init__(self, path: Path, columns: Mapping[str, frozenset[str]], optional: frozenset[str]) -> None:
        self._path = path
        self._roll = open_roll(path)
        head = self._roll.head()
        self._places = places_of(path, head[0] if head else [], columns, optional)
        self.columns = self._places.keys()  # those that are there
        self.sha256 = self._roll.sha256

    def rows(self) -> Iterator[TableRow]:
        """Those below the headings that are not blank."""
        for batch in self._roll.batches(1):
            for number, row in enumerate(batch.rows, batch.first_row):
                if any(cell.strip() for cell in row):
                    found = {name: row[place].strip() for name, place in self._places.items() if place < len(row)}
                    cells = {name: cell for name, cell in found.items() if cell}
                    yield TableRow(self._path, number, cells, batch.share_done)


# Parts of the roll: named by number, and where a number is there more than once by version or state.


class UnfitRow(Exception):
    """A row means nobody, or no one part, of the roll; the text says why, for people."""


class NoSuchPart(UnfitRow):
    """The roll has none of this number."""


class Parts:
    """The parts of the roll. Reads them once."""

    def __init__(self, db: Connection) -> None:
        """`db` is open for reading at least."""
        self._parts: dict[tuple[int, int], list[StoredBooth]] = defaultdict(list)
        for place in all_booths(db):
            self._parts[place.constituency_number, place.part_number].append(place)

    def booth(self, constituency: int, part: int, *, version: str | None, state: str | None) -> int:
        """The booth that is meant; `version`, `state`: None where the file does not say. Raises UnfitRow for none or several."""
        known = self._parts.get((constituency, part), [])
        if not known:
            raise NoSuchPart(f"part {part} of constituency {constituency} is not on the roll")
        of_version = [each for each in known if version is None or each.roll_version == version]
        if not of_version:
            raise UnfitRow(
                f"it is of another roll version than here ({_versions(known)}): its serials are other voters'"
            )
        fitting = of_version
        if len(fitting) > 1 and state is not None:  # only where it decides: lists write a state in many ways
            fitting = [each for each in fitting if each.state_code == state.upper()]
        if len(fitting) == 1:
            return fitting[0].booth_id
        if len({each.roll_version for each in of_version}) > 1:
            raise UnfitRow(
                f"the part is on the roll more than once ({_versions(of_version)}): say which in a column roll version"
            )
        raise UnfitRow(
            f"the part is on the roll of several states ({_states(of_version)}): say which in a column state"
        )


def _versions(parts: list[StoredBooth]) -> str:
    return ", ".join(sorted({each.roll_version for each in parts}))


def _states(parts: list[StoredBooth]) -> str:
    return ", ".join(sorted({each.state_code or "none named" for each in parts}))


# Languages and states: which language a booth is called in where the roll does not say.

LANGUAGES: dict[str, str] = {
    "as": "assamese, অসমীয়া", "bn": "bengali, bangla, বাংলা", "en": "english, अंग्रेजी", "gu": "gujarati, ગુજરાતી",
    "hi": "hindi, हिन्दी, हिंदी", "kn": "kannada, ಕನ್ನಡ", "ml": "malayalam, മലയാളം", "mr": "marathi, मराठी",
    "ne": "nepali, नेपाली", "or": "odia, oriya, ଓଡ଼ିଆ", "pa": "punjabi, panjabi, ਪੰਜਾਬੀ", "ta": "tamil, தமிழ்",
    "te": "telugu, తెలుగు", "ur": "urdu, اردو",
}  # fmt: skip
"""ISO 639-1 code -> the names it goes by."""

_CODE_OF_NAME = {name.strip(): code for code, names in LANGUAGES.items() for name in (code, *names.split(","))}

# State codes of the Election Commission of India, and the two-letter ones. Where a state has several, the commonest.
_STATES: dict[str, str] = {
    "as": "S03 AS",
    "bn": "S23 TR S25 WB",
    "en": "S02 AR S15 ML S16 MZ S17 NL",
    "gu": "S06 GJ U03 U04 DN DD DH",
    "hi": "S04 BR S07 HR S08 HP S12 MP S20 RJ S24 UP S26 CG CT S27 JH S28 UK UT UA U01 AN U02 CH U05 DL",
    "kn": "S10 KA",
    "ml": "S11 KL U06 LD",
    "mr": "S05 GA S13 MH",
    "ne": "S21 SK",
    "or": "S18 OD OR",
    "pa": "S19 PB",
    "ta": "S22 TN U07 PY",
    "te": "S01 AP S29 TS TG",
    "ur": "S09 JK U08",
}
_LANGUAGE_OF_STATE = {state: code for code, states in _STATES.items() for state in states.split()}


def language_code(text: str) -> str | None:
    """ISO 639-1 code of a language by its code or name, in English or in itself; "" for a blank, None if it is not known."""
    word = text.strip().casefold()
    return _CODE_OF_NAME.get(word) if word else ""


def language_of_state(state_code: str) -> str:
    """The language of a state's voters (ISO 639-1); "" where it is not known: the centre's own is used then."""
    return _LANGUAGE_OF_STATE.get(state_code.upper(), "")
