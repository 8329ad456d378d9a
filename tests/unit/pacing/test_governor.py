"""The governor: what windows can bear, what is foreseen of them, and how alpha learns."""

from __future__ import annotations

import pytest

from dialer.pacing.governor import TUNED_GOVERNOR, Governor
from dialer.pacing.port import AnswersOfLate, Cap

DAY = (Cap(86_400, 0.03, 0.03),)
HOUR = (Cap(3_600, 0.03, 0.032),)


def test_the_tightest_window_rules() -> None:
    governor = Governor((Cap(3_600, 0.03, 0.03), Cap(86_400, 0.01, 0.03)))
    assert governor.target == 0.01
    for second in range(1_000):
        governor.answered(float(second))
    assert governor.drops_to_target(1_000.0) == pytest.approx(10.0)
    assert governor.drops_to_hard_stop(1_000.0) == pytest.approx(30.0)


def _hour_of_answers(governor: Governor, *, drops: tuple[int, ...] = ()) -> None:
    """834 answers in an hour, as 27 seats have; the `drops`-th of them are abandoned."""
    governor.staffed(27)
    for answer in range(834):
        at = 3_600.0 * answer / 834
        governor.answered(at)
        if answer in drops:
            governor.abandoned(at)


def test_room_falls_when_answers_will_leave_the_window_and_fewer_come() -> None:
    governor = Governor(HOUR)
    _hour_of_answers(governor, drops=tuple(range(700, 812, 8)))
    assert governor.drops_to_hard_stop(3_600.0) == pytest.approx(0.032 * 834 - 14, abs=0.3)
    before, alpha = governor.foreseen_room(3_600.0), governor.alpha(3_600.0)
    assert before < governor.drops_to_hard_stop(3_600.0)
    governor.staffed(9)  # two thirds of the seats sign off
    assert governor.foreseen_room(3_600.0) < before - 4.0  # at that very moment
    assert governor.alpha(3_600.0) < alpha


def test_drops_that_came_close_together_leave_less_room_than_as_many_that_are_spread() -> None:
    """They would all still be there when half of the seats have gone and the answers before them have left the window."""
    spread, together = Governor(HOUR), Governor(HOUR)
    _hour_of_answers(spread, drops=tuple(range(30, 830, 50)))
    _hour_of_answers(together, drops=tuple(range(670, 830, 10)))
    assert together.drops_to_hard_stop(3_600.0) == spread.drops_to_hard_stop(3_600.0)
    assert together.foreseen_room(3_600.0) < spread.foreseen_room(3_600.0) - 3.0
    assert together.boldness < spread.boldness
    # half of the answers do stay away: what was foreseen is the least room that the hour to come has
    foreseen = together.foreseen_room(3_600.0)
    least = float("inf")
    for answer in range(417):
        together.answered(3_600.0 + 3_600.0 * answer / 417)
        least = min(least, together.drops_to_hard_stop(3_600.0 + 3_600.0 * answer / 417))
    assert foreseen == pytest.approx(least - TUNED_GOVERNOR.held_back_share, abs=0.1)


def test_a_small_window_counts_on_more_of_the_answers_to_come() -> None:
    """Its single drop always stands alone: with half of the answers it could never afford the next."""
    shares = [TUNED_GOVERNOR.counted_on(drops) for drops in (-1.0, 0.0, 4.0, 9.0, 27.0, 300.0)]
    assert shares == sorted(shares, reverse=True)
    assert shares[:2] == [1.0, 1.0]
    assert shares[-2:] == [TUNED_GOVERNOR.counted_on_share, TUNED_GOVERNOR.counted_on_share]


def test_room_that_the_carriers_own_answers_made_is_not_counted_on() -> None:
    governor = Governor(HOUR)
    _hour_of_answers(governor)
    for _ in range(2_000):
        governor.answered(3_600.0, at_once=True)
    for second in range(3_605, 6_600, 5):
        governor.answered(float(second))
        if second % 250 == 0:
            governor.abandoned(float(second))
    assert governor.drops_to_hard_stop(6_600.0) > 60
    # at 7,200 s the carrier's answers have left the window, and the drops since have not
    coming, drops = TUNED_GOVERNOR.counted_on_share * 600 / 5, 12
    kept = TUNED_GOVERNOR.held_back(0.032 * governor.tallies[0].answers)
    assert governor.foreseen_room(6_600.0) == pytest.approx(0.032 * (600 + coming) - drops - kept, abs=0.75)


def test_less_is_held_back_of_a_small_window_and_more_of_a_large_one_but_never_much_of_it() -> None:
    windows = (-1.0, 0.0, 3.0, 10.0, 27.0, 100.0, 300.0)
    kept = [TUNED_GOVERNOR.held_back(drops) for drops in windows]
    assert kept == sorted(kept)
    assert kept[:2] == [0.0, 0.0]
    assert kept[4] == TUNED_GOVERNOR.held_back_share
    shares = [room / drops for drops, room in zip(windows[2:], kept[2:], strict=True)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] < 0.1


def test_a_window_begins_until_it_bears_drops_or_holds_half_of_its_answers() -> None:
    assert Governor(()).stop_of_begun(2.0) is None
    governor = Governor((Cap(3_600, 0.01, 0.012),))
    for second in range(166):
        assert governor.stop_of_begun(2.0) == 0.012
        governor.answered(float(second))
    assert governor.stop_of_begun(2.0) == 0.012
    governor.answered(166.0)
    assert governor.stop_of_begun(2.0) is None  # 167 answers bear two drops
    slow = Governor((Cap(3_600, 0.01, 0.012),))
    for answer in range(51):  # one in 36 s: 100 an hour, that never bear two
        slow.answered(36.0 * answer)
        assert (slow.stop_of_begun(2.0) is not None) == (answer < 50)


def test_of_windows_that_begin_the_strictest_tells_what_may_be_risked() -> None:
    governor = Governor((Cap(3_600, 0.03, 0.032), Cap(86_400, 0.01, 0.012)))
    assert governor.stop_of_begun(2.0) == 0.012
    for second in range(167):
        governor.answered(float(second))
    assert governor.stop_of_begun(2.0) is None
    assert governor.stop_of_begun(6.0) == 0.012  # 167 answers bear 5.3 drops in the hour


def test_a_settled_large_site_learns_less_from_one_drop() -> None:
    moved = []
    for seats in (27, 300):
        governor = Governor((Cap(86_400, 0.03, 1.0),))
        governor.staffed(seats)
        for second in range(4_000):
            governor.answered(float(second))
        before = governor.alpha(4_000.0) / governor.boldness
        governor.abandoned(4_000.0)
        moved.append(before / (governor.alpha(4_000.0) / governor.boldness))
    small, large = moved
    assert 1.0 < large < 1.02 < small


def test_alpha_falls_with_each_drop_and_rises_with_answers() -> None:
    governor = Governor(DAY)
    for second in range(400):
        governor.answered(float(second))
    before = governor.alpha(400.0)
    governor.abandoned(400.0)
    after = governor.alpha(400.0)
    assert after < before
    for second in range(401, 800):
        governor.answered(float(second))
    assert governor.alpha(800.0) > after


def test_what_is_on_record_takes_the_place_of_what_was_counted_and_ages_on_the_safe_side() -> None:
    governor = Governor((*HOUR, *DAY))
    _hour_of_answers(governor, drops=tuple(range(0, 800, 40)))
    for tally in governor.tallies:
        tally.advance(5_000.0)
    room = governor.drops_to_hard_stop(5_000.0)
    of_late = [AnswersOfLate(3_590.0, 10, 1), AnswersOfLate(60.0, 90, 1)]
    governor.recount(5_000.0, {3_600.0: [AnswersOfLate(3_600.0, 5, 0), *of_late]})
    assert governor.drops_to_hard_stop(5_000.0) < room  # at that very moment
    hour, day = governor.tallies
    assert (hour.answers, hour.abandoned, day.answers, day.abandoned) == (100, 2, 0, 0)
    hour.advance(5_009.0)
    assert (hour.answers, hour.abandoned) == (90, 2)  # an answer leaves early, an abandoned call late
    hour.advance(5_021.0)
    assert (hour.answers, hour.abandoned) == (90, 1)
    assert governor.drops_to_hard_stop(5_021.0) <= 0.0  # nothing is known of the day


def test_a_night_says_nothing_of_how_often_answers_come_by_day() -> None:
    through, restarted = Governor(HOUR), Governor(HOUR)
    for governor in (through, restarted):
        for second in range(2000):
            governor.answered(4.0 * second)
    restarted.restore(restarted.state(8_000.0), 58_000.0)
    for governor in (through, restarted):
        for answer in range(60):
            governor.answered(58_000.0 + 4.0 * answer)
    assert through.state(0.0)["rate"] == pytest.approx(0.25, rel=0.2)
    assert through.state(0.0)["rate"] == pytest.approx(restarted.state(0.0)["rate"], rel=0.2)
