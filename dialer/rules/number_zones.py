"""In which time zones a number may be. Pure.

By the longest known prefix of the number, as Google's libphonenumber knows them. A number that may be in several zones is in all
of them at once: what is allowed must be allowed in each. A mobile number that was taken along to another area is not known to
have moved.
"""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

NumberZones = tuple[ZoneInfo, ...]


def zones_of(number: str) -> NumberZones:
    """The zones in which an E.164 number may be; empty: no zone is known."""
    digits = number[1:]
    for length in range(min(TIMEZONE_LONGEST_PREFIX, len(digits)), 0, -1):
        names = TIMEZONE_DATA.get(digits[:length])
        if names is not None:
            return _zones(tuple(names))
    return ()


@lru_cache(maxsize=256)
def zones_below(prefix: str) -> NumberZones:
    """The zones of every number that begins with a prefix, in no order."""
    digits = prefix[1:]
    names = {name for known, zones in TIMEZONE_DATA.items() if known.startswith(digits) for name in zones}
    names |= {zone.key for zone in zones_of(prefix)}
    return _zones(tuple(sorted(names)))


@lru_cache(maxsize=4096)
def _zones(names: tuple[str, ...]) -> NumberZones:
    """Nothing, where this machine lacks one of them: a zone that cannot be read forbids."""
    try:
        return tuple(ZoneInfo(name) for name in names)
    except (ZoneInfoNotFoundError, ValueError):
        return ()
