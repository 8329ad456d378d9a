"""Everything that has to be recorded so that every flow can speak: each prompt of each language with its words."""

from __future__ import annotations

from collections.abc import Iterable

from audio.message import INFORMATION
from audio.names import PromptName, prompt_of_sound
from audio.numbers import word_texts
from audio.words import words_of
from ivr_flows.model import PromptKind
from ivr_flows.sounds import name_sound, text_sound
from ivr_flows.texts import INFORMATION_TEXT, SMS, Texts, information_text, segments


def spoken_texts(texts: Texts, languages: Iterable[str]) -> dict[PromptName, str]:
    """The words of every text, piece by piece where values stand between them."""
    spoken: dict[PromptName, str] = {}
    for language in languages:
        for key, text in texts.by_language.get(language, {}).items():
            if key.startswith(SMS) or key == INFORMATION_TEXT:
                continue
            for segment in segments(text):
                if segment.words:
                    _put(spoken, text_sound(key, language, segment.number), segment.words)
    return spoken


def spoken_words(languages: Iterable[str]) -> dict[PromptName, str]:
    """The words of numbers, digits, hours and dates, of the languages whose words are shipped."""
    spoken: dict[PromptName, str] = {}
    for language in languages:
        words = words_of(language)
        if words is not None:
            spoken |= {PromptName("", language, name): text for name, text in word_texts(words).items()}
    return spoken


def spoken_names(names: Iterable[tuple[PromptKind, str]], languages: Iterable[str]) -> dict[PromptName, str]:
    """The prompts of places and organisations: each name in each language's own voice."""
    spoken: dict[PromptName, str] = {}
    given = list(names)
    for language in languages:
        for kind, name in given:
            _put(spoken, name_sound(kind, name, language), name)
    return spoken


def spoken_message(language: str, organisation: str, texts: Texts) -> dict[PromptName, str]:
    """The information message that the switch plays by itself, whole: the centre's language, else English. Empty: no text."""
    found = information_text(language, organisation, texts)
    return {} if found is None else {PromptName("", found[0], INFORMATION): found[1]}


def _put(spoken: dict[PromptName, str], sound: str, words: str) -> None:
    prompt = prompt_of_sound(sound)
    if prompt is not None:
        spoken[prompt] = words
