"""Every MQTT topic of a centre: one table, and the messages on it. Pure.

`docs/topics.md` and the AsyncAPI document are made from the table (dialer/mqtt/document.py), and tests hold every message
against it. All topics stand below `dialer/v1/{centre}/`. A topic's variable part (a campaign, a seat, a booth, a command) is
percent-encoded as in a URL, so that no id can add a level or a wildcard.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from dialer.domain.model import Announcement, BoothTurnout
from dialer.domain.other_centres import VoterPlace
from dialer.domain.view import AlertLevel, CallChange, CampaignView, CentreView, SeatState, SeatView
from dialer.mqtt import payloads
from dialer.mqtt.payloads import Payload
from dialer.store.sql import parameters_of
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

ROOT = "dialer/v1"


class TopicWriter(StrEnum):
    """Who writes on a topic."""

    DIALLER = "dialler"  # the dialler publishes
    SUPERVISOR = "supervisor"  # the dialler subscribes


@dataclass(frozen=True, slots=True)
class Topic:
    """A row of the table: a topic, how it is published, and what stands in it."""

    key: str
    pattern: str  # below the root, variable parts in braces
    description: str
    example: Payload
    direction: TopicWriter = TopicWriter.DIALLER
    retained: bool = False
    qos: int = 1
    through_outbox: bool = False  # committed with the result, delivered at least once
    root: str = f"{ROOT}/{{centre}}"

    def address(self, centre: str, **parts: str | int) -> str:
        """The whole topic; every variable part of the pattern must be given."""
        return f"{self.root.format(centre=segment(centre))}/{self.below(**parts)}"

    def below(self, **parts: str | int) -> str:
        """The topic below `dialer/v1/{centre}/`, as announcements carry it."""
        return self.pattern.format(**{name: segment(part) for name, part in parts.items()})


@dataclass(frozen=True, slots=True)
class Message:
    """What is published: an absolute topic, JSON, and how."""

    topic: str
    payload: str
    qos: int
    retain: bool


def segment(value: str | int) -> str:
    """One level of a topic, made of any id: percent-encoded, so that `/`, `+`, `#` and controls cannot get out of it."""
    return quote(str(value), safe="") or "_"


_AT = 1713765600.0
_ATTEMPT = "3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c22"

CENTRE_STATE = Topic(
    key="centre-state",
    pattern="state",
    description="The centre as a whole: at every change, at most once a second, and at least every 10 seconds. The last will "
    "says `online` false.",
    retained=True,
    example=payloads.CentreStatePayload(
        centre="pune-1",
        online=True,
        at=_AT,
        switch_up=True,
        draining=False,
        campaigns={"turnout-agents": "running", "turnout-ivr": "paused"},
        seats={"ready": 2, "talking": 7, "wrap-up": 1},
        calls=14,
        utilisation=0.71,
        marks={"voted": 412, "not-yet": 97},
        opt_outs=6,
        trunks=[
            payloads.TrunkPayload(
                trunk="carrier-a",
                channels_used=14,
                channels=90,
                answer_seizure_ratio=0.31,
                failures=3,
                attempts=812,
                calls_per_second=1.8,
                ringing_seconds=2.4,
            )
        ],
        figures={"loop_lag_seconds": 0.002},
        forecast={},
        dialler="3f0e7c1a5b1d-812-1713758400-booth-pc-1",
    ),
)
STATISTICS = Topic(
    key="campaign-statistics",
    pattern="campaigns/{campaign}/statistics",
    description="A campaign's figures: at every change, at most 5 a second for each campaign. Empty: the settings have it no "
    "more, and its last call is over.",
    retained=True,
    qos=0,
    example=payloads.StatisticsPayload(
        campaign="turnout-agents",
        at=_AT,
        kind="agents",
        state="running",
        held_because=None,
        calls={"ringing": 6, "talking": 7},
        outcomes={"connected": 503, "no-answer": 811, "abandoned": 4},
        attempts=1480,
        answered=540,
        connected=503,
        abandoned=4,
        abandoned_rate=0.0079,
        numbers=5200,
        closed=1120,
        due=4067,
        pacing="2 calls, limited by seats (free=1 expected=2.4)",
        refused={"calling-hours": 12},
        placing=2,
        limited_by="seats",
        script="polling_day 6d1f0c2b9a3e",
    ),
)
CALL = Topic(
    key="call-event",
    pattern="campaigns/{campaign}/calls",
    description="A call's change of state, each of them, up to a fifth of a second late. Telemetry: dropped when the broker is "
    "away or slow; how a call ended is on `results/attempts`.",
    qos=0,
    example=payloads.CallPayload(
        attempt=_ATTEMPT, campaign="turnout-agents", state="talking", at=_AT, seat="seat-04", outcome=None
    ),
)
SEAT = Topic(
    key="seat",
    pattern="seats/{seat}",
    description="A seat, at every change of its state, of the transfer of its call and of its recording, at most 5 a second: of "
    "changes that follow closely, the last. Who is on the line goes out at once. Empty: the settings have it no more, and "
    "nobody is there.",
    retained=True,
    qos=0,
    example=payloads.SeatPayload(
        seat="seat-04",
        at=_AT,
        agent="agent-17",
        state="talking",
        campaign="turnout-agents",
        attempt=_ATTEMPT,
        utilisation=0.82,
        calls=31,
        reason=None,
        call=payloads.SeatCallPayload(
            phone=40211, voter=88213, booth=118, voters=[88213, 88214], settled=[], opted_out=False, grounds=3
        ),
        since=_AT - 41,
    ),
)
TURNOUT = Topic(
    key="booth-turnout",
    pattern="booths/{booth}/turnout",
    description="Self-reported turnout of a booth, at every mark that changes it.",
    retained=True,
    qos=0,
    example=payloads.TurnoutPayload(
        booth=118, constituency_number=209, part_number=118, voters=912, reached=143, voted=96, not_yet=31
    ),
)
ALERTS = Topic(
    key="alerts",
    pattern="alerts",
    description="Every alert that stands, in one message that replaces the one before; an empty list when nothing is wrong.",
    retained=True,
    example=payloads.AlertsPayload(
        at=_AT,
        alerts=[
            payloads.AlertPayload(
                code="switch-down",
                level="critical",
                text="no connection to the switch: nothing is dialled",
                at=_AT,
            )
        ],
    ),
)


def _ha_sensors(centre: str) -> dict[str, payloads.HaSensorPayload]:
    def sensor(key: str, name: str, template: str, **more: Any) -> tuple[str, payloads.HaSensorPayload]:
        given = {"platform": "sensor", "state_class": "measurement", **more}
        unique = {"unique_id": f"matdan-{centre}-{key}", "name": name, "value_template": f"{{{{ {template} }}}}"}
        return key, payloads.HaSensorPayload(**unique, **given)

    counted = {"state_class": "total_increasing"}
    link = {"platform": "binary_sensor", "state_class": None, "device_class": "connectivity"}
    return dict(
        (
            sensor("switch", "Link to Asterisk", "'ON' if value_json.switch_up else 'OFF'", **link),
            sensor("calls", "Live calls", "value_json.calls"),
            sensor("ready", "Agents ready", "value_json.seats.ready | default(0)"),
            sensor("talking", "Agents talking", "value_json.seats.talking | default(0)"),
            sensor("busy", "Agents busy", "(100 * (value_json.utilisation or 0)) | round", unit_of_measurement="%"),
            sensor("voted", "Marked voted", "value_json.marks.voted | default(0)", **counted),
            sensor("opt-outs", "Opted out", "value_json.opt_outs", **counted),
            sensor("alerts", "Alerts", "value_json.alerts | count", state_topic=ALERTS.address(centre)),
        )
    )


def _ha_discovery(centre: str) -> payloads.HaDiscoveryPayload:
    return payloads.HaDiscoveryPayload(
        device=payloads.HaDevicePayload(identifiers=[f"matdan-{centre}"], name=f"Matdan {centre}"),
        state_topic=CENTRE_STATE.address(centre),
        availability_topic=CENTRE_STATE.address(centre),
        components=_ha_sensors(centre),
    )


HOME_ASSISTANT = Topic(
    key="home-assistant",
    pattern="config",
    root="homeassistant/device/matdan-{centre}",
    description="What Home Assistant has to know to show the centre's state: its [MQTT discovery]"
    "(https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery), where `broker.home_assistant` is set. Let its user read "
    "`dialer/v1/{centre}/state` and `alerts`: a `viewer` of [[supervisors]] may.",
    retained=True,
    example=_ha_discovery("pune-1"),
)
ATTEMPT_RESULT = Topic(
    key="attempt-result",
    pattern="results/attempts",
    description="An attempt has ended. Committed with the result; at least once, in order.",
    example=payloads.AttemptPayload(
        attempt=_ATTEMPT,
        campaign="turnout-agents",
        outcome="connected",
        ended_at=_AT,
        answered_at=_AT - 48,
        connected_at=_AT - 47.4,
        seat="seat-04",
        agent="agent-17",
        flow=None,
        left_at=None,
        cause=16,
        retry_at=None,
    ),
    through_outbox=True,
)
ANSWERS_RESULT = Topic(
    key="answers-result",
    pattern="results/answers",
    description="What a caller answered in a flow: those answers that are new. Committed with them; at least once, in order. What "
    "an agent was answered is on `results/dispositions`.",
    example=payloads.AnswersPayload(
        attempt=_ATTEMPT, campaign="turnout-ivr", at=_AT, answers={"hour": "17:00", "still_to_vote": "2"}
    ),
    through_outbox=True,
)
DISPOSITION_RESULT = Topic(
    key="disposition-result",
    pattern="results/dispositions",
    description="What an agent said of a call. Committed with the result; at least once, in order.",
    example=payloads.DispositionPayload(
        attempt=_ATTEMPT,
        disposition="later",
        at=_AT,
        agent="agent-17",
        retry_at=_AT + 7200,
        answers={"knows_booth": "told"},
    ),
    through_outbox=True,
)
MARK_RESULT = Topic(
    key="mark-result",
    pattern="results/marks",
    description="Something became known of one voter. Committed with the mark; at least once, in order.",
    example=payloads.MarkPayload(
        key=f"{_ATTEMPT}:turnout",
        voter=88213,
        kind="voted",
        source="voter-key",
        at=_AT,
        hour=None,
        attempt=_ATTEMPT,
        agent=None,
        roll_version="2026-1",
        state_code="S13",
        constituency_number=209,
        part_number=118,
        serial=412,
    ),
    through_outbox=True,
)
OPT_OUT_RESULT = Topic(
    key="opt-out-result",
    pattern="results/opt-outs",
    description="A number opted out. Committed with the opt-out; at least once, in order. Centres that share a secret "
    "(`rules.opt_out_secret`) listen to each other's here and suppress the number too.",
    example=payloads.OptOutPayload(phone=40211, at=_AT, source="voter-key", attempt=_ATTEMPT, number_hash="9f" * 32),
    through_outbox=True,
)
SEAT_HOURS = Topic(
    key="seat-hours",
    pattern="results/seat-hours",
    description="How long seats were in each state, of stretches that have come to their end: every 5 seconds at most. Told only "
    "where there is a headquarters ([headquarters]), which is not to lack them; at least once.",
    example=payloads.SeatHoursPayload(until_at=_AT, seats=2, seconds={"talking": 61.5, "wrap-up": 12.0}),
    through_outbox=True,
)
TEST_MARK = Topic(
    key="test-mark",
    pattern="results/test-marks",
    description="The way of a result was tried (test-mark): headquarters' page says when it came. It changes no figure. Only where "
    "there is a headquarters ([headquarters]); at least once.",
    example=payloads.ReadinessPayload(at=_AT),
    through_outbox=True,
)
AUDIT_HEAD = Topic(
    key="audit-head",
    pattern="results/audit-heads",
    description="Where the audit's chain ends, once a minute while anything is done, and at the end of a day. Keep them on another "
    "machine: whoever changes the store afterwards, chain and all, cannot make it fit a head that was told.",
    example=payloads.AuditHeadPayload(number=512, digest="3b" * 32, at=_AT, seals=20_412),
    through_outbox=True,
)
COMMANDS = Topic(
    key="command",
    pattern="commands/{user}",
    description="Commands to the dialler. The last level is the sender: a name of `[[supervisors]]`, or a user. The broker "
    "lets nobody else publish there (`dialer mqtt render`); the dialler takes the sender's role from its settings and its "
    "users. Publish with QoS 1 and without the retain flag. A retained, expired or invalid command is refused, and so is an "
    "unsigned one where the settings require signatures. A command with an ID that the sender has used before is not "
    "executed again but answered again; with other content it is refused.",
    direction=TopicWriter.SUPERVISOR,
    example=payloads.CommandPayload.model_validate(
        {"id": "7c1f1b2e-pause", "name": "pause", "expires_at": _AT + 30, "campaign": "turnout-ivr"}
    ),
)
REPLIES = Topic(
    key="reply",
    pattern="replies/{user}/{command}",
    description="What became of a command, below its sender's name. Goes through the outbox, so it comes after a broken connection "
    "too; to `uplink-kept` and `headquarters-news`, which come again without an answer, it is sent at once and kept nowhere.",
    example=payloads.ReplyPayload(id="7c1f1b2e-pause", status="done", text="campaign turnout-ivr is paused", at=_AT),
    through_outbox=True,
)

TOPICS: tuple[Topic, ...] = tuple(each for each in [*globals().values()] if isinstance(each, Topic))
"""The table, in the order in which they stand above."""


def _message(topic: Topic, centre: str, payload: Payload, **parts: str | int) -> Message:
    return Message(topic.address(centre, **parts), payload.encode(), topic.qos, topic.retained)


def centre_message(view: CentreView, *, online: bool = True) -> Message:
    """The centre's state."""
    payload = payloads.CentreStatePayload.of(
        view,
        online=online,
        campaigns={campaign.campaign_id: campaign.state for campaign in view.campaigns},
        seats=Counter(seat.state for seat in view.seats),
        calls=sum(sum(campaign.calls.values()) for campaign in view.campaigns),
    )
    return _message(CENTRE_STATE, view.centre, payload)


def last_will_message(centre: str, at: float) -> Message:
    """What the broker publishes when it loses the dialler; `at`: when the connection was opened."""
    nothing = CentreView(centre, at, False, False, (), (), (), (), {}, 0)
    return centre_message(nothing, online=False)


def statistics_message(centre: str, view: CampaignView, at: float) -> Message:
    """A campaign's figures."""
    return _message(STATISTICS, centre, payloads.StatisticsPayload.of(view, at=at), campaign=view.campaign_id)


def gone_messages(centre: str, campaigns: Iterable[str], seats: Iterable[str]) -> Iterator[Message]:
    """That there is no such campaign or seat any more: empty, so that the broker keeps nothing of it either."""
    for campaign in campaigns:
        yield Message(STATISTICS.address(centre, campaign=campaign), "", 1, True)
    for seat in seats:
        yield Message(SEAT.address(centre, seat=seat), "", 1, True)


def call_message(centre: str, change: CallChange) -> Message:
    """A call's change of state."""
    return _message(CALL, centre, payloads.CallPayload.of(change), campaign=change.campaign_id)


def seat_message(centre: str, view: SeatView, at: float) -> Message:
    """A seat; since when it is in its state, for its seconds would make a message of every second."""
    reason = view.reason if view.state is SeatState.PAUSED else None
    return _message(
        SEAT, centre, payloads.SeatPayload.of(view, at=at, reason=reason, since=at - view.seconds), seat=view.seat
    )


def turnout_message(centre: str, booth: BoothTurnout) -> Message:
    """A booth's turnout."""
    return _message(TURNOUT, centre, payloads.TurnoutPayload.of(booth), booth=booth.booth_id)


def alerts_message(view: CentreView) -> Message:
    """Every alert that stands, the gravest first; cleared ones are left out."""
    ranks = list(AlertLevel)
    listed = sorted(
        (alert for alert in view.alerts if not alert.cleared),
        key=lambda alert: (-ranks.index(alert.level), alert.at, alert.code),
    )
    return _message(ALERTS, view.centre, payloads.AlertsPayload.of(view, alerts=listed))


def _place(place: VoterPlace | None) -> dict[str, Any]:
    return {} if place is None else parameters_of(place)


def encode(news: Update) -> Announcement:
    """What is announced of something that is committed, in the same transaction: the store's encoder."""
    match news:
        case AttemptUpdate():
            found = {**parameters_of(news.ended), "campaign_id": news.campaign_id}
            return _announcement(ATTEMPT_RESULT, payloads.AttemptPayload.model_validate(found))
        case AnswersUpdate():
            return _announcement(ANSWERS_RESULT, payloads.AnswersPayload.of(news, **_place(news.place)))
        case DispositionUpdate():
            return _announcement(DISPOSITION_RESULT, payloads.DispositionPayload.of(news.record, **_place(news.place)))
        case MarkUpdate(mark=mark):
            found = {**parameters_of(mark), "surety": mark.surety, **_place(news.place)}
            return _announcement(MARK_RESULT, payloads.MarkPayload.model_validate(found))
        case OptOutUpdate():
            return _announcement(OPT_OUT_RESULT, payloads.OptOutPayload.of(news))
        case SeatHours():
            return _announcement(SEAT_HOURS, payloads.SeatHoursPayload.of(news))
        case ReadinessMark():
            return _announcement(TEST_MARK, payloads.ReadinessPayload.of(news))
        case _:
            return _announcement(AUDIT_HEAD, payloads.AuditHeadPayload.of(news))


def _announcement(topic: Topic, payload: Payload, **parts: str) -> Announcement:
    return Announcement(topic.below(**parts), payload.encode())


def reply_announcement(user: str, payload: payloads.ReplyPayload) -> Announcement:
    """The answer to a command of that user's."""
    return _announcement(REPLIES, payload, user=user, command=payload.id)


def announced_message(centre: str, topic: str, payload: str) -> Message:
    """A message from the outbox: results and replies, QoS 1, not retained."""
    return Message(f"{ROOT}/{segment(centre)}/{topic}", payload, 1, False)


def commands_topic(centre: str, user: str) -> str:
    """Where that user gives this centre commands."""
    return COMMANDS.address(centre, user=user)


def commands_filter(centre: str) -> str:
    """Where this centre listens for commands."""
    return f"{ROOT}/{segment(centre)}/commands/+"


def sender_of(centre: str, topic: str) -> str | None:
    """Whose topic of commands this is; None: it is none."""
    beginning = f"{ROOT}/{segment(centre)}/commands/"
    name = topic.removeprefix(beginning)
    return name if topic.startswith(beginning) and name and "/" not in name else None


def replies_filter(centre: str, user: str) -> str:
    """Where this centre answers the commands of that user."""
    return f"{ROOT}/{segment(centre)}/replies/{segment(user)}/+"


def opt_outs_filter() -> str:
    """Where every centre tells of opt-outs."""
    return f"{ROOT}/+/{OPT_OUT_RESULT.pattern}"


def whole_state(view: CentreView, *, home_assistant: bool = False) -> Iterator[Message]:
    """Every retained message, as published after each connect; with `home_assistant` what that is told too."""
    if home_assistant:
        yield _message(HOME_ASSISTANT, view.centre, _ha_discovery(view.centre))
    yield centre_message(view)
    yield alerts_message(view)
    for campaign in view.campaigns:
        yield statistics_message(view.centre, campaign, view.at)
    for seat in view.seats:
        yield seat_message(view.centre, seat, view.at)
    for booth in view.booths:
        yield turnout_message(view.centre, booth)
