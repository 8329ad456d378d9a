"""Inbound calls of callers who are not on the electoral roll. They are not stored, but they use channels."""

from __future__ import annotations

from dialer.domain.model import AttemptId


class UnknownCallers:
    """The trunks of inbound calls that are not stored, by attempt id.

    A call is not stored if its caller is not on the electoral roll, or as long as it is not routed yet.
    """

    def __init__(self) -> None:
        self.trunks: dict[AttemptId, str] = {}
