"""The whole state of one Asterisk as it has reported it: calls, seats, third parties, voters of other servers. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from dialer.domain.model import AttemptId
from dialer.domain.switch_events import (
    CallAnswered,
    CallConnected,
    CallEnded,
    CallEvent,
    CallHandedOver,
    CallLeftSeat,
    CallRinging,
    CallWaiting,
    MessageStarted,
    PartyJoined,
    PartyLeft,
    SeatDown,
    SeatUp,
    StrayCallFound,
    SwitchEvent,
    SwitchUp,
)
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import LEASE_CHANNEL, SEAT_CHANNEL, is_attempt_id, is_party
from dialer.switch.asterisk.tracking.calls import CallTracker, held_calls
from dialer.switch.asterisk.tracking.channels import LiveChannel, parties_with_places, phones_in_seats
from dialer.switch.asterisk.tracking.parties import PartyTracker
from dialer.switch.asterisk.tracking.remote_calls import RemoteCallTracker
from dialer.switch.asterisk.tracking.seats import SeatTracker

_APPLY_ORDER: Final = (
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
"""The order in which lost events are reported: a beginning before an end."""


class SwitchTracker:
    """Turns AMI events, and lists of channels, into the engine's events."""

    def __init__(self, server: str = "") -> None:
        """`server` is the name of this Asterisk, where there are several."""
        self._server = server
        self.calls = CallTracker()
        self.seats = SeatTracker()
        self.parties = PartyTracker()
        self.remote_calls = RemoteCallTracker()

    def adopt(self, unique_id: str, attempt_id: AttemptId) -> bool:
        """Know an inbound channel by this attempt from now on.

        Return False, and change nothing, where it is known already.
        """
        return not self.seats.has(unique_id) and self.calls.adopt(unique_id, attempt_id)

    def knows(self, unique_id: str) -> bool:
        """Return whether we made a channel, or adopted it."""
        made_by_us = (
            unique_id.startswith((SEAT_CHANNEL, LEASE_CHANNEL)) or is_attempt_id(unique_id) or is_party(unique_id)
        )
        return made_by_us or self.calls.has_adopted(unique_id) or self.seats.has(unique_id)

    def handle(self, message: AmiMessage) -> list[SwitchEvent]:
        """Return what an AMI event means, in order."""
        for tracker in (self.remote_calls, self.parties, self.seats):
            events = tracker.handle(message)
            if events is not None:
                return events
        return self.calls.handle(message)

    def resync(
        self, channels: Sequence[LiveChannel], restarted: bool, inbound: Mapping[str, AttemptId] | None = None
    ) -> list[SwitchEvent]:
        """Replace the state by a list of all channels. Return `SwitchUp`, then the state of each live call as events.

        `inbound` are the attempts of inbound channels by unique id, as the channels' variables say.
        """
        live = self.calls.resync(channels, inbound or {})
        self.seats.resync([channel.unique_id for channel in channels if channel.up], phones_in_seats(channels))
        parties = parties_with_places(channels)
        self.parties.resync(parties)
        self.remote_calls.resync(channels)
        up = SwitchUp(
            frozenset(live),
            self.seats.live(),
            (*self.calls.talking, *self.remote_calls.talking),
            restarted,
            held_calls(live),
            handed_over=self.calls.handed_over | self.remote_calls.handed_over,
            parties=tuple(sorted(parties.items())),
            server=self._server,
        )
        states = (self.calls.state_events(attempt_id, channel) for attempt_id, channel in live.items())
        return [up, *(event for events in states for event in events)]

    def differences(self, channels: Sequence[LiveChannel]) -> frozenset[SwitchEvent]:
        """Return the events that were not reported, by a list of all channels.

        One list proves nothing: an event may be on its way, and a channel may be younger than the list. An event that
        two lists, some seconds apart, show as missing is lost.
        """
        listed = {channel.unique_id: channel for channel in channels}
        phones = phones_in_seats(channels)
        return frozenset(
            self.seats.differences(listed.keys(), phones)
            | self.parties.differences(parties_with_places(channels))
            | self.remote_calls.differences(channels)
            | self.calls.differences(listed, phones.values())
        )

    def apply(self, lost: Collection[SwitchEvent], channels: Sequence[LiveChannel]) -> list[SwitchEvent]:
        """Change the state as if the lost events had been reported.

        Return them in order. `channels` is the list that showed them.
        """
        phones = phones_in_seats(channels)
        for event in lost:
            match event:
                case CallConnected() | CallHandedOver() | CallLeftSeat() if not self.calls.has(event.attempt_id):
                    self.remote_calls.resync(channels)
                case CallEvent():
                    self.calls.apply(event)
                case PartyJoined() | PartyLeft():
                    self.parties.apply(event)
                case SeatUp(seat=seat) | SeatDown(seat=seat):
                    self.seats.set_phones(seat, {each: name for each, name in phones.items() if name == seat})
        return sorted(lost, key=lambda event: _APPLY_ORDER.index(type(event)))
