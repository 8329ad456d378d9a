"""The node `say:` plays prompts."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from dialer.flows.fields import Name, Prompt, SomePrompts
from dialer.flows.flow import Flow
from dialer.flows.known import resolve
from dialer.flows.model import TELEPHONE_KEYS
from dialer.flows.node import Act, Answered, Continue, Entered, GoTo, Node, NodeStyle
from dialer.flows.parsing import YesNo
from dialer.flows.turns import FlowState, Input, Play, Played


class SayNode(Node):
    """Play prompts, then go on."""

    kind = "say"
    style = NodeStyle.SPEECH
    needs_no_action = True
    label = "Says"

    prompts: SomePrompts = Field(alias="say", description="What is said.")
    barge_in: YesNo = Field(False, description="Whether a key ends the prompts and counts for the next question.")
    next: Name = Field(description="Node after the prompts.")

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        """Play the prompts, unless a key has ended them already."""
        prompts = () if state.typed_ahead and self.barge_in else resolve(state, self.prompts)
        if not prompts:
            return Continue(state.replace(node=self.next))
        return Act(state, Play(state.where, prompts, TELEPHONE_KEYS if self.barge_in else ""))

    def receive(self, state: FlowState, event: Input) -> Answered:
        """Go on, with the key that ended the prompts as the first of the next question."""
        if not isinstance(event, Played):
            return None
        ahead = event.digit if event.digit and self.barge_in and event.digit != state.stray else ""
        if ahead or state.stray:
            state = state.replace(typed_ahead=ahead, stray="")
        return GoTo(state, self.next)

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the next node."""
        yield "", self.next

    @property
    def first_prompts(self) -> tuple[Prompt, ...]:
        """The prompts."""
        return self.prompts
