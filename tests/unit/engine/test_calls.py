"""A call's facts and outcomes: ends as seen on a real Asterisk, and every order of the same events."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from dialer.domain.clock import Instant
from dialer.domain.enums import CampaignKind
from dialer.domain.model import Outcome
from dialer.domain.switch_events import CallEnded, EndedBy
from dialer.domain.view import CallState
from dialer.engine.calls.state import Call, derive_outcome_of_ended_call
from tests.support.calls import ID, a_call


def make_call_ended(by: EndedBy = EndedBy.HANGUP, **facts: Any) -> CallEnded:
    values: dict[str, Any] = {"answered": False, **facts}
    return CallEnded(ID, by, **values)


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({"dial_status": "BUSY", "cause": 17, "technical_cause": "486"}, Outcome.BUSY),
        ({"timed_out": True, "cause": 19, "ever_ringing": True}, Outcome.NO_ANSWER),
        # A trunk that does not answer.
        ({"timed_out": True, "cause": 19, "ever_ringing": False}, Outcome.CARRIER_FAILURE),
        ({"dial_status": "NOANSWER", "cause": 19, "technical_cause": "480"}, Outcome.NO_ANSWER),
        ({"dial_status": "NOANSWER", "cause": 1}, Outcome.INVALID_NUMBER),
        ({"dial_status": "NOANSWER", "cause": 22}, Outcome.INVALID_NUMBER),
        ({"dial_status": "NOANSWER", "cause": 28}, Outcome.INVALID_NUMBER),
        ({"dial_status": "CONGESTION", "cause": 34}, Outcome.CONGESTION),
        ({"dial_status": "NOANSWER", "cause": 21}, Outcome.REJECTED),
        ({"dial_status": "NOANSWER", "cause": 38}, Outcome.CARRIER_FAILURE),
        ({"dial_status": "NOANSWER", "cause": 27}, Outcome.CARRIER_FAILURE),
        ({"dial_status": "NOANSWER", "cause": 102}, Outcome.CARRIER_FAILURE),
        ({"dial_status": "NOANSWER", "cause": 18}, Outcome.CARRIER_FAILURE),
        ({"dial_status": "NOANSWER", "cause": 58}, Outcome.CARRIER_FAILURE),
        ({"dial_status": "NOANSWER", "cause": 127}, Outcome.CARRIER_FAILURE),
        ({"dial_status": "NOANSWER", "cause": 0, "ever_ringing": True}, Outcome.NO_ANSWER),
        ({"dial_status": "CANCEL", "cause": 23, "technical_cause": "302"}, Outcome.CARRIER_FAILURE),
        ({"dial_status": "CANCEL", "cause": 16, "ever_ringing": True}, Outcome.CARRIER_FAILURE),
    ],
)
def test_unanswered_call_gets_its_outcome_from_dial_status_and_hangup_cause(
    facts: dict[str, Any], outcome: Outcome
) -> None:
    assert derive_outcome_of_ended_call(a_call(), make_call_ended(**facts)) is outcome


def test_call_that_failed_before_a_channel_existed_has_the_outcome_refused() -> None:
    assert derive_outcome_of_ended_call(a_call(), make_call_ended(EndedBy.NO_CHANNEL)) is Outcome.REFUSED


def test_cancelled_call_that_a_voter_answered_has_the_outcome_dropped() -> None:
    assert derive_outcome_of_ended_call(a_call(cancelled=True), make_call_ended(cause=0)) is Outcome.CANCELLED
    assert (
        derive_outcome_of_ended_call(a_call(cancelled=True), make_call_ended(cause=16, answered=True))
        is Outcome.DROPPED
    )


def test_answered_agent_call_without_a_connection_is_dropped_or_abandoned() -> None:
    answered = a_call().copy_call_with_answer(Instant(10.0, 10.0))
    assert derive_outcome_of_ended_call(answered, make_call_ended(cause=16)) is Outcome.DROPPED
    assert (
        derive_outcome_of_ended_call(
            answered.copy_call_with_voter_connected("01", "1001", Instant(11.0, 11.0)), make_call_ended(cause=16)
        )
        is Outcome.CONNECTED
    )
    assert (
        derive_outcome_of_ended_call(a_call(answered_seconds=1.0, message_started=True), make_call_ended())
        is Outcome.ABANDONED
    )


def test_answered_ivr_call_is_completed_only_at_the_end_of_its_flow() -> None:
    answered = a_call(CampaignKind.IVR).copy_call_with_answer(Instant(10.0, 10.0))
    assert derive_outcome_of_ended_call(answered, make_call_ended()) is Outcome.LEFT
    done = a_call(CampaignKind.IVR, answered_seconds=1.0, completed=True)
    assert derive_outcome_of_ended_call(done, make_call_ended()) is Outcome.COMPLETED


def test_unanswered_call_that_vanished_from_asterisk_has_the_outcome_unknown() -> None:
    vanished = make_call_ended(EndedBy.VANISHED)
    assert derive_outcome_of_ended_call(a_call(), vanished) is Outcome.UNKNOWN
    assert (
        derive_outcome_of_ended_call(a_call().copy_call_with_answer(Instant(1.0, 1.0)), vanished) is Outcome.ABANDONED
    )
    assert (
        derive_outcome_of_ended_call(a_call().copy_call_with_voter_connected("01", "1001", Instant(1.0, 1.0)), vanished)
        is Outcome.CONNECTED
    )


def test_outcome_of_a_call_does_not_depend_on_the_order_of_its_events() -> None:
    steps: dict[str, Callable[[Call], Call]] = {
        "rang": lambda call: call.mark_call_as_ringing(Instant(1.0, 1.0)),
        "answered": lambda call: call.copy_call_with_answer(Instant(2.0, 2.0)),
        "again": lambda call: call.copy_call_with_answer(Instant(3.0, 3.0)),
        "connected": lambda call: call.copy_call_with_voter_connected("01", "1001", Instant(2.5, 2.5)),
    }
    outcomes = set()
    for order in itertools.permutations(steps.values()):
        call = a_call()
        for step in order:
            call = step(call)
        outcomes.add(derive_outcome_of_ended_call(call, make_call_ended(cause=16)))
    assert outcomes == {Outcome.CONNECTED}


def test_call_state_follows_ringing_answer_and_connection() -> None:
    call = a_call(originate_sent=False)
    assert call.call_state is CallState.SENDING
    assert a_call().call_state is CallState.DIALLING
    assert a_call().mark_call_as_ringing(Instant(1.0, 1.0)).call_state is CallState.RINGING
    assert a_call().copy_call_with_answer(Instant(1.0, 1.0)).call_state is CallState.WAITING
    assert a_call(answered_seconds=1.0, seat="01").call_state is CallState.CONNECTING
    assert a_call().copy_call_with_voter_connected("01", "1001", Instant(1.0, 1.0)).call_state is CallState.TALKING
    assert a_call(answered_seconds=1.0, is_running=True).call_state is CallState.IN_FLOW
    assert a_call(answered_seconds=1.0, message_started=True).call_state is CallState.MESSAGE


def test_ring_time_is_measured_from_the_latest_ringing_report() -> None:
    """A carrier may report early media (183) first, and ringing (180) later."""
    heard = a_call().mark_call_as_ringing(Instant(1.0, 1.0))
    rang = heard.mark_call_as_ringing(Instant(4.0, 5.0))
    assert (heard.leg.ringing_at, rang.leg.ringing_at, rang.ringing_monotonic_seconds) == (1.0, 4.0, 5.0)


def test_ringing_reported_after_the_answer_changes_nothing() -> None:
    answered = a_call().copy_call_with_answer(Instant(1.0, 1.0))
    assert answered.mark_call_as_ringing(Instant(2.0, 2.0)) is answered
