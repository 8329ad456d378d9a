"""The active alerts of a centre. Each alert has a code: its kind, and the name of the trunk, seat, server or campaign
that it is about.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

import structlog

from dialer.domain.alerts import Alert, AlertKind, AlertValues, create_alert
from dialer.domain.view import AlertRaised
from dialer.engine.core import Core
from dialer.engine.effects import Notify

_log = structlog.get_logger(__name__)


class Alerts:
    """Raises and clears alerts. Subscribers are notified of each change."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.active: dict[str, Alert] = {}

    def __contains__(self, code: object) -> bool:
        """Return whether there is an active alert with this code."""
        return code in self.active

    def raise_alert(self, kind: AlertKind, **values: Unpack[AlertValues]) -> None:
        """Raise an alert of this kind. `values` must have a value for each placeholder in the alert's text, and no
        others.
        """
        self.raise_or_clear_alert(create_alert(kind, self._core.clock.now(), **values))

    def clear_alert(self, kind: AlertKind, subject: str | None = None) -> None:
        """End an alert, if it is active. `subject` is the trunk, seat, server or campaign that the alert is about."""
        self._remove_alert(kind.value if subject is None else kind.make_alert_code(subject))

    def raise_or_clear_alert(self, alert: Alert) -> None:
        """Raise an alert, or end it if `alert.cleared` is set.

        A raised alert replaces an active alert with the same code. Subscribers are notified of it only if it is new or
        its text has changed.
        """
        if alert.cleared:
            self._remove_alert(alert.code)
            return
        before = self.active.get(alert.code)
        if before is not None and before.text == alert.text:
            return
        self.active[alert.code] = alert
        _log.warning("alert.raised", code=alert.code, level=alert.level.value, text=alert.text)
        self._core.request_side_effects(Notify(AlertRaised(alert)))

    def _remove_alert(self, code: str) -> None:
        before = self.active.pop(code, None)
        if before is not None:
            cleared = replace(before, at=self._core.clock.now(), cleared=True)
            self._core.request_side_effects(Notify(AlertRaised(cleared)))
