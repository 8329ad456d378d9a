"""`opt_out:` never again."""

from __future__ import annotations

from dataclasses import dataclass

from ivr_flows.keys import word
from ivr_flows.node import Committing, node_kind
from ivr_flows.turns import CommitKind, FlowCommit, FlowState


@node_kind("opt_out", word("number"))
@dataclass(frozen=True, slots=True)
class OptOutNode(Committing):
    """Record that this number is never called again. `next` only when it is committed."""

    head = "Records: never call again"
    commits = CommitKind.OPT_OUT
    opts_out = True

    def commit(self, state: FlowState) -> FlowCommit:
        """The opt-out."""
        return FlowCommit(CommitKind.OPT_OUT, state.where, state.commits + 1, answers=dict(state.answers))
