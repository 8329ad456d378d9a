"""The node `disconnect:` ends the call."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from dialer.flows.fields import Name, Prompt, Prompts
from dialer.flows.flow import Flow
from dialer.flows.known import resolve
from dialer.flows.node import Entered, HangUp, Node, NodeStyle
from dialer.flows.turns import FlowState


class DisconnectNode(Node):
    """Say goodbye and hang up."""

    kind = "disconnect"
    style = NodeStyle.END
    ends_call = True
    label = "Hangs up"

    reason: Name = Field(alias="disconnect", description="The reason, for reports.")
    prompts: Prompts = Field((), alias="say", description="Said before.")

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        """Hang up."""
        return HangUp(resolve(state, self.prompts), self.reason)

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield nothing."""
        yield from ()

    @property
    def first_prompts(self) -> tuple[Prompt, ...]:
        """The goodbye."""
        return self.prompts
