"""Numbers, hours and dates as prompts, by the rules of each language."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.audio import words as words_module
from dialer.audio.errors import CatalogueError
from dialer.audio.names import PromptName, parse_prompt_name
from dialer.audio.numbers import (
    HIGHEST_SPOKEN,
    LABEL,
    list_date_prompts,
    list_digit_prompts,
    list_hour_prompts,
    list_number_and_date_prompts,
    list_number_prompts,
)
from dialer.audio.words import list_languages_with_words, load_spoken_words
from dialer.flows.model import PromptKind
from dialer.flows.sounds import list_sounds_of_prompt
from dialer.flows.spoken import collect_prompts_to_record_for_numbers, collect_prompts_to_record_for_texts
from dialer.flows.texts import load_shipped_texts
from dialer.flows.turns import PromptRef
from tests.support.flow_support import FLOWS

LANGUAGES = list_languages_with_words()


def speak_number(number: int, language: str) -> str:
    words = load_spoken_words(language)
    assert words is not None
    texts = list_number_and_date_prompts(words)
    return " ".join(texts[prompt] for prompt in list_number_prompts(number, words))


def test_every_language_with_flow_texts_has_words_for_numbers() -> None:
    assert load_shipped_texts().list_languages_with_texts() == LANGUAGES


@pytest.mark.parametrize(
    ("language", "number", "words"),
    [
        ("hi", 0, "शून्य"),
        ("hi", 42, "बयालीस"),
        ("hi", 940, "नौ सौ चालीस"),
        ("hi", 1_000, "एक हज़ार"),
        ("hi", 235_042, "दो लाख पैंतीस हज़ार बयालीस"),
        ("hi", 10_000_000, "एक करोड़"),
        ("en", 105, "one hundred and five"),
        ("en", 300, "three hundred"),
        ("en", 235_942, "two lakh thirty-five thousand nine hundred and forty-two"),
        ("ur", 250, "دو سو پچاس"),
        ("bn", 250, "দুইশো পঞ্চাশ"),
        ("gu", 250, "બસો પચાસ"),
        ("mr", 100, "शंभर"),
        ("mr", 105, "एकशे पाच"),
        ("kn", 100, "ನೂರು"),
        ("kn", 105, "ನೂರ ಐದು"),
        ("kn", 2_005, "ಎರಡು ಸಾವಿರದ ಐದು"),
        ("ta", 900, "தொள்ளாயிரம்"),
        ("ta", 1_942, "ஆயிரத்து தொள்ளாயிரத்து நாற்பத்திரண்டு"),
        ("te", 105, "నూట ఐదు"),
        ("te", 2_000, "రెండు వేలు"),
        ("te", 2_005, "రెండు వేల ఐదు"),
        ("ml", 215, "ഇരുനൂറ്റി പതിനഞ്ച്"),
        ("pa", 99, "ਨਿੜਾਨਵੇਂ"),
        ("or", 100, "ଶହେ"),
        ("as", 21, "একৈশ"),
    ],
)
def test_spoken_numbers_are_split_into_prompts_by_the_rules_of_each_language(
    language: str, number: int, words: str
) -> None:
    assert speak_number(number, language) == words


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_a_different_word_for_each_number_up_to_99(language: str) -> None:
    words = load_spoken_words(language)
    assert words is not None
    assert len(set(words.numbers)) == 100
    assert [list_number_prompts(number, words) for number in range(100)] == [
        [f"number/{number}"] for number in range(100)
    ]


@settings(deadline=None, derandomize=True)
@given(st.sampled_from([*LANGUAGES, "xx"]), st.integers(0, HIGHEST_SPOKEN))
def test_prompts_of_a_spoken_number_have_texts_and_add_up_to_the_number(language: str, number: int) -> None:
    words = load_spoken_words(language)
    prompts = list_number_prompts(number, words)
    if words is not None:
        assert set(prompts) <= set(list_number_and_date_prompts(words))
    total = pending = 0
    for name in (prompt.removeprefix("number/").removesuffix("-and") for prompt in prompts):
        unit, _, count = name.partition("-")
        size = {"crore": 10_000_000, "lakh": 100_000, "thousand": 1_000, "hundred": 100}.get(unit)
        if size is None:
            total, pending = total + pending, int(unit)
        else:
            total, pending = total + (int(count) if count else pending) * size, 0
    assert total + pending == number


def test_large_number_in_a_prompt_is_spoken_digit_by_digit() -> None:
    assert list_number_prompts(HIGHEST_SPOKEN + 1, None) == list_digit_prompts("1000000000")
    assert list_number_prompts(-12, None) == ["digit/1", "digit/2"]
    assert list_digit_prompts("+91 ९") == ["digit/9", "digit/1", "digit/9"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_prompt_for_hours_and_dates_has_a_text_to_speak(language: str) -> None:
    words = load_spoken_words(language)
    assert words is not None
    texts = list_number_and_date_prompts(words)
    for hour in range(24):
        for minute in range(60):
            assert set(list_hour_prompts(hour, minute)) <= set(texts)
    for month in range(1, 13):
        assert set(list_date_prompts(31, month)) <= set(texts)
    assert len({texts[f"hour/{hour}"] for hour in range(24)}) == 24
    assert len({texts[f"half-hour/{hour}"] for hour in range(24)}) == 24
    assert texts[LABEL]
    assert all(parse_prompt_name(f"{language}/{name}") == PromptName("", language, name) for name in texts)


def test_northern_languages_have_special_words_for_half_past_one_and_half_past_two() -> None:
    words = load_spoken_words("hi")
    assert words is not None
    assert (words.half_hours[13], words.half_hours[14], words.half_hours[18]) == (
        "दोपहर डेढ़ बजे",
        "दोपहर ढाई बजे",
        "शाम साढ़े छह बजे",
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_prompt_of_the_shipped_ivr_flows_has_a_text_to_speak(language: str) -> None:
    """This excludes names of places and organisations, which the site provides, and campaign recordings."""
    texts = load_shipped_texts()
    known = collect_prompts_to_record_for_texts(texts, [language]) | collect_prompts_to_record_for_numbers([language])
    samples = {
        PromptKind.NUMBER: ["7", "940", "1215"],
        PromptKind.HOUR: ["18:00", "17:30", "17:10"],
        PromptKind.DIGITS: ["0123"],
    }
    for flow in FLOWS.values():
        for node in flow.nodes.values():
            for prompt in node.prompts_and_reprompts:
                for name, kind in prompt.needs or (("", prompt.kind),):
                    for value in samples.get(kind, []):
                        ref = PromptRef(kind, value)
                        whole = PromptRef(prompt.kind, prompt.value, ((name, ref),)) if name else PromptRef(kind, value)
                        missing = {
                            sound
                            for sound in list_sounds_of_prompt(whole, language, texts)
                            if parse_prompt_name(sound.partition("/")[2]) not in known
                        }
                        assert not missing
                if prompt.kind is PromptKind.TEXT and not prompt.needs:
                    sounds = list_sounds_of_prompt(PromptRef(prompt.kind, prompt.value), language, texts)
                    assert all(parse_prompt_name(sound.partition("/")[2]) in known for sound in sounds)


def test_damaged_list_of_number_words_gives_a_one_line_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words_module, "WORDS_DIRECTORY", tmp_path)
    (tmp_path / "qq.toml").write_text('numbers = ["one"]\n')
    (tmp_path / "qr.toml").write_text("numbers = [\n")
    for language in ("qq", "qr"):
        with pytest.raises(CatalogueError, match=r"is not a valid list of number words") as caught:
            load_spoken_words(language)
        assert "\n" not in str(caught.value)
    assert load_spoken_words("../hi") is None
    assert load_spoken_words("qs") is None
