"""The abandoned-call governor: its time windows, the abandoned calls that they still allow, reserves, and the allowed
risk.
"""

from __future__ import annotations

import pytest

from dialer.domain.enums import Reserve
from dialer.pacing.governor import Governor, Tally
from dialer.pacing.port import Cap, RecentAnswers
from dialer.pacing.tuning import TUNED

DAY = (Cap(86_400, 0.03, 0.03),)
HOUR = (Cap(3_600, 0.03, 0.032),)


def _make_governor(caps: tuple[Cap, ...]) -> Governor:
    return Governor(caps, TUNED)


def _count_answers(governor: Governor, count: int, every: float, *, drops: tuple[int, ...] = ()) -> None:
    """Count this many live answers, one each `every` seconds. The answers whose index is in `drops` are abandoned."""
    for answer in range(count):
        governor.now = every * answer
        governor.count_answered_call()
        if answer in drops:
            governor.count_abandoned_call()


def _get_allowed_risk(governor: Governor, *, coming: float = 0.0, left: float | None = 1e6, seats: int = 27) -> float:
    return governor.calculate_allowed_risk_of_abandoned_calls(seats=seats, answers_per_second=coming, seconds_left=left)


def test_pacing_obeys_the_strictest_of_several_abandoned_rate_caps() -> None:
    governor = _make_governor((Cap(3_600, 0.03, 0.03), Cap(86_400, 0.01, 0.03)))
    assert governor.target == 0.01
    _count_answers(governor, 1_000, 1.0)
    assert governor.count_abandoned_calls_still_allowed() == pytest.approx(10.0)


def test_abandoned_calls_stay_in_the_rate_window_seconds_longer_than_answered_ones() -> None:
    tally = Tally(3_600.0)
    tally.add_answered_and_abandoned_counts(3.0, answers=1)
    tally.add_answered_and_abandoned_counts(3.0, abandoned=1)
    tally.add_answered_and_abandoned_counts(1_000.0, answers=1)
    tally.remove_calls_outside_time_window(3_599.0)
    assert (tally.answers, tally.abandoned) == (2, 1)
    tally.remove_calls_outside_time_window(3_600.0)
    assert (tally.answers, tally.abandoned) == (1, 1)
    tally.remove_calls_outside_time_window(3_605.0)
    assert (tally.answers, tally.abandoned) == (1, 0)
    assert tally.count_past_calls_still_in_window(3_605.0, 990.0) == (1, 0)
    assert tally.count_past_calls_still_in_window(3_605.0, 1_000.0) == (0, 0)


def test_call_counts_in_an_abandoned_rate_window_never_go_below_zero() -> None:
    tally = Tally(3_600.0)
    tally.add_answered_and_abandoned_counts(0.0, answers=1)
    tally.add_answered_and_abandoned_counts(4_000.0, answers=-1)
    assert tally.answers == 0


def test_abandoned_rate_window_is_full_one_window_after_the_first_answer() -> None:
    tally = Tally(3_600.0)
    assert tally.count_seconds_until_window_full(1e6) == 3_600.0
    tally.add_answered_and_abandoned_counts(100.0, answers=1)
    assert tally.count_seconds_until_window_full(1_900.0) == pytest.approx(1_800.0)
    tally.add_answered_and_abandoned_counts(3_690.0, answers=1)
    assert tally.count_seconds_until_window_full(3_690.0) == pytest.approx(10.0)


def test_pacing_risk_is_minimal_if_one_more_abandoned_call_exceeds_the_cap() -> None:
    governor = _make_governor((Cap(3_600, 0.01, 0.012),))
    _count_answers(governor, 116, 31.0)  # five seats: the second abandoned call exceeds the stop
    _get_allowed_risk(governor)
    assert governor.boldness > 0.2
    governor.count_abandoned_call()
    _get_allowed_risk(governor)
    assert governor.boldness == TUNED.least_boldness


def test_allowed_abandonment_risk_falls_as_abandoned_calls_approach_the_cap() -> None:
    boldness = []
    for drops in range(30):
        governor = _make_governor(HOUR)
        _count_answers(governor, 834, 4.3, drops=tuple(range(834 - drops, 834)))
        _get_allowed_risk(governor)
        boldness.append(governor.boldness)
    assert boldness == sorted(boldness, reverse=True)
    assert boldness[0] > 1.0
    assert boldness[26:] == [TUNED.least_boldness] * 4  # the stop is 26.7 abandoned calls: one more would exceed it


def test_allowed_abandonment_risk_includes_answers_expected_until_the_end_of_the_day() -> None:
    governor = _make_governor(HOUR)
    _get_allowed_risk(governor)
    assert governor.boldness == TUNED.least_boldness
    _get_allowed_risk(governor, coming=0.16)  # 27 seats, one call each
    assert governor.boldness > 0.8
    for left in (60.0, None):  # the day ends in a minute, or its end is unknown
        _get_allowed_risk(governor, coming=0.16, left=left)
        assert governor.boldness == TUNED.least_boldness
    _count_answers(governor, 834, 4.3, drops=tuple(range(0, 834, 33)))
    _get_allowed_risk(governor, coming=0.16)
    full = governor.boldness
    _get_allowed_risk(governor)
    assert governor.boldness == pytest.approx(full, rel=0.05)  # in a full window as many answers leave as come


@pytest.mark.parametrize("answers", [0, 20, 400])
@pytest.mark.parametrize("left", [0.0, 600.0, 36_000.0])
def test_calls_dialled_ahead_never_exceed_the_hard_abandoned_call_limit(answers: int, left: float) -> None:
    governor = _make_governor((Cap(86_400, 0.01, 0.03, Reserve.WINDOW),))
    _count_answers(governor, answers, 1.0)
    _get_allowed_risk(governor, coming=0.2, left=left)
    room = int(governor.count_calls_allowed_in_worst_case(5))
    for _ in range(5):
        governor.count_answered_call()
    for _ in range(room):
        governor.count_answered_call()
        governor.count_abandoned_call()
    (tally,) = governor.tallies
    held = tally.answers + TUNED.sure_share * 0.2 * left
    assert tally.abandoned <= 0.03 * held < tally.abandoned + 1.0  # the whole reserve may be used, but no more
    assert governor.count_calls_allowed_in_worst_case(0) < 1.0


def test_abandoned_rate_cap_at_every_instant_does_not_count_answers_expected_later() -> None:
    strict, window = (
        _make_governor((Cap(86_400, 0.01, 0.03, reserve),)) for reserve in (Reserve.EVERY_INSTANT, Reserve.WINDOW)
    )
    for governor in (strict, window):
        _count_answers(governor, 100, 1.0)
        _get_allowed_risk(governor, coming=0.2, left=36_000.0)
    assert strict.count_calls_allowed_in_worst_case(0) == pytest.approx(3.0 / 0.97)
    assert window.count_calls_allowed_in_worst_case(0) > 100.0
    assert _make_governor((Cap(86_400, 0.01, 0.03),)).count_calls_allowed_in_worst_case(0) == float("inf")


def test_answers_that_soon_leave_the_window_permit_no_abandoned_calls() -> None:
    governor = _make_governor((Cap(86_400, 0.01, 0.03, Reserve.WINDOW),))
    governor.now = 100_000.0
    governor.restore_answered_and_abandoned_counts(
        {86_400.0: [RecentAnswers(60_000.0, 1_000, 5), RecentAnswers(1_000.0, 100, 1)]}
    )
    _get_allowed_risk(governor, left=36_000.0)
    assert governor.count_calls_allowed_in_worst_case(0) == pytest.approx((0.03 * 100 - 1) / 0.97)
    _get_allowed_risk(governor, left=10_000.0)
    assert governor.count_calls_allowed_in_worst_case(0) == pytest.approx((0.03 * 1_100 - 6) / 0.97)


def test_abandoned_call_lowers_the_allowed_abandonment_risk_less_at_a_large_site() -> None:
    moved = []
    for seats in (27, 300):
        governor = _make_governor((Cap(86_400, 0.03, 1.0),))
        _get_allowed_risk(governor, seats=seats)
        _count_answers(governor, 4_000, 1.0)
        before = _get_allowed_risk(governor, seats=seats) / governor.boldness
        governor.count_abandoned_call()
        moved.append(before / (_get_allowed_risk(governor, seats=seats) / governor.boldness))
    small, large = moved
    assert 1.0 < large < 1.02 < small


def test_allowed_abandonment_risk_falls_with_abandoned_calls_and_rises_with_answers() -> None:
    governor = _make_governor(DAY)
    _count_answers(governor, 400, 1.0)
    before = _get_allowed_risk(governor)
    governor.count_abandoned_call()
    after = _get_allowed_risk(governor)
    assert after < before
    for _ in range(400):
        governor.count_answered_call()
    assert _get_allowed_risk(governor) > after


def test_abandoned_rate_restored_from_stored_calls_is_never_underestimated() -> None:
    governor = _make_governor((*HOUR, *DAY))
    _count_answers(governor, 834, 4.3, drops=tuple(range(0, 800, 40)))
    governor.now = 5_000.0
    of_late = [RecentAnswers(3_600.0, 5, 0), RecentAnswers(3_590.0, 10, 1), RecentAnswers(60.0, 90, 1)]
    governor.restore_answered_and_abandoned_counts({3_600.0: of_late})
    hour, day = governor.tallies
    assert (hour.answers, hour.abandoned, day.answers, day.abandoned) == (100, 2, 0, 0)
    hour.remove_calls_outside_time_window(5_009.0)
    assert (hour.answers, hour.abandoned) == (90, 2)
    hour.remove_calls_outside_time_window(5_021.0)
    assert (hour.answers, hour.abandoned) == (90, 1)


def test_corrected_counts_of_past_calls_are_in_the_abandoned_rate_window_of_their_own_time() -> None:
    governor = _make_governor(HOUR)
    governor.now = 5_000.0
    governor.restore_answered_and_abandoned_counts(
        {3_600.0: [RecentAnswers(3_000.0, 10, 2), RecentAnswers(60.0, 90, 1)]}
    )
    changes = [RecentAnswers(3_000.0, -1.5, -1.5), RecentAnswers(60.0, 0.5, 0.5)]
    governor.correct_answered_and_abandoned_counts({3_600.0: changes})
    [hour] = governor.tallies
    assert (hour.answers, hour.abandoned) == (99.0, 2.0)
    hour.remove_calls_outside_time_window(5_700.0)
    assert (hour.answers, hour.abandoned) == (90.5, 1.5)


def test_allowed_abandonment_risk_survives_a_restart_and_damaged_state_is_refused() -> None:
    governor = _make_governor((*HOUR, *DAY))
    _count_answers(governor, 500, 4.0, drops=(3, 80, 300))
    state = governor.get_learned_state()
    again = _make_governor((*DAY, *HOUR))
    again.restore_learned_state(state)
    assert again.get_learned_state() == state != _make_governor(HOUR).get_learned_state()
    assert [tally.answers for tally in again.tallies] == [0, 0]  # windows are restored from the stored calls
    every: tuple[object, ...] = ({}, [], {**state, "_level": 3.0}, {**state, "_level": "x"})
    for damaged in every:
        with pytest.raises((KeyError, TypeError, ValueError)):
            _make_governor(HOUR).restore_learned_state(damaged)
