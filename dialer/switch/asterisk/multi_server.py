"""Several Asterisks as one switch: what is asked of a call goes to the server that has it, of a seat to the server of its phone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping

from dialer.domain.errors import SwitchError, SwitchUnreachable
from dialer.domain.model import AttemptId
from dialer.domain.parties import PartyId, Place, PlaceKind
from dialer.domain.switch import History, OriginateRequest, PartyRequest, Switch
from dialer.domain.switch_events import EventSink
from dialer.switch.asterisk.adapter import AsteriskSwitch, InboundChannel
from dialer.switch.asterisk.places import seat_of_channel
from dialer.switch.routed import forwarded


class MultiServerSwitch:
    """Implements `dialer.domain.switch.Switch`, and what FastAGI asks of it."""

    def __init__(
        self, servers: Mapping[str, AsteriskSwitch], endpoints: Mapping[str, str], seats: Mapping[str, str]
    ) -> None:
        """The servers by name; and the rest as `know` takes it."""
        self._servers = servers
        self._endpoints: dict[str, str] = {}
        self._seats: dict[str, str] = {}
        self.know(endpoints, seats)

    def know(self, endpoints: Mapping[str, str], seats: Mapping[str, str]) -> None:
        """The server of each endpoint, and of each seat by its name; what was known before may have calls still."""
        self._endpoints.update(endpoints)
        self._seats.update(seats)

    def deliver_to(self, sink: EventSink) -> None:
        """From now on `sink` takes the events of all."""
        for server in self._servers.values():
            server.deliver_to(sink)

    def close(self) -> None:
        """No event comes after this."""
        for server in self._servers.values():
            server.close()

    def unanswered_seconds(self, server: str) -> float:
        """See `Switch.unanswered_seconds`."""
        return self._servers[server].unanswered_seconds()

    async def history(self, attempt_ids: Collection[AttemptId], server: str) -> History:
        """See `Switch.history`."""
        return await self._servers[server].history(attempt_ids)

    # Calls

    async def originate(self, request: OriginateRequest) -> None:
        """See `Switch.originate`."""
        await self._servers[self._endpoints[request.endpoint]].originate(request)

    async def hang_up(self, attempt_id: AttemptId) -> None:
        """See `Switch.hang_up`. A call that no server has, as far as was heard, may be a stray of any that is reached."""
        name = self._name_of(attempt_id)
        if name is not None:
            await self._servers[name].hang_up(attempt_id)
            return
        for server in self._servers.values():
            with contextlib.suppress(SwitchUnreachable):  # its strays are found when it is back
                await server.hang_up(attempt_id)

    async def connect(self, attempt_id: AttemptId, seat: str, *, record: bool = False) -> None:
        """See `Switch.connect`. To a seat of another server over a call between the two."""
        away = self._seats[seat] if self._seats[seat] != self._name_of(attempt_id) else ""
        await self._of(attempt_id).connect(attempt_id, seat, record=record, server=away)

    async def hand_over(self, attempt_id: AttemptId) -> None:
        """See `Switch.hand_over`. To a target of another server, in a conference there, over a call between the two."""
        there = next(
            (name for name, server in self._servers.items() if server.tracker.parties.is_called_for(attempt_id)), ""
        )
        away = there if there != self._name_of(attempt_id) else ""
        await self._of(attempt_id).hand_over(attempt_id, away)

    def _name_of(self, attempt_id: AttemptId) -> str | None:
        return next((name for name, server in self._servers.items() if server.tracker.has(attempt_id)), None)

    def _of(self, attempt_id: AttemptId, *_: object, **__: object) -> AsteriskSwitch:
        return self._servers[self._server_of(Place(PlaceKind.HANDOVER, attempt_id))]

    play_message = forwarded(Switch.play_message, _of)
    hold = forwarded(Switch.hold, _of)
    mute_recording = forwarded(Switch.mute_recording, _of)

    # Seats

    def _at(self, seat: str, *_: object, **__: object) -> AsteriskSwitch:
        return self._servers[self._seats[seat]]

    call_seat = forwarded(Switch.call_seat, _at)
    call_for_log_in = forwarded(Switch.call_for_log_in, _at)
    answer_key = forwarded(Switch.answer_key, _at)
    seat_packets = forwarded(Switch.seat_packets, _at)
    release_seat = forwarded(Switch.release_seat, _at)

    # Third parties

    async def call_party(self, request: PartyRequest) -> None:
        """See `Switch.call_party`. A phone or a trunk of another server than the place is reached over a call between the two."""
        home, there = self._endpoints[request.endpoint], self._server_of(request.place)
        await self._servers[there].call_party(request, None if home == there else home)

    async def move_party(self, party_id: PartyId, place: Place) -> None:
        """See `Switch.move_party`. Aside is on the party's own server, where the voter comes to them. Raises SwitchError where
        the party is on another server than the seat.
        """
        server = self._server_with(party_id)
        if server is None:
            raise SwitchError("nobody is there to be moved")
        if place.kind is not PlaceKind.HANDOVER and server != (there := self._server_of(place)):
            raise SwitchError(
                f"server {server} has that phone's call, and not server {there}: end it, and begin anew there"
            )
        await self._servers[server].move_party(party_id, place)

    async def release_party(self, party_id: PartyId) -> None:
        """See `Switch.release_party`."""
        server = self._server_with(party_id)
        if server is not None:
            await self._servers[server].release_party(party_id)

    def _server_with(self, party_id: PartyId) -> str | None:
        return next((name for name, server in self._servers.items() if server.tracker.parties.is_live(party_id)), None)

    def _server_of(self, place: Place) -> str:
        """The server that has a seat, or a call."""
        server = self._name_of(AttemptId(place.name)) if place.kind is PlaceKind.HANDOVER else self._seats[place.name]
        if server is None:
            raise SwitchError("no server has that call any more")
        return server

    # What FastAGI asks of a channel

    def attempt_of(self, unique_id: str) -> AttemptId:
        """See `AsteriskSwitch.attempt_of`."""
        server = self._servers.get(_made_by(unique_id))
        return AttemptId(unique_id) if server is None else server.attempt_of(unique_id)

    async def adopt(self, unique_id: str, name: str, attempt_id: AttemptId) -> InboundChannel | None:
        """See `AsteriskSwitch.adopt`. None also for a channel that says of no server that it is its own."""
        server = self._servers.get(_made_by(unique_id))
        return None if server is None else await server.adopt(unique_id, name, attempt_id)

    async def stands(self, unique_id: str, name: str, context: str) -> bool:
        """See `AsteriskSwitch.stands`. A channel with an id of ours may be any server's, to a dialler that has just begun."""
        seat = self._seats.get(seat_of_channel(unique_id))
        known = (_made_by(unique_id), self._name_of(AttemptId(unique_id)), seat)
        asked = [self._servers[each] for each in known if each is not None and each in self._servers][:1]
        return any(
            await asyncio.gather(
                *(server.stands(unique_id, name, context) for server in asked or self._servers.values())
            )
        )

    def disown(self, attempt_id: AttemptId) -> None:
        """See `AsteriskSwitch.disown`."""
        for server in self._servers.values():
            server.disown(attempt_id)


AnyAsterisk = AsteriskSwitch | MultiServerSwitch


def _made_by(unique_id: str) -> str:
    """Return the name of the server that made a channel's id, which begins with the `systemname` of asterisk.conf and a dash."""
    return unique_id.rpartition("-")[0]
