"""`record:` what the caller says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ivr_flows.fields import Fields, KnownNames, read_prompts
from ivr_flows.known import resolve
from ivr_flows.model import Prompt
from ivr_flows.node import (
    FAILED,
    NAME,
    PROMPTS,
    TERMINATOR,
    Acting,
    Answered,
    Entered,
    Flow,
    Going,
    Look,
    Node,
    node_kind,
    node_schema,
)
from ivr_flows.turns import FlowState, Input, Record, Recorded, RecordFailed


@node_kind("record")
@dataclass(frozen=True, slots=True)
class RecordNode(Node):
    """Record what the caller says."""

    schema: ClassVar[Mapping[str, Any]] = node_schema(
        "Record what the caller says.",
        ("record", "next", "failed"),
        record=NAME,
        say=PROMPTS,
        max_seconds={"type": "number", "minimum": 1, "maximum": 600, "default": 60},
        silence_seconds={"type": "number", "minimum": 1, "maximum": 30, "default": 4},
        terminator=TERMINATOR,
        next=NAME,
        failed=FAILED,
    )
    look: ClassVar[Look] = Look.SERVICE
    listens: ClassVar[bool] = True

    prompts: tuple[Prompt, ...]
    answer_name: str  # the recording's name is kept under this name
    max_seconds: float
    silence_seconds: float  # this much silence ends it
    terminator: str
    next: str
    failed: str

    @classmethod
    def read(cls, fields: Fields, names: KnownNames) -> Self:
        return cls(
            fields.node,
            fields.line,
            prompts=read_prompts(fields, "say", names),
            answer_name=fields.name("record"),
            max_seconds=fields.number("max_seconds", 60, 1, 600),
            silence_seconds=fields.number("silence_seconds", 4, 1, 30),
            terminator=fields.choice("terminator", ("#", "*", ""), "#"),
            next=fields.name("next"),
            failed=fields.name("failed"),
        )

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
