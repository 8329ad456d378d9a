"""Trunk limits, caller IDs, calling hours, allowed numbers and retries."""

from __future__ import annotations

import math
from datetime import UTC, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.enums import MarkKind
from dialer.domain.model import Disposition, Outcome
from dialer.engine.trunks.state import WIRE_SECONDS, CallStarts, TrunkLimits, TrunkPool
from dialer.rules.calling_hours import create_daily_calling_hours, get_local_midnight_before
from dialer.rules.numbers import find_reason_number_is_refused
from dialer.rules.retries import (
    RetryRules,
    compute_next_booth_worker_call_time,
    compute_retry_time_after_disposition,
    compute_retry_time_after_outcome,
    compute_retry_time_after_voter_mark,
    compute_worker_call_time_after_disposition,
)
from dialer.settings.trunks import CalledVoter, CallerIdArea, find_caller_ids_for_voter

KOLKATA = ZoneInfo("Asia/Kolkata")
BERLIN = ZoneInfo("Europe/Berlin")
HOURS = [(time(9), time(21))]
RULES = RetryRules(3, 900.0, 5400.0, 7200.0, 259_200.0)


def to_epoch_seconds(zone: ZoneInfo, *parts: int) -> float:
    return datetime(*parts, tzinfo=zone).timestamp()  # type: ignore[arg-type,misc]  # year, month, day, hour, minute


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.floats(0.2, 50),
    st.lists(st.tuples(st.floats(0, 0.7), st.floats(0, 0.4), st.floats(0, 0.05)), min_size=1, max_size=200),
    st.randoms(use_true_random=False),
)
def test_call_starts_on_a_trunk_never_exceed_its_limit_in_any_second(
    rate: float, steps: list[tuple[float, float, float]], chance: Random
) -> None:
    """The limit holds for any duration of commits, even if it is queried with an older time now and then, and if the
    switch sends some calls later than others.
    """
    starts, now, wire = CallStarts(rate, 0.0), 0.0, []
    leaving: list[float] = []  # when each commit is done
    for gap, commit, older in steps:
        now += gap
        while leaving and min(leaving) <= now and starts.count_seconds_until_sending(now) == 0:
            leaving.remove(min(leaving))
            starts.record_call_sent_on_trunk(now)
            wire.append(now)
        starts.count_seconds_until_next_call_start(now - older, len(leaving))
        while starts.count_available_call_starts(now, len(leaving)):
            starts.grant_call_start_now(now)
            leaving.append(now + commit)
            starts.count_available_call_starts(now - older, len(leaving))
        assert len(leaving) <= math.ceil(rate)  # a stalled disk lets no more than a window of calls pile up
    window = math.ceil(rate) / rate
    sent = sorted(at + chance.uniform(0, WIRE_SECONDS) for at in wire)
    for first in sent:
        assert sum(first <= at < first + window - 1e-6 for at in sent) <= math.ceil(rate)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=6))
def test_call_rate_never_exceeds_the_limit_in_force_when_the_limit_changes(rates: list[int]) -> None:
    starts, wire, leaving = CallStarts(rates[0], 0.0), list[float](), 0
    for step in range(300 * len(rates)):
        now = step * 0.005
        starts.set_call_rate_limit(rates[step // 300])
        while starts.count_available_call_starts(now, leaving):
            starts.grant_call_start_now(now)
            leaving += 1
        while leaving and starts.count_seconds_until_sending(now) == 0:
            starts.record_call_sent_on_trunk(now)
            wire.append(now)
            leaving -= 1
    for first in wire:
        both = {rates[int(first // 1.5)], rates[min(len(rates) - 1, int((first + 1) // 1.5))]}
        assert sum(first <= at < first + 1 - 1e-6 for at in wire) <= max(both)
    for place, rate in enumerate(rates):  # not even right after it was lowered
        assert sum(place * 1.5 <= at < place * 1.5 + 1 - 1e-6 for at in wire) <= rate


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(1, 20), st.lists(st.sampled_from([0.0, 0.001, 0.05, 0.4, 0.9]), min_size=60, max_size=60))
def test_limit_of_call_starts_is_respected_if_the_switch_sends_calls_late_and_reports_it(
    rate: int, delays: list[float]
) -> None:
    starts, leaving, wire = CallStarts(rate, 0.0), list[tuple[float, float]](), list[float]()
    for step in range(2_000):
        now = step * 0.005
        while leaving and leaving[0][0] <= now:
            starts.record_call_sent_to_carrier(leaving.pop(0)[1], now)
            wire.append(now)
        if starts.count_available_call_starts(now, 0) and starts.count_seconds_until_sending(now) == 0:
            starts.grant_call_start_now(now)
            began = starts.record_call_sent_on_trunk(now)
            earliest = leaving[-1][0] if leaving else 0.0  # the switch sends calls in order
            leaving.append((max(earliest, now + delays[len(wire) % len(delays)]), began))
    for first in wire:
        assert sum(first <= at < first + 1 - 1e-6 for at in wire) <= rate
    assert len(wire) > 4 * rate  # in 10 s, although each call may leave 0.9 s late


def test_limit_of_call_starts_is_respected_if_the_clock_goes_back() -> None:
    starts, granted = CallStarts(5.0, 0.0), 0
    for step in range(200_000):
        now = step * 0.0005
        starts.count_seconds_until_next_call_start(now - 0.0004, 0)
        if starts.count_available_call_starts(now, 0):
            starts.grant_call_start_now(now)
            starts.record_call_sent_on_trunk(now)
            granted += 1
    assert granted <= 501


def test_call_starts_are_evenly_spaced_at_the_start_and_after_a_pause() -> None:
    starts = CallStarts(20.0, 0.0)
    assert starts.count_available_call_starts(0.0, 0) == 1
    assert starts.count_available_call_starts(60.0, 0) == 1


def test_trunk_pool_prefers_the_first_trunk_and_rotates_caller_ids() -> None:
    pool = TrunkPool(
        [TrunkLimits("a", "ea", 2, 100.0, ("1111", "2222")), TrunkLimits("b", "eb", 1, 100.0, ("3333",))], 0.0
    )
    names = pool.names
    taken = [pool.choose_trunk_for_call(names, {"a": used}, 10.0 + used) for used in (0, 1, 2)]
    assert [(trunk.name, caller_id) for trunk, caller_id in (each for each in taken if each)] == [
        ("a", "1111"),
        ("a", "2222"),
        ("b", "3333"),
    ]
    assert pool.choose_trunk_for_call(names, {"a": 2, "b": 1}, 13.0) is None
    assert pool.count_free_channels(names, {"a": 2}, 0.0) == 1


def test_caller_ids_of_the_voters_area_are_used_in_rotation() -> None:
    areas = (
        CallerIdArea(states=("s24 ",), constituencies=(170, 171), caller_ids=("2222", "3333")),
        CallerIdArea(states=("S24",), caller_ids=("4444",)),
        CallerIdArea(prefixes=("+4420",), caller_ids=("5555",)),
    )
    pool = TrunkPool([TrunkLimits("a", "ea", 9, 1000.0, ("1111", "2222", "3333", "4444", "5555"), areas=areas)], 0.0)
    asked = [
        CalledVoter("+91900000001", "S24", 171),
        CalledVoter("+91900000002", "S24", 9),
        CalledVoter("+91900000003", "S24", 170),
        CalledVoter("+91900000004", "S10", 170),
        CalledVoter("+442071234567"),
        CalledVoter("+91900000005", "S24", 171),
        None,
    ]
    taken = [pool.choose_trunk_for_call(["a"], {}, 10.0 + at, called=each) for at, each in enumerate(asked)]
    assert [each and each[1] for each in taken] == ["2222", "4444", "3333", "1111", "5555", "2222", "1111"]


def test_voters_outside_all_caller_id_areas_are_called_with_any_caller_id() -> None:
    areas = [CallerIdArea(states=("S24",), caller_ids=("1111",)), CallerIdArea(states=("S10",), caller_ids=("2222",))]
    assert find_caller_ids_for_voter(("1111", "2222"), areas, CalledVoter("+91900000001", "S22")) == ("1111", "2222")
    assert find_caller_ids_for_voter(("1111", "2222"), (), None) == ("1111", "2222")


def test_trunks_and_their_call_limits_can_be_changed_while_dialling() -> None:
    pool = TrunkPool([TrunkLimits("a", "line", 9, 10.0, ("1", "2"))], 0.0)
    assert pool.choose_trunk_for_call(("a",), {}, 1.0) == (pool["a"], "1")
    pool.get_trunk_rate_limiter("a").record_call_sent_on_trunk(1.0)
    pool.apply_trunk_settings([TrunkLimits("b", "line", 9, 10.0, ("3",)), TrunkLimits("a", "old", 9, 1.0, ("4",))], 1.0)
    assert [*pool.names] == ["b", "a"]
    assert pool.find_trunk_name_of_endpoint("line") == "b"
    assert pool.choose_trunk_for_call(("a",), {}, 1.5) is None  # one a second by now
    taken = pool.choose_trunk_for_call(("a",), {}, 2.1)
    assert taken is not None
    assert taken[1] == "4"
    pool.apply_trunk_settings([TrunkLimits("b", "line", 9, 10.0, ("3",))], 3.0)
    assert pool.choose_trunk_for_call(("a",), {}, 9.0) is None
    assert pool.is_caller_id_forbidden("a", "4")
    assert [*pool.names] == ["b"]
    assert pool.find_trunk_name_of_endpoint("old") == "old"
    pool.update_trunk_when_call_ends("a", False, 2.1, 9.0)  # its last call


def test_calling_hours_apply_in_the_time_zone_of_the_called_number() -> None:
    assert create_daily_calling_hours(HOURS).are_calls_allowed_at(KOLKATA, to_epoch_seconds(KOLKATA, 2024, 4, 22, 9, 0))
    assert not create_daily_calling_hours(HOURS).are_calls_allowed_at(
        KOLKATA, to_epoch_seconds(KOLKATA, 2024, 4, 22, 8, 59)
    )
    assert not create_daily_calling_hours(HOURS).are_calls_allowed_at(
        KOLKATA, to_epoch_seconds(KOLKATA, 2024, 4, 22, 21, 0)
    )


def test_next_calling_hours_start_tomorrow_if_todays_hours_have_ended() -> None:
    assert create_daily_calling_hours(HOURS).find_next_time_calls_are_allowed(
        (KOLKATA,), to_epoch_seconds(KOLKATA, 2024, 4, 22, 22, 0)
    ) == to_epoch_seconds(KOLKATA, 2024, 4, 23, 9, 0)
    now = to_epoch_seconds(KOLKATA, 2024, 4, 22, 12, 0)
    assert create_daily_calling_hours(HOURS).find_next_time_calls_are_allowed((KOLKATA,), now) == now
    assert create_daily_calling_hours([]).find_next_time_calls_are_allowed((KOLKATA,), now) is None


def test_calling_hours_leave_out_a_skipped_hour_and_include_a_repeated_hour_twice() -> None:
    gap, overlap = [(time(2), time(3))], [(time(2), time(3))]
    midnight = datetime(2024, 3, 30, 23, 0, tzinfo=UTC)  # the night in which 02:00-03:00 does not exist in Berlin
    assert not any(
        create_daily_calling_hours(gap).are_calls_allowed_at(BERLIN, (midnight + timedelta(minutes=m)).timestamp())
        for m in range(0, 360, 5)
    )
    night = datetime(2024, 10, 26, 22, 0, tzinfo=UTC)  # the night in which it happens twice
    minutes = sum(
        create_daily_calling_hours(overlap).are_calls_allowed_at(BERLIN, (night + timedelta(minutes=m)).timestamp())
        for m in range(0, 360, 5)
    )
    assert minutes == 24


def test_calling_hours_resume_when_the_local_clock_jumps_back_over_their_end_time() -> None:
    hours = [(time(0, 30), time(2, 30))]
    closed = datetime(2024, 10, 27, 0, 45, tzinfo=UTC).timestamp()  # 02:45 in Berlin, for the first time
    assert not create_daily_calling_hours(hours).are_calls_allowed_at(BERLIN, closed)
    assert (
        create_daily_calling_hours(hours).find_next_time_calls_are_allowed((BERLIN,), closed)
        == datetime(2024, 10, 27, 1, 0, tzinfo=UTC).timestamp()
    )


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.floats(1.7e9, 1.8e9), st.sampled_from([KOLKATA, BERLIN, ZoneInfo("America/New_York")]))
def test_next_calling_hours_begin_at_the_earliest_permitted_time(now: float, zone: ZoneInfo) -> None:
    opening = create_daily_calling_hours(HOURS).find_next_time_calls_are_allowed((zone,), now)
    assert opening is not None
    assert create_daily_calling_hours(HOURS).are_calls_allowed_at(zone, opening)
    assert now <= opening <= now + 26 * 3600
    for share in (0.0, 0.3, 0.7, 0.99):
        moment = now + (opening - now) * share
        assert moment >= opening or not create_daily_calling_hours(HOURS).are_calls_allowed_at(zone, moment)


def test_calling_day_starts_at_local_midnight() -> None:
    assert get_local_midnight_before(KOLKATA, to_epoch_seconds(KOLKATA, 2024, 4, 22, 12, 0)) == to_epoch_seconds(
        KOLKATA, 2024, 4, 22, 0, 0
    )


@pytest.mark.parametrize(
    "number",
    [
        "9800000001",
        "+9198",
        "+91 9800000001",
        "+91९८०००००००१",
        "+919800000001\r\nAction: Originate",
        "+91" + "9" * 40,
        "+0123456789",
        "",
    ],
)
def test_invalid_phone_number_is_refused(number: str) -> None:
    assert find_reason_number_is_refused(number, ["+91"], []) == "not an E.164 number"


def test_phone_number_needs_an_allowed_prefix_and_no_denied_prefix() -> None:
    assert find_reason_number_is_refused("+919800000001", ["+91"], []) is None
    assert find_reason_number_is_refused("+449800000001", ["+91"], []) is not None
    assert find_reason_number_is_refused("+911900000001", ["+91"], ["+91190"]) is not None


@pytest.mark.parametrize(
    ("outcome", "seconds"),
    [
        (Outcome.BUSY, 900.0),
        (Outcome.NO_ANSWER, 5400.0),
        (Outcome.ABANDONED, 259_200.0),
        (Outcome.DROPPED, 7200.0),
        (Outcome.CONGESTION, 7200.0),
        (Outcome.REFUSED, 60.0),
        (Outcome.INVALID_NUMBER, None),
        (Outcome.UNKNOWN, None),
        (Outcome.COMPLETED, None),
    ],
)
def test_number_is_retried_after_the_interval_of_its_call_outcome(outcome: Outcome, seconds: float | None) -> None:
    retry = compute_retry_time_after_outcome(RULES, outcome, 1, 1000.0)
    assert retry == (None if seconds is None else 1000.0 + seconds)


def test_number_has_no_retry_after_the_last_attempt_unless_the_call_was_cancelled() -> None:
    assert compute_retry_time_after_outcome(RULES, Outcome.BUSY, 3, 0.0) is None
    assert compute_retry_time_after_outcome(RULES, Outcome.CANCELLED, 3, 0.0) is not None


def test_number_is_not_called_again_after_a_message_was_left_on_its_machine() -> None:
    assert compute_retry_time_after_outcome(RULES, Outcome.MACHINE, 1, 1000.0) == 8200.0
    assert compute_retry_time_after_outcome(RULES, Outcome.MACHINE, 1, 1000.0, message_left=True) is None


def test_voter_who_plans_to_vote_later_is_called_45_minutes_after_the_named_hour() -> None:
    now = to_epoch_seconds(KOLKATA, 2024, 4, 22, 11, 0)
    due = compute_retry_time_after_disposition(RULES, Disposition.LATER, 15, 1, now, KOLKATA)
    assert due == to_epoch_seconds(KOLKATA, 2024, 4, 22, 15, 45)
    assert (
        compute_retry_time_after_voter_mark(RULES, MarkKind.LATER, 9, 1, now, KOLKATA) == now + 900.0
    )  # the hour has passed
    odd = now + 20 * 60 + 30.5
    assert compute_retry_time_after_voter_mark(RULES, MarkKind.LATER, 15, 1, odd, KOLKATA) == due
    assert compute_retry_time_after_disposition(RULES, Disposition.NOT_YET, 15, 1, odd, KOLKATA) == odd + 7_200.0


@pytest.mark.parametrize("disposition", [Disposition.REFUSED, Disposition.OPT_OUT])
def test_refused_or_opted_out_number_is_never_due_again(disposition: Disposition) -> None:
    assert compute_retry_time_after_disposition(RULES, disposition, None, 1, 0.0, KOLKATA) is None


@pytest.mark.parametrize(
    ("outcome", "reported", "seconds"),
    [
        (Outcome.COMPLETED, False, 3600.0),
        (Outcome.CONNECTED, False, 3600.0),
        (Outcome.LEFT, True, 3600.0),
        (Outcome.LEFT, False, 7200.0),
        (Outcome.BUSY, False, 900.0),
        (Outcome.CANCELLED, False, 60.0),
        (Outcome.INVALID_NUMBER, False, None),
        (Outcome.UNKNOWN, True, None),
    ],
)
def test_booth_worker_is_called_again_after_the_interval_of_the_call_outcome(
    outcome: Outcome, reported: bool, seconds: float | None
) -> None:
    due = compute_next_booth_worker_call_time(RULES, 3600.0, outcome, reported=reported, now=1000.0)
    assert due == (None if seconds is None else 1000.0 + seconds)


def test_agents_disposition_decides_when_a_booth_worker_is_called_again() -> None:
    due = {each: compute_worker_call_time_after_disposition(RULES, 3600.0, each, 0.0) for each in Disposition}
    closed = {Disposition.REFUSED, Disposition.OPT_OUT, Disposition.WRONG_NUMBER}
    assert {each for each in due if due[each] is None} >= closed
    assert due[Disposition.CALL_BACK] == RULES.other_seconds
    assert due[Disposition.NONE] == due[Disposition.LANGUAGE] == 3600.0


@pytest.mark.parametrize("disposition", [Disposition.VOTED, Disposition.WILL_NOT])
def test_number_stays_due_for_other_voters_of_a_household_after_one_has_answered(disposition: Disposition) -> None:
    """The number stays due for others of the household; the store closes it if nobody else is pending."""
    assert compute_retry_time_after_disposition(RULES, disposition, None, 1, 0.0, KOLKATA) == RULES.other_seconds
    assert compute_retry_time_after_disposition(RULES, disposition, None, RULES.max_attempts, 0.0, KOLKATA) is None
