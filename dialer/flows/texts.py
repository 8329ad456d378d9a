"""The texts of prompts in each language. People record and check texts, and calls play the sounds made from them.

A text may have placeholders, as in `You can vote until {closes_at}.`, so that each language can place the value as its
grammar requires.
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
from dialer.flows.turns import PromptRef
from dialer.flows.yaml_document import parse_yaml, read_yaml_file

TEXTS_DIRECTORY = content.IVR_FLOWS / "texts"
LANGUAGE = re.compile(r"[a-z]{2,3}")
FALLBACK_LANGUAGE = "en"
SMS = "sms."  # prefix of the keys of texts that are sent as SMS, not spoken
INFORMATION_TEXT = "message.information"  # played by the switch itself, as one sound including its values
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]{0,39})\}")
_SPEAKABLE = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of a text: words that are recorded as one sound, or a placeholder for a spoken value.

    `number` is the place of the segment among the segments with words, counted from 1. It is 0 for a placeholder, and
    for the only segment of a text.
    """

    words: str = ""
    placeholder: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts of prompts and SMS, by language and key."""

    by_language: Mapping[str, Mapping[str, str]]

    def list_languages_with_texts(self) -> list[str]:
        """Return the codes of all languages that have texts, in alphabetical order."""
        return sorted(self.by_language)

    def find_text_in_language(self, key: str, language: str) -> str | None:
        """Return the text with this key in a language, or None if it is missing."""
        return self.by_language.get(language, {}).get(key)

    def find_text_in_language_or_english(self, key: str, language: str) -> tuple[str, str] | None:
        """Return (language, text) for this key in `language`, or else in English, or None if both texts are missing."""
        both = ((tag, self.find_text_in_language(key, tag)) for tag in (language, FALLBACK_LANGUAGE))
        return next(((tag, text) for tag, text in both if text is not None), None)


def find_placeholders(text: str) -> set[str]:
    """Return the names of the placeholders in a text."""
    return set(_PLACEHOLDER.findall(text))


def has_braces_outside_placeholders(text: str) -> bool:
    """Return whether a text has a brace that is not part of a placeholder."""
    return bool({"{", "}"} & {*_PLACEHOLDER.sub("", text)})


def split_text_at_placeholders(text: str) -> tuple[Segment, ...]:
    """Return a text split at its placeholders. Punctuation between two values is dropped, as it cannot be recorded."""
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
    """Read every `<language>.yaml` in a directory. Raises FlowError if a file is invalid or cannot be read."""
    by_language: dict[str, Mapping[str, str]] = {}
    try:
        paths = sorted(path for path in directory.iterdir() if path.suffix == ".yaml")
    except NotADirectoryError as error:
        raise FlowError(
            str(directory),
            0,
            "",
            "the folder of texts is not a directory; give a directory that contains <language>.yaml files",
        ) from error
    except OSError as error:  # `glob` would silently skip a directory without read permission
        problem = f"cannot be read ({error.strerror}); give a directory that contains <language>.yaml files"
        raise FlowError(str(directory), 0, "", problem) from error
    for path in paths:
        if not LANGUAGE.fullmatch(path.stem):
            raise FlowError(
                str(path), 0, "", "the file is not named after a language; rename it, for instance to hi.yaml"
            )
        document = parse_yaml(read_yaml_file(path), str(path))
        texts: dict[str, str] = {}
        for key, value in document.values.items():
            line = document.find_line_number_of_value((key,))
            if not TEXT_KEY.fullmatch(key):
                raise FlowError(
                    str(path), line, "", "the line has an invalid text key; write a key such as `turnout.question`"
                )
            if not isinstance(value, str) or not value.strip():
                raise FlowError(str(path), line, "", f"the text key {key} has no text; write the text on the same line")
            if has_braces_outside_placeholders(value):
                raise FlowError(
                    str(path),
                    line,
                    "",
                    f"the text {key} has a brace outside a placeholder such as {{closes_at}}; remove the brace",
                )
            texts[key] = value
        by_language[path.stem] = MappingProxyType(texts)
    return Texts(MappingProxyType(by_language))


def merge_text_collections(catalogues: Iterable[Texts]) -> Texts:
    """Combine several collections of texts. If several contain a key, the text in the last of them is used."""
    by_language: dict[str, dict[str, str]] = {}
    for catalogue in catalogues:
        for language, texts in catalogue.by_language.items():
            by_language.setdefault(language, {}).update(texts)
    return Texts(MappingProxyType(by_language))


def load_texts(own: Path | None) -> Texts:
    """Return the shipped texts of prompts. Texts in the directory `own` replace shipped ones with the same key.

    Raises FlowError like `read_texts`.
    """
    return load_shipped_texts() if own is None else merge_text_collections([load_shipped_texts(), read_texts(own)])


def fill_placeholders_of_text(key: str, language: str, values: Mapping[str, Scalar], texts: Texts) -> str | None:
    """Return a text with values in place of its placeholders, or None if the text is missing or a value is unknown."""
    found = texts.find_text_in_language_or_english(key, language)
    if found is None or not find_placeholders(found[1]) <= values.keys():
        return None
    return _PLACEHOLDER.sub(lambda match: str(values[match[1]]), found[1]).strip()


def fill_information_message(language: str, organisation: str, texts: Texts) -> tuple[str, str] | None:
    """Return (language, words) of the information message that an abandoned voter hears: who called, and that no agent
    was free.

    The words are in `language`, or else in English. Return None if there is no text in either.
    """
    found = texts.find_text_in_language_or_english(INFORMATION_TEXT, language)
    words = fill_placeholders_of_text(INFORMATION_TEXT, language, {"organisation": organisation}, texts)
    return None if found is None or words is None else (found[0], words)


@lru_cache(maxsize=1)
def load_shipped_texts() -> Texts:
    """Return the texts that come with Matdan."""
    return read_texts(TEXTS_DIRECTORY)


def render_prompt_as_words(ref: PromptRef, language: str, texts: Texts) -> str:
    """Return the words of a prompt for display. A text that is missing appears as its key in brackets."""
    if ref.kind is not PromptKind.TEXT:
        return f"<{ref.value}>" if ref.kind is PromptKind.RECORDING else ref.value
    found = texts.find_text_in_language_or_english(ref.value, language)
    if found is None:
        return f"[{ref.value}]"
    values = {name: render_prompt_as_words(value, language, texts) for name, value in ref.values}
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], ""), found[1]).strip()
