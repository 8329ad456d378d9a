"""Calling hours: in the zone of the called party, on holidays, and across changes of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from dialer.rules.calling_hours import WeekHours, day_start, every_day, joined, midnight, next_day, seconds_left

KOLKATA = ZoneInfo("Asia/Kolkata")
NEW_YORK = ZoneInfo("America/New_York")
HONOLULU = ZoneInfo("Pacific/Honolulu")
BERLIN = ZoneInfo("Europe/Berlin")
NINE_TO_FIVE = (time(9), time(17))


def epoch(zone: ZoneInfo, *moment: int, fold: int = 0) -> float:
    return datetime(*moment, tzinfo=zone, fold=fold).timestamp()  # type: ignore[arg-type, misc]  # year, month, day, hour, minute


def test_every_day_includes_holidays() -> None:
    hours = every_day([NINE_TO_FIVE])
    assert hours.holiday == hours.sunday == hours.saturday == hours.weekday == (NINE_TO_FIVE,)


def test_holiday_hours_replace_those_of_the_weekday() -> None:
    hours = WeekHours((NINE_TO_FIVE,), (), (), ((time(10), time(11)),), frozenset({date(2024, 4, 22)}))
    assert not hours.open_at(KOLKATA, epoch(KOLKATA, 2024, 4, 22, 9, 30))
    assert hours.open_at(KOLKATA, epoch(KOLKATA, 2024, 4, 22, 10, 30))
    assert hours.open_at(KOLKATA, epoch(KOLKATA, 2024, 4, 23, 9, 30))


def test_hours_begin_at_their_first_moment_and_end_before_their_last() -> None:
    hours = every_day([NINE_TO_FIVE])
    assert hours.open_at(KOLKATA, epoch(KOLKATA, 2024, 4, 22, 9, 0))
    assert hours.open_at(KOLKATA, epoch(KOLKATA, 2024, 4, 22, 17, 0) - 1)
    assert not hours.open_at(KOLKATA, epoch(KOLKATA, 2024, 4, 22, 17, 0))


def test_next_opening_waits_for_the_last_zone() -> None:
    """09:00 in Honolulu is 15:00 in New York (EDT)."""
    now = epoch(NEW_YORK, 2024, 4, 22, 12, 0)
    assert every_day([NINE_TO_FIVE]).next_open((NEW_YORK, HONOLULU), now) == epoch(HONOLULU, 2024, 4, 22, 9, 0)


def test_next_opening_uses_the_day_of_the_zone() -> None:
    """At 23:00 UTC on Sunday it is Monday in Kolkata, and only Mondays are open."""
    hours = WeekHours(weekday=((time(5), time(6)),), saturday=(), sunday=(), holiday=())
    now = datetime(2024, 4, 21, 23, 0, tzinfo=UTC).timestamp()
    assert hours.next_open((KOLKATA,), now) == epoch(KOLKATA, 2024, 4, 22, 5, 0)


def test_hours_that_are_skipped_open_when_the_clock_jumps() -> None:
    """In Berlin 02:00 becomes 03:00 on 31 March 2024; hours from 02:30 to 05:00 open at 03:00."""
    hours = every_day([(time(2, 30), time(5))])
    now = epoch(BERLIN, 2024, 3, 31, 1, 30)
    assert hours.next_open((BERLIN,), now) == epoch(BERLIN, 2024, 3, 31, 3, 0)


def test_hours_in_a_repeated_hour_open_twice() -> None:
    """In Berlin 03:00 becomes 02:00 on 27 October 2024; hours from 02:00 to 02:30 open in both passes."""
    hours = every_day([(time(2), time(2, 30))])
    first, second = (epoch(BERLIN, 2024, 10, 27, 2, 0, fold=fold) for fold in (0, 1))
    assert hours.next_open((BERLIN,), first - 60.0) == first
    assert hours.next_open((BERLIN,), first + 1_900.0) == second


def test_closed_hours_reopen_when_the_clock_jumps_back_over_their_end() -> None:
    """Hours until 02:30 are over at 02:45, and open again when 03:00 becomes 02:00."""
    hours = every_day([(time(1), time(2, 30))])
    now = epoch(BERLIN, 2024, 10, 27, 2, 45, fold=0)
    assert hours.next_open((BERLIN,), now) == epoch(BERLIN, 2024, 10, 27, 2, 0, fold=1)


@pytest.mark.parametrize(
    ("clock", "hours"),
    [((8, 0), 8.0), ((9, 0), 8.0), ((12, 30), 4.5), ((17, 0), 0.0), ((20, 0), 0.0)],
)
def test_seconds_left_of_today_in_the_zone(clock: tuple[int, int], hours: float) -> None:
    now = epoch(KOLKATA, 2024, 4, 22, *clock)
    assert seconds_left([every_day([NINE_TO_FIVE])], KOLKATA, now) == hours * 3600.0


def test_seconds_left_count_only_moments_at_which_all_hours_are_open() -> None:
    morning, late = every_day([(time(8), time(12)), (time(14), time(18))]), every_day([(time(10), time(15))])
    now = epoch(KOLKATA, 2024, 4, 22, 7, 0)
    assert seconds_left([morning, late], KOLKATA, now) == 3 * 3600.0
    assert seconds_left([late, morning], KOLKATA, now) == 3 * 3600.0
    assert seconds_left([morning, every_day([(time(12), time(14))])], KOLKATA, now) == 0.0


def test_seconds_left_use_the_day_of_the_zone() -> None:
    """At 20:00 UTC on Sunday it is Monday in Kolkata."""
    hours = WeekHours(weekday=(NINE_TO_FIVE,), saturday=(), sunday=(), holiday=())
    assert seconds_left([hours], KOLKATA, datetime(2024, 4, 21, 20, 0, tzinfo=UTC).timestamp()) == 8 * 3600.0


def test_days_begin_at_local_midnight() -> None:
    now = datetime(2024, 4, 21, 20, 0, tzinfo=UTC).timestamp()  # 01:30 on 22 April in Kolkata
    assert day_start(KOLKATA, now) == midnight(date(2024, 4, 22), KOLKATA) == epoch(KOLKATA, 2024, 4, 22, 0, 0)
    assert next_day(KOLKATA, now) == epoch(KOLKATA, 2024, 4, 23, 0, 0)


def test_joined_merges_stretches_that_touch() -> None:
    assert joined([(5.0, 6.0), (1.0, 2.0), (2.0, 3.0), (1.5, 1.7)]) == [(1.0, 3.0), (5.0, 6.0)]
    assert joined([(1.0, 4.0), (2.0, 3.0)]) == [(1.0, 4.0)]
    assert joined([]) == []
