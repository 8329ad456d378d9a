"""The node `goto:`, which continues at another node."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from dialer.flows.fields import Name
from dialer.flows.flow import Flow
from dialer.flows.node import Continue, Entered, Node, NodeStyle
from dialer.flows.turns import FlowState


class GotoNode(Node):
    """A node that continues at another node."""

    kind = "goto"
    style = NodeStyle.QUIET
    needs_no_action = True
    label = "Goes on"

    next: Name = Field(alias="goto", description="The other node.")

    def enter_node(self, flow: Flow, state: FlowState) -> Entered:
        """Continue the call at the node that this node names."""
        return Continue(state.copy_flow_state(node=self.next))

    def list_next_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield the node to which the call goes."""
        yield "", self.next
