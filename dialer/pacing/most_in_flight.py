"""The most calls in flight: for the moment at which everything learned of the answer rate is wrong at once."""

from __future__ import annotations

from collections.abc import Mapping

SPARE = 4.0
LEAST_PER_SEAT = 1.5
ANSWERS_PER_SEAT = 0.6
"""Never more calls in flight than SPARE, and per seat those that bring ANSWERS_PER_SEAT; LEAST_PER_SEAT at least."""

PER_SEAT_IN_A_FALL = 5.0
USUAL_SECONDS = 1800.0
LEAST_USUAL_RATE = 0.02
"""After a fall of the answer rate no more than PER_SEAT_IN_A_FALL per seat, or what the mean rate of the last USUAL_SECONDS
asks for: while a carrier loses every call all seats are free and hardly an answer is expected of hundreds of calls, and when
it is well again they are answered together. A rate that stays low becomes the mean, and no list is held to be usual below
LEAST_USUAL_RATE. Found by simulation (docs/decisions.md)."""

_LONGEST_GAP_SECONDS = 60.0
"""Time in which nothing was asked tells nothing beyond this."""


class MostInFlight:
    """How many calls may be in flight at once, by the answer rate as learned now and as it was of late."""

    def __init__(self) -> None:
        self._rate = 0.0
        self._seconds = 0.0  # that the mean reaches back, USUAL_SECONDS at most
        self._at: float | None = None

    def follow(self, now: float, answer_rate: float) -> None:
        """The answer rate is learned to be so at this moment. The first is the mean, then each by the time it stood."""
        if self._at is not None:
            gap = min(_LONGEST_GAP_SECONDS, max(0.0, now - self._at))
            self._seconds = min(USUAL_SECONDS, self._seconds + gap)
            if gap > 0.0:
                self._rate += (answer_rate - self._rate) * gap / self._seconds
        elif self._seconds == 0.0:
            self._rate = answer_rate
        self._at = now

    def calls(self, seats: int, answer_rate: float) -> int:
        """The most calls in flight for so many seats that take callers, at this answer rate."""
        wanted = max(LEAST_PER_SEAT, ANSWERS_PER_SEAT / max(1e-3, answer_rate))
        most = max(PER_SEAT_IN_A_FALL, ANSWERS_PER_SEAT / max(LEAST_USUAL_RATE, self._rate))
        return int(SPARE + seats * min(wanted, most))

    def state(self) -> dict[str, float]:
        """What was learned, as plain JSON types."""
        return {"rate": self._rate, "seconds": self._seconds}

    def restore(self, state: Mapping[str, object]) -> None:
        """Take up what `state` gave. Raises KeyError, TypeError or ValueError for a damaged one."""
        rate, seconds = float(str(state["rate"])), float(str(state["seconds"]))
        if not (0.0 <= rate <= 1.0 and 0.0 <= seconds <= USUAL_SECONDS):
            raise ValueError("figures of the usual answer rate are out of range")
        self._rate, self._seconds, self._at = rate, seconds, None
