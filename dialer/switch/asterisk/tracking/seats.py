"""The agents' phones: which ones are on the line in their seats. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from dialer.domain.switch_events import (
    PhoneRegistered,
    PhoneUnreachable,
    SeatDown,
    SeatKeyPressed,
    SeatPhoneSilent,
    SeatUp,
    SwitchEvent,
)
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import AGENT_CONTEXT, SEAT_CHANNEL, seat_of, seat_of_channel

_NO_MEDIA_CAUSE = "44"  # of a channel that Asterisk hangs up for lack of RTP
_UNREACHABLE = frozenset({"Removed", "Unreachable", "Unregistered"})
_REGISTERED = frozenset({"NonQualified", "Reachable"})  # NonQualified: a phone without qualify, such as a browser's


class SeatTracker:
    """Turns events of agents' phones into the engine's. A seat is down when its last phone has left."""

    def __init__(self) -> None:
        self._in_seat: dict[str, str] = {}  # seat by unique id of a phone in its conference
        self._left_seat: dict[
            str, str
        ] = {}  # the same of phones that have left their conference and are not hung up yet
        self._replaced: list[str] = []
        self._answered: set[str] = (
            set()
        )  # unique ids of phones that have answered our call and are in no conference yet

    def has(self, unique_id: str) -> bool:
        """Return whether a channel is a phone in its seat."""
        return unique_id in self._in_seat

    def channel(self, seat: str) -> str | None:
        """Return the unique id of the phone in a seat, the latest of several; None: it is not on the line."""
        return next((unique_id for unique_id, name in reversed(self._in_seat.items()) if name == seat), None)

    def pop_replaced(self) -> list[str]:
        """Return the phones in whose seat another one has arrived since the last call of this method."""
        replaced, self._replaced = self._replaced, []
        return replaced

    def live(self) -> frozenset[str]:
        """Return the seats whose phones are on the line."""
        return frozenset(self._in_seat.values())

    def resync(self, answered: Iterable[str], in_seat: Mapping[str, str]) -> None:
        """Replace the state by a list: the unique ids of answered channels, and the seat of each phone in a conference."""
        self._in_seat = dict(in_seat)
        self._left_seat.clear()
        self._answered = {each for each in answered if each.startswith(SEAT_CHANNEL) and each not in self._in_seat}

    def differences(self, listed: Collection[str], in_seat: Mapping[str, str]) -> set[SwitchEvent]:
        """Return the events that were not reported, by a list of all unique ids and the seat of each phone in a
        conference.
        """
        left = {seat for unique_id, seat in self._in_seat.items() if unique_id not in listed}
        stayed = {seat for unique_id, seat in self._in_seat.items() if unique_id in listed}
        joined = {seat for unique_id, seat in in_seat.items() if unique_id not in self._in_seat}
        return {*(SeatDown(seat) for seat in left - stayed - joined), *(SeatUp(seat) for seat in joined)}

    def set_phones(self, seat: str, phones: Mapping[str, str]) -> None:
        """Replace the phones of one seat, by unique id."""
        others = {unique_id: name for unique_id, name in self._in_seat.items() if name != seat}
        self._in_seat = {**others, **phones}
        self._answered -= phones.keys()

    def handle(self, message: AmiMessage) -> list[SwitchEvent] | None:
        """Return what an AMI event means; None: it is not about an agent's phone."""
        match message.event:
            case "OriginateResponse" if message.action_id.startswith(SEAT_CHANNEL):
                # The phone did not answer, or is not registered. The seat stays up if another phone has dialled in meanwhile.
                failed = message.get("Response") != "Success"
                return self._down_if_empty(seat_of_channel(message.action_id)) if failed else []
            case "DialEnd" if message.get("DestUniqueid").startswith(SEAT_CHANNEL):
                if message.get("DialStatus") == "ANSWER" and not self.has(message.get("DestUniqueid")):
                    self._answered.add(message.get("DestUniqueid"))
                return []
            case "ConfbridgeJoin":
                return self._joined(message)
            case "ConfbridgeLeave":
                in_seat = seat_of(message.get("Conference")) is not None and self.has(message.get("Uniqueid"))
                return self._left(message.get("Uniqueid")) if in_seat else None
            case "Hangup":
                return self._hung_up(message.get("Uniqueid"), message.get("Cause"))
            case "ContactStatus" if message.get("ContactStatus") in _UNREACHABLE:
                return [PhoneUnreachable(message.get("EndpointName"))]
            case "ContactStatus" if message.get("ContactStatus") in _REGISTERED:
                return [PhoneRegistered(message.get("EndpointName"), message.get("URI"))]
            case "UserEvent" if self.has(message.get("Uniqueid")):
                seat = self._in_seat[message.get("Uniqueid")]
                return [SeatKeyPressed(seat, message.get("Key"))] if message.get("UserEvent") == "SeatKey" else []
        return None

    def _joined(self, message: AmiMessage) -> list[SwitchEvent] | None:
        seat = seat_of(message.get("Conference"))
        if seat is None or message.get("Context") != AGENT_CONTEXT:
            return None
        self._answered.discard(message.get("Uniqueid"))
        self._replaced += [each for each, name in self._in_seat.items() if name == seat]
        self._in_seat[message.get("Uniqueid")] = seat
        return [SeatUp(seat)]

    def _hung_up(self, unique_id: str, cause: str) -> list[SwitchEvent] | None:
        left = self._left_seat.pop(unique_id, None)
        if left is not None:
            return [SeatPhoneSilent(left)] if cause == _NO_MEDIA_CAUSE else []
        if self.has(unique_id):
            down = self._left(unique_id)
            del self._left_seat[unique_id]
            return down
        if unique_id not in self._answered:
            return None
        # Hung up before it reached the conference: OriginateResponse said Success, and no other event reports its end.
        self._answered.remove(unique_id)
        return self._down_if_empty(seat_of_channel(unique_id))

    def _left(self, unique_id: str) -> list[SwitchEvent]:
        seat = self._in_seat.pop(unique_id)
        self._left_seat[unique_id] = seat
        return self._down_if_empty(seat)

    def _down_if_empty(self, seat: str) -> list[SwitchEvent]:
        return [SeatDown(seat)] if self.channel(seat) is None else []
