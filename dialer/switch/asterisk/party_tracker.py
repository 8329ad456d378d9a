"""What Asterisk has said of third parties: those who help with a call, and those who listen. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import is_party, place_of
from dialer.switch.port import PartyCame, PartyGone, PartyId, Place, SwitchEvent


class PartyTracker:
    """Turns events of third parties' channels into the engine's. Each party comes to an end once."""

    def __init__(self) -> None:
        self._live: set[PartyId] = set()

    def expect(self, party_id: PartyId) -> None:
        """A call to a third party is about to be written."""
        self._live.add(party_id)

    def forget(self, party_id: PartyId) -> None:
        """It was never placed."""
        self._live.discard(party_id)

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
        if message.event == "ConfbridgeJoin" and place is not None and PartyId(unique_id) in self._live:
            return [PartyCame(PartyId(unique_id), place)]
        return []

    def _gone(self, unique_id: str) -> list[SwitchEvent]:
        party_id = PartyId(unique_id)
        if party_id not in self._live:
            return []
        self._live.remove(party_id)
        return [PartyGone(party_id)]

    def resync(
        self, channels: Iterable[str], rooms: Iterable[tuple[str, str]]
    ) -> tuple[tuple[PartyId, Place | None], ...]:
        """Begin anew from the channels' ids, and the members of conferences (conference, unique id): who is there, and where."""
        places = {unique_id: place_of(conference) for conference, unique_id in rooms if is_party(unique_id)}
        self._live = {PartyId(unique_id) for unique_id in (*channels, *places) if is_party(unique_id)}
        return tuple((party_id, places.get(party_id)) for party_id in sorted(self._live))
