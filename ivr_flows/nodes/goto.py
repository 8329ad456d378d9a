"""`goto:` elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ivr_flows.keys import NODE, key
from ivr_flows.node import Entered, Flow, Look, Node, Walked, node_kind
from ivr_flows.turns import FlowState


@node_kind("goto")
@dataclass(frozen=True, slots=True)
class GotoNode(Node):
    """Go on elsewhere."""

    look: ClassVar[Look] = Look.QUIET

    next: str = key(NODE, "goto")

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        return Walked(state.but(node=self.next))

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the one way on."""
        yield "", self.next

    @property
    def may_be_silent(self) -> bool:
        """It always is."""
        return True

    @property
    def title(self) -> str:
        return "Goes on"
