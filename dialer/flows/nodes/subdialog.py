"""`subdialog:` another flow."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.flows.keys import NEXT, NODE, key
from dialer.flows.node import Entered, Flow, Look, Node, Walked, node_kind
from dialer.flows.turns import FlowState, Frame


@node_kind("subdialog")
@dataclass(frozen=True, slots=True)
class SubdialogNode(Node):
    """Run another flow's nodes, then go on here."""

    look = Look.PART
    head = "Goes through flow {node.calls}"

    calls: str = key(NODE, "subdialog")
    next: str = key(NEXT)

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        frames = (*state.frames, Frame(self.calls, self.next))
        return Walked(state.but(frames=frames, node=flow.subflows[self.calls].start))
