"""Choose the ringing calls to hang up when more phones ring than seats will be free.

Without I/O. The simulated centre uses this module too.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TypeVar

_Call = TypeVar("_Call")


def sort_calls_to_hang_up(
    calls: Sequence[tuple[float, float | None, _Call]], now_seconds: float, minimum_ring_seconds: float
) -> list[_Call]:
    """Return the calls that may be hung up, in the order in which to hang them up.

    First come calls whose phone does not ring yet, the youngest first. Then come calls that have rung for at least
    `minimum_ring_seconds`, the longest first. Calls that have rung for a shorter time are left out.

    Args:
        calls: the calls, the oldest first. Each has the time at which it was placed, the time at which its phone began
            to ring (or None), and the call itself.
    """
    silent = [(-began, call) for began, rang, call in reversed(calls) if rang is None]
    late = [(rang, call) for _, rang, call in calls if rang is not None and now_seconds - rang >= minimum_ring_seconds]
    return [call for some in (silent, late) for _, call in sorted(some, key=itemgetter(0))]
