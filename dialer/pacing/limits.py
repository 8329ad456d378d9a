"""What no policy may pass: free channels, calls per second, and never a call without a seat."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.pacing.port import Limit, PacingSnapshot

MOST_CALLS_AT_ONCE = 500
"""No single decision places more: the largest site has 500 seats, and a wrong figure must not become a flood."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many calls the lines allow at this instant, and what stands in the way of more."""

    calls: int
    limited_by: Limit


def room_on_lines(snapshot: PacingSnapshot) -> Room:
    """Calls that free channels and the CPS budget allow; 0 or more, at most MOST_CALLS_AT_ONCE."""
    channels = max(0, snapshot.free_channels)
    cps = max(0, snapshot.cps_budget)
    if channels <= cps:
        return Room(min(channels, MOST_CALLS_AT_ONCE), Limit.CHANNELS)
    return Room(min(cps, MOST_CALLS_AT_ONCE), Limit.CPS)


def seats_for_callers(snapshot: PacingSnapshot) -> int:
    """Seats that are free or will be: a seat that leaves after its call, or is paused, takes no caller."""
    return max(0, snapshot.free_seats) + len([seat for seat in snapshot.busy_seats if not seat.leaving])


def seats_without_caller(snapshot: PacingSnapshot) -> int:
    """Free seats that no ringing or waiting call may claim; below 0 when more calls than free seats are in flight."""
    return max(0, snapshot.free_seats) - len(snapshot.ringing) - len(snapshot.waiting_seconds)


def reserved_room(worst_case_room: float, snapshot: PacingSnapshot) -> int:
    """Calls that may be added, or below 0 are too many, where all that is in flight may be answered and no seat comes free.

    `worst_case_room`: calls beyond the free seats of which every one may be dropped (`Governor.worst_case_room`).
    """
    return int(max(0.0, min(worst_case_room, float(MOST_CALLS_AT_ONCE)))) + seats_without_caller(snapshot)
