"""Alerts about repeated incidents, such as forged commands. The incidents are counted by sender."""

from __future__ import annotations

from collections.abc import Callable

from dialer.domain.alerts import Alert, AlertKind, create_alert
from dialer.domain.clock import Clock

QUIET_SECONDS = 60.0
"""An alert ends this long after the last incident."""


class CountingAlert:
    """An alert that counts incidents by sender, such as commands with a bad signature."""

    def __init__(self, kind: AlertKind, raise_alert: Callable[[Alert], None], clock: Clock) -> None:
        """Create the alert without raising it. The text of an alert of this `kind` has the fields `count`, `users` and
        `unknown`.
        """
        self._kind = kind
        self._raise_alert = raise_alert
        self._clock = clock
        self._counts: dict[str, int] = {}  # by sender
        self._reported = 0
        self._last_at = 0.0  # monotonic

    def count_incidents_of_sender(self, sender: str, number: int = 1) -> None:
        """Count incidents of a sender ("" = unknown senders). The first incident raises the alert at once.

        Later incidents are added to the alert by `update_or_clear_incident_alert`.
        """
        self._counts[sender] = self._counts.get(sender, 0) + number
        self._last_at = self._clock.monotonic()
        if not self._reported:
            self._raise_alert_with_incident_count()

    def update_or_clear_incident_alert(self) -> bool:
        """Update the count of incidents, or clear the alert if there were no recent ones. Return whether the alert is
        raised.
        """
        if not self._reported:
            return False
        if self._clock.monotonic() - self._last_at >= QUIET_SECONDS:
            self._raise_alert(self._create_alert_with_incident_count(cleared=True))
            self._counts.clear()
            self._reported = 0
        elif sum(self._counts.values()) != self._reported:
            self._raise_alert_with_incident_count()
        return bool(self._reported)

    def _raise_alert_with_incident_count(self) -> None:
        self._reported = sum(self._counts.values())
        self._raise_alert(self._create_alert_with_incident_count())

    def _create_alert_with_incident_count(self, *, cleared: bool = False) -> Alert:
        users = [f"{sender} ({count:,})" for sender, count in sorted(self._counts.items()) if sender]
        return create_alert(
            self._kind,
            self._clock.now(),
            cleared=cleared,
            count=self._reported,
            users=", ".join(users[:5]) or "-",
            unknown=self._counts.get("", 0),
        )
