"""Scripts for agents: loading, mistakes, checks, the editor schema, and what the agent's page receives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.enums import MarkKind, Purpose
from dialer.domain.schema import convert_record_to_json_values
from dialer.flows.errors import FlowError, UnknownFlow
from dialer.flows.library import FlowLibrary
from dialer.flows.model import Offer
from dialer.flows.script import (
    MAX_PAGES,
    SCRIPTS_DIRECTORY,
    VALUES,
    Script,
    list_shipped_scripts,
    load_script,
    parse_script,
)
from dialer.flows.script_check import check_script
from dialer.flows.script_library import RELOAD_SECONDS, ScriptLibrary
from dialer.flows.texts import load_shipped_texts
from dialer.flows.translated_script import create_script_in_language
from dialer.flows.wording import asks_choice, asks_for_vote, is_answer_name_for_candidate_choice

GOOD = """
script: sample
purpose: turnout
languages: [en, hi]
start: hello
pages:
  hello:
    text: {en: "Hello, {voter}.", hi: "नमस्ते {voter} जी।"}
    next: way
  way:
    text: {en: "Do you know {booth}?", hi: "क्या आप {booth} जानते हैं?"}
    ask: knows_booth
    answers:
      knows: {label: {en: "Yes", hi: "हाँ"}, to: bye}
      told: {label: {en: "Told now", hi: "अभी बताया"}, to: last}
  last:
    text: {en: "It is open until {closes}.", hi: "{closes} बजे तक।"}
    closing: true
    next: bye
  bye:
    text: {en: "Goodbye.", hi: "नमस्ते।"}
"""
TURNOUT = {"calls": ("polling_day", Purpose.TURNOUT)}


def change_script(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


# Loading


def test_agent_script_is_loaded_with_its_pages_and_texts() -> None:
    script = parse_script(GOOD, "sample.yaml")
    assert (script.name, script.title, script.languages, script.start) == ("sample", "sample", ("en", "hi"), "hello")
    assert script.get_allowed_answers_by_question() == {"knows_booth": {"knows", "told"}}
    assert [(page.name, page.is_end_of_conversation) for page in script.pages.values()] == [
        ("hello", False),
        ("way", False),
        ("last", True),
        ("bye", True),  # it is a last page
    ]
    assert check_script(script) == []
    assert parse_script(GOOD).version == script.version != parse_script(GOOD + "# more").version


MISTAKES = [
    ("script: sample", "script: Sample", "`Sample` is not a name"),
    ("purpose: turnout", "purpose: polling", "`purpose: polling` is not allowed; use one of turnout, material,"),
    ("purpose: turnout", "purpose: turnout\noffers: [money]", "`offers: money` is not allowed; use one of transport"),
    ("languages: [en, hi]", "languages: [en, en]", "must list each language once"),
    (
        "languages: [en, hi]",
        "languages: [english]",
        "`english` is not a language code; use two or three letters such as hi",
    ),
    ("languages: [en, hi]", "", "has no `languages:`; add it"),
    ("start: hello", "start: nowhere", "starts at nowhere, which is not a page; use one of bye, hello, last, way"),
    ("next: way", "next: nowhere", "page hello: leads to nowhere, which is not a page; use one of bye, hello"),
    ("to: last}", "to: nowhere}", "page way: leads to nowhere, which is not a page"),
    ("closing: true", "closing: maybe", "page last: `closing:` must be true or false"),
    ("    ask: knows_booth\n", "", "page way: a question needs both `ask:`, the name of its answer, and 1 to 9"),
    ("    next: way", "    ask: again", "page hello: a question needs both `ask:`"),
    (
        "    ask: knows_booth",
        "    ask: knows_booth\n    next: bye",
        "page way: the page has both a question and `next:`",
    ),
    (
        "    ask: knows_booth",
        "    asks: knows_booth",
        "page way: has the unknown key `asks`; use one of answers, ask, closing,",
    ),
    (
        "    closing: true",
        "    close: true",
        "page last: has the unknown key `close`; use one of answers, ask, closing,",
    ),
    ("to: bye}", "go: bye}", "page way: has no `to:`; add it"),
    ('knows: {label: {en: "Yes", hi: "हाँ"}, to: bye}', "knows: bye", "page way: `knows:` must be a mapping"),
    (
        'en: "Goodbye.", hi: "नमस्ते।"',
        'en: "Goodbye.", ta: "x"',
        "page bye: the text has the unknown language `ta`; use one of en, hi",
    ),
    (
        '    text: {en: "Goodbye.", hi: "नमस्ते।"}',
        "    closing: true",
        "page bye: has no `text:`; add it",
    ),
    ('en: "Goodbye."', f'en: "{"x" * 2001}"', "`en:` must be one text of at most 2000 characters"),
    ('en: "Told now"', f'en: "{"x" * 81}"', "`en:` must be one text of at most 80 characters"),
    ("  bye:\n", "  bye: x\n  Bye:\n", "`Bye` is not a name"),
    ("pages:", "pages: []\nothers:", "`pages:` must be a mapping"),
]


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES)
def test_agent_script_mistake_gives_a_one_line_error_with_the_line_number(old: str, new: str, words: str) -> None:
    with pytest.raises(FlowError) as refused:
        parse_script(change_script(old, new), "sample.yaml")
    text = str(refused.value)
    assert words in text, text
    assert "\n" not in text
    assert 1 <= refused.value.line <= len(GOOD.splitlines()) + 1


def test_number_of_pages_of_an_agent_script_is_limited() -> None:
    pages = "".join(f"  p{n}: {{text: {{en: x, hi: x}}}}\n" for n in range(MAX_PAGES + 1))
    for below, words in (
        (pages, f"`pages:` has {MAX_PAGES + 1} entries; at most {MAX_PAGES} are allowed"),
        ("", "`pages:` must be a mapping"),
    ):
        with pytest.raises(FlowError, match=words):
            parse_script(GOOD[: GOOD.index("  hello:")] + below)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.data())
def test_agent_script_with_a_damaged_line_loads_or_raises_a_flow_error(data: st.DataObject) -> None:
    lines = GOOD.splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    spoiled = ["", "  ", "- x", "x: [", "a: b: c", "? y", "{}", lines[number] + "}", lines[0], "pages: {a: {text: 1}}"]
    lines[number] = data.draw(st.sampled_from(spoiled))
    try:
        check_script(parse_script("\n".join(lines)))
    except FlowError as error:
        assert "\n" not in str(error)


def test_agent_script_is_found_only_by_name_or_file_path(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_script(str(path)).file == str(path)
    for name in ("no_such", str(tmp_path / "none.yaml"), str(tmp_path), "../scripts/polling_day", "x\0.yaml"):
        with pytest.raises(UnknownFlow, match="no script has this name; use one of before_poll, polling_day"):
            load_script(name)


# The check

FINDINGS = [
    ("    next: way", "    next: bye", "way", "unreachable", "cannot be reached; lead to it or delete it"),
    ("to: bye}", "to: hello}", None, None, ""),  # a loop with an exit
    (', hi: "नमस्ते।"}', "}", "bye", "missing-language", "has no text in hi; add it"),
    (', hi: "अभी बताया"}', "}", "way", "missing-language", "has no answer told in hi; add it"),
    ("{closes} बजे तक", "{close} बजे तक", "last", "unknown-value", "has the unknown value {close} in text, hi; use one of voter,"),
    ("Hello, {voter}.", "Hello, {Voter}.", "hello", "unknown-value", "has a brace in text, en that is not a value"),
    ("Goodbye.", "Which party?", "bye", "forbidden-question", 'asks for whom someone votes ("Which party" in text, en)'),
    ('en: "Told now"', 'en: "Voted for whom"', "way", "forbidden-question", "in answer told, en"),
    ("नमस्ते।", "आप किसे वोट देंगे?", "bye", "forbidden-question", "in text, hi"),
    # In whatever language a text is declared:
    ("Goodbye.", "உங்கள் வாக்கு யாருக்கு வாக்களித்தீர்கள்?", "bye", "forbidden-question", "in text, en"),
    ("knows_booth", "candidate", "way", "forbidden-question", "stores an answer called candidate, but a person"),
    ("told:", "party_a:", "way", "forbidden-question", "stores an answer called party_a"),
    ("knows_booth", "not_yet", "way", "named-like-a-mark", "stores an answer called not_yet, the name of a mark"),
    ("Goodbye.", "Please vote for Asha.", "bye", "material", "asks for a vote"),
    ("Goodbye.", "We will send a car.", "bye", "transport", "mentions a ride"),
    ("purpose: turnout", "purpose: turnout\noffers: [transport]", "hello", "transport", "which the profile forbids"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "page", "rule", "words"), FINDINGS)
def test_problem_found_in_an_agent_script_names_page_and_line(
    old: str, new: str, page: str | None, rule: str | None, words: str
) -> None:
    found = check_script(parse_script(change_script(old, new), "sample.yaml"))
    if rule is None:
        assert found == []
        return
    assert (rule, page) in {(each.rule, each.node) for each in found}, [str(each) for each in found]
    [finding] = [each for each in found if each.rule == rule and each.node == page]
    line = str(finding)
    assert words in line
    assert line.startswith(f"sample.yaml:{finding.line}: page {page}: ")
    assert line.endswith(f"[{rule}]")
    assert change_script(old, new).splitlines()[finding.line - 1] == f"  {page}:"


def test_script_check_reports_script_pages_that_lead_only_to_each_other() -> None:
    lost = change_script("to: last}", "to: hello}").replace("to: bye}", "to: last}").replace("next: bye", "next: hello")
    lines = [str(each) for each in check_script(parse_script(lost)) if each.rule == "no-exit"]
    assert len(lines) == 3
    assert "leads to no last page (hello -> way -> last); add a last page" in lines[0]


@pytest.mark.parametrize("kind", MarkKind)
def test_agent_script_question_must_not_be_named_like_a_voter_status(kind: MarkKind) -> None:
    script = parse_script(change_script("knows_booth", kind.value.replace("-", "_")))
    assert [each.rule for each in check_script(script)] == ["named-like-a-mark"]


def test_script_check_accepts_an_agent_script_with_required_languages_and_declared_offers() -> None:
    script = parse_script(GOOD)
    assert next(each.problem for each in check_script(script, ("ta",))) == "has no text in ta; add it"
    asked = change_script("Goodbye.", "Please vote for Asha.")
    assert check_script(parse_script(asked.replace("purpose: turnout", "purpose: material"))) == []
    ride = change_script("Goodbye.", "We will send a car.").replace("languages:", "offers: [transport]\nlanguages:")
    assert check_script(parse_script(ride), may_offer=frozenset({Offer.TRANSPORT})) == []


# Those that are shipped


@pytest.mark.parametrize("name", list_shipped_scripts())
def test_script_check_finds_nothing_wrong_with_the_shipped_agent_scripts(name: str) -> None:
    script = load_script(name)
    assert check_script(script) == []
    assert {"en", "hi"} <= {*script.languages}
    for page in script.pages.values():
        for _, texts in page.list_texts_of_script_page():
            assert not any(asks_choice(text) or asks_for_vote(text) for text in texts.values())
    assert not any(map(is_answer_name_for_candidate_choice, script.get_allowed_answers_by_question()))


def test_agent_scripts_named_before_poll_and_polling_day_are_shipped() -> None:
    assert list_shipped_scripts() == ["before_poll", "polling_day"]


# The schema for editors


def _read_as_editor(text: str) -> Any:
    return json.loads(json.dumps(yaml.safe_load(text)))


def _load_schema() -> Any:
    schema: Any = json.loads((SCRIPTS_DIRECTORY.parent / "script.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_json_schema_for_editors_accepts_agent_scripts_that_the_loader_accepts() -> None:
    schema = _load_schema()
    for text in (GOOD, *(path.read_text(encoding="utf-8") for path in SCRIPTS_DIRECTORY.glob("*.yaml"))):
        assert list(schema.iter_errors(_read_as_editor(text))) == []
    description = schema.schema["$defs"]["ScriptPage"]["properties"]["text"]["description"]
    assert description.partition("braces: ")[2] == ", ".join(f"{{{name}}}" for name in VALUES) + "."
    assert schema.schema["properties"]["pages"]["maxProperties"] == MAX_PAGES
    assert schema.schema["$defs"]["Purpose"]["enum"] == [*Purpose]


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES)
def test_json_schema_for_editors_refuses_agent_scripts_that_the_loader_refuses(old: str, new: str, words: str) -> None:
    if not any(beyond in words for beyond in ("is not a page", "`ta`")):
        assert list(_load_schema().iter_errors(_read_as_editor(change_script(old, new))))


# What the page gets


def test_agent_page_receives_the_script_in_the_requested_language() -> None:
    script = convert_record_to_json_values(create_script_in_language(parse_script(GOOD), "hi"))
    assert script | {"version": ""} == {
        "name": "sample",
        "version": "",
        "start": "hello",
        "pages": {
            "hello": {"text": "नमस्ते {voter} जी।", "ask": None, "next": "way", "closing": False},
            "way": {
                "text": "क्या आप {booth} जानते हैं?",
                "ask": {
                    "name": "knows_booth",
                    "answers": [
                        {"value": "knows", "label": "हाँ", "to": "bye"},
                        {"value": "told", "label": "अभी बताया", "to": "last"},
                    ],
                },
                "next": None,
                "closing": False,
            },
            "last": {"text": "{closes} बजे तक।", "ask": None, "next": "bye", "closing": True},
            "bye": {"text": "नमस्ते।", "ask": None, "next": None, "closing": True},
        },
    }
    script_without_tamil = create_script_in_language(parse_script(GOOD), "ta")
    assert script_without_tamil.pages["bye"].text == "Goodbye."  # in the first language


# What campaigns use


def test_campaign_uses_the_script_named_in_the_settings() -> None:
    library = ScriptLibrary(TURNOUT)
    script = library.get_script_for_page("calls", "en", library.get_script_version("calls"))
    assert script is not None
    assert (script.name, script.version) == ("polling_day", load_script("polling_day").version)
    assert library.get_script_for_page("others", "en", library.get_script_version("others")) is None
    assert library.find_forbidden_script_answer("calls", {}) is None
    assert library.find_forbidden_script_answer("calls", {"knows_booth": "told", "been_there": "been"}) is None
    assert (
        library.find_forbidden_script_answer("calls", {"knows_booth": "nonsense"})
        == "the script of campaign calls has no answer nonsense to knows_booth"
    )
    assert (
        library.find_forbidden_script_answer("calls", {"weather": "fine"})
        == "the script of campaign calls has no question weather"
    )
    assert (
        library.find_forbidden_script_answer("others", {"knows_booth": "told"})
        == "the script of campaign others has no question knows_booth"
    )


def test_agent_script_with_a_problem_or_for_another_purpose_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(change_script("Goodbye.", "Whom will you vote for?"), encoding="utf-8")
    with pytest.raises(
        FlowError, match=r"own.yaml:20: page bye: asks for whom someone votes .* \[forbidden-question\]"
    ):
        ScriptLibrary({"calls": (str(path), Purpose.TURNOUT)})
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(FlowError, match="is for turnout, but campaign calls is for survey; give it another script"):
        ScriptLibrary({"calls": (str(path), Purpose.SURVEY)})


def test_live_calls_keep_their_script_version_after_a_reload(tmp_path: Path) -> None:
    path, flow = tmp_path / "own.yaml", tmp_path / "turnout.yaml"
    shipped = SCRIPTS_DIRECTORY.parent / "flows" / "opt_out.yaml"
    path.write_text(GOOD, encoding="utf-8")
    flow.write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
    scripts = ScriptLibrary({"calls": (str(path), Purpose.TURNOUT)})
    library = FlowLibrary([str(flow)], load_shipped_texts(), scripts=scripts)
    assert library.reload_flows_and_scripts() == []

    path.write_text(GOOD.replace("told", "heard"), encoding="utf-8")
    assert library.reload_flows_and_scripts() == ["sample"]
    before = scripts.get_script_version("calls")
    assert scripts.find_forbidden_script_answer("calls", {"knows_booth": "heard"}) is None
    assert scripts.find_forbidden_script_answer("calls", {"knows_booth": "told"}) is None

    path.write_text(GOOD.replace("told", "learned"), encoding="utf-8")
    flow.write_text("flow: opt_out", encoding="utf-8")
    with pytest.raises(FlowError, match=r"turnout\.yaml"):
        library.reload_flows_and_scripts()
    assert scripts.get_script_version("calls") == before
    assert scripts.find_forbidden_script_answer("calls", {"knows_booth": "learned"}) is not None


def test_desk_shows_only_the_agent_script_version_that_the_dialler_uses(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(GOOD, encoding="utf-8")
    dialler, desk = (ScriptLibrary({"calls": (str(path), Purpose.TURNOUT)}) for _ in range(2))
    first = dialler.get_script_version("calls")
    assert (first, dialler.get_script_version("others")) == (f"sample {parse_script(GOOD).version}", None)

    def get_shown_version(version: str | None) -> str | None:
        script = desk.get_script_for_page("calls", "en", version)
        return None if script is None else f"{script.name} {script.version}"

    path.write_text(GOOD.replace("told", "heard"), encoding="utf-8")
    assert (get_shown_version(first), get_shown_version(None)) == (
        first,
        None,
    )  # the file has changed, but was not reloaded
    dialler.replace_scripts_of_campaigns(dialler.load_scripts())
    second = dialler.get_script_version("calls")
    assert get_shown_version(second) == second != first
    assert get_shown_version(first) == first
    path.write_text("script: broken", encoding="utf-8")
    assert get_shown_version("sample 000000000000") is None
    assert get_shown_version(second) == second
    assert desk.get_script_for_page("others", "en", second) is None


def test_unknown_agent_script_version_is_searched_for_at_most_every_ten_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, looks, now = tmp_path / "own.yaml", 0, 100.0
    path.write_text(GOOD, encoding="utf-8")
    library = ScriptLibrary({"calls": (str(path), Purpose.TURNOUT)})
    read = library.load_scripts

    def count_and_load() -> dict[str, Script]:
        nonlocal looks
        looks += 1
        return read()

    monkeypatch.setattr(library, "load_scripts", count_and_load)
    monkeypatch.setattr("dialer.flows.script_library.time.monotonic", lambda: now)
    for _ in range(3):
        assert library.get_script_for_page("calls", "en", "sample 000000000000") is None
    assert looks == 1
    now += RELOAD_SECONDS
    library.get_script_for_page("calls", "en", "sample 000000000000")
    assert looks == 2
