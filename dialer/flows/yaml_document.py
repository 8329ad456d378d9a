"""A strict reader of untrusted YAML files that records the line number of every value.

Tags, anchors, aliases, several documents, invisible characters, duplicate keys and deep nesting are refused. All
scalars stay text as written, so that `yes`, `012` and `1:30` are not converted by the rules of YAML 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from dialer.domain.paths import is_regular_file
from dialer.flows.errors import FlowError
from dialer.settings.files import open_regular_file

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
MAX_BYTES = 256 * 1024
MAX_DEPTH = 10
MAX_VALUES = 20_000
# Characters that change the order or visibility of text. Zero-width joiners and non-joiners are allowed, because Indian
# scripts need them.
_INVISIBLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")

Value = str | list["Value"] | dict[str, "Value"]
Location = tuple[str | int, ...]
"""The keys and list indexes that lead to a value."""


@dataclass(frozen=True, slots=True)
class Document:
    """The contents of a YAML file, with the line number of each value."""

    file: str
    values: dict[str, Value]
    lines: Mapping[Location, int]  # line number of each key and list item

    def find_line_number_of_value(self, location: Location) -> int:
        """Return the line number of the value at `location` in the file.

        If the file has no such value, return the line of the closest part of the file that encloses `location`, or 0.
        """
        for length in range(len(location), 0, -1):
            if location[:length] in self.lines:
                return self.lines[location[:length]]
        return self.lines.get((), 0)


def read_yaml_file(path: Path) -> str:
    """Return the contents of a YAML file. Raises FlowError if it is missing, unreadable, too large or not UTF-8."""
    return decode_yaml_file(read_undecoded_yaml_file(path), path)


def read_undecoded_yaml_file(path: Path) -> bytes:
    """Return the bytes of a YAML file. Raises FlowError if it is missing, unreadable or too large."""
    try:
        with open_regular_file(path) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        problem = f"cannot be read ({error.strerror}); check the path and its permissions"
        raise FlowError(str(path), 0, "", problem) from error
    if len(data) > MAX_BYTES:
        raise FlowError(str(path), 0, "", _describe_size_limit())
    return data


def decode_yaml_file(data: bytes, path: Path) -> str:
    """Return the bytes of a YAML file as text. Raises FlowError if they are not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FlowError(str(path), 0, "", "the file is not UTF-8; save it as UTF-8 and load it again") from error


def find_yaml_file(name_or_path: str, shipped: Path) -> Path | None:
    """Return the file of a shipped flow or script, or the .yaml file at a path. Without such a file, return None.

    Raises:
        FlowError: the path cannot be accessed.
    """
    if NAME.fullmatch(name_or_path):
        path = shipped / f"{name_or_path}.yaml"
    elif name_or_path.endswith((".yaml", ".yml")) and "\0" not in name_or_path:
        path = Path(name_or_path)
    else:
        return None
    try:
        return path if is_regular_file(path) else None
    except OSError as error:
        problem = f"cannot be read ({error.strerror}); check the path and its permissions"
        raise FlowError(str(path), 0, "", problem) from error


def parse_yaml(text: str, file: str) -> Document:
    """Return the contents of a YAML text whose top level is a mapping. Raises FlowError with file and line."""
    if len(text) > MAX_BYTES:
        raise FlowError(file, 0, "", _describe_size_limit())
    for number, line in enumerate(text.splitlines(), start=1):
        _refuse_invisible_characters(line, number, file)
    try:
        _refuse_forbidden_yaml_constructs(text, file)
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise FlowError(
            file, mark.line + 1 if mark else 0, "", f"the file is not YAML: {problem}; correct that line"
        ) from error
    if root is None:
        raise FlowError(file, 0, "", "the file is empty; start with a copy of a shipped file")
    lines: dict[Location, int] = {}
    values = _convert_yaml_node(root, (), lines, file)
    if not isinstance(values, dict):
        raise FlowError(
            file,
            _get_line_number_of_yaml_node(root),
            "",
            "the file must be a mapping (`key: value` lines) at the top level",
        )
    return Document(file, values, lines)


def _describe_size_limit() -> str:
    return f"the file is larger than {MAX_BYTES // 1024} kB; split it into subdialogs"


def _refuse_invisible_characters(line: str, number: int, file: str) -> None:
    if found := _INVISIBLE.search(line):
        raise FlowError(file, number, "", f"the line has the invisible character U+{ord(found[0]):04X}; delete it")


def _refuse_forbidden_yaml_constructs(text: str, file: str) -> None:
    """Raise FlowError if a document has a forbidden construct or is too large. The document is not loaded into memory
    first.
    """
    depth = documents = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
        line = _get_line_number_of_yaml_node(event)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise FlowError(file, line, "", "the line uses an anchor or alias (& or *); write the value out")
        if getattr(event, "tag", None):
            raise FlowError(file, line, "", "the line uses a tag (!); remove it")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise FlowError(file, line, "", "the file has more than one document (---); use one file for each")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise FlowError(file, line, "", f"the value is nested more than {MAX_DEPTH} levels deep; flatten it")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if count > MAX_VALUES:
            raise FlowError(file, line, "", f"the file has more than {MAX_VALUES} values; split it into subdialogs")


def _convert_yaml_node(node: yaml.Node, location: Location, lines: dict[Location, int], file: str) -> Value:
    lines.setdefault(location, _get_line_number_of_yaml_node(node))
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_convert_yaml_node(item, (*location, index), lines, file) for index, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        raise FlowError(
            file,
            _get_line_number_of_yaml_node(node),
            "",
            "the file has a value that is neither text, list nor mapping; correct the value",
        )
    return dict(_convert_yaml_mapping_items(node, location, lines, file))


def _convert_yaml_mapping_items(
    node: yaml.MappingNode, location: Location, lines: dict[Location, int], file: str
) -> Iterator[tuple[str, Value]]:
    for key, value in node.value:
        line = _get_line_number_of_yaml_node(key)
        if not isinstance(key, yaml.ScalarNode):
            raise FlowError(file, line, "", "the line has a list or mapping as a key; write one word as the key")
        place = (*location, key.value)
        if place in lines:
            problem = f"the mapping has the key `{key.value}` twice (first on line {lines[place]}); keep one"
            raise FlowError(file, line, "", problem)
        lines[place] = line
        yield key.value, _convert_yaml_node(value, place, lines, file)


def _get_line_number_of_yaml_node(part: yaml.Node | yaml.Event) -> int:
    """Return the line number (from 1) at which a node or event starts."""
    return part.start_mark.line + 1 if part.start_mark is not None else 0
