"""What each prompt says in each language. Texts are for people who record and check; the line plays sounds made from them.

A text may have placeholders, `Voting goes on until {closes_at}.`, so that each language puts the value where its grammar wants it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from dialer import content
from dialer.flows.errors import FlowError
from dialer.flows.fields import TEXT_KEY
from dialer.flows.model import PromptKind, Scalar
from dialer.flows.reader import Text, read_file, read_table
from dialer.flows.turns import PromptRef

TEXTS_DIRECTORY = content.IVR_FLOWS / "texts"
LANGUAGE = re.compile(r"[a-z]{2,3}")
FALLBACK_LANGUAGE = "en"
SMS = "sms."  # begins the keys of texts that are sent, never spoken
INFORMATION_TEXT = "message.information"  # what the switch plays by itself: one sound with its values, never in pieces
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]{0,39})\}")
_SPEAKABLE = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text: words to be recorded once, or (`placeholder`) where a value is spoken.

    `number` counts the pieces of words of one text from 1; it is 0 when the text is one piece.
    """

    words: str = ""
    placeholder: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts: language -> key -> text."""

    by_language: Mapping[str, Mapping[str, str]]

    def languages(self) -> list[str]:
        """The languages in alphabetical order of their tags."""
        return sorted(self.by_language)

    def text(self, key: str, language: str) -> str | None:
        """The text in that language itself; None where it is missing."""
        return self.by_language.get(language, {}).get(key)

    def found(self, key: str, language: str) -> tuple[str, str] | None:
        """(language, text): in that language, else in English; None where there is neither."""
        both = ((tag, self.text(key, tag)) for tag in (language, FALLBACK_LANGUAGE))
        return next(((tag, text) for tag, text in both if text is not None), None)


def placeholders(text: str) -> set[str]:
    """The names that stand in braces in a text."""
    return set(_PLACEHOLDER.findall(text))


def odd_braces(text: str) -> bool:
    """Whether a text has a brace that belongs to no placeholder."""
    return bool({"{", "}"} & {*_PLACEHOLDER.sub("", text)})


def segments(text: str) -> tuple[Segment, ...]:
    """A text cut at its placeholders. Punctuation between two values is no piece of its own: there is nothing to record."""
    parts = _PLACEHOLDER.split(text)
    if len(parts) == 1:
        return (Segment(words=text.strip()),)
    found: list[Segment] = []
    number = 0
    for index, part in enumerate(parts):
        if index % 2:
            found.append(Segment(placeholder=part))
        elif _SPEAKABLE.search(part):
            number += 1
            found.append(Segment(words=part.strip(), number=number))
    return tuple(found)


def read_texts(directory: Path) -> Texts:
    """Every `<language>.yaml` of a directory. Raises FlowError with file and line, or where it is no directory to read."""
    by_language: dict[str, Mapping[str, str]] = {}
    try:
        paths = sorted(path for path in directory.iterdir() if path.suffix == ".yaml")
    except NotADirectoryError as error:
        raise FlowError(str(directory), 0, "", "is no directory; give one that holds <language>.yaml files") from error
    except OSError as error:  # a glob would pass over a directory that it may not read
        problem = f"cannot be read ({error.strerror}); give a directory that holds <language>.yaml files"
        raise FlowError(str(directory), 0, "", problem) from error
    for path in paths:
        if not LANGUAGE.fullmatch(path.stem):
            raise FlowError(str(path), 0, "", "is not named for a language; name it such as hi.yaml")
        table = read_table(read_file(path), str(path))
        texts: dict[str, str] = {}
        for key, value in table:
            line = table.lines[key]
            if not TEXT_KEY.fullmatch(key):
                raise FlowError(str(path), line, "", "has a key that is not of the form `turnout.question`")
            if not isinstance(value, Text) or not value.value.strip():
                raise FlowError(str(path), line, "", f"{key} has no text; write it on the same line")
            if odd_braces(value.value):
                raise FlowError(str(path), line, "", f"{key} has a brace that is no placeholder such as {{closes_at}}")
            texts[key] = value.value
        by_language[path.stem] = MappingProxyType(texts)
    return Texts(MappingProxyType(by_language))


def merge_texts(catalogues: Iterable[Texts]) -> Texts:
    """One catalogue of several; a later one wins, key by key."""
    by_language: dict[str, dict[str, str]] = {}
    for catalogue in catalogues:
        for language, texts in catalogue.by_language.items():
            by_language.setdefault(language, {}).update(texts)
    return Texts(MappingProxyType(by_language))


def texts_with(own: Path | None) -> Texts:
    """The shipped texts, and those of a directory before them. Raises FlowError, as `read_texts`."""
    return shipped_texts() if own is None else merge_texts([shipped_texts(), read_texts(own)])


def filled(key: str, language: str, values: Mapping[str, Scalar], texts: Texts) -> str | None:
    """A text with its values, to be read on a screen; None where the text is in no language, or a value is not known."""
    found = texts.found(key, language)
    if found is None or not placeholders(found[1]) <= values.keys():
        return None
    return _PLACEHOLDER.sub(lambda match: str(values[match[1]]), found[1]).strip()


def information_text(language: str, organisation: str, texts: Texts) -> tuple[str, str] | None:
    """(language, words) of the information message, in that language or else in English; None where no text is left."""
    found = texts.found(INFORMATION_TEXT, language)
    words = filled(INFORMATION_TEXT, language, {"organisation": organisation}, texts)
    return None if found is None or words is None else (found[0], words)


@lru_cache(maxsize=1)
def shipped_texts() -> Texts:
    """The texts that come with the project."""
    return read_texts(TEXTS_DIRECTORY)


def written(ref: PromptRef, language: str, texts: Texts) -> str:
    """What a prompt says, as a person reads it. A text that is missing in every language shows as its key in brackets."""
    if ref.kind is not PromptKind.TEXT:
        return f"<{ref.value}>" if ref.kind is PromptKind.RECORDING else ref.value
    found = texts.found(ref.value, language)
    if found is None:
        return f"[{ref.value}]"
    values = {name: written(value, language, texts) for name, value in ref.values}
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], ""), found[1]).strip()
