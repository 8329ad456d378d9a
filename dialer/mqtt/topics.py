"""The table of all MQTT topics of a centre. docs/reference/topics.md and asyncapi.json are generated from it.

All topics begin with `dialer/v1/{centre}/`, except those for Home Assistant. The ids in a topic (of a campaign, seat,
booth or command) are percent-encoded as in a URL. So no id can add a level or a wildcard.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from dialer.domain.alerts import AlertList
from dialer.domain.model import BoothTurnout, DispositionRecord, EndedAttempt, Mark
from dialer.domain.newest_call import NewestCall
from dialer.domain.results import FlowAnswers, OptOut, SeatHours, TestMark
from dialer.domain.sealed_epochs import SealedEpoch
from dialer.domain.view import CallChange, CampaignView, CentreState, SeatView
from dialer.mqtt.home_assistant import Discovery
from dialer.mqtt.reply import CommandReply

ROOT = "dialer/v1"


class TopicWriter(StrEnum):
    """The program that publishes on a topic."""

    DIALLER = "dialler"
    SUPERVISOR = "supervisor"  # the dialler subscribes


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of the table: its pattern, the type of its messages, and how they are published."""

    key: str
    pattern: str  # below the root, variable levels in braces
    kind: type[Any]  # of its messages
    description: str
    direction: TopicWriter = TopicWriter.DIALLER
    retained: bool = False
    qos: int = 1
    through_outbox: bool = False  # committed with the result, delivered at least once
    root: str = f"{ROOT}/{{centre}}"

    def build_full_topic(self, centre: str, **levels: str | int) -> str:
        """Return the full topic for a centre. `levels` has a value for each variable level of the topic."""
        return f"{self.root.format(centre=encode_topic_level(centre))}/{self.build_topic_without_centre(**levels)}"

    def build_topic_without_centre(self, **levels: str | int) -> str:
        """Return the topic without `dialer/v1/{centre}/`, as it is stored in the outbox (messages to send)."""
        return self.pattern.format(**{name: encode_topic_level(level) for name, level in levels.items()})


@lru_cache(4_096)
def encode_topic_level(value: str | int) -> str:
    """Return an id as a level of a topic: percent-encoded, so without `/`, `+`, `#` and control characters."""
    return quote(str(value), safe="") or "_"


CENTRE_STATE = Topic(
    key="centre-state",
    pattern="state",
    kind=CentreState,
    description="The state of the centre: at every change, at most once a second, and at least every 10 seconds. The last will "
    "has `online` false.",
    retained=True,
)
STATISTICS = Topic(
    key="campaign-statistics",
    pattern="campaigns/{campaign}/statistics",
    kind=CampaignView,
    description="A campaign's figures: at every change, at most 5 times a second for each campaign. An empty message: the "
    "campaign was removed from the settings and its last call has ended.",
    retained=True,
    qos=0,
)
CALL = Topic(
    key="call-event",
    pattern="campaigns/{campaign}/calls",
    kind=CallChange,
    description="Every change of state of a live call, at once or 0.02 seconds later; dropped while the broker is "
    "unreachable or slow. How a call ended is on `results/attempts`.",
    qos=0,
)
SEAT = Topic(
    key="seat",
    pattern="seats/{seat}",
    kind=SeatView,
    description="A seat: at every change, at most 5 times a second (who is on the line: at once); with an agent also every 30 s, "
    "because its utilisation changes. An empty message: the seat was removed from the settings and nobody is logged in to it.",
    retained=True,
    qos=0,
)
TURNOUT = Topic(
    key="booth-turnout",
    pattern="booths/{booth}/turnout",
    kind=BoothTurnout,
    description="The self-reported turnout of a booth, at every mark that changes it.",
    retained=True,
    qos=0,
)
ALERTS = Topic(
    key="alerts",
    pattern="alerts",
    kind=AlertList,
    description="All active alerts in one message, which replaces the one before. An empty list: nothing is wrong.",
    retained=True,
)
NEWEST_CALL = Topic(
    key="newest-call",
    pattern="newest-call",
    kind=NewestCall,
    description="The newest call that was placed, at most 10 times a second. A dialler whose store lacks this call dials nobody "
    "(alert `store-older`).",
    retained=True,
)
HOME_ASSISTANT = Topic(
    key="home-assistant",
    pattern="config",
    root="homeassistant/device/matdan-{centre}",
    kind=Discovery,
    description="Describes the centre to Home Assistant by [MQTT discovery]"
    "(https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery), where `broker.home_assistant` is set. Home Assistant's "
    "user must be able to read `state` and `alerts`, as a `viewer` can.",
    retained=True,
)
ATTEMPT_RESULT = Topic(
    key="attempt-result",
    pattern="results/attempts",
    kind=EndedAttempt,
    description="An attempt has ended.",
    through_outbox=True,
)
ANSWERS_RESULT = Topic(
    key="answers-result",
    pattern="results/answers",
    kind=FlowAnswers,
    description="The new answers of a caller in a flow. Answers to an agent are on `results/dispositions`.",
    through_outbox=True,
)
DISPOSITION_RESULT = Topic(
    key="disposition-result",
    pattern="results/dispositions",
    kind=DispositionRecord,
    description="What an agent reported about a call.",
    through_outbox=True,
)
MARK_RESULT = Topic(
    key="mark-result",
    pattern="results/marks",
    kind=Mark,
    description="Something became known about a voter.",
    through_outbox=True,
)
OPT_OUT_RESULT = Topic(
    key="opt-out-result",
    pattern="results/opt-outs",
    kind=OptOut,
    description="A number has opted out. Centres that share a "
    "secret (`rules.opt_out_secret`) subscribe to each other's opt-outs and suppress these numbers too.",
    through_outbox=True,
)
SEAT_HOURS = Topic(
    key="seat-hours",
    pattern="results/seat-hours",
    kind=SeatHours,
    description="How long seats were in each state, over intervals that have ended, at most every 5 seconds; only where "
    "there is a headquarters ([headquarters]).",
    through_outbox=True,
)
TEST_MARK = Topic(
    key="test-mark",
    pattern="results/test-marks",
    kind=TestMark,
    description="A test of the path that results take (command test-mark): headquarters' page shows when it arrived. It changes "
    "no figure.",
    through_outbox=True,
)
SEALED_EPOCH = Topic(
    key="sealed-epoch",
    pattern="results/sealed-epochs",
    kind=SealedEpoch,
    description="The seal of a minute's records, signed with a key that exists only until then: each minute, and at the end. "
    "A dialler whose store lacks the retained one raises `seal-missing`. Store them on another machine too, for "
    "`dialer audit verify --head EPOCH:DIGEST`.",
    retained=True,
    through_outbox=True,
)
COMMANDS = Topic(
    key="command",
    pattern="commands/{user}",
    kind=dict,  # see dialer/mqtt/commands/schema.py
    description="A command to the dialler. The last level is the sender's name in `[[supervisors]]`, or a user's: the broker lets "
    "nobody else publish there. Publish with QoS 1. The dialler refuses a command that is retained, expired, malformed or, where "
    "a signature is required, unsigned. A repeated id of the same sender is executed once and answered each time; with other "
    "content it is refused.",
    direction=TopicWriter.SUPERVISOR,
)
REPLIES = Topic(
    key="reply",
    pattern="replies/{user}/{command}",
    kind=CommandReply,
    description="The reply to a command, below its sender's name. It arrives after a lost "
    "connection too. Replies to `confirm-uplink` and `import-peer-updates` are sent at once and not stored: these "
    "commands are resent until they are answered.",
    through_outbox=True,
)

TOPICS: tuple[Topic, ...] = tuple(each for each in [*globals().values()] if isinstance(each, Topic))
"""The table, in the order of this file."""
RESULTS: dict[type[Any], Topic] = {topic.kind: topic for topic in TOPICS if topic.through_outbox}
"""The topic of each kind of record that goes through the outbox."""


def build_commands_topic(centre: str, user: str) -> str:
    """Return the topic on which a user sends commands to a centre."""
    return COMMANDS.build_full_topic(centre, user=user)


def build_topic_filter_for_commands(centre: str) -> str:
    """Return the topic filter for all commands to a centre."""
    return f"{ROOT}/{encode_topic_level(centre)}/commands/+"


def get_sender_from_command_topic(centre: str, topic: str) -> str | None:
    """Return the sender of a command from its topic, or None if the topic is not one for commands to this centre."""
    beginning = f"{ROOT}/{encode_topic_level(centre)}/commands/"
    name = topic.removeprefix(beginning)
    return name if topic.startswith(beginning) and name and "/" not in name else None


def build_topic_filter_for_replies(centre: str, user: str) -> str:
    """Return the topic filter for the replies to a user's commands."""
    return f"{ROOT}/{encode_topic_level(centre)}/replies/{encode_topic_level(user)}/+"


def build_topic_filter_for_opt_outs() -> str:
    """Return the topic filter for the opt-outs of all centres."""
    return f"{ROOT}/+/{OPT_OUT_RESULT.pattern}"
