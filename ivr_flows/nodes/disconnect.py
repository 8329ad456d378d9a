"""`disconnect:` goodbye."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ivr_flows.fields import Fields, KnownNames, read_prompts
from ivr_flows.known import resolve
from ivr_flows.model import Prompt
from ivr_flows.node import PROMPTS, Entered, Flow, Hanging, Look, Node, named, node_kind, node_schema
from ivr_flows.turns import FlowState


@node_kind("disconnect")
@dataclass(frozen=True, slots=True)
class DisconnectNode(Node):
    """Say goodbye and hang up."""

    schema: ClassVar[Mapping[str, Any]] = node_schema(
        "Say goodbye and hang up.", ("disconnect",), disconnect=named("The reason, for reports."), say=PROMPTS
    )
    look: ClassVar[Look] = Look.END
    ends_call: ClassVar[bool] = True

    prompts: tuple[Prompt, ...]
    reason: str

    @classmethod
    def read(cls, fields: Fields, names: KnownNames) -> Self:
        return cls(
            fields.node,
            fields.line,
            prompts=read_prompts(fields, "say", names),
            reason=fields.name("disconnect"),
        )

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        return Hanging(resolve(state, self.prompts), self.reason)

    @property
    def asked(self) -> tuple[Prompt, ...]:
        """The goodbye."""
        return self.prompts

    @property
    def title(self) -> str:
        return "Hangs up"
