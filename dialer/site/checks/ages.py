"""Formats durations in the results of checks, such as `2 min`."""

from __future__ import annotations


def format_duration_in_largest_unit(seconds: float) -> str:
    """Return a duration as text in days, hours, minutes or seconds, such as `3 d`, `26 h`, `2 min` or `90 s`.

    The unit is the largest one that gives a figure of at least 2.
    """
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
