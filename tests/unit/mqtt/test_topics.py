"""Topics and messages: one table, its documents, the thinning of changes."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jinja2
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.audit_chain import Head
from dialer.domain.clock import LoopClock
from dialer.domain.enums import MarkKind
from dialer.domain.model import AttemptId, Disposition, DispositionRecord, EndedAttempt, Mark, MarkSource, Outcome
from dialer.domain.other_centres import VoterPlace
from dialer.domain.view import (
    Alert,
    AlertLevel,
    AlertRaised,
    CallChange,
    CallState,
    CampaignChange,
    CampaignView,
    CentreView,
    Hold,
    HoldReason,
    ScreenPop,
    SeatChange,
    SeatState,
    TurnoutChange,
)
from dialer.mqtt import document, payloads, topics
from dialer.mqtt.publisher import ChangeBuffer, Publisher
from dialer.mqtt.topics import TOPICS, Message, Topic, TopicWriter
from dialer.store.updates import (
    AnswersUpdate,
    AttemptUpdate,
    DispositionUpdate,
    MarkUpdate,
    OptOutUpdate,
    ReadinessMark,
    SeatHours,
    Update,
)
from tests.support.fake_centre import AT, campaign_view, centre_view
from tests.support.virtual import virtual_time

DOCS = Path(__file__).parents[3] / "docs"
ATTEMPT = AttemptId("3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c22")
ALERT = Alert("switch-down", AlertLevel.CRITICAL, "no connection to the switch", AT)


def topic_of(message_topic: str) -> Topic:
    """The row of the table that a topic belongs to."""
    for topic in TOPICS:
        pattern = re.escape(f"{topic.root}/{topic.pattern}")
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", pattern), message_topic):
            return topic
    raise AssertionError(f"{message_topic} is not in the table of topics")


def check(message_topic: str, payload: str) -> None:
    """The payload fits the schema that asyncapi.json gives for its topic."""
    committed = json.loads((DOCS / document.ASYNCAPI).read_text(encoding="utf-8"))
    reference = committed["components"]["messages"][topic_of(message_topic).key]["payload"]["$ref"]
    validator = jsonschema.Draft202012Validator({"$ref": reference, "components": committed["components"]})
    validator.validate(json.loads(payload))


def results() -> list[Message]:
    ended = EndedAttempt(ATTEMPT, Outcome.CONNECTED, AT, answered_at=AT - 40, seat="seat-04", cause=16)
    record = DispositionRecord(ATTEMPT, Disposition.LATER, AT, "agent-17", AT + 7200)
    mark = Mark("key", 7, MarkKind.LATER, MarkSource.AGENT, AT, hour=14, attempt_id=ATTEMPT)
    place = VoterPlace("2026-1", "S13", 209, 118, 412)
    committed: list[Update] = [
        AttemptUpdate("turnout-agents", ended),
        AnswersUpdate("turnout-ivr", ATTEMPT, AT, {"hour": "17:00", "call_me_at": "9812345678"}, place),
        DispositionUpdate(record),
        DispositionUpdate(record, place),
        MarkUpdate(mark, place),
        OptOutUpdate(3, AT, "agent", ATTEMPT),
        SeatHours(AT, 2, {"talking": 60.25}),
        ReadinessMark(AT),
        Head(9, "3b" * 32, AT, 40),
    ]
    reply = topics.reply_announcement("asha", payloads.ReplyPayload(id="c1", status="done", text="paused", at=AT))
    announced = [*map(topics.encode, committed), reply]
    return [topics.announced_message("pune-1", news.topic, news.payload) for news in announced]


def test_every_message_that_is_made_stands_in_the_table_and_fits_its_schema() -> None:
    view = centre_view(alerts=(ALERT,))
    call = CallChange("turnout-agents", ATTEMPT, CallState.ENDED, AT, "seat-04", Outcome.CONNECTED)
    messages = [
        *topics.whole_state(view, home_assistant=True),
        topics.last_will_message("pune-1", AT),
        topics.call_message("pune-1", call),
        *results(),
    ]
    for message in messages:
        check(message.topic, message.payload)
        topic = topic_of(message.topic)
        assert (message.qos, message.retain) == (topic.qos, topic.retained)
    made = {topic_of(message.topic).key for message in messages}
    assert made == {topic.key for topic in TOPICS if topic.direction is TopicWriter.DIALLER}


def test_home_assistant_is_told_where_that_is_set_of_what_the_state_has() -> None:
    view = centre_view(alerts=(ALERT,))
    assert not [each for each in topics.whole_state(view) if each.topic.startswith("homeassistant/")]
    told, state, alerts, *_ = topics.whole_state(view, home_assistant=True)
    discovery = json.loads(told.payload)
    assert told.topic == "homeassistant/device/matdan-pune-1/config"
    values = {state.topic: json.loads(state.payload), alerts.topic: json.loads(alerts.payload)}

    def shown(template: str, topic: str) -> str:
        made = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True).from_string(template)
        return made.render(value_json=values[topic])

    assert shown(discovery["availability_template"], discovery["availability_topic"]) == "online"
    seen = {
        name: shown(each["value_template"], each.get("state_topic", discovery["state_topic"]))
        for name, each in discovery["components"].items()
    }
    wanted = values[state.topic]
    assert seen["switch"] == ("ON" if wanted["switch_up"] else "OFF")
    assert (seen["calls"], seen["alerts"], seen["opt-outs"]) == (str(wanted["calls"]), "1", str(wanted["opt_outs"]))
    assert (seen["ready"], seen["voted"]) == (
        str(wanted["seats"].get("ready", 0)),
        str(wanted["marks"].get("voted", 0)),
    )
    assert all(None not in each.values() for each in discovery["components"].values())
    assert len({each["unique_id"] for each in discovery["components"].values()}) == len(seen)


def test_what_may_be_a_number_is_told_on_no_topic() -> None:
    keyed = {
        "slip": "1",
        "hour": "17:00",
        "serial": "12345",
        "epic": "1234567",
        "phone": "9812345678",
        "starred": "*98*12#",
    }
    told = json.loads(topics.encode(AnswersUpdate("turnout-ivr", ATTEMPT, AT, keyed)).payload)["answers"]
    assert told == {**keyed, "epic": None, "phone": None, "starred": None}


def test_the_command_of_the_documents_is_one_that_is_accepted() -> None:
    check(topics.commands_topic("pune-1", "asha"), topics.COMMANDS.example.encode())


def test_the_table_is_sound() -> None:
    assert len({topic.key for topic in TOPICS}) == len({topic.pattern for topic in TOPICS}) == len(TOPICS)
    assert all(topic.qos == 1 and not topic.retained for topic in TOPICS if topic.through_outbox)
    parts = {
        payloads.TrunkPayload,
        payloads.AlertPayload,
        payloads.SeatCallPayload,
        payloads.MessagePayload,
        payloads.PreviewPayload,
        payloads.SpeedPayload,
        payloads.AbandonedTargetPayload,
        payloads.RollPayload,
        payloads.HaDevicePayload,
        payloads.HaOriginPayload,
        payloads.HaSensorPayload,
        payloads.VoterPayload,
    }
    kinds = {*payloads.Payload.__subclasses__(), *payloads.VoterPayload.__subclasses__()}
    whole = {kind.__name__ for kind in kinds - parts}
    of_the_table = {type(topic.example).__name__ for topic in TOPICS}
    assert of_the_table == whole


def test_the_page_of_topics_is_what_the_table_says() -> None:
    """After a change: python -m dialer.mqtt.document docs"""
    assert (DOCS / document.MARKDOWN).read_text(encoding="utf-8") == document.markdown()


def test_the_asyncapi_document_is_what_the_table_says() -> None:
    """Schemas are compared by their fields, for pydantic words them a little differently from version to version."""
    committed = json.loads((DOCS / document.ASYNCAPI).read_text(encoding="utf-8"))
    made = document.asyncapi()
    assert committed["channels"] == made["channels"]
    assert committed["operations"] == made["operations"]

    def fields(whole: dict[str, Any]) -> dict[str, set[str]]:
        return {name: set(schema.get("properties", ())) for name, schema in whole["components"]["schemas"].items()}

    assert fields(committed) == fields(made)
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(committed)):
        found = committed
        for step in reference.split("/"):
            found = found[step]


@given(st.text())
@settings(deadline=None, derandomize=True)
def test_an_id_is_one_level_of_a_topic_and_comes_back_whole(value: str) -> None:
    encodable = value.encode(errors="replace").decode()
    level = topics.segment(encodable)
    assert level
    assert not set(level) & set("/+#\0 \n")
    assert unquote(level) == (encodable or "_")


def test_a_campaign_named_like_a_wildcard_stays_below_its_centre() -> None:
    message = topics.statistics_message("c/#", campaign_view("+/../#"), AT)
    assert message.topic == "dialer/v1/c%2F%23/campaigns/%2B%2F..%2F%23/statistics"


def test_a_campaign_says_in_words_for_programs_what_holds_it_until_when_and_what_limits_its_calls() -> None:
    def told(view: CampaignView) -> tuple[object, ...]:
        payload = json.loads(topics.statistics_message("c", view, AT).payload)
        return tuple(payload[name] for name in ("held_by", "held_until", "placing", "limited_by"))

    free = campaign_view("turnout-agents")
    assert told(free) == (None, None, 2, "seats")
    closed = replace(free, hold=Hold(HoldReason.CALLING_HOURS, "outside calling hours until 09:00", 1_713_756_600.0))
    assert told(closed) == ("calling-hours", 1_713_756_600.0, 2, "seats")
    assert told(replace(free, hold=Hold(HoldReason.PAUSED)))[:2] == ("paused", None)


def test_cleared_alerts_are_not_listed_and_the_gravest_comes_first() -> None:
    notice = Alert("list-done", AlertLevel.NOTICE, "the list is done", AT - 9)
    gone = Alert("broker-down", AlertLevel.WARNING, "back", AT, cleared=True)
    listed = json.loads(topics.alerts_message(centre_view(alerts=(notice, gone, ALERT))).payload)["alerts"]
    assert [alert["code"] for alert in listed] == ["switch-down", "list-done"]


def count_by_topic(messages: list[Message]) -> Counter[str]:
    return Counter(topic_of(message.topic).key for message in messages)


@given(st.lists(st.floats(0.0, 0.5), min_size=1, max_size=80))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_statistics_are_published_at_most_five_times_a_second_and_the_last_change_is(waits: list[float]) -> None:
    view = centre_view(campaigns=1)
    buffer = ChangeBuffer(call_events=10)
    now, published_at = 0.0, []
    for wait in waits:
        now += wait
        buffer.offer(CampaignChange("turnout-agents"))
        if count_by_topic(buffer.take(now, lambda: view))["campaign-statistics"]:
            published_at.append(now)
    last_change = now
    for _ in range(3):  # the centre's own state may come due before the campaign's figures
        now = max(now, buffer.due_at(now))
        if count_by_topic(buffer.take(now, lambda: view))["campaign-statistics"]:
            published_at.append(now)
    assert all(later - earlier >= 0.2 - 1e-9 for earlier, later in itertools.pairwise(published_at))
    assert published_at[-1] >= last_change


def test_only_the_latest_of_a_seat_and_a_booth_is_published() -> None:
    view = centre_view(seats=2, booths=2)
    buffer = ChangeBuffer(call_events=10)
    buffer.note_whole_state(view, 0.0)
    for _ in range(50):
        buffer.offer(SeatChange(view.seats[0], AT))
        buffer.offer(TurnoutChange(view.booths[1]))
    assert buffer.due_at(0.1) == 0.1
    assert count_by_topic(buffer.take(0.1, lambda: view)) == {"seat": 1, "booth-turnout": 1}
    assert buffer.take(0.2, lambda: view) == []


def test_what_the_settings_have_no_more_is_taken_off_the_broker_behind_its_last_word() -> None:
    before, after = centre_view(campaigns=2, seats=2), centre_view(campaigns=1, seats=1)
    buffer = ChangeBuffer(call_events=10)
    buffer.note_whole_state(before, 0.0)
    buffer.offer(SeatChange(before.seats[1], AT))
    buffer.offer(CampaignChange(after.campaigns[0].campaign_id))
    messages = buffer.take(1.0, lambda: after)
    (gone, left) = [message for message in messages if not message.payload]
    assert {gone.topic, left.topic} == {
        topics.STATISTICS.address(before.centre, campaign=before.campaigns[1].campaign_id),
        topics.SEAT.address(before.centre, seat=before.seats[1].seat),
    }
    assert gone.retain and left.retain
    (last_word,) = [message for message in messages if message.topic == left.topic and message.payload]
    assert messages.index(last_word) < messages.index(left)
    buffer.offer(CampaignChange(after.campaigns[0].campaign_id))
    assert all(message.payload for message in buffer.take(3.0, lambda: after))


def test_changes_that_follow_closely_go_out_together_and_none_of_a_call_is_left_out() -> None:
    view = centre_view(seats=1)
    buffer = ChangeBuffer(call_events=100)
    buffer.note_whole_state(view, 0.0)
    batches = []
    for step in range(50):  # a change every 20 ms
        now = 0.02 * step
        buffer.offer(CallChange("turnout-agents", f"attempt-{step}", CallState.RINGING, now))
        buffer.offer(SeatChange(view.seats[0], now))
        if buffer.due_at(now) <= now:
            batches.append(count_by_topic(buffer.take(now, lambda: view)))
    now = buffer.due_at(now)
    batches.append(count_by_topic(buffer.take(now, lambda: view)))
    assert len(batches) == 6  # at once, then five a second
    assert all(batch["seat"] == 1 for batch in batches)
    assert sum(batch["call-event"] for batch in batches) == 50


def test_who_is_on_the_line_goes_out_at_once_and_alone() -> None:
    view = centre_view(seats=2)
    buffer = ChangeBuffer(call_events=100)
    buffer.note_whole_state(view, 0.0)
    buffer.offer(CallChange("turnout-agents", "attempt-1", CallState.RINGING, 0.01))
    buffer.take(0.01, lambda: view)
    buffer.offer(CallChange("turnout-agents", "attempt-1", CallState.CONNECTING, 0.02))
    reserved = replace(view.seats[0], state=SeatState.RESERVED, attempt_id="attempt-1")
    buffer.offer(SeatChange(reserved, AT))
    assert buffer.due_at(0.03) > 0.1
    pop = ScreenPop("attempt-1", 7, 8, 9, (8,), opted_out=False, grounds=3)
    known = replace(reserved, screen_pop=pop)
    buffer.offer(SeatChange(known, AT))
    assert buffer.due_at(0.03) == 0.03
    (message,) = buffer.take(0.03, lambda: view)
    assert json.loads(message.payload)["call"]["phone"] == 7
    assert buffer.due_at(0.03) > 0.1  # what is not urgent waits for its turn
    buffer.offer(SeatChange(replace(known, state=SeatState.TALKING), AT))
    assert buffer.due_at(0.04) > 0.1
    assert count_by_topic(buffer.take(0.3, lambda: view))["seat"] == 1
    buffer.offer(SeatChange(replace(known, screen_pop=replace(pop, attempt_id="attempt-2")), AT))
    buffer.forget()  # the whole state takes its place
    assert buffer.due_at(0.31) > 0.31


def test_call_events_beyond_the_queue_are_dropped_and_counted() -> None:
    view = centre_view()
    buffer = ChangeBuffer(call_events=3)
    for number in range(5):
        buffer.offer(CallChange("turnout-agents", f"attempt-{number}", CallState.RINGING, AT))
    calls = [message for message in buffer.take(0.0, lambda: view) if message.topic.endswith("/calls")]
    assert [json.loads(message.payload)["attempt"] for message in calls] == ["attempt-2", "attempt-3", "attempt-4"]
    assert buffer.dropped == 2


def test_an_alert_brings_the_centres_state_at_once() -> None:
    view = centre_view(alerts=(ALERT,))
    buffer = ChangeBuffer(call_events=3)
    buffer.note_whole_state(view, 100.0)
    buffer.offer(CampaignChange("turnout-agents"))
    assert buffer.take(100.1, lambda: view) == []
    buffer.offer(AlertRaised(ALERT))
    assert count_by_topic(buffer.take(100.1, lambda: view)) == {"alerts": 1, "centre-state": 1}


def test_nothing_is_asked_of_the_engine_when_nothing_is_due() -> None:
    def must_not_be_asked() -> CentreView:
        pytest.fail("the engine was asked for a view")

    buffer = ChangeBuffer(call_events=3)
    buffer.note_whole_state(centre_view(), 5.0)
    assert buffer.take(5.1, must_not_be_asked) == []


@virtual_time()
async def test_a_busy_centre_over_ten_seconds() -> None:
    """1,000 changes of each of two campaigns in ten seconds: 50 messages each, give or take the ends."""
    view = centre_view(campaigns=2)
    published: list[Message] = []

    async def publish(messages: Sequence[Message]) -> None:
        published.extend(messages)

    publisher = Publisher(lambda: view, LoopClock(AT))
    running = asyncio.create_task(publisher.run(publish))
    for _ in range(1_000):
        await asyncio.sleep(0.01)
        publisher.offer(CampaignChange("turnout-agents"))
        publisher.offer(CampaignChange("turnout-ivr"))
    await asyncio.sleep(60)
    running.cancel()
    counted = Counter(message.topic.rpartition("v1/pune-1/")[2] for message in published)
    assert 49 <= counted["campaigns/turnout-agents/statistics"] <= 52
    assert counted["campaigns/turnout-agents/statistics"] == counted["campaigns/turnout-ivr/statistics"]
    assert 10 + 6 <= counted["state"] <= 12 + 7  # once a second while it changes, every ten seconds after
    assert counted["seats/seat-01"] == 1


@virtual_time()
async def test_what_waited_while_the_broker_was_away_is_replaced_by_the_whole_state() -> None:
    view = centre_view(seats=3, booths=2, campaigns=1)
    published: list[Message] = []

    async def publish(messages: Sequence[Message]) -> None:
        published.extend(messages)

    publisher = Publisher(lambda: view, LoopClock(AT))
    for number in range(8):
        publisher.offer(CallChange("turnout-agents", f"attempt-{number}", CallState.RINGING, AT))
    running = asyncio.create_task(publisher.run(publish))
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
