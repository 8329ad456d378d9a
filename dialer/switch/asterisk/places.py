"""The names of our dialplan: contexts, conferences, channel ids and variables. Pure."""

from __future__ import annotations

import re
from typing import Final

from dialer.domain.parties import SUPERVISION_PARTY, TRANSFER_PARTY, Place, PlaceKind

VOTER_CONTEXT: Final = "matdan-voter"
FLOW_CONTEXT: Final = "matdan-flow"
MESSAGE_CONTEXT: Final = "matdan-message"
SEAT_CONTEXT: Final = "matdan-seat"
AGENT_CONTEXT: Final = "matdan-agent"
INBOUND_CONTEXT: Final = "matdan-inbound"
KEY_CONTEXT: Final = "matdan-key"  # a key of an agent's phone, which stays in its seat's conference
LOG_IN_CONTEXT: Final = "matdan-login"
JOINED_CONTEXT: Final = "matdan-joined"  # a voter of another server, on the way to a seat or target of this one
RECORDED_CONTEXT: Final = "matdan-recorded"
HOLD_CONTEXT: Final = "matdan-hold"
HANDED_CONTEXT: Final = "matdan-handed"  # a voter on the way to a handover's conference
CHECK_CONTEXT: Final = "matdan-check"  # tests of `dialer check`, on a Local channel that belongs to no call
LEASE_CONTEXT: Final = "matdan-lease"
VOTERS_CONTEXTS: Final = frozenset(
    {VOTER_CONTEXT, FLOW_CONTEXT, MESSAGE_CONTEXT, SEAT_CONTEXT, RECORDED_CONTEXT, HOLD_CONTEXT, HANDED_CONTEXT}
)
_PARTY_CONTEXTS: Final = {
    PlaceKind.SEAT: "matdan-helper",
    PlaceKind.HANDOVER: "matdan-aside",
    PlaceKind.LISTEN: "matdan-listen",
    PlaceKind.WHISPER: "matdan-whisper",
}

LEASE_CHANNEL: Final = "matdan-lease"  # id of the channel of the dialler that uses the switch
SEAT_CHANNEL: Final = "seat-"  # begins the id of a seat's phone that we called, and the name of a seat's conference
HANDOVER_CONFERENCE: Final = "aside-"  # begins the name of a handover's conference
SERVER_ENDPOINT: Final = "matdan-server-"  # begins the endpoint of another server

SERVER_VARIABLE: Final = "MATDAN_SERVER"
"""A variable of a voter's channel: the server of the seat or target that the voter is on the way to; "": this one."""

REPLACES_VARIABLE: Final = "MATDAN_REPLACES"
"""A variable of an agent's phone: it may join a seat that has a phone already, which is dead and is then hung up."""

NUMBER: Final = re.compile(r"\+?[0-9]{3,20}", re.ASCII)
ATTEMPT_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def origination(
    channel: str, channel_id: str, context: str, extension: str, *more: tuple[str, str]
) -> list[tuple[str, str]]:
    """Return the fields of an Originate: what to call, under which channel id, and where it goes once it has answered."""
    beginning = [("Channel", channel), ("Async", "true"), ("ChannelId", channel_id)]
    return [*beginning, ("Context", context), ("Exten", extension), ("Priority", "1"), *more]


def party_place(place: Place) -> tuple[str, str]:
    """Return context and extension of a third party's place."""
    conference = HANDOVER_CONFERENCE if place.kind is PlaceKind.HANDOVER else SEAT_CHANNEL
    return _PARTY_CONTEXTS[place.kind], f"{conference}{place.name}"


def place_of(conference: str) -> Place | None:
    """Return the place that a conference is; None where it is not one of ours."""
    if conference.startswith(SEAT_CHANNEL):
        return Place(PlaceKind.SEAT, conference[len(SEAT_CHANNEL) :])
    if conference.startswith(HANDOVER_CONFERENCE):
        return Place(PlaceKind.HANDOVER, conference[len(HANDOVER_CONFERENCE) :])
    return None


def seat_of(conference: str) -> str | None:
    """Return the seat that a conference, or an extension of the hold, belongs to; None: to none."""
    return conference[len(SEAT_CHANNEL) :] if conference.startswith(SEAT_CHANNEL) else None


def seat_channel_id(seat: str, token: str) -> str:
    """Return the channel id of a call to a seat's phone. `token` makes it unique."""
    return f"{SEAT_CHANNEL}{seat}-{token}"


def seat_of_channel(channel_id: str) -> str:
    """Return the seat in a channel id that `seat_channel_id` made."""
    return channel_id[len(SEAT_CHANNEL) :].rpartition("-")[0]


def is_attempt_id(text: str) -> bool:
    """Return whether this has the form of an attempt's id."""
    return ATTEMPT_ID.fullmatch(text) is not None


def is_party(unique_id: str) -> bool:
    """Return whether a channel is a third party's."""
    return unique_id.startswith((TRANSFER_PARTY, SUPERVISION_PARTY))
