"""YAML as it may come from a stranger: read without tags, aliases, surprises of type or depth; every value keeps its line.

All scalars stay text as written, so that YAML 1.1's `yes`, `012` and `1:30` are not turned into something else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from dialer.flows.errors import FlowError
from dialer.settings.files import open_regular

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
MAX_BYTES = 256 * 1024
MAX_DEPTH = 10
MAX_ITEMS = 20_000
# These reorder what a reader sees against what is stored. Zero-width (non-)joiners are letters' business in Indian scripts.
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u200b\ufeff")


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar, as written."""

    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    values: tuple[Value, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping from names to values, in the order of the file."""

    values: dict[str, Value]
    line: int
    lines: dict[str, int] = field(default_factory=dict)  # of each key

    def __iter__(self) -> Iterator[tuple[str, Value]]:
        return iter(self.values.items())


Value = Text | Items | Table


def read_file(path: Path) -> str:
    """The text of a flow or text file. Raises FlowError when it is missing, unreadable, too big or not UTF-8."""
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FlowError(
            str(path), 0, "", f"cannot be read ({error.strerror}); check the path and its rights"
        ) from error
    if len(data) > MAX_BYTES:
        raise FlowError(str(path), 0, "", f"is larger than {MAX_BYTES // 1024} kB; split it into subdialogs")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FlowError(str(path), 0, "", "is not UTF-8; save it as UTF-8 and load it again") from error


def file_of(name_or_path: str, shipped: Path) -> Path | None:
    """The file of a name that is shipped there, or the .yaml file of a path; None: there is neither. Raises FlowError."""
    if NAME.fullmatch(name_or_path):
        path = shipped / f"{name_or_path}.yaml"
    elif name_or_path.endswith((".yaml", ".yml")) and "\0" not in name_or_path:
        path = Path(name_or_path)
    else:
        return None
    try:
        return path if path.is_file() else None
    except OSError as error:
        problem = f"cannot be read ({error.strerror}); check the path and this user's rights"
        raise FlowError(str(path), 0, "", problem) from error


def read_table(text: str, file: str) -> Table:
    """The mapping that `text` holds. Raises FlowError with file and line for all that a flow does not need."""
    if len(text) > MAX_BYTES:
        raise FlowError(file, 0, "", f"is larger than {MAX_BYTES // 1024} kB; split it into subdialogs")
    for number, line in enumerate(text.splitlines(), start=1):
        _refuse_tricks(line, number, file)
    try:
        _refuse_events(text, file)
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise FlowError(file, mark.line + 1 if mark else 0, "", f"is not YAML: {problem}; correct that line") from error
    if root is None:
        raise FlowError(file, 0, "", "is empty; begin with a shipped one")
    value = _convert(root, file)
    if not isinstance(value, Table):
        raise FlowError(file, value.line, "", "must be a mapping (`key: value` lines) at the top")
    return value


def _refuse_tricks(line: str, number: int, file: str) -> None:
    for letter in line:
        if letter in _REORDERING or (unicodedata.category(letter) == "Cc" and letter != "\t"):
            problem = f"has the invisible character U+{ord(letter):04X}; delete it"
            raise FlowError(file, number, "", problem)


def _refuse_events(text: str, file: str) -> None:
    """Look at the stream of events, which needs no memory to speak of, before anything is built from it."""
    depth = documents = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
        line = _line(event)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise FlowError(file, line, "", "uses an anchor or alias (& or *); write the value out")
        if getattr(event, "tag", None):
            raise FlowError(file, line, "", "uses a tag (!); a flow needs none, remove it")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise FlowError(file, line, "", "holds more than one document (---); put each flow into its own file")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise FlowError(file, line, "", f"is nested more than {MAX_DEPTH} deep; a flow never is")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if count > MAX_ITEMS:
            raise FlowError(file, line, "", f"has more than {MAX_ITEMS} values; split it into subdialogs")


def _convert(node: yaml.Node, file: str) -> Value:
    line = _line(node)
    if isinstance(node, yaml.ScalarNode):
        return Text(node.value, line)
    if isinstance(node, yaml.SequenceNode):
        return Items(tuple(_convert(item, file) for item in node.value), line)
    if not isinstance(node, yaml.MappingNode):
        raise FlowError(file, line, "", "holds something that is neither text, list nor mapping")
    values: dict[str, Value] = {}
    lines: dict[str, int] = {}
    for key, value in node.value:
        key_line = _line(key)
        if not isinstance(key, yaml.ScalarNode):
            raise FlowError(file, key_line, "", "has a list or mapping as a key; a key is one word")
        if key.value in values:
            problem = f"says `{key.value}` twice (first on line {lines[key.value]}); keep one"
            raise FlowError(file, key_line, "", problem)
        values[key.value] = _convert(value, file)
        lines[key.value] = key_line
    return Table(values, line, lines)


def _line(part: yaml.Node | yaml.Event) -> int:
    """The line that a part begins on, from 1."""
    return part.start_mark.line + 1 if part.start_mark is not None else 0
