"""How soon busy seats come free: the probability within each of a few horizons, by stage and elapsed seconds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialer.pacing.estimators import HAZARD_EDGES
from dialer.pacing.port import BusySeat, SeatStage

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

ELAPSED_SECONDS = 420
"""Seconds of elapsed time that are told apart; beyond it the last hazard holds."""

_BIN_OF_SECOND = np.array([bisect_right(HAZARD_EDGES, second + 0.5) - 1 for second in range(ELAPSED_SECONDS)])

_FIRST_ROW = {
    SeatStage.TALKING: 0,
    SeatStage.CLOSING: ELAPSED_SECONDS,
    SeatStage.WRAP_UP: 2 * ELAPSED_SECONDS,
    SeatStage.WRAP_UP_FILLED: 3 * ELAPSED_SECONDS,
}
_INNER_STAGES = frozenset({SeatStage.CLOSING, SeatStage.WRAP_UP_FILLED})


@dataclass(frozen=True, slots=True)
class StageRates:
    """Hazards by bin of HAZARD_EDGES, 1/s: how talk and wrap-up end, and how they go over into their inner stages."""

    talk_ends: Vector
    talk_closes: Vector
    closing_ends: Vector
    wrap_up_ends: Vector
    wrap_up_fills: Vector
    filled_ends: Vector


def _chances(*rates: Vector) -> list[Vector]:
    """Competing hazards by bin to the probabilities that each comes within one second, by second of elapsed time."""
    total = np.stack(rates).sum(axis=0)
    within = -np.expm1(-total) / np.maximum(total, 1e-12)
    return [(rate * within)[_BIN_OF_SECOND] for rate in rates]


def _second_later(row: Vector) -> Vector:
    """The same row a second older."""
    later = np.empty_like(row)
    later[:-1] = row[1:]
    later[-1] = row[-1]
    return later


def free_within(horizons: Sequence[float], rates: StageRates) -> Matrix:
    """P(a seat is free within a horizon), shape (4 * ELAPSED_SECONDS, len(horizons)); `row_of` gives a seat's row.

    A semi-Markov chain on steps of a second: talk ends or goes over into closing, closing ends; both lead to wrap-up,
    which ends or goes over into a half-filled form; that ends. A stage that begins inside a step counts from the
    middle of it.
    """
    talk_ends, talk_closes = _chances(rates.talk_ends, rates.talk_closes)
    (closing_ends,) = _chances(rates.closing_ends)
    wrap_up_ends, wrap_up_fills = _chances(rates.wrap_up_ends, rates.wrap_up_fills)
    (filled_ends,) = _chances(rates.filled_ends)
    steps = int(max(horizons, default=1.0)) + 2
    talk, closing, wrap_up, filled = tables = np.zeros((4, steps + 1, ELAPSED_SECONDS))
    talk_stays, closing_stays = 1.0 - talk_ends - talk_closes, 1.0 - closing_ends
    wrap_up_stays, filled_stays = 1.0 - wrap_up_ends - wrap_up_fills, 1.0 - filled_ends
    for step in range(1, steps + 1):
        before = step - 1
        filled[step] = filled_ends + filled_stays * _second_later(filled[before])
        fresh = 0.5 * (filled[step, 0] + filled[before, 0])
        wrap_up[step] = wrap_up_ends + wrap_up_fills * fresh + wrap_up_stays * _second_later(wrap_up[before])
        fresh = 0.5 * (wrap_up[step, 0] + wrap_up[before, 0])
        closing[step] = closing_ends * fresh + closing_stays * _second_later(closing[before])
        fresh_closing = 0.5 * (closing[step, 0] + closing[before, 0])
        talk[step] = talk_ends * fresh + talk_closes * fresh_closing + talk_stays * _second_later(talk[before])
    out = np.empty((4 * ELAPSED_SECONDS, len(horizons)))
    for column, horizon in enumerate(horizons):
        below = min(int(max(0.0, horizon)), steps - 1)
        part = min(1.0, max(0.0, horizon - below))
        out[:, column] = ((1.0 - part) * tables[:, below] + part * tables[:, below + 1]).reshape(-1)
    return out


def row_of(seat: BusySeat) -> int:
    """The row of a busy seat in the table of `free_within`: its stage, and the nearest second in it."""
    seconds = seat.stage_seconds or 0.0 if seat.stage in _INNER_STAGES else seat.elapsed_seconds
    first = _FIRST_ROW[seat.stage]
    if not seconds > 0.0:
        return first
    return first + (int(seconds + 0.5) if seconds < ELAPSED_SECONDS - 1 else ELAPSED_SECONDS - 1)
