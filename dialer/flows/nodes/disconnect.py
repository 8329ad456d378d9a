"""`disconnect:` goodbye."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.flows.keys import NODE, PROMPTS, key
from dialer.flows.known import resolve
from dialer.flows.model import Prompt
from dialer.flows.node import Entered, Flow, Hanging, Look, Node, node_kind
from dialer.flows.turns import FlowState


@node_kind("disconnect")
@dataclass(frozen=True, slots=True)
class DisconnectNode(Node):
    """Say goodbye and hang up."""

    look = Look.END
    head = "Hangs up"
    ends_call = True

    prompts: tuple[Prompt, ...] = key(PROMPTS, "say")
    reason: str = key(NODE.of("The reason, for reports."), "disconnect")

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        return Hanging(resolve(state, self.prompts), self.reason)
