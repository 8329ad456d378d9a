"""`check_flow`: each rule finds what it is for, at the line and node where it is, and nothing in the shipped flows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from dialer.flows.catalogue import load_flow, shipped_flows
from dialer.flows.check import RULES, FlowFinding, check_flow
from dialer.flows.nodes.mark import MarkNode
from dialer.flows.nodes.save import SaveNode
from dialer.flows.texts import Texts, merge_texts, shipped_texts
from tests.support.flow_support import FLOWS, HEAD, TURNOUT_HEAD, own_texts, sample

MATERIAL_HEAD = HEAD.replace("purpose: worker", "purpose: material")
ENDS = """
  out: {opt_out: number, next: gone, failed: bye}
  gone: {disconnect: gone, say: [opt_out.noted]}
"""


def findings(nodes: str, head: str = HEAD, texts: Texts | None = None, seconds: float = 30.0) -> list[FlowFinding]:
    return check_flow(sample("\n" + nodes, head), texts or shipped_texts(), ["en", "hi"], seconds)


def only(found: list[FlowFinding], rule: str, node: str) -> FlowFinding:
    """The one finding; it must be of that rule, at that node, on the node's line."""
    assert [(finding.rule, finding.node) for finding in found] == [(rule, node)], [str(one) for one in found]
    assert found[0].file == "sample.yaml"
    assert found[0].line > 1
    assert str(found[0]).startswith(f"sample.yaml:{found[0].line}: node {node}: ")
    return found[0]


@pytest.mark.parametrize("name", shipped_flows())
def test_nothing_is_wrong_with_a_shipped_flow_in_any_shipped_language(name: str) -> None:
    texts = shipped_texts()
    assert len(texts.languages()) == 13
    assert check_flow(FLOWS[name], texts) == []


def test_unreached() -> None:
    found = only(findings("  first: {goto: bye}\n  island: {goto: bye}"), "unreached", "island")
    text = HEAD + "\n  first: {goto: bye}\n  island: {goto: bye}"
    assert text.splitlines()[found.line - 1].startswith("  island:")


def test_behind_a_subdialog_that_never_comes_back_nothing_is_reached() -> None:
    flow = FLOWS["household"]
    changed = {**flow.nodes}
    for name in ("noted_all", "until"):
        del changed[name]  # goodbye is now led to by the subdialog alone
    for name, node in changed.items():
        if isinstance(node, MarkNode | SaveNode):
            changed[name] = replace(node, next="not_saved")
    for name in ("noted_some", "noted_none"):
        del changed[name]
    rules = {
        finding.node
        for finding in check_flow(replace(flow, nodes=changed), shipped_texts())
        if finding.rule == "unreached"
    }
    assert "goodbye" in rules


def test_a_loop_without_an_exit() -> None:
    nodes = "  first: {say: [common.greeting], next: second}\n  second: {say: [common.greeting], next: first}"
    found = [finding for finding in findings(nodes) if finding.rule == "no-exit"]
    only(found, "no-exit", "first")
    assert "first -> second" in found[0].problem


def test_what_leads_only_into_such_a_loop() -> None:
    nodes = """
  first: {menu: [opt_out.question], choices: {1: in_node, 2: bye}}
  in_node: {say: [common.greeting], next: loop}
  loop: {say: [common.greeting], next: loop}
"""
    found = {(finding.rule, finding.node) for finding in findings(nodes)}
    assert ("no-exit", "loop") in found
    assert ("no-exit", "in_node") in found


def test_a_circle_in_which_nothing_need_be_said() -> None:
    nodes = """
  first: {branch: [{when: count, above: 1, goto: told}], otherwise: bye}
  told: {say: [{text: booth.until, with: [closes_at]}], next: first}
"""
    found = {finding.rule for finding in findings(nodes)}
    assert "wordless-circle" in found
    spoken = nodes.replace("[{text: booth.until, with: [closes_at]}]", "[common.greeting]")
    assert "wordless-circle" not in {finding.rule for finding in findings(spoken)}


def test_a_silent_caller_in_a_circle() -> None:
    nodes = "  first: {menu: [opt_out.question], choices: {1: bye}, no_input: {then: first}}"
    assert "silent-caller" in {finding.rule for finding in findings(nodes)}


def test_a_question_that_can_be_silent() -> None:
    nodes = "  first: {menu: [{text: household.question, with: [pending_voters]}], choices: {1: bye}}"
    head = HEAD.replace("count: number", "pending_voters: number, count: number")
    only(findings(nodes, head), "silent-question", "first")
    guarded = """
  first: {branch: [{when: pending_voters, above: 1, goto: ask}], otherwise: bye}
  ask: {menu: [{text: household.question, with: [pending_voters]}], choices: {1: bye}}
"""
    assert findings(guarded, head) == []
    half = guarded.replace("otherwise: bye", "otherwise: ask")
    only(findings(half, head), "silent-question", "ask")
    unknown = guarded.replace("above: 1", "known: false")
    assert "silent-question" in {finding.rule for finding in findings(unknown, head)}


def test_missing_texts_name_the_languages() -> None:
    texts = merge_texts([shipped_texts(), Texts({"en": MappingProxyType({"mine.hello": "Hello"})})])
    found = only(findings("  first: {say: [mine.hello], next: bye}", texts=texts), "missing-text", "first")
    assert "mine.hello in hi" in found.problem
    assert "texts/hi.yaml" in found.problem


def test_placeholders_and_what_fills_them_must_agree() -> None:
    found = findings("  first: {say: [booth.until], next: bye}")
    assert {finding.rule for finding in found} == {"placeholders"}
    assert "{closes_at}" in found[0].problem
    too_much = findings("  first: {say: [{text: common.greeting, with: [closes_at]}], next: bye}")
    assert {finding.rule for finding in too_much} == {"placeholders"}


@pytest.mark.parametrize(
    "nodes",
    [
        "  first: {say: [turnout.noted_voted], next: bye}",
        "  first: {mark: voted, next: bye, failed: thanks}\n  thanks: {disconnect: x, say: [turnout.noted_voted]}",
        "  first: {mark: voted, next: ask, failed: bye}\n  ask: {menu: [opt_out.question], choices: {1: thanks}}\n"
        "  thanks: {disconnect: x, say: [turnout.noted_voted]}",
        "  first: {branch: [{when: count, known: true, goto: mark}], otherwise: thanks}\n"
        "  mark: {mark: voted, next: thanks, failed: bye}\n  thanks: {disconnect: x, say: [turnout.noted_voted]}",
        "  first: {mark: voted, next: thanks, failed: bye}\n  thanks: {disconnect: x, say: [opt_out.noted]}",
        "  first: {record: message, next: thanks, failed: bye}\n  thanks: {disconnect: x, say: [inbound.noted_message]}",
        "  first: {menu: [opt_out.question], choices: {1: bye}, no_input: {say: [worker.noted], then: bye}}",
    ],
)
def test_thanks_before_the_commit(nodes: str) -> None:
    assert "thanks-before-commit" in {finding.rule for finding in findings(nodes)}


def test_thanks_are_known_by_their_wording_too() -> None:
    texts = own_texts(mine__thanks="Your answer has been recorded.")
    found = findings("  first: {say: [mine.thanks], next: bye}", texts=texts)
    only(found, "thanks-before-commit", "first")
    earned = "  first: {mark: voted, next: thanks, failed: bye}\n  thanks: {say: [mine.thanks], next: bye}"
    assert findings(earned, texts=texts) == []


def test_thanks_carry_through_a_part() -> None:
    """A part between commit and thanks neither earns nor loses them."""
    flow = FLOWS["missed_call"]
    assert check_flow(flow, shipped_texts()) == []


@pytest.mark.parametrize(
    "words",
    [
        "Whom did you vote for?",
        "Who did you vote for today?",
        "Which party do you support?",
        "आपने किसे वोट दिया?",
        "आपने किस पार्टी को वोट दिया?",
        "আপনি কোন দলকে ভোট দিয়েছেন?",
        "तुम्ही कोणाला मत दिले?",
        "మీరు ఏ పార్టీకి ఓటు వేశారు?",
        "நீங்கள் எந்த கட்சிக்கு வாக்களித்தீர்கள்?",
        "તમે કોને મત આપ્યો?",
        "ನೀವು ಯಾವ ಪಕ್ಷಕ್ಕೆ ಮತ ಹಾಕಿದಿರಿ?",
        "ഏത് പാർട്ടിക്കാണ് വോട്ട് ചെയ്തത്?",
        "ਤੁਸੀਂ ਕਿਸ ਪਾਰਟੀ ਨੂੰ ਵੋਟ ਪਾਈ?",
        "ଆପଣ କାହାକୁ ଭୋଟ୍ ଦେଲେ?",
        "আপুনি কাক ভোট দিলে?",
        "آپ نے کس پارٹی کو ووٹ دیا؟",
    ],
)
def test_whom_one_votes_for_is_never_asked(words: str) -> None:
    found = findings("  first: {say: [mine.ask], next: bye}", texts=own_texts(mine__ask=words))
    assert "forbidden-question" in {finding.rule for finding in found}


@pytest.mark.parametrize("name", ["party", "party_voted", "candidate", "voted_for"])
def test_whom_one_votes_for_is_never_stored(name: str) -> None:
    nodes = f"  first: {{menu: [opt_out.question], choices: {{1: bye}}, answer: {name}}}"
    only(findings(nodes), "forbidden-question", "first")


@pytest.mark.parametrize(
    "words",
    [
        "Please vote for our candidate.",
        "हमारे उम्मीदवार को वोट दें।",
        "দয়া করে আমাদের প্রার্থীকে ভোট দিন।",
        "ہمارے امیدوار کو ووٹ دیں۔",
    ],
)
def test_asking_for_a_vote_is_material(words: str) -> None:
    nodes = "  first: {menu: [mine.ask], choices: {1: bye, 9: out}}" + ENDS
    found = findings(nodes, TURNOUT_HEAD, own_texts(mine__ask=words))
    assert {finding.rule for finding in found} == {"material"}
    assert findings(nodes, MATERIAL_HEAD, own_texts(mine__ask=words)) == []


def test_a_recording_in_a_turnout_flow_is_material() -> None:
    nodes = "  first: {menu: [{recording: message}, opt_out.question], choices: {1: bye, 9: out}}" + ENDS
    only(findings(nodes, TURNOUT_HEAD), "material", "first")
    assert findings(nodes, MATERIAL_HEAD) == []


@pytest.mark.parametrize(
    "nodes",
    [
        "  first: {say: [{recording: message}], next: ask}\n  ask: {menu: [opt_out.question], choices: {9: out}}",
        "  first: {menu: [{recording: message}], choices: {1: ask}}\n  ask: {menu: [opt_out.question], choices: {9: out}}",
        "  first: {menu: [{recording: message}], barge_in: false, choices: {9: out}}",
    ],
)
def test_material_needs_the_opt_out_one_key_away(nodes: str) -> None:
    assert "material" in {finding.rule for finding in findings(nodes + ENDS, MATERIAL_HEAD)}


@pytest.mark.parametrize(("other", "rules"), [("opt_out", set()), ("booth", {"material", "missing-opt-out"})])
def test_the_opt_out_may_lie_in_another_flow_where_there_is_one(tmp_path: Path, other: str, rules: set[str]) -> None:
    nodes = f"  first: {{menu: [{{recording: message}}], choices: {{9: part}}}}\n  part: {{subdialog: {other}, next: bye}}\n"
    head = MATERIAL_HEAD.replace("booth_name: place,", "booth_name: place, booth_part: number,")
    (tmp_path / "sample.yaml").write_text(f"{head}\n{nodes}", encoding="utf-8")
    found = check_flow(load_flow(str(tmp_path / "sample.yaml")), shipped_texts(), ["en", "hi"])
    assert {finding.rule for finding in found} == rules


def test_a_flow_for_voters_needs_an_opt_out() -> None:
    found = findings("  first: {menu: [opt_out.question], choices: {1: bye}}", TURNOUT_HEAD)
    assert "missing-opt-out" in {finding.rule for finding in found}
    unreached = "  first: {goto: bye}" + ENDS
    assert "missing-opt-out" in {finding.rule for finding in findings(unreached, TURNOUT_HEAD)}


def test_a_prompt_that_speaks_too_long() -> None:
    nodes = "  first: {menu: [turnout.question], choices: {1: bye}}"
    assert findings(nodes) == []
    found = only(findings(nodes, seconds=15.0), "too-long", "first")
    assert "in hi" in found.problem


def test_a_part_must_come_back() -> None:
    found = findings("  first: {goto: bye}", HEAD.replace("purpose: worker", "purpose: part"))
    assert "never-returns" in {finding.rule for finding in found}


def test_every_rule_has_a_text_that_says_what_to_do() -> None:
    """Each finding of a flow with many faults ends in an instruction and its rule's name."""
    nodes = """
  first: {menu: [{recording: x}, mine.ask], choices: {1: loop}, answer: party}
  loop: {say: [turnout.noted_voted], next: loop}
  island: {goto: island}
"""
    texts = own_texts(mine__ask="Which party do you support? " * 20)
    found = findings(nodes, TURNOUT_HEAD, texts)
    assert len({finding.rule for finding in found}) >= 6
    for finding in found:
        assert ";" in finding.problem or ":" in finding.problem
        assert str(finding).endswith(f"[{finding.rule}]")
        assert "\n" not in str(finding)
    assert len(RULES) == len(set(RULES))
