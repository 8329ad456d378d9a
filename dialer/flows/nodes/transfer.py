"""`transfer:` to an agent."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.flows.keys import NODE, PROMPTS, key, word
from dialer.flows.known import resolve
from dialer.flows.model import Prompt
from dialer.flows.node import Acting, Answered, Entered, Flow, HandedOver, Look, Node, node_kind
from dialer.flows.turns import Failed, FlowState, Input, Transfer, Transferred


@node_kind("transfer", word("agents"))
@dataclass(frozen=True, slots=True)
class TransferNode(Node):
    """Hand the call to an agent of its campaign, one who has its skill; the flow ends there. `failed` when no agent can take it."""

    look = Look.SERVICE
    head = "Connects with agents"
    ends_call = True

    prompts: tuple[Prompt, ...] = key(PROMPTS, "say")
    failed: str = key(NODE.of("Node when no agent can take it.").to("failed", Failed))

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        return Acting(state, Transfer(state.where, resolve(state, self.prompts), dict(state.answers)))

    def answer(self, state: FlowState, event: Input) -> Answered:
        return HandedOver(state) if isinstance(event, Transferred) else Node.answer(self, state, event)

    def notes(self) -> list[str]:
        """None: that nobody is free is drawn."""
        return []

    def drawn_ways(self) -> list[tuple[str, str]]:
        """That no agent is free is usual enough."""
        return [("nobody free", self.failed)]
