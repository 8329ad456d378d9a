"""Findings: the problems that the checks of flows and scripts report."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.translatable import TranslatableText, translatable
from dialer.flows.errors import PAGE, describe_problem_at_part


@dataclass(frozen=True, slots=True)
class FlowFinding:
    """A problem that a check has found in a flow: where it is, and how to correct it."""

    rule: str
    file: str
    line: int
    node: str
    problem: TranslatableText

    @property
    def node_and_problem(self) -> TranslatableText:
        """Return the finding without file, line and rule, such as "node ask: cannot be reached; delete it"."""
        return describe_problem_at_part("node", self.node, self.problem)

    @property
    def problem_and_rule(self) -> TranslatableText:
        """Return the problem followed by the name of the rule, such as "cannot be reached; delete it [unreachable]"."""
        return translatable("problem-and-rule", "{problem} [{rule}]", problem=self.problem, rule=self.rule)

    def __str__(self) -> str:
        """Return the finding on one line: file, line, node, problem, and name of the rule."""
        return f"{self.file}:{self.line}: {self.node_and_problem} [{self.rule}]"


class PageFinding(FlowFinding):
    """A problem that a check has found in a page of a script."""

    @property
    def node_and_problem(self) -> TranslatableText:
        """Return the finding without file, line and rule, such as "page ask: cannot be reached; delete it"."""
        return describe_problem_at_part(PAGE, self.node, self.problem)
