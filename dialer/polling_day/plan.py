"""What the polling day means for a centre's booths at a moment. Pure: the roll's booths and their turnout in, priorities out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dialer.model import Booth, BoothTurnout
from dialer.polling_day.priorities import BoothNow, BoothPriorities, FactorWeights
from dialer.polling_day.turnout_curve import ExpectedCourse

CloseOf = Callable[[Booth], float | None]
"""The close of poll of a booth, epoch seconds; None where no polling day is known for it."""


LAST_ROUND_SECONDS = 900.0
"""So long before the last call booth workers are called once more: a long list takes its time."""


@dataclass(frozen=True, slots=True)
class PollingPlan:
    """The site's polling day."""

    close_of: CloseOf
    zone: ZoneInfo
    course: ExpectedCourse
    weights: FactorWeights
    last_call_seconds: float  # before a booth closes: a voter called later would have no time left to go

    def last_calls(self, booths: Mapping[int, Booth], day: date) -> dict[int, float]:
        """Of each booth that votes on `day`, by its id: the epoch second after which none of its voters is called."""
        closes = {booth_id: self.close_of(booth) for booth_id, booth in booths.items()}
        return {
            booth_id: close - self.last_call_seconds
            for booth_id, close in closes.items()
            if close is not None and datetime.fromtimestamp(close, self.zone).date() == day
        }

    def priorities(
        self, last_calls: Mapping[int, float], turnout: Mapping[int, BoothTurnout], now: float
    ) -> BoothPriorities:
        """The priority of each booth in `last_calls`, by its id; `now` in epoch seconds. `turnout` is looked at when a booth's
        priority is first asked for.
        """

        def look(booth_id: int) -> BoothNow:
            said = turnout.get(booth_id)
            reached, voted = (said.reached, said.voted) if said else (0, 0)
            return BoothNow(booth_id, reached, voted, last_calls[booth_id] - now)

        known = [turnout[booth_id] for booth_id in last_calls.keys() & turnout.keys()]
        centre = sum(booth.reached for booth in known), sum(booth.voted for booth in known)
        expected = self.course.voted_by(datetime.fromtimestamp(now, self.zone).time())
        return BoothPriorities(last_calls.keys(), look, centre, expected, self.weights)


def worker_round(due_at: float | None, last_call_at: float | None, now: float, every_seconds: float) -> float | None:
    """A booth worker's next call on the polling day: one that would come after the last call comes shortly before it, so that
    the late hours are reported too, where that is at least half a round away. None: not today.
    """
    if due_at is None or last_call_at is None:
        return None
    if due_at < last_call_at:
        return due_at
    last_round_at = last_call_at - LAST_ROUND_SECONDS
    return last_round_at if last_round_at - now >= every_seconds / 2 else None


def not_past_close(retry_at: float | None, last_call_at: float | None, now: float, *, promised: bool) -> float | None:
    """A retry on the polling day: not after the last call. What a voter was promised ("at about six") comes forward to it, any
    other is given up. None: not called again.
    """
    if retry_at is None or last_call_at is None or retry_at <= last_call_at:
        return retry_at
    return last_call_at if promised and last_call_at > now else None
