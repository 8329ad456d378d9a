"""What becomes of calls that still ring: tables over the time they have rung, made from the ring-time laws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dialer.pacing.estimators import RING_STEP_SECONDS, RING_STEPS, Matrix, RingLaw, Vector
from dialer.pacing.port import RingingCall

PER_SECOND = 4
"""Rows of a table per second: finer than the ring-time laws' own steps, so that the nearest row will do."""

ROWS = int(RING_STEPS * RING_STEP_SECONDS) * PER_SECOND


class InFlightTable:
    """For each time that a call may have been in flight: the evidence in it, and how soon it is answered if ever.

    Rows 0 to ROWS - 1 belong to calls that no phone rings for yet, by seconds since the Originate; the others to calls
    that ring, by seconds since "ringing" was heard. On a line that never says "ringing" the first half holds for all.
    """

    def __init__(self, law: RingLaw, moments: Sequence[float]) -> None:
        """`moments`: seconds ahead that are looked at."""
        seconds = np.arange(ROWS) / PER_SECOND
        never = np.full(ROWS, -1.0)
        later = np.asarray(moments) / RING_STEP_SECONDS
        ratios, answered = [], []
        for ringing in (never, seconds):
            steps, if_answered, if_failed = law.still_ringing(seconds, ringing)
            ratios.append((if_failed + 5e-4) / (if_answered + 1e-4))
            answered.append(law.answered_later(steps, later))
        self.ratio: Vector = np.concatenate(ratios)
        """P(still in flight | it will fail) / P(still in flight | it will be answered), by row."""
        self.answered: Matrix = np.concatenate(answered)
        """P(answered by each moment | it will be answered), by row."""
        delay = law.delay_seconds if law.signalled else 0.0
        self.new: Vector = law.answered_later(np.array([-delay / RING_STEP_SECONDS]), later)[0]
        """The same of a call that is placed now."""
        self._signalled = law.signalled

    def row(self, elapsed: float, ringing: float | None) -> int:
        """The row of a call by its seconds since the Originate, and since "ringing" (None: not yet)."""
        if ringing is None or not self._signalled:
            first, seconds = 0, elapsed
        else:
            first, seconds = ROWS, min(ringing, elapsed)
        if not seconds > 0.0:
            return first
        return first + int(min(ROWS - 1.0, seconds * PER_SECOND + 0.5))

    def rows(self, calls: Sequence[RingingCall]) -> list[int]:
        """The rows of calls."""
        row = self.row
        return [row(call.elapsed_seconds, call.ringing_seconds) for call in calls]
