"""The node `disconnect:`, which ends the call."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from dialer.flows.fields import Name, Prompt, Prompts
from dialer.flows.flow import Flow
from dialer.flows.known import fill_prompt_values
from dialer.flows.node import Entered, HangUp, Node, NodeStyle
from dialer.flows.turns import FlowState


class DisconnectNode(Node):
    """A node that plays a goodbye and hangs up."""

    kind = "disconnect"
    style = NodeStyle.END
    ends_call = True
    label = "Hangs up"

    reason: Name = Field(alias="disconnect", description="The reason, for reports.")
    prompts: Prompts = Field((), alias="say", description="Prompts played before the hang-up.")

    def enter_node(self, flow: Flow, state: FlowState) -> Entered:
        """Return the step that plays the goodbye and hangs up the call."""
        return HangUp(fill_prompt_values(state, self.prompts), self.reason)

    def list_next_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield nothing, because the call ends."""
        yield from ()

    @property
    def prompts_played_at_entry(self) -> tuple[Prompt, ...]:
        """The prompts that are played before the hang-up."""
        return self.prompts
