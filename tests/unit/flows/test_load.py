"""Loading of flows: the accepted YAML, and the reports of mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.flows.catalogue import FLOWS_DIRECTORY, list_shipped_flows, load_flow
from dialer.flows.errors import FlowError, UnknownFlow
from dialer.flows.library import FlowLibrary
from dialer.flows.load import parse_flow
from dialer.flows.model import FlowPurpose
from dialer.flows.nodes.field import FieldNode
from dialer.flows.nodes.menu import MenuNode
from dialer.flows.texts import load_shipped_texts
from dialer.flows.yaml_document import MAX_BYTES
from tests.support.flow_support import HEAD, make_flow

GOOD = (FLOWS_DIRECTORY / "turnout.yaml").read_text(encoding="utf-8").replace("subdialog: booth", "goto: question")
GOOD = GOOD.replace("    goto: question\n    next: question", "    goto: question")


def get_load_error(text: str) -> FlowError:
    with pytest.raises(FlowError) as caught:
        parse_flow(text, "mine.yaml")
    assert "\n" not in str(caught.value)
    return caught.value


def test_every_shipped_flow_loads() -> None:
    assert list_shipped_flows() == [
        "abandoned",
        "booth",
        "booth_information",
        "booth_worker",
        "household",
        "inbound",
        "material",
        "missed_call",
        "opt_out",
        "turnout",
    ]
    assert {load_flow(name).name for name in list_shipped_flows()} == set(list_shipped_flows())


def test_question_without_settings_uses_the_repeat_prompts_of_the_flow() -> None:
    flow = load_flow("turnout")
    question, hour = flow.nodes["question"], flow.nodes["hour"]
    assert flow.purpose is FlowPurpose.TURNOUT
    assert isinstance(question, MenuNode)
    assert (question.timeout_seconds, question.barge_in, question.no_input.reprompts) == (5, True, 2)
    assert isinstance(hour, FieldNode)
    assert (hour.reads, hour.terminator, hour.no_input.then) == ("hour", "#", "until")


def test_version_of_a_flow_changes_with_the_content_of_the_flow() -> None:
    assert parse_flow(GOOD).version == parse_flow(GOOD).version
    assert parse_flow(GOOD).version != parse_flow(GOOD.replace("reprompts: 2", "reprompts: 3")).version


def test_change_in_a_subdialog_changes_the_version_of_the_calling_flow(tmp_path: Path) -> None:
    for name in ("turnout", "booth"):
        (tmp_path / f"{name}.yaml").write_text((FLOWS_DIRECTORY / f"{name}.yaml").read_text(encoding="utf-8"))
    before = load_flow(str(tmp_path / "turnout.yaml"))
    part = tmp_path / "booth.yaml"
    part.write_text(part.read_text().replace("barge_in: true", "barge_in: false"))
    assert load_flow(str(tmp_path / "turnout.yaml")).version != before.version


@pytest.mark.parametrize(
    "name", ["no_such_flow", "../turnout", "turnout.yaml", "/etc/passwd", "x\0.yaml", "", "a\nb", "ü"]
)
def test_error_about_an_unknown_flow_lists_the_known_flows(name: str) -> None:
    with pytest.raises(UnknownFlow, match="turnout") as caught:
        load_flow(name)
    assert "\n" not in str(caught.value)
    assert caught.value.known == tuple(list_shipped_flows())


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("flow: !!python/object/apply:os.system [id]\n", 1, "uses a tag"),
        ("flow: !x y\n", 1, "uses a tag"),
        ("a: &a [x]\nflow: *a\n", 1, "anchor or alias"),
        ("flow: x\n---\nflow: y\n", 2, "more than one document"),
        ("flow: x\nflow: y\n", 2, "has the key `flow` twice (first on line 1)"),
        ("flow: x\n[a, b]: y\n", 2, "list or mapping as a key"),
        ("- a\n- b\n", 1, "must be a mapping"),
        ("flow: [unclosed\n", 2, "is not YAML"),
        ("flow: x\n\tstart: y\n", 2, "is not YAML"),
        ("", 0, "is empty"),
        ("flow: tu\u202ernout\n", 1, "invisible character U+202E"),
        ("flow: x\nstart: a\u200bb\n", 2, "invisible character U+200B"),
        ("flow: a\0b\n", 1, "invisible character U+0000"),
        ('flow: "\\UFFFFFFFF"\n', 1, "is not YAML"),
        (f"flow: {'[' * 40}{']' * 40}\n", 1, "nested more than 10 levels deep"),
        ("flow: [" + "a, " * 25_000 + "]\n", 1, "more than 20000 values"),
        ("#" * (MAX_BYTES + 1), 0, "larger than 256 kB"),
    ],
)
def test_yaml_constructs_that_no_flow_needs_are_refused_with_the_line_number(text: str, line: int, words: str) -> None:
    error = get_load_error(text)
    assert words in str(error)
    assert error.file == "mine.yaml"
    assert error.line == line


def test_yaml_alias_bomb_in_a_flow_is_refused_unexpanded() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    assert "anchor or alias" in str(get_load_error(bomb))


def test_flow_file_of_five_megabytes_is_not_read(tmp_path: Path) -> None:
    big = tmp_path / "big.yaml"
    big.write_bytes(b"# " + b"x" * 5_000_000)
    with pytest.raises(FlowError, match="larger than 256 kB"):
        load_flow(str(big))


def test_binary_file_in_place_of_a_flow_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"flow: \xff\xfe\x00")
    with pytest.raises(FlowError, match="is not UTF-8"):
        load_flow(str(binary))


def test_flow_file_with_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    marked = tmp_path / "turnout.yaml"
    marked.write_text(GOOD, encoding="utf-8-sig")
    assert load_flow(str(marked)).name == "turnout"


MISTAKES = [
    ("flow: turnout", "flow: Turn Out", "is not a name"),
    ("flow: turnout", "flow: turn\u043eut", "is not a name"),  # a Cyrillic o
    ("flow: turnout", "flow: tur\u0301nout", "is not a name"),
    ("purpose: turnout", "purpose: exit-poll", "`purpose: exit-poll` is not allowed"),
    ("start: greeting", "start: nowhere", "starts at nowhere"),
    ("start: greeting", "begin: greeting", "has no `start:`"),
    ("start: greeting", "start: greeting\nmax_turns: 0", "from 1 to 5000"),
    ("start: greeting", "start: greeting\nmax_turns: 1.5", "whole number"),
    ("start: greeting", "start: greeting\ncolour: red", "unknown key `colour`; use one of facts, flow, max_turns"),
    ("closes_at: hour", "closes_at: time", "`closes_at: time` is not allowed"),
    ("    mark: voted\n", "    mark: voted-for-x\n", "is not allowed; use one of voted"),
    ("    mark: voted\n", "    mark: voted\n    say: [common.goodbye]\n", "unknown key `say`"),
    ("    mark: voted\n", "    mark: voted\n    opt_out: number\n", "has mark and opt_out of"),
    ("    mark: later\n    hour: hour\n", "    mark: later\n", "needs `hour:`"),
    ("    mark: voted\n", "    mark: voted\n    scope: serial\n", "needs `serial:`"),
    ("    mark: voted\n", "    mark: voted\n    unknown: lost\n", "only with `scope: serial`"),
    ("    mark: voted\n", "    mark: voted\n    scope: street\n", "`scope: street` is not allowed"),
    ("    next: noted_voted\n", "    next: nowhere\n", "goes on committed to nowhere"),
    ("    next: noted_voted\n", "", "has no `next:`"),
    ("1: voted", "A: voted", "not a key of a telephone"),
    ("1: voted", "12: voted", "not a key of a telephone"),
    ("1: voted", "1: vöted", "is not a name"),
    ("    choices: {1: voted, 2: not_yet, 3: where, 9: opt_out}\n", "", "has no `choices:`"),
    ("    menu: [turnout.question]", "    menu: []", "`menu:` is empty; give at least one"),
    ("    menu: [turnout.question]", "    menu: [../../etc/passwd]", "invalid text key"),
    ("    menu: [turnout.question]", "    menu: [[turnout.question]]", "a list inside its list of prompts"),
    ("    menu: [turnout.question]", "    menu: [{shout: x}]", "a prompt of an unknown kind"),
    ("    menu: [turnout.question]", "    menu: [{hour: unknown_fact}]", "neither a fact nor an answer"),
    ("    menu: [turnout.question]", "    menu: [{recording: ../x}]", "the prompt `recording:` without a name"),
    ("with: [organisation]", "with: [nobody]", "neither a fact nor an answer"),
    ("with: [organisation]", "with: [[organisation]]", "has a value that is not a name of a fact or answer"),
    ("    max_digits: 2\n", "    max_digits: 21\n", "from 1 to 20"),
    ("    max_digits: 2\n", "    max_digits: -1\n", "from 1 to 20"),
    ("    max_digits: 2\n", "    max_digits: ２\n", "from 1 to 20"),
    ("    max_digits: 2\n", "    max_digits: 2\n    min_digits: 3\n", "greater than `max_digits:`"),
    ("    max_digits: 2\n", "    max_digits: 2\n    terminator: x\n", "`terminator: x` is not allowed"),
    ("    lowest: hour_now\n", "    lowest: unknown_fact\n", "neither a fact nor an answer"),
    ("    reads: hour\n", "    reads: words\n", "`reads: words` is not allowed"),
    ("no_input: {reprompts: 2", "no_input: {reprompts: 99", "from 0 to 9"),
    ("then: silent", "then: nowhere", "goes on no-input to nowhere"),
    ("    opt_out: number\n", "    opt_out: maybe\n", "is not allowed; use one of number"),
    ("    disconnect: done\n", "    disconnect: done\n    next: voted\n", "unknown key `next`"),
    ("  goodbye:\n", "  good bye:\n", "is not a name"),
    ("  goodbye:\n    disconnect: done\n    say: [common.goodbye]\n", "  goodbye: yes\n", "the node is not a mapping"),
]


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES)
def test_mistake_in_a_flow_is_reported_with_the_line_number(old: str, new: str, words: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    error = get_load_error(text)
    assert words in str(error), str(error)
    assert 1 <= error.line <= len(text.splitlines()) or not error.line


def test_mistake_in_a_flow_is_reported_with_its_exact_line_and_node() -> None:
    text = GOOD.replace("    mark: voted\n", "    mark: voted-for-x\n", 1)
    error = get_load_error(text)
    assert text.splitlines()[error.line - 1].strip() == "mark: voted-for-x"
    assert error.node == "voted"
    assert str(error).startswith(f"mine.yaml:{error.line}: node voted: ")


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ("  first: {branch: [], otherwise: bye}", "`branch:` is empty; give at least one"),
        ("  first: {branch: [x], otherwise: bye}", "a case of `branch:` must be a mapping"),
        ("  first: {branch: [{when: count, goto: bye}], otherwise: bye}", "exactly one of known"),
        ("  first: {branch: [{when: who, known: true, goto: bye}], otherwise: bye}", "neither a fact nor an answer"),
        ("  first: {branch: [{when: count, known: 1, goto: bye}], otherwise: bye}", "`known:` must be true or false"),
        (
            "  first: {branch: [{when: count, above: x, goto: bye}], otherwise: bye}",
            "`above: x` must be a number from 0 to 1e+09",
        ),
        ("  first: {save: [nothing], next: bye, failed: bye}", "saves nothing, which is not an answer of this flow"),
        ("  first: {save: [], next: bye, failed: bye}", "`save:` is empty; give at least one"),
        (
            "  first: {mark: later, hour: nothing, next: bye, failed: bye}",
            "`hour: nothing` is neither a fact nor an answer",
        ),
        ("  first: {subdialog: turnout, next: bye}", "does not exist"),
        ("  first: {}", "has none of branch"),
        ("  first: {say: [common.goodbye], next: {a: b}}", "`next:` must be one text"),
        (
            "  first: {say: [" + "common.goodbye, " * 21 + "], next: bye}",
            "`say:` has 21 entries; at most 20 are allowed",
        ),
        (
            "  first: {field: n, say: [a.b], max_digits: 2, next: x}\n"
            "  x: {field: n, reads: number, say: [a.b], max_digits: 2, next: bye}",
            "use two names",
        ),
    ],
)
def test_mistake_in_a_node_of_a_flow_is_reported(nodes: str, words: str) -> None:
    with pytest.raises(FlowError) as caught:
        make_flow("\n" + nodes)
    assert words in str(caught.value)
    assert caught.value.line >= len(HEAD.splitlines())


def test_question_without_instructions_for_a_silent_caller_is_refused() -> None:
    head = HEAD.replace("no_input: {reprompts: 1, say: [common.no_input], then: bye}\n", "")
    with pytest.raises(FlowError, match="neither the node nor the flow has `no_input:`"):
        make_flow("\n  first: {menu: [a.b], choices: {1: bye}}", head)


def test_flow_with_more_than_400_nodes_is_refused() -> None:
    nodes = "".join(f"  n{number}: {{goto: bye}}\n" for number in range(400))
    with pytest.raises(FlowError, match="`nodes:` has 402 entries; at most 400 are allowed"):
        make_flow("\n  first: {goto: bye}\n" + nodes)


def test_flow_that_contains_itself_as_a_subdialog_is_refused(tmp_path: Path) -> None:
    for name, other in (("ping", "pong"), ("pong", "ping")):
        nodes = f"{{first: {{subdialog: {other}, next: back}}, back: {{return: true}}}}"
        (tmp_path / f"{name}.yaml").write_text(f"flow: {name}\npurpose: part\nstart: first\nnodes: {nodes}\n")
    with pytest.raises(FlowError, match="calls flow ping, which contains this node"):
        load_flow(str(tmp_path / "ping.yaml"))


def test_too_deeply_nested_subdialogs_are_refused(tmp_path: Path) -> None:
    for number in range(8):
        nodes = f"{{first: {{subdialog: part{number + 1}, next: back}}, back: {{return: true}}}}"
        (tmp_path / f"part{number}.yaml").write_text(
            f"flow: part{number}\npurpose: part\nstart: first\nnodes: {nodes}\n"
        )
    with pytest.raises(FlowError, match="nested in more than 5 subdialogs"):
        load_flow(str(tmp_path / "part0.yaml"))


def test_flow_must_have_the_name_of_the_flow_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "flow: mine\npurpose: part\nstart: a\nnodes: {a: {subdialog: other, next: b}, b: {return: true}}\n"
    )
    (tmp_path / "other.yaml").write_text("flow: another\npurpose: part\nstart: a\nnodes: {a: {return: true}}\n")
    with pytest.raises(FlowError, match="file and flow must have the same name"):
        load_flow(str(tmp_path / "mine.yaml"))


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.text(max_size=300))
def test_arbitrary_text_in_a_flow_file_is_refused_with_a_flow_error(text: str) -> None:
    with pytest.raises(FlowError):
        parse_flow(text)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.data())
def test_flow_with_a_damaged_line_loads_or_gives_a_flow_error(data: st.DataObject) -> None:
    lines = GOOD.splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    lines[number] = data.draw(
        st.sampled_from(["", "  ", "- x", "x: [", "a: b: c", "? y", "{}", lines[number] + "}", lines[0]])
    )
    try:
        parse_flow("\n".join(lines))
    except FlowError as error:
        assert "\n" not in str(error)


def _read_as_editor(text: str) -> Any:
    """Return a flow as an editor reads it, with text keys as in YAML 1.2."""
    return json.loads(json.dumps(yaml.safe_load(text)))


def _load_schema() -> Any:
    schema = json.loads((FLOWS_DIRECTORY.parent / "flow.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", list_shipped_flows())
def test_json_schema_for_editors_accepts_every_shipped_flow(name: str) -> None:
    errors = list(
        _load_schema().iter_errors(_read_as_editor((FLOWS_DIRECTORY / f"{name}.yaml").read_text(encoding="utf-8")))
    )
    assert errors == []


def test_json_schema_for_editors_refuses_flows_that_the_loader_refuses() -> None:
    schema = _load_schema()
    beyond = (
        "nowhere",
        "neither a fact",
        "greater than `max_digits:`",
        "needs `hour:`",
        "needs `serial:`",
        "only with `scope: serial`",
    )
    for old, new, words in MISTAKES:
        if not any(other in words for other in beyond):
            assert list(schema.iter_errors(_read_as_editor(GOOD.replace(old, new, 1)))), new


def test_reloaded_flow_is_used_by_later_calls_and_a_failed_reload_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "turnout.yaml"
    path.write_text(GOOD, encoding="utf-8")
    library = FlowLibrary([str(path), "opt_out"], load_shipped_texts())
    first = library.get_current_flow(str(path))
    assert library.reload_flows_and_scripts() == []

    path.write_text(GOOD.replace("reprompts: 2", "reprompts: 3"), encoding="utf-8")
    assert library.reload_flows_and_scripts() == ["turnout"]
    second = library.get_current_flow(str(path))
    assert second.version != first.version
    assert library.get_flow_version("turnout", first.version) is first

    path.write_text(GOOD.replace("start: greeting", "start: nowhere"), encoding="utf-8")
    with pytest.raises(FlowError, match="starts at nowhere"):
        library.reload_flows_and_scripts()
    assert library.get_current_flow(str(path)) is second


def test_flow_library_refuses_a_flow_that_was_not_loaded() -> None:
    library = FlowLibrary(["turnout"], load_shipped_texts())
    with pytest.raises(UnknownFlow):
        library.get_current_flow("household")
    with pytest.raises(UnknownFlow):
        library.get_flow_version("turnout", "000000000000")
    with pytest.raises(UnknownFlow):
        FlowLibrary(["no_such_flow"], load_shipped_texts())
