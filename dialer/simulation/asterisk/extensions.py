"""The language of extensions.conf, as far as a dialler's dialplan needs it: parsing, and evaluation of expressions.

Supported are contexts, `exten =>` and `same =>`, priorities `n`, `n(label)` and numbers, patterns of X, Z, N, [...], `.`
and `!`, `${VARIABLE}`, `${FUNCTION(...)}`, `${NAME:offset:length}` and `$[...]` with | & = != < > <= >= + - and quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dialer.errors import MatdanError

Lookup = Callable[[str], str]
"""Returns the value of a variable, or of a function call such as `CONFBRIDGE_INFO(marked,seat-1)`."""


class DialplanError(MatdanError):
    """A simulated dialplan cannot be parsed. The text names the line and the problem."""


@dataclass(frozen=True, slots=True)
class Step:
    """One priority: an application and its arguments before substitution."""

    application: str
    data: str


@dataclass(slots=True)
class Extension:
    """An extension of a context: its steps by priority from 1, and its labels."""

    name: str
    steps: dict[int, Step] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    pattern: re.Pattern[str] | None = None


Dialplan = dict[str, list[Extension]]

_ENTRY = re.compile(r"(exten|same)\s*=>?\s*(.+)")
_STEP = re.compile(r"(n|\d+)(?:\((\w+)\))?\s*,\s*(\w+)(?:\((.*)\))?\s*$", re.DOTALL)


def parse_dialplan(text: str) -> Dialplan:
    """Parse the text of an extensions.conf. Raises DialplanError with the number of the line."""
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
                continue  # a setting of [general] or a global
            raise DialplanError(f"dialplan line {number} is not a context, exten or same: {line}")
        rest = entry[2]
        if entry[1] == "exten":
            name, _, rest = rest.partition(",")
            if extension is None or extension.name != name.strip():
                extension = _extension(context, name.strip())
                last = 0
        step = _STEP.fullmatch(rest.strip())
        if step is None or extension is None:
            raise DialplanError(f"dialplan line {number} has no priority and application: {line}")
        last = last + 1 if step[1] == "n" else int(step[1])
        if step[2]:
            extension.labels[step[2]] = last
        extension.steps[last] = Step(step[3], step[4] or "")
    return dialplan


def _extension(context: list[Extension], name: str) -> Extension:
    for known in context:
        if known.name == name:
            return known
    extension = Extension(name, pattern=_pattern(name[1:]) if name.startswith("_") else None)
    context.append(extension)
    return extension


def _pattern(text: str) -> re.Pattern[str]:
    classes = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*", "-": ""}
    pieces = re.findall(r"\[[^\]]*\]|.", text)
    return re.compile("".join(piece if piece[0] == "[" else classes.get(piece, re.escape(piece)) for piece in pieces))


def _fitting(dialplan: Dialplan, context: str, name: str) -> Iterator[Extension]:
    extensions = dialplan.get(context, [])
    yield from (each for each in extensions if each.name == name)
    yield from (each for each in extensions if each.pattern is not None and each.pattern.fullmatch(name))


def find_extension(dialplan: Dialplan, context: str, name: str) -> Extension | None:
    """Return the extension for a name in a context: its own, else the first whose pattern matches; None: none."""
    return next(_fitting(dialplan, context, name), None)


def find_step(dialplan: Dialplan, context: str, name: str, priority: int) -> Step | None:
    """Return the step at a priority.

    Where the extension's own name has none of it, a pattern that fits may have: Asterisk looks each priority up anew,
    so `h,1` alone goes on with priority 2 of a pattern that takes h too. None: there is no such step.
    """
    steps = (each.steps for each in _fitting(dialplan, context, name))
    return next((each[priority] for each in steps if priority in each), None)


def substitute(text: str, look_up: Lookup) -> str:
    """Replace every `${...}` and `$[...]`, inner ones first."""
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
        end = _closing(text, start + 1)
        inner = substitute(text[start + 2 : end], look_up)
        out.append(_variable(inner, look_up) if opening == "{" else evaluate(inner))
        at = end + 1


def _closing(text: str, start: int) -> int:
    opening, closing = text[start], {"{": "}", "[": "]"}[text[start]]
    depth = 0
    for at in range(start, len(text)):
        if text[at] == opening:
            depth += 1
        elif text[at] == closing:
            depth -= 1
            if depth == 0:
                return at
    raise DialplanError(f"a dialplan expression is not closed: {text[start:]}")


def _variable(name: str, look_up: Lookup) -> str:
    sliced = re.fullmatch(r"(\w+):(-?\d+)(?::(-?\d+))?", name)
    if sliced is None:
        return look_up(name)
    piece = look_up(sliced[1])[int(sliced[2]) :]
    return piece if sliced[3] is None else piece[: int(sliced[3])]


_TOKEN = re.compile(r'\s*("[^"]*"|!=|<=|>=|[|&=<>+\-()]|[^\s"|&=<>!+()]+)')
_LEVELS: tuple[tuple[str, ...], ...] = (("|",), ("&",), ("=", "!=", "<=", ">=", "<", ">"), ("+", "-"))


def evaluate(expression: str) -> str:
    """Return the value of a `$[...]` after substitution: "1" or "0" of a comparison, a number, or a text."""
    tokens = _TOKEN.findall(expression)
    value, rest = _level(tokens, 0)
    if rest:
        raise DialplanError(f"a dialplan expression cannot be read: $[{expression}]")
    return value


def _level(tokens: list[str], level: int) -> tuple[str, list[str]]:
    if level == len(_LEVELS):
        if not tokens or any(tokens[0] in operators for operators in _LEVELS):
            return "", tokens  # an operand that is empty after substitution
        if tokens[0] == "(":
            value, rest = _level(tokens[1:], 0)
            return value, rest[1:]
        return tokens[0].strip('"'), tokens[1:]
    value, tokens = _level(tokens, level + 1)
    while tokens and tokens[0] in _LEVELS[level]:
        operator = tokens[0]
        right, tokens = _level(tokens[1:], level + 1)
        value = _apply(operator, value, right)
    return value, tokens


def is_true(value: str) -> bool:
    """Return whether a condition is true: neither empty nor zero."""
    return value.strip() not in ("", "0")


def _apply(operator: str, left: str, right: str) -> str:
    if operator == "|":
        return left if is_true(left) else right
    if operator == "&":
        return left if is_true(left) and is_true(right) else "0"
    numbers = _number(left), _number(right)
    if operator in "+-":
        first, second = numbers[0] or 0.0, numbers[1] or 0.0
        return f"{first + second if operator == '+' else first - second:.15g}"
    if numbers[0] is not None and numbers[1] is not None:
        order = (numbers[0] > numbers[1]) - (numbers[0] < numbers[1])
    else:
        order = (left > right) - (left < right)
    holds = {"=": order == 0, "!=": order != 0, "<": order < 0, ">": order > 0, "<=": order <= 0, ">=": order >= 0}
    return "1" if holds[operator] else "0"


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
