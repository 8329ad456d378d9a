"""A tracker of the agents' phones that are connected to their seats' conferences. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from dialer.domain.switch_events import (
    PhoneRegistered,
    PhoneUnreachable,
    SeatDown,
    SeatKeyPressed,
    SeatPhoneHeld,
    SeatPhoneResumed,
    SeatPhoneSilent,
    SeatUp,
    SwitchEvent,
)
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import AGENT_CONTEXT, SEAT_CHANNEL, parse_seat_of_channel, parse_seat_of_conference

_NO_MEDIA_CAUSE = "44"  # hangup cause of a channel that Asterisk ends for lack of RTP
_UNREACHABLE = frozenset({"Removed", "Unreachable", "Unregistered"})
_REGISTERED = frozenset({"NonQualified", "Reachable"})  # NonQualified: a phone without qualify, such as a browser phone


class SeatTracker:
    """The state of all agents' phones. It turns AMI events into seat events.

    A seat is down once its last phone has left the seat's conference.
    """

    def __init__(self) -> None:
        self._in_seat: dict[str, str] = {}  # seat by unique id, of phones in their conference
        self._left_seat: dict[str, str] = {}  # seat by unique id, of phones that have left and are not hung up yet
        self._replaced: list[str] = []
        self._called: set[str] = set()  # unique ids of phones that we called, until they hang up
        self._answered: set[str] = set()  # unique ids of phones that answered our call and have not joined yet

    def start_tracking_called_phone(self, unique_id: str) -> None:
        """Start to track an agent's phone that is about to be called."""
        self._called.add(unique_id)

    def stop_tracking_called_phone(self, unique_id: str) -> None:
        """Stop tracking an agent's phone, because Asterisk has refused to call it."""
        self._called.discard(unique_id)

    def list_phones(self) -> list[str]:
        """Return the unique ids of all agents' phones that are in a seat's conference, or that the dialler is calling."""
        return [*{**dict.fromkeys(self._in_seat), **dict.fromkeys(self._called)}]

    def is_phone_in_seat(self, unique_id: str) -> bool:
        """Return whether a channel is an agent's phone in its seat's conference."""
        return unique_id in self._in_seat

    def find_phone_in_seat(self, seat: str) -> str | None:
        """Return the unique id of the phone in a seat (the latest of several), or None if the seat has none."""
        return next((unique_id for unique_id, name in reversed(self._in_seat.items()) if name == seat), None)

    def pop_replaced_phones(self) -> list[str]:
        """Return the unique ids of phones whose seat another phone has taken over. Each is returned once."""
        replaced, self._replaced = self._replaced, []
        return replaced

    def list_live_seats(self) -> frozenset[str]:
        """Return the seats whose agent's phone is connected (in the seat's conference)."""
        return frozenset(self._in_seat.values())

    def replace_tracked_phones(self, answered: Iterable[str], in_seat: Mapping[str, str]) -> None:
        """Replace the tracked agents' phones by those in a list of all channels.

        Args:
            answered: the unique ids of all answered channels.
            in_seat: the seat of each phone in a conference, by unique id.
        """
        self._in_seat = dict(in_seat)
        self._left_seat.clear()
        self._called.clear()
        self._answered = {each for each in answered if each.startswith(SEAT_CHANNEL) and each not in self._in_seat}

    def find_lost_seat_events(self, listed: Collection[str], in_seat: Mapping[str, str]) -> set[SwitchEvent]:
        """Return the seat events that were lost: Asterisk's channels show another state than the one that is tracked.

        Args:
            listed: the unique ids of all channels.
            in_seat: the seat of each phone in a conference, by unique id.
        """
        left = {seat for unique_id, seat in self._in_seat.items() if unique_id not in listed}
        stayed = {seat for unique_id, seat in self._in_seat.items() if unique_id in listed}
        joined = {seat for unique_id, seat in in_seat.items() if unique_id not in self._in_seat}
        return {*(SeatDown(seat) for seat in left - stayed - joined), *(SeatUp(seat) for seat in joined)}

    def replace_phones_of_seat(self, seat: str, phones: Mapping[str, str]) -> None:
        """Replace the tracked phones of one seat. The keys of `phones` are channels' unique ids, its values the seat."""
        others = {unique_id: name for unique_id, name in self._in_seat.items() if name != seat}
        self._in_seat = {**others, **phones}
        self._answered -= phones.keys()

    def handle_ami_event(self, message: AmiMessage) -> list[SwitchEvent] | None:
        """Update the tracked phones from an AMI event, and return the resulting events. Return None if the event is not
        about an agent's phone.
        """
        match message.event_name:
            case "OriginateResponse" if message.action_id.startswith(SEAT_CHANNEL):
                # The phone did not answer or is not registered. The seat stays up if another phone has dialled in.
                failed = message.get("Response") != "Success"
                if failed:
                    self._called.discard(message.action_id)
                return self._report_seat_down_if_empty(parse_seat_of_channel(message.action_id)) if failed else []
            case "DialEnd" if message.get("DestUniqueid").startswith(SEAT_CHANNEL):
                if message.get("DialStatus") == "ANSWER" and not self.is_phone_in_seat(message.get("DestUniqueid")):
                    self._answered.add(message.get("DestUniqueid"))
                return []
            case "ConfbridgeJoin":
                return self._handle_conference_join(message)
            case "ConfbridgeLeave":
                in_seat = parse_seat_of_conference(message.get("Conference")) is not None and self.is_phone_in_seat(
                    message.get("Uniqueid")
                )
                return self._remove_phone_from_seat(message.get("Uniqueid")) if in_seat else None
            case "Hangup":
                return self._handle_hangup(message.get("Uniqueid"), message.get("Cause"))
            case "ContactStatus" if message.get("ContactStatus") in _UNREACHABLE:
                return [PhoneUnreachable(message.get("EndpointName"))]
            case "ContactStatus" if message.get("ContactStatus") in _REGISTERED:
                return [PhoneRegistered(message.get("EndpointName"), message.get("URI"))]
            case "Hold" | "Unhold" if self.is_phone_in_seat(message.get("Uniqueid")):
                return self._report_hold_key_of_phone(message.get("Uniqueid"), is_held=message.event_name == "Hold")
            case "UserEvent" if self.is_phone_in_seat(message.get("Uniqueid")):
                seat = self._in_seat[message.get("Uniqueid")]
                return [SeatKeyPressed(seat, message.get("Key"))] if message.get("UserEvent") == "SeatKey" else []
        return None

    def _handle_conference_join(self, message: AmiMessage) -> list[SwitchEvent] | None:
        seat = parse_seat_of_conference(message.get("Conference"))
        if seat is None or message.get("Context") != AGENT_CONTEXT:
            return None
        self._answered.discard(message.get("Uniqueid"))
        self._replaced += [each for each, name in self._in_seat.items() if name == seat]
        self._in_seat[message.get("Uniqueid")] = seat
        return [SeatUp(seat)]

    def _report_hold_key_of_phone(self, unique_id: str, *, is_held: bool) -> list[SwitchEvent]:
        seat = self._in_seat[unique_id]
        if self.find_phone_in_seat(seat) != unique_id:  # a replaced phone, which is being hung up
            return []
        return [SeatPhoneHeld(seat) if is_held else SeatPhoneResumed(seat)]

    def _handle_hangup(self, unique_id: str, cause: str) -> list[SwitchEvent] | None:
        self._called.discard(unique_id)
        left = self._left_seat.pop(unique_id, None)
        if left is not None:
            return [SeatPhoneSilent(left)] if cause == _NO_MEDIA_CAUSE else []
        if self.is_phone_in_seat(unique_id):
            down = self._remove_phone_from_seat(unique_id)
            del self._left_seat[unique_id]
            return down
        if unique_id not in self._answered:
            return None
        # The phone hung up before it joined: OriginateResponse was Success, and no other event reports its end.
        self._answered.remove(unique_id)
        return self._report_seat_down_if_empty(parse_seat_of_channel(unique_id))

    def _remove_phone_from_seat(self, unique_id: str) -> list[SwitchEvent]:
        seat = self._in_seat.pop(unique_id)
        self._left_seat[unique_id] = seat
        return self._report_seat_down_if_empty(seat)

    def _report_seat_down_if_empty(self, seat: str) -> list[SwitchEvent]:
        return [SeatDown(seat)] if self.find_phone_in_seat(seat) is None else []
