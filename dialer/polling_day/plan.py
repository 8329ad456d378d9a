"""The plan of a polling day: expected turnout curve, closing times, and the priorities of polling booths. Without I/O."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from dialer.domain.model import Booth, BoothTurnout
from dialer.polling_day.priorities import BoothNow, BoothPriorities, FactorWeights
from dialer.rules.calling_hours import get_local_midnight_before, get_next_midnight

LAST_ROUND_SECONDS = 900.0
"""Booth workers get their last call this long before the booth's last call: reading out a long list takes time."""

_SECONDS_WITHOUT_AN_HOUR = 1.0


@dataclass(frozen=True, slots=True)
class ExpectedTurnout:
    """The expected turnout curve: cumulative turnout over the polling day, interpolated between points."""

    opens: time
    points: tuple[tuple[time, float], ...]  # share of electors who have voted by a time (0-1), by ascending time

    def compute_expected_turnout(self, local: time) -> float:
        """Return the share of electors (0-1) who are expected to have voted by a local time of the polling day."""
        points = [
            (_count_minutes_since_midnight(self.opens), 0.0),
            *((_count_minutes_since_midnight(at), share) for at, share in self.points),
        ]
        at = _count_minutes_since_midnight(local)
        after = bisect_right(points, at, key=lambda point: point[0])
        if after == 0:
            return 0.0
        if after == len(points):
            return points[-1][1]
        (left, low), (right, high) = points[after - 1], points[after]
        return low + (high - low) * (at - left) / (right - left)


def _count_minutes_since_midnight(moment: time) -> float:
    return moment.hour * 60 + moment.minute + moment.second / 60


@dataclass(frozen=True, slots=True)
class BoothPoll:
    """The polling day of one polling booth, and the time when the poll closes there."""

    day: date
    zone: ZoneInfo  # of the poll, not necessarily the centre's
    closes_at: float | None  # epoch seconds; None: unknown


PollOf = Callable[[Booth], BoothPoll | None]
"""Function that returns the poll of a booth, or None if its polling day is unknown."""


@dataclass(frozen=True, slots=True)
class PollsToday:
    """The polling booths that vote today, and the time of the last call to the voters of each.

    Valid from `since` to `until` (epoch seconds).
    """

    zones: Mapping[int, ZoneInfo]  # time zone of each booth that votes, by booth id
    # Time of the last call (epoch seconds) by booth id, for booths whose closing time is known.
    last_calls: Mapping[int, float]
    since: float
    until: float

    def is_valid_at(self, now: float) -> bool:
        """Return whether this plan is still valid at `now` (epoch seconds): the same polling booths vote on that day."""
        return self.since <= now < self.until


NO_POLLS = PollsToday({}, {}, float("-inf"), float("inf"))
"""The polls of a site without polling days: no booth ever votes."""


@dataclass(frozen=True, slots=True)
class PollingPlan:
    """The polling days of the polling booths whose voters a call centre calls, with the expected turnout at each hour."""

    poll_of: PollOf
    expected_turnout: ExpectedTurnout
    weights: FactorWeights
    last_call_seconds: float  # time from the last call to a booth's close; a voter called later could not vote in time

    def find_closing_time_of_booth(self, booth: Booth) -> float | None:
        """Return the close of poll of a polling booth (epoch seconds), or None if it is unknown."""
        poll = self.poll_of(booth)
        return None if poll is None else poll.closes_at

    def find_local_closing_time_of_booth(self, booth: Booth) -> datetime | None:
        """Return the close of poll of a polling booth in its local time, or None if it is unknown."""
        poll = self.poll_of(booth)
        if poll is None or poll.closes_at is None:
            return None
        return datetime.fromtimestamp(poll.closes_at, poll.zone)

    def find_booths_voting_today(self, booths: Mapping[int, Booth], now: float) -> PollsToday:
        """Return which of the polling booths vote on the day of `now` (epoch seconds), and until when their voters are called."""
        polls = {booth_id: poll for booth_id, booth in booths.items() if (poll := self.poll_of(booth)) is not None}
        days = {zone: datetime.fromtimestamp(now, zone).date() for zone in {poll.zone for poll in polls.values()}}
        voting = {booth_id: poll for booth_id, poll in polls.items() if poll.day == days[poll.zone]}
        return PollsToday(
            zones={booth_id: poll.zone for booth_id, poll in voting.items()},
            last_calls={
                booth_id: poll.closes_at - self.last_call_seconds
                for booth_id, poll in voting.items()
                if poll.closes_at is not None
            },
            since=max((get_local_midnight_before(zone, now) for zone in days), default=NO_POLLS.since),
            until=min((get_next_midnight(zone, now) for zone in days), default=NO_POLLS.until),
        )

    def create_call_priorities_of_polling_booths(
        self, today: PollsToday, turnout: Mapping[int, BoothTurnout], now: float
    ) -> BoothPriorities:
        """Return the call priority of each polling booth that votes today, by booth id.

        `turnout` is read only when a priority is needed. A booth without a known closing time counts as the last to
        close.
        """
        latest = max(today.last_calls.values(), default=now)
        # An unknown closing time never counts as passed.
        without_an_hour = max(_SECONDS_WITHOUT_AN_HOUR, latest - now)
        of_zones = Counter(today.zones.values())
        share_at = self.expected_turnout.compute_expected_turnout
        expected = {zone: share_at(datetime.fromtimestamp(now, zone).time()) for zone in of_zones}

        def read_turnout_counts_of_booth(booth_id: int) -> BoothNow:
            said, last_call_at = turnout.get(booth_id), today.last_calls.get(booth_id)
            reached, voted = (said.contacted, said.voted) if said else (0, 0)
            left = without_an_hour if last_call_at is None else last_call_at - now
            return BoothNow(booth_id, reached, voted, left, expected[today.zones[booth_id]])

        known = [turnout[booth_id] for booth_id in today.zones.keys() & turnout.keys()]
        centre = BoothNow(
            booth_id=0,
            reached=sum(booth.contacted for booth in known),
            voted=sum(booth.voted for booth in known),
            seconds_to_last_call=without_an_hour,
            expected_voted=sum(expected[zone] * count for zone, count in of_zones.items()) / max(1, of_zones.total()),
        )
        return BoothPriorities(today.zones.keys(), read_turnout_counts_of_booth, centre, self.weights)


def find_next_booth_worker_call_time(
    due_at: float | None, last_call_at: float | None, now: float, every_seconds: float
) -> float | None:
    """Return the time of a booth worker's next call on the polling day (epoch seconds), or None if there is none today.

    No call is made after `last_call_at`, the time of the booth's last call. A later call is moved to shortly before
    that time, or dropped if less than half of `every_seconds` remains.
    """
    if due_at is None or last_call_at is None:
        return None
    if due_at < last_call_at:
        return due_at
    last_round_at = last_call_at - LAST_ROUND_SECONDS
    return last_round_at if last_round_at - now >= every_seconds / 2 else None


def limit_retry_to_last_call_time(
    retry_at: float | None, last_call_at: float | None, now: float, *, promised: bool
) -> float | None:
    """Return when a number is redialled (epoch seconds), or None if it is not.

    A number is never redialled after `last_call_at`, the time of the last call to the voters of its polling booth. If
    the voter asked for a later call ("at about six"), the call is moved to `last_call_at`. Any other retry after that
    time is dropped.
    """
    if retry_at is None or last_call_at is None or retry_at <= last_call_at:
        return retry_at
    return last_call_at if promised and last_call_at > now else None
