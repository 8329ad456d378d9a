"""Which ringing calls to hang up when more ring than seats will be free. Pure; also used by the simulated model of a
centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TypeVar

_Call = TypeVar("_Call")


def order_for_hang_up(
    calls: Sequence[tuple[float, float | None, _Call]], now_seconds: float, minimum_ring_seconds: float
) -> list[_Call]:
    """Return the calls that may be hung up, in the order in which to hang them up.

    Each of `calls`, in the order of placing, is: when the call was placed, when its phone began to ring (None: not
    yet), and the call. Calls whose phone is not ringing yet come first, youngest first; then calls that have rung for
    at least `minimum_ring_seconds`, longest first.
    """
    silent = [(-began, call) for began, rang, call in reversed(calls) if rang is None]
    late = [(rang, call) for _, rang, call in calls if rang is not None and now_seconds - rang >= minimum_ring_seconds]
    return [call for some in (silent, late) for _, call in sorted(some, key=itemgetter(0))]
