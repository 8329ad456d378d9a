"""The outlook and its bounds, against sums over all that may happen."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from math import prod

import numpy as np
import pytest

from dialer.pacing.lookahead import Bounds, Outlook, cumulants

FREED = np.array([[0.2, 0.4], [0.1, 0.3], [0.5, 0.6]])
RINGING = np.array([[0.3, 0.5], [0.2, 0.2]])
NEW = np.array([0.15, 0.3])


def _weights(chances: Iterable[float]) -> list[tuple[int, float]]:
    """(how many came true, how likely) of every way in which they may."""
    listed = list(chances)
    return [
        (sum(ways), prod(c if way else 1.0 - c for way, c in zip(ways, listed, strict=True)))
        for ways in product((0, 1), repeat=len(listed))
    ]


def _passes(free: int, new_before: int, room: int) -> float:
    """P(a call that is answered finds no seat, after `room` others), over all that may happen, mean of both moments."""
    total = 0.0
    for moment in range(2):
        answered = _weights([*RINGING[:, moment], *[NEW[moment]] * new_before])
        for freed, likely in _weights(FREED[:, moment]):
            total += sum(likely * chance for count, chance in answered if count >= free + freed + room)
    return total / 2.0


def _calls(free: int, bounds: Bounds) -> int:
    return Outlook(free, cumulants(FREED), RINGING).calls_within(bounds, NEW, NEW, 12)


@pytest.mark.parametrize("free", [0, 1, 3])
@pytest.mark.parametrize("room", [0, 1, 2])
@pytest.mark.parametrize("risk", [0.002, 0.02, 0.2])
def test_the_last_call_passes_the_stop_with_the_risk_allowed_and_one_more_would_not(
    free: int, room: int, risk: float
) -> None:
    calls = _calls(free, Bounds(1.0, room, risk))
    if calls:
        assert _passes(free, calls - 1, room) <= risk + 1e-12
    if calls < 12:
        assert _passes(free, calls, room) > risk


def test_alpha_holds_beside_the_risk() -> None:
    tight, loose = Bounds(0.05), Bounds(0.05, 5, 0.9)
    assert _calls(3, tight) == _calls(3, loose) > 0
    assert _calls(3, Bounds(0.05, 0, 0.001)) < _calls(3, tight)
    assert _calls(3, Bounds(0.0, 9, 1.0)) == 0


@pytest.mark.parametrize("count", [3, 30])  # the exact law, and the normal one
def test_calls_are_hung_up_until_the_others_keep_within_the_risk(count: int) -> None:
    freed, ringing = np.tile(FREED[:1], (count, 1)), np.tile(RINGING[:1], (count, 1))
    outlook = Outlook(0, cumulants(freed), ringing)
    assert outlook.excess_over(Bounds(1.0)) == 0
    few, many = outlook.excess_over(Bounds(1.0, 2, 0.1)), outlook.excess_over(Bounds(1.0, 0, 0.01))
    assert 0 < many <= count
    assert few < many
