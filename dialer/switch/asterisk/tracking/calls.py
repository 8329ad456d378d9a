"""The calls of attempts, from Originate or arrival to their end. Pure.

OriginateResponse, DialEnd and Hangup come in no fixed order, and a call that failed before it had a channel gets no
Hangup. So a call is over once Asterisk has answered the Originate *and* its channel is gone. Where one of the two does
not come, a grace time ends the wait (`end_overdue`).

A carrier that sends 183 instead of 180 (early media: the ringing tone, or an announcement, is sound) never reports
ringing: Asterisk 22 sends DialState PROGRESS, and the channel stays Down. So PROGRESS counts as ringing. A RINGING
after it is reported again, as that is the more exact time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dialer.domain.model import AttemptId
from dialer.domain.parties import Place, PlaceKind
from dialer.domain.switch_events import (
    REDIRECTED,
    CallAnswered,
    CallConnected,
    CallEnded,
    CallEvent,
    CallHandedOver,
    CallLeftSeat,
    CallRinging,
    CallWaiting,
    EndedBy,
    MachineDetected,
    MessageFailed,
    MessageStarted,
    RecordingStarted,
    StrayCallFound,
    SwitchEvent,
)
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import (
    HOLD_CONTEXT,
    MESSAGE_CONTEXT,
    VOTER_CONTEXT,
    VOTERS_CONTEXTS,
    is_attempt_id,
    is_party,
    place_of,
    seat_of,
)
from dialer.switch.asterisk.tracking.channels import LiveChannel, joined_conference

_ATTEMPT_FIELDS: Final = {"DialState": "DestUniqueid", "DialEnd": "DestUniqueid", "OriginateResponse": "ActionID"}
"""The fields that name the attempt, where not Uniqueid does: in the response to a failed Originate that may be another
call's.
"""

_TIMED_OUT_REASON: Final = "3"


@dataclass(slots=True)
class _Call:
    """What Asterisk has reported of one call."""

    channel: str = ""  # its channel's name
    rang: bool = False
    early_media: bool = False  # sound before the answer, and no report of ringing
    may_ring: bool = False  # early media, or ringing may have been reported before this session
    answered: bool = False
    placed: bool | None = None  # by OriginateResponse: True success, False failure; None: not received
    timed_out: bool = False
    dial_status: str | None = None
    hung_up: bool = False
    cause: int | None = None
    technical_cause: str | None = None
    place: Place | None = None  # the conference that it is in
    waits: bool = False  # for a seat; reported
    hears_message: bool = False

    @property
    def half_ended(self) -> bool:
        """Whether one of the two events of an end was received."""
        return self.hung_up or self.placed is False


class CallTracker:
    """Turns events of calls into the engine's, attempt by attempt."""

    def __init__(self) -> None:
        self._calls: dict[AttemptId, _Call] = {}
        self._inbound: dict[
            str, AttemptId
        ] = {}  # attempt by unique id of a channel that came in, which Asterisk has chosen
        self._half_ended: list[AttemptId] = []  # since `pop_half_ended` was last called

    # Which attempts and channels

    def expect(self, attempt_id: AttemptId) -> None:
        """Know an attempt from now on: its Originate is about to be written."""
        self._calls.setdefault(attempt_id, _Call())

    def adopt(self, unique_id: str, attempt_id: AttemptId) -> bool:
        """Know an inbound channel by this attempt from now on.

        Return False, and change nothing, where it is known already.
        """
        if unique_id in self._inbound or unique_id in self._calls:
            return False
        self._inbound[unique_id] = attempt_id
        self._calls[attempt_id] = _Call(placed=True)
        return True

    def forget(self, attempt_id: AttemptId) -> None:
        """Forget a call that is over, or was never placed."""
        self._calls.pop(attempt_id, None)
        if self._inbound:
            self._inbound = {unique_id: ours for unique_id, ours in self._inbound.items() if ours != attempt_id}

    def attempt_of(self, unique_id: str) -> AttemptId:
        """Return the attempt of a channel: the one that it was adopted by, else its id, which we gave it."""
        return self._inbound.get(unique_id, AttemptId(unique_id))

    def channel_of(self, attempt_id: AttemptId) -> str:
        """Return the unique id of an attempt's channel."""
        return next((unique_id for unique_id, ours in self._inbound.items() if ours == attempt_id), attempt_id)

    def has_adopted(self, unique_id: str) -> bool:
        """Return whether a channel came in and was adopted."""
        return unique_id in self._inbound

    def has(self, attempt_id: AttemptId) -> bool:
        """Return whether the attempt's call is on this Asterisk, as far as was reported."""
        return attempt_id in self._calls

    def is_live(self, attempt_id: AttemptId) -> bool:
        """Return whether the attempt's channel exists, or may still come: nothing of its end was reported."""
        call = self._calls.get(attempt_id)
        return call is not None and not call.half_ended

    def answered_channel(self, attempt_id: AttemptId) -> str | None:
        """Return the name of the attempt's channel where it is answered and not hung up, as far as was reported."""
        call = self._calls.get(attempt_id)
        return call.channel if call is not None and call.answered and not call.hung_up else None

    def mark_answered(self, attempt_id: AttemptId, channel: str) -> list[SwitchEvent]:
        """Note that Asterisk, asked for it, says that the attempt's channel is answered, under this name."""
        call = self._calls.get(attempt_id)
        if call is None:
            return []
        call.channel = channel
        return self._answered(attempt_id, call)

    # Events

    def handle(self, message: AmiMessage) -> list[SwitchEvent]:
        """Return what an AMI event means, in order."""
        attempt_id = self.attempt_of(message.get(_ATTEMPT_FIELDS.get(message.event, "Uniqueid")))
        call = self._calls.get(attempt_id)
        if call is None:
            return []
        match message.event:
            case "DialState":
                return self._dial_state(attempt_id, call, message.get("DialStatus"))
            case "DialEnd":
                return self._dial_end(attempt_id, call, message)
            case "OriginateResponse":
                return self._originate_response(attempt_id, call, message)
            case "Hangup":
                return self._hangup(attempt_id, call, message)
            case "UserEvent":
                return self._user_event(attempt_id, call, message)
            case "ConfbridgeJoin":
                place = _own_place(attempt_id, message.get("Conference"))
                if place is None:
                    return []
                call.place = place
                return [joined_conference(attempt_id, place)]
            case "ConfbridgeLeave":
                call.place = None
                seat = seat_of(message.get("Conference"))
                return [] if seat is None else [CallLeftSeat(attempt_id, seat)]
        return []

    def pop_half_ended(self) -> list[AttemptId]:
        """Return, each once, the attempts of which one of the two events of an end has come.

        Call `end_overdue` after the grace time.
        """
        half_ended, self._half_ended = self._half_ended, []
        return [attempt_id for attempt_id in half_ended if attempt_id in self._calls]

    def end_overdue(self, attempt_id: AttemptId) -> list[SwitchEvent]:
        """End a half-ended call whose other event has not come within the grace time."""
        call = self._calls.get(attempt_id)
        if call is None or not call.half_ended:
            return []
        return self._end(attempt_id, call, EndedBy.HANGUP if call.hung_up else EndedBy.NO_CHANNEL)

    def _dial_state(self, attempt_id: AttemptId, call: _Call, status: str) -> list[SwitchEvent]:
        if status == "RINGING":
            return self._rings(attempt_id, call)
        if status != "PROGRESS" or call.rang or call.early_media:  # SIP 183, and a 180 that brings early media
            return []
        call.early_media = call.may_ring = True
        return [CallRinging(attempt_id)]

    @staticmethod
    def _rings(attempt_id: AttemptId, call: _Call) -> list[SwitchEvent]:
        if call.rang:
            return []
        call.rang = True
        return [CallRinging(attempt_id)]

    def _dial_end(self, attempt_id: AttemptId, call: _Call, message: AmiMessage) -> list[SwitchEvent]:
        call.channel = message.get("DestChannel")
        status = message.get("DialStatus")
        if status == "ANSWER":
            return self._answered(attempt_id, call)
        call.dial_status = status
        return []

    def _originate_response(self, attempt_id: AttemptId, call: _Call, message: AmiMessage) -> list[SwitchEvent]:
        call.placed = message.get("Response") == "Success"
        if call.placed and call.dial_status != REDIRECTED:  # else another number has answered
            call.channel = message.get("Channel")
            return self._answered(attempt_id, call) + self._end_if_over(attempt_id, call)
        call.timed_out = message.get("Reason") == _TIMED_OUT_REASON
        return self._end_if_over(attempt_id, call)

    def _hangup(self, attempt_id: AttemptId, call: _Call, message: AmiMessage) -> list[SwitchEvent]:
        cause = message.get("Cause")
        call.hung_up = True
        call.cause = int(cause) if cause.isdecimal() else None
        call.technical_cause = message.get("TechCause") or None
        return self._end_if_over(attempt_id, call)

    def _user_event(self, attempt_id: AttemptId, call: _Call, message: AmiMessage) -> list[SwitchEvent]:
        call.channel = message.get("Channel")
        match message.get("UserEvent"):
            case "VoterWaiting":
                call.waits = True
                return [*self._answered(attempt_id, call), CallWaiting(attempt_id)]
            case "MessageStarted":
                call.hears_message = True
                return [*self._answered(attempt_id, call), MessageStarted(attempt_id)]
            case "MessageUnheard":
                return [MessageFailed(attempt_id)]
            case "RecordingStarted":
                return [RecordingStarted(attempt_id)]
            case "Machine":
                return [*self._answered(attempt_id, call), MachineDetected(attempt_id)]
        return []

    def _answered(self, attempt_id: AttemptId, call: _Call) -> list[SwitchEvent]:
        if call.answered:
            return []
        call.answered = True
        return [CallAnswered(attempt_id)]

    def _end_if_over(self, attempt_id: AttemptId, call: _Call) -> list[SwitchEvent]:
        if call.hung_up and (call.placed is not None or call.answered):
            return self._end(attempt_id, call, EndedBy.HANGUP)
        if call.half_ended:
            self._half_ended.append(attempt_id)
        return []

    def _end(self, attempt_id: AttemptId, call: _Call, by: EndedBy) -> list[SwitchEvent]:
        self.forget(attempt_id)
        return [_call_ended(attempt_id, call, by)]

    # A new session

    def resync(
        self, channels: Sequence[LiveChannel], inbound: Mapping[str, AttemptId]
    ) -> Mapping[AttemptId, LiveChannel]:
        """Replace the state by a list of all channels. Return the channel of each live attempt.

        `inbound` are the attempts of inbound channels by unique id, as the channels' variables say.
        """
        known = {**inbound, **self._inbound}  # what we know counts more than what the variables say
        self._inbound = {each.unique_id: known[each.unique_id] for each in channels if each.unique_id in known}
        ours = {self.attempt_of(channel.unique_id): channel for channel in channels if self._is_call(channel)}
        self._calls = {
            attempt_id: self._calls.get(attempt_id) or self._found(channel) for attempt_id, channel in ours.items()
        }
        for attempt_id, channel in ours.items():
            self._calls[attempt_id].place = _own_place(attempt_id, channel.conference)
        return ours

    @property
    def talking(self) -> tuple[tuple[AttemptId, str], ...]:
        """The attempts in seats, with the seat of each."""
        places = ((attempt_id, call.place) for attempt_id, call in self._calls.items())
        return tuple(
            (attempt_id, place.name)
            for attempt_id, place in places
            if place is not None and place.kind is PlaceKind.SEAT
        )

    @property
    def handed_over(self) -> frozenset[AttemptId]:
        """The attempts in a handover's conference."""
        places = ((attempt_id, call.place) for attempt_id, call in self._calls.items())
        return frozenset(
            attempt_id for attempt_id, place in places if place is not None and place.kind is PlaceKind.HANDOVER
        )

    def state_events(self, attempt_id: AttemptId, channel: LiveChannel) -> list[SwitchEvent]:
        """Return the state of a live call as events, as if it had just come about, after `resync`."""
        call = self._calls[attempt_id]
        call.channel = channel.name
        events: list[SwitchEvent] = []
        if channel.up and not call.answered:
            call.answered = True
            events.append(CallAnswered(attempt_id))
        elif channel.ringing:
            events += self._rings(attempt_id, call)
        elif not channel.up and channel.unique_id not in self._inbound:
            # Down, which a phone that rings behind a 183 is too. Whether ringing was reported while no session listened is unknown.
            # At the end the call counts as having rung; pacing and trunks learn only from what was reported.
            call.may_ring = True
        if channel.up and channel.context == MESSAGE_CONTEXT:
            call.hears_message = True
            events.append(MessageStarted(attempt_id))
        elif channel.up and channel.context == VOTER_CONTEXT:
            call.waits = True
            events.append(CallWaiting(attempt_id))
        return events

    def _is_call(self, channel: LiveChannel) -> bool:
        """Return whether a channel is an attempt's.

        A phone that rings is still in its trunk's context, and the call of an earlier run is known by its id alone.
        """
        among_voters = channel.context in VOTERS_CONTEXTS and not is_party(channel.unique_id)
        known = channel.unique_id in self._inbound or self.attempt_of(channel.unique_id) in self._calls
        return among_voters or known or is_attempt_id(channel.unique_id)

    def _found(self, channel: LiveChannel) -> _Call:
        """Return what is known of a call that was placed, or came in, before this session."""
        return _Call(placed=True if channel.up or channel.unique_id in self._inbound else None)

    # Events that were lost

    def differences(self, listed: Mapping[str, LiveChannel], seats: Collection[str]) -> set[SwitchEvent]:
        """Return the events that were not reported, by a list of all channels by unique id and the seats with a phone."""
        events: set[SwitchEvent] = set()
        unique_ids = {attempt_id: unique_id for unique_id, attempt_id in self._inbound.items()}
        for attempt_id, call in self._calls.items():
            channel = listed.get(unique_ids.get(attempt_id, attempt_id))
            if channel is not None:
                events.update(self._missing(attempt_id, call, channel, seats))
            elif not call.half_ended:  # else the other event of the end has its grace time
                # The carrier's answer, where there was one, is how the call ended.
                by = EndedBy.VANISHED if call.dial_status is None else EndedBy.HANGUP
                events.add(_call_ended(attempt_id, call, by))
        strays = (AttemptId(unique_id) for unique_id in listed if is_attempt_id(unique_id))
        return events | {StrayCallFound(attempt_id) for attempt_id in strays if attempt_id not in self._calls}

    def apply(self, event: CallEvent) -> None:
        """Change the state as if the event had been reported."""
        call = self._calls.get(event.attempt_id)
        if call is None:
            return
        match event:
            case CallEnded():
                self.forget(event.attempt_id)
            case CallRinging():
                call.rang = True
            case CallAnswered():
                call.answered = True
            case CallWaiting():
                call.waits = True
            case MessageStarted():
                call.hears_message = True
            case CallConnected(seat=seat):
                call.place = Place(PlaceKind.SEAT, seat)
            case CallHandedOver():
                call.place = Place(PlaceKind.HANDOVER, event.attempt_id)
            case CallLeftSeat():
                call.place = None

    def _missing(
        self, attempt_id: AttemptId, call: _Call, channel: LiveChannel, seats: Collection[str]
    ) -> list[SwitchEvent]:
        """Return the events of a live call that were not reported."""
        place = _own_place(attempt_id, channel.conference)
        if place is not None and place.kind is PlaceKind.SEAT and place.name not in seats:
            place = None  # no agent is there
        if not channel.up:
            return [CallRinging(attempt_id)] if channel.ringing and not (call.rang or call.early_media) else []
        events: list[SwitchEvent] = [] if call.answered else [CallAnswered(attempt_id)]
        if place is None:
            if call.place is not None and call.place.kind is PlaceKind.SEAT:
                events.append(CallLeftSeat(attempt_id, call.place.name))
            if channel.context == MESSAGE_CONTEXT and not call.hears_message:
                events.append(MessageStarted(attempt_id))
            elif channel.context == VOTER_CONTEXT and not (call.waits or call.hears_message):
                events.append(CallWaiting(attempt_id))
        elif place != call.place:
            events.append(joined_conference(attempt_id, place))
        return events


def _call_ended(attempt_id: AttemptId, call: _Call, by: EndedBy) -> CallEnded:
    return CallEnded(
        attempt_id,
        by,
        answered=call.answered,
        timed_out=call.timed_out,
        cause=call.cause,
        technical_cause=call.technical_cause,
        dial_status=call.dial_status,
        ever_ringing=call.rang or call.may_ring,
    )


def _own_place(attempt_id: AttemptId, conference: str) -> Place | None:
    """Return the place that a conference is to a call: a seat, or the handover of this attempt; None: neither."""
    place = place_of(conference)
    return None if place is not None and place.kind is PlaceKind.HANDOVER and place.name != attempt_id else place


def held_calls(calls: Mapping[AttemptId, LiveChannel]) -> tuple[tuple[AttemptId, str], ...]:
    """Return the attempts on hold, with the seat that each returns to."""
    found = (
        (attempt_id, seat_of(channel.extension))
        for attempt_id, channel in calls.items()
        if channel.context == HOLD_CONTEXT
    )
    return tuple((attempt_id, seat) for attempt_id, seat in found if seat is not None)
