"""A tracker of third parties: targets of transfers, and supervisors who listen. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

from dialer.domain.model import AttemptId
from dialer.domain.parties import PartyId, Place, parse_transfer_attempt_id
from dialer.domain.switch_events import PartyJoined, PartyLeft, SwitchEvent
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import find_seat_or_transfer_by_conference_name, is_third_party_channel


class PartyTracker:
    """The state of all third parties: transfer targets, and supervisors who listen.

    It turns AMI events into the engine's events (`PartyJoined`, `PartyLeft`), and reports each third party's end once.
    """

    def __init__(self) -> None:
        self._live: set[PartyId] = set()
        self._places: dict[PartyId, Place] = {}  # of the parties in a conference

    def start_tracking_channel(self, party_id: PartyId) -> None:
        """Start to track the channel of a third party whose call is about to be placed."""
        self._live.add(party_id)

    def stop_tracking_channel(self, party_id: PartyId) -> None:
        """Stop tracking the channel of a third party that has left or was never called."""
        self._live.discard(party_id)
        self._places.pop(party_id, None)

    def list_third_parties(self) -> list[PartyId]:
        """Return all third parties whose channel exists or may still be created."""
        return [*self._live]

    def is_third_party_live(self, party_id: PartyId) -> bool:
        """Return whether the third party's channel exists or may still be created."""
        return party_id in self._live

    def is_third_party_called_for_attempt(self, attempt_id: AttemptId) -> bool:
        """Return whether a third party was called for this attempt."""
        return any(parse_transfer_attempt_id(party_id) == attempt_id for party_id in self._live)

    def handle_ami_event(self, message: AmiMessage) -> list[SwitchEvent] | None:
        """Update the tracked third parties from an AMI event, and return the resulting events. Return None if the event
        is not about a third party.
        """
        if message.event_name == "OriginateResponse" and is_third_party_channel(message.action_id):
            return self._report_third_party_left(message.action_id) if message.get("Response") != "Success" else []
        unique_id = message.get("Uniqueid")
        if not is_third_party_channel(unique_id):
            return None
        if message.event_name == "Hangup":
            return self._report_third_party_left(unique_id)
        place = find_seat_or_transfer_by_conference_name(message.get("Conference"))
        if message.event_name == "ConfbridgeLeave":
            self._places.pop(PartyId(unique_id), None)
        if message.event_name == "ConfbridgeJoin" and place is not None and PartyId(unique_id) in self._live:
            self._places[PartyId(unique_id)] = place
            return [PartyJoined(PartyId(unique_id), place)]
        return []

    def _report_third_party_left(self, unique_id: str) -> list[SwitchEvent]:
        party_id = PartyId(unique_id)
        if party_id not in self._live:
            return []
        self.stop_tracking_channel(party_id)
        return [PartyLeft(party_id)]

    def replace_tracked_third_parties(self, listed: Mapping[PartyId, Place | None]) -> None:
        """Replace the tracked third parties (transfer targets and supervisors) by those in `listed`.

        `listed` has the conference of each connected third party, or None if it is in none.
        """
        self._live = {*listed}
        self._places = {party_id: place for party_id, place in listed.items() if place is not None}

    def find_lost_third_party_events(self, listed: Mapping[PartyId, Place | None]) -> set[SwitchEvent]:
        """Return the third-party events that were lost: Asterisk's channels show another state than the one that is
        tracked.
        """
        left = {PartyLeft(party_id) for party_id in self._live if party_id not in listed}
        joined = {
            PartyJoined(party_id, place)
            for party_id, place in listed.items()
            if place is not None and party_id in self._live and place != self._places.get(party_id)
        }
        return {*left, *joined}

    def update_from_lost_third_party_event(self, event: PartyJoined | PartyLeft) -> None:
        """Update the tracked third party as if an event that Asterisk sent, but the dialler never got, had arrived."""
        if isinstance(event, PartyLeft):
            self.stop_tracking_channel(event.party_id)
        else:
            self._places[event.party_id] = event.place
