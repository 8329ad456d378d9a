"""Findings: the problems that the checks of flows and scripts report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dialer.flows.script import PAGE


@dataclass(frozen=True, slots=True)
class FlowFinding:
    """A problem that a check has found in a flow: where it is, and how to correct it."""

    rule: str
    file: str
    line: int
    node: str
    problem: str

    part: ClassVar = "node"

    def __str__(self) -> str:
        """Return the finding on one line: file, line, node, problem, and name of the rule."""
        return f"{self.file}:{self.line}: {self.part} {self.node}: {self.problem} [{self.rule}]"


class PageFinding(FlowFinding):
    """A problem that a check has found in a page of a script."""

    part = PAGE
