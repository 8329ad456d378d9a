"""The list of accepted mutants, and what `make mutants` reports beyond it."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from tests.mutants import ACCEPTED, Mutant, find_unaccepted, read_accepted
from tests.support.paths import ROOT

ENTRIES = tomllib.loads(ACCEPTED.read_text(encoding="utf-8"))["accepted"]


def read_function_lines(name: str) -> set[str]:
    """Return the lines of a function, without indentation. `name` is the module, the class if any, and the function."""
    parts = name.split(".")
    place = next(
        place for place in range(len(parts), 0, -1) if ROOT.joinpath(*parts[:place]).with_suffix(".py").is_file()
    )
    source = ROOT.joinpath(*parts[:place]).with_suffix(".py").read_text(encoding="utf-8")
    body: list[ast.stmt] = ast.parse(source).body
    node: ast.stmt | None = None
    for part in parts[place:]:
        [node] = [each for each in body if getattr(each, "name", None) == part]
        body = getattr(node, "body", [])
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return {line.strip() for line in source.splitlines()[node.lineno - 1 : node.end_lineno]}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["function"])
def test_every_accepted_mutant_refers_to_existing_code_lines(entry: dict[str, object]) -> None:
    function, lines = entry["function"], entry["lines"]
    assert isinstance(function, str)
    assert isinstance(lines, list)
    assert {*lines} <= read_function_lines(function)


def test_surviving_mutant_that_nobody_accepted_is_reported() -> None:
    known, new = (
        Mutant(f"dialer.rules.gate.xǁGateǁcheck_rules_for_campaign__mutmut_{number}", (line,), ("pass",))
        for number, line in enumerate(("a = 1", "b = 2"))
    )
    assert known.function == "dialer.rules.gate.Gate.check_rules_for_campaign"
    assert find_unaccepted((known, new), {known.function: frozenset({"a = 1"})}) == [new]


def test_name_of_a_mutant_of_a_function_outside_a_class_is_parsed() -> None:
    assert Mutant("dialer.rules.gate.x__find_earliest__mutmut_3", (), ()).function == "dialer.rules.gate._find_earliest"


def test_list_of_accepted_mutants_is_refused_if_a_reason_is_missing(tmp_path: Path) -> None:
    listed = tmp_path / "accepted.toml"
    listed.write_text('[[accepted]]\nfunction = "f"\nlines = ["a = 1"]\nreason = " "\n', encoding="utf-8")
    with pytest.raises(ValueError, match="f: `reason` is empty"):
        read_accepted(listed)
