"""The names in our Asterisk dialplan: contexts, extensions, conferences, channel ids and variables."""

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
KEY_CONTEXT: Final = "matdan-key"  # handles a key of an agent's phone, which stays in its seat's conference
LOG_IN_CONTEXT: Final = "matdan-login"
PHONES_CONTEXT: Final = "matdan-phones"  # what agents' phones may dial: the log-in code and the echo test
JOINED_CONTEXT: Final = "matdan-joined"  # connects a voter of another server to a seat or target of this one
RECORDED_CONTEXT: Final = "matdan-recorded"
HOLD_CONTEXT: Final = "matdan-hold"
HANDED_CONTEXT: Final = "matdan-handed"  # moves a voter to a handover's conference
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

LEASE_CHANNEL: Final = "matdan-lease"  # id of the lease's channel
FAR_EXTENSION: Final = "far"  # extension of the idle half of a Local channel
CONTROL_CHANNEL: Final = "matdan-control-"  # prefix of the ids of the control channel's halves
CONTROL_EXTENSION: Final = "control"  # in LEASE_CONTEXT: connects the control channel to the FastAGI server
CONTROL_PATH: Final = "control"  # path of the control channel at the FastAGI server
RECORD_EXTENSION: Final = "call-"  # prefix of the lease's extension that records the newest call in Asterisk's database
SEAT_CHANNEL: Final = "seat-"  # prefix of the channel id of a seat's phone that we called, and of seats' conferences
HANDOVER_CONFERENCE: Final = "aside-"  # prefix of the name of a handover's conference
SERVER_ENDPOINT: Final = "matdan-server-"  # prefix of the endpoint of another server

SERVER_VARIABLE: Final = "MATDAN_SERVER"
"""A variable of a voter's channel: the server of the seat or target to connect to, or "" for this server."""

REPLACES_VARIABLE: Final = "MATDAN_REPLACES"
"""A variable of an agent's phone: it may replace the seat's present phone, which is dead and is then hung up."""

NUMBER: Final = re.compile(r"\+?[0-9]{3,20}", re.ASCII)
ATTEMPT_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def make_originate_fields(
    channel: str, channel_id: str, context: str, extension: str, *more: tuple[str, str]
) -> list[tuple[str, str]]:
    """Return the fields of an AMI Originate. It calls the endpoint `channel`, gives the new channel the unique id
    `channel_id`, and runs the dialplan extension once the call is answered.
    """
    beginning = [("Channel", channel), ("Async", "true"), ("ChannelId", channel_id)]
    return [*beginning, ("Context", context), ("Exten", extension), ("Priority", "1"), *more]


def get_third_party_extension(place: Place) -> tuple[str, str]:
    """Return the dialplan context and extension at which a third party joins a seat, or a voter who is being
    transferred.
    """
    conference = HANDOVER_CONFERENCE if place.kind is PlaceKind.HANDOVER else SEAT_CHANNEL
    return _PARTY_CONTEXTS[place.kind], f"{conference}{place.name}"


def find_seat_or_transfer_by_conference_name(conference: str) -> Place | None:
    """Return the seat or the completed transfer (handover) to which the conference with this name belongs.

    After a handover, the voter talks to a third party without the agent. Return None if the conference belongs to
    another program.
    """
    if conference.startswith(SEAT_CHANNEL):
        return Place(PlaceKind.SEAT, conference[len(SEAT_CHANNEL) :])
    if conference.startswith(HANDOVER_CONFERENCE):
        return Place(PlaceKind.HANDOVER, conference[len(HANDOVER_CONFERENCE) :])
    return None


def parse_seat_of_conference(conference: str) -> str | None:
    """Return the seat in the name of a conference, or of an extension of the hold context, or None if it names no seat."""
    return conference[len(SEAT_CHANNEL) :] if conference.startswith(SEAT_CHANNEL) else None


def make_seat_channel_id(seat: str, token: str) -> str:
    """Return the channel id for a call to a seat's phone. `token` makes it unique."""
    return f"{SEAT_CHANNEL}{seat}-{token}"


def parse_seat_of_channel(channel_id: str) -> str:
    """Return the seat from a channel id that `make_seat_channel_id` created."""
    return channel_id[len(SEAT_CHANNEL) :].rpartition("-")[0]


def is_attempt_id(text: str) -> bool:
    """Return whether a text has the form of a call attempt's id."""
    return ATTEMPT_ID.fullmatch(text) is not None


def is_third_party_channel(unique_id: str) -> bool:
    """Return whether the channel with this unique id belongs to a third party."""
    return unique_id.startswith((TRANSFER_PARTY, SUPERVISION_PARTY))
