"""What Asterisk has said of each call and seat, and which events that makes for the engine. Pure: messages in, events out.

OriginateResponse, DialEnd and Hangup come in no fixed order, and a call that failed before there was a channel never has a
Hangup at all. A call is over once Asterisk has answered the Originate *and* the channel is gone; where one of the two stays
away, a grace time ends the wait (`overdue`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from dialer.model import AttemptId
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.port import (
    CallAnswered,
    CallConnected,
    CallEnded,
    CallLeftSeat,
    CallRinging,
    CallWaiting,
    EndedBy,
    MachineDetected,
    MessageStarted,
    SeatDown,
    SeatKey,
    SeatUp,
    SwitchEvent,
    SwitchUp,
)

VOTER_CONTEXT = "matdan-voter"
FLOW_CONTEXT = "matdan-flow"
MESSAGE_CONTEXT = "matdan-message"
SEAT_CONTEXT = "matdan-seat"
AGENT_CONTEXT = "matdan-agent"
LOG_IN_CONTEXT = "matdan-login"
SEAT_CHANNEL = "seat-"  # begins the channel id of a seat's phone that we called, and every seat's conference

EVENTS = frozenset(
    {
        "FullyBooted",
        "Shutdown",
        "OriginateResponse",
        "DialState",
        "DialEnd",
        "HangupRequest",
        "Hangup",
        "ConfbridgeJoin",
        "ConfbridgeLeave",
        "UserEvent",
    }
)
"""The events that are asked for; everything else is filtered out by Asterisk itself."""

_ATTEMPT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RINGING = "RINGING"
_ANSWER = "ANSWER"
_TIMED_OUT_REASON = "3"


@dataclass(slots=True)
class _Seen:
    """What was heard of one attempt."""

    rang: bool = False
    answered: bool = False
    placed: bool | None = None  # the OriginateResponse: True success, False failure, None not yet
    timed_out: bool = False
    dial_status: str | None = None
    hung_up: bool = False
    cause: int | None = None
    technical_cause: str | None = None


@dataclass(frozen=True, slots=True)
class LiveChannel:
    """A channel of ours as CoreShowChannels lists it."""

    unique_id: str
    context: str
    up: bool
    ringing: bool


class CallTracker:
    """Turns AMI events into the engine's, attempt by attempt."""

    def __init__(self) -> None:
        self._seen: dict[AttemptId, _Seen] = {}
        self._seat_channels: dict[str, str] = {}  # unique id of an agent's phone in its conference: its seat
        self._half_ended_now: list[AttemptId] = []  # since `awaiting_rest` was last asked

    def expect(self, attempt_id: AttemptId) -> None:
        """An Originate is about to be written: from now on events of this id mean something."""
        self._seen.setdefault(attempt_id, _Seen())

    def forget(self, attempt_id: AttemptId) -> None:
        """It was never placed."""
        self._seen.pop(attempt_id, None)

    def seat_channel(self, seat: str) -> str | None:
        """The unique id of the agent's phone in this seat; None: it is not on the line."""
        return next((unique_id for unique_id, name in self._seat_channels.items() if name == seat), None)

    def take(self, message: AmiMessage) -> list[SwitchEvent]:
        """What an AMI event means, in order."""
        match message.event:
            case "DialState":
                return self._dial_state(message)
            case "DialEnd":
                return self._dial_end(message)
            case "OriginateResponse":
                return self._originate_response(message)
            case "Hangup":
                return self._hangup(message)
            case "UserEvent":
                return self._user_event(message)
            case "ConfbridgeJoin":
                return self._joined(message)
            case "ConfbridgeLeave":
                return self._left(message)
        return []

    def awaiting_rest(self) -> list[AttemptId]:
        """Attempts of which one half of the end has just come; each is named once. Call `overdue` after the grace time."""
        fresh, self._half_ended_now = self._half_ended_now, []
        return [attempt_id for attempt_id in fresh if attempt_id in self._seen]

    def overdue(self, attempt_id: AttemptId) -> list[SwitchEvent]:
        """The other half of the end did not come within the grace time: the call is over all the same."""
        seen = self._seen.get(attempt_id)
        if seen is None or not self._half_ended(seen):
            return []
        return self._end(attempt_id, seen, EndedBy.HANGUP if seen.hung_up else EndedBy.NO_CHANNEL)

    def resync(
        self, channels: Iterable[LiveChannel], rooms: Iterable[tuple[str, str, bool]], restarted: bool
    ) -> list[SwitchEvent]:
        """Begin anew from what lives on the switch: channels, and members of seats (seat, unique id, is the agent).

        Gives `SwitchUp` and then the state of each live call, as if it had just come to be.
        """
        ours = {
            AttemptId(channel.unique_id): channel
            for channel in channels
            if channel.context in {VOTER_CONTEXT, FLOW_CONTEXT, MESSAGE_CONTEXT, SEAT_CONTEXT}
            or AttemptId(channel.unique_id) in self._seen
            # A phone that rings still stands in its trunk's context; an earlier run's call is known by its id alone.
            or _ATTEMPT_ID.fullmatch(channel.unique_id)
        }
        members = list(rooms)
        self._seat_channels = {unique_id: seat for seat, unique_id, is_agent in members if is_agent}
        talking = tuple(
            (AttemptId(unique_id), seat) for seat, unique_id, is_agent in members if not is_agent and unique_id in ours
        )
        self._seen = {
            attempt_id: self._seen.get(attempt_id, _Seen(placed=True if channel.up else None))
            for attempt_id, channel in ours.items()
        }
        events: list[SwitchEvent] = [
            SwitchUp(frozenset(ours), frozenset(self._seat_channels.values()), talking, restarted)
        ]
        for attempt_id, channel in ours.items():
            events += self._state_of(attempt_id, channel)
        return events

    def _state_of(self, attempt_id: AttemptId, channel: LiveChannel) -> list[SwitchEvent]:
        seen = self._seen[attempt_id]
        events: list[SwitchEvent] = []
        if channel.up and not seen.answered:
            seen.answered = True
            events.append(CallAnswered(attempt_id))
        elif channel.ringing and not seen.rang:
            seen.rang = True
            events.append(CallRinging(attempt_id))
        if channel.up and channel.context == MESSAGE_CONTEXT:
            events.append(MessageStarted(attempt_id))
        elif channel.up and channel.context == VOTER_CONTEXT:
            events.append(CallWaiting(attempt_id))
        return events

    def _dial_state(self, message: AmiMessage) -> list[SwitchEvent]:
        attempt_id = AttemptId(message.get("DestUniqueid"))
        seen = self._seen.get(attempt_id)
        if seen is None or seen.rang or message.get("DialStatus") != _RINGING:
            return []
        seen.rang = True
        return [CallRinging(attempt_id)]

    def _dial_end(self, message: AmiMessage) -> list[SwitchEvent]:
        attempt_id = AttemptId(message.get("DestUniqueid"))
        seen = self._seen.get(attempt_id)
        if seen is None:
            return []
        status = message.get("DialStatus")
        if status == _ANSWER:
            return self._answered(attempt_id, seen)
        seen.dial_status = status
        return []

    def _originate_response(self, message: AmiMessage) -> list[SwitchEvent]:
        if message.action_id.startswith(SEAT_CHANNEL) and message.get("Response") != "Success":
            # The agent's phone did not answer, or is not there; one that has dialled in meanwhile is up all the same.
            seat = seat_of_channel(message.action_id)
            return [SeatDown(seat)] if self.seat_channel(seat) is None else []
        attempt_id = AttemptId(message.action_id)  # a failure's Uniqueid may be another call's
        seen = self._seen.get(attempt_id)
        if seen is None:
            return []
        seen.placed = message.get("Response") == "Success"
        if seen.placed:
            return self._answered(attempt_id, seen) + self._end_if_over(attempt_id, seen)
        seen.timed_out = message.get("Reason") == _TIMED_OUT_REASON
        return self._end_if_over(attempt_id, seen)

    def _hangup(self, message: AmiMessage) -> list[SwitchEvent]:
        unique_id = message.get("Uniqueid")
        if unique_id in self._seat_channels:
            return self._phone_left(unique_id)
        attempt_id = AttemptId(unique_id)
        seen = self._seen.get(attempt_id)
        if seen is None:
            return []
        cause = message.get("Cause")
        seen.hung_up = True
        seen.cause = int(cause) if cause.isdecimal() else None
        seen.technical_cause = message.get("TechCause") or None
        return self._end_if_over(attempt_id, seen)

    def _phone_left(self, unique_id: str) -> list[SwitchEvent]:
        seat = self._seat_channels.pop(unique_id)
        return [SeatDown(seat)] if self.seat_channel(seat) is None else []

    def _user_event(self, message: AmiMessage) -> list[SwitchEvent]:
        seat = self._seat_channels.get(message.get("Uniqueid"))
        if seat is not None:
            return [SeatKey(seat, message.get("Key"))] if message.get("UserEvent") == "SeatKey" else []
        attempt_id = AttemptId(message.get("Uniqueid"))
        seen = self._seen.get(attempt_id)
        if seen is None:
            return []
        match message.get("UserEvent"):
            case "VoterWaiting":
                return [*self._answered(attempt_id, seen), CallWaiting(attempt_id)]
            case "MessageStarted":
                return [*self._answered(attempt_id, seen), MessageStarted(attempt_id)]
            case "Machine":
                return [*self._answered(attempt_id, seen), MachineDetected(attempt_id)]
        return []

    def _joined(self, message: AmiMessage) -> list[SwitchEvent]:
        seat = _seat_of(message.get("Conference"))
        if seat is None:
            return []
        unique_id = message.get("Uniqueid")
        if message.get("Context") == AGENT_CONTEXT:
            self._seat_channels[unique_id] = seat
            return [SeatUp(seat)]
        seen = self._seen.get(AttemptId(unique_id))
        return [] if seen is None else [CallConnected(AttemptId(unique_id), seat)]

    def _left(self, message: AmiMessage) -> list[SwitchEvent]:
        seat = _seat_of(message.get("Conference"))
        unique_id = message.get("Uniqueid")
        if seat is None:
            return []
        if unique_id in self._seat_channels:
            return self._phone_left(unique_id)
        return [CallLeftSeat(AttemptId(unique_id), seat)] if AttemptId(unique_id) in self._seen else []

    def _answered(self, attempt_id: AttemptId, seen: _Seen) -> list[SwitchEvent]:
        if seen.answered:
            return []
        seen.answered = True
        return [CallAnswered(attempt_id)]

    @staticmethod
    def _half_ended(seen: _Seen) -> bool:
        return seen.hung_up or seen.placed is False

    def _end_if_over(self, attempt_id: AttemptId, seen: _Seen) -> list[SwitchEvent]:
        if seen.hung_up and (seen.placed is not None or seen.answered):
            return self._end(attempt_id, seen, EndedBy.HANGUP)
        if self._half_ended(seen):
            self._half_ended_now.append(attempt_id)
        return []

    def _end(self, attempt_id: AttemptId, seen: _Seen, by: EndedBy) -> list[SwitchEvent]:
        del self._seen[attempt_id]
        return [
            CallEnded(
                attempt_id,
                by,
                answered=seen.answered,
                timed_out=seen.timed_out,
                cause=seen.cause,
                technical_cause=seen.technical_cause,
                dial_status=seen.dial_status,
                ever_ringing=seen.rang,
            )
        ]


def seat_channel_id(seat: str, token: str) -> str:
    """The channel id of one call to a seat's phone; `token` makes it new each time."""
    return f"{SEAT_CHANNEL}{seat}-{token}"


def seat_of_channel(channel_id: str) -> str:
    """The seat in a channel id that `seat_channel_id` made."""
    return channel_id[len(SEAT_CHANNEL) :].rpartition("-")[0]


def _seat_of(conference: str) -> str | None:
    return conference[len(SEAT_CHANNEL) :] if conference.startswith(SEAT_CHANNEL) else None
