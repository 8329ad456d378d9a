"""The centre's time zone and calendar days."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from dialer.settings.site import Settings

DAY_SECONDS = 86_400.0


def get_site_zone(settings: Settings) -> ZoneInfo:
    """Return the time zone of the centre."""
    return ZoneInfo(settings.centre.time_zone)


def get_site_day(settings: Settings, at: float, zone: str | None = None) -> date:
    """Return the calendar date of a time (epoch seconds) at the centre, or in `zone` if it is given."""
    return datetime.fromtimestamp(at, ZoneInfo(zone) if zone else get_site_zone(settings)).date()
