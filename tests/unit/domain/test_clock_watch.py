"""Detection of wall clock steps; slewing, small corrections and daylight saving time are no steps."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.clock import MAX_READINGS, ClockWatch, Instant

NOON = 1_713_767_400.0
DAY_SECONDS = 86_400.0


def check_clock_each_second(
    watch: ClockWatch, *, seconds: float, step: float = 0.0, drift: float = 0.0
) -> list[float | None]:
    """Check the wall clock once a second, and return the results. It steps half-way and drifts all the time."""
    found = []
    for second in range(1, int(seconds) + 1):
        stepped = step if second > seconds / 2 else 0.0
        found.append(watch.measure_wall_clock_step(Instant(NOON + second * (1.0 + drift) + stepped, float(second))))
    return found


def start_clock_watch() -> ClockWatch:
    return ClockWatch(Instant(NOON, 0.0))


@pytest.mark.parametrize("step", [3600.0, -3600.0, 25 * 3600.0, -25 * 3600.0, 6.0, -6.0, 365 * DAY_SECONDS])
def test_step_of_the_system_clock_is_reported_until_the_clock_is_corrected(step: float) -> None:
    found = check_clock_each_second(start_clock_watch(), seconds=100, step=step)
    assert found[:50] == [None] * 50
    assert found[50:] == pytest.approx([step] * 50)


@pytest.mark.parametrize(("step", "drift"), [(2.0, 0.0), (-4.0, 0.0), (0.0, 0.0005), (0.0, -0.083), (1.0, 0.05)])
def test_gradual_and_small_clock_corrections_are_not_reported_as_steps(step: float, drift: float) -> None:
    assert set(check_clock_each_second(start_clock_watch(), seconds=4 * 3600, step=step, drift=drift)) == {None}


def test_several_small_clock_steps_are_reported_once_their_sum_is_large() -> None:
    watch = start_clock_watch()
    found = [
        watch.measure_wall_clock_step(Instant(NOON + second + 4.0 * second, float(second))) for second in range(1, 20)
    ]
    assert found[0] is None
    assert found[5] is not None


def test_clock_step_is_no_longer_reported_after_the_clock_is_set_right() -> None:
    watch = start_clock_watch()
    assert watch.measure_wall_clock_step(Instant(NOON + 10 + 90_000, 10.0)) == pytest.approx(90_000)
    assert watch.measure_wall_clock_step(Instant(NOON + 20 + 3_600, 20.0)) == pytest.approx(3_600)  # not yet
    assert watch.measure_wall_clock_step(Instant(NOON + 31, 30.0)) is None
    assert watch.measure_wall_clock_step(Instant(NOON + 41, 40.0)) is None


def test_clock_step_accepted_by_an_operator_is_no_longer_reported() -> None:
    watch = start_clock_watch()
    assert watch.measure_wall_clock_step(Instant(NOON + 7_200, 1.0)) is not None
    watch.accept_wall_clock_as_correct(Instant(NOON + 7_201, 2.0))
    assert watch.measure_wall_clock_step(Instant(NOON + 7_300, 101.0)) is None
    assert watch.measure_wall_clock_step(Instant(NOON + 200, 201.0)) is not None


def test_clock_behind_the_newest_stored_record_is_reported_until_it_catches_up() -> None:
    watch = ClockWatch(Instant(NOON, 0.0), newest_at=NOON + 3_600)
    assert watch.measure_wall_clock_step(Instant(NOON + 1, 1.0)) == pytest.approx(-3_599)
    assert watch.measure_wall_clock_step(Instant(NOON + 9_000, 2.0)) is None  # the right time is unknown here
    assert watch.measure_wall_clock_step(Instant(NOON + 9_100, 3.0)) is not None
    assert (
        ClockWatch(Instant(NOON, 0.0), newest_at=NOON - 86_400).measure_wall_clock_step(Instant(NOON + 1, 1.0)) is None
    )


def test_daylight_saving_change_is_not_reported_as_a_clock_step() -> None:
    for day in ("2024-03-31", "2024-10-27"):
        began = datetime.fromisoformat(f"{day}T00:30").replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
        watch = ClockWatch(Instant(began, 0.0))
        assert {
            watch.measure_wall_clock_step(Instant(began + second, float(second))) for second in range(0, 4 * 3600, 30)
        } == {None}


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_wrong_clock_at_the_start_is_reported_until_the_clock_is_corrected(step: float) -> None:
    watch = ClockWatch(Instant(NOON + step, 0.0), newest_at=NOON - 60, expected_at=NOON)
    assert watch.measure_wall_clock_step(Instant(NOON + step + 1, 1.0)) == pytest.approx(
        step if step > 0 else step + 61
    )
    assert watch.calculate_expected_wall_clock_time(Instant(NOON + step + 1, 1.0)) == NOON + 1
    assert watch.measure_wall_clock_step(Instant(NOON + 2, 2.0)) is None
    accepted = ClockWatch(Instant(NOON + step, 0.0), expected_at=NOON)
    accepted.accept_wall_clock_as_correct(Instant(NOON + step + 1, 1.0))
    assert accepted.measure_wall_clock_step(Instant(NOON + step + 2, 2.0)) is None
    assert accepted.calculate_expected_wall_clock_time(Instant(NOON + step + 2, 2.0)) == NOON + step + 2


def test_small_clock_error_at_the_start_is_accepted() -> None:
    watch = ClockWatch(Instant(NOON + 4, 0.0), expected_at=NOON)
    assert watch.measure_wall_clock_step(Instant(NOON + 5, 1.0)) is None
    assert watch.calculate_expected_wall_clock_time(Instant(NOON + 5, 1.0)) == NOON + 5


class PausedClock:
    """The clocks of a process that is paused for some seconds after each of its first readings of the wall clock."""

    def __init__(self, pauses: list[float]) -> None:
        self.pauses = pauses
        self.seconds = 0.0

    def now(self) -> float:
        shown = NOON + self.seconds
        self.seconds += self.pauses.pop(0) if self.pauses else 0.0
        return shown

    def monotonic(self) -> float:
        return self.seconds

    def get_seconds_since_boot(self) -> float:
        return self.seconds


@pytest.mark.parametrize("pauses", [[], [3.0], [3.0, 30.0, 0.5]])
def test_delay_between_two_clock_readings_is_not_reported_as_a_clock_step(
    pauses: list[float],
) -> None:
    clock = PausedClock(pauses)
    read = Instant.read_both_clocks(clock)
    assert read == Instant(NOON + clock.seconds, clock.seconds)
    assert start_clock_watch().measure_wall_clock_step(read) is None


def test_clock_reading_with_the_shortest_delay_of_several_is_used() -> None:
    clock = PausedClock([4.0, 3.0, 0.5, 2.0, 5.0][:MAX_READINGS])
    assert Instant.read_both_clocks(clock) == Instant(NOON + 7.0, 7.5)
