"""Parser of extensions.conf and evaluator of dialplan expressions, limited to what the dialler's dialplan uses.

Supported are extensions with priorities, labels and patterns, variables and functions with substrings, and `$[...]`
with the operators | & = != < > <= >= + -.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dialer.errors import MatdanError

Lookup = Callable[[str], str]
"""Returns the value of a variable, or of a function call such as `CONFBRIDGE_INFO(marked,seat-1)`."""


class DialplanError(MatdanError):
    """Raised if a dialplan cannot be parsed or run. The text names the line or expression, and the problem."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a dialplan extension (one priority): an application, and its arguments before substitution."""

    application: str
    data: str


@dataclass(slots=True)
class Extension:
    """An extension of a dialplan context: its steps by priority (from 1), and the priorities of its labels."""

    name: str
    steps: dict[int, Step] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    pattern: re.Pattern[str] | None = None


Dialplan = dict[str, list[Extension]]

_ENTRY = re.compile(r"(exten|same)\s*=>?\s*(.+)")
_STEP = re.compile(r"(n|\d+)(?:\((\w+)\))?\s*,\s*(\w+)(?:\((.*)\))?\s*$", re.DOTALL)


def parse_dialplan(text: str) -> Dialplan:
    """Return the extensions in the text of an extensions.conf, by context. Raises DialplanError with the line number."""
    dialplan: Dialplan = {}
    context: list[Extension] | None = None
    extension: Extension | None = None
    last = 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = re.sub(r"(?<!\\);.*", "", raw).strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            context = dialplan.setdefault(line[1 : line.index("]")], [])
            extension = None
            continue
        entry = _ENTRY.fullmatch(line)
        if entry is None or context is None:
            if entry is None and re.match(r"\w+\s*=", line):
                continue  # a setting of [general] or [globals]
            raise DialplanError(
                f"dialplan line {number} is not a [context], `exten =>` or `same =>`; correct it: {line}"
            )
        rest = entry[2]
        if entry[1] == "exten":
            name, _, rest = rest.partition(",")
            if extension is None or extension.name != name.strip():
                extension = _get_or_add_extension(context, name.strip())
                last = 0
        step = _STEP.fullmatch(rest.strip())
        if step is None or extension is None:
            raise DialplanError(
                f"dialplan line {number} has no priority or no application; write for instance `1,Answer()`: {line}"
            )
        last = last + 1 if step[1] == "n" else int(step[1])
        if step[2]:
            extension.labels[step[2]] = last
        extension.steps[last] = Step(step[3], step[4] or "")
    return dialplan


def _get_or_add_extension(context: list[Extension], name: str) -> Extension:
    for known in context:
        if known.name == name:
            return known
    extension = Extension(name, pattern=_compile_extension_pattern(name[1:]) if name.startswith("_") else None)
    context.append(extension)
    return extension


def _compile_extension_pattern(text: str) -> re.Pattern[str]:
    classes = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*", "-": ""}
    pieces = re.findall(r"\[[^\]]*\]|.", text)
    return re.compile("".join(piece if piece[0] == "[" else classes.get(piece, re.escape(piece)) for piece in pieces))


def _find_matching_extensions(dialplan: Dialplan, context: str, name: str) -> Iterator[Extension]:
    extensions = dialplan.get(context, [])
    yield from (each for each in extensions if each.name == name)
    yield from (each for each in extensions if each.pattern is not None and each.pattern.fullmatch(name))


def find_dialplan_extension(dialplan: Dialplan, context: str, name: str) -> Extension | None:
    """Return the extension of a dialplan context for a dialled `name`, or None.

    An extension with exactly this name has priority over patterns. Of several patterns, the first one that matches
    counts.
    """
    return next(_find_matching_extensions(dialplan, context, name), None)


def find_dialplan_step(dialplan: Dialplan, context: str, name: str, priority: int) -> Step | None:
    """Return the step of a dialplan extension at a priority, or None.

    As in Asterisk, each priority is looked up separately: after `h,1`, priority 2 may come from a pattern that matches
    h.
    """
    steps = (each.steps for each in _find_matching_extensions(dialplan, context, name))
    return next((each[priority] for each in steps if priority in each), None)


def substitute_expressions(text: str, look_up_dialplan_variable: Lookup) -> str:
    """Replace every `${...}` and `$[...]` in `text`, inner ones first."""
    if "$" not in text:
        return text
    out: list[str] = []
    at = 0
    while True:
        start = text.find("$", at)
        if start < 0 or start + 1 >= len(text):
            out.append(text[at:])
            return "".join(out)
        out.append(text[at:start])
        opening = text[start + 1]
        if opening not in "{[":
            out.append("$")
            at = start + 1
            continue
        end = _find_matching_closing_bracket(text, start + 1)
        inner = substitute_expressions(text[start + 2 : end], look_up_dialplan_variable)
        out.append(
            _look_up_variable_or_substring(inner, look_up_dialplan_variable)
            if opening == "{"
            else evaluate_expression(inner)
        )
        at = end + 1


def _find_matching_closing_bracket(text: str, start: int) -> int:
    opening, closing = text[start], {"{": "}", "[": "]"}[text[start]]
    depth = 0
    for at in range(start, len(text)):
        if text[at] == opening:
            depth += 1
        elif text[at] == closing:
            depth -= 1
            if depth == 0:
                return at
    raise DialplanError(f"a dialplan expression has no closing bracket: {text[start:]}; add it")


def _look_up_variable_or_substring(name: str, look_up_dialplan_variable: Lookup) -> str:
    sliced = re.fullmatch(r"(\w+):(-?\d+)(?::(-?\d+))?", name)
    if sliced is None:
        return look_up_dialplan_variable(name)
    piece = look_up_dialplan_variable(sliced[1])[int(sliced[2]) :]
    return piece if sliced[3] is None else piece[: int(sliced[3])]


_TOKEN = re.compile(r'\s*("[^"]*"|!=|<=|>=|[|&=<>+\-()]|[^\s"|&=<>!+()]+)')
_LEVELS: tuple[tuple[str, ...], ...] = (("|",), ("&",), ("=", "!=", "<=", ">=", "<", ">"), ("+", "-"))


def evaluate_expression(expression: str) -> str:
    """Return the value of a dialplan expression `$[...]` after substitution: "1" or "0" for a comparison, otherwise a
    number or text.
    """
    tokens = _TOKEN.findall(expression)
    value, rest = _evaluate_operators_by_precedence(tokens, 0)
    if rest:
        raise DialplanError(f"a dialplan expression is invalid: $[{expression}]; correct it")
    return value


def _evaluate_operators_by_precedence(tokens: list[str], level: int) -> tuple[str, list[str]]:
    if level == len(_LEVELS):
        if not tokens or any(tokens[0] in operators for operators in _LEVELS):
            return "", tokens  # an operand that is empty after substitution
        if tokens[0] == "(":
            value, rest = _evaluate_operators_by_precedence(tokens[1:], 0)
            return value, rest[1:]
        return tokens[0].strip('"'), tokens[1:]
    value, tokens = _evaluate_operators_by_precedence(tokens, level + 1)
    while tokens and tokens[0] in _LEVELS[level]:
        operator = tokens[0]
        right, tokens = _evaluate_operators_by_precedence(tokens[1:], level + 1)
        value = _apply_operator_of_expression(operator, value, right)
    return value, tokens


def is_condition_true(value: str) -> bool:
    """Return whether a dialplan condition is true: neither empty nor "0"."""
    return value.strip() not in ("", "0")


def _apply_operator_of_expression(operator: str, left: str, right: str) -> str:
    if operator == "|":
        return left if is_condition_true(left) else right
    if operator == "&":
        return left if is_condition_true(left) and is_condition_true(right) else "0"
    numbers = _parse_number_in_expression(left), _parse_number_in_expression(right)
    if operator in "+-":
        first, second = numbers[0] or 0.0, numbers[1] or 0.0
        return f"{first + second if operator == '+' else first - second:.15g}"
    if numbers[0] is not None and numbers[1] is not None:
        order = (numbers[0] > numbers[1]) - (numbers[0] < numbers[1])
    else:
        order = (left > right) - (left < right)
    holds = {"=": order == 0, "!=": order != 0, "<": order < 0, ">": order > 0, "<=": order <= 0, ">=": order >= 0}
    return "1" if holds[operator] else "0"


def _parse_number_in_expression(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
