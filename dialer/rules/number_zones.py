"""The time zones in which a phone number may be, according to its prefix in Google's libphonenumber.

If a number may be in several zones, calls must be allowed in all of them. A mobile phone may be outside the area of its
prefix; nothing shows this.
"""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

NumberZones = tuple[ZoneInfo, ...]


def find_time_zones_of_number(number: str) -> NumberZones:
    """Return the time zones in which an E.164 number may be, or none if they are unknown."""
    digits = number[1:]
    for length in range(min(TIMEZONE_LONGEST_PREFIX, len(digits)), 0, -1):
        names = TIMEZONE_DATA.get(digits[:length])
        if names is not None:
            return _load_time_zones_by_name(tuple(names))
    return ()


@lru_cache(maxsize=256)
def find_time_zones_of_number_prefix(prefix: str) -> NumberZones:
    """Return the time zones of all phone numbers that begin with a prefix."""
    digits = prefix[1:]
    names = {name for known, zones in TIMEZONE_DATA.items() if known.startswith(digits) for name in zones}
    names |= {zone.key for zone in find_time_zones_of_number(prefix)}
    return _load_time_zones_by_name(tuple(sorted(names)))


@lru_cache(maxsize=4096)
def _load_time_zones_by_name(names: tuple[str, ...]) -> NumberZones:
    """Return the time zones with these names, or none if this machine does not know one of them.

    A number without time zones is not called.
    """
    try:
        return tuple(ZoneInfo(name) for name in names)
    except (ZoneInfoNotFoundError, ValueError):
        return ()
