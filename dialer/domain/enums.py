"""Enums whose values people write in settings files, commands and options of the command line."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class TextEnum(StrEnum):
    """Base class of enums whose members have a code and a text that people read: `NAME = "code", "text"`."""

    text: str

    def __new__(cls, code: str, text: str) -> Self:
        """Create an enum member from its code and its text."""
        member = str.__new__(cls, code)
        member._value_, member.text = code, text
        return member


class CampaignKind(StrEnum):
    """The kind of a campaign: voters talk to an agent, or to an IVR flow."""

    AGENTS = "agents"
    IVR = "ivr"


class Purpose(StrEnum):
    """The purpose of a campaign, such as turnout calls or a survey. The calling rules depend on it."""

    TURNOUT = "turnout"
    MATERIAL = "material"
    SURVEY = "survey"
    BOOTH_WORKERS = "booth-workers"  # calls to workers at booths, who report the serials of people who have voted


class PacingPolicy(StrEnum):
    """The rule that decides how many calls a campaign places at once, such as predictive, progressive or preview."""

    PREDICTIVE = "predictive"
    PROGRESSIVE = "progressive"
    RATIO = "ratio"
    PREVIEW = "preview"
    BROADCAST = "broadcast"


class Reserve(StrEnum):
    """The time at which a limit (cap) on abandoned calls must hold even if all calls in progress are abandoned.

    It is either every instant, or only the end of the calling day.
    """

    WINDOW = "window"  # at the end of the calling day, with one call per free agent until then
    EVERY_INSTANT = "every-instant"


class MachineDetection(StrEnum):
    """The method of detecting answering machines: none, by Asterisk before an agent is connected, or by the agent."""

    OFF = "off"
    BEFORE_SEAT = "before-seat"  # by Asterisk, before an agent or a flow is connected
    AFTER_SEAT = "after-seat"  # by the agent


class InboundMode(StrEnum):
    """The handling of calls to one of the centre's numbers: a flow, an agent, or a missed call that is returned."""

    FLOW = "flow"  # a flow answers
    AGENT = "agent"  # the caller waits for an agent
    MISSED_CALL = "missed-call"  # not answered, and called back


class SupervisorRole(StrEnum):
    """The role of a user, such as coach or supervisor. Each command lists the roles that may send it."""

    VIEWER = "viewer"  # reads only: a website, headquarters
    LISTENER = "listener"
    COACH = "coach"
    DESK = "desk"  # a program that serves agents' pages and authenticates them
    BOOTH_DESK = "booth-desk"  # imports records of booth workers and the election authority
    UPLINK = "uplink"  # the program that transmits orders and updates from headquarters
    COMPLIANCE = "compliance"
    SUPERVISOR = "supervisor"


class HqRole(StrEnum):
    """The rights of an account on headquarters' pages, in all zones (groups of centres) or in its own
    (`dialer/hq/rights.py`).
    """

    HEADQUARTERS = "headquarters"
    ZONE = "zone"  # in charge of a zone
    MEDIA = "media"
    COMPLIANCE = "compliance"
    VIEWER = "viewer"


LISTENERS = frozenset({SupervisorRole.LISTENER, SupervisorRole.COACH, SupervisorRole.SUPERVISOR})
"""Roles that may listen to calls."""

USER_ROLES = (
    SupervisorRole.VIEWER,
    SupervisorRole.LISTENER,
    SupervisorRole.COACH,
    SupervisorRole.COMPLIANCE,
    SupervisorRole.SUPERVISOR,
)
"""Roles of users in the store, who are people. Roles of programs are in the settings only."""


class MarkKind(StrEnum):
    """The kind of a mark, which is a recorded fact about a voter, such as "voted" or "moved". Marks are only added;
    "voted" overrides the others.

    No mark records whom a voter chose; never add a kind that does.
    """

    VOTED = "voted"
    NOT_YET = "not-yet"
    LATER = "later"  # with an hour
    WILL_NOT = "will-not"
    WRONG_NUMBER = "wrong-number"  # removes the link between voter and number
    MOVED = "moved"
    DECEASED = "deceased"


class Confidence(StrEnum):
    """The reliability of a mark (a fact about a voter): seen at the polling station, said by the voter, or said by
    others.
    """

    SEEN = "seen"  # seen at the booth: struck off the list, or recognised
    SAID = "said"  # said by the voter
    TOLD = "told"  # said by somebody else, or the source is unknown


class ComplaintTopic(StrEnum):
    """The subject of a voter's complaint about calls, such as too many calls or a silent call."""

    TOO_OFTEN = "too-often"
    WRONG_TIME = "wrong-time"
    AFTER_OPT_OUT = "after-opt-out"
    SILENT_CALL = "silent-call"  # silence, or an abandoned call
    CONDUCT = "conduct"  # how the agent spoke
    CONTENT = "content"  # what was said or played
    CONSENT = "consent"  # how we obtained the number
    OTHER = "other"


class ComplaintChannel(StrEnum):
    """The channel by which a complaint about calls was received, such as a letter or an authority."""

    CALL = "call"
    LETTER = "letter"
    EMAIL = "email"
    PERSON = "person"
    AUTHORITY = "authority"  # a regulator, an election authority, a court
    OTHER = "other"


class ComplaintRemedy(StrEnum):
    """The response to a complaint about calls, such as opting out the number."""

    EXPLAINED = "explained"
    OPTED_OUT = "opted-out"  # the number is suppressed
    CORRECTED = "corrected"  # a mistake of ours was corrected
    UNFOUNDED = "unfounded"
    PASSED_ON = "passed-on"  # to the responsible body


class MqttVersion(StrEnum):
    """The version of the MQTT protocol.

    With version 3.1.1, the dialler cannot set when its session expires, and cannot refuse retained commands that arrive
    while it is connected.
    """

    V5 = "5"
    V311 = "3.1.1"


class ReportFormat(StrEnum):
    """The file formats in which a report can be written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"
    PDF = "pdf"


class TurnoutBy(StrEnum):
    """The subject of a row in the turnout report: a polling station (booth), a section, a constituency or an hour."""

    BOOTH = "booth"
    SECTION = "section"
    CONSTITUENCY = "constituency"
    HOUR = "hour"
