"""Use several Asterisk servers as one switch. Each command goes to the server that has the call or the seat's phone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping

from dialer.domain.errors import SwitchError, SwitchUnreachable
from dialer.domain.model import AttemptId
from dialer.domain.parties import PartyId, Place, PlaceKind
from dialer.domain.switch import History, OriginateRequest, PartyRequest, SeatSound
from dialer.domain.switch_events import EventSink, SwitchEvent, SwitchUp
from dialer.switch.asterisk.adapter import AsteriskSwitch
from dialer.switch.asterisk.inbound import InboundChannel
from dialer.switch.asterisk.places import parse_seat_of_channel


class MultiServerSwitch:
    """Several Asterisk servers that the dialler uses as one. It implements `dialer.domain.switch.Switch`.

    It also answers the queries of FastAGI handlers, for example which attempt is on a channel.
    """

    def __init__(
        self, servers: Mapping[str, AsteriskSwitch], endpoints: Mapping[str, str], seats: Mapping[str, str]
    ) -> None:
        """Create a switch of several servers.

        Args:
            servers: the servers by name.
            endpoints: the name of the server of each trunk endpoint.
            seats: the name of the server of each seat.
        """
        self._servers = servers
        self._endpoints: dict[str, str] = {}
        self._seats: dict[str, str] = {}
        self.register_servers_of_trunks_and_seats(endpoints, seats)

    def register_servers_of_trunks_and_seats(self, endpoints: Mapping[str, str], seats: Mapping[str, str]) -> None:
        """Register which server has each trunk endpoint and each seat. Earlier entries stay, because their calls may
        still be in progress.
        """
        self._endpoints.update(endpoints)
        self._seats.update(seats)

    def set_event_sink(self, sink: EventSink) -> None:
        """Set the function that receives the events of all servers from now on."""

        def report_event(event: SwitchEvent) -> None:
            if isinstance(event, SwitchUp):
                for name, server in self._servers.items():
                    if name != event.server:
                        server.check_connection_to_other_asterisk(event.server)
            sink(event)

        for server in self._servers.values():
            server.set_event_sink(report_event)

    def close(self) -> None:
        """Close the connections to all servers. No event is reported after this."""
        for server in self._servers.values():
            server.close()

    def get_age_of_oldest_pending_action(self, server: str) -> float:
        """Return how long the oldest AMI action of one server has waited so far for its response (s; 0 = none waits)."""
        return self._servers[server].get_age_of_oldest_pending_action()

    async def read_call_records(self, attempt_ids: Collection[AttemptId], server: str) -> History:
        """Return the call detail records (CDR) of one Asterisk server, which say how these attempts' calls have ended."""
        return await self._servers[server].read_call_records(attempt_ids)

    # Calls

    async def originate_call(self, request: OriginateRequest) -> None:
        """Place one call to a voter, on the Asterisk server that has the call's trunk."""
        await self._servers[self._endpoints[request.endpoint]].originate_call(request)

    async def hang_up_call(self, attempt_id: AttemptId) -> None:
        """Hang up the call of an attempt (record of one call), whether the call is ringing or answered. If no server
        tracks the call, all servers are asked to end it.
        """
        name = self._find_server_of_call(attempt_id)
        if name is not None:
            await self._servers[name].hang_up_call(attempt_id)
            return
        for server in self._servers.values():
            with contextlib.suppress(SwitchUnreachable):  # the resync of that server will find its stray calls
                await server.hang_up_call(attempt_id)

    async def connect_call_to_seat(self, attempt_id: AttemptId, seat: str, *, record: bool = False) -> None:
        """Connect a voter to a seat. If the seat is on another server, a call between the servers connects them."""
        other = self._seats[seat] if self._seats[seat] != self._find_server_of_call(attempt_id) else ""
        await self._get_server_with_call(attempt_id).connect_call_to_seat(attempt_id, seat, record=record, server=other)

    async def play_information_message(self, attempt_id: AttemptId) -> None:
        """Play the information message (who called, and that no agent was free) to a voter who has answered."""
        await self._get_server_with_call(attempt_id).play_information_message(attempt_id)

    async def put_call_on_hold(self, attempt_id: AttemptId, seat: str) -> None:
        """Play hold music to the voter who is talking at a seat."""
        await self._get_server_with_call(attempt_id).put_call_on_hold(attempt_id, seat)

    async def hand_over_call_to_third_party(self, attempt_id: AttemptId) -> None:
        """Complete a transfer: connect the voter to the third party (the transfer target), and disconnect the agent.
        The third party may be on another server.
        """
        there = next(
            (
                name
                for name, server in self._servers.items()
                if server.tracker.parties.is_third_party_called_for_attempt(attempt_id)
            ),
            "",
        )
        other = there if there != self._find_server_of_call(attempt_id) else ""
        await self._get_server_with_call(attempt_id).hand_over_call_to_third_party(attempt_id, other)

    async def set_call_recording_muted(self, attempt_id: AttemptId, *, muted: bool) -> None:
        """Stop recording the audio of a call (`muted`), or record it again."""
        await self._get_server_with_call(attempt_id).set_call_recording_muted(attempt_id, muted=muted)

    def _get_server_with_call(self, attempt_id: AttemptId) -> AsteriskSwitch:
        return self._servers[self._find_server_of_seat_or_call(Place(PlaceKind.HANDOVER, attempt_id))]

    def _find_server_of_call(self, attempt_id: AttemptId) -> str | None:
        return next(
            (name for name, server in self._servers.items() if server.tracker.calls.is_call_still_tracked(attempt_id)),
            None,
        )

    # Seats

    async def call_seat_phone(self, seat: str, endpoint: str) -> None:
        """Call the phone of a seat and connect it to the seat's conference."""
        await self._get_server_with_seat(seat).call_seat_phone(seat, endpoint)

    async def call_seat_phone_for_log_in(self, seat: str, endpoint: str) -> None:
        """Call the phone of a seat to ask for agent number and PIN."""
        await self._get_server_with_seat(seat).call_seat_phone_for_log_in(seat, endpoint)

    async def play_key_feedback_tone(self, seat: str, sound: SeatSound) -> None:
        """Play the tone by which an agent hears whether a key pressed on the phone was accepted or rejected."""
        await self._get_server_with_seat(seat).play_key_feedback_tone(seat, sound)

    async def count_packets_from_seat_phone(self, seat: str) -> int:
        """Return the number of RTP packets received from the phone of a seat in its present call."""
        return await self._get_server_with_seat(seat).count_packets_from_seat_phone(seat)

    async def hang_up_seat_phone(self, seat: str) -> None:
        """Hang up the phone of a seat."""
        await self._get_server_with_seat(seat).hang_up_seat_phone(seat)

    def _get_server_with_seat(self, seat: str) -> AsteriskSwitch:
        return self._servers[self._seats[seat]]

    # Third parties

    async def call_third_party(self, request: PartyRequest) -> None:
        """Call a third party (a transfer target or a supervisor), and connect them to a seat or to a voter.

        The voter is one who is being transferred to them. If the third party's trunk or phone is on another server, a
        call between the two servers connects them.
        """
        home, there = self._endpoints[request.endpoint], self._find_server_of_seat_or_call(request.place)
        await self._servers[there].call_third_party(request, None if home == there else home)

    async def move_third_party(self, party_id: PartyId, place: Place) -> None:
        """Move a third party to a seat, or to the voter who is being transferred to them.

        The seat must be on the third party's server. A transferred voter joins the third party there.

        Raises:
            SwitchError: the third party's call has ended, or is on another server than the seat.
        """
        server = self._find_server_of_third_party(party_id)
        if server is None:
            raise SwitchError("the third party's call has ended: call the third party again")
        if place.kind is not PlaceKind.HANDOVER and server != (seat_server := self._find_server_of_seat_or_call(place)):
            raise SwitchError(
                f"the third party's call is on server {server}, but the seat is on server {seat_server}: end the call"
                " of the third party,"
                " then call again"
            )
        await self._servers[server].move_third_party(party_id, place)

    async def hang_up_third_party(self, party_id: PartyId) -> None:
        """Hang up the call of a third party (a transfer target or a supervisor)."""
        server = self._find_server_of_third_party(party_id)
        if server is not None:
            await self._servers[server].hang_up_third_party(party_id)

    def _find_server_of_third_party(self, party_id: PartyId) -> str | None:
        return next(
            (name for name, server in self._servers.items() if server.tracker.parties.is_third_party_live(party_id)),
            None,
        )

    def _find_server_of_seat_or_call(self, place: Place) -> str:
        """Return the name of the server with a seat or with an attempt's call. Raises SwitchError for an ended call."""
        if place.kind is not PlaceKind.HANDOVER:
            return self._seats[place.name]
        server = self._find_server_of_call(AttemptId(place.name))
        if server is None:
            raise SwitchError("the voter's call has ended: no Asterisk server has it any more")
        return server

    # Queries of FastAGI handlers

    def find_attempt_on_channel(self, unique_id: str) -> AttemptId:
        """Return the attempt (record of one call) whose call is on the channel with this unique id."""
        server = self._servers.get(_parse_server_of_unique_id(unique_id))
        return AttemptId(unique_id) if server is None else server.find_attempt_on_channel(unique_id)

    async def assign_channel_to_attempt(
        self, unique_id: str, name: str, attempt_id: AttemptId
    ) -> InboundChannel | None:
        """Assign an unanswered inbound channel to a call attempt (see `AsteriskSwitch.assign_channel_to_attempt`).

        Returns None also if the unique id does not name one of our servers.
        """
        server = self._servers.get(_parse_server_of_unique_id(unique_id))
        return None if server is None else await server.assign_channel_to_attempt(unique_id, name, attempt_id)

    def unassign_channel_of_attempt(self, attempt_id: AttemptId) -> None:
        """Undo `assign_channel_to_attempt`: the inbound channel no longer belongs to the call attempt, and the
        channel's events are ignored.
        """
        for server in self._servers.values():
            server.unassign_channel_of_attempt(attempt_id)

    async def is_channel_answered(self, unique_id: str, name: str, context: str) -> bool:
        """Return whether a channel is answered (see `AsteriskSwitch.is_channel_answered`).

        After a start of the dialler, a channel with an attempt's id may be on any server, so all servers are queried.
        """
        seat = self._seats.get(parse_seat_of_channel(unique_id))
        known = (_parse_server_of_unique_id(unique_id), self._find_server_of_call(AttemptId(unique_id)), seat)
        likely = [self._servers[each] for each in known if each is not None and each in self._servers][:1]
        servers = likely or self._servers.values()
        return any(await asyncio.gather(*(server.is_channel_answered(unique_id, name, context) for server in servers)))


AnyAsterisk = AsteriskSwitch | MultiServerSwitch


def _parse_server_of_unique_id(unique_id: str) -> str:
    """Return the server's name in a unique id that Asterisk has chosen: `east` for `east-1764550800.12`."""
    return unique_id.rpartition("-")[0]
