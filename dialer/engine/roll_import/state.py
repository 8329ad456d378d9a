"""The state of an import of an electoral roll."""

from __future__ import annotations

import asyncio

from dialer.domain.view import RollImportProgress


class RollImportState:
    """The progress of the import of an electoral roll, and the lock of the import. While the lock is held, no campaign
    can be added, because the campaign would miss numbers.
    """

    def __init__(self) -> None:
        self.roll: RollImportProgress | None = None  # None: no roll is being imported
        self.lock = asyncio.Lock()
