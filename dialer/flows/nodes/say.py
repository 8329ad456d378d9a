"""The node `say:`, which plays prompts."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from dialer.flows.fields import Name, Prompt, SomePrompts
from dialer.flows.flow import Flow
from dialer.flows.known import fill_prompt_values
from dialer.flows.model import TELEPHONE_KEYS
from dialer.flows.node import Act, Answered, Continue, Entered, GoTo, Node, NodeStyle
from dialer.flows.parsing import YesNo
from dialer.flows.turns import FlowState, Input, Play, Played


class SayNode(Node):
    """A node that plays prompts, then continues at the next node."""

    kind = "say"
    style = NodeStyle.SPEECH
    needs_no_action = True
    label = "Says"

    prompts: SomePrompts = Field(alias="say", description="The prompts.")
    barge_in: YesNo = Field(False, description="Whether a key ends the prompts and counts for the next question.")
    next: Name = Field(description="Node after the prompts.")

    def enter_node(self, flow: Flow, state: FlowState) -> Entered:
        """Return the step that plays the prompts. If a key has skipped them or none can be played, continue at the next
        node.
        """
        prompts = () if state.typed_ahead and self.barge_in else fill_prompt_values(state, self.prompts)
        if not prompts:
            return Continue(state.copy_flow_state(node=self.next))
        return Act(state, Play(state.current_node_path, prompts, TELEPHONE_KEYS if self.barge_in else ""))

    def handle_action_result(self, state: FlowState, event: Input) -> Answered:
        """Continue at the next node. A key that interrupted the prompts becomes the first key of the next question."""
        if not isinstance(event, Played):
            return None
        ahead = event.digit if event.digit and self.barge_in and event.digit != state.stray else ""
        if ahead or state.stray:
            state = state.copy_flow_state(typed_ahead=ahead, stray="")
        return GoTo(state, self.next)

    def list_next_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield the next node."""
        yield "", self.next

    @property
    def prompts_played_at_entry(self) -> tuple[Prompt, ...]:
        """The prompts that the node plays."""
        return self.prompts
