"""Somebody's way through the product: commands and pages, what was said, and where it stumbled."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

FIRST_DAYS = Path(__file__).parents[2] / "docs/tutorials/first-days"

Program = Callable[[list[str], str, Path], tuple[int, str]]
"""`dialer` with these words, this on its standard input, in this folder: exit code, and all that it said."""


class Stumbled(AssertionError):
    """A journey cannot go on. The text is one line: who, where, and what was said."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was done or looked at."""

    what: str
    said: str
    seconds: float
    code: int | None = None  # of a command
    picture: str = ""  # a file's name


def blocks(page: str, kind: str) -> list[str]:
    """The fenced blocks of a kind, without the indentation of the list that they stand in."""
    found = re.findall(rf"^( *)```{kind}\n(.*?)^\1```$", page, re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


@dataclass(slots=True)
class Walk:
    """One role's way. Each step is a check: one that fails raises Stumbled."""

    role: str
    program: Program
    folder: Path  # where the person stands, with a `centre.toml`
    steps: list[Step] = field(default_factory=list)
    told: Callable[[str], None] = lambda _: None
    to_walk: set[str] = field(default_factory=set)  # of the page's commands for a running centre

    def does(
        self, command: str, *says: str, given: str = "", code: int | None = 0, documented: str | None = None
    ) -> str:
        """Run `dialer ...` and have it end with `code` (None: with 0 or 1, as it judges), saying all of `says`.

        Returns what it said, line breaks as spaces.

        `documented`: the line of the first day's page that this is, where the words are others.
        """
        words = shlex.split(command)
        assert words[0] == "dialer", command
        began = time.monotonic()
        ended, said = self.program(words[1:], given, self.folder)
        self.steps.append(Step(command, said, time.monotonic() - began, ended))
        self.to_walk.discard(command if documented is None else documented)
        flat = " ".join(said.split())
        for wrong in ([] if ended == code or (code is None and ended in (0, 1)) else [f"exit {ended}, not {code}"]) + [
            f"does not say {each!r}" for each in says if each not in flat
        ]:
            raise Stumbled(f"{self.role}: {command}: {wrong}: {flat[-400:]}")
        return flat

    def is_refused(
        self, command: str, *says: str, given: str = "", code: int = 2, mistakes: int = 1, documented: str | None = None
    ) -> None:
        """Bad input: told in a line that says all of `says`; of settings in one for each mistake."""
        flat = self.does(command, *says, given=given, code=code, documented=documented)
        lines = self.steps[-1].said.strip().splitlines()
        if len(lines) > mistakes or "Traceback" in flat:
            raise Stumbled(f"{self.role}: {command}: {len(lines)} lines where {mistakes} would do: {flat[-400:]}")

    def first_day(self) -> None:
        """The commands of the role's page that need no running centre, in order, as they stand."""
        page = (FIRST_DAYS / f"{self.role}.md").read_text(encoding="utf-8")
        for settings in blocks(page, "toml"):
            (self.folder / "hq.toml").write_text(settings)
        commands = [line for block in blocks(page, "sh") for line in block.splitlines()]
        assert commands, self.role
        for command in commands:
            if command.startswith("mkdir "):
                (self.folder / command.removeprefix("mkdir ")).mkdir()
            else:
                self.does(command)
        self.to_walk = {line for block in blocks(page, "console") for line in block.splitlines()}

    def saw(self, what: str, said: str, picture: str = "") -> None:
        """A page was looked at."""
        self.steps.append(Step(what, said, 0.0, None, picture))

    def must(self, holds: object, what: str) -> None:
        """Stumble where something that was looked at is not so."""
        if not holds:
            raise Stumbled(f"{self.role}: {what}")

    def nothing_is_left(self) -> None:
        """Every command of the page has been walked."""
        if self.to_walk:
            raise Stumbled(f"{self.role}: of the first day's page nobody walked: {'; '.join(sorted(self.to_walk))}")
