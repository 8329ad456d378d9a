"""Which calls go when more ring than seats will come free for. Pure: who dials asks it, and so does the model of a centre."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TypeVar

_Call = TypeVar("_Call")


def cancelled_first(
    calls: Sequence[tuple[float, float | None, _Call]], now_seconds: float, minimum_ring_seconds: float
) -> list[_Call]:
    """The calls that may be hung up, in that order. `calls`: when each was placed, in that order; when a phone began to ring for
    it, None: none does yet; and itself. Moments are on one monotonic axis.

    First those that no phone rings for yet, youngest first; then those that have rung for `minimum_ring_seconds`, long enough for
    most who answer, longest first.
    """
    silent = [(-began, call) for began, rang, call in reversed(calls) if rang is None]
    late = [(rang, call) for _, rang, call in calls if rang is not None and now_seconds - rang >= minimum_ring_seconds]
    return [call for some in (silent, late) for _, call in sorted(some, key=itemgetter(0))]
