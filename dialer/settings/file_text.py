"""The text of a settings file: its values, and the line of each key for error messages."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from dialer.errors import SettingError
from dialer.settings.files import MAX_TOML_BYTES, NotToml, open_regular_file, parse_toml_table, read_file_up_to_limit

_NAME_KEYS: Final = ("id", "name")
"""The keys whose value names one table of an array."""
_PART = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEAD: Final = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]\]?\s*(?:#.*)?")
_KEY: Final = re.compile(rf"\s*({_DOTTED})\s*=")

Place = tuple[str, ...]
"""The path to a setting: section and key, with the index (from 0) of a table in an array."""
Loc = Sequence[str | int]
"""A path as pydantic reports it. A string in place of an index is a table's name, as a seat may be named "1"."""


class SettingsText:
    """A settings file that was read: its values, and the line of each key."""

    def __init__(self, name: str = "settings", text: str = "", table: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self.table: Mapping[str, Any] = table or {}
        self._text = text

    def format_setting_key(self, place: Loc) -> str:
        """Return the key of a setting in the form of error messages: `campaigns.turnout.channels`,
        `rules.polls[0].day`. A table in an array is shown by its name, or else by its index.
        """
        key = ""
        for index, (part, (_, table)) in enumerate(zip(place, self._list_path_of_setting(place), strict=True), 1):
            names = [table.get(name) for name in _NAME_KEYS]
            own = next((name for name in names if isinstance(name, str) and re.fullmatch(r"[\w-]+", name)), None)
            about_the_name = place[index : index + 1] in {(name,) for name in _NAME_KEYS}
            if own is not None and not about_the_name:
                key += f".{own}"
            elif table or isinstance(part, int):
                key += f"[{part}]"
            else:
                key += f".{part}" if key else str(part)
        return key

    def locate_setting(self, place: Loc) -> str:
        """Return the file and line of a setting, such as `centre.toml:83`.

        If the file does not contain the setting, return the line of the setting's table.
        """
        found = tuple(number for number, _ in self._list_path_of_setting(place))
        for length in range(len(found), 0, -1):
            if found[:length] in self._find_line_number_of_each_key:
                return f"{self.name}:{self._find_line_number_of_each_key[found[:length]]}"
        return self.name

    def _list_path_of_setting(self, place: Loc) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield each key on the path to a setting, with an empty table. For an array of tables, yield the index and its
        table.
        """
        value: Any = self.table
        for part in place:
            if isinstance(value, list):
                names = [
                    next(filter(None, map(each.get, _NAME_KEYS)), None) if isinstance(each, dict) else None
                    for each in value
                ]
                number = names.index(part) if isinstance(part, str) and part in names else part
                value = value[number] if isinstance(number, int) and number < len(value) else None
                yield str(number), value if isinstance(value, dict) else {}
            else:
                value = value.get(part) if isinstance(value, dict) else None
                yield str(part), {}

    @cached_property
    def _find_line_number_of_each_key(self) -> dict[Place, int]:
        lines: dict[Place, int] = {}
        counts: dict[Place, int] = {}  # index of the last table of each array
        within: Place = ()
        for number, line in enumerate(self._text.split("\n"), 1):
            head, key = _HEAD.fullmatch(line), _KEY.match(line)
            if head is not None:
                path: Place = ()
                parts = _split_dotted_key(head[2])
                for index, part in enumerate(parts):
                    path = (*path, part)
                    if head[1] == "[[" and index == len(parts) - 1:
                        counts[path] = counts.get(path, -1) + 1
                    if path in counts:
                        path = (*path, str(counts[path]))
                within = path
                lines.setdefault(within, number)
            elif key is not None:
                lines.setdefault((*within, *_split_dotted_key(key[1])), number)
        return lines


def _split_dotted_key(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, dotted)]


def read_settings_file(path: Path, usual_name: str, how_to_get_one: str) -> SettingsText:
    """Return the values in a settings file or pipe, and the line of each key. Raises SettingError with file and remedy.

    The error suggests the file name `usual_name`, or explains with `how_to_get_one` how to create the file.
    """
    try:
        with open_regular_file(path, pipe=True) as file:
            piped = stat.S_ISFIFO(os.fstat(file.fileno()).st_mode)
            data = read_file_up_to_limit(file, MAX_TOML_BYTES)
            table = parse_toml_table(data)
    except FileNotFoundError as error:
        raise SettingError(str(path), "", "no such file", how_to_get_one) from error
    except UnicodeDecodeError as error:
        problem = f"is not in UTF-8 (byte {error.start + 1:,})"
        raise SettingError(str(path), "", problem, "save it as UTF-8") from error
    except IsADirectoryError as error:
        raise SettingError(str(path), "", "is a directory", f"give the file in it, such as {usual_name}") from error
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise SettingError(str(path), "", problem, "check the path and its permissions") from error
    except NotToml as error:
        where = str(path) if error.line is None else f"{path}:{error.line}"
        raise SettingError(where, "", f"is not TOML: {error}", "correct that line") from error
    if piped and not table:  # the program that writes to the pipe has failed; do not run with defaults
        problem = "the pipe was empty"
        raise SettingError(str(path), "", problem, "check why the program that writes to it failed")
    return SettingsText(str(path), data.decode(), table)
