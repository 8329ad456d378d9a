"""Track calls from their Originate or arrival to their end. No I/O.

An attempt is one try to call a voter, or one inbound call. OriginateResponse, DialEnd and Hangup arrive in no fixed
order, and a call that failed before it had a channel gets no Hangup. So a call ends once Asterisk has answered its
Originate and has reported its Hangup. If one of these events is missing, the call ends after a grace time
(`end_overdue_call`).

If a carrier sends SIP 183 instead of 180 (early media), Asterisk 22 does not report ringing. It sends DialState
PROGRESS instead, and the channel stays Down. So PROGRESS counts as ringing. A later RINGING is reported again, because
its time is more exact.
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
    CallSentToCarrier,
    CallWaiting,
    EndedBy,
    MachineDetected,
    MachineMessageLeft,
    MessageFailed,
    MessageStarted,
    RecordingStarted,
    StrayCallFound,
    SwitchEvent,
)
from dialer.switch.asterisk.ami_codec import AmiMessage, parse_whole_number
from dialer.switch.asterisk.places import (
    HOLD_CONTEXT,
    MESSAGE_CONTEXT,
    VOTER_CONTEXT,
    VOTERS_CONTEXTS,
    find_seat_or_transfer_by_conference_name,
    is_attempt_id,
    is_third_party_channel,
    parse_seat_of_conference,
)
from dialer.switch.asterisk.tracking.channels import LiveChannel, make_voter_joined_event

_ATTEMPT_FIELDS: Final = {
    "DialBegin": "DestUniqueid",
    "DialState": "DestUniqueid",
    "DialEnd": "DestUniqueid",
    "OriginateResponse": "ActionID",
}
"""The fields that hold the attempt's id, for events whose Uniqueid may be that of another channel."""

_TIMED_OUT_REASON: Final = "3"


@dataclass(slots=True)
class _Call:
    """The state of one call, from the events that Asterisk has sent."""

    channel: str = ""  # name of the channel
    rang: bool = False
    early_media: bool = False  # sound before the answer, without a report of ringing
    may_ring: bool = False  # early media, or ringing that may have been reported before this session
    answered: bool = False
    placed: bool | None = None  # whether OriginateResponse reported success; None before it has arrived
    timed_out: bool = False
    dial_status: str | None = None
    hung_up: bool = False
    cause: int | None = None
    technical_cause: str | None = None
    place: Place | None = None  # seat or handover whose conference the call is in
    is_waiting: bool = False  # the call was reported as waiting for a seat
    is_hearing_message: bool = False

    @property
    def has_end_event_arrived(self) -> bool:
        """Whether one of the two events that can end a call (Hangup, a failed OriginateResponse) has arrived."""
        return self.hung_up or self.placed is False


class CallTracker:
    """The state of all calls on one Asterisk. It turns AMI events into call events of the engine."""

    def __init__(self) -> None:
        self._calls: dict[AttemptId, _Call] = {}
        self._inbound: dict[str, AttemptId] = {}  # attempts of inbound calls, by the unique id that Asterisk chose
        self._with_missing_end_event: list[AttemptId] = []  # since the last `pop_attempts_awaiting_end_event`

    # Attempts and their channels

    def start_tracking_channel(self, attempt_id: AttemptId) -> None:
        """Start to track the channel of an attempt's call, just before its Originate is sent."""
        self._calls.setdefault(attempt_id, _Call())

    def assign_channel_to_attempt(self, unique_id: str, attempt_id: AttemptId) -> bool:
        """Start to track an inbound channel as the call of an attempt. Return False if the channel is tracked already."""
        if unique_id in self._inbound or unique_id in self._calls:
            return False
        self._inbound[unique_id] = attempt_id
        self._calls[attempt_id] = _Call(placed=True)
        return True

    def stop_tracking_channel(self, attempt_id: AttemptId) -> None:
        """Stop tracking the call of an attempt, because it has ended or was never placed."""
        self._calls.pop(attempt_id, None)
        if self._inbound:
            self._inbound = {unique_id: ours for unique_id, ours in self._inbound.items() if ours != attempt_id}

    def find_attempt_on_channel(self, unique_id: str) -> AttemptId:
        """Return the attempt whose call is on a channel. The unique id of an outbound channel is the attempt's id."""
        return self._inbound.get(unique_id, AttemptId(unique_id))

    def find_channel_of_attempt(self, attempt_id: AttemptId) -> str:
        """Return the unique id of the channel that carries an attempt's call."""
        return next((unique_id for unique_id, ours in self._inbound.items() if ours == attempt_id), attempt_id)

    def is_inbound_channel(self, unique_id: str) -> bool:
        """Return whether a channel is an inbound call that is assigned to an attempt."""
        return unique_id in self._inbound

    @property
    def has_voter_calls(self) -> bool:
        """Whether any call to or from a voter exists or may still be created."""
        return bool(self._calls)

    def is_call_still_tracked(self, attempt_id: AttemptId) -> bool:
        """Return whether an attempt's call is on this Asterisk server, and its end is not yet reported to the engine."""
        return attempt_id in self._calls

    def is_call_live(self, attempt_id: AttemptId) -> bool:
        """Return whether the channel of an attempt's call exists or may still be created.

        This is so until Asterisk has sent one of the events that end a call.
        """
        call = self._calls.get(attempt_id)
        return call is not None and not call.has_end_event_arrived

    def find_answered_channel(self, attempt_id: AttemptId) -> str | None:
        """Return the name of an attempt's channel, or None if the call is not answered or has been hung up."""
        call = self._calls.get(attempt_id)
        return call.channel if call is not None and call.answered and not call.hung_up else None

    def record_answered_channel(self, attempt_id: AttemptId, channel: str) -> list[SwitchEvent]:
        """Record that Asterisk reports an attempt's channel as answered. Return the event CallAnswered, or no event if
        the answer was known already.
        """
        call = self._calls.get(attempt_id)
        if call is None:
            return []
        call.channel = channel
        return self._report_call_answered(attempt_id, call)

    # Events

    def handle_ami_event(self, message: AmiMessage) -> list[SwitchEvent]:
        """Update the tracked calls from an AMI event. Return the resulting events for the engine, in order."""
        attempt_id = self.find_attempt_on_channel(message.get(_ATTEMPT_FIELDS.get(message.event_name, "Uniqueid")))
        call = self._calls.get(attempt_id)
        if call is None:
            return []
        match message.event_name:
            case "DialBegin":
                return [CallSentToCarrier(attempt_id)]
            case "DialState":
                return self._handle_dial_state(attempt_id, call, message.get("DialStatus"))
            case "DialEnd":
                return self._handle_dial_end(attempt_id, call, message)
            case "OriginateResponse":
                return self._handle_originate_response(attempt_id, call, message)
            case "Hangup":
                return self._handle_hangup(attempt_id, call, message)
            case "UserEvent":
                return self._handle_user_event(attempt_id, call, message)
            case "ConfbridgeJoin":
                place = _find_seat_or_transfer_of_conference(attempt_id, message.get("Conference"))
                if place is None:
                    return []
                call.place = place
                return [make_voter_joined_event(attempt_id, place)]
            case "ConfbridgeLeave":
                call.place = None
                seat = parse_seat_of_conference(message.get("Conference"))
                return [] if seat is None else [CallLeftSeat(attempt_id, seat)]
        return []

    def pop_attempts_awaiting_end_event(self) -> list[AttemptId]:
        """Return attempts (records of calls) for which only one of the two events that end a call has arrived.

        Each attempt is returned once. The caller must call `end_overdue_call` for each of them after the grace time.
        """
        found, self._with_missing_end_event = self._with_missing_end_event, []
        return [attempt_id for attempt_id in found if attempt_id in self._calls]

    def end_overdue_call(self, attempt_id: AttemptId) -> list[SwitchEvent]:
        """End a call whose second end event has not arrived within the grace time, and return the event CallEnded."""
        call = self._calls.get(attempt_id)
        if call is None or not call.has_end_event_arrived:
            return []
        return self._end_tracked_call(attempt_id, call, EndedBy.HANGUP if call.hung_up else EndedBy.NO_CHANNEL)

    def _handle_dial_state(self, attempt_id: AttemptId, call: _Call, status: str) -> list[SwitchEvent]:
        if status == "RINGING":
            return self._report_call_ringing(attempt_id, call)
        if status != "PROGRESS" or call.rang or call.early_media:  # SIP 183, and a 180 that brings early media
            return []
        call.early_media = call.may_ring = True
        return [CallRinging(attempt_id)]

    @staticmethod
    def _report_call_ringing(attempt_id: AttemptId, call: _Call) -> list[SwitchEvent]:
        if call.rang:
            return []
        call.rang = True
        return [CallRinging(attempt_id)]

    def _handle_dial_end(self, attempt_id: AttemptId, call: _Call, message: AmiMessage) -> list[SwitchEvent]:
        call.channel = message.get("DestChannel")
        status = message.get("DialStatus")
        if status == "ANSWER":
            return self._report_call_answered(attempt_id, call)
        call.dial_status = status
        return []

    def _handle_originate_response(self, attempt_id: AttemptId, call: _Call, message: AmiMessage) -> list[SwitchEvent]:
        call.placed = message.get("Response") == "Success"
        if call.placed and call.dial_status != REDIRECTED:  # a redirected call was answered by another number
            call.channel = message.get("Channel")
            return self._report_call_answered(attempt_id, call) + self._end_call_if_end_events_arrived(attempt_id, call)
        call.timed_out = message.get("Reason") == _TIMED_OUT_REASON
        return self._end_call_if_end_events_arrived(attempt_id, call)

    def _handle_hangup(self, attempt_id: AttemptId, call: _Call, message: AmiMessage) -> list[SwitchEvent]:
        call.hung_up = True
        call.cause = parse_whole_number(message.get("Cause"))
        call.technical_cause = message.get("TechCause") or None
        return self._end_call_if_end_events_arrived(attempt_id, call)

    def _handle_user_event(self, attempt_id: AttemptId, call: _Call, message: AmiMessage) -> list[SwitchEvent]:
        call.channel = message.get("Channel")
        match message.get("UserEvent"):
            case "VoterWaiting":
                call.is_waiting = True
                return [*self._report_call_answered(attempt_id, call), CallWaiting(attempt_id)]
            case "MessageStarted":
                call.is_hearing_message = True
                return [*self._report_call_answered(attempt_id, call), MessageStarted(attempt_id)]
            case "MessageUnheard":
                return [MessageFailed(attempt_id)]
            case "RecordingStarted":
                return [RecordingStarted(attempt_id)]
            case "CallForwarded":  # SIP 181 or 182 and nothing else; reported at the end of the call
                call.may_ring = True
            case "Machine":
                return [*self._report_call_answered(attempt_id, call), MachineDetected(attempt_id)]
            case "MachineMessageLeft":
                return [MachineMessageLeft(attempt_id)]
        return []

    def _report_call_answered(self, attempt_id: AttemptId, call: _Call) -> list[SwitchEvent]:
        if call.answered:
            return []
        call.answered = True
        return [CallAnswered(attempt_id)]

    def _end_call_if_end_events_arrived(self, attempt_id: AttemptId, call: _Call) -> list[SwitchEvent]:
        if call.hung_up and (call.placed is not None or call.answered):
            return self._end_tracked_call(attempt_id, call, EndedBy.HANGUP)
        if call.has_end_event_arrived:
            self._with_missing_end_event.append(attempt_id)
        return []

    def _end_tracked_call(self, attempt_id: AttemptId, call: _Call, by: EndedBy) -> list[SwitchEvent]:
        self.stop_tracking_channel(attempt_id)
        return [_make_call_ended_event(attempt_id, call, by)]

    # A new session

    def rebuild_tracked_calls_from_channels(
        self, channels: Sequence[LiveChannel], inbound: Mapping[str, AttemptId]
    ) -> Mapping[AttemptId, LiveChannel]:
        """Replace the tracked state of all calls by what Asterisk's list of channels shows. Return each live attempt's
        channel.

        `inbound` has the attempt of each inbound channel by unique id, as read from the channel's variable.
        """
        known = {**inbound, **self._inbound}  # the tracked attempt overrides the channel's variable
        self._inbound = {each.unique_id: known[each.unique_id] for each in channels if each.unique_id in known}
        ours = {
            self.find_attempt_on_channel(channel.unique_id): channel
            for channel in channels
            if self._is_attempt_channel(channel)
        }
        self._calls = {
            attempt_id: self._calls.get(attempt_id) or self._make_call_from_channel(channel)
            for attempt_id, channel in ours.items()
        }
        for attempt_id, channel in ours.items():
            self._calls[attempt_id].place = _find_seat_or_transfer_of_conference(attempt_id, channel.conference)
        return ours

    @property
    def calls_in_seats(self) -> tuple[tuple[AttemptId, str], ...]:
        """The attempts whose calls are in seats' conferences, as (attempt, seat) pairs."""
        places = ((attempt_id, call.place) for attempt_id, call in self._calls.items())
        return tuple(
            (attempt_id, place.name)
            for attempt_id, place in places
            if place is not None and place.kind is PlaceKind.SEAT
        )

    @property
    def calls_handed_over_to_third_parties(self) -> frozenset[AttemptId]:
        """The attempts whose voters talk to a transfer target in a conference, after the agent has completed the
        transfer.
        """
        places = ((attempt_id, call.place) for attempt_id, call in self._calls.items())
        return frozenset(
            attempt_id for attempt_id, place in places if place is not None and place.kind is PlaceKind.HANDOVER
        )

    def make_call_state_events(self, attempt_id: AttemptId, channel: LiveChannel) -> list[SwitchEvent]:
        """Return the events that tell the engine the state of a live call. Call this after
        `rebuild_tracked_calls_from_channels`, when a new AMI session has begun.
        """
        call = self._calls[attempt_id]
        call.channel = channel.name
        events: list[SwitchEvent] = []
        if channel.up and not call.answered:
            call.answered = True
            events.append(CallAnswered(attempt_id))
        elif channel.ringing:
            events += self._report_call_ringing(attempt_id, call)
        elif not channel.up and channel.unique_id not in self._inbound:
            # State Down: the phone may ring behind a SIP 183, and ringing may have been reported while no session
            # listened. So the call counts as having rung when it ends. Pacing and trunks learn from reports only.
            call.may_ring = True
        if channel.up and channel.context == MESSAGE_CONTEXT:
            call.is_hearing_message = True
            events.append(MessageStarted(attempt_id))
        elif channel.up and channel.context == VOTER_CONTEXT:
            call.is_waiting = True
            events.append(CallWaiting(attempt_id))
        return events

    def _is_attempt_channel(self, channel: LiveChannel) -> bool:
        """Return whether a channel is the voter's channel of a call attempt.

        The dialplan context alone does not show this: while the voter's phone rings, the channel is in its trunk's
        context.
        """
        among_voters = channel.context in VOTERS_CONTEXTS and not is_third_party_channel(channel.unique_id)
        known = channel.unique_id in self._inbound or self.find_attempt_on_channel(channel.unique_id) in self._calls
        return among_voters or known or is_attempt_id(channel.unique_id)

    def _make_call_from_channel(self, channel: LiveChannel) -> _Call:
        """Return the state of a call that already existed when the AMI session began."""
        return _Call(placed=True if channel.up or channel.unique_id in self._inbound else None)

    # Events that were lost

    def find_lost_call_events(self, listed: Mapping[str, LiveChannel], seats: Collection[str]) -> set[SwitchEvent]:
        """Return the call events that were lost: Asterisk's channels show another state than the one that the dialler
        tracks.

        Args:
            listed: all channels by unique id.
            seats: the seats with a phone in their conference.
        """
        events: set[SwitchEvent] = set()
        unique_ids = {attempt_id: unique_id for unique_id, attempt_id in self._inbound.items()}
        for attempt_id, call in self._calls.items():
            channel = listed.get(unique_ids.get(attempt_id, attempt_id))
            if channel is not None:
                events.update(self._find_lost_events_of_call(attempt_id, call, channel, seats))
            elif not call.has_end_event_arrived:  # a half-ended call is ended by its grace time
                # If the carrier answered (busy, ...), that answer says how the call ended.
                by = EndedBy.VANISHED if call.dial_status is None else EndedBy.HANGUP
                events.add(_make_call_ended_event(attempt_id, call, by))
        strays = (AttemptId(unique_id) for unique_id in listed if is_attempt_id(unique_id))
        return events | {StrayCallFound(attempt_id) for attempt_id in strays if attempt_id not in self._calls}

    def update_from_lost_call_event(self, event: CallEvent) -> None:
        """Update the tracked call as if an event that Asterisk sent, but the dialler never got, had arrived."""
        call = self._calls.get(event.attempt_id)
        if call is None:
            return
        match event:
            case CallEnded():
                self.stop_tracking_channel(event.attempt_id)
            case CallRinging():
                call.rang = True
            case CallAnswered():
                call.answered = True
            case CallWaiting():
                call.is_waiting = True
            case MessageStarted():
                call.is_hearing_message = True
            case CallConnected(seat=seat):
                call.place = Place(PlaceKind.SEAT, seat)
            case CallHandedOver():
                call.place = Place(PlaceKind.HANDOVER, event.attempt_id)
            case CallLeftSeat():
                call.place = None

    def _find_lost_events_of_call(
        self, attempt_id: AttemptId, call: _Call, channel: LiveChannel, seats: Collection[str]
    ) -> list[SwitchEvent]:
        """Return the events of a live call that Asterisk must have sent, but that have not arrived."""
        place = _find_seat_or_transfer_of_conference(attempt_id, channel.conference)
        if place is not None and place.kind is PlaceKind.SEAT and place.name not in seats:
            place = None  # no agent is there
        if not channel.up:
            return [CallRinging(attempt_id)] if channel.ringing and not (call.rang or call.early_media) else []
        events: list[SwitchEvent] = [] if call.answered else [CallAnswered(attempt_id)]
        if place is None:
            if call.place is not None and call.place.kind is PlaceKind.SEAT:
                events.append(CallLeftSeat(attempt_id, call.place.name))
            if channel.context == MESSAGE_CONTEXT and not call.is_hearing_message:
                events.append(MessageStarted(attempt_id))
            elif channel.context == VOTER_CONTEXT and not (call.is_waiting or call.is_hearing_message):
                events.append(CallWaiting(attempt_id))
        elif place != call.place:
            events.append(make_voter_joined_event(attempt_id, place))
        return events


def _make_call_ended_event(attempt_id: AttemptId, call: _Call, by: EndedBy) -> CallEnded:
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


def _find_seat_or_transfer_of_conference(attempt_id: AttemptId, conference: str) -> Place | None:
    """Return the seat or the completed transfer (handover) that a conference belongs to.

    Return None if the conference belongs to another program, or to the transfer of another attempt.
    """
    place = find_seat_or_transfer_by_conference_name(conference)
    return None if place is not None and place.kind is PlaceKind.HANDOVER and place.name != attempt_id else place


def list_calls_on_hold(calls: Mapping[AttemptId, LiveChannel]) -> tuple[tuple[AttemptId, str], ...]:
    """Return the call attempts whose voters are on hold, as pairs of the attempt and the seat that will resume it."""
    found = (
        (attempt_id, parse_seat_of_conference(channel.extension))
        for attempt_id, channel in calls.items()
        if channel.context == HOLD_CONTEXT
    )
    return tuple((attempt_id, seat) for attempt_id, seat in found if seat is not None)
