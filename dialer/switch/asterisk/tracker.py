"""What Asterisk has said of each call, and which events that makes for the engine. Pure: messages in, events out.

OriginateResponse, DialEnd and Hangup come in no fixed order, and a call that failed before there was a channel never has a
Hangup at all. A call is over once Asterisk has answered the Originate *and* the channel is gone; where one of the two stays
away, a grace time ends the wait (`overdue`).

A carrier that answers 183 in place of 180 (early media: the ringing tone, or an announcement, is sound) is never said to ring: a
real Asterisk 22 sends DialState PROGRESS, and the channel stays Down. So PROGRESS is taken for ringing, and a RINGING after it
tells the moment anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dialer.domain.model import AttemptId
from dialer.domain.parties import PartyId, Place, PlaceKind, attempt_of
from dialer.domain.switch_events import (
    REDIRECTED,
    CallAnswered,
    CallConnected,
    CallEnded,
    CallHandedOver,
    CallLeftSeat,
    CallRinging,
    CallWaiting,
    EndedBy,
    MachineDetected,
    MessageFailed,
    MessageStarted,
    PartyJoined,
    PartyLeft,
    PhoneRegistered,
    PhoneUnreachable,
    RecordingStarted,
    SeatDown,
    SeatKeyPressed,
    SeatPhoneSilent,
    SeatUp,
    StrayCallFound,
    SwitchEvent,
    SwitchUp,
)
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import (
    AGENT_CONTEXT,
    HOLD_CONTEXT,
    JOINED_CONTEXT,
    LEASE_CHANNEL,
    MESSAGE_CONTEXT,
    SEAT_CHANNEL,
    VOTER_CONTEXT,
    VOTERS_CONTEXTS,
    is_attempt_id,
    is_party,
    place_of,
    seat_of,
    seat_of_channel,
)

# What Asterisk has said of agents' phones: which ones are nailed up in their seats, and which are gone. Pure.

_NO_MEDIA_CAUSE = "44"  # of a channel that Asterisk hangs up for lack of RTP
_AWAY = frozenset({"Removed", "Unreachable", "Unregistered"})
_BACK = frozenset({"NonQualified", "Reachable"})  # the former of a phone that is not asked now and then, as a browser's


class SeatTracker:
    """Turns events of agents' phones into the engine's. A seat is down when its last phone is gone."""

    def __init__(self) -> None:
        self._in_seat: dict[str, str] = {}  # unique id of a phone in its conference: its seat
        self._left_seat: dict[str, str] = {}  # the same of one that has left its conference and is not hung up yet
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
                return [PhoneUnreachable(message.get("EndpointName"))]
            case "ContactStatus" if message.get("ContactStatus") in _BACK:
                return [PhoneRegistered(message.get("EndpointName"), message.get("URI"))]
            case "UserEvent" if self.has(message.get("Uniqueid")):
                seat = self._in_seat[message.get("Uniqueid")]
                return [SeatKeyPressed(seat, message.get("Key"))] if message.get("UserEvent") == "SeatKey" else []
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
            return [SeatPhoneSilent(left)] if cause == _NO_MEDIA_CAUSE else []
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


# What Asterisk has said of third parties: targets of transfers, and those who listen. Pure.


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

    def is_called_for(self, attempt_id: AttemptId) -> bool:
        """Whether there is such a party for this attempt."""
        return any(attempt_of(party_id) == attempt_id for party_id in self._live)

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
            return [PartyJoined(PartyId(unique_id), place)]
        return []

    def _gone(self, unique_id: str) -> list[SwitchEvent]:
        party_id = PartyId(unique_id)
        if party_id not in self._live:
            return []
        self.forget(party_id)
        return [PartyLeft(party_id)]

    def differences(self, listed: Mapping[PartyId, Place | None]) -> set[SwitchEvent]:
        """What was not said, by a list of every party with the conference of each."""
        gone = {PartyLeft(party_id) for party_id in self._live if party_id not in listed}
        came = {
            PartyJoined(party_id, place)
            for party_id, place in listed.items()
            if place is not None and party_id in self._live and place != self._places.get(party_id)
        }
        return {*gone, *came}

    def make_up_for(self, event: PartyJoined | PartyLeft) -> None:
        """It is heard now."""
        if isinstance(event, PartyLeft):
            self.forget(event.party_id)
        else:
            self._places[event.party_id] = event.place

    def resync(self, listed: Mapping[PartyId, Place | None]) -> None:
        """Begin anew from such a list."""
        self._live = {*listed}
        self._places = {party_id: place for party_id, place in listed.items() if place is not None}


# What Asterisk has said of voters whom another server has, and who talk to agents of this one. Pure.


class JoinTracker:
    """Turns events of the channels between servers into the engine's. Of the call itself the voter's own server tells."""

    def __init__(self) -> None:
        # By unique id of the channel: whose voter, and in which seat, or aside with the target of a transfer.
        self._joined: dict[str, tuple[AttemptId, Place]] = {}

    @property
    def talking(self) -> tuple[tuple[AttemptId, str], ...]:
        """The attempts that are in seats of this server, with the seat of each."""
        joined = self._joined.values()
        return tuple((attempt_id, place.name) for attempt_id, place in joined if place.kind is PlaceKind.SEAT)

    @property
    def aside(self) -> frozenset[AttemptId]:
        """The attempts that are with targets of transfers."""
        joined = self._joined.values()
        return frozenset(attempt_id for attempt_id, place in joined if place.kind is PlaceKind.HANDOVER)

    def take(self, message: AmiMessage) -> list[SwitchEvent] | None:
        """What an event means; None: it is not about such a channel."""
        unique_id = message.get("Uniqueid")
        if message.event == "ConfbridgeJoin" and message.get("Context") == JOINED_CONTEXT:
            joined = _joined_as(message.get("Exten"), message.get("Conference"))
            if joined is None:
                return []
            self._joined[unique_id] = joined
            return [_entered(*joined)]
        if message.event in {"ConfbridgeLeave", "Hangup"} and unique_id in self._joined:
            return _left(*self._joined.pop(unique_id))
        return None

    def resync(self, channels: Iterable[LiveChannel]) -> None:
        """Begin anew from a list of every channel."""
        self._joined = self._listed(channels)

    def differences(self, channels: Iterable[LiveChannel]) -> set[SwitchEvent]:
        """What was not said, by a list of every channel."""
        listed = self._listed(channels)
        left = [self._joined[unique_id] for unique_id in self._joined.keys() - listed.keys()]
        came = {_entered(*listed[unique_id]) for unique_id in listed.keys() - self._joined.keys()}
        return {*came, *(event for joined in left for event in _left(*joined))}

    @staticmethod
    def _listed(channels: Iterable[LiveChannel]) -> dict[str, tuple[AttemptId, Place]]:
        there = (
            (channel.unique_id, _joined_as(channel.extension, channel.conference))
            for channel in channels
            if channel.context == JOINED_CONTEXT
        )
        return {unique_id: joined for unique_id, joined in there if joined is not None}


def _joined_as(extension: str, conference: str) -> tuple[AttemptId, Place] | None:
    """Whose voter a channel of another server is, by the ATTEMPT*SEAT that was called or the attempt's own conference, and where.
    None: nobody's.
    """
    place = place_of(conference)
    if place is None:
        return None
    attempt_id = place.name if place.kind is PlaceKind.HANDOVER else extension.partition("*")[0]
    return (AttemptId(attempt_id), place) if is_attempt_id(attempt_id) else None


def _entered(attempt_id: AttemptId, place: Place) -> SwitchEvent:
    return CallConnected(attempt_id, place.name) if place.kind is PlaceKind.SEAT else CallHandedOver(attempt_id)


def _left(attempt_id: AttemptId, place: Place) -> list[SwitchEvent]:
    """Of one who leaves a target the voter's own server tells: the call ends."""
    return [CallLeftSeat(attempt_id, place.name)] if place.kind is PlaceKind.SEAT else []


# What names the attempt in an event: the channel's unique id, but of a failed Originate that may be another call's.
_ATTEMPT_FIELD = {"DialState": "DestUniqueid", "DialEnd": "DestUniqueid", "OriginateResponse": "ActionID"}
_ANSWER = "ANSWER"
_TIMED_OUT_REASON = "3"


@dataclass(slots=True)
class _Seen:
    """What was heard of one attempt."""

    channel: str = ""  # its name, as Asterisk told it
    rang: bool = False
    early_media: bool = False  # something is heard, and nobody said "ringing"
    may_ring: bool = False  # that, or nobody listened when it was said
    answered: bool = False
    placed: bool | None = None  # the OriginateResponse: True success, False failure, None not yet
    timed_out: bool = False
    dial_status: str | None = None
    hung_up: bool = False
    cause: int | None = None
    technical_cause: str | None = None
    place: Place | None = None  # the conference that it is in
    waits: bool = False  # was said to wait for a seat
    hears_message: bool = False


@dataclass(frozen=True, slots=True)
class LiveChannel:
    """A channel of ours as CoreShowChannels lists it."""

    unique_id: str
    context: str
    up: bool
    ringing: bool
    extension: str = ""
    conference: str = ""  # that it is in
    name: str = ""


_IN_ORDER = (
    SeatUp,
    CallRinging,
    CallAnswered,
    CallWaiting,
    PartyJoined,
    CallConnected,
    CallHandedOver,
    CallLeftSeat,
    MessageStarted,
    CallEnded,
    StrayCallFound,
    PartyLeft,
    SeatDown,
)
"""How missing events are made up for: a beginning before an end."""


class CallTracker:
    """Turns AMI events into the engine's, attempt by attempt."""

    def __init__(self, server: str = "") -> None:
        """`server` names this Asterisk, where there are several."""
        self._server = server
        self.joins = JoinTracker()
        self.parties = PartyTracker()
        self.seats = SeatTracker()
        self._seen: dict[AttemptId, _Seen] = {}
        # By the unique id of a channel that came in, which is Asterisk's own: its attempt.
        self._inbound: dict[str, AttemptId] = {}
        self._half_ended_now: list[AttemptId] = []  # since `awaiting_rest` was last asked

    def expect(self, attempt_id: AttemptId) -> None:
        """An Originate is about to be written: from now on events of this id mean something."""
        self._seen.setdefault(attempt_id, _Seen())

    def adopt(self, unique_id: str, attempt_id: AttemptId) -> bool:
        """A channel that came in is known by this attempt from now on. False: it is ours already, and nothing was changed."""
        if unique_id in self._inbound or unique_id in self._seen or self.seats.has(unique_id):
            return False
        self._inbound[unique_id] = attempt_id
        self._seen[attempt_id] = _Seen(placed=True)
        return True

    def attempt_of(self, unique_id: str) -> AttemptId:
        """The attempt of a channel: the id that we gave it, or the one that it was adopted by."""
        return self._inbound.get(unique_id, AttemptId(unique_id))

    def channel_of(self, attempt_id: AttemptId) -> str:
        """The unique id of an attempt's channel."""
        return next((unique_id for unique_id, ours in self._inbound.items() if ours == attempt_id), attempt_id)

    def knows(self, unique_id: str) -> bool:
        """Whether a channel is one that we made, or that came in and was adopted."""
        made_by_us = (
            unique_id.startswith((SEAT_CHANNEL, LEASE_CHANNEL)) or is_attempt_id(unique_id) or is_party(unique_id)
        )
        return made_by_us or unique_id in self._inbound or self.seats.has(unique_id)

    def has(self, attempt_id: AttemptId) -> bool:
        """Whether the attempt's call is one of this Asterisk, as far as was heard."""
        return attempt_id in self._seen

    def is_live(self, attempt_id: AttemptId) -> bool:
        """Whether the attempt's channel is there, or may be still to come: nothing of its end was heard."""
        seen = self._seen.get(attempt_id)
        return seen is not None and not self._half_ended(seen)

    def answered_as(self, attempt_id: AttemptId) -> str | None:
        """The name of the attempt's channel, where Asterisk has told that it is answered and not that it is gone."""
        seen = self._seen.get(attempt_id)
        return seen.channel if seen is not None and seen.answered and not seen.hung_up else None

    def reported_up(self, attempt_id: AttemptId, channel: str) -> list[SwitchEvent]:
        """Asterisk was asked, and the attempt's channel is answered, under this name."""
        seen = self._seen.get(attempt_id)
        if seen is None:
            return []
        seen.channel = channel
        return self._answered(attempt_id, seen)

    def forget(self, attempt_id: AttemptId) -> None:
        """It is over, or was never placed."""
        self._seen.pop(attempt_id, None)
        if self._inbound:
            self._inbound = {unique_id: ours for unique_id, ours in self._inbound.items() if ours != attempt_id}

    def take(self, message: AmiMessage) -> list[SwitchEvent]:
        """What an AMI event means, in order."""
        for others in (self.joins, self.parties, self.seats):
            theirs = others.take(message)
            if theirs is not None:
                return theirs
        attempt_id = self.attempt_of(message.get(_ATTEMPT_FIELD.get(message.event, "Uniqueid")))
        seen = self._seen.get(attempt_id)
        if seen is None:
            return []
        match message.event:
            case "DialState":
                return self._dial_state(attempt_id, seen, message.get("DialStatus"))
            case "DialEnd":
                return self._dial_end(attempt_id, seen, message)
            case "OriginateResponse":
                return self._originate_response(attempt_id, seen, message)
            case "Hangup":
                return self._hangup(attempt_id, seen, message)
            case "UserEvent":
                return self._user_event(attempt_id, seen, message)
            case "ConfbridgeJoin":
                place = _own_place(attempt_id, message.get("Conference"))
                if place is None:
                    return []
                seen.place = place
                return [_entered(attempt_id, place)]
            case "ConfbridgeLeave":
                seen.place = None
                seat = seat_of(message.get("Conference"))
                return [] if seat is None else [CallLeftSeat(attempt_id, seat)]
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
        self,
        channels: Sequence[LiveChannel],
        restarted: bool,
        inbound: Mapping[str, AttemptId] | None = None,
    ) -> list[SwitchEvent]:
        """Begin anew from what lives on the switch.

        `inbound` are the attempts of channels that came in, by unique id, as the channels themselves say. Gives `SwitchUp` and
        then the state of each live call, as if it had just come to be.
        """
        self._keep_inbound(channels, inbound or {})
        ours = {self.attempt_of(channel.unique_id): channel for channel in channels if self._is_call(channel)}
        self.seats.resync([channel.unique_id for channel in channels if channel.up], _agents(channels))
        parties = _parties(channels)
        self.parties.resync(parties)
        self._seen = {
            attempt_id: self._seen.get(attempt_id) or self._found(channel) for attempt_id, channel in ours.items()
        }
        for attempt_id, channel in ours.items():
            self._seen[attempt_id].place = _own_place(attempt_id, channel.conference)
        places = [(attempt_id, seen.place) for attempt_id, seen in self._seen.items() if seen.place is not None]
        talking = [(attempt_id, place.name) for attempt_id, place in places if place.kind is PlaceKind.SEAT]
        aside = frozenset(attempt_id for attempt_id, place in places if place.kind is PlaceKind.HANDOVER)
        self.joins.resync(channels)
        up = SwitchUp(
            frozenset(ours),
            self.seats.live(),
            (*talking, *self.joins.talking),
            restarted,
            _held(ours),
            handed_over=aside | self.joins.aside,
            parties=tuple(sorted(parties.items())),
            server=self._server,
        )
        return [up, *(event for attempt_id, channel in ours.items() for event in self._state_of(attempt_id, channel))]

    # Now and then, while the link stands: events may be lost all the same

    def differences(self, channels: Sequence[LiveChannel]) -> frozenset[SwitchEvent]:
        """The events that are missing, by a list of every channel. One difference proves nothing: an event may be on its way, and
        a channel may be younger than the list. What stands in two lists some seconds apart is a lost event.
        """
        listed = {channel.unique_id: channel for channel in channels}
        agents = _agents(channels)
        events = self.seats.differences(listed.keys(), agents) | self.parties.differences(_parties(channels))
        events |= self.joins.differences(channels)
        unique_ids = {attempt_id: unique_id for unique_id, attempt_id in self._inbound.items()}
        for attempt_id, seen in self._seen.items():
            channel = listed.get(unique_ids.get(attempt_id, attempt_id))
            if channel is not None:
                events.update(self._unheard(attempt_id, seen, channel, agents.values()))
            elif not self._half_ended(seen):  # else the other half has its grace time
                # What its carrier answered is how it ended; else nobody knows.
                events.add(_ended(attempt_id, seen, EndedBy.VANISHED if seen.dial_status is None else EndedBy.HANGUP))
        strays = (AttemptId(unique_id) for unique_id in listed if is_attempt_id(unique_id))
        return frozenset(events) | {StrayCallFound(attempt_id) for attempt_id in strays if attempt_id not in self._seen}

    def make_up_for(self, missing: Collection[SwitchEvent], channels: Sequence[LiveChannel]) -> list[SwitchEvent]:
        """Take the missing events as heard; what they mean, in order. `channels` is the list that last showed them."""
        agents = _agents(channels)
        for event in missing:
            match event:
                case CallEnded(attempt_id=attempt_id):
                    self.forget(attempt_id)
                case CallRinging(attempt_id=attempt_id):
                    self._seen[attempt_id].rang = True
                case CallAnswered(attempt_id=attempt_id):
                    self._seen[attempt_id].answered = True
                case CallWaiting(attempt_id=attempt_id):
                    self._seen[attempt_id].waits = True
                case MessageStarted(attempt_id=attempt_id):
                    self._seen[attempt_id].hears_message = True
                case CallConnected() | CallHandedOver() | CallLeftSeat() if not self.has(event.attempt_id):
                    self.joins.resync(channels)
                case CallConnected(attempt_id=attempt_id, seat=seat):
                    self._seen[attempt_id].place = Place(PlaceKind.SEAT, seat)
                case CallHandedOver(attempt_id=attempt_id):
                    self._seen[attempt_id].place = Place(PlaceKind.HANDOVER, attempt_id)
                case CallLeftSeat(attempt_id=attempt_id):
                    self._seen[attempt_id].place = None
                case PartyJoined() | PartyLeft():
                    self.parties.make_up_for(event)
                case SeatUp(seat=seat) | SeatDown(seat=seat):
                    self.seats.make_up_for(seat, {each: name for each, name in agents.items() if name == seat})
        return sorted(missing, key=lambda event: _IN_ORDER.index(type(event)))

    def _unheard(
        self, attempt_id: AttemptId, seen: _Seen, channel: LiveChannel, seats: Collection[str]
    ) -> list[SwitchEvent]:
        """What was not said of a call that lives."""
        place = _own_place(attempt_id, channel.conference)
        if place is not None and place.kind is PlaceKind.SEAT and place.name not in seats:
            place = None  # nobody is there
        if not channel.up:
            return [CallRinging(attempt_id)] if channel.ringing and not (seen.rang or seen.early_media) else []
        events: list[SwitchEvent] = [] if seen.answered else [CallAnswered(attempt_id)]
        if place is None:
            if seen.place is not None and seen.place.kind is PlaceKind.SEAT:
                events.append(CallLeftSeat(attempt_id, seen.place.name))
            if channel.context == MESSAGE_CONTEXT and not seen.hears_message:
                events.append(MessageStarted(attempt_id))
            elif channel.context == VOTER_CONTEXT and not (seen.waits or seen.hears_message):
                events.append(CallWaiting(attempt_id))
        elif place != seen.place:
            events.append(_entered(attempt_id, place))
        return events

    def _keep_inbound(self, channels: Sequence[LiveChannel], reported: Mapping[str, AttemptId]) -> None:
        """Know the live ones of the channels that came in; where both are there, what we knew stands above what was told."""
        known = {**reported, **self._inbound}
        self._inbound = {
            channel.unique_id: known[channel.unique_id] for channel in channels if channel.unique_id in known
        }

    def _is_call(self, channel: LiveChannel) -> bool:
        """Whether a channel is an attempt's. A phone that rings still stands in its trunk's context; an earlier run's call is known
        by its id alone.
        """
        among_voters = channel.context in VOTERS_CONTEXTS and not is_party(channel.unique_id)
        known = channel.unique_id in self._inbound or self.attempt_of(channel.unique_id) in self._seen
        return among_voters or known or is_attempt_id(channel.unique_id)

    def _found(self, channel: LiveChannel) -> _Seen:
        """What is known of a call that was placed, or came in, before this session."""
        return _Seen(placed=True if channel.up or channel.unique_id in self._inbound else None)

    def _state_of(self, attempt_id: AttemptId, channel: LiveChannel) -> list[SwitchEvent]:
        seen = self._seen[attempt_id]
        seen.channel = channel.name
        events: list[SwitchEvent] = []
        if channel.up and not seen.answered:
            seen.answered = True
            events.append(CallAnswered(attempt_id))
        elif channel.ringing:
            events += self._rings(attempt_id, seen)
        elif not channel.up and channel.unique_id not in self._inbound:
            # Down, as a phone that rings behind a 183 is too; whether that was said while no session listened nobody can know. At
            # the call's end it counts as ringing; what pacing and trunks learn from is what was heard.
            seen.may_ring = True
        if channel.up and channel.context == MESSAGE_CONTEXT:
            seen.hears_message = True
            events.append(MessageStarted(attempt_id))
        elif channel.up and channel.context == VOTER_CONTEXT:
            seen.waits = True
            events.append(CallWaiting(attempt_id))
        return events

    def _dial_state(self, attempt_id: AttemptId, seen: _Seen, status: str) -> list[SwitchEvent]:
        if status == "RINGING":
            return self._rings(attempt_id, seen)
        if status != "PROGRESS" or seen.rang or seen.early_media:  # SIP 183, and a 180 that brings early media
            return []
        seen.early_media = seen.may_ring = True
        return [CallRinging(attempt_id)]

    @staticmethod
    def _rings(attempt_id: AttemptId, seen: _Seen) -> list[SwitchEvent]:
        if seen.rang:
            return []
        seen.rang = True
        return [CallRinging(attempt_id)]

    def _dial_end(self, attempt_id: AttemptId, seen: _Seen, message: AmiMessage) -> list[SwitchEvent]:
        seen.channel = message.get("DestChannel")
        status = message.get("DialStatus")
        if status == _ANSWER:
            return self._answered(attempt_id, seen)
        seen.dial_status = status
        return []

    def _originate_response(self, attempt_id: AttemptId, seen: _Seen, message: AmiMessage) -> list[SwitchEvent]:
        seen.placed = message.get("Response") == "Success"
        if seen.placed and seen.dial_status != REDIRECTED:  # there it was somebody else who answered
            seen.channel = message.get("Channel")
            return self._answered(attempt_id, seen) + self._end_if_over(attempt_id, seen)
        seen.timed_out = message.get("Reason") == _TIMED_OUT_REASON
        return self._end_if_over(attempt_id, seen)

    def _hangup(self, attempt_id: AttemptId, seen: _Seen, message: AmiMessage) -> list[SwitchEvent]:
        cause = message.get("Cause")
        seen.hung_up = True
        seen.cause = int(cause) if cause.isdecimal() else None
        seen.technical_cause = message.get("TechCause") or None
        return self._end_if_over(attempt_id, seen)

    def _user_event(self, attempt_id: AttemptId, seen: _Seen, message: AmiMessage) -> list[SwitchEvent]:
        seen.channel = message.get("Channel")
        match message.get("UserEvent"):
            case "VoterWaiting":
                seen.waits = True
                return [*self._answered(attempt_id, seen), CallWaiting(attempt_id)]
            case "MessageStarted":
                seen.hears_message = True
                return [*self._answered(attempt_id, seen), MessageStarted(attempt_id)]
            case "MessageUnheard":
                return [MessageFailed(attempt_id)]
            case "RecordingStarted":
                return [RecordingStarted(attempt_id)]
            case "Machine":
                return [*self._answered(attempt_id, seen), MachineDetected(attempt_id)]
        return []

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
        self.forget(attempt_id)
        return [_ended(attempt_id, seen, by)]


def _ended(attempt_id: AttemptId, seen: _Seen, by: EndedBy) -> CallEnded:
    return CallEnded(
        attempt_id,
        by,
        answered=seen.answered,
        timed_out=seen.timed_out,
        cause=seen.cause,
        technical_cause=seen.technical_cause,
        dial_status=seen.dial_status,
        ever_ringing=seen.rang or seen.may_ring,
    )


def _own_place(attempt_id: AttemptId, conference: str) -> Place | None:
    """The place that a conference is to a call: a seat, or the attempt's own; None: neither."""
    place = place_of(conference)
    return None if place is not None and place.kind is PlaceKind.HANDOVER and place.name != attempt_id else place


def _agents(channels: Iterable[LiveChannel]) -> dict[str, str]:
    """The seats of the agents' phones that are in their conferences, by unique id."""
    there = (
        (channel.unique_id, seat_of(channel.conference)) for channel in channels if channel.context == AGENT_CONTEXT
    )
    return {unique_id: seat for unique_id, seat in there if seat is not None}


def _parties(channels: Iterable[LiveChannel]) -> dict[PartyId, Place | None]:
    """The third parties, with the conference of each."""
    return {PartyId(each.unique_id): place_of(each.conference) for each in channels if is_party(each.unique_id)}


def _held(ours: Mapping[AttemptId, LiveChannel]) -> tuple[tuple[AttemptId, str], ...]:
    """The attempts that are on hold, with the seat of each."""
    there = (
        (attempt_id, seat_of(channel.extension))
        for attempt_id, channel in ours.items()
        if channel.context == HOLD_CONTEXT
    )
    return tuple((attempt_id, seat) for attempt_id, seat in there if seat is not None)
