"""The node `subdialog:`, which runs another flow."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from dialer.flows.fields import Name
from dialer.flows.flow import Flow
from dialer.flows.node import Continue, Entered, Node, NodeStyle
from dialer.flows.turns import FlowState, Frame


class SubdialogNode(Node):
    """A node that runs another flow, then continues in this one."""

    kind = "subdialog"
    style = NodeStyle.PART

    flow: Name = Field(alias="subdialog", description="Name of the other flow.")
    next: Name = Field(description="Node after the other flow.")

    def enter_node(self, flow: Flow, state: FlowState) -> Entered:
        """Continue at the start of the flow that runs as a subdialog."""
        frames = (*state.frames, Frame(self.flow, self.next))
        return Continue(state.copy_flow_state(frames=frames, node=flow.subflows[self.flow].start))

    def list_next_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield the node of this flow at which the call continues after the subdialog."""
        yield "", self.next

    @property
    def subdialog_flow_name(self) -> str:
        """The name of the flow that runs as a subdialog."""
        return self.flow

    @property
    def diagram_title(self) -> str:
        """A short description with the name of the flow that runs as a subdialog."""
        return f"Runs flow {self.flow}"
