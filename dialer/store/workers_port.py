"""What the store promises of booth workers' serials, beside `dialer.store.port`."""

from __future__ import annotations

from typing import Protocol

from dialer.model import AttemptId, UnknownSerial


class WorkersStore(Protocol):
    """Serials that booth workers gave."""

    async def last_of_call(self, attempt_id: AttemptId) -> tuple[str, int] | None:
        """Key and voter of the last mark that a booth worker's call made and did not take back; None: there is none."""
        ...

    async def marked_by(self, key: str) -> list[int]:
        """The voters, in the marks' order, of every mark whose key is `key` or begins with `key/`: what a commit that may have been
        made before has left. Behind the writes that wait.
        """
        ...

    async def record_unknown_serial(self, unknown: UnknownSerial) -> None:
        """Keep that a worker gave a serial that nobody has. A repeat of its key changes nothing."""
        ...
