"""`take_back:` the last serial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ivr_flows.fields import Fields, KnownNames
from ivr_flows.node import FAILED, NAME, Answered, Committing, Going, named, node_kind, node_schema
from ivr_flows.turns import CommitKind, FlowCommit, FlowState, Input, NobodyFound


@node_kind("take_back")
@dataclass(frozen=True, slots=True)
class TakeBackNode(Committing):
    """Take back the last serial that was recorded in this call. `next` only when that is committed."""

    schema: ClassVar[Mapping[str, Any]] = node_schema(
        "Take back the last serial of this call; next only when it is committed.",
        ("take_back", "next", "nothing", "failed"),
        take_back={"const": "serial"},
        next=NAME,
        nothing=named("Node when there is none to take back."),
        failed=FAILED,
    )
    commits: ClassVar[CommitKind | None] = CommitKind.TAKE_BACK

    nothing: str  # where there is none to take back

    @classmethod
    def read(cls, fields: Fields, names: KnownNames) -> Self:
        fields.choice("take_back", ("serial",))
        return cls(
            fields.node,
            fields.line,
            next=fields.name("next"),
            nothing=fields.name("nothing"),
            failed=fields.name("failed"),
        )

    def commit(self, state: FlowState) -> FlowCommit:
        """That it was a mistake."""
        return FlowCommit(CommitKind.TAKE_BACK, state.where, state.commits + 1, answers=dict(state.answers))

    def answer(self, state: FlowState, event: Input) -> Answered:
        if isinstance(event, NobodyFound):
            return Going(state, self.nothing)
        return Committing.answer(self, state, event)

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the way on after the commit, and the ways when there was nothing to take back or it failed."""
        yield "committed", self.next
        yield "unknown", self.nothing
        yield "failed", self.failed

    @property
    def title(self) -> str:
        return "Takes back the last serial"
