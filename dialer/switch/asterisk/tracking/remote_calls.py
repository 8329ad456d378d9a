"""The voters of other Asterisk servers who talk to agents or targets of this one. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from dialer.domain.model import AttemptId
from dialer.domain.parties import Place, PlaceKind
from dialer.domain.switch_events import CallLeftSeat, SwitchEvent
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import JOINED_CONTEXT, is_attempt_id, place_of
from dialer.switch.asterisk.tracking.channels import LiveChannel, joined_conference

_RemoteCall = tuple[AttemptId, Place]


class RemoteCallTracker:
    """Turns events of the channels between servers into the engine's. The voter's own server reports the call itself."""

    def __init__(self) -> None:
        self._calls: dict[str, _RemoteCall] = {}  # by unique id: whose voter, and in which conference

    @property
    def talking(self) -> tuple[tuple[AttemptId, str], ...]:
        """The attempts in seats of this server, with the seat of each."""
        calls = self._calls.values()
        return tuple((attempt_id, place.name) for attempt_id, place in calls if place.kind is PlaceKind.SEAT)

    @property
    def handed_over(self) -> frozenset[AttemptId]:
        """The attempts that are with targets of transfers."""
        calls = self._calls.values()
        return frozenset(attempt_id for attempt_id, place in calls if place.kind is PlaceKind.HANDOVER)

    def handle(self, message: AmiMessage) -> list[SwitchEvent] | None:
        """Return what an AMI event means; None: it is not about such a channel."""
        unique_id = message.get("Uniqueid")
        if message.event == "ConfbridgeJoin" and message.get("Context") == JOINED_CONTEXT:
            call = _remote_call(message.get("Exten"), message.get("Conference"))
            if call is None:
                return []
            self._calls[unique_id] = call
            return [joined_conference(*call)]
        if message.event in {"ConfbridgeLeave", "Hangup"} and unique_id in self._calls:
            return _left(*self._calls.pop(unique_id))
        return None

    def resync(self, channels: Iterable[LiveChannel]) -> None:
        """Replace the state by a list of all channels."""
        self._calls = self._listed(channels)

    def differences(self, channels: Iterable[LiveChannel]) -> set[SwitchEvent]:
        """Return the events that were not reported, by a list of all channels."""
        listed = self._listed(channels)
        left = [self._calls[unique_id] for unique_id in self._calls.keys() - listed.keys()]
        new = {joined_conference(*listed[unique_id]) for unique_id in listed.keys() - self._calls.keys()}
        return {*new, *(event for call in left for event in _left(*call))}

    @staticmethod
    def _listed(channels: Iterable[LiveChannel]) -> dict[str, _RemoteCall]:
        found = (
            (channel.unique_id, _remote_call(channel.extension, channel.conference))
            for channel in channels
            if channel.context == JOINED_CONTEXT
        )
        return {unique_id: call for unique_id, call in found if call is not None}


def _remote_call(extension: str, conference: str) -> _RemoteCall | None:
    """Return whose voter a channel from another server is, and where; None: not a voter's call.

    The other server has called ATTEMPT*SEAT, or the handover's conference, whose name has the attempt's id.
    """
    place = place_of(conference)
    if place is None:
        return None
    attempt_id = place.name if place.kind is PlaceKind.HANDOVER else extension.partition("*")[0]
    return (AttemptId(attempt_id), place) if is_attempt_id(attempt_id) else None


def _left(attempt_id: AttemptId, place: Place) -> list[SwitchEvent]:
    """Return the events of a voter who has left.

    The end of a handover is reported by the voter's own server: the call ends.
    """
    return [CallLeftSeat(attempt_id, place.name)] if place.kind is PlaceKind.SEAT else []
