"""The node `return:`, which returns to the calling flow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from dialer.flows.flow import Flow
from dialer.flows.node import Continue, Entered, HangUp, Node, NodeStyle
from dialer.flows.turns import FlowState


class ReturnNode(Node):
    """A node that returns from a subdialog to the calling flow. A flow that is not a subdialog hangs up here."""

    kind = "return"
    style = NodeStyle.QUIET
    needs_no_action = True
    returns = True
    ends_call = True
    label = "Returns"

    marker: Annotated[Literal["", "true", "null", "~"], WithJsonSchema({"enum": [None, True, ""]})] = Field(
        alias="return", description="Nothing: write `return:` alone."
    )

    def enter_node(self, flow: Flow, state: FlowState) -> Entered:
        """Continue in the calling flow, or hang up if no flow has called this flow as a subdialog."""
        if not state.frames:
            return HangUp()
        return Continue(state.copy_flow_state(frames=state.frames[:-1], node=state.frames[-1].resume))

    def list_next_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield nothing, because the flow ends."""
        yield from ()
