"""The third parties: targets of transfers, and supervisors who listen. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from dialer.domain.model import AttemptId
from dialer.domain.parties import PartyId, Place, attempt_of
from dialer.domain.switch_events import PartyJoined, PartyLeft, SwitchEvent
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import is_party, place_of


class PartyTracker:
    """Turns events of third parties' channels into the engine's. Each party's end is reported once."""

    def __init__(self) -> None:
        self._live: set[PartyId] = set()
        self._places: dict[PartyId, Place] = {}  # of those in a conference

    def expect(self, party_id: PartyId) -> None:
        """Know a third party from now on: its call is about to be placed."""
        self._live.add(party_id)

    def forget(self, party_id: PartyId) -> None:
        """Forget a third party that was never placed, or has left."""
        self._live.discard(party_id)
        self._places.pop(party_id, None)

    def is_live(self, party_id: PartyId) -> bool:
        """Return whether the party's channel exists, or may still come."""
        return party_id in self._live

    def is_called_for(self, attempt_id: AttemptId) -> bool:
        """Return whether there is a third party of this attempt."""
        return any(attempt_of(party_id) == attempt_id for party_id in self._live)

    def handle(self, message: AmiMessage) -> list[SwitchEvent] | None:
        """Return what an AMI event means; None: it is not about a third party."""
        if message.event == "OriginateResponse" and is_party(message.action_id):
            return self._left(message.action_id) if message.get("Response") != "Success" else []
        unique_id = message.get("Uniqueid")
        if not is_party(unique_id):
            return None
        if message.event == "Hangup":
            return self._left(unique_id)
        place = place_of(message.get("Conference"))
        if message.event == "ConfbridgeLeave":
            self._places.pop(PartyId(unique_id), None)
        if message.event == "ConfbridgeJoin" and place is not None and PartyId(unique_id) in self._live:
            self._places[PartyId(unique_id)] = place
            return [PartyJoined(PartyId(unique_id), place)]
        return []

    def _left(self, unique_id: str) -> list[SwitchEvent]:
        party_id = PartyId(unique_id)
        if party_id not in self._live:
            return []
        self.forget(party_id)
        return [PartyLeft(party_id)]

    def resync(self, listed: Mapping[PartyId, Place | None]) -> None:
        """Replace the state by a list of all parties with their places."""
        self._live = {*listed}
        self._places = {party_id: place for party_id, place in listed.items() if place is not None}

    def differences(self, listed: Mapping[PartyId, Place | None]) -> set[SwitchEvent]:
        """Return the events that were not reported, by a list of all parties with their places."""
        left = {PartyLeft(party_id) for party_id in self._live if party_id not in listed}
        joined = {
            PartyJoined(party_id, place)
            for party_id, place in listed.items()
            if place is not None and party_id in self._live and place != self._places.get(party_id)
        }
        return {*left, *joined}

    def apply(self, event: PartyJoined | PartyLeft) -> None:
        """Change the state as if the event had been reported."""
        if isinstance(event, PartyLeft):
            self.forget(event.party_id)
        else:
            self._places[event.party_id] = event.place
