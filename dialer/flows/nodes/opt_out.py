"""The node `opt_out:`, which stores an opt-out."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dialer.flows.node import CommittingNode
from dialer.flows.turns import CommitKind


class OptOutNode(CommittingNode):
    """A node that stores an opt-out: no campaign calls the number of this call again."""

    kind = "opt_out"
    commits = CommitKind.OPT_OUT
    opts_out = True
    label = "Records: never call again"

    opt_out: Literal["number"] = Field(description="What is opted out: the number of the call.")
