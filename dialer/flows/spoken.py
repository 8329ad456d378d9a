"""List the prompts that people must record for the flows, each with its words in each language."""

from __future__ import annotations

from collections.abc import Iterable

from dialer.audio.information_message import INFORMATION
from dialer.audio.names import PromptName, find_prompt_of_sound
from dialer.audio.numbers import list_number_and_date_prompts
from dialer.audio.words import load_spoken_words
from dialer.flows.model import PromptKind
from dialer.flows.sounds import make_sound_name_for_spoken_name, make_sound_name_for_text
from dialer.flows.texts import INFORMATION_TEXT, SMS, Texts, fill_information_message, split_text_at_placeholders


def collect_prompts_to_record_for_texts(texts: Texts, languages: Iterable[str]) -> dict[PromptName, str]:
    """Return the prompts to record for the texts of the flows, with their words.

    A text with values, as in "until {closes_at}, please", has a prompt for each segment between its values.
    """
    spoken: dict[PromptName, str] = {}
    for language in languages:
        for key, text in texts.by_language.get(language, {}).items():
            if key.startswith(SMS) or key == INFORMATION_TEXT:
                continue
            for segment in split_text_at_placeholders(text):
                if segment.words:
                    _add_prompt_to_record(
                        spoken, make_sound_name_for_text(key, language, segment.number), segment.words
                    )
    return spoken


def collect_prompts_to_record_for_numbers(languages: Iterable[str]) -> dict[PromptName, str]:
    """Return the prompts to record for numbers, digits, hours and dates, with their words.

    Languages without a file of number words are left out.
    """
    spoken: dict[PromptName, str] = {}
    for language in languages:
        words = load_spoken_words(language)
        if words is not None:
            spoken |= {
                PromptName("", language, name): text for name, text in list_number_and_date_prompts(words).items()
            }
    return spoken


def collect_prompts_to_record_for_names(
    names: Iterable[tuple[PromptKind, str]], languages: Iterable[str]
) -> dict[PromptName, str]:
    """Return the prompts to record for names of places and organisations in each language, with their words."""
    spoken: dict[PromptName, str] = {}
    given = list(names)
    for language in languages:
        for kind, name in given:
            _add_prompt_to_record(spoken, make_sound_name_for_spoken_name(kind, name, language), name)
    return spoken


def collect_information_message_to_record(language: str, organisation: str, texts: Texts) -> dict[PromptName, str]:
    """Return the prompt to record for the information message (who called, and that no agent was free), with its words.

    The words are in `language`, or else in English. Return {} if there is no text in either.
    """
    found = fill_information_message(language, organisation, texts)
    return {} if found is None else {PromptName("", found[0], INFORMATION): found[1]}


def _add_prompt_to_record(spoken: dict[PromptName, str], sound: str, words: str) -> None:
    prompt = find_prompt_of_sound(sound)
    if prompt is not None:
        spoken[prompt] = words
