"""`subdialog:` another flow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ivr_flows.fields import Fields, KnownNames
from ivr_flows.node import NAME, Entered, Flow, Look, Node, Walked, node_kind, node_schema
from ivr_flows.turns import FlowState, Frame


@node_kind("subdialog")
@dataclass(frozen=True, slots=True)
class SubdialogNode(Node):
    """Run another flow's nodes, then go on here."""

    schema: ClassVar[Mapping[str, Any]] = node_schema(
        "Run another flow, then go on.", ("subdialog", "next"), subdialog=NAME, next=NAME
    )
    look: ClassVar[Look] = Look.PART

    flow: str
    next: str

    @classmethod
    def read(cls, fields: Fields, names: KnownNames) -> Self:
        return cls(fields.node, fields.line, flow=fields.name("subdialog"), next=fields.name("next"))

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
