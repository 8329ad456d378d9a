"""Everything that must be recorded so that every flow can speak: each prompt, with its words in each language."""

from __future__ import annotations

from collections.abc import Iterable

from dialer.audio.information_message import INFORMATION
from dialer.audio.names import PromptName, prompt_of_sound
from dialer.audio.numbers import word_texts
from dialer.audio.words import words_of
from dialer.flows.model import PromptKind
from dialer.flows.sounds import name_sound, text_sound
from dialer.flows.texts import INFORMATION_TEXT, SMS, Texts, information_text, segments


def spoken_texts(texts: Texts, languages: Iterable[str]) -> dict[PromptName, str]:
    """Return the words of every text, in segments where it contains values."""
    spoken: dict[PromptName, str] = {}
    for language in languages:
        for key, text in texts.by_language.get(language, {}).items():
            if key.startswith(SMS) or key == INFORMATION_TEXT:
                continue
            for segment in segments(text):
                if segment.words:
                    _add(spoken, text_sound(key, language, segment.number), segment.words)
    return spoken


def spoken_words(languages: Iterable[str]) -> dict[PromptName, str]:
    """Return the words of numbers, digits, hours and dates, for the languages whose words are shipped."""
    spoken: dict[PromptName, str] = {}
    for language in languages:
        words = words_of(language)
        if words is not None:
            spoken |= {PromptName("", language, name): text for name, text in word_texts(words).items()}
    return spoken


def spoken_names(names: Iterable[tuple[PromptKind, str]], languages: Iterable[str]) -> dict[PromptName, str]:
    """Return the prompts of places and organisations, each name in the voice of each language."""
    spoken: dict[PromptName, str] = {}
    given = list(names)
    for language in languages:
        for kind, name in given:
            _add(spoken, name_sound(kind, name, language), name)
    return spoken


def spoken_message(language: str, organisation: str, texts: Texts) -> dict[PromptName, str]:
    """Return the information message that Asterisk plays by itself, in the centre's language or English; empty: no text."""
    found = information_text(language, organisation, texts)
    return {} if found is None else {PromptName("", found[0], INFORMATION): found[1]}


def _add(spoken: dict[PromptName, str], sound: str, words: str) -> None:
    prompt = prompt_of_sound(sound)
    if prompt is not None:
        spoken[prompt] = words
