r"""Parser of Asterisk's configuration files: sections and settings, each with file and line. No I/O.

Supported are `key = value` and `key => value`, comments (`;`, `\;` and `;-- ... --;`), templates `[name](!)`, inheritance
`[name](template,...)`, additions `[name](+)` and `[name](+key=value)`, and `#include`, `#tryinclude` with wildcards.
`#exec` is reported, not run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

MAX_INCLUDES = 200

Library = Callable[[str], list[tuple[str, str]]]
"""A function that returns the files of an #include, which is a name or wildcard pattern: (name, text) of each, sorted by name."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A line `key = value` of an Asterisk file, with its file and line number."""

    key: str
    value: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class ConfFileProblem:
    """A line of an Asterisk file that Asterisk ignores, or interprets differently than its author meant."""

    file: str
    line: int
    text: str
    remedy: str


@dataclass(slots=True)
class ConfSection:
    """A section `[name]` of an Asterisk file. The settings of its templates precede its own."""

    name: str
    file: str
    line: int
    template: bool
    settings: list[Setting] = field(default_factory=list)

    def get_setting_value(self, key: str, default: str = "") -> str:
        """Return the value of a setting in this section, ignoring case.

        If it is set twice, Asterisk uses the last one.
        """
        found = self.find_setting(key)
        return default if found is None else found.value

    def find_setting(self, key: str) -> Setting | None:
        """Return the setting of this section with that key, or None. If the key is set twice, Asterisk uses the last
        one.
        """
        return next((each for each in reversed(self.settings) if each.key.lower() == key.lower()), None)

    def find_all_settings(self, key: str) -> list[Setting]:
        """Return all settings with that key in this section, in the order of the file."""
        return [each for each in self.settings if each.key.lower() == key.lower()]


@dataclass(slots=True)
class ConfFile:
    """The parsed content of an Asterisk file, including the files that it includes."""

    name: str
    sections: list[ConfSection] = field(default_factory=list)
    problems: list[ConfFileProblem] = field(default_factory=list)

    def list_sections_without_templates(self) -> Iterator[ConfSection]:
        """Return the sections of the file that are not templates."""
        return (section for section in self.sections if not section.template)

    def find_section(self, name: str) -> ConfSection | None:
        """Return the first section `[name]` of the file, or None."""
        return next((section for section in self.sections if section.name == name), None)

    def find_sections_of_type(self, kind: str) -> list[ConfSection]:
        """Return the sections that have the setting `type = kind`."""
        return [
            section
            for section in self.list_sections_without_templates()
            if section.get_setting_value("type").lower() == kind
        ]


_HEAD = re.compile(r"\[([^\]]*)\]\s*(?:\(([^)]*)\))?")
_INCLUDE = re.compile(r"#\s*(include|tryinclude|exec)\b\s*(.*)", re.IGNORECASE)
_COMMENT = re.compile(r"(?<!\\);.*")


def parse_asterisk_conf(name: str, text: str, library: Library | None = None) -> ConfFile:
    """Parse the text of an Asterisk file. `library` returns the texts of included files.

    Invalid lines are listed in `problems`, and never raise an error.
    """
    conf = ConfFile(name)
    _Reader(conf, library or (lambda _: [])).read_conf_text(name, text, depth=0)
    return conf


class _Reader:
    def __init__(self, conf: ConfFile, library: Library) -> None:
        self._conf = conf
        self._library = library
        self._section: ConfSection | None = None
        self._included = 0

    def read_conf_text(self, name: str, text: str, depth: int) -> None:
        for number, line in _list_lines_without_comments(text):
            include = _INCLUDE.match(line)
            if include is not None:
                self._read_included_files(name, number, include[1].lower(), include[2].strip().strip('"<>'), depth)
            elif line.startswith("["):
                self._read_section_header(name, number, line)
            else:
                self._read_setting_line(name, number, line)

    def _add_conf_file_problem(self, file: str, line: int, text: str, remedy: str) -> None:
        self._conf.problems.append(ConfFileProblem(file, line, text, remedy))

    def _read_included_files(self, file: str, number: int, word: str, target: str, depth: int) -> None:
        if word == "exec":
            self._add_conf_file_problem(
                file, number, f"#exec runs {target} at each reload", "write the settings into the file"
            )
            return
        found = self._library(target)
        if not found and word == "include":
            text = f"#include {target} matches no file, so Asterisk ignores the whole file"
            self._add_conf_file_problem(file, number, text, "use #tryinclude, or create the file")
        for name, text in found:
            self._included += 1
            if depth > 10 or self._included > MAX_INCLUDES:
                self._add_conf_file_problem(file, number, f"{name} includes itself", "remove one #include")
                return
            self.read_conf_text(name, text, depth + 1)

    def _read_section_header(self, file: str, number: int, line: str) -> None:
        head = _HEAD.match(line)
        if head is None:
            self._add_conf_file_problem(file, number, f"{line[:40]} is not a complete section head", "close it with ]")
            self._section = None
            return
        options = [option.strip() for option in (head[2] or "").split(",") if option.strip()]
        known = self._find_section_that_line_extends(head[1], options)
        if known is not None:
            self._section = known
        else:
            self._section = ConfSection(head[1], file, number, template="!" in options)
            self._conf.sections.append(self._section)
        for option in options:
            if option == "!" or option.startswith("+"):
                continue
            template = self._conf.find_section(option)
            if template is None:
                self._add_conf_file_problem(
                    file, number, f"[{head[1]}] inherits from [{option}], which is not defined above", "add it"
                )
            else:
                self._section.settings += template.settings

    def _find_section_that_line_extends(self, name: str, options: list[str]) -> ConfSection | None:
        """Return the existing section that a line `[name](+)` or `[name](+key=value)` extends: the first one that
        matches.
        """
        wanted = next((option[1:] for option in options if option.startswith("+")), None)
        if wanted is None:
            return None
        key, _, value = (part.strip() for part in wanted.partition("="))
        return next(
            (
                section
                for section in self._conf.sections
                if section.name == name and (not key or section.get_setting_value(key) == value)
            ),
            None,
        )

    def _read_setting_line(self, file: str, number: int, line: str) -> None:
        key, equals, value = line.partition("=")
        if not equals:
            self._add_conf_file_problem(
                file, number, f"no = in this line: {key.strip()[:40]}", "write key = value, or start it with ;"
            )
        elif self._section is None:
            self._add_conf_file_problem(
                file, number, "a setting before the first [section] is not read", "move it into a section"
            )
        else:
            plain = value.removeprefix(">").strip().replace("\\;", ";")
            self._section.settings.append(Setting(key.strip(), plain, file, number))


def _list_lines_without_comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line of an Asterisk file with its number, without comments and blank lines."""
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
