"""The node `transfer:` hands the call over to an agent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from dialer.flows.fields import Name, Prompt, Prompts
from dialer.flows.flow import Flow
from dialer.flows.known import resolve
from dialer.flows.node import Act, Answered, Entered, GoTo, HandOver, Node, NodeStyle
from dialer.flows.turns import Failed, FlowState, Input, Transfer, Transferred


class TransferNode(Node):
    """Hand the call over to an available agent of the campaign. The flow ends there."""

    kind = "transfer"
    style = NodeStyle.SERVICE
    ends_call = True
    label = "Connects to agents"

    transfer: Literal["agents"] = Field(description="To whom: the agents of the campaign who have its skill.")
    prompts: Prompts = Field((), alias="say", description="Said before.")
    failed: Name = Field(description="Node if no agent can take the call.")

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        """Say the prompts and hand the call over."""
        return Act(state, Transfer(state.where, resolve(state, self.prompts), dict(state.answers)))

    def receive(self, state: FlowState, event: Input) -> Answered:
        """End the flow, or go on if no agent took the call."""
        match event:
            case Transferred():
                return HandOver(state)
            case Failed():
                return GoTo(state, self.failed)
        return None

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the node if no agent can take the call."""
        yield "failed", self.failed

    @property
    def first_prompts(self) -> tuple[Prompt, ...]:
        """What is said before the transfer."""
        return self.prompts

    def notes(self) -> list[str]:
        """Return nothing: the failure has an arrow."""
        return []

    def drawn_targets(self) -> list[tuple[str, str]]:
        """Return the failure: it is common enough to have an arrow."""
        return [("no agent available", self.failed)]
