"""Inbound calls of unknown callers. They are not stored, but they use channels."""

from __future__ import annotations

from dialer.domain.model import AttemptId


class UnknownCallers:
    """Calls from numbers that are not on the electoral roll, or that are being routed: the trunk of each, by attempt
    id.
    """

    def __init__(self) -> None:
        self.trunks: dict[AttemptId, str] = {}
