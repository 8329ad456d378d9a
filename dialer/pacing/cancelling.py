"""Which calls go when more ring than seats will come free for. Pure: who dials asks it, and so does the model of a centre."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class UnansweredCall(Protocol):
    """A call that nobody has answered. Moments are on one monotonic axis."""

    @property
    def began_seconds(self) -> float:
        """When it was placed."""
        ...

    @property
    def ringing_seconds(self) -> float | None:
        """When a phone began to ring for it; None: none does yet."""
        ...


_Call = TypeVar("_Call", bound=UnansweredCall)


def cancelled_first(calls: Sequence[_Call], now_seconds: float, minimum_ring_seconds: float) -> list[_Call]:
    """The calls that may be hung up, in that order; `calls` are in the order in which they were placed.

    First those that no phone rings for yet, youngest first; then those that have rung for `minimum_ring_seconds`, long enough for
    most who answer, longest first.
    """
    silent = [call for call in reversed(calls) if call.ringing_seconds is None]
    silent.sort(key=lambda call: -call.began_seconds)
    rang = [(call.ringing_seconds, call) for call in calls if call.ringing_seconds is not None]
    long = [one for one in rang if now_seconds - one[0] >= minimum_ring_seconds]
    long.sort(key=lambda one: one[0])
    return [*silent, *(call for _, call in long)]
