"""Errors of flows.

dialer.errors.MatdanError
├── FlowError              a flow, a script or a text file cannot be used; names file, line and node or page
│   ├── UnknownFlow        there is no flow or script of that name
│   └── UnexpectedInput    a driver answered an action with an input of the wrong type
└── CommitTargetNotFound   no voter has the serial of a mark, or there is no mark to undo
"""

from __future__ import annotations

from collections.abc import Sequence

from dialer.errors import MatdanError


class FlowError(MatdanError):
    """A flow, a script or a text file cannot be used. The text names file, line and node, and says how to correct it."""

    def __init__(self, file: str, line: int, node: str, problem: str, *, part: str = "node") -> None:
        where = f"{file}:{line}" if line else file
        super().__init__(f"{where}: {part} {node}: {problem}" if node else f"{where}: {problem}")
        self.file = file
        self.line = line
        self.node = node
        self.problem = problem


class UnknownFlow(FlowError):
    """There is no flow or script of that name. `known` lists the names that exist."""

    def __init__(self, name: str, known: Sequence[str], what: str = "flow") -> None:
        shown = "".join(letter if letter.isprintable() else "?" for letter in name[:80])
        listed = ", ".join(known)
        problem = f"there is no such {what}; use one of {listed}, or the path of an existing .yaml file"
        super().__init__(shown, 0, "", problem)
        self.known = tuple(known)


class CommitTargetNotFound(MatdanError):
    """Nothing was committed: no voter has that serial, or the call has made no mark that could be undone."""


class UnexpectedInput(FlowError):
    """A driver answered an action with an input of the wrong type. This is an error in the driver, not in the flow."""
