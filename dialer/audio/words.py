"""The words for numbers, hours and dates in each language, from one TOML file per language."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dialer import content
from dialer.audio.errors import CatalogueError

WORDS_DIRECTORY: Final = content.AUDIO / "words"
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")

Word = Annotated[str, Field(min_length=1, max_length=200)]
Nine = Annotated[tuple[Word, ...], Field(min_length=9, max_length=9)]
Day = Annotated[tuple[Word, ...], Field(min_length=24, max_length=24)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Unit(_Part):
    """The words for a unit of numbers, such as hundred or lakh, in one language: singular (`one`) and plural (`many`).

    The forms with `_and` are used if more of the number follows, as in "one hundred and five".
    """

    one: Word
    many: Word
    one_and: Word = ""
    many_and: Word = ""


class Words(_Part):
    """The words for numbers, hours and dates in one language."""

    numbers: Annotated[tuple[Word, ...], Field(min_length=100, max_length=100)]
    hundreds: Nine
    hundreds_and: Nine | None = None
    thousand: Unit
    lakh: Unit
    crore: Unit
    hours: Day
    half_hours: Day
    hours_and: Day
    minute_one: Word
    minutes: Word
    months: Annotated[tuple[Word, ...], Field(min_length=12, max_length=12)]
    label: Word

    def spell_out_minutes(self, number: int) -> str:
        """Return the spoken words for a number of minutes (1-59)."""
        return self.minute_one if number == 1 else self.minutes.format(self.numbers[number])


@lru_cache(maxsize=64)
def load_spoken_words(language: str) -> Words | None:
    """Return the words of a language, or None if none are shipped. Raises CatalogueError for an invalid file."""
    path = WORDS_DIRECTORY / f"{language}.toml"
    if not _LANGUAGE.fullmatch(language) or not path.is_file():
        return None
    try:
        return Words.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise CatalogueError(
            str(path), "", f"the number words cannot be read ({error.strerror}); check the file's permissions"
        ) from error
    except (tomllib.TOMLDecodeError, ValidationError, UnicodeDecodeError) as error:
        raise CatalogueError(
            str(path), "", f"the file is not a valid list of number words ({error}); restore the file".splitlines()[0]
        ) from error


def load_spoken_words_of_all_languages() -> None:
    """Load the words of every language in advance, so that no call has to read a file. Raises CatalogueError."""
    for language in list_languages_with_words():
        load_spoken_words(language)


def list_languages_with_words() -> list[str]:
    """Return the languages for which the package has a file of spoken words (numbers, dates, times), in alphabetical order."""
    return sorted(path.stem for path in WORDS_DIRECTORY.glob("*.toml"))
