"""Texts in every language, and the sounds of prompts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.enums import MarkKind
from dialer.domain.enums import MarkKind as DialledMarkKind
from dialer.flows.catalogue import list_shipped_flows
from dialer.flows.errors import FlowError
from dialer.flows.model import PromptKind
from dialer.flows.nodes.menu import MenuNode
from dialer.flows.nodes.send_sms import SmsNode
from dialer.flows.sounds import list_sounds_of_prompt, make_sound_name_for_spoken_name
from dialer.flows.texts import (
    INFORMATION_TEXT,
    SMS,
    Segment,
    Texts,
    find_placeholders,
    load_shipped_texts,
    merge_text_collections,
    read_texts,
    render_prompt_as_words,
    split_text_at_placeholders,
)
from dialer.flows.turns import PromptRef
from dialer.flows.wording import acknowledges, asks_choice, asks_for_vote, estimate_spoken_seconds
from dialer.switch.asterisk.fastagi.log_in_handler import SPOKEN
from tests.support.flow_support import FLOWS

LANGUAGES = ["as", "bn", "en", "gu", "hi", "kn", "ml", "mr", "or", "pa", "ta", "te", "ur"]
SCRIPTS = {
    "as": ("\u0980", "\u09ff"),
    "bn": ("\u0980", "\u09ff"),
    "gu": ("\u0a80", "\u0aff"),
    "hi": ("\u0900", "\u097f"),
    "kn": ("\u0c80", "\u0cff"),
    "ml": ("\u0d00", "\u0d7f"),
    "mr": ("\u0900", "\u097f"),
    "or": ("\u0b00", "\u0b7f"),
    "pa": ("\u0a00", "\u0a7f"),
    "ta": ("\u0b80", "\u0bff"),
    "te": ("\u0c00", "\u0c7f"),
    "ur": ("\u0600", "\u06ff"),
}


def make_text_prompt(key: str, **values: PromptRef) -> PromptRef:
    return PromptRef(PromptKind.TEXT, key, tuple(values.items()))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_flow_text_with_the_same_placeholders(language: str) -> None:
    texts = load_shipped_texts()
    english = texts.by_language["en"]
    own = texts.by_language[language]
    assert set(own) == set(english)
    assert {key: find_placeholders(words) for key, words in own.items()} == {
        key: find_placeholders(words) for key, words in english.items()
    }


def test_flow_texts_are_shipped_in_thirteen_languages() -> None:
    assert load_shipped_texts().list_languages_with_texts() == LANGUAGES


@pytest.mark.parametrize("language", sorted(SCRIPTS))
def test_texts_of_each_language_use_its_own_writing_system(language: str) -> None:
    """Finds texts that were left in English or copied from another language."""
    first, last = SCRIPTS[language]
    for key, words in load_shipped_texts().by_language[language].items():
        letters = [letter for letter in words.replace("{", " {").split("{")[0] if letter.isalpha()]
        own = sum(first <= letter <= last for letter in letters)
        assert own == len(letters), f"{key}: {words}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_that_acknowledge_an_answer_are_recognised_in_every_language(language: str) -> None:
    for key, words in load_shipped_texts().by_language[language].items():
        noted = key.rpartition(".")[2].startswith("noted")
        assert (acknowledges(words) is not None) is noted, f"{key}: {words}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_shipped_flow_texts_never_ask_for_a_vote_or_about_vote_choice(language: str) -> None:
    for key, words in load_shipped_texts().by_language[language].items():
        assert asks_choice(words) is None, key
        assert asks_for_vote(words) is None, key


@pytest.mark.parametrize(
    "words",
    [
        *("Who has your vote?", "Who got their vote?", "Who would you like to see win?", "Which way did you vote?"),
        *("Are you voting for us?", "Did he vote for Asha?", "Do you support the ruling party?"),
        *("Can we count on your vote?", "And who is your favourite?", "Tell me your preferred candidate."),
        *("आप वोट किसे देंगे?", "आपका वोट किसको जाएगा?", "किन्हें वोट दिया?", "आप किसे जिताना चाहते हैं?"),
        *("क्या आप हमारी पार्टी का समर्थन करते हैं?", "मत कोणाला देणार?", "ভোট কাকে দেবেন?", "ఓటు ఎవరికి వేస్తారు?"),
        *("வாக்கு யாருக்கு?", "મત કોને આપશો?", "ಮತ ಯಾರಿಗೆ?", "വോട്ട് ആർക്ക്?", "ਵੋਟ ਕਿਸ ਨੂੰ?", "ଭୋଟ କାହାକୁ?", "ووٹ کسے دیں گے؟"),
    ],
)
def test_text_that_asks_about_vote_choice_is_recognised(words: str) -> None:
    assert asks_choice(words) is not None


@pytest.mark.parametrize(
    "words",
    [
        *("Have you been able to vote?", "Will you vote today?", "Do you have your voter card?", "Who is speaking?"),
        *("Whoever you vote for, please go.", "Who else of the household has still to vote?", "Do you know who helps?"),
        *("क्या आपने वोट दिया?", "आप कब वोट देंगे?", "वोट देने किसके साथ जाएँगे?", "किसी को भी वोट दें, पर जाएँ।"),
    ],
)
def test_script_text_may_ask_whether_and_when_the_voter_votes(words: str) -> None:
    assert asks_choice(words) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_spoken_text_of_a_menu_names_exactly_the_menus_keys(language: str) -> None:
    for name in list_shipped_flows():
        for node in FLOWS[name].nodes.values():
            if isinstance(node, MenuNode):
                words = " ".join(
                    load_shipped_texts().find_text_in_language(prompt.value, language) or "" for prompt in node.prompts
                )
                digits = {letter for letter in words if letter.isdigit()}
                assert digits == set(node.choices), f"{name}.{node.name}: {words}"


def test_every_shipped_prompt_text_is_used_by_a_flow() -> None:
    used = {
        prompt.value
        for name in list_shipped_flows()
        for node in FLOWS[name].nodes.values()
        for prompt in node.prompts_and_reprompts
        if prompt.kind is PromptKind.TEXT
    }
    used |= {
        f"{SMS}{node.template}"
        for name in list_shipped_flows()
        for node in FLOWS[name].nodes.values()
        if isinstance(node, SmsNode)
    }
    used |= {f"seat.{what}" for what in SPOKEN} | {INFORMATION_TEXT}
    assert used == set(load_shipped_texts().by_language["en"])


def test_flows_can_store_exactly_the_voter_statuses_that_the_dialler_knows() -> None:
    assert {kind.value for kind in MarkKind} == {kind.value for kind in DialledMarkKind}


def test_spoken_text_is_split_at_its_placeholders() -> None:
    assert split_text_at_placeholders("Hello.") == (Segment(words="Hello."),)
    assert split_text_at_placeholders("You can vote until {closes_at}.") == (
        Segment(words="You can vote until", number=1),
        Segment(placeholder="closes_at"),
    )
    assert split_text_at_placeholders("{a}, {b} and {c}") == (
        Segment(placeholder="a"),
        Segment(placeholder="b"),
        Segment(words="and", number=1),
        Segment(placeholder="c"),
    )


def test_value_of_a_prompt_is_spoken_in_place_of_its_placeholder() -> None:
    hour = PromptRef(PromptKind.HOUR, "18:30")
    assert list_sounds_of_prompt(make_text_prompt("booth.until", closes_at=hour), "en", load_shipped_texts()) == (
        "matdan/en/booth/until-1",
        "matdan/en/half-hour/18",
    )
    assert list_sounds_of_prompt(make_text_prompt("booth.until", closes_at=hour), "hi", load_shipped_texts()) == (
        "matdan/hi/booth/until-1",
        "matdan/hi/half-hour/18",
        "matdan/hi/booth/until-2",
    )


def test_values_in_a_prompt_are_played_as_sound_files() -> None:
    texts = load_shipped_texts()
    assert list_sounds_of_prompt(PromptRef(PromptKind.DIGITS, "07"), "hi", texts) == (
        "matdan/hi/digit/0",
        "matdan/hi/digit/7",
    )
    assert list_sounds_of_prompt(PromptRef(PromptKind.NUMBER, "042"), "hi", texts) == ("matdan/hi/number/42",)
    assert list_sounds_of_prompt(PromptRef(PromptKind.DATE, "2029-05-07"), "hi", texts) == (
        "matdan/hi/day/7",
        "matdan/hi/month/5",
    )
    assert list_sounds_of_prompt(PromptRef(PromptKind.NUMBER, "105"), "kn", texts) == (
        "matdan/kn/number/hundred-1-and",
        "matdan/kn/number/5",
    )
    assert list_sounds_of_prompt(PromptRef(PromptKind.HOUR, "07:00"), "hi", texts) == ("matdan/hi/hour/7",)
    assert list_sounds_of_prompt(PromptRef(PromptKind.HOUR, "07:05"), "hi", texts) == (
        "matdan/hi/hour-and/7",
        "matdan/hi/minute/5",
    )
    assert list_sounds_of_prompt(PromptRef(PromptKind.RECORDING, "message"), "hi", texts) == (
        "matdan/hi/recording/message",
    )


@settings(deadline=None, derandomize=True)
@given(st.text(min_size=1, max_size=200))
def test_paths_of_sound_files_do_not_contain_spoken_names(name: str) -> None:
    sound = make_sound_name_for_spoken_name(PromptKind.PLACE, name, "hi")
    assert sound.startswith("matdan/hi/place/")
    assert len(sound) == len("matdan/hi/place/") + 16
    assert sound.rpartition("/")[2].isalnum()


@pytest.mark.parametrize("language", ["../etc", "", "xx-very", "HI", "h\0", "zz"])
def test_prompt_in_an_unknown_language_is_spoken_in_english(language: str) -> None:
    sounds = list_sounds_of_prompt(
        make_text_prompt("booth.until", closes_at=PromptRef(PromptKind.HOUR, "18:00")), language, load_shipped_texts()
    )
    assert sounds[0] == "matdan/en/booth/until-1"
    assert all(".." not in sound for sound in sounds)


def test_prompt_without_a_text_is_played_from_the_sound_file_of_its_name() -> None:
    ref = make_text_prompt("mine.hello", n=PromptRef(PromptKind.NUMBER, "3"))
    assert list_sounds_of_prompt(ref, "hi", load_shipped_texts()) == ("matdan/hi/mine/hello", "matdan/hi/number/3")
    assert render_prompt_as_words(ref, "hi", load_shipped_texts()) == "[mine.hello]"


def test_prompt_is_rendered_as_readable_text_with_its_values() -> None:
    ref = make_text_prompt("booth.until", closes_at=PromptRef(PromptKind.HOUR, "18:00"))
    assert render_prompt_as_words(ref, "en", load_shipped_texts()) == "You can vote until 18:00."
    assert render_prompt_as_words(PromptRef(PromptKind.RECORDING, "message"), "en", load_shipped_texts()) == "<message>"


def test_texts_of_a_site_override_shipped_texts(tmp_path: Path) -> None:
    (tmp_path / "hi.yaml").write_text('common.goodbye: "फिर मिलेंगे।"\n', encoding="utf-8")
    merged = merge_text_collections([load_shipped_texts(), read_texts(tmp_path)])
    assert merged.find_text_in_language("common.goodbye", "hi") == "फिर मिलेंगे।"
    assert merged.find_text_in_language("common.goodbye", "en") == "Goodbye."


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("hindi!.yaml", "a.b: x\n", "not named after a language"),
        ("hi.yaml", "A.B: x\n", "invalid text key"),
        ("hi.yaml", "a.b: [x]\n", "has no text"),
        ("hi.yaml", 'a.b: "  "\n', "has no text"),
        ("hi.yaml", 'a.b: "until {closes_at"\n', "has a brace"),
        ("hi.yaml", 'a.b: "{Closes}"\n', "has a brace"),
        ("hi.yaml", 'a.b: "x\u202ey"\n', "invisible character"),
    ],
)
def test_invalid_file_of_prompt_texts_is_refused(tmp_path: Path, name: str, content: str, words: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(FlowError, match=words):
        read_texts(tmp_path)


def test_duration_of_a_spoken_text_is_estimated_from_its_length() -> None:
    assert estimate_spoken_seconds("a" * 113, "en") == pytest.approx(10.0)
    assert estimate_spoken_seconds("{closes_at}", "hi") == 1.5
    # Vowel signs do not count as letters.
    assert estimate_spoken_seconds("कि", "hi") == estimate_spoken_seconds("क", "hi")
    assert estimate_spoken_seconds("क" * 10, "xx") == 2.0  # an unknown language has the slowest rate


def test_english_prompt_text_replaces_a_text_missing_in_the_voters_language() -> None:
    texts = Texts({"en": {"a.b": "x"}})
    assert texts.find_text_in_language_or_english("a.b", "hi") == ("en", "x")
    assert texts.find_text_in_language_or_english("a.c", "hi") is None
