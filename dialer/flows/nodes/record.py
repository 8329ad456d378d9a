"""`record:` what the caller says."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.flows.keys import FAILED, NODE, PROMPTS, TERMINATOR, key, number
from dialer.flows.known import resolve
from dialer.flows.model import Prompt
from dialer.flows.node import Acting, Answered, Entered, Flow, Going, Look, Node, node_kind
from dialer.flows.turns import FlowState, Input, Record, Recorded


@node_kind("record")
@dataclass(frozen=True, slots=True)
class RecordNode(Node):
    """Record what the caller says."""

    look = Look.SERVICE
    head = "Records a message, {node.max_seconds:g} s"
    listens = True

    prompts: tuple[Prompt, ...] = key(PROMPTS, "say")
    keeps: str = key(NODE, "record")  # the recording's name is kept under this name
    max_seconds: float = key(number(60, 1, 600))
    silence_seconds: float = key(number(4, 1, 30))  # this much silence ends it
    terminator: str = key(TERMINATOR)
    next: str = key(NODE.to("recorded"))
    failed: str = key(FAILED)

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        prompts = resolve(state, self.prompts)
        return Acting(state, Record(state.where, prompts, self.max_seconds, self.silence_seconds, self.terminator))

    def answer(self, state: FlowState, event: Input) -> Answered:
        if isinstance(event, Recorded):
            return Going(state.with_answer(self.keeps, event.name), self.next)
        return Node.answer(self, state, event)

    def ways_unsure_of(self, name: str) -> tuple[str, ...] | None:
        """Nothing is known where nothing was recorded."""
        return (self.failed,) if name == self.keeps else None
