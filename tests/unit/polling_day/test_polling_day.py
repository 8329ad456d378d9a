"""The order of booths, the expected turnout curve, and the forecast."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.forecast import count_seconds_within_calling_hours, forecast_contacted_voters
from dialer.domain.model import Booth, BoothTurnout, Claim
from dialer.polling_day.plan import (
    LAST_ROUND_SECONDS,
    BoothPoll,
    ExpectedTurnout,
    PollingPlan,
    find_next_booth_worker_call_time,
    limit_retry_to_last_call_time,
)
from dialer.polling_day.priorities import (
    NEIGHBOURS,
    BoothNow,
    BoothOrder,
    BoothPriorities,
    FactorWeights,
    calculate_booth_priority,
    estimate_share_of_voters_not_voted,
)

INDIA = ZoneInfo("Asia/Kolkata")
ALASKA = ZoneInfo("America/Anchorage")
NEW_YORK = ZoneInfo("America/New_York")
COURSE = ExpectedTurnout(time(7), ((time(9), 0.11), (time(11), 0.25), (time(13), 0.40), (time(18), 0.66)))


def make_claim(booth_id: int, weight: float = 1.0) -> Claim:
    return Claim("c", 1, "+911", 1, 1, 1, "hi", booth_id, queue_booth_id=booth_id, weight=weight)


@pytest.mark.parametrize(
    ("local", "share"), [(time(6), 0.0), (time(7), 0.0), (time(8), 0.055), (time(10), 0.18), (time(23), 0.66)]
)
def test_expected_turnout_is_interpolated_linearly_between_the_given_hours(local: time, share: float) -> None:
    assert COURSE.compute_expected_turnout(local) == pytest.approx(share)


def test_turnout_reported_by_voters_outweighs_the_expected_turnout() -> None:
    assert estimate_share_of_voters_not_voted(BoothNow(1, 0, 0, 1.0, 0.4)) == pytest.approx(0.6)
    assert estimate_share_of_voters_not_voted(BoothNow(1, 2000, 1900, 1.0, 0.4)) == pytest.approx(0.05, abs=0.01)


def test_booths_with_low_turnout_or_early_closing_have_priority() -> None:
    weights = FactorWeights()
    lagging, leading = BoothNow(1, 50, 10, 7200.0, 0.4), BoothNow(2, 50, 40, 7200.0, 0.4)
    soon, late, over = (BoothNow(n, 50, 25, left, 0.4) for n, left in ((3, 3600.0), (4, 7200.0), (5, 0.0)))
    booths = {booth.booth_id: booth for booth in (lagging, leading, soon, late, over)}
    order = BoothPriorities(booths.keys(), booths.__getitem__, BoothNow(0, 250, 100, 1.0, 0.4), weights)
    assert order[1] > order[2]
    assert order[3] > order[4]
    assert order[5] == 0.0


def test_priority_factor_with_weight_zero_does_not_change_booth_priorities() -> None:
    off = FactorWeights(not_voted=0.0, deficit=0.0, time=0.0)
    assert calculate_booth_priority(BoothNow(1, 50, 10, 60.0, 0.4), 0.5, off) == 1.0


def test_calls_are_distributed_over_booths_in_proportion_to_their_priority() -> None:
    order = BoothOrder([1, 2, 3])
    order.set_booth_priorities({1: 3.0, 2: 1.0, 3: 0.0, 9: 5.0})
    taken: Counter[int] = Counter()
    for _ in range(50):
        quotas = order.plan_numbers_to_call_per_booth(NEIGHBOURS)
        booth_id = next(iter(quotas))
        order.record_reserved_numbers(quotas, [make_claim(booth_id)] * NEIGHBOURS, full=True)
        taken[booth_id] += NEIGHBOURS
    assert taken[1] == pytest.approx(150, abs=8)
    assert taken[2] == pytest.approx(50, abs=8)
    assert 3 not in taken


def test_booths_of_equal_priority_are_called_in_turn_in_batches_of_four() -> None:
    order = BoothOrder([1, 2, 3])
    assert order.plan_numbers_to_call_per_booth(12) == {1: 12, 2: 8, 3: 8}
    order.record_reserved_numbers({1: 4, 2: 4}, [make_claim(1)] * 4 + [make_claim(2)] * 4, full=True)
    assert next(iter(order.plan_numbers_to_call_per_booth(4))) == 3


def test_booth_without_numbers_is_skipped_until_numbers_are_due_again() -> None:
    order = BoothOrder([1, 2])
    quotas = order.plan_numbers_to_call_per_booth(8)
    order.record_reserved_numbers(quotas, [make_claim(1)], full=False)
    assert order.are_all_booths_without_numbers
    assert order.plan_numbers_to_call_per_booth(8) == {}
    order.return_empty_booths_to_call_order()
    assert set(order.plan_numbers_to_call_per_booth(8)) == {1, 2}


def test_numbers_returned_undialled_do_not_reduce_their_booths_share_of_calls() -> None:
    order = BoothOrder(range(1, 16))
    dialled: Counter[int] = Counter()
    for _ in range(300):  # of ten claims two are dialled before the others are returned
        quotas = order.plan_numbers_to_call_per_booth(8)
        claims = [make_claim(booth_id) for booth_id in quotas for _ in range(NEIGHBOURS)][:8]
        order.record_reserved_numbers(quotas, claims, full=True)
        dialled.update(each.queue_booth_id for each in claims[:2])
        order.record_numbers_returned_undialled(claims[2:])
    assert set(dialled.values()) == {40}


def test_booth_without_priority_gets_no_calls_while_booths_with_priority_have_numbers() -> None:
    order = BoothOrder([1, 2, 3, 4])
    order.set_booth_priorities({3: 0.05, 4: 1e-9})
    assert set(order.plan_numbers_to_call_per_booth(40)) == {3, 4}
    order.record_reserved_numbers({3: NEIGHBOURS, 4: NEIGHBOURS}, [], full=False)
    assert order.plan_numbers_to_call_per_booth(4) == {
        1: 12,
        2: 8,
    }  # the order among themselves is unchanged
    assert not order.are_all_booths_without_numbers
    order.return_empty_booths_to_call_order()
    assert set(order.plan_numbers_to_call_per_booth(4)) == {3, 4}
    order.set_booth_priorities({3: 0.0, 4: 0.0})  # after their last calls
    assert set(order.plan_numbers_to_call_per_booth(4)) == {1, 2}
    order.set_booth_priorities({1: 0.05, 3: 0.0})  # another day, on which another booth votes
    assert set(order.plan_numbers_to_call_per_booth(4)) == {1}


def test_booth_without_priority_gets_no_calls_while_priority_numbers_are_reserved() -> None:
    hopper = [make_claim(2), make_claim(1)]
    order = BoothOrder([1, 2], in_hand=hopper)
    order.set_booth_priorities({1: 0.05})
    order.record_reserved_numbers({1: NEIGHBOURS}, [make_claim(1)], full=False)
    assert order.plan_numbers_to_call_per_booth(4) == {}
    assert order.are_all_booths_without_numbers
    hopper.pop()
    assert set(order.plan_numbers_to_call_per_booth(4)) == {2}
    assert not order.are_all_booths_without_numbers


class PlainOrder:
    """The order that `BoothOrder` must produce, by examining every booth each time."""

    def __init__(self, booths: int) -> None:
        self.named = set[int]()
        self.priority = dict.fromkeys(range(booths), 1.0)
        self.at = dict.fromkeys(range(booths), 0.0)
        self.empty: set[int] = set()

    def plan(self, numbers: int) -> dict[int, int]:
        at = {each: self.at[each] for each in self.at if each not in self.empty and self.priority[each] > 0}
        at = {each: at[each] for each in self.named & at.keys()} or at
        quotas: Counter[int] = Counter()
        while at and quotas.total() < numbers + NEIGHBOURS * NEIGHBOURS:
            first = min(at, key=lambda each: (at[each], each))
            quotas[first] += NEIGHBOURS
            at[first] += NEIGHBOURS / self.priority[first]
        return dict(quotas)

    def took(self, quotas: dict[int, int], given: Counter[int]) -> None:
        behind = min((self.at[each] for each in quotas), default=0.0)
        for each, count in given.items():
            self.at[each] = max(self.at[each], behind) + count / self.priority[each]

    def gave_back(self, given: Counter[int]) -> None:
        for each, count in given.items():
            self.at[each] -= count / max(self.priority[each], 1e-6)
        self.empty.clear()


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=1, max_size=12),
    st.lists(st.sampled_from(["claim", "give back", "priorities", "phase", "look again", "run dry"]), max_size=60),
)
def test_order_of_booths_equals_that_of_an_exhaustive_search(priorities: list[float], steps: list[str]) -> None:
    order, plain = BoothOrder(range(len(priorities))), PlainOrder(len(priorities))
    held: list[Claim] = []
    for step in steps:
        quotas = order.plan_numbers_to_call_per_booth(8)
        assert list(quotas.items()) == list(plain.plan(8).items())
        if step == "claim":
            claims = [make_claim(booth_id) for booth_id, most in quotas.items() for _ in range(most)][:8]
            order.record_reserved_numbers(quotas, claims, full=True)
            plain.took(quotas, Counter(each.queue_booth_id for each in claims))
            held += claims
        elif step == "give back" and held:
            order.record_numbers_returned_undialled(held)
            plain.gave_back(Counter(each.queue_booth_id for each in held))
            held.clear()
        elif step == "priorities":
            priorities = priorities[1:] + priorities[:1]
            order.set_booth_priorities(dict(enumerate(priorities)))
            plain.priority |= dict(enumerate(priorities))
            plain.named = set(plain.priority)
        elif step == "phase":
            named = {each: priorities[each] for each in list(plain.priority)[len(plain.named) % 3 :: 2]}
            order.set_booth_priorities(named)
            plain.priority |= named
            plain.named = set(named)
        elif step == "look again":
            order.return_empty_booths_to_call_order()
            plain.empty.clear()
        elif step == "run dry":
            order.record_reserved_numbers(quotas, [], full=False)
            plain.empty |= set(quotas)


def test_booth_has_further_numbers_if_the_reservation_limit_was_reached() -> None:
    order = BoothOrder([1, 2, 3])
    order.record_reserved_numbers({1: 4, 2: 4, 3: 4}, [make_claim(1)] * 4 + [make_claim(2)] * 2, full=True)
    assert set(order.plan_numbers_to_call_per_booth(40)) == {1, 2, 3}


def test_numbers_of_booths_with_priority_are_reserved_first() -> None:
    hopper: list[Claim] = []
    order = BoothOrder([1, 2], in_hand=hopper)
    assert (
        order.find_booths_to_call_first(order.plan_numbers_to_call_per_booth(4)) is None
    )  # no booth has a priority: all are equal
    order.set_booth_priorities({1: 0.5})
    quotas = order.plan_numbers_to_call_per_booth(4)
    assert order.find_booths_to_call_first(quotas) == {1}
    hopper.append(make_claim(1))
    order.record_reserved_numbers(quotas, [], full=False)
    assert order.plan_numbers_to_call_per_booth(4) == {}
    assert order.find_booths_to_call_first({}) == {1}
    hopper.clear()
    assert list(order.plan_numbers_to_call_per_booth(4)) == [2]
    assert order.find_booths_to_call_first(order.plan_numbers_to_call_per_booth(4)) is None
    order.record_reserved_numbers({2: 4}, [], full=False)
    assert order.find_booths_to_call_first(order.plan_numbers_to_call_per_booth(4)) is None


def test_booth_closed_during_a_reservation_gets_no_further_calls() -> None:
    order = BoothOrder([1])
    quotas = order.plan_numbers_to_call_per_booth(4)
    order.set_booth_priorities({1: 0.0})
    order.record_reserved_numbers(quotas, [make_claim(1)] * 4, full=True)
    assert order.are_all_booths_without_numbers


def test_voter_weights_change_how_calls_are_distributed_over_booths() -> None:
    order = BoothOrder([1, 2])
    for booth_id, weight in ((1, 3.0), (2, 1.0)):
        claims = [make_claim(booth_id, weight)] * NEIGHBOURS
        order.record_reserved_numbers({booth_id: NEIGHBOURS}, claims, full=True)
    quotas = order.plan_numbers_to_call_per_booth(80)
    assert quotas[1] > 2 * quotas[2]


@settings(deadline=None, derandomize=True)
@given(st.lists(st.floats(0.0, 5.0), min_size=1, max_size=40), st.integers(1, 200))
def test_plan_for_reserving_numbers_covers_the_requested_numbers_and_skips_closed_booths(
    priorities: list[float], numbers: int
) -> None:
    order = BoothOrder(range(len(priorities)))
    order.set_booth_priorities(dict(enumerate(priorities)))
    quotas = order.plan_numbers_to_call_per_booth(numbers)
    assert all(priorities[booth_id] > 0 for booth_id in quotas)
    assert order.are_all_booths_without_numbers == (not quotas)
    assert not quotas or sum(quotas.values()) >= numbers


def test_contact_forecast_continues_the_current_pace_up_to_the_remaining_voters() -> None:
    day = forecast_contacted_voters(41_200, 900, 600, 3600.0, ahead_seconds=5 * 3600.0, until=0.0)
    assert day is not None
    assert (day.remaining, day.by_agents, day.by_flows, day.expected_contacts) == (41_200, 4500, 3000, 7500)
    assert day.margin == 349  # 1.645 sqrt(7500 (5 + 1))
    short = forecast_contacted_voters(5000, 900, 600, 3600.0, ahead_seconds=5 * 3600.0, until=0.0)
    assert short is not None
    assert (short.by_agents, short.by_flows) == (4500, 500)
    over = forecast_contacted_voters(100, 900, 600, 3600.0, ahead_seconds=0.0, until=0.0)
    assert over is not None
    assert (over.expected_contacts, over.margin) == (0, 0)
    assert forecast_contacted_voters(100, 900, 600, 599.0, ahead_seconds=3600.0, until=0.0) is None


def test_remaining_calling_hours_exclude_pauses_and_count_overlaps_once() -> None:
    morning, afternoon, all_day = (time(9), time(12)), (time(14), time(18)), (time(10), time(17))
    assert count_seconds_within_calling_hours([morning, afternoon], INDIA, make_time(11), make_time(17)) == 4 * 3600
    assert (
        count_seconds_within_calling_hours([afternoon, morning, all_day], INDIA, make_time(8), make_time(17))
        == 8 * 3600
    )
    assert count_seconds_within_calling_hours([morning], INDIA, make_time(11, 26), make_time(10, 27)) == 2 * 3600
    assert count_seconds_within_calling_hours([], INDIA, make_time(8), make_time(17)) == 0
    assert count_seconds_within_calling_hours([morning], INDIA, make_time(13), make_time(17)) == 0


def test_promised_calls_after_the_last_call_time_are_moved_to_the_last_call_time() -> None:
    assert limit_retry_to_last_call_time(100.0, None, 0.0, promised=False) == 100.0
    assert limit_retry_to_last_call_time(100.0, 100.0, 0.0, promised=False) == 100.0
    assert limit_retry_to_last_call_time(101.0, 100.0, 0.0, promised=False) is None
    assert limit_retry_to_last_call_time(101.0, 100.0, 0.0, promised=True) == 100.0
    assert limit_retry_to_last_call_time(101.0, 100.0, 100.0, promised=True) is None
    assert limit_retry_to_last_call_time(None, 100.0, 0.0, promised=True) is None


def test_booth_worker_gets_a_final_call_only_after_half_a_calling_interval() -> None:
    last_call_at, every = 36_000.0, 7_200.0
    assert find_next_booth_worker_call_time(30_000.0, last_call_at, 22_800.0, every) == 30_000.0
    assert (
        find_next_booth_worker_call_time(37_000.0, last_call_at, 29_800.0, every) == last_call_at - LAST_ROUND_SECONDS
    )
    assert find_next_booth_worker_call_time(40_000.0, last_call_at, 32_800.0, every) is None
    assert (
        find_next_booth_worker_call_time(last_call_at, last_call_at, 28_800.0, every)
        == last_call_at - LAST_ROUND_SECONDS
    )
    assert find_next_booth_worker_call_time(30_000.0, None, 22_800.0, every) is None
    assert find_next_booth_worker_call_time(None, last_call_at, 0.0, every) is None


def make_time(hour: int, day: int = 26) -> float:
    return datetime(2024, 4, day, hour, tzinfo=INDIA).timestamp()


def make_plan(polls: dict[int, BoothPoll | None]) -> PollingPlan:
    return PollingPlan(lambda booth: polls[booth.booth_id], COURSE, FactorWeights(), 1800.0)


def make_booths(polls: dict[int, BoothPoll | None]) -> dict[int, Booth]:
    return {n: Booth(n, 174, n, "School", "hi", "18:00") for n in polls}


def make_poll(zone: ZoneInfo, day: date, hour: int | None) -> BoothPoll:
    return BoothPoll(day, zone, None if hour is None else datetime.combine(day, time(hour), zone).timestamp())


def test_booths_that_vote_today_are_ordered_by_their_turnout_deficit() -> None:
    friday, saturday = date(2024, 4, 26), date(2024, 4, 27)
    polls: dict[int, BoothPoll | None] = {
        **dict.fromkeys((1, 2), make_poll(INDIA, friday, 18)),
        3: make_poll(INDIA, saturday, 18),
        4: None,
        5: make_poll(INDIA, friday, 14),
    }
    plan = make_plan(polls)
    turnout = {1: BoothTurnout(1, 174, 1, 900, 100, 90, 5), 2: BoothTurnout(2, 174, 2, 900, 100, 10, 80)}
    today = plan.find_booths_voting_today(make_booths(polls), make_time(14))
    assert today.last_calls == {1: make_time(18) - 1800, 2: make_time(18) - 1800, 5: make_time(14) - 1800}
    order = plan.create_call_priorities_of_polling_booths(today, turnout, make_time(14))
    assert set(order) == {1, 2, 5}
    assert order[2] > order[1] > order[5] == 0.0
    assert today.is_valid_at(make_time(0))
    assert not today.is_valid_at(make_time(0, 27))
    assert plan.find_booths_voting_today(make_booths(polls), make_time(0, 27)).last_calls == {
        3: make_time(18, 27) - 1800
    }


def test_booth_with_an_unknown_closing_time_is_called_today() -> None:
    day = date(2024, 4, 26)
    polls: dict[int, BoothPoll | None] = {
        1: make_poll(INDIA, day, 18),
        2: make_poll(INDIA, day, 16),
        3: make_poll(INDIA, day, None),
    }
    plan = make_plan(polls)
    today = plan.find_booths_voting_today(make_booths(polls), make_time(14))
    order = plan.create_call_priorities_of_polling_booths(today, {}, make_time(14))
    assert today.last_calls.keys() == {1, 2}
    assert order[2] > order[3] == order[1] > 0
    late = plan.create_call_priorities_of_polling_booths(today, {}, make_time(19))
    assert late[1] == late[2] == 0 < late[3]
    alone = make_plan({3: polls[3]})
    assert (
        alone.create_call_priorities_of_polling_booths(
            alone.find_booths_voting_today(make_booths({3: None}), make_time(14)), {}, make_time(14)
        )[3]
        > 0
    )


def test_polling_day_begins_and_ends_in_the_polls_time_zone() -> None:
    day = date(2028, 11, 7)
    polls: dict[int, BoothPoll | None] = {1: make_poll(ALASKA, day, 20), 2: make_poll(NEW_YORK, day, 20)}
    plan, booths = make_plan(polls), make_booths(polls)
    noon = datetime(2028, 11, 7, 12, tzinfo=NEW_YORK).timestamp()
    today = plan.find_booths_voting_today(booths, noon)
    assert today.last_calls == {1: datetime(2028, 11, 7, 19, 30, tzinfo=ALASKA).timestamp(), 2: noon + 7.5 * 3600}
    assert today.until == noon + 12 * 3600
    assert today.since == datetime(2028, 11, 7, tzinfo=ALASKA).timestamp()
    night = plan.find_booths_voting_today(booths, today.until)  # eight in the evening in Alaska
    assert set(night.last_calls) == {1}
    early = plan.find_booths_voting_today(booths, today.since - 1)
    assert set(early.last_calls) == {2}
    by_course = replace(plan, weights=FactorWeights(deficit=0.0, time=0.0))
    order = by_course.create_call_priorities_of_polling_booths(
        today, {}, noon - 3600
    )  # 11:00 in New York, and 07:00 in Alaska
    assert [order[1], order[2]] == pytest.approx([1.0, 0.75])
    assert plan.find_local_closing_time_of_booth(booths[1]) == datetime(2028, 11, 7, 20, tzinfo=ALASKA)
