"""`take_back:` the last serial."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.flows.keys import NODE, key, word
from dialer.flows.node import Committing, node_kind
from dialer.flows.turns import CommitKind, NobodyFound


@node_kind("take_back", word("serial"))
@dataclass(frozen=True, slots=True)
class TakeBackNode(Committing):
    """Take back the last serial that was recorded in this call. `next` only when that is committed."""

    head = "Takes back the last serial"
    commits = CommitKind.TAKE_BACK

    nothing: str = key(NODE.of("Node when there is none to take back.").to("unknown", NobodyFound))
