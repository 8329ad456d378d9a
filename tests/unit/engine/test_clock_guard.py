"""The guard that holds dialling while the wall clock cannot be trusted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialer.domain.alerts import AlertKind
from dialer.engine.placing.clock_guard import ClockGuard
from tests.support.rules import NOON
from tests.support.turns import Turns


class SetClock:
    """A clock whose wall time a test can set. The machine started 1,000 s before the test."""

    def __init__(self) -> None:
        self.wall = NOON
        self.seconds = 0.0

    def now(self) -> float:
        return self.wall + self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def get_seconds_since_boot(self) -> float:
        return 1_000 + self.seconds


class Guarded:
    """A clock guard whose clock was started at noon."""

    def __init__(self, ahead: float | None = None, newest_at: float | None = None) -> None:
        self.turns, self.clock, self.recorded = Turns(), SetClock(), list[float]()
        self.turns.features.core.clock = self.clock
        self.turns.features.core.in_event = True
        journal = SimpleNamespace(read_clock_difference=lambda: ahead, record_clock_difference=self.recorded.append)
        self.alerts = self.turns.features.active_alerts
        self.guard = ClockGuard(self.turns.features.core, self.alerts, cast(Any, journal))
        self.guard.start_watching_clock(newest_at)

    def is_held(self) -> bool:
        held = self.guard.has_clock_changed_without_confirmation()
        assert held is (AlertKind.CLOCK in self.alerts)
        return held


def test_changed_system_clock_holds_dialling_until_the_clock_is_corrected() -> None:
    guarded = Guarded()
    assert not guarded.is_held()
    guarded.clock.wall += 3_600
    assert guarded.is_held()
    assert guarded.alerts.active["clock"].text == (
        "Dialling is on hold: the clock shows 22 Apr 13:00:00 and differs by 3,600 s from the expected time "
        "22 Apr 12:00:00. Correct the clock. If the clock is right, send the command `accept-clock`."
    )
    guarded.clock.seconds += 5
    assert guarded.is_held()
    assert "13:00:00" in guarded.alerts.active["clock"].text  # the alert shows the time at which it was raised
    guarded.clock.wall -= 3_600
    assert not guarded.is_held()
    assert guarded.recorded == [NOON - 1_000] * 4


def test_dialling_resumes_when_an_operator_confirms_the_changed_system_clock() -> None:
    guarded = Guarded()
    guarded.clock.wall += 3_600
    assert guarded.is_held()
    assert not guarded.turns.features.core.wake.is_set()
    assert guarded.guard.accept_wall_clock_as_correct() == "clock accepted; dialling resumes"
    assert guarded.turns.features.core.wake.is_set()
    assert not guarded.is_held()
    assert guarded.recorded[-1] == NOON + 3_600 - 1_000


@pytest.mark.parametrize(
    ("ahead", "newest_at", "is_held"),
    [
        (None, None, False),
        (NOON - 1_000, NOON - 60, False),
        (NOON - 1_000 + 600, None, True),  # the clock was set back while the dialler was not running
        (NOON - 1_000 - 600, None, True),
        (None, NOON + 600, True),  # the store has a later time
    ],
)
def test_system_clock_changed_while_the_dialler_was_not_running_holds_dialling(
    ahead: float | None, newest_at: float | None, is_held: bool
) -> None:
    assert Guarded(ahead, newest_at).is_held() is is_held
