"""`opt_out:` never again."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.flows.keys import word
from dialer.flows.node import Committing, node_kind
from dialer.flows.turns import CommitKind


@node_kind("opt_out", word("number"))
@dataclass(frozen=True, slots=True)
class OptOutNode(Committing):
    """Record that this number is never called again. `next` only when it is committed."""

    head = "Records: never call again"
    commits = CommitKind.OPT_OUT
    opts_out = True
