"""A flow that was loaded from a file, with its subdialogs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dialer.flows.model import FlowPurpose, Offer, PromptKind
from dialer.flows.node import Node
from dialer.flows.turns import FlowState


@dataclass(frozen=True, slots=True)
class Flow:
    """One version of an IVR flow, loaded from its file. `version` is a hash of its text and of the texts of its
    subdialogs.
    """

    name: str
    version: str
    title: str
    purpose: FlowPurpose
    start: str
    nodes: Mapping[str, Node]
    facts: Mapping[str, PromptKind]
    max_turns: int  # limit of turns, at which a call is ended
    file: str
    subflows: Mapping[str, Flow] = field(default_factory=dict)
    offers: frozenset[Offer] = frozenset()

    def find_flow_of_current_node(self, state: FlowState) -> Flow:
        """Return the flow that contains the call's current node: this flow or one of its subdialogs."""
        flow = self
        for frame in state.frames:
            flow = flow.subflows[frame.flow]
        return flow

    def list_flow_and_its_subdialogs(self) -> list[Flow]:
        """Return this flow and all flows that it runs as subdialogs, each once."""
        found = {self.file: self}
        for subflow in self.subflows.values():
            found.update((part.file, part) for part in subflow.list_flow_and_its_subdialogs())
        return list(found.values())
