"""Changes of one table of an array, such as [[campaigns]], in a TOML file that supervisors edit on a page.

A new table is appended to the file. An edit changes the lines of the edited values only: all comments, and keys that
the page does not have, stay as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from difflib import unified_diff
from pathlib import Path
from typing import Any

from dialer.errors import SettingError
from dialer.settings.file_change import FileChange, read_edited_file
from dialer.settings.file_text import SettingsText
from dialer.settings.files import NotToml, parse_toml_table


@dataclass(frozen=True, slots=True)
class TableChange(FileChange):
    """A change of an edited file that is not written yet: one table is added, edited or removed."""

    old_lines: str  # the lines of the table in the file as it was read; empty: it is added
    new_lines: str  # its lines after the change; empty: it is removed

    @property
    def difference(self) -> str:
        """The lines of the table before and after the change, as a unified diff without its header lines."""
        old, new = (text.split("\n") if text else [] for text in (self.old_lines, self.new_lines))
        return "\n".join([*unified_diff(old, new, n=len(old), lineterm="")][3:])

    @property
    def digest_of_lines(self) -> str:
        """The SHA-256 digest of the table's lines before and after the change, in hexadecimal."""
        return hashlib.sha256(f"{self.old_lines}\0{self.new_lines}".encode()).hexdigest()

    def make_settings_text(self) -> SettingsText:
        """Return the settings in the changed file. Raises SettingError if the original file is invalid."""
        table = _parse_edited_file(self.path, self.content)
        return SettingsText(str(self.path), self.content.decode(), table)


@dataclass(frozen=True, slots=True)
class EditedTables:
    """The tables of one array in a file that supervisors edit on a page."""

    setting: str  # the setting that names the file, such as desk.campaigns_file
    array: str  # name of the array, such as campaigns
    key: str  # the key whose value identifies a table, such as id
    noun: str  # what a table describes, in one word for messages
    head: str  # comment at the start of a new file, with its newline

    def read_file(self, path: Path) -> SettingsText:
        """Return the settings in the file, or none if there is no file. Raises SettingError if it is not valid TOML."""
        content = read_edited_file(path) or b""
        return SettingsText(str(path), content.decode(errors="replace"), _parse_edited_file(path, content))

    def prepare_table_addition(self, path: Path, values: Mapping[str, Any], comment: str) -> TableChange:
        """Return the change that adds a table at the end of the file, below a comment of one line. Nothing is written.

        Raises SettingError if the file cannot be read.
        """
        before = read_edited_file(path)
        start = self.head if before is None else "" if not before or before.endswith(b"\n") else "\n"
        one_line = " ".join(comment.split())
        added = f"# {one_line}\n{self.format_table(values)}"
        content = (before or b"") + f"{start}\n{added}".encode()
        return TableChange(path, self.setting, before, content, "", added.strip())

    def prepare_table_edit(self, path: Path, name: str, changed: Mapping[str, Any]) -> TableChange:
        """Return the change that gives a table in the file other values; None removes a key. All other keys and all
        comments stay. Nothing is written.

        Raises SettingError if the file cannot be read or does not contain the table.
        """
        content = read_edited_file(path)
        statements, start, end = self._find_table(path, content, name)
        own = self._replace_values_in_statements(statements[start:end], changed)
        return self._make_table_change(path, content, statements, start, end, own)

    def prepare_table_removal(self, path: Path, name: str) -> TableChange:
        """Return the change that removes a table from the file, with the comment lines directly above it.

        Nothing is written. Raises SettingError if the file cannot be read or does not contain the table.
        """
        content = read_edited_file(path)
        statements, start, end = self._find_table(path, content, name)
        while start and statements[start - 1].lstrip().startswith("#"):
            start -= 1
        if start and not "".join((statements[start - 1], *statements[end : end + 1])).strip():
            start -= 1  # of the empty lines above and below it, one is enough
        return self._make_table_change(path, content, statements, start, end, [])

    def format_table(self, values: Mapping[str, Any]) -> str:
        """Return a table of the array as TOML."""
        lines = (f"{key} = {_format_toml_value(value)}\n" for key, value in values.items())
        return f"[[{self.array}]]\n{''.join(lines)}"

    def _make_table_change(
        self, path: Path, before: bytes | None, statements: list[str], start: int, end: int, replacement: list[str]
    ) -> TableChange:
        old, new = "".join(statements[start:end]), "".join(replacement)
        content = "".join((*statements[:start], new, *statements[end:])).encode()
        return TableChange(path, self.setting, before, content, old.strip("\n"), new.strip("\n"))

    def _find_table(self, path: Path, content: bytes | None, name: str) -> tuple[list[str], int, int]:
        """Return the statements of the file, and the start and end of the table with this name.

        Start and end are positions in the statements; the end is exclusive. Comments below the table do not belong to
        it.
        """
        tables = _parse_edited_file(path, content or b"").get(self.array, [])
        statements = _split_toml_into_statements((content or b"").decode())
        starts = [place for place, each in enumerate(statements) if tomllib.loads(each) == {self.array: [{}]}]
        for number, start in enumerate(starts):
            if tables[number].get(self.key) == name:
                end = starts[number + 1] if number + 1 < len(starts) else len(statements)
                while not tomllib.loads(statements[end - 1]):
                    end -= 1
                return statements, start, end
        problem = f"has no table [[{self.array}]] with the {self.key} {name!r}"
        raise SettingError(str(path), "", problem, f"edit that {self.noun} in its own file")

    def _replace_values_in_statements(self, statements: list[str], changed: Mapping[str, Any]) -> list[str]:
        """Return the statements of a table with other values. None removes a key. Comments stay."""
        lines = {key: f"{key} = {_format_toml_value(value)}" for key, value in changed.items() if value is not None}
        result, after_keys, table = list[str](), 0, ""  # table: the one within this table, such as declared
        for each in statements:
            values: Any = tomllib.loads(each)
            if each.lstrip().startswith("["):
                inner = values[self.array]
                table = "" if isinstance(inner, list) else next(iter(inner))
            key = table or next(iter(values), "")
            if not values or key not in changed:
                result.append(each)
            elif not table and (line := "  ".join(filter(None, (lines.pop(key, ""), _find_comment_after_value(each))))):
                result.append(f"{line}\n")
            if values and not table:
                after_keys = len(result)
        result[after_keys:after_keys] = [f"{line}\n" for line in lines.values()]
        return result


def _split_toml_into_statements(text: str) -> list[str]:
    """Split valid TOML into comments, empty lines, table heads, and keys with their values, each with its newline."""
    statements, unfinished = list[str](), ""
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        unfinished += line
        try:
            tomllib.loads(unfinished)
        except tomllib.TOMLDecodeError:  # a value of several lines
            continue
        statements.append(unfinished if unfinished.endswith("\n") else f"{unfinished}\n")
        unfinished = ""
    return statements


def _find_comment_after_value(statement: str) -> str:
    """Return the comment at the end of a key with its value, or an empty text."""
    values = tomllib.loads(statement)
    for found in re.finditer("#", statement):
        try:
            if tomllib.loads(statement[: found.start()]) == values:
                return statement[found.start() :].rstrip()
        except tomllib.TOMLDecodeError:  # the # is within the value
            continue
    return ""


def _format_toml_value(value: Any) -> str:
    """Return a value as TOML on one line."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {_format_toml_value(each)}' for key, each in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_format_toml_value, value))}]"
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, str):  # JSON's escapes are TOML's, but JSON leaves DEL as it is
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


def _parse_edited_file(path: Path, content: bytes) -> dict[str, Any]:
    try:
        return parse_toml_table(content)
    except (NotToml, UnicodeDecodeError) as error:
        raise SettingError(str(path), "", f"is not TOML: {error}", "correct that line") from error
