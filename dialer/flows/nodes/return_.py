"""`return:` to the flow above."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.flows.keys import Key
from dialer.flows.node import Entered, Flow, Hanging, Look, Node, Walked, node_kind
from dialer.flows.turns import FlowState


@node_kind(
    "return", Key(lambda given, name, _: given.choice(name, ("", "true", "null", "~")), {"enum": [None, True, ""]})
)
@dataclass(frozen=True, slots=True)
class ReturnNode(Node):
    """The end of a flow that runs as a subdialog; in a flow that is nobody's subdialog, a disconnect."""

    look = Look.QUIET
    head = "Goes back"
    passes = True
    returns = True
    ends_call = True

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        if not state.frames:
            return Hanging()
        return Walked(state.but(frames=state.frames[:-1], node=state.frames[-1].resume))
