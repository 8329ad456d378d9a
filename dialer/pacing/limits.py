"""What no policy may pass: free channels, calls per second, and never a call without a seat."""

from __future__ import annotations

from dialer.pacing.port import Limit, PacingSnapshot

MOST_CALLS_AT_ONCE = 500
"""No single decision places more: the largest site has 500 seats, and a wrong figure must not become a flood."""


def within_lines(snapshot: PacingSnapshot, wanted: int, limited_by: Limit) -> tuple[int, Limit]:
    """Of the calls `wanted` those that free channels and the CPS budget allow, and what stands in the way of more: `limited_by`, if
    the lines do not."""
    channels, cps = max(0, snapshot.free_channels), max(0, snapshot.cps_budget)
    of_channels = Limit.SPEED if snapshot.held_back else Limit.CHANNELS
    room, limit = (channels, of_channels) if channels <= cps else (cps, Limit.CPS)
    room = min(room, MOST_CALLS_AT_ONCE)
    return (room, limit) if room < wanted else (max(0, wanted), limited_by)


def seats_for_callers(snapshot: PacingSnapshot) -> int:
    """Seats that are free or will be: a seat that leaves after its call, or is paused, takes no caller."""
    return max(0, snapshot.free_seats) + len([seat for seat in snapshot.busy_seats if not seat.leaving])


def seats_without_caller(snapshot: PacingSnapshot) -> int:
    """Free seats that no ringing or waiting call may claim; below 0 when more calls than free seats are in flight."""
    return max(0, snapshot.free_seats) - len(snapshot.ringing) - len(snapshot.waiting_seconds)
