"""The node `transfer:`, which transfers the call to an agent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from dialer.flows.fields import Name, Prompt, Prompts
from dialer.flows.flow import Flow
from dialer.flows.known import fill_prompt_values
from dialer.flows.node import Act, Answered, Entered, GoTo, HandOver, Node, NodeStyle
from dialer.flows.turns import Failed, FlowState, Input, Transfer, Transferred


class TransferNode(Node):
    """A node that transfers the call to an available agent of the campaign, which ends the flow."""

    kind = "transfer"
    style = NodeStyle.SERVICE
    ends_call = True
    label = "Connects to agents"

    transfer: Literal["agents"] = Field(description="The target: agents of the campaign who have its skill.")
    prompts: Prompts = Field((), alias="say", description="Prompts played before the transfer.")
    failed: Name = Field(description="Node if no agent is available.")

    def enter_node(self, flow: Flow, state: FlowState) -> Entered:
        """Return the step that transfers the call."""
        return Act(
            state, Transfer(state.current_node_path, fill_prompt_values(state, self.prompts), dict(state.answers))
        )

    def handle_action_result(self, state: FlowState, event: Input) -> Answered:
        """End the flow if an agent has the call. Otherwise return the step that follows a failed transfer."""
        match event:
            case Transferred():
                return HandOver(state)
            case Failed():
                return GoTo(state, self.failed)
        return None

    def list_next_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield the node that follows if no agent is available."""
        yield "failed", self.failed

    @property
    def prompts_played_at_entry(self) -> tuple[Prompt, ...]:
        """The prompts before the transfer."""
        return self.prompts

    def list_diagram_notes(self) -> list[str]:
        """Return no notes for diagrams: a failed transfer is shown as an arrow."""
        return []

    def list_diagram_arrows(self) -> list[tuple[str, str]]:
        """Return the arrow to the node that follows a failed transfer, which is a usual path of calls."""
        return [("no agent available", self.failed)]
