"""The dialplan of the simulated Asterisk: entries, patterns, variables, expressions, and our own dialplan."""

from __future__ import annotations

import pytest

from dialer.deploy.asterisk.render import render_dialplan
from dialer.simulation.asterisk.actions import parse_caller_id
from dialer.simulation.asterisk.agi_commands import split_agi_command_line
from dialer.simulation.asterisk.dialplan import APPLICATIONS
from dialer.simulation.asterisk.extensions import (
    DialplanError,
    evaluate_expression,
    find_dialplan_extension,
    find_dialplan_step,
    is_condition_true,
    parse_dialplan,
    substitute_expressions,
)


def test_rendered_dialplan_uses_only_applications_that_the_simulated_asterisk_supports() -> None:
    ours = parse_dialplan(render_dialplan())
    assert set(ours) >= {"matdan-voter", "matdan-flow", "matdan-message", "matdan-seat", "matdan-agent"}
    del ours["matdan-ended"]  # a hangup handler of real trunks; simulated carriers forward no calls
    used = {step.application for entries in ours.values() for entry in entries for step in entry.steps.values()}
    assert used <= set(APPLICATIONS)


def test_hang_up_extension_of_a_seats_dialplan_context_hangs_up_first() -> None:
    """The seats' pattern matches `h` too, so priorities that `h` itself lacks come from the pattern."""
    ours = parse_dialplan(render_dialplan())
    for context in ("matdan-seat", "matdan-agent"):
        first = find_dialplan_step(ours, context, "h", 1)
        assert first is not None
        assert first.application == "Hangup"
        assert find_dialplan_step(ours, context, "h", 2) == find_dialplan_step(ours, context, "01", 2)


def test_seat_phone_can_dial_only_the_log_in_code_and_the_echo_test() -> None:
    ours = parse_dialplan(render_dialplan(log_in_code="*77"))
    assert [extension.name for extension in ours["matdan-phones"]] == ["*77", "*43"]
    assert find_dialplan_extension(ours, "matdan-phones", "*1") is None


def test_dialplan_parser_reads_priorities_and_labels_and_skips_comments_and_settings() -> None:
    dialplan = parse_dialplan(
        """
        [general]
        static = yes
        [a] ; a comment
        exten => s,1,NoOp()
         same => n(here),Set(X=a\\;b)
         same => 7,Wait(1)
        exten => _9X.,1,Goto(s,here) ; another
        """
    )
    extension = find_dialplan_extension(dialplan, "a", "s")
    assert extension is not None
    assert sorted(extension.steps) == [1, 2, 7]
    assert extension.labels == {"here": 2}
    assert find_dialplan_extension(dialplan, "a", "91") is None
    assert find_dialplan_extension(dialplan, "a", "912") is not None
    assert find_dialplan_extension(dialplan, "nowhere", "s") is None


@pytest.mark.parametrize(
    ("pattern", "fits", "fails"),
    [
        ("_X!", ["1", "12a"], ["a"]),
        ("_[0-9A-Za-z]!", ["1", "seat-7", "s"], ["-", ""]),
        ("_NXX", ["299"], ["199", "29"]),
        ("_Z", ["1"], ["0"]),
    ],
)
def test_dialplan_pattern_matches_exactly_the_extensions_that_fit(
    pattern: str, fits: list[str], fails: list[str]
) -> None:
    dialplan = parse_dialplan(f"[a]\nexten => {pattern},1,NoOp()")
    for name in fits:
        assert find_dialplan_extension(dialplan, "a", name) is not None
    for name in fails:
        assert find_dialplan_extension(dialplan, "a", name) is None


@pytest.mark.parametrize("text", ["[a]\nexten => s,1", "exten => s,1,NoOp()", "[a]\nnonsense", "[a]\nsame => n,NoOp()"])
def test_invalid_dialplan_line_is_rejected_with_the_line_number(text: str) -> None:
    with pytest.raises(DialplanError, match=f"line {text.count(chr(10)) + 1}"):
        parse_dialplan(text)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2", "3"),
        ("5 - 2 - 1", "2"),
        ('"" != ""', "0"),
        ('"1" != ""', "1"),
        ("10 > 9", "1"),
        ("9 <= 9 & 1 = 2", "0"),
        ("0 | 7", "7"),
        ('"ENDMARKED" = "ENDMARKED"', "1"),
        ("(1 + 1) = 2", "1"),
        (" = 1", "0"),
        ("a < b", "1"),
    ],
)
def test_simulated_dialplan_expression_has_the_value_that_asterisk_computes(expression: str, value: str) -> None:
    assert evaluate_expression(expression) == value


def test_substitution_replaces_inner_dialplan_variables_first() -> None:
    values = {"EXTEN": "7", "seat-7": "x", "INFO(marked,seat-7)": "1", "N": "12345"}
    assert substitute_expressions("a${${${NONE}EXTEN}}b", lambda name: {"EXTEN": "N", "N": "5"}.get(name, "")) == "a5b"
    assert (
        substitute_expressions('$["${INFO(marked,seat-${EXTEN})}" = "1"]?go', lambda name: values.get(name, ""))
        == "1?go"
    )
    assert substitute_expressions("${N:1}-${N:1:2}-${N:-2}", lambda name: values.get(name, "")) == "2345-23-45"
    assert substitute_expressions("costs 5$ $x", lambda _: "") == "costs 5$ $x"


@pytest.mark.parametrize("text", ["${OPEN", "$[1 + ", "$[1 1]"])
def test_invalid_dialplan_expression_is_rejected(text: str) -> None:
    with pytest.raises(DialplanError):
        substitute_expressions(text, lambda _: "")


def test_dialplan_condition_is_false_if_empty_or_zero() -> None:
    assert [is_condition_true(value) for value in ("", "0", " 0 ", "1", "no")] == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("text", "caller"),
    [
        ('"Matdan" <1000>', ("1000", "Matdan")),
        ("<1000>", ("1000", "")),
        ("Vote Office <+911>", ("+911", "Vote Office")),
        ("1000", ("1000", "")),
        ("", ("", "")),
    ],
)
def test_simulated_asterisk_splits_a_caller_id_into_number_and_name(text: str, caller: tuple[str, str]) -> None:
    assert parse_caller_id(text) == caller


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('STREAM FILE a ""', ["STREAM", "FILE", "a", ""]),
        ('SET VARIABLE X "a b"', ["SET", "VARIABLE", "X", "a b"]),
        ('SET VARIABLE X "a \\"b\\""', ["SET", "VARIABLE", "X", 'a "b"']),
        ("  NOOP  ", ["NOOP"]),
        ("", []),
    ],
)
def test_simulated_asterisk_splits_an_agi_command_line_into_words(line: str, words: list[str]) -> None:
    assert split_agi_command_line(line) == words
