"""The figures of the board that the dialler does not publish, such as the calls of the day.

Calls are read from the store, so that no figure is lost when the desk or the dialler restarts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from dialer.desk.early_warnings import AbandonedWindow, WarningList, find_active_warnings
from dialer.desk.idle_reasons import find_idle_reason_of_campaign
from dialer.domain.alerts import Alert
from dialer.domain.clock import Clock
from dialer.domain.schema import MESSAGE
from dialer.domain.view import CampaignView, CentreState, SeatView
from dialer.mqtt.dialler_client import DeskStatus
from dialer.store.desk_reading import CallsOfInterval, DeskReading
from dialer.web.page_state import PageState
from dialer.web.people import repeat_function_with_pause, run_function_and_log_store_error

INTERVAL_SECONDS = 600
LATEST_SECONDS = 3_600  # calls that began earlier have ended: their intervals are read once
READ_SECONDS = 15.0
WHY_SECONDS = 1.0
READ_FAILED = "store.read_failed"


@dataclass(frozen=True, slots=True)
class ShownCap:
    """A limit (cap) on the abandoned-call rate, as the board shows it."""

    window_seconds: float
    target: float  # the rate to steer to (0-1)
    stop: float  # the rate at which dialling stops (0-1)
    false_positive_share: float = 0.0  # the profile's share of people among the calls that detection takes for machines


@dataclass(frozen=True, slots=True)
class DayFigures:
    """A campaign's calls of the day as columns of figures, with one value for each ten minutes."""

    __pydantic_config__ = MESSAGE

    at: tuple[int, ...]
    """when each ten minutes began (epoch seconds)"""
    placed: tuple[int, ...]
    answered: tuple[int, ...]
    connected: tuple[int, ...]
    abandoned: tuple[float, ...]
    """a call that detection took for a machine counts as a part of one"""
    live_answers: tuple[float, ...]


def find_midnight_before_time(at: float, zone: tzinfo) -> float:
    """Return the midnight before a time (both in epoch seconds)."""
    return datetime.fromtimestamp(at, zone).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


class BoardFigures:
    """Computes the figures of the board: calls of the day, abandoned calls, warnings, and why a campaign places no
    calls.

    The figures, and the names of polling stations, are in the page state (the data that open pages show). The keys are
    day/{campaign}, abandoned/{campaign}, why/{campaign}, warnings and booths.
    """

    def __init__(
        self,
        page_state: PageState,
        reading: DeskReading,
        clock: Clock,
        zone: tzinfo,
        caps: Mapping[str, tuple[ShownCap, ...]],
    ) -> None:
        """Create the figures of the supervisors' board.

        `caps` are the limits on the abandoned-call rate of each campaign, by its id.
        """
        self._page_state = page_state
        self._reading = reading
        self._clock = clock
        self._zone = zone
        self.caps = caps
        self._intervals: dict[str, dict[int, CallsOfInterval]] = {}
        self._read_at: dict[str, float] = {}  # when each campaign's calls were last read
        self._day_at = 0.0  # start of the day shown
        self._booths_read_on = 0.0  # start of the day on which the booths' names were read
        self._active: dict[str, Alert] = {}  # warnings by code

    async def update_figures_until_cancelled(self) -> None:
        """Update the figures of the board until cancelled.

        While the store cannot be read, the figures stay unchanged.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(
                repeat_function_with_pause(READ_SECONDS, self.refresh_figures_of_all_campaigns), name="desk-reads"
            )
            group.create_task(
                repeat_function_with_pause(WHY_SECONDS, self.update_warnings_and_idle_reasons), name="desk-why"
            )

    async def refresh_figures_of_all_campaigns(self) -> None:
        """Read each campaign's calls of the day from the store, and show them on the board. Failures are logged.

        The names of the polling stations (booths) are read once a day.
        """
        if self._booths_read_on != find_midnight_before_time(self._clock.now(), self._zone):
            await run_function_and_log_store_error(self.refresh_booth_names(), READ_FAILED)
        for campaign_id, caps in self.caps.items():
            await run_function_and_log_store_error(self.refresh_campaign_figures(campaign_id, caps), READ_FAILED)

    async def refresh_booth_names(self) -> None:
        """Read the names of the polling stations (booths) from the store, and show them on the board. Raises
        StoreError.
        """
        day_at = find_midnight_before_time(self._clock.now(), self._zone)
        self._page_state.set_value_of_key("booths", await self._reading.read_booth_names())
        self._booths_read_on = day_at

    async def refresh_campaign_figures(self, campaign_id: str, caps: tuple[ShownCap, ...]) -> None:
        """Read one campaign's calls of the day from the store, and show them on the board. Raises StoreError."""
        now = self._clock.now()
        day_at = find_midnight_before_time(now, self._zone)
        if day_at != self._day_at:
            self._intervals.clear()
            self._read_at.clear()
            self._day_at = day_at
        intervals = self._intervals.setdefault(campaign_id, {})
        read_at = min(now, self._read_at.get(campaign_id, day_at))  # may be long ago if the store could not be read
        first = max(0, int((read_at - LATEST_SECONDS - day_at) // INTERVAL_SECONDS))
        since = day_at + first * INTERVAL_SECONDS
        of_profile = max((cap.false_positive_share for cap in caps), default=0.0)
        share = (await self._reading.count_judged_calls(campaign_id)).get_false_positive_share_to_count(of_profile)
        for each in await self._reading.count_calls_by_interval(campaign_id, since, INTERVAL_SECONDS, share):
            intervals[first + each.number] = replace(each, number=first + each.number)
        self._read_at[campaign_id] = now
        self._page_state.set_value_of_key(f"day/{campaign_id}", _compute_campaign_figures_of_day(day_at, intervals))
        campaign = self._page_state.get_value_of_key(f"campaign/{campaign_id}", CampaignView)
        target = None if campaign is None else campaign.abandoned_target
        windows = [
            await self._read_abandoned_rate_in_window(
                campaign_id, cap, None if target is None else target.rate, now, share
            )
            for cap in caps
        ]
        self._page_state.set_value_of_key(f"abandoned/{campaign_id}", tuple(windows))

    async def _read_abandoned_rate_in_window(
        self, campaign_id: str, cap: ShownCap, target: float | None, now: float, share: float
    ) -> AbandonedWindow:
        found = await self._reading.count_recently_answered_and_abandoned_calls(
            campaign_id, now, cap.window_seconds, share
        )
        target_rate = cap.target if target is None else target
        return AbandonedWindow(cap.window_seconds, target_rate, cap.stop, found.answers, found.abandoned)

    async def update_warnings_and_idle_reasons(self) -> None:
        """Show on the board the early warnings, and why each campaign places no calls.

        Both are derived from the state that the dialler publishes.
        """
        centre = self._page_state.get_value_of_key("centre", CentreState)
        desk = self._page_state.get_value_of_key("desk", DeskStatus)
        connected = desk is not None and desk.connected
        seats = list(self._page_state.get_values_of_keys_with_prefix("seat", SeatView).values())
        campaigns = self._page_state.get_values_of_keys_with_prefix("campaign", CampaignView)
        for campaign_id, campaign in campaigns.items():
            self._page_state.set_value_of_key(
                f"why/{campaign_id}", find_idle_reason_of_campaign(centre, campaign, seats, connected=connected)
            )
        now = round(self._clock.now(), 3)
        active = find_active_warnings(
            campaigns, self._page_state.get_values_of_keys_with_prefix("abandoned", tuple), seats, now
        )
        # One that was active before keeps the time when it was raised: whoever has acknowledged it has done so.
        self._active = {each.code: replace(each, at=self._active.get(each.code, each).at) for each in active}
        self._page_state.set_value_of_key("warnings", WarningList(tuple(self._active.values())))


def _compute_campaign_figures_of_day(day_at: float, intervals: Mapping[int, CallsOfInterval]) -> DayFigures:
    """Return a campaign's calls of the day, with a value for each interval from the first one with a call to the last."""
    numbers = range(min(intervals, default=0), max(intervals, default=-1) + 1)
    none = CallsOfInterval(0, 0, 0, 0, 0, 0)
    rows = [intervals.get(number, none) for number in numbers]
    return DayFigures(
        at=tuple(int(day_at) + number * INTERVAL_SECONDS for number in numbers),
        placed=tuple(row.placed for row in rows),
        answered=tuple(row.answered for row in rows),
        connected=tuple(row.connected for row in rows),
        abandoned=tuple(row.abandoned for row in rows),
        live_answers=tuple(row.live_answers for row in rows),
    )
