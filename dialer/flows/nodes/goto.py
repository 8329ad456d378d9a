"""`goto:` elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.flows.keys import NEXT, key
from dialer.flows.node import Entered, Flow, Look, Node, Walked, node_kind
from dialer.flows.turns import FlowState


@node_kind("goto")
@dataclass(frozen=True, slots=True)
class GotoNode(Node):
    """Go on elsewhere."""

    look = Look.QUIET
    head = "Goes on"
    passes = True

    next: str = key(NEXT, "goto")

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        return Walked(state.but(node=self.next))
