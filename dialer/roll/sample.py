"""Synthetic rolls: booths, households and voters that do not exist, in the shape of a real export.

Nobody's data: names are put together from syllables, EPIC numbers carry a prefix of their own, and every phone number is
+91 699x xxx xxx. India has set no numbers aside for fiction, so this is the next best: a block in the form of a mobile (the
numbering plan gives level 6 to mobiles, so the import takes it) for which the carrier tables of `phonenumbers` know no
operator in any circle. That may change any day: a synthetic roll is for the simulated Asterisk and must not be dialled.

The same arguments give the same bytes.
"""

from __future__ import annotations

import csv
import random
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from xml.sax.saxutils import escape

from dialer.domain.errors import RollError

# The least that a spreadsheet program opens as XLSX: one sheet, streamed, the same bytes for the same rows.

MAX_SHEET_ROWS = 1_048_576

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPES}.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
        '<sheets><sheet name="Roll" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    ),
}
_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}")


def write_sheet(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write rows of text as a workbook of one sheet; plain whole numbers become numbers, as a person's typing would."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, xml in _PARTS.items():
            archive.writestr(_entry(name), _DECLARATION + xml)
        with archive.open(_entry("xl/worksheets/sheet1.xml"), "w", force_zip64=True) as sheet:
            sheet.write(f'{_DECLARATION}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
            for row in rows:
                sheet.write(f"<row>{''.join(map(_cell, row))}</row>".encode())
            sheet.write(b"</sheetData></worksheet>")


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _cell(text: str) -> str:
    if _NUMBER.fullmatch(text):
        return f"<c><v>{text}</v></c>"
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>' if text else "<c/>"


# Invented words in two scripts at once: the same syllables in Latin letters and in the script of a language. Pure.

Syllable = tuple[str, str]
"""A consonant and a vowel; the vowel "" is none (a word's end)."""

_DEVANAGARI = 0x0900
_BLOCKS = {
    "hi": 0x0900, "mr": 0x0900, "bn": 0x0980, "as": 0x0980, "pa": 0x0A00, "gu": 0x0A80, "or": 0x0B00, "ta": 0x0B80,
    "te": 0x0C00, "kn": 0x0C80, "ml": 0x0D00,
}  # fmt: skip
_CONSONANTS = {
    "k": 0x15, "g": 0x17, "ch": 0x1A, "j": 0x1C, "t": 0x24, "d": 0x26, "n": 0x28, "p": 0x2A, "b": 0x2C, "m": 0x2E, "y": 0x2F,
    "r": 0x30, "l": 0x32, "v": 0x35, "s": 0x38, "h": 0x39,
}  # fmt: skip
_VOWELS = {"a": "", "aa": "\u093e", "i": "\u093f", "ii": "\u0940", "u": "\u0941", "e": "\u0947", "o": "\u094b", "": ""}
_LATIN_VOWELS = {"aa": "a", "ii": "i"}
_VIRAMA = 0x4D
_STAND_INS: dict[str, dict[str, int]] = {
    "bn": {"v": 0x2C},
    "as": {"r": 0x70, "v": 0x71},
    "ta": {"g": 0x15, "d": 0x24, "b": 0x2A},
}
_INSIDE_A_WORD: dict[str, dict[str, int]] = {"ta": {"n": 0x29}}
_FINAL_MARK = frozenset({"ta", "te", "kn", "ml"})  # these write that a last consonant has no vowel
_URDU_CONSONANTS = dict(zip(_CONSONANTS, "کگچجتدنپبمیرلوسہ", strict=True))
_URDU_VOWELS = {"a": "", "aa": "ا", "i": "", "ii": "ی", "u": "", "e": "ے", "o": "و", "": ""}

CONSONANTS = tuple(_CONSONANTS)
VOWELS = ("a", "aa", "i", "ii", "u", "e", "o")


def latin(syllables: Sequence[Syllable]) -> str:
    """The word in Latin letters, with a capital."""
    return "".join(consonant + _LATIN_VOWELS.get(vowel, vowel) for consonant, vowel in syllables).capitalize()


def local(syllables: Sequence[Syllable], language: str) -> str:
    """The word in the script of a language (ISO 639-1)."""
    if language == "ur":
        return _urdu(syllables)
    block, stand_ins = _BLOCKS[language], _STAND_INS.get(language, {})
    letters: list[str] = []
    for consonant, vowel in syllables:
        letters.append(chr(block + stand_ins.get(consonant, _CONSONANTS[consonant])))
        stand_ins = _STAND_INS.get(language, {}) | _INSIDE_A_WORD.get(language, {})
        letters.extend(chr(ord(sign) - _DEVANAGARI + block) for sign in _VOWELS[vowel])
        if not vowel and language in _FINAL_MARK:
            letters.append(chr(block + _VIRAMA))
    return "".join(letters)


def _urdu(syllables: Sequence[Syllable]) -> str:
    letters = [_URDU_CONSONANTS[consonant] + _URDU_VOWELS[vowel] for consonant, vowel in syllables]
    # The broad ye is written at a word's end only.
    return "".join(letter.replace("ے", "ی") for letter in letters[:-1]) + letters[-1]


def local_digits(text: str, language: str) -> str:
    """The text with its digits in the script of a language."""
    zero = 0x06F0 if language == "ur" else _BLOCKS[language] + 0x66
    return text.translate({ord("0") + value: chr(zero + value) for value in range(10)})


HEADER = (
    "ST_CODE", "AC_NO", "AC_NAME_EN", "PART_NO", "PART_NAME_EN", "PART_NAME_V1", "SECTION_NO", "SLNOINPART", "C_HOUSE_NO",
    "FM_NAME_EN", "LASTNAME_EN", "FM_NAME_V1", "LASTNAME_V1", "RLN_TYPE", "RLN_FM_NM_EN", "RLN_L_NM_EN", "SEX", "AGE",
    "IDCARD_NO", "MOBILE",
)  # fmt: skip

STATES = {
    "S24": "hi", "S25": "bn", "S13": "mr", "S29": "te", "S22": "ta", "S06": "gu", "S10": "kn", "S11": "ml", "S19": "pa",
    "S18": "or", "U08": "ur", "S03": "as",
}  # fmt: skip
"""States that samples are made of (Election Commission's codes) and the language of each."""

_SCHOOL = {
    "hi": "प्राथमिक विद्यालय", "bn": "প্রাথমিক বিদ্যালয়", "mr": "प्राथमिक शाळा", "te": "ప్రాథమిక పాఠశాల", "ta": "தொடக்கப் பள்ளி",
    "gu": "પ્રાથમિક શાળા", "kn": "ಪ್ರಾಥಮಿಕ ಶಾಲೆ", "ml": "പ്രാഥമിക വിദ്യാലയം", "pa": "ਪ੍ਰਾਇਮਰੀ ਸਕੂਲ", "or": "ପ୍ରାଥମିକ ବିଦ୍ୟାଳୟ",
    "ur": "پرائمری اسکول", "as": "প্ৰাথমিক বিদ্যালয়",
}  # fmt: skip

_PHONE_BLOCK = 6_990_000_000
_PHONE_BLOCK_SIZE = 10_000_000
_PHONE_STEP = 3_847_217  # coprime to the block's size: every number comes up once before any comes again
_BOOTHS_IN_CONSTITUENCY = 250
_PLACE_ENDINGS: tuple[tuple[Syllable, ...], ...] = (
    (("p", "u"), ("r", "")),
    (("n", "a"), ("g", "a"), ("r", "")),
    (("b", "aa"), ("d", "ii")),
    (("g", "aa"), ("v", "")),
)

Word = tuple[str, str]
"""A word in Latin letters and in the local script."""


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """What was written."""

    path: Path
    rows: int
    booths: int


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """The names of one language."""

    language: str
    men: Sequence[Word]
    women: Sequence[Word]
    surnames: Sequence[Word]
    places: Sequence[Word]


def write_sample(
    path: Path,
    rows: int,
    seed: int = 0,
    *,
    states: Sequence[str] = (),
    languages: Sequence[str] = (),
    messy: float = 0.14,
    booth_voters: int = 920,
    progress: Callable[[int], None] | None = None,
) -> SampleSummary:
    """Write a synthetic roll of `rows` rows to a .csv or .xlsx file.

    `states` (Election Commission's codes) and `languages` (ISO 639-1) choose among STATES, all of them by default; rows are
    shared out evenly. `messy` is the share of rows (0 to 1) with something that real rolls are full of: prefixes, rounded or
    missing digits, several numbers, repeated rows, rows without a serial. `booth_voters` is the mean size of a booth.
    `progress` is told the rows written so far. Raises RollError for a wrong argument or a place that cannot be written to.
    """
    if rows < 1 or booth_voters < 1 or not 0.0 <= messy <= 1.0:
        raise RollError("a sample needs at least 1 row, at least 1 voter a booth, and a messy share from 0 to 1")
    chosen = _choose_states(states, languages)
    suffix = path.suffix.lower()
    if suffix not in {".csv", ".xlsx"}:
        raise RollError(f"{path}: a sample is written as .csv or .xlsx; give it such a name")
    if suffix == ".xlsx" and rows >= MAX_SHEET_ROWS:
        raise RollError(f"{path}: a sheet holds at most {MAX_SHEET_ROWS - 1:,} voters; write .csv for more")
    maker = _Maker(seed, chosen, messy, booth_voters)
    part = path.with_name(path.name + ".part")
    try:
        if suffix == ".csv":
            with part.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(HEADER)
                writer.writerows(_told(maker.rows(rows), progress))
        else:
            write_sheet(part, chain([HEADER], _told(maker.rows(rows), progress)))
        part.replace(path)
    except OSError as error:
        raise RollError(f"{path}: cannot be written ({error.strerror}); give another place with --out") from error
    finally:
        part.unlink(missing_ok=True)
    return SampleSummary(path, rows, maker.booths)


def _choose_states(states: Sequence[str], languages: Sequence[str]) -> list[str]:
    for what, given, known in (("of state", states, [*STATES]), ("in language", languages, [*STATES.values()])):
        for each in given:
            if each not in known:
                raise RollError(f'no sample {what} "{each}"; there are: {", ".join(known)}')
    chosen = [
        state
        for state, language in STATES.items()
        if (not states or state in states) and (not languages or language in languages)
    ]
    if not chosen:
        raise RollError(f"no sample state {' or '.join(states)} speaks {' or '.join(languages)}; give one of the two")
    return chosen


def _told(rows: Iterable[list[str]], progress: Callable[[int], None] | None) -> Iterator[list[str]]:
    for number, row in enumerate(rows, 1):
        yield row
        if progress is not None and number % 5_000 == 0:
            progress(number)


class _Maker:
    """Makes rows. All chance comes from one seeded generator, in the order of rows."""

    def __init__(self, seed: int, states: Sequence[str], messy: float, booth_voters: int) -> None:
        self.booths = 0
        self._random = random.Random(seed)  # noqa: S311 - a reproducible roll, no secret
        self._states = states
        self._messy = messy
        self._booth_voters = booth_voters
        self._next_phone = self._random.randrange(_PHONE_BLOCK_SIZE)
        self._next_epic = 0
        self._last_row: list[str] | None = None

    def rows(self, count: int) -> Iterator[list[str]]:
        """`count` rows, state by state and booth by booth."""
        for index, state in enumerate(self._states):
            share = count * (index + 1) // len(self._states) - count * index // len(self._states)
            yield from self._state_rows(state, share)

    def _state_rows(self, state: str, count: int) -> Iterator[list[str]]:
        vocabulary = _vocabulary(self._random, STATES[state])
        place: Word = ("", "")
        first_constituency = self._random.randrange(1, 150)
        index = 0
        while count > 0:
            constituency, part = divmod(index, _BOOTHS_IN_CONSTITUENCY)
            if part == 0:
                place = self._random.choice(vocabulary.places)
            village = self._random.choice(vocabulary.places)
            room = self._random.randrange(1, 5)
            booth = (
                state,
                str(first_constituency + constituency),
                place[0].upper(),
                str(part + 1),
                f"Primary School {village[0]} Room {room}",
                f"{_SCHOOL[vocabulary.language]} {village[1]} {local_digits(str(room), vocabulary.language)}",
            )
            size = min(count, max(1, round(self._booth_voters * (0.7 + 0.6 * self._random.random()))))
            yield from self._booth_rows(booth, vocabulary, size)
            count -= size
            index += 1
            self.booths += 1

    def _booth_rows(self, booth: Sequence[str], vocabulary: _Vocabulary, size: int) -> Iterator[list[str]]:
        """`size` rows of a booth, household by household."""
        serial = made = 0
        while made < size:
            household = min(self._random.choice((1, 2, 3, 4, 4, 5, 5, 6, 8)), size - made)
            yield from self._household(booth, vocabulary, serial, household)
            serial += household
            made += household

    def _household(
        self, booth: Sequence[str], vocabulary: _Vocabulary, last_serial: int, size: int
    ) -> Iterator[list[str]]:
        chance = self._random.random
        surname = self._random.choice(vocabulary.surnames)
        house = f"{self._random.randrange(1, 400)}" + (f"-{self._random.randrange(1, 10)}" if chance() < 0.3 else "")
        shared = self._phone()
        section = str(1 + last_serial // 300)
        head = self._random.choice(vocabulary.men)
        for member in range(size):
            man = member == 0 or chance() < 0.47
            name = head if member == 0 else self._random.choice(vocabulary.men if man else vocabulary.women)
            relation = "F" if man or member > 1 else "H"
            relative = head if member > 0 else self._random.choice(vocabulary.men)
            draw = chance()
            phone = shared if draw < 0.6 else self._phone() if draw < 0.8 else ""
            self._next_epic += 1
            row = [
                *booth,
                section,
                str(last_serial + member + 1),
                local_digits(house, vocabulary.language),
                name[0],
                surname[0],
                name[1],
                surname[1],
                relation,
                relative[0],
                surname[0],
                "M" if man else "F",
                str(18 + int(72 * chance() * chance())),
                f"ZZZ{self._next_epic % 10_000_000:07}",
                phone,
            ]
            messy = chance() < self._messy
            yield self._mess(row, vocabulary.language) if messy else row
            self._last_row = row

    def _phone(self) -> str:
        """Ten digits of the block of fictitious numbers."""
        self._next_phone = (self._next_phone + _PHONE_STEP) % _PHONE_BLOCK_SIZE
        return str(_PHONE_BLOCK + (self._next_phone or _PHONE_STEP))

    def _mess(self, row: list[str], language: str) -> list[str]:
        """The row as a hand-kept list might have it."""
        kind = self._random.random()
        if kind < 0.03 and self._last_row is not None:
            return list(self._last_row)  # one voter twice; this row's own voter is missing then
        messy = list(row)
        if kind < 0.06:
            messy[HEADER.index("SLNOINPART")] = self._random.choice(("", "-", "new"))
        elif kind < 0.09:
            messy[HEADER.index("AGE")] = self._random.choice(("240", "7", "adult"))
        else:
            phone = row[-1] or self._phone()
            messy[-1] = self._random.choice(_PHONE_SHAPES)(phone, self._phone(), language)
        return messy


_PHONE_SHAPES: tuple[Callable[[str, str, str], str], ...] = (
    lambda phone, other, language: f"+91{phone}",
    lambda phone, other, language: f"+91 {phone[:5]} {phone[5:]}",
    lambda phone, other, language: f"0091-{phone}",
    lambda phone, other, language: f"0{phone}",
    lambda phone, other, language: f"{phone[:3]}-{phone[3:6]}-{phone[6:]}",
    lambda phone, other, language: f"{phone}.0",
    lambda phone, other, language: local_digits(phone, language),
    lambda phone, other, language: f"{phone}/{other}",
    lambda phone, other, language: f"{phone}, {other}",
    lambda phone, other, language: f"{phone} and {other}",
    lambda phone, other, language: f"{phone[0]}.{phone[1:3]}E+09",  # from here on nothing can be saved
    lambda phone, other, language: phone[:9],
    lambda phone, other, language: phone[:4],
    lambda phone, other, language: phone + "4721",
    lambda phone, other, language: "1234567890",
    lambda phone, other, language: "9999999999",
    lambda phone, other, language: "switched off",
)


def _vocabulary(chance: random.Random, language: str) -> _Vocabulary:
    """Names and places of one language."""

    def word(*ending: Syllable, longest: int = 2) -> Word:
        beginning = [
            (chance.choice(CONSONANTS), chance.choice(VOWELS)) for _ in range(chance.randrange(1, longest + 1))
        ]
        syllables = [*beginning, *ending]
        return latin(syllables), local(syllables, language)

    def consonant() -> str:
        return chance.choice(CONSONANTS[:-2])

    return _Vocabulary(
        language,
        men=[word((consonant(), "e"), (consonant(), "")) for _ in range(300)],
        women=[word((consonant(), chance.choice(("aa", "ii")))) for _ in range(300)],
        surnames=[word((consonant(), chance.choice(("a", "i"))), (consonant(), "")) for _ in range(120)],
        places=[word(*chance.choice(_PLACE_ENDINGS)) for _ in range(200)],
    )
