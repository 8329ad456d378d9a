"""A tracker of calls between Asterisk servers: the voter's channel is on another server, the agent's on this one.

No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable

from dialer.domain.model import AttemptId
from dialer.domain.parties import Place, PlaceKind
from dialer.domain.switch_events import CallLeftSeat, SwitchEvent
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import JOINED_CONTEXT, find_seat_or_transfer_by_conference_name, is_attempt_id
from dialer.switch.asterisk.tracking.channels import LiveChannel, make_voter_joined_event

_RemoteCall = tuple[AttemptId, Place]


class RemoteCallTracker:
    """The state of the channels between Asterisk servers. It turns their AMI events into the engine's events.

    The other server, which has the voter's own channel, reports everything else about the call.
    """

    def __init__(self) -> None:
        self._calls: dict[str, _RemoteCall] = {}  # attempt and place, by the channel's unique id

    @property
    def has_voter_calls(self) -> bool:
        """Whether this Asterisk server handles calls whose voters' channels are on other Asterisk servers."""
        return bool(self._calls)

    @property
    def calls_in_seats(self) -> tuple[tuple[AttemptId, str], ...]:
        """The calls of voters on other Asterisk servers who talk to agents of this server, as (attempt, seat) pairs."""
        calls = self._calls.values()
        return tuple((attempt_id, place.name) for attempt_id, place in calls if place.kind is PlaceKind.SEAT)

    @property
    def calls_handed_over_to_third_parties(self) -> frozenset[AttemptId]:
        """The calls of other servers whose voters talk to a transfer target on this server."""
        calls = self._calls.values()
        return frozenset(attempt_id for attempt_id, place in calls if place.kind is PlaceKind.HANDOVER)

    def handle_ami_event(self, message: AmiMessage) -> list[SwitchEvent] | None:
        """Update the channels between servers from an AMI event, and return the resulting events. Return None if the
        event is not about such a channel.
        """
        unique_id = message.get("Uniqueid")
        if message.event_name == "ConfbridgeJoin" and message.get("Context") == JOINED_CONTEXT:
            call = _parse_remote_call(message.get("Exten"), message.get("Conference"))
            if call is None:
                return []
            self._calls[unique_id] = call
            return [make_voter_joined_event(*call)]
        if message.event_name in {"ConfbridgeLeave", "Hangup"} and unique_id in self._calls:
            return _report_voter_left(*self._calls.pop(unique_id))
        return None

    def replace_tracked_remote_calls(self, channels: Iterable[LiveChannel]) -> None:
        """Replace the tracked channels between Asterisk servers by those found in a list of all channels."""
        self._calls = self._list_remote_calls(channels)

    def find_lost_remote_call_events(self, channels: Iterable[LiveChannel]) -> set[SwitchEvent]:
        """Return the lost events of channels between servers, found by comparison with a list of all channels."""
        listed = self._list_remote_calls(channels)
        left = [self._calls[unique_id] for unique_id in self._calls.keys() - listed.keys()]
        new = {make_voter_joined_event(*listed[unique_id]) for unique_id in listed.keys() - self._calls.keys()}
        return {*new, *(event for call in left for event in _report_voter_left(*call))}

    @staticmethod
    def _list_remote_calls(channels: Iterable[LiveChannel]) -> dict[str, _RemoteCall]:
        found = (
            (channel.unique_id, _parse_remote_call(channel.extension, channel.conference))
            for channel in channels
            if channel.context == JOINED_CONTEXT
        )
        return {unique_id: call for unique_id, call in found if call is not None}


def _parse_remote_call(extension: str, conference: str) -> _RemoteCall | None:
    """Return the attempt and the place (seat or handover) of a channel from another server. None if it is no voter's
    call.

    The other server has called the extension ATTEMPT*SEAT, or the conference of a completed transfer (handover), whose
    name contains the attempt's id.
    """
    place = find_seat_or_transfer_by_conference_name(conference)
    if place is None:
        return None
    attempt_id = place.name if place.kind is PlaceKind.HANDOVER else extension.partition("*")[0]
    return (AttemptId(attempt_id), place) if is_attempt_id(attempt_id) else None


def _report_voter_left(attempt_id: AttemptId, place: Place) -> list[SwitchEvent]:
    """Return the events for a voter who has left a conference.

    After a completed transfer (handover) there are none, because the voter's own server reports the end of the call.
    """
    return [CallLeftSeat(attempt_id, place.name)] if place.kind is PlaceKind.SEAT else []
