"""Errors of flows.

config.errors.MatdanError
├── FlowError            a flow, its texts or a script cannot be used: names file, line and node or page
│   ├── UnknownFlow      no flow of that name: lists the known ones
│   └── UnexpectedInput  a driver answered a turn with something that turn cannot be answered with
└── NobodyMeant          a commit is about a serial that nobody has
"""

from __future__ import annotations

from collections.abc import Sequence

from dialer.errors import MatdanError


class FlowError(MatdanError):
    """A flow or a script cannot be used. Open `file` at `line`, correct `node` as the text says, and load it again."""

    def __init__(self, file: str, line: int, node: str, problem: str, *, part: str = "node") -> None:
        where = f"{file}:{line}" if line else file
        super().__init__(f"{where}: {part} {node}: {problem}" if node else f"{where}: {problem}")
        self.file = file
        self.line = line
        self.node = node
        self.problem = problem


class UnknownFlow(FlowError):
    """There is no flow (or script) of that name. Choose one of `known`, or give the path of a .yaml file."""

    def __init__(self, name: str, known: Sequence[str], what: str = "flow") -> None:
        shown = "".join(letter if letter.isprintable() else "?" for letter in name[:80])
        listed = ", ".join(known)
        super().__init__(
            shown, 0, "", f"no such {what}; use one of {listed}, or give the path of a .yaml file that exists"
        )
        self.known = tuple(known)


class NobodyMeant(MatdanError):
    """A commit is about nobody: no voter has that serial, or there is none to take back. No mark was made; the flow says so."""


class UnexpectedInput(FlowError):
    """A driver answered a turn with something that turn cannot be answered with: a fault of the driver, not of the flow."""
