"""The node `return:` goes back to the calling flow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from dialer.flows.flow import Flow
from dialer.flows.node import Continue, Entered, HangUp, Node, NodeStyle
from dialer.flows.turns import FlowState


class ReturnNode(Node):
    """End a flow that runs as a subdialog. A flow that is not a subdialog hangs up here."""

    kind = "return"
    style = NodeStyle.QUIET
    needs_no_action = True
    returns = True
    ends_call = True
    label = "Goes back"

    marker: Annotated[Literal["", "true", "null", "~"], WithJsonSchema({"enum": [None, True, ""]})] = Field(
        alias="return", description="Nothing: write `return:` alone."
    )

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        """Go back at once."""
        if not state.frames:
            return HangUp()
        return Continue(state.replace(frames=state.frames[:-1], node=state.frames[-1].resume))

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield nothing."""
        yield from ()
