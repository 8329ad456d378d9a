"""The groups of live calls hold the same calls as a count of all live calls, whatever happens to the calls."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from dialer.domain.clock import Instant
from dialer.domain.enums import CampaignKind
from dialer.domain.model import AttemptId
from dialer.domain.switch_events import CallEnded, EndedBy
from dialer.domain.view import CallState, Preview
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call, Leg
from tests.support.turns import Turns

CAMPAIGNS, TRUNKS, NUMBERS = ("turnout", "persuasion"), ("carrier", "other"), range(5)


def make_random_call(chance: random.Random, number: int) -> Call:
    return Call(
        attempt_id=AttemptId(f"attempt-{number}"),
        campaign_id=chance.choice(CAMPAIGNS),
        kind=CampaignKind.AGENTS,
        phone_id=chance.choice(NUMBERS),
        voter_id=chance.choice(NUMBERS),
        booth_id=1,
        attempt_number=1,
        language="hi",
        pending_voters=1,
        trunk=chance.choice(TRUNKS),
        leg=Leg(began_seconds=float(number)),
        inbound=chance.random() < 0.2,
    )


def change_call_at_random(chance: random.Random, call: Call, now: Instant) -> Call:
    changes: list[Callable[[], Call]] = [
        lambda: call.copy_call_with_preview(Preview(now.at, auto_dial=True)),
        lambda: call.copy_call_with_originate_sent(now.seconds),
        call.copy_call_with_cancellation,
        lambda: call.mark_call_as_ringing(now),
        lambda: call.copy_call_with_answer(now),
        lambda: call.copy_call_with_answer(now).copy_call_with_voter_waiting(),
        lambda: call.copy_call_with_voter_connected("01", "asha", now),
        call.copy_call_with_information_message_started,
        lambda: call.copy_call_with_flow_started("turnout"),
        lambda: call.copy_call_as_ended_on_switch(
            CallEnded(call.attempt_id, EndedBy.HANGUP, answered=call.is_answered)
        ),
    ]
    return chance.choice(changes)()


def assert_groups_equal_full_count(calls: LiveCalls) -> None:
    live = calls.list_live_calls()
    for campaign in CAMPAIGNS:
        own = [call for call in live if call.campaign_id == campaign]
        assert calls.find_calls_of_campaign(campaign) == own
        without_seat = [call for call in own if not call.is_answered or call.call_state is CallState.WAITING]
        assert sort_calls(calls.find_calls_without_seat(campaign)) == sort_calls(without_seat)
    waiting = [call for call in live if call.call_state is CallState.WAITING and call.leg.waiting]
    assert sort_calls(calls.find_calls_waiting_for_seat()) == sort_calls(waiting)
    assert calls.count_channels_by_trunk() == Counter(call.trunk for call in live if call.leg.ended is None)
    unsent = [call for call in live if not call.leg.originate_sent and call.leg.preview is None and not call.inbound]
    assert calls.count_unsent_calls_by_trunk() == Counter(call.trunk for call in unsent)
    for number in NUMBERS:
        same_number = [call for call in live if call.phone_id == number]
        assert calls.find_calls_to_number_or_voter(number, None) == same_number
        same_voter = [call for call in live if call.voter_id == number]
        assert calls.find_calls_to_number_or_voter(number, number) == same_number + same_voter


def sort_calls(calls: list[Call]) -> list[Call]:
    return sorted(calls, key=lambda call: call.attempt_id)


@pytest.mark.parametrize("seed", range(20))
async def test_stored_counts_of_live_calls_equal_a_full_recount_after_random_changes(seed: int) -> None:
    chance = random.Random(seed)
    calls = Turns().features.live_calls
    for step in range(200):
        now = Instant(1_000.0 + step, float(step))
        live = list(calls.list_live_calls())
        if not live or chance.random() < 0.25:
            calls.add_or_replace_call(make_random_call(chance, step))
        elif chance.random() < 0.15:
            calls.remove_call(chance.choice(live).attempt_id)
        elif chance.random() < 0.5:
            call = chance.choice(live)
            calls.update_call(call, change_call_at_random(chance, call, now))
        else:
            call = chance.choice(live)
            calls.add_or_replace_call(change_call_at_random(chance, call, now))
        assert_groups_equal_full_count(calls)


async def test_removing_an_ended_call_twice_from_the_call_counts_changes_nothing() -> None:
    calls = Turns().features.live_calls
    call = calls.add_or_replace_call(make_random_call(random.Random(1), 1))
    calls.remove_call(call.attempt_id)
    calls.remove_call(call.attempt_id)
    assert len(calls) == 0
    assert_groups_equal_full_count(calls)
