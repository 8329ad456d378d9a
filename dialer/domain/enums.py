"""Words that the settings and the dialler share: each is one enum, and what stands in a file of settings is its value."""

from __future__ import annotations

from enum import StrEnum


class CampaignKind(StrEnum):
    """Who talks to an answered voter."""

    AGENTS = "agents"
    IVR = "ivr"


class Purpose(StrEnum):
    """What a campaign calls for; the rules differ by it."""

    TURNOUT = "turnout"
    MATERIAL = "material"
    SURVEY = "survey"
    # Calls no voter: the workers at the booths, for the serials of those who have voted.
    BOOTH_WORKERS = "booth-workers"


class PacingPolicy(StrEnum):
    """How it is decided how many calls are placed."""

    PREDICTIVE = "predictive"
    PROGRESSIVE = "progressive"
    RATIO = "ratio"
    PREVIEW = "preview"
    BROADCAST = "broadcast"


class Reserve(StrEnum):
    """When an abandoned-call cap would still hold, were every call in flight answered and no seat to come free."""

    WINDOW = "window"  # when its calling day ends, with one call for each free agent until then
    EVERY_INSTANT = "every-instant"


class MachineDetection(StrEnum):
    """When an answering machine is told from a person."""

    OFF = "off"
    BEFORE_SEAT = "before-seat"  # by the switch, before a seat or a flow
    AFTER_SEAT = "after-seat"  # by the agent, who says so


class InboundMode(StrEnum):
    """What becomes of a call to one of our numbers."""

    FLOW = "flow"  # meets a flow that knows the number
    AGENT = "agent"  # waits for a seat as an answered voter does
    MISSED_CALL = "missed-call"  # hung up unanswered, and called back


class SupervisorRole(StrEnum):
    """What somebody may ask of the dialler. Each command names its roles (`dialer/engine/command/`)."""

    VIEWER = "viewer"  # reads, and may ask for nothing: a website, headquarters
    LISTENER = "listener"
    COACH = "coach"
    DESK = "desk"  # a program that serves agents' pages and has made sure who they are
    BOOTH_DESK = "booth-desk"  # takes in what booth workers and the election authority tell
    UPLINK = "uplink"  # carries what headquarters orders and tells
    COMPLIANCE = "compliance"
    SUPERVISOR = "supervisor"


class HqRole(StrEnum):
    """What somebody may do on headquarters' pages; an account with a zone does it there alone. dialer/hq/rights.py"""

    HEADQUARTERS = "headquarters"
    ZONE = "zone"  # the in-charge of one
    MEDIA = "media"
    COMPLIANCE = "compliance"
    VIEWER = "viewer"


LISTENERS = frozenset({SupervisorRole.LISTENER, SupervisorRole.COACH, SupervisorRole.SUPERVISOR})
"""Who may listen to seats."""

USER_ROLES = (
    SupervisorRole.VIEWER,
    SupervisorRole.LISTENER,
    SupervisorRole.COACH,
    SupervisorRole.COMPLIANCE,
    SupervisorRole.SUPERVISOR,
)
"""What a user may be who is kept in the store: people's roles. Those of programs stand in the settings alone."""


class MarkKind(StrEnum):
    """What is known about a voter. Marks are appended, never changed, and "voted" overrides the others.

    No mark records whom a voter chose, and none may be added.
    """

    VOTED = "voted"
    NOT_YET = "not-yet"
    LATER = "later"  # with the hour
    WILL_NOT = "will-not"
    WRONG_NUMBER = "wrong-number"  # drops the link between voter and number, says nothing of the voter
    MOVED = "moved"
    DECEASED = "deceased"
