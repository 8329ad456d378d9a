"""From a prompt to the names of sound files, by convention: no catalogue is needed to place a call.

`matdan/<language>/...`, as Asterisk names sounds (below its sounds directory, without extension):
`turnout/question` a text; `booth/until-1` a piece of a text that has placeholders; `number/42`, `digit/7`, `hour/18`, `minute/30`,
`day/14`, `month/11`; `place/<hash>` and `name/<hash>` a name, by the first 16 hex digits of the SHA-256 of its NFC form, for no
name ever becomes part of a path; `recording/<name>` campaign audio.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator

from ivr_flows.model import PromptKind
from ivr_flows.texts import FALLBACK_LANGUAGE, LANGUAGE, Texts, segments
from ivr_flows.turns import PromptRef

ROOT = "matdan"
_UNITS = ((10_000_000, "crore"), (100_000, "lakh"), (1_000, "thousand"), (100, "hundred"))


def sounds_of(ref: PromptRef, language: str, texts: Texts) -> tuple[str, ...]:
    """The sounds of a prompt in the order in which they are played. An unknown language is spoken as English."""
    known = language if LANGUAGE.fullmatch(language) else FALLBACK_LANGUAGE
    return tuple(_sounds(ref, known, texts))


def text_sound(key: str, language: str, number: int = 0) -> str:
    """The sound of a text, or of its piece `number`, counted from 1."""
    path = key.replace(".", "/")
    return f"{ROOT}/{language}/{path}-{number}" if number else f"{ROOT}/{language}/{path}"


def name_sound(kind: PromptKind, name: str, language: str) -> str:
    """The sound of a place or an organisation."""
    digest = hashlib.sha256(unicodedata.normalize("NFC", name).encode()).hexdigest()[:16]
    return f"{ROOT}/{language}/{kind.value}/{digest}"


def _sounds(ref: PromptRef, language: str, texts: Texts) -> Iterator[str]:
    match ref.kind:
        case PromptKind.TEXT:
            yield from _text_sounds(ref, language, texts)
        case PromptKind.RECORDING:
            yield f"{ROOT}/{language}/recording/{ref.value}"
        case PromptKind.PLACE | PromptKind.NAME:
            yield name_sound(ref.kind, ref.value, language)
        case PromptKind.DIGITS:
            yield from (f"{ROOT}/{language}/digit/{digit}" for digit in ref.value)
        case PromptKind.NUMBER:
            yield from (f"{ROOT}/{language}/number/{word}" for word in number_words(int(ref.value)))
        case PromptKind.HOUR:
            hour, minute = ref.value.split(":")
            yield f"{ROOT}/{language}/hour/{int(hour)}"
            if int(minute):
                yield f"{ROOT}/{language}/minute/{int(minute)}"
        case PromptKind.DATE:
            _, month, day = ref.value.split("-")
            yield f"{ROOT}/{language}/day/{int(day)}"
            yield f"{ROOT}/{language}/month/{int(month)}"


def _text_sounds(ref: PromptRef, language: str, texts: Texts) -> Iterator[str]:
    found = texts.found(ref.value, language)
    if found is None:  # a site's own sound without a text: its values follow it
        yield text_sound(ref.value, language)
        for _, value in ref.values:
            yield from _sounds(value, language, texts)
        return
    spoken, text = found
    values = dict(ref.values)
    for segment in segments(text):
        if segment.words:
            yield text_sound(ref.value, spoken, segment.number)
        elif segment.placeholder in values:
            yield from _sounds(values[segment.placeholder], spoken, texts)


def number_words(number: int) -> list[str]:
    """The words of a number from 0 to 999,999,999 in the Indian order: 2,35,042 is 2 lakh 35 thousand 42.

    Each language has a word of its own for 0 to 99.
    """
    words: list[str] = []
    for size, name in _UNITS:
        count, number = divmod(number, size)
        if count:
            words += [str(count), name]
    return [*words, str(number)] if number or not words else words
