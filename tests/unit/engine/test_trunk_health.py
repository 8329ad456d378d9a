"""When a trunk is suspended, how long, what ends the suspension, and which failures are the trunk's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.model import AttemptId, Outcome
from dialer.domain.switch_events import REDIRECTED, CallEnded, EndedBy
from dialer.domain.view import TrunkState
from dialer.engine.trunks.state import TrunkHealth, TrunkLimits, TrunkPool, has_call_failed_because_of_trunk
from dialer.settings.trunks import TrunkRest

ID = AttemptId("3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c22")
RULES = TrunkRest(failures_in_a_row=3, window_calls=10, first_rest_seconds=30.0, max_rest_seconds=100.0)


def make_call_ended(by: EndedBy = EndedBy.HANGUP, *, status: str | None = None, rang: bool = False) -> CallEnded:
    return CallEnded(ID, by, answered=False, technical_cause=status, ever_ringing=rang)


def record_failed_calls(health: TrunkHealth, calls: int, at: float = 0.0) -> None:
    for _ in range(calls):
        health.update_trunk_when_call_ends(True, at, at)


@pytest.mark.parametrize(
    ("outcome", "end", "failed"),
    [
        (Outcome.CARRIER_FAILURE, make_call_ended(status="500"), True),
        (Outcome.CONGESTION, make_call_ended(status="503"), True),
        (Outcome.REJECTED, make_call_ended(status="403"), True),
        (Outcome.REFUSED, make_call_ended(EndedBy.NO_CHANNEL), True),  # an endpoint that is missing on the switch
        (
            Outcome.REFUSED,
            make_call_ended(EndedBy.NOT_PLACED),
            None,
        ),  # the link was down: nothing is known about the trunk
        (Outcome.CARRIER_FAILURE, replace(make_call_ended(status="302"), dial_status=REDIRECTED), False),
        (Outcome.REJECTED, make_call_ended(status="603"), False),
        (Outcome.INVALID_NUMBER, make_call_ended(status="404"), False),
        (Outcome.NO_ANSWER, make_call_ended(rang=True), False),
        (Outcome.MACHINE, make_call_ended(), False),
        (Outcome.CANCELLED, make_call_ended(), None),
        (Outcome.CANCELLED, make_call_ended(rang=True), False),
        (Outcome.UNKNOWN, make_call_ended(EndedBy.VANISHED), None),
    ],
)
def test_unreachable_number_does_not_count_as_a_trunk_failure(
    outcome: Outcome, end: CallEnded, failed: bool | None
) -> None:
    assert has_call_failed_because_of_trunk(outcome, end) is failed


def test_failing_trunk_is_suspended_until_a_test_call_succeeds() -> None:
    health = TrunkHealth(RULES, 0.0)
    record_failed_calls(health, 2)
    health.update_trunk_when_call_ends(False, 0.0, 0.0)
    record_failed_calls(health, 2)
    assert health.determine_state_of_trunk(0.0) is TrunkState.WORKING
    record_failed_calls(health, 1)
    assert health.determine_state_of_trunk(29.9) is TrunkState.RESTING
    assert (health.count_allowed_call_starts(29.9), health.count_seconds_until_test_call(20.0)) == (0, 10.0)
    assert health.determine_state_of_trunk(30.0) is TrunkState.PROBING
    assert health.count_allowed_call_starts(30.0) == 1
    health.record_call_start_on_trunk(30.0)
    assert health.count_allowed_call_starts(31.0) == 0
    health.update_trunk_when_call_ends(True, 30.0, 32.0)
    assert health.count_seconds_until_test_call(32.0) == 60.0  # the second rest is twice as long
    health.record_call_start_on_trunk(92.0)
    health.update_trunk_when_call_ends(True, 92.0, 93.0)
    assert health.count_seconds_until_test_call(93.0) == 100.0  # up to the maximum
    health.record_call_start_on_trunk(193.0)
    health.update_trunk_when_call_rings(1.0, 193.0, 194.0)
    assert health.determine_state_of_trunk(194.0) is TrunkState.WORKING
    record_failed_calls(health, 3, 194.0)
    assert health.count_seconds_until_test_call(194.0) == 30.0  # the rests start again from the first length


def test_trunk_gets_no_calls_for_a_while_if_too_many_calls_fail() -> None:
    health = TrunkHealth(RULES, 0.0)
    for call in range(20):
        health.update_trunk_when_call_ends(call % 3 != 0, 0.0, 0.0)
        if call < 9:
            assert health.determine_state_of_trunk(0.0) is TrunkState.WORKING
    assert health.determine_state_of_trunk(0.0) is TrunkState.RESTING
    assert "of the last 10 calls" in health.suspension_reason


def test_calls_placed_before_a_trunks_suspension_are_not_its_test_calls() -> None:
    health = TrunkHealth(RULES, 0.0)
    record_failed_calls(health, 3, 10.0)
    health.update_trunk_when_call_rings(1.0, 9.0, 41.0)
    health.update_trunk_when_call_ends(False, 9.0, 41.0)
    assert health.determine_state_of_trunk(41.0) is TrunkState.PROBING
    health.record_call_start_on_trunk(41.0)
    health.update_trunk_when_call_ends(True, 9.5, 42.0)  # an earlier call that was still ringing
    assert health.determine_state_of_trunk(42.0) is TrunkState.PROBING
    health.update_trunk_when_call_ends(None, 41.0, 43.0)  # the probe was cancelled: the next call probes
    assert health.count_allowed_call_starts(43.0) == 1


def test_trunk_of_a_slow_carrier_gets_fewer_calls_until_the_carrier_recovers() -> None:
    health = TrunkHealth(RULES, 0.0)
    for _ in range(50):
        health.update_trunk_when_call_rings(1.5, 0.0, 0.0)
    assert health.share == 1.0
    for _ in range(10):
        health.update_trunk_when_call_rings(9.0, 0.0, 0.0)
    assert health.share < 0.5
    for _ in range(100):
        health.update_trunk_when_call_rings(9.0, 0.0, 0.0)
    assert health.share == pytest.approx(0.1)
    for _ in range(40):
        health.update_trunk_when_call_rings(1.5, 0.0, 0.0)
    assert health.share == 1.0


def test_trunk_of_a_constantly_slow_carrier_is_not_throttled() -> None:
    health = TrunkHealth(RULES, 0.0)
    for _ in range(50):
        health.update_trunk_when_call_rings(7.0, 0.0, 0.0)
    assert health.share == 1.0


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.lists(st.tuples(st.floats(0.1, 50.0), st.sampled_from([True, False, None, "start"])), max_size=80))
def test_suspended_trunk_recovers_and_has_one_test_call_at_a_time(
    steps: list[tuple[float, bool | str | None]],
) -> None:
    health, now, out = TrunkHealth(RULES, 0.0), 0.0, []
    for seconds, what in steps:
        now += seconds
        if what == "start":
            if health.count_allowed_call_starts(now) > 0:
                if health.determine_state_of_trunk(now) is TrunkState.PROBING:
                    assert health.count_allowed_call_starts(now) == 1
                health.record_call_start_on_trunk(now)
                out.append(now)
                if health.determine_state_of_trunk(now) is TrunkState.PROBING:
                    assert health.count_allowed_call_starts(now) == 0
        elif out and isinstance(what, bool | None):
            health.update_trunk_when_call_ends(what, out.pop(0), now)
        assert 0.0 <= health.count_seconds_until_test_call(now) <= RULES.max_rest_seconds
    later = now + RULES.max_rest_seconds
    for began in out:
        health.update_trunk_when_call_ends(None, began, later)
    assert health.count_allowed_call_starts(later + RULES.max_rest_seconds) > 0


def test_calls_move_to_the_next_trunk_with_its_own_caller_ids() -> None:
    pool = TrunkPool(
        [TrunkLimits("a", "a", 5, 10.0, ("+911",)), TrunkLimits("b", "b", 5, 10.0, ("+912", "+913"))], 0.0, RULES
    )
    names = ("a", "b")
    for _ in range(3):
        pool.update_trunk_when_call_ends("a", True, 1.0, 1.0)
    taken = pool.choose_trunk_for_call(names, {}, 2.0)
    assert taken is not None and taken[0].name == "b"
    assert pool.count_free_channels(names, {}, 2.0) == 5
    assert not pool.are_all_trunks_suspended(names, 2.0)
    for _ in range(3):
        pool.update_trunk_when_call_ends("b", True, 2.0, 2.0)
    assert pool.are_all_trunks_suspended(names, 3.0)
    assert (
        pool.choose_trunk_for_call(names, {}, 3.0),
        pool.count_calls_that_may_start(names, {}, 3.0),
        pool.count_seconds_to_next_call_start(names, 3.0),
    ) == (
        None,
        0,
        0.0,
    )
    probe = pool.choose_trunk_for_call(names, {}, 31.0)
    assert probe is not None and probe[0].name == "a"
    assert pool.choose_trunk_for_call(names, {}, 31.5) is None  # "b" still rests, "a" is being probed
    assert pool.is_caller_id_forbidden("a", "+912") and not pool.is_caller_id_forbidden("b", "+912")


def test_call_start_rate_of_a_trunk_is_averaged_over_ten_seconds() -> None:
    pool = TrunkPool([TrunkLimits("a", "a", 50, 2.0, ("+911",))], 0.0)
    for at in (0.0, 1.0, 2.0, 3.0):
        assert pool.choose_trunk_for_call(("a",), {}, at) is not None
        pool.get_trunk_rate_limiter("a").record_call_sent_on_trunk(at)
    assert pool.get_trunk_rate_limiter("a").calculate_recent_call_start_rate(3.0) == pytest.approx(0.4)
    assert pool.get_trunk_rate_limiter("a").calculate_recent_call_start_rate(12.5) == pytest.approx(0.1)
