"""`return:` to the flow above."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ivr_flows.fields import Fields, KnownNames
from ivr_flows.node import Entered, Flow, Hanging, Look, Node, Walked, node_kind, node_schema
from ivr_flows.turns import FlowState


@node_kind("return")
@dataclass(frozen=True, slots=True)
class ReturnNode(Node):
    """The end of a flow that runs as a subdialog; in a flow that is nobody's subdialog, a disconnect."""

    schema: ClassVar[Mapping[str, Any]] = node_schema(
        "Back to the flow above.", ("return",), **{"return": {"enum": [None, True, ""]}}
    )
    look: ClassVar[Look] = Look.QUIET
    returns: ClassVar[bool] = True
    ends_call: ClassVar[bool] = True

    @classmethod
    def read(cls, fields: Fields, names: KnownNames) -> Self:
        fields.choice("return", ("", "true", "null", "~"))
        return cls(fields.node, fields.line)

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        if not state.frames:
            return Hanging()
        return Walked(state.but(frames=state.frames[:-1], node=state.frames[-1].resume))

    @property
    def may_be_silent(self) -> bool:
        """It always is."""
        return True

    @property
    def title(self) -> str:
        return "Goes back"
