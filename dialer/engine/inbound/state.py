"""Inbound calls of callers who are not on the electoral roll. They are not stored, but they use channels."""

from __future__ import annotations

from dialer.domain.model import AttemptId


class UnknownCallers:
    """Inbound calls that are not stored, with the trunk of each. Their callers are not on the electoral roll, or the
    calls are not routed yet.
    """

    def __init__(self) -> None:
        self.trunks: dict[AttemptId, str] = {}
