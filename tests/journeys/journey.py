"""A journey: the commands that a role runs on its first day and the pages it opens. A failed step ends it."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

FIRST_DAYS = Path(__file__).parents[2] / "docs/tutorials/first-days"

Program = Callable[[list[str], str, Path], tuple[int, str]]
"""Runs `dialer` with arguments, standard input and working folder. Returns its exit code and all output."""


class JourneyFailed(AssertionError):
    """A step of a role's first day failed. The message is one line: role, step and output."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a journey: a command that was run, or a page that was opened."""

    action: str
    output: str
    seconds: float
    code: int | None = None  # of a command
    screenshot: str = ""  # file name


def find_blocks(page: str, kind: str) -> list[str]:
    """Return the fenced code blocks of a language in a Markdown page.

    The indentation of list items is removed.
    """
    found = re.findall(rf"^( *)```{kind}\n(.*?)^\1```$", page, re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


@dataclass(slots=True)
class Journey:
    """The first day of one role, as a list of steps. A failed step raises JourneyFailed."""

    role: str
    program: Program
    folder: Path  # working folder, with a `centre.toml`
    steps: list[Step] = field(default_factory=list)
    commands_left: set[str] = field(
        default_factory=set
    )  # the page's commands for a running centre that have not been run yet

    def run(
        self, command: str, *expected: str, stdin: str = "", code: int | None = 0, documented: str | None = None
    ) -> str:
        """Run `dialer ...`, check exit code and output, and return the output in one line.

        The output must contain all of `expected`. `stdin` is its standard input. `code` None accepts 0 and 1.
        `documented` is the command as the first-day page has it, if it differs.
        """
        arguments = shlex.split(command)
        assert arguments[0] == "dialer", command
        began = time.monotonic()
        exit_code, output = self.program(arguments[1:], stdin, self.folder)
        self.steps.append(Step(command, output, time.monotonic() - began, exit_code))
        self.commands_left.discard(command if documented is None else documented)
        flat = " ".join(output.split())
        accepted = (0, 1) if code is None else (code,)
        faults = [f"output lacks {each!r}" for each in expected if each not in flat]
        if exit_code not in accepted:
            faults.insert(0, f"exit code {exit_code}, expected {code}")
        if faults:
            raise JourneyFailed(f"{self.role}: {command}: {faults[0]}: {flat[-400:]}")
        return flat

    def check_refused(
        self,
        command: str,
        *expected: str,
        stdin: str = "",
        code: int = 2,
        mistakes: int = 1,
        documented: str | None = None,
    ) -> None:
        """Run a command with bad input, which must fail with one line per mistake and no traceback."""
        flat = self.run(command, *expected, stdin=stdin, code=code, documented=documented)
        lines = self.steps[-1].output.strip().splitlines()
        if len(lines) > mistakes or "Traceback" in flat:
            raise JourneyFailed(
                f"{self.role}: {command}: {len(lines)} lines of output, expected at most {mistakes}: {flat[-400:]}"
            )

    def run_first_day_page(self) -> None:
        """Run the commands on the role's first-day page that need no running centre, in order."""
        page = (FIRST_DAYS / f"{self.role}.md").read_text(encoding="utf-8")
        for settings in find_blocks(page, "toml"):
            (self.folder / "hq.toml").write_text(settings)
        commands = [line for block in find_blocks(page, "sh") for line in block.splitlines()]
        assert commands, self.role
        for command in commands:
            if command.startswith("mkdir "):
                (self.folder / command.removeprefix("mkdir ")).mkdir()
            else:
                self.run(command)
        self.commands_left = {line for block in find_blocks(page, "console") for line in block.splitlines()}

    def record_view(self, title: str, output: str, screenshot: str = "") -> None:
        """Record a page that was opened as a step."""
        self.steps.append(Step(title, output, 0.0, None, screenshot))

    def require(self, condition: object, message: str) -> None:
        """Raise JourneyFailed with this message unless the condition is true."""
        if not condition:
            raise JourneyFailed(f"{self.role}: {message}")

    def check_all_commands_ran(self) -> None:
        """Check that every command on the first-day page has been run."""
        if self.commands_left:
            raise JourneyFailed(
                f"{self.role}: commands of the first-day page that were not run: {'; '.join(sorted(self.commands_left))}"
            )
