"""Whether the wall clock can be relied on for dialling."""

from __future__ import annotations

from datetime import datetime

from dialer.domain.alerts import AlertKind
from dialer.domain.clock import ClockWatch
from dialer.engine.alerts.state import Alerts
from dialer.engine.core import Core
from dialer.store.sent_journal import SentJournal


class ClockGuard:
    """Holds dialling after the wall clock was set: numbers that are locked by time would be dialled too soon."""

    def __init__(self, core: Core, alerts: Alerts, sent: SentJournal) -> None:
        """`sent` stores by how much the clock is ahead."""
        self._core = core
        self._alerts = alerts
        self._sent = sent
        self._watch = ClockWatch(core.instant())

    def start(self, newest_at: float | None) -> None:
        """Start watching. `newest_at` is the newest time in the store (epoch seconds). Call it before the journal is restarted."""
        ahead = self._sent.clock_ahead()
        expected = None if ahead is None else ahead + self._core.clock.since_boot()
        self._watch = ClockWatch(self._core.instant(), newest_at, expected)

    def accept(self) -> str:
        """Accept the clock as it is and resume dialling."""
        self._watch.accept(self._core.instant())
        held = AlertKind.CLOCK in self._alerts
        self._alerts.clear(AlertKind.CLOCK)
        self._core.wake.set()
        return "clock accepted; dialling resumes" if held else "the clock was not set; nothing was held"

    def was_set(self) -> bool:
        """Return whether the clock was set and not accepted since. An alert is active as long as this is so."""
        now = self._core.instant()
        ahead = self._watch.look(now)
        self._sent.record_clock(self._watch.should(now) - self._core.clock.since_boot())
        if ahead is None:
            self._alerts.clear(AlertKind.CLOCK)
            return False
        if AlertKind.CLOCK not in self._alerts:
            expected, shown = (
                datetime.fromtimestamp(at, self._core.zone).strftime("%d %b %H:%M:%S")
                for at in (now.at - ahead, now.at)
            )
            self._alerts.raise_alert(AlertKind.CLOCK, time=shown, expected=expected, seconds=round(ahead))
        return True
