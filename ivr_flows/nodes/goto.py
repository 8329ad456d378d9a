"""`goto:` elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ivr_flows.fields import Fields, KnownNames
from ivr_flows.node import NAME, Entered, Flow, Look, Node, Walked, node_kind, node_schema
from ivr_flows.turns import FlowState


@node_kind("goto")
@dataclass(frozen=True, slots=True)
class GotoNode(Node):
    """Go on elsewhere."""

    schema: ClassVar[Mapping[str, Any]] = node_schema("Go on elsewhere.", ("goto",), goto=NAME)
    look: ClassVar[Look] = Look.QUIET

    next: str

    @classmethod
    def read(cls, fields: Fields, names: KnownNames) -> Self:
        return cls(fields.node, fields.line, next=fields.name("goto"))

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
