"""Inbound calls of unknown callers. They are not stored, but they use channels."""

from __future__ import annotations

from dialer.domain.model import AttemptId


class UnknownCallers:
    """Inbound calls that are not stored: their trunks, by attempt id. The caller is not on the electoral roll, or the
    call is not routed yet.
    """

    def __init__(self) -> None:
        self.trunks: dict[AttemptId, str] = {}
