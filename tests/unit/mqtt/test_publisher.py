"""The publisher: changes are collected, and published within the limits of each kind."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.alerts import AlertKind, create_alert
from dialer.domain.clock import LoopClock
from dialer.domain.view import AlertRaised, CallChange, CallState, CampaignChange, CentreView, ScreenPop, SeatState
from dialer.mqtt import topics
from dialer.mqtt.messages import Message
from dialer.mqtt.publisher import ChangeBuffer, Publisher
from tests.support.fake_centre import AT, centre_view, find_campaign_view
from tests.support.topics import topic_of
from tests.support.virtual import virtual_time

ALERT = create_alert(AlertKind.SWITCH_DOWN, AT, problem="connection refused")


def pop_due_messages(buffer: ChangeBuffer, now: float, view: CentreView) -> list[Message]:
    return buffer.pop_due_messages(now, lambda: view, partial(find_campaign_view, view))


def count_by_topic(messages: list[Message]) -> Counter[str]:
    return Counter(topic_of(message.topic).key for message in messages)


@given(st.lists(st.floats(0.0, 0.5), min_size=1, max_size=80))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_campaign_statistics_are_published_at_most_five_times_a_second(
    waits: list[float],
) -> None:
    view = centre_view(campaigns=1)
    buffer = ChangeBuffer(max_call_events=10)
    now, published_at = 0.0, []
    for wait in waits:
        now += wait
        buffer.buffer_change_for_publishing(CampaignChange("turnout-agents"))
        if count_by_topic(pop_due_messages(buffer, now, view))["campaign-statistics"]:
            published_at.append(now)
    last_change = now
    for _ in range(3):  # the centre's own state may come due before the campaign's figures
        now = max(now, buffer.find_time_of_next_message(now))
        if count_by_topic(pop_due_messages(buffer, now, view))["campaign-statistics"]:
            published_at.append(now)
    assert all(later - earlier >= 0.2 - 1e-9 for earlier, later in itertools.pairwise(published_at))
    assert published_at[-1] >= last_change


def test_only_the_latest_state_of_a_seat_and_a_booth_is_published() -> None:
    view = centre_view(seats=2, booths=2)
    buffer = ChangeBuffer(max_call_events=10)
    buffer.record_that_whole_state_was_published(view, 0.0)
    for _ in range(50):
        buffer.buffer_change_for_publishing(view.seats[0])
        buffer.buffer_change_for_publishing(view.booths[1])
    assert buffer.find_time_of_next_message(0.1) == 0.1
    assert count_by_topic(pop_due_messages(buffer, 0.1, view)) == {"seat": 1, "booth-turnout": 1}
    assert pop_due_messages(buffer, 0.2, view) == []


def test_unchanged_seat_is_published_again_with_its_current_utilisation() -> None:
    view = centre_view(seats=2)
    ready = replace(view.seats[0], state=SeatState.READY, utilisation=0.9)
    view = replace(view, seats=(ready, replace(view.seats[1], state=SeatState.OFFLINE)))
    buffer = ChangeBuffer(max_call_events=10)
    buffer.record_that_whole_state_was_published(view, 0.0)
    now, published = 0.0, []
    while (now := buffer.find_time_of_next_message(now)) < 100.0:
        seen = replace(view, seats=(replace(ready, utilisation=0.9 - now / 200), view.seats[1]))
        published += [(now, each) for each in pop_due_messages(buffer, now, seen)]
    seats = [(at, json.loads(each.payload)) for at, each in published if topic_of(each.topic).key == "seat"]
    assert [(at, seat["seat"]) for at, seat in seats] == [(at, ready.seat) for at in (30.0, 60.0, 90.0)]
    assert [seat["utilisation"] for _, seat in seats] == [0.75, 0.6, 0.45]


def test_removed_seats_and_campaigns_are_deleted_from_the_broker_after_their_last_message() -> None:
    before, after = centre_view(campaigns=2, seats=2), centre_view(campaigns=1, seats=1)
    buffer = ChangeBuffer(max_call_events=10)
    buffer.record_that_whole_state_was_published(before, 0.0)
    buffer.buffer_change_for_publishing(before.seats[1])
    buffer.buffer_change_for_publishing(CampaignChange(after.campaigns[0].campaign_id))
    messages = pop_due_messages(buffer, 1.0, after)
    (campaign, seat) = [message for message in messages if not message.payload]
    assert {campaign.topic, seat.topic} == {
        topics.STATISTICS.build_full_topic(before.state.centre, campaign=before.campaigns[1].campaign_id),
        topics.SEAT.build_full_topic(before.state.centre, seat=before.seats[1].seat),
    }
    assert campaign.retain and seat.retain
    (last_message,) = [message for message in messages if message.topic == seat.topic and message.payload]
    assert messages.index(last_message) < messages.index(seat)
    buffer.buffer_change_for_publishing(CampaignChange(after.campaigns[0].campaign_id))
    assert all(message.payload for message in pop_due_messages(buffer, 3.0, after))


def test_state_changes_of_a_short_time_are_published_together() -> None:
    view = centre_view(seats=1)
    buffer = ChangeBuffer(max_call_events=100)
    buffer.record_that_whole_state_was_published(view, 0.0)
    batches = []
    for step in range(250):  # a change every 4 ms
        now = 0.004 * step
        buffer.buffer_change_for_publishing(CallChange("turnout-agents", f"attempt-{step}", CallState.RINGING, now))
        buffer.buffer_change_for_publishing(replace(view.seats[0], at=now))
        if buffer.find_time_of_next_message(now) <= now:
            batches.append(count_by_topic(pop_due_messages(buffer, now, view)))
    now = buffer.find_time_of_next_message(now)
    batches.append(count_by_topic(pop_due_messages(buffer, now, view)))
    assert [batch["seat"] for batch in batches if batch["seat"]] == [
        1
    ] * 6  # the latest state at once, then 5 times a second
    assert 45 <= len(batches) <= 52  # calls at once, then 50 times a second
    assert sum(batch["call-event"] for batch in batches) == 250


def test_call_change_after_a_pause_is_published_immediately() -> None:
    view = centre_view(seats=1)
    buffer = ChangeBuffer(max_call_events=100)
    buffer.record_that_whole_state_was_published(view, 0.0)
    for now in (0.5, 0.525):
        buffer.buffer_change_for_publishing(view.seats[0])  # a seat's next message is due later
        buffer.buffer_change_for_publishing(CallChange("turnout-agents", "attempt-1", CallState.RINGING, now))
        assert buffer.find_time_of_next_message(now) <= now
        assert count_by_topic(pop_due_messages(buffer, now, view))["call-event"] == 1
    buffer.buffer_change_for_publishing(CallChange("turnout-agents", "attempt-1", CallState.CONNECTING, 0.53))
    assert buffer.find_time_of_next_message(0.53) == pytest.approx(0.545)  # 20 ms after the last batch


def test_voter_details_of_a_connected_call_are_published_immediately() -> None:
    view = centre_view(seats=2)
    buffer = ChangeBuffer(max_call_events=100)
    buffer.record_that_whole_state_was_published(view, 0.0)
    buffer.buffer_change_for_publishing(view.seats[1])
    pop_due_messages(buffer, 0.01, view)
    reserved = replace(view.seats[0], state=SeatState.RESERVED, attempt_id="attempt-1")
    buffer.buffer_change_for_publishing(reserved)
    assert buffer.find_time_of_next_message(0.03) > 0.1
    pop = ScreenPop("attempt-1", 7, 8, 9, (8,), opted_out=False, grounds=3)
    known = replace(reserved, screen_pop=pop)
    buffer.buffer_change_for_publishing(known)
    assert buffer.find_time_of_next_message(0.03) == 0.03
    (message,) = pop_due_messages(buffer, 0.03, view)
    assert json.loads(message.payload)["screen_pop"]["phone_id"] == 7
    assert buffer.find_time_of_next_message(0.03) > 0.1  # other changes wait for the next batch
    buffer.buffer_change_for_publishing(replace(known, state=SeatState.TALKING))
    assert buffer.find_time_of_next_message(0.04) > 0.1
    assert count_by_topic(pop_due_messages(buffer, 0.3, view))["seat"] == 1
    buffer.buffer_change_for_publishing(replace(known, screen_pop=replace(pop, attempt_id="attempt-2")))
    buffer.discard_unpublished_changes()  # the whole state is published instead
    assert buffer.find_time_of_next_message(0.31) > 0.31


def test_call_events_beyond_the_publish_queue_limit_are_dropped_and_counted() -> None:
    view = centre_view()
    buffer = ChangeBuffer(max_call_events=3)
    for number in range(5):
        buffer.buffer_change_for_publishing(CallChange("turnout-agents", f"attempt-{number}", CallState.RINGING, AT))
    calls = [message for message in pop_due_messages(buffer, 0.0, view) if message.topic.endswith("/calls")]
    assert [json.loads(message.payload)["attempt_id"] for message in calls] == ["attempt-2", "attempt-3", "attempt-4"]
    assert buffer.dropped == 2


def test_new_alert_publishes_the_state_of_the_centre_immediately() -> None:
    view = centre_view(alerts=(ALERT,))
    buffer = ChangeBuffer(max_call_events=3)
    buffer.record_that_whole_state_was_published(view, 100.0)
    buffer.buffer_change_for_publishing(CampaignChange("turnout-agents"))
    assert pop_due_messages(buffer, 100.1, view) == []
    buffer.buffer_change_for_publishing(AlertRaised(ALERT))
    assert count_by_topic(pop_due_messages(buffer, 100.1, view)) == {"alerts": 1, "centre-state": 1}


def test_engine_state_is_not_read_while_no_message_is_due() -> None:
    def fail_on_call(*_: str) -> Any:
        pytest.fail("the engine was asked for a view")

    buffer = ChangeBuffer(max_call_events=3)
    buffer.record_that_whole_state_was_published(centre_view(), 5.0)
    assert buffer.pop_due_messages(5.1, fail_on_call, fail_on_call) == []


def test_figures_of_a_campaign_are_published_without_viewing_the_whole_centre() -> None:
    def fail_on_call() -> CentreView:
        pytest.fail("the engine was asked for a view of all seats")

    view = centre_view(campaigns=2)
    buffer = ChangeBuffer(max_call_events=3)
    buffer.record_that_whole_state_was_published(view, 4.0)
    pop_due_messages(buffer, 14.0, view)  # the centre's state
    buffer.buffer_change_for_publishing(CampaignChange("turnout-ivr"))
    buffer.buffer_change_for_publishing(CampaignChange("removed"))
    (message,) = buffer.pop_due_messages(14.5, fail_on_call, partial(find_campaign_view, view))
    assert topic_of(message.topic).key == "campaign-statistics"
    assert json.loads(message.payload)["campaign_id"] == "turnout-ivr"
    assert pop_due_messages(buffer, 14.8, view) == []


@virtual_time()
async def test_busy_centre_publishes_no_faster_than_the_message_rate_limits() -> None:
    """1,000 changes of each of two campaigns in ten seconds become about 50 messages each."""
    view = centre_view(campaigns=2)
    published: list[Message] = []

    async def publish(messages: Sequence[Message]) -> None:
        published.extend(messages)

    publisher = Publisher(lambda: view, partial(find_campaign_view, view), LoopClock(AT))
    running = asyncio.create_task(publisher.publish_changes_until_cancelled(publish))
    for _ in range(1_000):
        await asyncio.sleep(0.01)
        publisher.add_change_to_publish(CampaignChange("turnout-agents"))
        publisher.add_change_to_publish(CampaignChange("turnout-ivr"))
    await asyncio.sleep(60)
    running.cancel()
    counted = Counter(message.topic.rpartition("v1/pune-1/")[2] for message in published)
    assert 49 <= counted["campaigns/turnout-agents/statistics"] <= 52
    assert counted["campaigns/turnout-agents/statistics"] == counted["campaigns/turnout-ivr/statistics"]
    assert 10 + 6 <= counted["state"] <= 12 + 7  # once a second while it changes, every ten seconds after
    assert counted["seats/seat-01"] == 1 + 2  # every thirty seconds, though it does not change


@virtual_time()
async def test_reconnect_to_the_broker_publishes_the_whole_state_and_drops_older_changes() -> None:
    view = centre_view(seats=3, booths=2, campaigns=1)
    published: list[Message] = []

    async def publish(messages: Sequence[Message]) -> None:
        published.extend(messages)

    publisher = Publisher(lambda: view, partial(find_campaign_view, view), LoopClock(AT))
    for number in range(8):
        publisher.add_change_to_publish(CallChange("turnout-agents", f"attempt-{number}", CallState.RINGING, AT))
    running = asyncio.create_task(publisher.publish_changes_until_cancelled(publish))
    await asyncio.sleep(1)
    running.cancel()
    assert count_by_topic(published) == {
        "centre-state": 1,
        "alerts": 1,
        "campaign-statistics": 1,
        "seat": 3,
        "booth-turnout": 2,
    }
    assert publisher._buffer.dropped == 8
