"""A roll import that is under way."""

from __future__ import annotations

import asyncio

from dialer.domain.view import RollImportProgress


class RollImportState:
    """How far the import is, and the lock that keeps imports and new campaigns apart."""

    def __init__(self) -> None:
        self.roll: RollImportProgress | None = None  # None: no import is under way
        self.lock = asyncio.Lock()
