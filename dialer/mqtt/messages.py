"""Create MQTT messages from the engine's state and from call results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from dialer.domain.alerts import AlertLevel, AlertList
from dialer.domain.model import Announcement, BoothTurnout
from dialer.domain.newest_call import NewestCall
from dialer.domain.results import Result
from dialer.domain.schema import encode_record_as_json
from dialer.domain.view import CallChange, CampaignView, CentreState, CentreView, SeatView
from dialer.mqtt import topics
from dialer.mqtt.home_assistant import create_discovery_message, encode_discovery_message_as_json
from dialer.mqtt.reply import CommandReply
from dialer.mqtt.topics import Topic

_SEVERITY = {level: place for place, level in enumerate(AlertLevel)}


@dataclass(frozen=True, slots=True)
class Message:
    """An MQTT message to publish."""

    topic: str  # the whole topic
    payload: str  # JSON
    qos: int
    retain: bool


def _create_message(topic: Topic, centre: str, record: object, **levels: str | int) -> Message:
    return Message(topic.build_full_topic(centre, **levels), encode_record_as_json(record), topic.qos, topic.retained)


def create_centre_message(state: CentreState) -> Message:
    """Return the message of a centre's state."""
    return _create_message(topics.CENTRE_STATE, state.centre, state)


def create_final_state_message(state: CentreState) -> Message:
    """Return the last message of a dialler that stops. Like the MQTT last will it says "offline", but has the final
    figures.
    """
    return create_centre_message(replace(state, online=False))


def create_last_will_message(centre: str, at: float) -> Message:
    """Return the last will of a dialler that connects at this time (epoch seconds). The broker publishes it after a crash."""
    return create_centre_message(CentreState(centre, at, online=False))


def create_statistics_message(centre: str, view: CampaignView) -> Message:
    """Return the message with a campaign's figures."""
    return _create_message(topics.STATISTICS, centre, view, campaign=view.campaign_id)


def create_call_message(centre: str, change: CallChange) -> Message:
    """Return the message about a call's new state."""
    return _create_message(topics.CALL, centre, change, campaign=change.campaign_id)


def create_seat_message(centre: str, view: SeatView) -> Message:
    """Return the message about a seat's state."""
    return _create_message(topics.SEAT, centre, view, seat=view.seat)


def create_turnout_message(centre: str, booth: BoothTurnout) -> Message:
    """Return the MQTT message about a polling station's (booth's) turnout."""
    return _create_message(topics.TURNOUT, centre, booth, booth=booth.booth_id)


def create_alerts_message(view: CentreView) -> Message:
    """Return the message of all active alerts, the most severe first."""
    active = (alert for alert in view.alerts if not alert.cleared)
    listed = sorted(active, key=lambda alert: (-_SEVERITY[alert.level], alert.at, alert.code))
    return _create_message(topics.ALERTS, view.state.centre, AlertList(view.state.at, tuple(listed)))


def create_newest_call_message(centre: str, call: NewestCall) -> Message:
    """Return the message about the newest call that was placed."""
    return _create_message(topics.NEWEST_CALL, centre, call)


def create_deletions_of_retained_messages(
    centre: str, campaigns: Iterable[str], seats: Iterable[str]
) -> Iterator[Message]:
    """Return empty messages, which delete the retained messages of campaigns and seats that no longer exist."""
    for campaign in campaigns:
        yield Message(topics.STATISTICS.build_full_topic(centre, campaign=campaign), "", 1, True)
    for seat in seats:
        yield Message(topics.SEAT.build_full_topic(centre, seat=seat), "", 1, True)


def create_retained_messages(view: CentreView, *, home_assistant: bool = False) -> Iterator[Message]:
    """Return every retained message, to be published after each connect.

    With `home_assistant`, this includes the message that describes the centre to Home Assistant.
    """
    centre = view.state.centre
    if home_assistant:
        topic, (state, alerts) = topics.HOME_ASSISTANT, (topics.CENTRE_STATE, topics.ALERTS)
        message = create_discovery_message(centre, state.build_full_topic(centre), alerts.build_full_topic(centre))
        yield Message(
            topic.build_full_topic(centre), encode_discovery_message_as_json(message), topic.qos, topic.retained
        )
    yield create_centre_message(view.state)
    yield create_alerts_message(view)
    for campaign in view.campaigns:
        yield create_statistics_message(centre, campaign)
    for seat in view.seats:
        yield create_seat_message(centre, seat)
    for booth in view.booths:
        yield create_turnout_message(centre, booth)


def create_outbox_row_of_result(result: Result) -> Announcement:
    """Return a result as a row of the outbox (MQTT messages to send).

    The store calls this in the transaction that commits the result.
    """
    return Announcement(topics.RESULTS[type(result)].pattern, encode_record_as_json(result))


def create_outbox_row_of_reply(user: str, reply: CommandReply) -> Announcement:
    """Return the reply to a user's command as a row of the outbox (MQTT messages to send)."""
    return Announcement(
        topics.REPLIES.build_topic_without_centre(user=user, command=reply.id), encode_record_as_json(reply)
    )


def create_message_of_outbox_row(centre: str, topic: str, payload: str) -> Message:
    """Return the MQTT message for a row of the outbox (table of messages to send), with QoS 1.

    Only the newest signed log entry (sealed epoch) is published as a retained message.
    """
    retain = topic == topics.SEALED_EPOCH.pattern
    return Message(f"{topics.ROOT}/{topics.encode_topic_level(centre)}/{topic}", payload, 1, retain)
