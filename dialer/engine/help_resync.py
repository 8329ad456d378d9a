"""After a start and after each loss of the link: the help with calls agrees again with where everybody stands.

Whoever is found together stays together; a voter in music whom nobody would fetch goes back to an agent, or to the message; a
third party who helps with no live call is let go.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from dialer.calls import Call
from dialer.engine.floor import Floor
from dialer.engine.help_desk import HelpDesk
from dialer.engine.state import Centre
from dialer.help import Help, HelpStage
from dialer.model import AttemptId
from dialer.switch.port import PartyId, Place, PlaceKind, SwitchUp, attempt_of
from dialer.view import SeatState

_log = structlog.get_logger(__name__)


class HelpResync:
    """Compares and repairs."""

    def __init__(self, centre: Centre, floor: Floor, desk: HelpDesk) -> None:
        """The desk that goes on with what is found."""
        self._centre = centre
        self._floor = floor
        self._desk = desk

    def resync(self, up: SwitchUp) -> None:
        """Bring the help with every live call to agree with the switch. Calls and seats must agree with it already."""
        parties: dict[AttemptId, tuple[PartyId, Place | None]] = {}
        for party_id, place in up.parties:
            attempt_id = attempt_of(party_id)
            if attempt_id is None:
                continue
            if attempt_id in self._centre.calls and attempt_id not in parties:
                parties[attempt_id] = (party_id, place)
            else:
                self._desk.release(party_id)
        live = {party_id for party_id, _ in up.parties}
        for gone in [party_id for party_id in self._centre.party_trunks if party_id not in live]:
            del self._centre.party_trunks[gone]
        held, talking = dict(up.held), dict(up.talking)
        for call in list(self._centre.calls.values()):
            party: PartyId | None
            party, place = parties.get(call.attempt_id, (None, None))
            known = self._centre.help.get(call.attempt_id)
            if known is None and party is None and call.attempt_id not in held and call.attempt_id not in up.aside:
                continue
            if call.attempt_id in up.aside:
                self._aside(call, party, place)
            elif call.attempt_id in held:
                self._held(call, held[call.attempt_id], party, place)
            else:
                self._in_no_music(call, talking, party, place)

    def _aside(self, call: Call, party_id: PartyId | None, place: Place | None) -> None:
        seat = call.seat or ""
        if party_id is not None and place is not None and place.kind is PlaceKind.ASIDE:
            self._desk.enter(Help(call.attempt_id, seat, HelpStage.TRANSFERRED, party_id, self._desk.found(party_id)))
        else:
            self._let_go(party_id)
            self._desk.back_to_an_agent(Help(call.attempt_id, seat, HelpStage.TRANSFERRED))

    def _held(self, call: Call, seat: str, party_id: PartyId | None, place: Place | None) -> None:
        known = self._centre.help.get(call.attempt_id)
        if party_id is not None and place is not None and place.kind is PlaceKind.ASIDE:
            self._desk.enter(Help(call.attempt_id, seat, HelpStage.HANDING_OVER, party_id, self._desk.found(party_id)))
            self._desk.party_came(party_id, place)
        elif party_id is not None and place is not None:
            self._with_its_agent(call, seat)
            self._desk.enter(Help(call.attempt_id, seat, HelpStage.CONSULT, party_id, self._desk.found(party_id)))
        elif known is not None and known.party_id == party_id and known.stage is not HelpStage.RETURNING:
            return  # the link was cut, and nothing has changed meanwhile: on hold, or the target's phone still rings
        else:
            self._let_go(party_id)
            self._with_its_agent(call, seat)
            self._desk.back_to_an_agent(Help(call.attempt_id, seat, HelpStage.RETURNING))

    def _in_no_music(
        self, call: Call, talking: Mapping[AttemptId, str], party_id: PartyId | None, place: Place | None
    ) -> None:
        seat = talking.get(call.attempt_id)
        if seat is not None and party_id is not None and place == Place(PlaceKind.SEAT, seat):
            self._desk.enter(Help(call.attempt_id, seat, HelpStage.THREE_WAY, party_id, self._desk.found(party_id)))
        else:
            self._let_go(party_id)
            self._desk.drop(call.attempt_id)

    def _with_its_agent(self, call: Call, seat_name: str) -> None:
        """The agent whose phone is there has this call, as before the dialler's restart."""
        seat = self._centre.seats.get(seat_name)
        if seat is not None and seat.phone_up and seat.attempt_id is None and seat.state is not SeatState.TALKING:
            self._floor.talks_on(call, seat_name)

    def _let_go(self, party_id: PartyId | None) -> None:
        if party_id is not None:
            self._desk.release(party_id)
