"""Inbound calls of callers that the engine keeps no record of. They use channels all the same."""

from __future__ import annotations

from dialer.domain.model import AttemptId


class UnknownCallers:
    """Calls from numbers that are not on the roll, or that are not decided about yet: the trunk of each, by attempt id."""

    def __init__(self) -> None:
        self.trunks: dict[AttemptId, str] = {}
