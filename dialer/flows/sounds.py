"""The names of the sound files that a prompt plays.

Names follow a convention, so no catalogue is needed to play a prompt. All are `matdan/<language>/...`, below Asterisk's
sounds directory and without extension:

- `turnout/question`: a text; `booth/until-1`: a segment of a text with placeholders
- `number/42`, `digit/7`, `hour/18`, `day/14`, `month/11`: spoken numbers (`dialer.audio.numbers`)
- `place/<hash>`, `name/<hash>`: a name. The hash is the first 16 hex digits of the SHA-256 of the name's NFC form, so
  that no name becomes part of a path
- `recording/<name>`: campaign audio
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator

from dialer.audio.names import ROOT
from dialer.audio.numbers import list_date_prompts, list_digit_prompts, list_hour_prompts, list_number_prompts
from dialer.audio.words import load_spoken_words
from dialer.flows.flow import Flow
from dialer.flows.model import PromptKind
from dialer.flows.texts import FALLBACK_LANGUAGE, LANGUAGE, Texts, split_text_at_placeholders
from dialer.flows.turns import PromptRef


def list_sounds_of_prompt(ref: PromptRef, language: str, texts: Texts) -> tuple[str, ...]:
    """Return the sounds of a prompt in playing order. An invalid language code counts as English."""
    known = language if LANGUAGE.fullmatch(language) else FALLBACK_LANGUAGE
    return tuple(_yield_sounds_of_prompt(ref, known, texts))


def list_sounds_of_flow(flow: Flow, language: str, texts: Texts) -> tuple[str, ...]:
    """Return the sounds of the texts and recordings of a flow and its subdialogs, each once.

    Sounds of numbers, hours and names are not included, because all flows share them.
    """
    found: dict[str, None] = {}
    for part in flow.list_flow_and_its_subdialogs():
        for prompt in (prompt for node in part.nodes.values() for prompt in node.prompts_and_reprompts):
            if prompt.kind.is_prompt_same_for_every_voter:
                found.update(
                    dict.fromkeys(list_sounds_of_prompt(PromptRef(prompt.kind, prompt.value), language, texts))
                )
    return tuple(found)


def make_sound_name_for_text(key: str, language: str, number: int = 0) -> str:
    """Return the name of the sound that speaks a text, or one segment of the text (`number`, counted from 1)."""
    path = key.replace(".", "/")
    return f"{ROOT}/{language}/{path}-{number}" if number else f"{ROOT}/{language}/{path}"


def make_sound_name_for_spoken_name(kind: PromptKind, name: str, language: str) -> str:
    """Return the name of the sound that speaks the name of a place or organisation."""
    digest = hashlib.sha256(unicodedata.normalize("NFC", name).encode()).hexdigest()[:16]
    return f"{ROOT}/{language}/{kind.value}/{digest}"


def _yield_sounds_of_prompt(ref: PromptRef, language: str, texts: Texts) -> Iterator[str]:
    match ref.kind:
        case PromptKind.TEXT:
            yield from _yield_sounds_of_text(ref, language, texts)
        case PromptKind.RECORDING:
            yield f"{ROOT}/{language}/recording/{ref.value}"
        case PromptKind.PLACE | PromptKind.NAME:
            yield make_sound_name_for_spoken_name(ref.kind, ref.value, language)
        case PromptKind.DIGITS:
            yield from _add_language_to_sound_names(list_digit_prompts(ref.value), language)
        case PromptKind.NUMBER:
            yield from _add_language_to_sound_names(
                list_number_prompts(int(ref.value), load_spoken_words(language)), language
            )
        case PromptKind.HOUR:
            hour, minute = ref.value.split(":")
            yield from _add_language_to_sound_names(list_hour_prompts(int(hour), int(minute)), language)
        case PromptKind.DATE:
            _, month, day = ref.value.split("-")
            yield from _add_language_to_sound_names(list_date_prompts(int(day), int(month)), language)


def _add_language_to_sound_names(prompts: list[str], language: str) -> Iterator[str]:
    return (f"{ROOT}/{language}/{prompt}" for prompt in prompts)


def _yield_sounds_of_text(ref: PromptRef, language: str, texts: Texts) -> Iterator[str]:
    found = texts.find_text_in_language_or_english(ref.value, language)
    if found is None:  # a sound without a text, which a site has recorded itself, followed by its values
        yield make_sound_name_for_text(ref.value, language)
        for _, value in ref.values:
            yield from _yield_sounds_of_prompt(value, language, texts)
        return
    spoken, text = found
    values = dict(ref.values)
    for segment in split_text_at_placeholders(text):
        if segment.words:
            yield make_sound_name_for_text(ref.value, spoken, segment.number)
        elif segment.placeholder in values:
            yield from _yield_sounds_of_prompt(values[segment.placeholder], spoken, texts)
