"""The alerts that are active, by their code."""

from __future__ import annotations

import structlog

from dialer.domain.view import Alert, AlertLevel, AlertRaised
from dialer.engine.core import Core
from dialer.engine.effects import Notify

_log = structlog.get_logger(__name__)


class Alerts:
    """Raises and clears alerts. Subscribers are notified of both."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.active: dict[str, Alert] = {}

    def __contains__(self, code: object) -> bool:
        """Return whether an alert with this code is active."""
        return code in self.active

    def raise_alert(self, code: str, level: AlertLevel, text: str) -> None:
        """Raise an alert, replacing one with the same code. The same text again is not repeated."""
        before = self.active.get(code)
        if before is not None and before.text == text:
            return
        alert = self.active[code] = Alert(code, level, text, self._core.clock.now())
        _log.warning("alert.raised", code=code, level=level.value, text=text)
        self._core.do(Notify(AlertRaised(alert)))

    def clear(self, code: str) -> None:
        """Clear an alert, if it is active."""
        before = self.active.pop(code, None)
        if before is not None:
            cleared = Alert(code, before.level, before.text, self._core.clock.now(), cleared=True)
            self._core.do(Notify(AlertRaised(cleared)))

    def accept(self, alert: Alert) -> None:
        """Raise or clear an alert of another part of the dialler."""
        if alert.cleared:
            self.clear(alert.code)
        else:
            self.raise_alert(alert.code, alert.level, alert.text)
