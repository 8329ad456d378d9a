"""The time zones in which a number may be. Pure.

The longest known prefix decides, from Google's libphonenumber. A number that may be in several zones must be allowed in
each. Mobile numbers that were taken to another area are not known to have moved.
"""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

NumberZones = tuple[ZoneInfo, ...]


def zones_of(number: str) -> NumberZones:
    """Return the zones in which an E.164 number may be; empty: unknown."""
    digits = number[1:]
    for length in range(min(TIMEZONE_LONGEST_PREFIX, len(digits)), 0, -1):
        names = TIMEZONE_DATA.get(digits[:length])
        if names is not None:
            return _zones(tuple(names))
    return ()


@lru_cache(maxsize=256)
def zones_below(prefix: str) -> NumberZones:
    """Return the zones of every number that begins with a prefix."""
    digits = prefix[1:]
    names = {name for known, zones in TIMEZONE_DATA.items() if known.startswith(digits) for name in zones}
    names |= {zone.key for zone in zones_of(prefix)}
    return _zones(tuple(sorted(names)))


@lru_cache(maxsize=4096)
def _zones(names: tuple[str, ...]) -> NumberZones:
    """Return these zones; empty if this machine lacks one of them, because an unknown zone forbids."""
    try:
        return tuple(ZoneInfo(name) for name in names)
    except (ZoneInfoNotFoundError, ValueError):
        return ()
