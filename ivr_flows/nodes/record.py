"""`record:` what the caller says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ivr_flows.keys import FAILED, NODE, PROMPTS, TERMINATOR, key, number
from ivr_flows.known import resolve
from ivr_flows.model import Prompt
from ivr_flows.node import Acting, Answered, Entered, Flow, Going, Look, Node, node_kind
from ivr_flows.turns import FlowState, Input, Record, Recorded, RecordFailed


@node_kind("record")
@dataclass(frozen=True, slots=True)
class RecordNode(Node):
    """Record what the caller says."""

    look: ClassVar[Look] = Look.SERVICE
    listens: ClassVar[bool] = True

    prompts: tuple[Prompt, ...] = key(PROMPTS, "say")
    answer_name: str = key(NODE, "record")  # the recording's name is kept under this name
    max_seconds: float = key(number(60, 1, 600))
    silence_seconds: float = key(number(4, 1, 30))  # this much silence ends it
    terminator: str = key(TERMINATOR)
    next: str = key(NODE)
    failed: str = key(FAILED)

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        prompts = resolve(state, self.prompts)
        return Acting(state, Record(state.where, prompts, self.max_seconds, self.silence_seconds, self.terminator))

    def answer(self, state: FlowState, event: Input) -> Answered:
        if isinstance(event, Recorded):
            return Going(state.with_answer(self.answer_name, event.name), self.next)
        return Going(state, self.failed) if isinstance(event, RecordFailed) else None

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the way on, and the way when nothing was recorded."""
        yield "recorded", self.next
        yield "failed", self.failed

    @property
    def asked(self) -> tuple[Prompt, ...]:
        """What is said before the tone."""
        return self.prompts

    @property
    def keeps(self) -> str | None:
        """The name that the recording's is kept under."""
        return self.answer_name

    def ways_unsure_of(self, name: str) -> tuple[str, ...] | None:
        """Nothing is known where nothing was recorded."""
        return (self.failed,) if name == self.answer_name else None

    @property
    def title(self) -> str:
        return f"Records a message, {self.max_seconds:g} s"
