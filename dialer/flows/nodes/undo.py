"""The node `undo:`, which withdraws the caller's last report in this call, such as "the voter with serial number 312
has voted".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from dialer.flows.fields import Name
from dialer.flows.node import Answered, CommittingNode, GoTo
from dialer.flows.turns import CommitKind, FlowState, Input, NotFound


class UndoNode(CommittingNode):
    """A node that undoes the last mark (fact about a voter) that the caller stored by a voter's serial
    number in this call.
    """

    kind = "undo"
    commits = CommitKind.UNDO
    label = "Undoes the last serial"

    undo: Literal["serial"] = Field(description="What is undone: the last serial.")
    nothing: Name = Field(description="Node if there is nothing to undo.")

    def handle_action_result(self, state: FlowState, event: Input) -> Answered:
        """Return the step after the mark was undone, could not be undone, or was not found."""
        if isinstance(event, NotFound):
            return GoTo(state, self.nothing)
        return super().handle_action_result(state, event)

    def list_next_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield the next nodes for a mark that was undone, could not be undone, or was not found."""
        yield from super().list_next_nodes()
        yield "unknown", self.nothing
