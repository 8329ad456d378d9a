"""Channels and conferences as Asterisk lists them. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dialer.domain.model import AttemptId
from dialer.domain.parties import PartyId, Place, PlaceKind
from dialer.domain.switch_events import CallConnected, CallHandedOver, SwitchEvent
from dialer.switch.asterisk.places import (
    AGENT_CONTEXT,
    find_seat_or_transfer_by_conference_name,
    is_third_party_channel,
    parse_seat_of_conference,
)


@dataclass(frozen=True, slots=True)
class LiveChannel:
    """A channel that exists in Asterisk, as listed by the AMI action CoreShowChannels."""

    unique_id: str
    context: str
    up: bool
    ringing: bool
    extension: str = ""
    conference: str = ""  # the conference that the channel is in, or ""
    name: str = ""


def list_phones_in_seats(channels: Iterable[LiveChannel]) -> dict[str, str]:
    """Return the seat of each agent's phone that is in its seat's conference, by the unique id of its channel."""
    found = (
        (each.unique_id, parse_seat_of_conference(each.conference))
        for each in channels
        if each.context == AGENT_CONTEXT
    )
    return {unique_id: seat for unique_id, seat in found if seat is not None}


def list_places_of_third_parties(channels: Iterable[LiveChannel]) -> dict[PartyId, Place | None]:
    """Return where each third party is: at a seat, with a transferred voter (handover), or in no conference (None)."""
    return {
        PartyId(each.unique_id): find_seat_or_transfer_by_conference_name(each.conference)
        for each in channels
        if is_third_party_channel(each.unique_id)
    }


def make_voter_joined_event(attempt_id: AttemptId, place: Place) -> SwitchEvent:
    """Return the event for a voter who has joined a conference."""
    return CallConnected(attempt_id, place.name) if place.kind is PlaceKind.SEAT else CallHandedOver(attempt_id)
