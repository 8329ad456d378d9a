"""`say:` prompts, then on."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.flows.keys import NEXT, SOME_PROMPTS, key, yes
from dialer.flows.known import resolve
from dialer.flows.model import Prompt
from dialer.flows.node import KEYS, Acting, Answered, Entered, Flow, Going, Look, Node, Walked, node_kind
from dialer.flows.turns import FlowState, Input, Play, Played


@node_kind("say")
@dataclass(frozen=True, slots=True)
class SayNode(Node):
    """Play prompts, then go on. With barge-in a key ends them, and is kept for the next question."""

    look = Look.SPEECH
    head = "Says"
    passes = True

    prompts: tuple[Prompt, ...] = key(SOME_PROMPTS, "say")
    barge_in: bool = key(yes(False, "A key ends the prompts and counts for the next question."))
    next: str = key(NEXT)

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        said = () if state.typed_ahead and self.barge_in else resolve(state, self.prompts)
        if not said:
            return Walked(state.but(node=self.next))
        return Acting(state, Play(state.where, said, KEYS if self.barge_in else ""))

    def answer(self, state: FlowState, event: Input) -> Answered:
        if not isinstance(event, Played):
            return None
        ahead = event.digit if event.digit and self.barge_in and event.digit != state.stray else ""
        if ahead or state.stray:
            state = state.but(typed_ahead=ahead, stray="")
        return Going(state, self.next)
