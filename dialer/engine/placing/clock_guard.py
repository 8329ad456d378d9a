"""Stop dialling while the wall clock cannot be trusted."""

from __future__ import annotations

from datetime import datetime

from dialer.domain.alerts import AlertKind
from dialer.domain.clock import ClockWatch
from dialer.engine.alerts.state import Alerts
from dialer.engine.core import Core
from dialer.store.sent_journal import SentJournal


class ClockGuard:
    """Stops dialling after somebody has set the wall clock, because retry times and redial locks would expire too early
    or too late.
    """

    def __init__(self, core: Core, alerts: Alerts, sent: SentJournal) -> None:
        """Create the guard. `sent` is the journal of sent calls, in which an earlier run stored the offset of the wall
        clock.
        """
        self._core = core
        self._alerts = alerts
        self._sent = sent
        self._watch = ClockWatch(core.read_clock())

    def start_watching_clock(self, newest_at: float | None) -> None:
        """Start to detect when somebody sets the wall clock, also since the earlier run of the dialler.

        Call this before the journal of sent calls is emptied: it has the clock's offset in that run. `newest_at` is the
        newest time in the store (epoch seconds), or None for an empty store.
        """
        ahead = self._sent.read_clock_difference()
        expected = None if ahead is None else ahead + self._core.clock.get_seconds_since_boot()
        self._watch = ClockWatch(self._core.read_clock(), newest_at, expected)

    def accept_wall_clock_as_correct(self) -> str:
        """Accept the wall clock's time as right, and resume dialling. Returns the reply to the command."""
        self._watch.accept_wall_clock_as_correct(self._core.read_clock())
        held = AlertKind.CLOCK in self._alerts
        self._alerts.clear_alert(AlertKind.CLOCK)
        self._core.wake.set()
        return "clock accepted; dialling resumes" if held else "the clock had not been set, and dialling was not held"

    def has_clock_changed_without_confirmation(self) -> bool:
        """Return whether the wall clock was set and nobody has accepted the new time yet. An alert is active until
        somebody accepts the time.
        """
        now = self._core.read_clock()
        ahead = self._watch.measure_wall_clock_step(now)
        self._sent.record_clock_difference(
            self._watch.calculate_expected_wall_clock_time(now) - self._core.clock.get_seconds_since_boot()
        )
        if ahead is None:
            self._alerts.clear_alert(AlertKind.CLOCK)
            return False
        if AlertKind.CLOCK not in self._alerts:
            expected, shown = (
                datetime.fromtimestamp(at, self._core.zone).strftime("%d %b %H:%M:%S")
                for at in (now.at - ahead, now.at)
            )
            self._alerts.raise_alert(AlertKind.CLOCK, time=shown, expected=expected, seconds=round(ahead))
        return True
