"""Messages made from views and results."""

from __future__ import annotations

import json
from dataclasses import replace

import jinja2

from dialer.domain.alerts import AlertKind, create_alert
from dialer.domain.enums import MarkKind
from dialer.domain.model import AttemptId, Disposition, DispositionRecord, EndedAttempt, Mark, MarkSource, Outcome
from dialer.domain.newest_call import NewestCall
from dialer.domain.results import FlowAnswers, OptOut, Result, SeatHours, TestMark
from dialer.domain.schema import encode_record_as_json
from dialer.domain.sealed_epochs import SealedEpoch
from dialer.domain.view import CallChange, CallState, CampaignView, Hold, HoldReason
from dialer.domain.voter_place import VoterPlace
from dialer.mqtt import messages, topics
from dialer.mqtt.examples import create_example_messages
from dialer.mqtt.messages import Message
from dialer.mqtt.reply import CommandReply
from dialer.mqtt.topics import TOPICS, TopicWriter
from tests.support.fake_centre import AT, campaign_view, centre_view
from tests.support.topics import check_message, topic_of

ATTEMPT = AttemptId("3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c22")
ALERT = create_alert(AlertKind.SWITCH_DOWN, AT, problem="connection refused")
PLACE = VoterPlace("2026-1", "S13", 209, 118, 412)


def make_announced_messages() -> list[Message]:
    """Return a message of each kind that goes through the outbox."""
    results: list[Result] = [
        EndedAttempt(ATTEMPT, Outcome.CONNECTED, AT, answered_at=AT - 40, seat="seat-04", cause=16, campaign_id="ivr"),
        FlowAnswers("turnout-ivr", ATTEMPT, AT, {"hour": "17:00", "call_me_at": "9812345678"}, PLACE),
        DispositionRecord(ATTEMPT, Disposition.LATER, AT, "agent-17", AT + 7200),
        DispositionRecord(ATTEMPT, Disposition.LATER, AT, "agent-17", AT + 7200, place=PLACE),
        Mark("key", 7, MarkKind.LATER, MarkSource.AGENT, AT, hour=14, attempt_id=ATTEMPT, place=PLACE),
        OptOut(3, AT, "agent", ATTEMPT),
        SeatHours(AT, 2, {"talking": 60.25}),
        TestMark(AT),
        SealedEpoch(
            9, AT, "minute", 1, 40, "3b" * 32, "4c" * 32, 7, "5d" * 32, "", "", "6e" * 32, "7f" * 32, "80" * 64
        ),
    ]
    reply = messages.create_outbox_row_of_reply("asha", CommandReply(id="c1", status="done", text="paused", at=AT))
    rows = [*map(messages.create_outbox_row_of_result, results), reply]
    return [messages.create_message_of_outbox_row("pune-1", row.topic, row.payload) for row in rows]


def test_every_published_message_is_in_the_topic_table_and_fits_its_schema() -> None:
    view = centre_view(alerts=(ALERT,))
    call = CallChange("turnout-agents", ATTEMPT, CallState.ENDED, AT, "seat-04", Outcome.CONNECTED)
    made = [
        *messages.create_retained_messages(view, home_assistant=True),
        messages.create_last_will_message("pune-1", AT),
        messages.create_final_state_message(view.state),
        messages.create_call_message("pune-1", call),
        messages.create_newest_call_message("pune-1", NewestCall(ATTEMPT, AT)),
        *make_announced_messages(),
    ]
    for message in made:
        if topic_of(message.topic) is not topics.HOME_ASSISTANT:  # which leaves out what is null
            check_message(message.topic, message.payload)
        topic = topic_of(message.topic)
        assert (message.qos, message.retain) == (topic.qos, topic.retained)
    kinds = {topic_of(message.topic).key for message in made}
    assert kinds == {topic.key for topic in TOPICS if topic.direction is TopicWriter.DIALLER}


def test_last_will_and_closing_message_say_that_the_dialler_is_offline() -> None:
    state = centre_view().state
    will = json.loads(messages.create_last_will_message("pune-1", AT).payload)
    farewell = json.loads(messages.create_final_state_message(state).payload)
    assert (will["online"], will["at"], will["calls"]) == (False, AT, 0)
    assert (farewell["online"], farewell["calls"]) == (False, state.calls)


def test_home_assistant_receives_entities_that_show_the_published_state() -> None:
    view = centre_view(alerts=(ALERT,))
    assert not [each for each in messages.create_retained_messages(view) if each.topic.startswith("homeassistant/")]
    discovery_message, state, alerts, *_ = messages.create_retained_messages(view, home_assistant=True)
    discovery = json.loads(discovery_message.payload)
    assert discovery_message.topic == "homeassistant/device/matdan-pune-1/config"
    values = {state.topic: json.loads(state.payload), alerts.topic: json.loads(alerts.payload)}

    def render_template(template: str, topic: str) -> str:
        made = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True).from_string(template)
        return made.render(value_json=values[topic])

    assert render_template(discovery["availability_template"], discovery["availability_topic"]) == "online"
    seen = {
        name: render_template(each["value_template"], each.get("state_topic", discovery["state_topic"]))
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


def test_answers_of_voters_that_could_be_phone_numbers_are_not_published() -> None:
    entered = {
        "slip": "1",
        "hour": "17:00",
        "serial": "12345",
        "epic": "1234567",
        "phone": "9812345678",
        "starred": "*98*12#",
    }
    row = messages.create_outbox_row_of_result(FlowAnswers("turnout-ivr", ATTEMPT, AT, entered))
    assert json.loads(row.payload)["answers"] == {**entered, "epic": None, "phone": None, "starred": None}


def test_record_fields_declared_private_are_not_published() -> None:
    ended = EndedAttempt(ATTEMPT, Outcome.BUSY, AT, technical_cause="486 +919812345678", promised=True, campaign_id="a")
    record = DispositionRecord(ATTEMPT, Disposition.LANGUAGE, AT, "agent-17", None, language="mr", own_at=AT)
    booth = centre_view(booths=1).booths[0]
    for private, published in (
        ({"technical_cause", "counted", "promised"}, messages.create_outbox_row_of_result(ended).payload),
        ({"language", "own_at"}, messages.create_outbox_row_of_result(record).payload),
        ({"constituency_name", "booth_name"}, messages.create_turnout_message("pune-1", booth).payload),
    ):
        assert not private & json.loads(published).keys()
    assert booth.booth_name
    assert booth.booth_name not in messages.create_turnout_message("pune-1", booth).payload


def test_published_times_are_rounded_to_milliseconds_and_rates_to_four_digits() -> None:
    view = replace(campaign_view("turnout-agents"), at=AT + 0.123456, abandoned_rate=1 / 3)
    published = json.loads(messages.create_statistics_message("c", view).payload)
    assert (published["at"], published["abandoned_rate"]) == (AT + 0.123, 0.3333)


def test_every_command_shown_in_the_docs_fits_its_schema() -> None:
    check_message(
        topics.build_commands_topic("pune-1", "asha"),
        encode_record_as_json(create_example_messages()[topics.COMMANDS.key]),
    )


def test_campaign_named_like_an_mqtt_wildcard_gets_a_valid_topic_below_its_centre() -> None:
    message = messages.create_statistics_message("c/#", campaign_view("+/../#"))
    assert message.topic == "dialer/v1/c%2F%23/campaigns/%2B%2F..%2F%23/statistics"


def test_published_state_of_a_held_campaign_has_the_reason_and_end() -> None:
    def read_published_hold(view: CampaignView) -> object:
        return json.loads(messages.create_statistics_message("c", view).payload)["hold"]

    free = campaign_view("turnout-agents")
    assert read_published_hold(free) is None
    closed = replace(free, hold=Hold(HoldReason.CALLING_HOURS, "outside calling hours until 09:00", 1_713_756_600.0))
    assert read_published_hold(closed) == {
        "reason": "calling-hours",
        "text": "outside calling hours until 09:00",
        "until": 1_713_756_600.0,
    }
    assert read_published_hold(replace(free, hold=Hold(HoldReason.PAUSED))) == {
        "reason": "paused",
        "text": "paused",
        "until": None,
    }


def test_published_alerts_are_listed_most_severe_first() -> None:
    notice = create_alert(AlertKind.LIST_LOW, AT - 9, campaign="turnout", remaining=4)
    cleared = create_alert(AlertKind.BROKER_DOWN, AT, problem="connection refused", cleared=True)
    view = centre_view(alerts=(notice, cleared, ALERT))
    listed = json.loads(messages.create_alerts_message(view).payload)["alerts"]
    assert [alert["code"] for alert in listed] == ["switch-down", "list-low-turnout"]
