"""What Asterisk has said of agents' phones: which ones are nailed up in their seats, and which are gone. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import AGENT_CONTEXT, SEAT_CHANNEL, seat_of, seat_of_channel
from dialer.switch.port import PhoneAway, SeatDown, SeatKey, SeatSilent, SeatUp, SwitchEvent

_NO_MEDIA_CAUSE = "44"  # of a channel that Asterisk hangs up for lack of RTP
_AWAY = frozenset({"Removed", "Unreachable", "Unregistered"})


class SeatTracker:
    """Turns events of agents' phones into the engine's. A seat is down when its last phone is gone."""

    def __init__(self) -> None:
        self._in_seat: dict[str, str] = {}  # unique id of a phone in its conference: its seat
        self._left_seat: dict[
            str, str
        ] = {}  # unique id of a phone that has left its conference and is not hung up yet: its seat
        self._replaced: list[str] = []
        self._lifted: set[str] = set()  # unique ids of phones that have answered us and are in no conference yet

    def has(self, unique_id: str) -> bool:
        """Whether a channel is a phone in its seat."""
        return unique_id in self._in_seat

    def channel(self, seat: str) -> str | None:
        """The unique id of the agent's phone in this seat, the last to come; None: it is not on the line."""
        return next((unique_id for unique_id, name in reversed(self._in_seat.items()) if name == seat), None)

    def replaced(self) -> list[str]:
        """Phones, since this was last asked, in whose seat another one of the same agent is now."""
        replaced, self._replaced = self._replaced, []
        return replaced

    def live(self) -> frozenset[str]:
        """The seats whose phones are on the line."""
        return frozenset(self._in_seat.values())

    def resync(self, answered: Iterable[str], in_seat: Mapping[str, str]) -> None:
        """Begin anew from the answered channels' unique ids, and the phones in conferences with the seat of each."""
        self._in_seat = dict(in_seat)
        self._left_seat.clear()
        self._lifted = {each for each in answered if each.startswith(SEAT_CHANNEL) and each not in self._in_seat}

    def differences(self, listed: Collection[str], in_seat: Mapping[str, str]) -> set[SwitchEvent]:
        """What was not said, by a list of every channel's unique id and of the phones in conferences with the seat of each."""
        gone = {seat for unique_id, seat in self._in_seat.items() if unique_id not in listed}
        still = {seat for unique_id, seat in self._in_seat.items() if unique_id in listed}
        came = {seat for unique_id, seat in in_seat.items() if unique_id not in self._in_seat}
        return {*(SeatDown(seat) for seat in gone - still - came), *(SeatUp(seat) for seat in came)}

    def make_up_for(self, seat: str, phones: Mapping[str, str]) -> None:
        """These phones, and no others, are in this seat."""
        others = {unique_id: name for unique_id, name in self._in_seat.items() if name != seat}
        self._in_seat = {**others, **phones}
        self._lifted -= phones.keys()

    def take(self, message: AmiMessage) -> list[SwitchEvent] | None:
        """What an event means; None: it is not about an agent's phone."""
        match message.event:
            case "OriginateResponse" if message.action_id.startswith(SEAT_CHANNEL):
                # The phone did not answer, or is not there; one that has dialled in meanwhile is up all the same.
                return [] if message.get("Response") == "Success" else self._gone(seat_of_channel(message.action_id))
            case "DialEnd" if message.get("DestUniqueid").startswith(SEAT_CHANNEL):
                if message.get("DialStatus") == "ANSWER" and not self.has(message.get("DestUniqueid")):
                    self._lifted.add(message.get("DestUniqueid"))
                return []
            case "ConfbridgeJoin":
                return self._joined(message)
            case "ConfbridgeLeave":
                in_seat = seat_of(message.get("Conference")) is not None and self.has(message.get("Uniqueid"))
                return self._left(message.get("Uniqueid")) if in_seat else None
            case "Hangup":
                return self._hung_up(message.get("Uniqueid"), message.get("Cause"))
            case "ContactStatus" if message.get("ContactStatus") in _AWAY:
                return [PhoneAway(message.get("EndpointName"))]
            case "UserEvent" if self.has(message.get("Uniqueid")):
                seat = self._in_seat[message.get("Uniqueid")]
                return [SeatKey(seat, message.get("Key"))] if message.get("UserEvent") == "SeatKey" else []
        return None

    def _joined(self, message: AmiMessage) -> list[SwitchEvent] | None:
        seat = seat_of(message.get("Conference"))
        if seat is None or message.get("Context") != AGENT_CONTEXT:
            return None
        self._lifted.discard(message.get("Uniqueid"))
        self._replaced += [each for each, name in self._in_seat.items() if name == seat]
        self._in_seat[message.get("Uniqueid")] = seat
        return [SeatUp(seat)]

    def _hung_up(self, unique_id: str, cause: str) -> list[SwitchEvent] | None:
        left = self._left_seat.pop(unique_id, None)
        if left is not None:
            return [SeatSilent(left)] if cause == _NO_MEDIA_CAUSE else []
        if self.has(unique_id):
            down = self._left(unique_id)
            del self._left_seat[unique_id]
            return down
        if unique_id not in self._lifted:
            return None
        # Put down, or dead, before it was in the conference: OriginateResponse said Success, and nothing else tells of it.
        self._lifted.remove(unique_id)
        return self._gone(seat_of_channel(unique_id))

    def _left(self, unique_id: str) -> list[SwitchEvent]:
        seat = self._in_seat.pop(unique_id)
        self._left_seat[unique_id] = seat
        return self._gone(seat)

    def _gone(self, seat: str) -> list[SwitchEvent]:
        return [SeatDown(seat)] if self.channel(seat) is None else []
