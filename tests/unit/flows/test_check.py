"""The rules of `check_flow`: each finds its problem at the right line and node, and none in the shipped flows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from dialer.flows.catalogue import list_shipped_flows, load_flow
from dialer.flows.check import RULES, check_flow
from dialer.flows.finding import FlowFinding
from dialer.flows.nodes.mark import MarkNode
from dialer.flows.nodes.save import SaveNode
from dialer.flows.texts import Texts, load_shipped_texts, merge_text_collections
from tests.support.flow_support import FLOWS, HEAD, TURNOUT_HEAD, add_texts, make_flow

MATERIAL_HEAD = HEAD.replace("purpose: worker", "purpose: material")
ENDS = """
  out: {opt_out: number, next: gone, failed: bye}
  gone: {disconnect: gone, say: [opt_out.noted]}
"""


def list_findings(nodes: str, head: str = HEAD, texts: Texts | None = None, seconds: float = 30.0) -> list[FlowFinding]:
    return check_flow(make_flow("\n" + nodes, head), texts or load_shipped_texts(), ["en", "hi"], seconds)


def get_only_finding(found: list[FlowFinding], rule: str, node: str) -> FlowFinding:
    """Return the only finding, and assert its rule, node and line."""
    assert [(finding.rule, finding.node) for finding in found] == [(rule, node)], [str(one) for one in found]
    assert found[0].file == "sample.yaml"
    assert found[0].line > 1
    assert str(found[0]).startswith(f"sample.yaml:{found[0].line}: node {node}: ")
    return found[0]


@pytest.mark.parametrize("name", list_shipped_flows())
def test_shipped_flows_have_no_findings_in_any_shipped_language(name: str) -> None:
    texts = load_shipped_texts()
    assert len(texts.list_languages_with_texts()) == 13
    assert check_flow(FLOWS[name], texts) == []


def test_flow_check_reports_a_node_that_no_path_reaches() -> None:
    found = get_only_finding(list_findings("  first: {goto: bye}\n  island: {goto: bye}"), "unreachable", "island")
    text = HEAD + "\n  first: {goto: bye}\n  island: {goto: bye}"
    assert text.splitlines()[found.line - 1].startswith("  island:")


def test_flow_check_reports_nodes_after_a_subdialog_that_does_not_return() -> None:
    flow = FLOWS["household"]
    changed = {**flow.nodes}
    for name in ("noted_all", "until"):
        del changed[name]  # now only the subdialog leads to goodbye
    for name, node in changed.items():
        if isinstance(node, MarkNode | SaveNode):
            changed[name] = node.model_copy(update={"next": "not_saved"})
    for name in ("noted_some", "noted_none"):
        del changed[name]
    rules = {
        finding.node
        for finding in check_flow(replace(flow, nodes=changed), load_shipped_texts())
        if finding.rule == "unreachable"
    }
    assert "goodbye" in rules


def test_flow_loop_without_an_exit_is_reported() -> None:
    nodes = "  first: {say: [common.greeting], next: second}\n  second: {say: [common.greeting], next: first}"
    found = [finding for finding in list_findings(nodes) if finding.rule == "no-exit"]
    get_only_finding(found, "no-exit", "first")
    assert "first -> second" in found[0].problem


def test_flow_check_reports_a_node_that_leads_only_into_an_endless_loop() -> None:
    nodes = """
  first: {menu: [opt_out.question], choices: {1: in_node, 2: bye}}
  in_node: {say: [common.greeting], next: loop}
  loop: {say: [common.greeting], next: loop}
"""
    found = {(finding.rule, finding.node) for finding in list_findings(nodes)}
    assert ("no-exit", "loop") in found
    assert ("no-exit", "in_node") in found


def test_flow_loop_that_may_play_nothing_is_reported() -> None:
    nodes = """
  first: {branch: [{when: count, above: 1, goto: told}], otherwise: bye}
  told: {say: [{text: booth.until, with: [closes_at]}], next: first}
"""
    found = {finding.rule for finding in list_findings(nodes)}
    assert "silent-loop" in found
    spoken = nodes.replace("[{text: booth.until, with: [closes_at]}]", "[common.greeting]")
    assert "silent-loop" not in {finding.rule for finding in list_findings(spoken)}


def test_flow_check_reports_a_question_repeated_endlessly_to_a_silent_caller() -> None:
    nodes = "  first: {menu: [opt_out.question], choices: {1: bye}, no_input: {then: first}}"
    assert "silent-caller" in {finding.rule for finding in list_findings(nodes)}


def test_flow_check_reports_a_question_whose_prompts_may_all_be_skipped() -> None:
    nodes = "  first: {menu: [{text: household.question, with: [pending_voters]}], choices: {1: bye}}"
    head = HEAD.replace("count: number", "pending_voters: number, count: number")
    get_only_finding(list_findings(nodes, head), "silent-question", "first")
    guarded = """
  first: {branch: [{when: pending_voters, above: 1, goto: ask}], otherwise: bye}
  ask: {menu: [{text: household.question, with: [pending_voters]}], choices: {1: bye}}
"""
    assert list_findings(guarded, head) == []
    half = guarded.replace("otherwise: bye", "otherwise: ask")
    get_only_finding(list_findings(half, head), "silent-question", "ask")
    unknown = guarded.replace("above: 1", "known: false")
    assert "silent-question" in {finding.rule for finding in list_findings(unknown, head)}


def test_flow_check_names_the_languages_without_a_prompt_text() -> None:
    texts = merge_text_collections([load_shipped_texts(), Texts({"en": MappingProxyType({"mine.hello": "Hello"})})])
    found = get_only_finding(
        list_findings("  first: {say: [mine.hello], next: bye}", texts=texts), "missing-text", "first"
    )
    assert "mine.hello in hi" in found.problem
    assert "texts/hi.yaml" in found.problem


def test_flow_check_reports_text_placeholders_that_do_not_match_the_given_values() -> None:
    found = list_findings("  first: {say: [booth.until], next: bye}")
    assert {finding.rule for finding in found} == {"placeholders"}
    assert "{closes_at}" in found[0].problem
    too_much = list_findings("  first: {say: [{text: common.greeting, with: [closes_at]}], next: bye}")
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
def test_flow_that_acknowledges_an_answer_before_the_answer_is_stored_is_reported(nodes: str) -> None:
    assert "premature-acknowledgement" in {finding.rule for finding in list_findings(nodes)}


def test_flow_text_that_acknowledges_an_answer_is_recognised() -> None:
    texts = add_texts(mine__thanks="Your answer has been recorded.")
    found = list_findings("  first: {say: [mine.thanks], next: bye}", texts=texts)
    get_only_finding(found, "premature-acknowledgement", "first")
    earned = "  first: {mark: voted, next: thanks, failed: bye}\n  thanks: {say: [mine.thanks], next: bye}"
    assert list_findings(earned, texts=texts) == []


def test_flow_may_acknowledge_a_stored_answer_after_running_a_subdialog() -> None:
    flow = FLOWS["missed_call"]
    assert check_flow(flow, load_shipped_texts()) == []


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
def test_flow_check_reports_a_question_about_vote_choice(words: str) -> None:
    found = list_findings("  first: {say: [mine.ask], next: bye}", texts=add_texts(mine__ask=words))
    assert "forbidden-question" in {finding.rule for finding in found}


@pytest.mark.parametrize("name", ["party", "party_voted", "candidate", "voted_for"])
def test_flow_check_reports_an_answer_named_after_a_vote_choice(name: str) -> None:
    nodes = f"  first: {{menu: [opt_out.question], choices: {{1: bye}}, answer: {name}}}"
    get_only_finding(list_findings(nodes), "forbidden-question", "first")


@pytest.mark.parametrize(
    "words",
    [
        "Please vote for our candidate.",
        "हमारे उम्मीदवार को वोट दें।",
        "দয়া করে আমাদের প্রার্থীকে ভোট দিন।",
        "ہمارے امیدوار کو ووٹ دیں۔",
    ],
)
def test_flow_check_reports_a_request_for_a_vote_in_a_flow_for_another_purpose(words: str) -> None:
    nodes = "  first: {menu: [mine.ask], choices: {1: bye, 9: out}}" + ENDS
    found = list_findings(nodes, TURNOUT_HEAD, add_texts(mine__ask=words))
    assert {finding.rule for finding in found} == {"material"}
    assert list_findings(nodes, MATERIAL_HEAD, add_texts(mine__ask=words)) == []


def test_flow_check_reports_a_turnout_flow_that_records_the_caller() -> None:
    nodes = "  first: {menu: [{recording: message}, opt_out.question], choices: {1: bye, 9: out}}" + ENDS
    get_only_finding(list_findings(nodes, TURNOUT_HEAD), "material", "first")
    assert list_findings(nodes, MATERIAL_HEAD) == []


@pytest.mark.parametrize(
    "nodes",
    [
        "  first: {say: [{recording: message}], next: ask}\n  ask: {menu: [opt_out.question], choices: {9: out}}",
        "  first: {menu: [{recording: message}], choices: {1: ask}}\n  ask: {menu: [opt_out.question], choices: {9: out}}",
        "  first: {menu: [{recording: message}], barge_in: false, choices: {9: out}}",
    ],
)
def test_flow_check_reports_a_campaign_message_without_a_one_key_opt_out(nodes: str) -> None:
    assert "material" in {finding.rule for finding in list_findings(nodes + ENDS, MATERIAL_HEAD)}


@pytest.mark.parametrize(("other", "rules"), [("opt_out", set()), ("booth", {"material", "missing-opt-out"})])
def test_flow_check_accepts_an_opt_out_in_a_subdialog(tmp_path: Path, other: str, rules: set[str]) -> None:
    nodes = f"  first: {{menu: [{{recording: message}}], choices: {{9: part}}}}\n  part: {{subdialog: {other}, next: bye}}\n"
    head = MATERIAL_HEAD.replace("booth_name: place,", "booth_name: place, booth_part: number,")
    (tmp_path / "sample.yaml").write_text(f"{head}\n{nodes}", encoding="utf-8")
    found = check_flow(load_flow(str(tmp_path / "sample.yaml")), load_shipped_texts(), ["en", "hi"])
    assert {finding.rule for finding in found} == rules


def test_flow_check_reports_a_flow_for_voters_without_an_opt_out() -> None:
    found = list_findings("  first: {menu: [opt_out.question], choices: {1: bye}}", TURNOUT_HEAD)
    assert "missing-opt-out" in {finding.rule for finding in found}
    unreachable = "  first: {goto: bye}" + ENDS
    assert "missing-opt-out" in {finding.rule for finding in list_findings(unreachable, TURNOUT_HEAD)}


def test_flow_check_reports_a_prompt_over_the_time_limit() -> None:
    nodes = "  first: {menu: [turnout.question], choices: {1: bye}}"
    assert list_findings(nodes) == []
    found = get_only_finding(list_findings(nodes, seconds=15.0), "too-long", "first")
    assert "in hi" in found.problem


def test_flow_check_reports_a_subdialog_that_never_returns() -> None:
    found = list_findings("  first: {goto: bye}", HEAD.replace("purpose: worker", "purpose: part"))
    assert "never-returns" in {finding.rule for finding in found}


def test_each_flow_check_finding_has_a_remedy_and_a_rule_name() -> None:
    nodes = """
  first: {menu: [{recording: x}, mine.ask], choices: {1: loop}, answer: party}
  loop: {say: [turnout.noted_voted], next: loop}
  island: {goto: island}
"""
    texts = add_texts(mine__ask="Which party do you support? " * 20)
    found = list_findings(nodes, TURNOUT_HEAD, texts)
    assert len({finding.rule for finding in found}) >= 6
    for finding in found:
        assert ";" in finding.problem or ":" in finding.problem
        assert str(finding).endswith(f"[{finding.rule}]")
        assert "\n" not in str(finding)
    assert len(RULES) == len(set(RULES))
