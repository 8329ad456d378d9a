"""Our dialplan's places by name: contexts, conferences, and where third parties are sent. Pure."""

from __future__ import annotations

import re

from dialer.domain.parties import SUPERVISION_PARTY, TRANSFER_PARTY, Place, PlaceKind

VOTER_CONTEXT = "matdan-voter"
FLOW_CONTEXT = "matdan-flow"
MESSAGE_CONTEXT = "matdan-message"
SEAT_CONTEXT = "matdan-seat"
AGENT_CONTEXT = "matdan-agent"
INBOUND_CONTEXT = "matdan-inbound"
KEY_CONTEXT = "matdan-key"  # what a key of an agent's phone does, while the phone stays in its seat's conference
LOG_IN_CONTEXT = "matdan-login"
JOINED_CONTEXT = "matdan-joined"  # a voter whom another server has, at a seat of this one
RECORDED_CONTEXT = "matdan-recorded"
HOLD_CONTEXT = "matdan-hold"
HANDED_CONTEXT = "matdan-handed"
CHECK_CONTEXT = "matdan-check"  # where Asterisk is asked what it can play, on a Local channel that is nobody's call
VOTERS_CONTEXTS = frozenset(
    {VOTER_CONTEXT, FLOW_CONTEXT, MESSAGE_CONTEXT, SEAT_CONTEXT, RECORDED_CONTEXT, HOLD_CONTEXT, HANDED_CONTEXT}
)

LEASE_CONTEXT = "matdan-lease"
LEASE_CHANNEL = "matdan-lease"  # the channel of whichever dialler has the switch

SEAT_CHANNEL = "seat-"  # begins the channel id of a seat's phone that we called, and every seat's conference
SERVER_ENDPOINT = "matdan-server-"  # begins the endpoint of another server
SERVER_VARIABLE = "MATDAN_SERVER"  # of a voter's channel: the server of the seat that it goes to; "": this one

REPLACES_VARIABLE = "MATDAN_REPLACES"
"""Set where a seat may have a phone already, which is dead: the new one goes into its conference, and the old one is hung up."""

HANDOVER_CONFERENCE = "aside-"  # begins the name of a handover's conference

_PARTY_CONTEXTS = {
    PlaceKind.SEAT: "matdan-helper",
    PlaceKind.HANDOVER: "matdan-aside",
    PlaceKind.LISTEN: "matdan-listen",
    PlaceKind.WHISPER: "matdan-whisper",
}
ATTEMPT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def origination(
    channel: str, channel_id: str, context: str, extension: str, *more: tuple[str, str]
) -> list[tuple[str, str]]:
    """The fields of an Originate: what is called, under which id, and where it goes once it has answered."""
    beginning = [("Channel", channel), ("Async", "true"), ("ChannelId", channel_id)]
    return [*beginning, ("Context", context), ("Exten", extension), ("Priority", "1"), *more]


def party_place(place: Place) -> tuple[str, str]:
    """Context and extension of a third party's place."""
    return _PARTY_CONTEXTS[
        place.kind
    ], f"{HANDOVER_CONFERENCE if place.kind is PlaceKind.HANDOVER else SEAT_CHANNEL}{place.name}"


def place_of(conference: str) -> Place | None:
    """The place that a conference is; None: it is not one of ours."""
    if conference.startswith(SEAT_CHANNEL):
        return Place(PlaceKind.SEAT, conference[len(SEAT_CHANNEL) :])
    if conference.startswith(HANDOVER_CONFERENCE):
        return Place(PlaceKind.HANDOVER, conference[len(HANDOVER_CONFERENCE) :])
    return None


def seat_of(conference: str) -> str | None:
    """The seat that a conference, or an extension of the hold, belongs to; None: to none."""
    return conference[len(SEAT_CHANNEL) :] if conference.startswith(SEAT_CHANNEL) else None


def seat_channel_id(seat: str, token: str) -> str:
    """The channel id of one call to a seat's phone; `token` makes it new each time."""
    return f"{SEAT_CHANNEL}{seat}-{token}"


def seat_of_channel(channel_id: str) -> str:
    """The seat in a channel id that `seat_channel_id` made."""
    return channel_id[len(SEAT_CHANNEL) :].rpartition("-")[0]


def is_attempt_id(text: str) -> bool:
    """Whether this can be an attempt's id."""
    return ATTEMPT_ID.fullmatch(text) is not None


def is_party(unique_id: str) -> bool:
    """Whether a channel is a third party's."""
    return unique_id.startswith((TRANSFER_PARTY, SUPERVISION_PARTY))
