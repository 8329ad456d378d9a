"""Synthetic electoral rolls: invented booths, households and voters in the column layout of a real export.

No row describes a real person: names are composed of syllables, and EPIC (voter ID) numbers have an unused prefix.
Every phone number is +91 699x xxx xxx, a block of mobile numbers without an operator today. India reserves no numbers
for fiction, so this may change: use synthetic rolls only with the simulated Asterisk, and never dial their numbers.

The same arguments produce the same bytes.
"""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError

from dialer.domain.errors import RollError
from dialer.roll.invented_words import (
    CONSONANTS,
    VOWELS,
    Syllable,
    convert_digits_to_script,
    spell_word_in_latin,
    spell_word_in_script,
)
from dialer.roll.option_values import STATES

MAX_SHEET_ROWS = 1_048_576  # the limit of the XLSX format

HEADER = (
    "ST_CODE", "AC_NO", "AC_NAME_EN", "PART_NO", "PART_NAME_EN", "PART_NAME_V1", "SECTION_NO", "SLNOINPART", "C_HOUSE_NO",
    "FM_NAME_EN", "LASTNAME_EN", "FM_NAME_V1", "LASTNAME_V1", "RLN_TYPE", "RLN_FM_NM_EN", "RLN_L_NM_EN", "SEX", "AGE",
    "IDCARD_NO", "MOBILE",
)  # fmt: skip

_SCHOOL = {
    "hi": "प्राथमिक विद्यालय", "bn": "প্রাথমিক বিদ্যালয়", "mr": "प्राथमिक शाळा", "te": "ప్రాథమిక పాఠశాల", "ta": "தொடக்கப் பள்ளி",
    "gu": "પ્રાથમિક શાળા", "kn": "ಪ್ರಾಥಮಿಕ ಶಾಲೆ", "ml": "പ്രാഥമിക വിദ്യാലയം", "pa": "ਪ੍ਰਾਇਮਰੀ ਸਕੂਲ", "or": "ପ୍ରାଥମିକ ବିଦ୍ୟାଳୟ",
    "ur": "پرائمری اسکول", "as": "প্ৰাথমিক বিদ্যালয়",
}  # fmt: skip

_PHONE_BLOCK = 6_990_000_000
_PHONE_BLOCK_SIZE = 10_000_000
_PHONE_STEP = 3_847_217  # coprime to the block's size, so every number is used once before any repeats
_BOOTHS_IN_CONSTITUENCY = 250
_PLACE_ENDINGS: tuple[tuple[Syllable, ...], ...] = (
    (("p", "u"), ("r", "")),
    (("n", "a"), ("g", "a"), ("r", "")),
    (("b", "aa"), ("d", "ii")),
    (("g", "aa"), ("v", "")),
)

Word = tuple[str, str]
"""A word in Latin letters and in the local script."""

_WHOLE_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}")


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """The path and size of a synthetic electoral roll that was written."""

    path: Path
    rows: int
    booths: int


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """Invented names and places in one language."""

    language: str
    men: Sequence[Word]
    women: Sequence[Word]
    surnames: Sequence[Word]
    places: Sequence[Word]


def write_sample_roll(
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
    """Write a synthetic electoral roll of `rows` rows to a .csv or .xlsx file.

    `states` (Election Commission codes) and `languages` (ISO 639-1) select from STATES; by default all are used
    equally. `messy` is the share of rows (0 to 1) with an error of real rolls, such as a missing digit or a duplicate
    row. `booth_voters` is the mean number of voters in a booth. `progress` is called every 5,000 rows with the number
    of rows so far. Raises RollError for an invalid argument, or if `path` cannot be written.
    """
    if rows < 1 or booth_voters < 1 or not 0.0 <= messy <= 1.0:
        raise RollError(
            "a sample roll needs at least 1 row and 1 voter per booth, and --messy (the share of rows with a "
            "mistake) must be from 0 to 1; correct these"
        )
    chosen = _choose_states_and_languages(states, languages)
    suffix = path.suffix.lower()
    if suffix not in {".csv", ".xlsx"}:
        raise RollError(f"{path}: unknown file type; a sample is written as .csv or .xlsx")
    if suffix == ".xlsx" and rows >= MAX_SHEET_ROWS:
        raise RollError(f"{path}: a sheet holds at most {MAX_SHEET_ROWS - 1:,} voters; write .csv for more")
    generator = _RowGenerator(seed, chosen, messy, booth_voters)
    part = path.with_name(path.name + ".part")
    try:
        if suffix == ".csv":
            with part.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(HEADER)
                writer.writerows(_yield_rows_and_report_progress(generator.generate_rows_of_roll(rows), progress))
        else:
            _write_workbook(
                part, chain([HEADER], _yield_rows_and_report_progress(generator.generate_rows_of_roll(rows), progress))
            )
        part.replace(path)
    except FileCreateError as error:
        raise RollError(f"{path}: the sample cannot be written ({error}); choose another file with --out") from error
    except OSError as error:
        raise RollError(
            f"{path}: the sample cannot be written ({error.strerror}); choose another file with --out"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return SampleSummary(path, rows, generator.booths)


def _write_workbook(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write rows of text as a workbook of one sheet.

    Whole numbers become number cells, as if a person had typed them.
    """
    with Workbook(path, {"constant_memory": True}) as book:
        book.set_properties({"created": datetime(1980, 1, 1)})  # noqa: DTZ001 - a constant: the same roll gives the same bytes
        sheet = book.add_worksheet("Roll")
        for line, row in enumerate(rows):
            for column, text in enumerate(row):
                if _WHOLE_NUMBER.fullmatch(text):
                    sheet.write_number(line, column, int(text))
                elif text:
                    sheet.write_string(line, column, text)


def _choose_states_and_languages(states: Sequence[str], languages: Sequence[str]) -> list[str]:
    for kind, given, known in (("state", states, [*STATES]), ("language", languages, [*STATES.values()])):
        for name in given:
            if name not in known:
                raise RollError(f'unknown {kind} "{name}"; choose from {", ".join(known)}')
    chosen = [
        state
        for state, language in STATES.items()
        if (not states or state in states) and (not languages or language in languages)
    ]
    if not chosen:
        raise RollError(
            f"none of the states {', '.join(states)} has the language {' or '.join(languages)}; give only states or only"
            " languages"
        )
    return chosen


def _yield_rows_and_report_progress(
    rows: Iterable[list[str]], progress: Callable[[int], None] | None
) -> Iterator[list[str]]:
    for number, row in enumerate(rows, 1):
        yield row
        if progress is not None and number % 5_000 == 0:
            progress(number)


class _RowGenerator:
    """A generator of the rows of a synthetic electoral roll, with all random values from one seed."""

    def __init__(self, seed: int, states: Sequence[str], messy: float, booth_voters: int) -> None:
        self.booths = 0
        self._random = random.Random(seed)  # noqa: S311 - a reproducible roll, no secret
        self._states = states
        self._messy = messy
        self._booth_voters = booth_voters
        self._next_phone = self._random.randrange(_PHONE_BLOCK_SIZE)
        self._next_epic = 0
        self._last_row: list[str] | None = None

    def generate_rows_of_roll(self, count: int) -> Iterator[list[str]]:
        """Yield `count` rows of a synthetic electoral roll, state by state and booth by booth."""
        for index, state in enumerate(self._states):
            share = count * (index + 1) // len(self._states) - count * index // len(self._states)
            yield from self._generate_rows_of_indian_state(state, share)

    def _generate_rows_of_indian_state(self, state: str, count: int) -> Iterator[list[str]]:
        vocabulary = _invent_vocabulary(self._random, STATES[state])
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
                f"{_SCHOOL[vocabulary.language]} {village[1]} {convert_digits_to_script(str(room), vocabulary.language)}",
            )
            size = min(count, max(1, round(self._booth_voters * (0.7 + 0.6 * self._random.random()))))
            yield from self._generate_rows_of_booth(booth, vocabulary, size)
            count -= size
            index += 1
            self.booths += 1

    def _generate_rows_of_booth(self, booth: Sequence[str], vocabulary: _Vocabulary, size: int) -> Iterator[list[str]]:
        """Yield `size` rows (voters) of one polling booth, household by household."""
        serial = made = 0
        while made < size:
            household = min(self._random.choice((1, 2, 3, 4, 4, 5, 5, 6, 8)), size - made)
            yield from self._generate_rows_of_household(booth, vocabulary, serial, household)
            serial += household
            made += household

    def _generate_rows_of_household(
        self, booth: Sequence[str], vocabulary: _Vocabulary, last_serial: int, size: int
    ) -> Iterator[list[str]]:
        chance = self._random.random
        surname = self._random.choice(vocabulary.surnames)
        house = f"{self._random.randrange(1, 400)}" + (f"-{self._random.randrange(1, 10)}" if chance() < 0.3 else "")
        shared = self._get_next_fictitious_number()
        section = str(1 + last_serial // 300)
        head = self._random.choice(vocabulary.men)
        for member in range(size):
            man = member == 0 or chance() < 0.47
            name = head if member == 0 else self._random.choice(vocabulary.men if man else vocabulary.women)
            relation = "F" if man or member > 1 else "H"
            relative = head if member > 0 else self._random.choice(vocabulary.men)
            draw = chance()
            phone = shared if draw < 0.6 else self._get_next_fictitious_number() if draw < 0.8 else ""
            self._next_epic += 1
            row = [
                *booth,
                section,
                str(last_serial + member + 1),
                convert_digits_to_script(house, vocabulary.language),
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
            yield self._add_error_to_row(row, vocabulary.language) if messy else row
            self._last_row = row

    def _get_next_fictitious_number(self) -> str:
        """Return the next unused number of the block of fictitious phone numbers (10 digits)."""
        self._next_phone = (self._next_phone + _PHONE_STEP) % _PHONE_BLOCK_SIZE
        return str(_PHONE_BLOCK + (self._next_phone or _PHONE_STEP))

    def _add_error_to_row(self, row: list[str], language: str) -> list[str]:
        """Return a copy of a row with one error that is common in lists maintained by hand, such as a missing serial
        number.
        """
        kind = self._random.random()
        if kind < 0.03 and self._last_row is not None:
            return list(self._last_row)  # a duplicate row in the place of this one
        messy = list(row)
        if kind < 0.06:
            messy[HEADER.index("SLNOINPART")] = self._random.choice(("", "-", "new"))
        elif kind < 0.09:
            messy[HEADER.index("AGE")] = self._random.choice(("240", "7", "adult"))
        else:
            phone = row[-1] or self._get_next_fictitious_number()
            messy[-1] = self._random.choice(_PHONE_SHAPES)(phone, self._get_next_fictitious_number(), language)
        return messy


_PHONE_SHAPES: tuple[Callable[[str, str, str], str], ...] = (
    lambda phone, other, language: f"+91{phone}",
    lambda phone, other, language: f"+91 {phone[:5]} {phone[5:]}",
    lambda phone, other, language: f"0091-{phone}",
    lambda phone, other, language: f"0{phone}",
    lambda phone, other, language: f"{phone[:3]}-{phone[3:6]}-{phone[6:]}",
    lambda phone, other, language: f"{phone}.0",
    lambda phone, other, language: convert_digits_to_script(phone, language),
    lambda phone, other, language: f"{phone}/{other}",
    lambda phone, other, language: f"{phone}, {other}",
    lambda phone, other, language: f"{phone} and {other}",
    lambda phone, other, language: f"{phone[0]}.{phone[1:3]}E+09",  # from here on the number cannot be recovered
    lambda phone, other, language: phone[:9],
    lambda phone, other, language: phone[:4],
    lambda phone, other, language: phone + "4721",
    lambda phone, other, language: "1234567890",
    lambda phone, other, language: "9999999999",
    lambda phone, other, language: "switched off",
)


def _invent_vocabulary(chance: random.Random, language: str) -> _Vocabulary:
    """Return invented names and places in one language."""

    def invent_word(*ending: Syllable, longest: int = 2) -> Word:
        beginning = [
            (chance.choice(CONSONANTS), chance.choice(VOWELS)) for _ in range(chance.randrange(1, longest + 1))
        ]
        syllables = [*beginning, *ending]
        return spell_word_in_latin(syllables), spell_word_in_script(syllables, language)

    def choose_consonant() -> str:
        return chance.choice(CONSONANTS[:-2])

    return _Vocabulary(
        language,
        men=[invent_word((choose_consonant(), "e"), (choose_consonant(), "")) for _ in range(300)],
        women=[invent_word((choose_consonant(), chance.choice(("aa", "ii")))) for _ in range(300)],
        surnames=[
            invent_word((choose_consonant(), chance.choice(("a", "i"))), (choose_consonant(), "")) for _ in range(120)
        ],
        places=[invent_word(*chance.choice(_PLACE_ENDINGS)) for _ in range(200)],
    )
