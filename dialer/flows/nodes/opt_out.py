"""The node `opt_out:` records that a number must never be called again."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dialer.flows.node import Committing
from dialer.flows.turns import CommitKind


class OptOutNode(Committing):
    """Record that this number is never called again."""

    kind = "opt_out"
    commits = CommitKind.OPT_OUT
    opts_out = True
    label = "Records: never call again"

    opt_out: Literal["number"] = Field(description="What is opted out: the number of the call.")
