"""Alerts about many small incidents, counted by sender."""

from __future__ import annotations

from collections.abc import Callable

from dialer.domain.clock import Clock
from dialer.domain.view import Alert, AlertLevel

QUIET_SECONDS = 60.0
"""An alert ends this long after the last incident."""


class CountingAlert:
    """An alert that counts incidents, such as commands with a bad signature."""

    def __init__(
        self, code: str, level: AlertLevel, incidents: str, raise_alert: Callable[[Alert], None], clock: Clock
    ) -> None:
        """`incidents` are named in the plural; the alert's text puts a number before it."""
        self._code = code
        self._level = level
        self._incidents = incidents
        self._raise_alert = raise_alert
        self._clock = clock
        self._counts: dict[str, int] = {}  # by sender
        self._reported = 0
        self._last_at = 0.0  # monotonic

    def count(self, sender: str, number: int = 1) -> None:
        """Count incidents of a sender ("" = strangers). The first one raises the alert at once, later ones at the next `update`."""
        self._counts[sender] = self._counts.get(sender, 0) + number
        self._last_at = self._clock.monotonic()
        if not self._reported:
            self._report()

    def update(self) -> bool:
        """Update the alert, or clear it when there were no incidents for a while. Return whether it is raised."""
        if not self._reported:
            return False
        if self._clock.monotonic() - self._last_at >= QUIET_SECONDS:
            text = f"no more {self._incidents}"
            self._raise_alert(Alert(self._code, AlertLevel.NOTICE, text, self._clock.now(), cleared=True))
            self._counts.clear()
            self._reported = 0
        elif sum(self._counts.values()) != self._reported:
            self._report()
        return bool(self._reported)

    def _report(self) -> None:
        self._reported = sum(self._counts.values())
        senders = [f"{sender or 'strangers'} {count:,}" for sender, count in sorted(self._counts.items())[:5]]
        text = f"{self._reported:,} {self._incidents}: {', '.join(senders)}"
        self._raise_alert(Alert(self._code, self._level, text, self._clock.now()))
