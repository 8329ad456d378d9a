"""Errors of flows.

dialer.errors.MatdanError
├── FlowError              a flow, a script or a text file cannot be used; names file, line and node or page
│   ├── UnknownFlow        no flow or script has this name
│   └── UnexpectedInput    a driver answered an action with an input of the wrong type
└── CommitTargetNotFound   no voter has the reported serial number, or nothing can be undone
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dialer.domain.translatable import TranslatableText, add_subject, translatable
from dialer.errors import MatdanError

PAGE = "page"
"""The kind of part that a script consists of. A flow consists of nodes."""


def describe_problem_at_part(part: str, name: str, problem: str) -> TranslatableText:
    """Return a problem, preceded by the place where it is, such as "node ask: cannot be reached".

    `part` is the kind of place: the node of a flow, or the page of a script. `name` is its name.
    """
    if part == PAGE:
        return translatable("problem-on-page", "page {page}: {problem}", page=name, problem=problem)
    return translatable("problem-at-node", "node {node}: {problem}", node=name, problem=problem)


class FlowError(MatdanError):
    """Raised if a flow, script or text file has an error. Its text names file, line and node, and says how to correct
    it.
    """

    def __init__(self, file: str, line: int, node: str, problem: str, *, part: str = "node") -> None:
        where = f"{file}:{line}" if line else file
        self.node_and_problem = describe_problem_at_part(part, node, problem) if node else problem
        super().__init__(add_subject(where, self.node_and_problem))
        self.file = file
        self.line = line
        self.node = node
        self.problem = problem

    @property
    def text_with_file_name(self) -> str:
        """Return the text of the error with the name of the file instead of its path, for the pages."""
        name = Path(self.file).name
        return add_subject(f"{name}:{self.line}" if self.line else name, self.node_and_problem)


class UnknownFlow(FlowError):
    """Raised if no flow or script has the given name. `known` lists the existing names."""

    def __init__(self, name: str, known: Sequence[str], what: str = "flow") -> None:
        shown = "".join(letter if letter.isprintable() else "?" for letter in name[:80])
        listed = ", ".join(known)
        problem = f"no {what} has this name; use one of {listed}, or the path of an existing .yaml file"
        super().__init__(shown, 0, "", problem)
        self.name = name
        self.known = tuple(known)


class CommitTargetNotFound(MatdanError):
    """Raised if a result cannot be stored because its target is missing.

    Either no voter has the given serial number on the roll, or the call has no voter mark to undo.
    """


class UnexpectedInput(FlowError):
    """Raised if the result of an action has the wrong type. This is a bug in the driver (the code that runs a flow on a
    call).
    """
