"""Calling hours: whether calls are allowed at a given time, and when they are allowed next. This module does no I/O.

Hours are in the local time of the called party's zone. If a clock change repeats an hour, calls are allowed in both
passes. A skipped hour does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import TypeVar
from zoneinfo import ZoneInfo

from dialer.domain.translatable import join_with_commas, translatable

Stretch = tuple[time, time]
"""Start (included) and end (excluded), local time."""

Moment = TypeVar("Moment", time, float)

_END_OF_DAY = time.max
_DAY_SECONDS = 86_400
_DAYS_AHEAD = 15  # more than any sequence of closed days in a profile


@dataclass(frozen=True, slots=True)
class WeekHours:
    """The daily calling hours of a week: for weekdays, Saturdays, Sundays and holidays."""

    weekday: tuple[Stretch, ...]
    saturday: tuple[Stretch, ...]
    sunday: tuple[Stretch, ...]
    holiday: tuple[Stretch, ...]
    holidays: frozenset[date] = frozenset()

    def get_calling_hours_of_date(self, day: date) -> tuple[Stretch, ...]:
        """Return the periods of a day in which calls are allowed. They depend on the day's weekday, and on whether it
        is a holiday.
        """
        if day in self.holidays:
            return self.holiday
        match day.weekday():
            case 5:
                return self.saturday
            case 6:
                return self.sunday
        return self.weekday

    def are_calls_allowed_at(self, zone: ZoneInfo, now: float) -> bool:
        """Return whether calls are allowed at `now` (epoch seconds) in `zone`."""
        local = datetime.fromtimestamp(now, zone)
        moment = local.time()
        return any(start <= moment < until for start, until in self.get_calling_hours_of_date(local.date()))

    def find_next_time_calls_are_allowed(self, zones: Sequence[ZoneInfo], now: float) -> float | None:
        """Return the next time at which calls are allowed in all zones (epoch seconds), or None if there is none within
        two weeks.

        The result is `now` if calls are allowed now.
        """
        if all(self.are_calls_allowed_at(zone, now) for zone in zones):
            return now
        # All zones are open from the moment the last of them opens, so only opening times have to be checked.
        openings = {
            opening
            for zone in zones
            for opening in _list_opening_times(zone, now, self.get_calling_hours_of_date)
            if opening > now
        }
        return next((at for at in sorted(openings) if all(self.are_calls_allowed_at(zone, at) for zone in zones)), None)


def create_daily_calling_hours(hours: Iterable[Stretch]) -> WeekHours:
    """Return calling hours that are the same on each day."""
    fixed = tuple(hours)
    return WeekHours(fixed, fixed, fixed, fixed)


def parse_period_of_day(text: str) -> Stretch:
    """Return the start and end in a text such as `09:00-13:00`. The end `24:00` is the end of the day."""
    start, until = (_END_OF_DAY if part == "24:00" else time.fromisoformat(part) for part in text.split("-"))
    return start, until


def format_periods_of_day(periods: Iterable[Stretch]) -> tuple[str, ...]:
    """Return periods of the day as texts such as `09:00-13:00`."""
    return tuple(f"{start:%H:%M}-{'24:00' if until == _END_OF_DAY else f'{until:%H:%M}'}" for start, until in periods)


def format_periods_of_each_day(periods: Mapping[str, Sequence[Stretch]]) -> str:
    """Return the periods of several kinds of day as a text such as `09:00-13:00 on weekdays, nothing on Sundays`. The
    days, such as `weekdays`, are left out if all have the same periods.
    """
    texts = {
        day: ", ".join(format_periods_of_day(each)) or translatable("no-hours", "nothing")
        for day, each in periods.items()
    }
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return join_with_commas(
        translatable("hours-on-days", "{hours} on {days}", hours=text, days=day) for day, text in texts.items()
    )


def intersect_periods_of_day(some: Iterable[Stretch], others: Collection[Stretch]) -> list[Stretch]:
    """Return the periods of the day that are in both `some` and `others`."""
    both = [(max(one[0], other[0]), min(one[1], other[1])) for one in some for other in others]
    return [(start, until) for start, until in both if start < until]


def convert_periods_to_zone_of_centre(
    periods: Iterable[Stretch], zones: Collection[ZoneInfo], centre: ZoneInfo, now: float
) -> list[Stretch]:
    """Return daily periods, given in the local time of each of `zones`, in the centre's time.

    A time is in the result if it is in one of the `periods` in at least one zone. `now` (epoch seconds) determines the
    UTC offsets.
    """
    moment, found = datetime.fromtimestamp(now, centre), set[tuple[float, float]]()
    # Without the zone: the difference of two times in the same zone would ignore a clock change between them.
    shifts = {moment.replace(tzinfo=None) - moment.astimezone(zone).replace(tzinfo=None) for zone in zones}
    for (start, until), shift in product(periods, shifts or {timedelta()}):
        first, last = (_count_seconds_since_midnight(at) + shift.total_seconds() for at in (start, until))
        for day in (-_DAY_SECONDS, 0, _DAY_SECONDS):  # a shifted period may begin or end on another day
            found.add((max(0, first + day), min(_DAY_SECONDS, last + day)))
    merged = merge_adjoining_periods((first, last) for first, last in found if first < last)
    return [(_make_time_of_day(first), _make_time_of_day(last)) for first, last in merged]


def _count_seconds_since_midnight(at: time) -> int:
    return _DAY_SECONDS if at == _END_OF_DAY else at.hour * 3600 + at.minute * 60 + at.second


def _make_time_of_day(seconds: float) -> time:
    minutes, second = divmod(int(seconds), 60)
    return _END_OF_DAY if seconds == _DAY_SECONDS else time(*divmod(minutes, 60), second)


def count_seconds_left_to_call_today(hours: Sequence[WeekHours], zone: ZoneInfo, now: float) -> float:
    """Return how many seconds of today's calling hours are left after `now` (epoch seconds) in a time zone.

    Calls must be allowed by all of the `hours` at the same time.
    """
    local = datetime.fromtimestamp(now, zone)
    open_today: list[Stretch] = [(time(), _END_OF_DAY)]
    for each in hours:
        open_today = intersect_periods_of_day(open_today, each.get_calling_hours_of_date(local.date()))
    moments = [[datetime.combine(local.date(), moment, zone).timestamp() for moment in one] for one in open_today]
    return sum(max(0.0, until - max(start, now)) for start, until in moments)


def get_midnight_of_day(day: date, zone: ZoneInfo) -> float:
    """Return the midnight at which a day begins in a time zone (epoch seconds)."""
    return datetime.combine(day, time(), zone).timestamp()


def get_local_midnight_before(zone: ZoneInfo, now: float) -> float:
    """Return the local midnight before `now` (epoch seconds), from which calls are counted for daily limits."""
    return get_midnight_of_day(datetime.fromtimestamp(now, zone).date(), zone)


def get_next_midnight(zone: ZoneInfo, now: float) -> float:
    """Return the local midnight after `now` (epoch seconds)."""
    return get_midnight_of_day(datetime.fromtimestamp(now, zone).date() + timedelta(days=1), zone)


def merge_adjoining_periods(stretches: Iterable[tuple[Moment, Moment]]) -> list[tuple[Moment, Moment]]:
    """Return periods of time in order. Periods that adjoin or overlap become one."""
    whole: list[tuple[Moment, Moment]] = []
    for start, until in sorted(stretches):
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(until, whole[-1][1]))
        else:
            whole.append((start, until))
    return whole


def _list_opening_times(zone: ZoneInfo, now: float, hours_on: Callable[[date], tuple[Stretch, ...]]) -> Iterator[float]:
    """Yield the times at which calls may become allowed in a time zone (epoch seconds).

    If a clock change repeats an opening time, it is yielded twice. The time of the clock change is yielded too, because
    calls may become allowed at that moment.
    """
    today = datetime.fromtimestamp(now, zone).date()
    for ahead in range(-1, _DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        for moment in {moment for stretch in hours_on(day) for moment in stretch}:
            local = datetime.combine(day, moment, zone)
            first, second = (local.replace(fold=fold).astimezone(UTC).timestamp() for fold in (0, 1))
            yield first
            if first != second:
                yield second
                yield _find_time_of_utc_offset_change(zone, min(first, second), max(first, second))


def _find_time_of_utc_offset_change(zone: ZoneInfo, before: float, after: float) -> float:
    """Return when a zone's UTC offset changed between two times, such as at the start of daylight saving time (epoch
    seconds).
    """
    changed = datetime.fromtimestamp(after, zone).utcoffset()
    low, high = int(before), int(after)
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == changed:
            high = middle
        else:
            low = middle
    return float(high)
