"""The polling booths of the electoral roll, and which of them vote today."""

from __future__ import annotations

from collections.abc import Mapping

from dialer.domain.enums import Purpose
from dialer.domain.model import Booth
from dialer.engine.core import Core
from dialer.polling_day.plan import NO_POLLS, PollsToday
from dialer.rules.calling_hours import get_next_midnight

_POLLING_DAY_PURPOSES = frozenset({Purpose.TURNOUT, Purpose.BOOTH_WORKERS})


class Polls:
    """The polling booths of the electoral roll, and the polling days in the settings."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._today: PollsToday | None = None
        self.booths: dict[int, Booth] = {}
        self.day_number = 0
        """Number of the polling day. It is raised when a day begins on which none of the booths of the previous one
        votes.
        """

    def add_or_replace_polling_booths(self, booths: Mapping[int, Booth]) -> None:
        """Add polling booths, or replace them with their latest state in the store."""
        self.booths.update(booths)
        self.apply_settings_of_polling_days()

    def apply_settings_of_polling_days(self) -> None:
        """Recompute which polling booths vote today, because the settings or the booths have changed."""
        polling = self._core.plan.polling
        if polling is not None and self._today is not None:
            self._today = polling.find_booths_voting_today(self.booths, self._core.clock.now())

    def find_booths_voting_today(self) -> PollsToday:
        """Return which polling booths vote today. The result is cached for the day."""
        polling = self._core.plan.polling
        if polling is None or not self.booths:
            return NO_POLLS
        now = self._core.clock.now()
        if self._today is None or not self._today.is_valid_at(now):
            before, self._today = self._today, polling.find_booths_voting_today(self.booths, now)
            if before is None or before.zones.keys().isdisjoint(self._today.zones):
                self.day_number += 1
        return self._today

    def find_calling_deadlines_by_booth(self) -> Mapping[int, float]:
        """Return until when the voters of each polling booth may be called today (epoch seconds), by booth id.

        Booths that do not vote today, and booths without a known closing time, are left out.
        """
        return self.find_booths_voting_today().last_calls

    def find_calling_deadline_of_booth(self, purpose: Purpose, booth_id: int) -> float | None:
        """Return when a polling day campaign stops calling the voters of a polling booth (epoch seconds).

        Return None if the booth does not vote today, or if the campaign does not have a polling-day purpose.
        """
        return self.find_calling_deadlines_by_booth().get(booth_id) if purpose in _POLLING_DAY_PURPOSES else None

    def get_next_midnight(self) -> float:
        """Return the next midnight in the time zone of the centre or of a poll, whichever is earlier (epoch seconds)."""
        return min(get_next_midnight(self._core.zone, self._core.clock.now()), self.find_booths_voting_today().until)

    def format_closing_time_of_booth(self, booth: Booth) -> str:
        """Return a polling booth's closing time for announcements, such as "18:00" in its poll's time zone; "" if
        unknown.
        """
        polling = self._core.plan.polling
        close = None if polling is None else polling.find_local_closing_time_of_booth(booth)
        return booth.closes_at if close is None else f"{close:%H:%M}"
