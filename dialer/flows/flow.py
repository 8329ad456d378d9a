"""A flow that was loaded from a file, with its subdialogs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dialer.flows.model import FlowPurpose, Offer, PromptKind
from dialer.flows.node import Node
from dialer.flows.turns import FlowState


@dataclass(frozen=True, slots=True)
class Flow:
    """One version of a flow. `version` is a hash of its text and of its subdialogs' texts, so it identifies the content."""

    name: str
    version: str
    title: str
    purpose: FlowPurpose
    start: str
    nodes: Mapping[str, Node]
    facts: Mapping[str, PromptKind]
    max_turns: int  # a call that has not ended after this many turns is ended
    file: str
    subflows: Mapping[str, Flow] = field(default_factory=dict)
    offers: frozenset[Offer] = frozenset()

    def at(self, state: FlowState) -> Flow:
        """Return the flow that the call is in: this one, or one of its subdialogs."""
        flow = self
        for frame in state.frames:
            flow = flow.subflows[frame.flow]
        return flow

    def parts(self) -> list[Flow]:
        """Return the flow and its subdialogs, each once."""
        found = {self.file: self}
        for subflow in self.subflows.values():
            found.update((part.file, part) for part in subflow.parts())
        return list(found.values())
