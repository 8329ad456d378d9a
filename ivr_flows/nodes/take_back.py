"""`take_back:` the last serial."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ivr_flows.keys import NODE, key, word
from ivr_flows.node import Answered, Committing, Going, node_kind
from ivr_flows.turns import CommitKind, FlowCommit, FlowState, Input, NobodyFound


@node_kind("take_back", word("serial"))
@dataclass(frozen=True, slots=True)
class TakeBackNode(Committing):
    """Take back the last serial that was recorded in this call. `next` only when that is committed."""

    commits: ClassVar[CommitKind | None] = CommitKind.TAKE_BACK

    nothing: str = key(NODE.of("Node when there is none to take back."))

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
