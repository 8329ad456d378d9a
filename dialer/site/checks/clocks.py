"""Checks of clocks: this machine's clock, and the clocks of other machines in comparison."""

from __future__ import annotations

import ctypes

from dialer.domain.finding import Finding, make_error_finding, make_ok_finding, make_warning_finding
from dialer.site.checks.ages import format_duration_in_largest_unit

MAX_DIFFERENCE_SECONDS = 2.0
_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)


def check_clock() -> Finding:
    """Check whether this machine's clock is synchronised, usually by an NTP client."""
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)  # Linux only
    if adjtimex is None:
        return make_warning_finding(
            "clock", "it is unknown whether the clock is synchronised, as this system cannot report it"
        )
    if adjtimex(ctypes.create_string_buffer(512)) == _UNSYNCHRONISED:
        remedy = "start one (chrony, systemd-timesyncd), and check with `timedatectl`"
        return make_warning_finding("clock", "no NTP client is running", remedy)
    return make_ok_finding("clock", "an NTP client keeps the clock synchronised")


def check_clock_difference(subject: str, seconds: float) -> Finding:
    """Check that another machine's clock agrees with this machine's clock. `seconds` says how far the other clock is
    ahead.
    """
    if abs(seconds) <= MAX_DIFFERENCE_SECONDS:
        return make_ok_finding(subject, "the clock agrees with this machine's")
    direction = "ahead of" if seconds > 0 else "behind"
    text = f"{format_duration_in_largest_unit(abs(seconds))} {direction} this machine's"
    return make_error_finding(subject, text, "run an NTP client on both machines")
