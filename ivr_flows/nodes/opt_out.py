"""`opt_out:` never again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ivr_flows.fields import Fields, KnownNames
from ivr_flows.node import FAILED, NAME, Committing, node_kind, node_schema
from ivr_flows.turns import CommitKind, FlowCommit, FlowState


@node_kind("opt_out")
@dataclass(frozen=True, slots=True)
class OptOutNode(Committing):
    """Record that this number is never called again. `next` only when it is committed."""

    schema: ClassVar[Mapping[str, Any]] = node_schema(
        "Record that this number is never called again; next only when it is committed.",
        ("opt_out", "next", "failed"),
        opt_out={"const": "number"},
        next=NAME,
        failed=FAILED,
    )
    commits: ClassVar[CommitKind | None] = CommitKind.OPT_OUT

    @classmethod
    def read(cls, fields: Fields, names: KnownNames) -> Self:
        fields.choice("opt_out", ("number",))
        return cls(fields.node, fields.line, next=fields.name("next"), failed=fields.name("failed"))

    def commit(self, state: FlowState) -> FlowCommit:
        """The opt-out."""
        return FlowCommit(CommitKind.OPT_OUT, state.where, state.commits + 1, answers=dict(state.answers))

    @property
    def opts_out(self) -> bool:
        """Here."""
        return True

    @property
    def title(self) -> str:
        return "Records: never call again"
