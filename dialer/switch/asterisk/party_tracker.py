"""What Asterisk has said of third parties: those who help with a call, and those who listen. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import is_party, place_of
from dialer.switch.port import PartyCame, PartyGone, PartyId, Place, SwitchEvent


class PartyTracker:
    """Turns events of third parties' channels into the engine's. Each party comes to an end once."""

    def __init__(self) -> None:
        self._live: set[PartyId] = set()
        self._places: dict[PartyId, Place] = {}  # of those who are in a conference

    def expect(self, party_id: PartyId) -> None:
        """A call to a third party is about to be written."""
        self._live.add(party_id)

    def forget(self, party_id: PartyId) -> None:
        """It was never placed."""
        self._live.discard(party_id)
        self._places.pop(party_id, None)

    def is_live(self, party_id: PartyId) -> bool:
        """Whether the party's channel is there, or may be still to come."""
        return party_id in self._live

    def take(self, message: AmiMessage) -> list[SwitchEvent] | None:
        """What an event means; None: it is not about a third party."""
        if message.event == "OriginateResponse" and is_party(message.action_id):
            return self._gone(message.action_id) if message.get("Response") != "Success" else []
        unique_id = message.get("Uniqueid")
        if not is_party(unique_id):
            return None
        if message.event == "Hangup":
            return self._gone(unique_id)
        place = place_of(message.get("Conference"))
        if message.event == "ConfbridgeLeave":
            self._places.pop(PartyId(unique_id), None)
        if message.event == "ConfbridgeJoin" and place is not None and PartyId(unique_id) in self._live:
            self._places[PartyId(unique_id)] = place
            return [PartyCame(PartyId(unique_id), place)]
        return []

    def _gone(self, unique_id: str) -> list[SwitchEvent]:
        party_id = PartyId(unique_id)
        if party_id not in self._live:
            return []
        self.forget(party_id)
        return [PartyGone(party_id)]

    def differences(self, listed: Mapping[str, Place | None]) -> set[SwitchEvent]:
        """What was not said, by a list of every party's unique id with the conference of each."""
        gone = {PartyGone(party_id) for party_id in self._live if party_id not in listed}
        came = {
            PartyCame(party_id, place)
            for party_id, place in ((PartyId(unique_id), place) for unique_id, place in listed.items())
            if place is not None and party_id in self._live and place != self._places.get(party_id)
        }
        return {*gone, *came}

    def make_up_for(self, event: PartyCame | PartyGone) -> None:
        """It is heard now."""
        if isinstance(event, PartyGone):
            self.forget(event.party_id)
        else:
            self._places[event.party_id] = event.place

    def resync(
        self, channels: Iterable[str], rooms: Iterable[tuple[str, str]]
    ) -> tuple[tuple[PartyId, Place | None], ...]:
        """Begin anew from the channels' ids, and the members of conferences (conference, unique id): who is there, and where."""
        places = {unique_id: place_of(conference) for conference, unique_id in rooms if is_party(unique_id)}
        self._live = {PartyId(unique_id) for unique_id in (*channels, *places) if is_party(unique_id)}
        self._places = {party_id: place for party_id in self._live if (place := places.get(party_id)) is not None}
        return tuple((party_id, places.get(party_id)) for party_id in sorted(self._live))
