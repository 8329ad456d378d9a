"""Asterisk's configuration format: text in, sections out, with file and line of each setting. Pure.

Supported are `key = value` and `key => value`, comments (`;`, `\\;` and `;-- ... --;`), templates `[name](!)`, inheritance
`[name](template,...)`, additions `[name](+)`, and `#include`, `#tryinclude` with wildcards. `#exec` is reported, not run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

MAX_INCLUDES = 200

Library = Callable[[str], list[tuple[str, str]]]
"""Returns the files of a name or wildcard pattern of #include: (name, text) of each, sorted; [] where there is none."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One `key = value`, with file and line."""

    key: str
    value: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that Asterisk ignores, or reads differently than it looks."""

    file: str
    line: int
    text: str
    remedy: str


@dataclass(slots=True)
class ConfSection:
    """One `[name]`, with the settings of its templates before its own."""

    name: str
    file: str
    line: int
    template: bool
    settings: list[Setting] = field(default_factory=list)

    def get(self, key: str, default: str = "") -> str:
        """Return the value in force: the last one of that key, in any case."""
        found = self.find(key)
        return default if found is None else found.value

    def find(self, key: str) -> Setting | None:
        """Return the setting in force; None where there is none."""
        return next((each for each in reversed(self.settings) if each.key.lower() == key.lower()), None)

    def all(self, key: str) -> list[Setting]:
        """Return all settings of that key, in order."""
        return [each for each in self.settings if each.key.lower() == key.lower()]


@dataclass(slots=True)
class ConfFile:
    """The content of a file and its includes."""

    name: str
    sections: list[ConfSection] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def live(self) -> Iterator[ConfSection]:
        """Return the sections that are not templates."""
        return (section for section in self.sections if not section.template)

    def named(self, name: str) -> ConfSection | None:
        """Return the first section of that name."""
        return next((section for section in self.sections if section.name == name), None)

    def of_type(self, kind: str) -> list[ConfSection]:
        """Return the sections with `type = kind`."""
        return [section for section in self.live() if section.get("type").lower() == kind]


_HEAD = re.compile(r"\[([^\]]*)\]\s*(?:\(([^)]*)\))?")
_INCLUDE = re.compile(r"#\s*(include|tryinclude|exec)\b\s*(.*)", re.IGNORECASE)
_COMMENT = re.compile(r"(?<!\\);.*")


def read_conf(name: str, text: str, library: Library | None = None) -> ConfFile:
    """Parse the text of a file. `library` returns what it includes. Never raises for its text: see `problems`."""
    conf = ConfFile(name)
    _Reader(conf, library or (lambda _: [])).read(name, text, depth=0)
    return conf


class _Reader:
    def __init__(self, conf: ConfFile, library: Library) -> None:
        self._conf = conf
        self._library = library
        self._section: ConfSection | None = None
        self._included = 0

    def read(self, name: str, text: str, depth: int) -> None:
        for number, line in _lines(text):
            include = _INCLUDE.match(line)
            if include is not None:
                self._include(name, number, include[1].lower(), include[2].strip().strip('"<>'), depth)
            elif line.startswith("["):
                self._head(name, number, line)
            else:
                self._setting(name, number, line)

    def _problem(self, file: str, line: int, text: str, remedy: str) -> None:
        self._conf.problems.append(Problem(file, line, text, remedy))

    def _include(self, file: str, number: int, word: str, target: str, depth: int) -> None:
        if word == "exec":
            self._problem(file, number, f"#exec runs {target} at each reload", "write the settings into the file")
            return
        found = self._library(target)
        if not found and word == "include":
            text = f"#include {target} matches no file, so Asterisk ignores the whole file"
            self._problem(file, number, text, "use #tryinclude, or put a file there")
        for name, text in found:
            self._included += 1
            if depth > 10 or self._included > MAX_INCLUDES:
                self._problem(file, number, f"{name} includes itself", "remove one #include")
                return
            self.read(name, text, depth + 1)

    def _head(self, file: str, number: int, line: str) -> None:
        head = _HEAD.match(line)
        if head is None:
            self._problem(file, number, f"{line[:40]} is not a complete section head", "close it with ]")
            self._section = None
            return
        options = [option.strip() for option in (head[2] or "").split(",") if option.strip()]
        known = self._conf.named(head[1])
        if "+" in options and known is not None:
            self._section = known
        else:
            self._section = ConfSection(head[1], file, number, template="!" in options)
            self._conf.sections.append(self._section)
        for option in options:
            if option in {"!", "+"}:
                continue
            template = self._conf.named(option)
            if template is None:
                self._problem(
                    file, number, f"[{head[1]}] inherits from [{option}], which is not defined above", "add it"
                )
            else:
                self._section.settings += template.settings

    def _setting(self, file: str, number: int, line: str) -> None:
        key, equals, value = line.partition("=")
        if not equals:
            self._problem(
                file, number, f"no = in this line: {key.strip()[:40]}", "write key = value, or start it with ;"
            )
        elif self._section is None:
            self._problem(file, number, "a setting before the first [section] is not read", "move it into a section")
        else:
            plain = value.removeprefix(">").strip().replace("\\;", ";")
            self._section.settings.append(Setting(key.strip(), plain, file, number))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield numbered lines without comments, block comments and blank lines."""
    in_block = False
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw
        if in_block:
            _, end, line = line.partition("--;")
            if not end:
                continue
            in_block = False
        while (start := re.search(r"(?<!\\);--(?!-)", line)) is not None:
            before, rest = line[: start.start()], line[start.end() :]
            _, end, after = rest.partition("--;")
            line = before + after
            if not end:
                in_block = True
                break
        line = _COMMENT.sub("", line).strip()
        if line:
            yield number, line
