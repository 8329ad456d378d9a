"""`say:` prompts, then on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ivr_flows.fields import Fields, KnownNames, prompts_needed
from ivr_flows.known import can_be_left_out, resolve
from ivr_flows.model import Prompt
from ivr_flows.node import (
    KEYS,
    NAME,
    SOME_PROMPTS,
    Acting,
    Answered,
    Entered,
    Flow,
    Going,
    Look,
    Node,
    Walked,
    node_kind,
    node_schema,
)
from ivr_flows.turns import FlowState, Input, Play, Played


@node_kind("say")
@dataclass(frozen=True, slots=True)
class SayNode(Node):
    """Play prompts, then go on. With barge-in a key ends them, and is kept for the next question."""

    schema: ClassVar[Mapping[str, Any]] = node_schema(
        "Play prompts, then go on.",
        ("say", "next"),
        say=SOME_PROMPTS,
        barge_in={
            "type": "boolean",
            "default": False,
            "description": "A key ends the prompts and counts for the next question.",
        },
        next=NAME,
    )
    look: ClassVar[Look] = Look.SPEECH

    prompts: tuple[Prompt, ...]
    barge_in: bool
    next: str

    @classmethod
    def read(cls, fields: Fields, names: KnownNames) -> Self:
        return cls(
            fields.node,
            fields.line,
            prompts=prompts_needed(fields, "say", names),
            barge_in=fields.yes("barge_in", False),
            next=fields.name("next"),
        )

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

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the one way on."""
        yield "", self.next

    @property
    def asked(self) -> tuple[Prompt, ...]:
        """The prompts."""
        return self.prompts

    @property
    def may_be_silent(self) -> bool:
        """Whether nothing of it is known of some voters."""
        return all(map(can_be_left_out, self.prompts))

    @property
    def title(self) -> str:
        return "Says"
