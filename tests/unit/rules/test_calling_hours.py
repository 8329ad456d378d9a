"""Calling hours: in the zone of the called party, on holidays, and across clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from dialer.rules.calling_hours import (
    WeekHours,
    convert_periods_to_zone_of_centre,
    count_seconds_left_to_call_today,
    create_daily_calling_hours,
    format_periods_of_day,
    get_local_midnight_before,
    get_midnight_of_day,
    get_next_midnight,
    intersect_periods_of_day,
    merge_adjoining_periods,
    parse_period_of_day,
)

KOLKATA = ZoneInfo("Asia/Kolkata")
NEW_YORK = ZoneInfo("America/New_York")
HONOLULU = ZoneInfo("Pacific/Honolulu")
BERLIN = ZoneInfo("Europe/Berlin")
NINE_TO_FIVE = (time(9), time(17))


def to_epoch_seconds(zone: ZoneInfo, *moment: int, fold: int = 0) -> float:
    return datetime(*moment, tzinfo=zone, fold=fold).timestamp()  # type: ignore[arg-type, misc]  # year, month, day, hour, minute


def test_daily_calling_hours_apply_on_holidays_too() -> None:
    hours = create_daily_calling_hours([NINE_TO_FIVE])
    assert hours.holiday == hours.sunday == hours.saturday == hours.weekday == (NINE_TO_FIVE,)


def test_holiday_calling_hours_replace_weekday_calling_hours() -> None:
    hours = WeekHours((NINE_TO_FIVE,), (), (), ((time(10), time(11)),), frozenset({date(2024, 4, 22)}))
    assert not hours.are_calls_allowed_at(KOLKATA, to_epoch_seconds(KOLKATA, 2024, 4, 22, 9, 30))
    assert hours.are_calls_allowed_at(KOLKATA, to_epoch_seconds(KOLKATA, 2024, 4, 22, 10, 30))
    assert hours.are_calls_allowed_at(KOLKATA, to_epoch_seconds(KOLKATA, 2024, 4, 23, 9, 30))


def test_calling_hours_include_the_start_time_and_exclude_the_end_time() -> None:
    hours = create_daily_calling_hours([NINE_TO_FIVE])
    assert hours.are_calls_allowed_at(KOLKATA, to_epoch_seconds(KOLKATA, 2024, 4, 22, 9, 0))
    assert hours.are_calls_allowed_at(KOLKATA, to_epoch_seconds(KOLKATA, 2024, 4, 22, 17, 0) - 1)
    assert not hours.are_calls_allowed_at(KOLKATA, to_epoch_seconds(KOLKATA, 2024, 4, 22, 17, 0))


def test_number_of_several_time_zones_waits_until_all_are_in_calling_hours() -> None:
    """09:00 in Honolulu is 15:00 in New York (EDT)."""
    now = to_epoch_seconds(NEW_YORK, 2024, 4, 22, 12, 0)
    assert create_daily_calling_hours([NINE_TO_FIVE]).find_next_time_calls_are_allowed(
        (NEW_YORK, HONOLULU), now
    ) == to_epoch_seconds(HONOLULU, 2024, 4, 22, 9, 0)


def test_next_calling_hours_depend_on_the_weekday_in_the_time_zone() -> None:
    """At 23:00 UTC on Sunday it is Monday in Kolkata, and only weekdays are open."""
    hours = WeekHours(weekday=((time(5), time(6)),), saturday=(), sunday=(), holiday=())
    now = datetime(2024, 4, 21, 23, 0, tzinfo=UTC).timestamp()
    assert hours.find_next_time_calls_are_allowed((KOLKATA,), now) == to_epoch_seconds(KOLKATA, 2024, 4, 22, 5, 0)


def test_calling_hours_starting_in_a_skipped_hour_begin_at_the_clock_change() -> None:
    """In Berlin 02:00 becomes 03:00 on 31 March 2024; hours from 02:30 to 05:00 open at 03:00."""
    hours = create_daily_calling_hours([(time(2, 30), time(5))])
    now = to_epoch_seconds(BERLIN, 2024, 3, 31, 1, 30)
    assert hours.find_next_time_calls_are_allowed((BERLIN,), now) == to_epoch_seconds(BERLIN, 2024, 3, 31, 3, 0)


@pytest.mark.parametrize("minute", range(1, 60, 2))
def test_calling_hours_with_a_skipped_start_begin_exactly_at_the_clock_change(minute: int) -> None:
    hours = create_daily_calling_hours([(time(2, minute, 59 - minute), time(5))])
    now = to_epoch_seconds(BERLIN, 2024, 3, 31, 1, 59)
    assert hours.find_next_time_calls_are_allowed((BERLIN,), now) == to_epoch_seconds(BERLIN, 2024, 3, 31, 3, 0)


def test_calling_hours_within_an_hour_repeated_by_daylight_saving_begin_twice() -> None:
    """In Berlin 03:00 becomes 02:00 on 27 October 2024; hours from 02:00 to 02:30 open in both passes."""
    hours = create_daily_calling_hours([(time(2), time(2, 30))])
    first, second = (to_epoch_seconds(BERLIN, 2024, 10, 27, 2, 0, fold=fold) for fold in (0, 1))
    assert hours.find_next_time_calls_are_allowed((BERLIN,), first - 60.0) == first
    assert hours.find_next_time_calls_are_allowed((BERLIN,), first + 1_900.0) == second


def test_calling_hours_resume_if_the_clock_is_set_back_over_their_end() -> None:
    """Hours until 02:30 are over at 02:45, and open again when 03:00 becomes 02:00."""
    hours = create_daily_calling_hours([(time(1), time(2, 30))])
    now = to_epoch_seconds(BERLIN, 2024, 10, 27, 2, 45, fold=0)
    assert hours.find_next_time_calls_are_allowed((BERLIN,), now) == to_epoch_seconds(
        BERLIN, 2024, 10, 27, 2, 0, fold=1
    )


@pytest.mark.parametrize(
    ("clock", "hours"),
    [((8, 0), 8.0), ((9, 0), 8.0), ((12, 30), 4.5), ((17, 0), 0.0), ((20, 0), 0.0)],
)
def test_remaining_calling_time_ends_with_the_calling_hours_of_today(clock: tuple[int, int], hours: float) -> None:
    now = to_epoch_seconds(KOLKATA, 2024, 4, 22, *clock)
    assert (
        count_seconds_left_to_call_today([create_daily_calling_hours([NINE_TO_FIVE])], KOLKATA, now) == hours * 3600.0
    )


@pytest.mark.parametrize(("fold", "hours"), [(0, 7.5), (1, 6.5)])
def test_remaining_calling_time_includes_the_hour_repeated_by_daylight_saving(fold: int, hours: float) -> None:
    """On the last Sunday of October the clock shows 02:30 twice: seven and a half and six and a half hours before 09:00."""
    now = to_epoch_seconds(BERLIN, 2024, 10, 27, 2, 30, fold=fold)
    assert (
        count_seconds_left_to_call_today([create_daily_calling_hours([(time(0), time(9))])], BERLIN, now)
        == hours * 3600.0
    )


def test_remaining_calling_time_counts_only_times_that_every_rule_allows() -> None:
    morning, late = (
        create_daily_calling_hours([(time(8), time(12)), (time(14), time(18))]),
        create_daily_calling_hours([(time(10), time(15))]),
    )
    now = to_epoch_seconds(KOLKATA, 2024, 4, 22, 7, 0)
    assert count_seconds_left_to_call_today([morning, late], KOLKATA, now) == 3 * 3600.0
    assert count_seconds_left_to_call_today([late, morning], KOLKATA, now) == 3 * 3600.0
    assert (
        count_seconds_left_to_call_today([morning, create_daily_calling_hours([(time(12), time(14))])], KOLKATA, now)
        == 0.0
    )


def test_remaining_calling_time_is_computed_for_the_weekday_in_the_numbers_time_zone() -> None:
    """At 20:00 UTC on Sunday it is Monday in Kolkata."""
    hours = WeekHours(weekday=(NINE_TO_FIVE,), saturday=(), sunday=(), holiday=())
    assert (
        count_seconds_left_to_call_today([hours], KOLKATA, datetime(2024, 4, 21, 20, 0, tzinfo=UTC).timestamp())
        == 8 * 3600.0
    )


def test_calling_hours_of_a_day_are_counted_from_local_midnight() -> None:
    now = datetime(2024, 4, 21, 20, 0, tzinfo=UTC).timestamp()  # 01:30 on 22 April in Kolkata
    assert (
        get_local_midnight_before(KOLKATA, now)
        == get_midnight_of_day(date(2024, 4, 22), KOLKATA)
        == to_epoch_seconds(KOLKATA, 2024, 4, 22, 0, 0)
    )
    assert get_next_midnight(KOLKATA, now) == to_epoch_seconds(KOLKATA, 2024, 4, 23, 0, 0)


def test_adjoining_and_overlapping_calling_hours_are_merged() -> None:
    assert merge_adjoining_periods([(5.0, 6.0), (1.0, 2.0), (2.0, 3.0), (1.5, 1.7)]) == [(1.0, 3.0), (5.0, 6.0)]
    assert merge_adjoining_periods([(1.0, 4.0), (2.0, 3.0)]) == [(1.0, 4.0)]
    assert merge_adjoining_periods([]) == []


def test_yesterdays_calling_hours_resume_if_the_clock_is_set_back_over_midnight() -> None:
    """In Newfoundland 00:01 on Sunday became 23:01 on Saturday on 7 November 2010."""
    newfoundland = ZoneInfo("America/St_Johns")
    hours = WeekHours(weekday=(), saturday=((time(23, 10), time(23, 30)),), sunday=(), holiday=())
    now = to_epoch_seconds(newfoundland, 2010, 11, 7, 0, 0)
    assert hours.find_next_time_calls_are_allowed((newfoundland,), now) == now + 10 * 60.0


@pytest.mark.parametrize(("zone", "clock"), [(KOLKATA, (1, 0)), (HONOLULU, (23, 0))])
@pytest.mark.parametrize(("day", "is_found"), [(date(2024, 5, 6), True), (date(2024, 5, 7), False)])
def test_next_calling_hours_are_searched_for_up_to_two_weeks_ahead(
    zone: ZoneInfo, clock: tuple[int, int], day: date, is_found: bool
) -> None:
    hours = WeekHours((), (), (), (NINE_TO_FIVE,), frozenset({day}))
    now = to_epoch_seconds(zone, 2024, 4, 22, *clock)
    opening = to_epoch_seconds(zone, day.year, day.month, day.day, 9, 0)
    assert hours.find_next_time_calls_are_allowed((zone,), now) == (opening if is_found else None)


@pytest.mark.parametrize("text", ["09:00-13:00", "00:00-24:00", "23:59-24:00"])
def test_period_of_the_day_is_read_and_written_as_the_same_text(text: str) -> None:
    assert format_periods_of_day([parse_period_of_day(text)]) == (text,)


@pytest.mark.parametrize(
    ("zones", "periods", "in_berlin"),
    [
        ((BERLIN,), ["09:00-17:00", "18:00-24:00"], ("09:00-17:00", "18:00-24:00")),
        ((), ["09:00-17:00"], ("09:00-17:00",)),
        ((KOLKATA,), ["09:00-17:00"], ("05:30-13:30",)),  # 3.5 hours ahead
        ((NEW_YORK, HONOLULU), ["09:00-17:00"], ("00:00-05:00", "15:00-24:00")),  # 6 and 12 hours behind
        ((KOLKATA, NEW_YORK), ["09:00-17:00"], ("05:30-13:30", "15:00-23:00")),
        ((HONOLULU,), ["00:00-24:00"], ("00:00-24:00",)),
    ],
)
def test_periods_of_other_time_zones_are_converted_to_the_time_of_the_centre(
    zones: tuple[ZoneInfo, ...], periods: list[str], in_berlin: tuple[str, ...]
) -> None:
    now = to_epoch_seconds(BERLIN, 2024, 4, 22, 12, 0)
    found = convert_periods_to_zone_of_centre(map(parse_period_of_day, periods), zones, BERLIN, now)
    assert format_periods_of_day(found) == in_berlin


def test_periods_that_only_adjoin_have_no_common_period() -> None:
    morning, day = parse_period_of_day("09:00-12:00"), parse_period_of_day("12:00-17:00")
    assert intersect_periods_of_day([morning], [day]) == []
    assert intersect_periods_of_day([day], [morning, parse_period_of_day("11:00-13:00")]) == [(time(12), time(13))]
