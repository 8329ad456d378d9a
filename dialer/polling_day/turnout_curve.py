"""How a polling day goes by and large: the share of electors who have voted by an hour. Pure."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import time


@dataclass(frozen=True, slots=True)
class ExpectedCourse:
    """Cumulative turnout as it is expected, straight lines between the points given."""

    opens: time
    points: tuple[tuple[time, float], ...]  # by rising time: share of electors who have voted by then, 0..1

    def voted_by(self, local: time) -> float:
        """The share of electors who are expected to have voted by a local time of the polling day, 0..1."""
        points = [(_minutes(self.opens), 0.0), *((_minutes(at), share) for at, share in self.points)]
        at = _minutes(local)
        after = bisect_right(points, at, key=lambda point: point[0])
        if after == 0:
            return 0.0
        if after == len(points):
            return points[-1][1]
        (left, low), (right, high) = points[after - 1], points[after]
        return low + (high - low) * (at - left) / (right - left)


def _minutes(moment: time) -> float:
    return moment.hour * 60 + moment.minute + moment.second / 60
