"""Several Asterisks as one switch: what is asked of a call goes to the box that has it, of a seat to the box of its phone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping

from dialer.domain.errors import SwitchError, SwitchUnreachable
from dialer.domain.model import AttemptId
from dialer.domain.switch import (
    EventSink,
    History,
    OriginateRequest,
    PartyId,
    PartyRequest,
    Place,
    PlaceKind,
    Switch,
)
from dialer.switch.asterisk.adapter import AsteriskSwitch, InboundChannel
from dialer.switch.asterisk.places import seat_of_channel
from dialer.switch.routed import forwarded


class BoxedSwitch:
    """Implements `dialer.domain.switch.Switch`, and what FastAGI asks of it."""

    def __init__(
        self, boxes: Mapping[str, AsteriskSwitch], endpoints: Mapping[str, str], seats: Mapping[str, str]
    ) -> None:
        """The boxes by name; and the rest as `know` takes it."""
        self._boxes = boxes
        self._endpoints: dict[str, str] = {}
        self._seats: dict[str, str] = {}
        self.know(endpoints, seats)

    def know(self, endpoints: Mapping[str, str], seats: Mapping[str, str]) -> None:
        """The box of each endpoint, and of each seat by its name; what was known before may have calls still."""
        self._endpoints.update(endpoints)
        self._seats.update(seats)

    def deliver_to(self, sink: EventSink) -> None:
        """From now on `sink` takes the events of all."""
        for box in self._boxes.values():
            box.deliver_to(sink)

    def close(self) -> None:
        """No event comes after this."""
        for box in self._boxes.values():
            box.close()

    def unanswered_seconds(self, box: str) -> float:
        """See `Switch.unanswered_seconds`."""
        return self._boxes[box].unanswered_seconds()

    async def history(self, attempt_ids: Collection[AttemptId], box: str) -> History:
        """See `Switch.history`."""
        return await self._boxes[box].history(attempt_ids)

    # Calls

    async def originate(self, request: OriginateRequest) -> None:
        """See `Switch.originate`."""
        await self._boxes[self._endpoints[request.endpoint]].originate(request)

    async def hang_up(self, attempt_id: AttemptId) -> None:
        """See `Switch.hang_up`. A call that no box has, as far as was heard, may be a stray of any that is reached."""
        name = self._name_of(attempt_id)
        if name is not None:
            await self._boxes[name].hang_up(attempt_id)
            return
        for box in self._boxes.values():
            with contextlib.suppress(SwitchUnreachable):  # its strays are found when it is back
                await box.hang_up(attempt_id)

    async def connect(self, attempt_id: AttemptId, seat: str, *, record: bool = False) -> None:
        """See `Switch.connect`. To a seat of another box over a call between the two."""
        away = self._seats[seat] if self._seats[seat] != self._name_of(attempt_id) else ""
        await self._of(attempt_id).connect(attempt_id, seat, record=record, box=away)

    async def hand_over(self, attempt_id: AttemptId) -> None:
        """See `Switch.hand_over`. To a target of another box, in a conference there, over a call between the two."""
        there = next((name for name, box in self._boxes.items() if box.tracker.parties.is_called_for(attempt_id)), "")
        away = there if there != self._name_of(attempt_id) else ""
        await self._of(attempt_id).hand_over(attempt_id, away)

    def _name_of(self, attempt_id: AttemptId) -> str | None:
        return next((name for name, box in self._boxes.items() if box.tracker.has(attempt_id)), None)

    def _of(self, attempt_id: AttemptId, *_: object, **__: object) -> AsteriskSwitch:
        return self._boxes[self._box_of(Place(PlaceKind.ASIDE, attempt_id))]

    play_message = forwarded(Switch.play_message, _of)
    hold = forwarded(Switch.hold, _of)
    mute_recording = forwarded(Switch.mute_recording, _of)

    # Seats

    def _at(self, seat: str, *_: object, **__: object) -> AsteriskSwitch:
        return self._boxes[self._seats[seat]]

    call_seat = forwarded(Switch.call_seat, _at)
    call_for_log_in = forwarded(Switch.call_for_log_in, _at)
    answer_key = forwarded(Switch.answer_key, _at)
    seat_packets = forwarded(Switch.seat_packets, _at)
    release_seat = forwarded(Switch.release_seat, _at)

    # Third parties

    async def call_party(self, request: PartyRequest) -> None:
        """See `Switch.call_party`. A phone or a trunk of another box than the place is reached over a call between the two."""
        home, there = self._endpoints[request.endpoint], self._box_of(request.place)
        await self._boxes[there].call_party(request, None if home == there else home)

    async def move_party(self, party_id: PartyId, place: Place) -> None:
        """See `Switch.move_party`. Aside is on the party's own box, where the voter comes to them. Raises SwitchError where
        the party is on another box than the seat.
        """
        box = self._box_with(party_id)
        if box is None:
            raise SwitchError("nobody is there to be moved")
        if place.kind is not PlaceKind.ASIDE and box != (there := self._box_of(place)):
            raise SwitchError(f"box {box} has that phone's call, and not box {there}: end it, and begin anew there")
        await self._boxes[box].move_party(party_id, place)

    async def release_party(self, party_id: PartyId) -> None:
        """See `Switch.release_party`."""
        box = self._box_with(party_id)
        if box is not None:
            await self._boxes[box].release_party(party_id)

    def _box_with(self, party_id: PartyId) -> str | None:
        return next((name for name, box in self._boxes.items() if box.tracker.parties.is_live(party_id)), None)

    def _box_of(self, place: Place) -> str:
        """The box that has a seat, or a call."""
        box = self._name_of(AttemptId(place.name)) if place.kind is PlaceKind.ASIDE else self._seats[place.name]
        if box is None:
            raise SwitchError("no box has that call any more")
        return box

    # What FastAGI asks of a channel

    def attempt_of(self, unique_id: str) -> AttemptId:
        """See `AsteriskSwitch.attempt_of`."""
        box = self._boxes.get(_made_by(unique_id))
        return AttemptId(unique_id) if box is None else box.attempt_of(unique_id)

    async def adopt(self, unique_id: str, name: str, attempt_id: AttemptId) -> InboundChannel | None:
        """See `AsteriskSwitch.adopt`. None also for a channel that says of no box that it is its own."""
        box = self._boxes.get(_made_by(unique_id))
        return None if box is None else await box.adopt(unique_id, name, attempt_id)

    async def stands(self, unique_id: str, name: str, context: str) -> bool:
        """See `AsteriskSwitch.stands`. A channel with an id of ours may be any box's, to a dialler that has just begun."""
        seat = self._seats.get(seat_of_channel(unique_id))
        known = (_made_by(unique_id), self._name_of(AttemptId(unique_id)), seat)
        asked = [self._boxes[each] for each in known if each is not None and each in self._boxes][:1]
        return any(
            await asyncio.gather(*(box.stands(unique_id, name, context) for box in asked or self._boxes.values()))
        )

    def disown(self, attempt_id: AttemptId) -> None:
        """See `AsteriskSwitch.disown`."""
        for box in self._boxes.values():
            box.disown(attempt_id)


AnyAsterisk = AsteriskSwitch | BoxedSwitch


def _made_by(unique_id: str) -> str:
    """The box that gave a channel its id, by `systemname` in asterisk.conf; of another id whatever stands before its last dash."""
    return unique_id.rpartition("-")[0]
