"""The node `record:`, which records a message of the caller."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from dialer.flows.fields import Name, Prompt, Prompts, Terminator
from dialer.flows.flow import Flow
from dialer.flows.known import fill_prompt_values
from dialer.flows.node import Act, Answered, Entered, GoTo, Node, NodeStyle
from dialer.flows.parsing import Number
from dialer.flows.turns import Failed, FlowState, Input, Record, Recorded


class RecordNode(Node):
    """A node that records a message of the caller."""

    kind = "record"
    style = NodeStyle.SERVICE
    accepts_input = True

    prompts: Prompts = Field((), alias="say", description="Prompts played before the recording.")
    record: Name = Field(description="Name under which the file name of the recording is stored.")
    max_seconds: Number = Field(60, ge=1, le=600, description="Longest duration of the message.")
    silence_seconds: Number = Field(4, ge=1, le=30, description="Silence that ends the recording.")
    terminator: Terminator = Field("#", description="The key that ends the recording.")
    next: Name = Field(description="Node after the recording.")
    failed: Name = Field(description="Node if nothing was recorded.")

    def enter_node(self, flow: Flow, state: FlowState) -> Entered:
        """Return the step that records the caller."""
        prompts = fill_prompt_values(state, self.prompts)
        return Act(
            state, Record(state.current_node_path, prompts, self.max_seconds, self.silence_seconds, self.terminator)
        )

    def handle_action_result(self, state: FlowState, event: Input) -> Answered:
        """Store the name of the recording as an answer, and return the next step. If the recording failed, return the
        step for a failure.
        """
        match event:
            case Recorded():
                return GoTo(state.copy_flow_state_with_answer(self.record, event.name), self.next)
            case Failed():
                return GoTo(state, self.failed)
        return None

    def list_next_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield the node that follows a recording, and the node that follows a failed recording."""
        yield "recorded", self.next
        yield "failed", self.failed

    def list_next_nodes_without_value(self, name: str) -> tuple[str, ...] | None:
        """Return the nodes that may follow if the value `name` is unknown. If `name` is this recording, only a failure
        can follow.
        """
        return (self.failed,) if name == self.record else None

    @property
    def prompts_played_at_entry(self) -> tuple[Prompt, ...]:
        """The prompts before the recording."""
        return self.prompts

    @property
    def name_of_stored_answer(self) -> str:
        """The name of the answer under which the recording's file name is stored."""
        return self.record

    @property
    def diagram_title(self) -> str:
        """A short description with the maximum duration of the recording."""
        return f"Records a message, {self.max_seconds:g} s"
