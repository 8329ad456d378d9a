"""The tracked state of one Asterisk server: calls, seats, third parties and voters of other servers. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from dialer.domain.model import AttemptId
from dialer.domain.newest_call import NewestCall
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
from dialer.switch.asterisk.places import (
    CONTROL_CHANNEL,
    LEASE_CHANNEL,
    SEAT_CHANNEL,
    is_attempt_id,
    is_third_party_channel,
)
from dialer.switch.asterisk.tracking.calls import CallTracker, list_calls_on_hold
from dialer.switch.asterisk.tracking.channels import LiveChannel, list_phones_in_seats, list_places_of_third_parties
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
"""The order in which lost events are reported: the start of something before its end."""


class SwitchTracker:
    """The state of one Asterisk server. It turns AMI events and lists of channels into events for the engine."""

    def __init__(self, server: str = "") -> None:
        """Create a tracker that knows no calls and seats yet. `server` is the name of this Asterisk, if there are
        several.
        """
        self._server = server
        self.calls = CallTracker()
        self.seats = SeatTracker()
        self.parties = PartyTracker()
        self.remote_calls = RemoteCallTracker()

    def assign_channel_to_attempt(self, unique_id: str, attempt_id: AttemptId) -> bool:
        """Track an inbound channel as the call of an attempt from now on. Return False if it is tracked already."""
        return not self.seats.is_phone_in_seat(unique_id) and self.calls.assign_channel_to_attempt(
            unique_id, attempt_id
        )

    @property
    def has_live_voter_channel(self) -> bool:
        """Whether this Asterisk server has a voter's call, or an agent or transfer target who talks to a voter of
        another server.
        """
        return self.calls.has_voter_calls or self.remote_calls.has_voter_calls

    def list_channels_without_voter(self) -> list[str]:
        """Return the unique ids of agents' phones, called or connected, and of third parties."""
        return [*self.seats.list_phones(), *self.parties.list_third_parties()]

    def is_tracked_channel(self, unique_id: str) -> bool:
        """Return whether the dialler created a channel or has assigned it to an attempt."""
        is_ours = (
            unique_id.startswith((SEAT_CHANNEL, LEASE_CHANNEL, CONTROL_CHANNEL))
            or is_attempt_id(unique_id)
            or is_third_party_channel(unique_id)
        )
        return is_ours or self.calls.is_inbound_channel(unique_id) or self.seats.is_phone_in_seat(unique_id)

    def handle_ami_event(self, message: AmiMessage) -> list[SwitchEvent]:
        """Update the tracked state from an AMI event. Return the resulting events for the engine, in order."""
        for tracker in (self.remote_calls, self.parties, self.seats):
            events = tracker.handle_ami_event(message)
            if events is not None:
                return events
        return self.calls.handle_ami_event(message)

    def rebuild_tracked_state_from_channels(
        self,
        channels: Sequence[LiveChannel],
        restarted: bool,
        inbound: Mapping[str, AttemptId] | None = None,
        newest_call: NewestCall | None = None,
    ) -> list[SwitchEvent]:
        """Replace the tracked state by Asterisk's list of channels. Return `SwitchUp`, then events that tell the state
        of each live call.

        Args:
            channels: all channels of this Asterisk.
            restarted: whether Asterisk has restarted since the last session.
            inbound: the attempt of each inbound channel by unique id, as read from the channel's variable.
            newest_call: the newest call, as it is recorded in this Asterisk's database.
        """
        live = self.calls.rebuild_tracked_calls_from_channels(channels, inbound or {})
        self.seats.replace_tracked_phones(
            [channel.unique_id for channel in channels if channel.up], list_phones_in_seats(channels)
        )
        parties = list_places_of_third_parties(channels)
        self.parties.replace_tracked_third_parties(parties)
        self.remote_calls.replace_tracked_remote_calls(channels)
        up = SwitchUp(
            frozenset(live),
            self.seats.list_live_seats(),
            (*self.calls.calls_in_seats, *self.remote_calls.calls_in_seats),
            restarted,
            list_calls_on_hold(live),
            handed_over=self.calls.calls_handed_over_to_third_parties
            | self.remote_calls.calls_handed_over_to_third_parties,
            parties=tuple(sorted(parties.items())),
            server=self._server,
            newest_call=newest_call,
        )
        states = (self.calls.make_call_state_events(attempt_id, channel) for attempt_id, channel in live.items())
        return [up, *(event for events in states for event in events)]

    def find_lost_events(self, channels: Sequence[LiveChannel]) -> frozenset[SwitchEvent]:
        """Return the events that seem lost: Asterisk's list of channels shows another state than the one that is
        tracked.

        One list is no proof. An event may still arrive, or a channel may be newer than the list. An event is lost only
        if two lists, some seconds apart, show that it is missing.
        """
        listed = {channel.unique_id: channel for channel in channels}
        phones = list_phones_in_seats(channels)
        return frozenset(
            self.seats.find_lost_seat_events(listed.keys(), phones)
            | self.parties.find_lost_third_party_events(list_places_of_third_parties(channels))
            | self.remote_calls.find_lost_remote_call_events(channels)
            | self.calls.find_lost_call_events(listed, phones.values())
        )

    def update_from_lost_events(
        self, lost: Collection[SwitchEvent], channels: Sequence[LiveChannel]
    ) -> list[SwitchEvent]:
        """Update the tracked state as if events that Asterisk sent, but the dialler did not receive, had arrived.

        Return the events in order. `channels` is the list of Asterisk's channels that shows the loss.
        """
        phones = list_phones_in_seats(channels)
        for event in lost:
            match event:
                case CallConnected() | CallHandedOver() | CallLeftSeat() if not self.calls.is_call_still_tracked(
                    event.attempt_id
                ):
                    self.remote_calls.replace_tracked_remote_calls(channels)
                case CallEvent():
                    self.calls.update_from_lost_call_event(event)
                case PartyJoined() | PartyLeft():
                    self.parties.update_from_lost_third_party_event(event)
                case SeatUp(seat=seat) | SeatDown(seat=seat):
                    self.seats.replace_phones_of_seat(
                        seat, {each: name for each, name in phones.items() if name == seat}
                    )
        return sorted(lost, key=lambda event: _APPLY_ORDER.index(type(event)))
