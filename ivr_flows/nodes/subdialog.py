"""`subdialog:` another flow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ivr_flows.keys import NODE, key
from ivr_flows.node import Entered, Flow, Look, Node, Walked, node_kind
from ivr_flows.turns import FlowState, Frame


@node_kind("subdialog")
@dataclass(frozen=True, slots=True)
class SubdialogNode(Node):
    """Run another flow's nodes, then go on here."""

    look: ClassVar[Look] = Look.PART

    flow: str = key(NODE, "subdialog")
    next: str = key(NODE)

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        frames = (*state.frames, Frame(self.flow, self.next))
        return Walked(state.but(frames=frames, node=flow.subflows[self.flow].start))

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the way on after the other flow returns."""
        yield "", self.next

    @property
    def calls(self) -> str | None:
        """The other flow."""
        return self.flow

    @property
    def title(self) -> str:
        return f"Goes through flow {self.flow}"
