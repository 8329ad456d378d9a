"""Use Asterisk and Twilio as one switch. The trunk of a call decides whether Asterisk or Twilio places it. All seats
are on Asterisk.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Protocol

from dialer.domain.errors import SwitchUnreachable
from dialer.domain.model import AttemptId
from dialer.domain.parties import PartyId, Place
from dialer.domain.switch import CallSwitch, History, OriginateRequest, PartyRequest, SeatSound, Switch
from dialer.domain.switch_events import EventSink, SwitchEvent, SwitchUp


class CarrierSwitch(CallSwitch, Protocol):
    """A carrier, such as Twilio, that runs IVR flows on its calls itself and has no agents' seats."""

    def list_live_calls(self) -> frozenset[AttemptId]:
        """Return the attempts that have, or may have, a call on this carrier."""
        ...

    def report_states_of_live_calls(self) -> None:
        """Report the state of each live call as events.

        Called after `SwitchUp` (the event of a new connection), which lists the live calls without their states.
        """
        ...


def refuse_event_before_engine_is_connected(event: SwitchEvent) -> None:
    """Raise RuntimeError: Asterisk or Twilio has reported an event, but `set_event_sink` was not called yet."""
    raise RuntimeError(
        f"the switch reported {type(event).__name__} before it has a receiver of events: call set_event_sink first"
    )


class RoutedSwitch:
    """Asterisk and another carrier (Twilio) that the dialler uses as one. It implements `dialer.domain.switch.Switch`."""

    def __init__(self, asterisk: Switch | None, carrier: CarrierSwitch, endpoints: Collection[str]) -> None:
        """Create the combined switch.

        Args:
            asterisk: the site's Asterisk, or None if it has no Asterisk and so no seats.
            carrier: places the calls on its own trunks.
            endpoints: the endpoints of the carrier's trunks.
        """
        self._asterisk = asterisk
        self._carrier = carrier
        self._endpoints = frozenset(endpoints)

    def create_sink_adding_twilio_calls(self, sink: EventSink, server: str) -> EventSink:
        """Return a function that passes Asterisk's events on to `sink`, and adds the carrier's (Twilio's) calls to one.

        This event is `SwitchUp` of the Asterisk server `server`, which must list all live calls.
        """

        def add_carrier_calls_to_switch_up(event: SwitchEvent) -> None:
            if isinstance(event, SwitchUp) and event.server == server:
                sink(replace(event, live_attempts=event.live_attempts | self._carrier.list_live_calls()))
                self._carrier.report_states_of_live_calls()
            else:
                sink(event)

        return add_carrier_calls_to_switch_up

    def get_age_of_oldest_pending_action(self, server: str) -> float:
        """Return how long the oldest AMI action has waited so far for its response (s), or 0 if none waits.

        Requests to the carrier (Twilio) are not covered, because each has its own timeout.
        """
        return 0.0 if self._asterisk is None else self._asterisk.get_age_of_oldest_pending_action(server)

    async def read_call_records(self, attempt_ids: Collection[AttemptId], server: str) -> History:
        """Return Asterisk's call detail records (CDR) of these attempts, which say how the calls have ended."""
        return await self._require_asterisk().read_call_records(attempt_ids, server)

    # Calls

    async def originate_call(self, request: OriginateRequest) -> None:
        """Place one call to a voter, over Asterisk or over Twilio."""
        await (self._carrier if request.endpoint in self._endpoints else self._require_asterisk()).originate_call(
            request
        )

    async def hang_up_call(self, attempt_id: AttemptId) -> None:
        """Hang up the call of an attempt (record of one call), whether the call is ringing or answered."""
        await self._get_switch_with_call(attempt_id).hang_up_call(attempt_id)

    async def connect_call_to_seat(self, attempt_id: AttemptId, seat: str, *, record: bool = False) -> None:
        """Connect a voter to a seat."""
        await self._get_switch_with_call(attempt_id).connect_call_to_seat(attempt_id, seat, record=record)

    async def play_information_message(self, attempt_id: AttemptId) -> None:
        """Play the information message (who called, and that no agent was free) to a voter who has answered."""
        await self._get_switch_with_call(attempt_id).play_information_message(attempt_id)

    def _get_switch_with_call(self, attempt_id: AttemptId) -> CallSwitch:
        return self._carrier if attempt_id in self._carrier.list_live_calls() else self._require_asterisk()

    # Seats, transfers and recordings

    def _require_asterisk(self) -> Switch:
        if self._asterisk is None:
            raise SwitchUnreachable(
                "this centre has no Asterisk, so it can use Twilio trunks only: choose a Twilio trunk"
            )
        return self._asterisk

    async def call_seat_phone(self, seat: str, endpoint: str) -> None:
        """Call the phone of a seat and connect it to the seat's conference."""
        await self._require_asterisk().call_seat_phone(seat, endpoint)

    async def call_seat_phone_for_log_in(self, seat: str, endpoint: str) -> None:
        """Call the phone of a seat to ask for agent number and PIN."""
        await self._require_asterisk().call_seat_phone_for_log_in(seat, endpoint)

    async def play_key_feedback_tone(self, seat: str, sound: SeatSound) -> None:
        """Play the tone by which an agent hears whether a key pressed on the phone was accepted or rejected."""
        await self._require_asterisk().play_key_feedback_tone(seat, sound)

    async def count_packets_from_seat_phone(self, seat: str) -> int:
        """Return the number of RTP packets received from the phone of a seat in its current call."""
        return await self._require_asterisk().count_packets_from_seat_phone(seat)

    async def hang_up_seat_phone(self, seat: str) -> None:
        """Hang up the phone of a seat."""
        await self._require_asterisk().hang_up_seat_phone(seat)

    async def put_call_on_hold(self, attempt_id: AttemptId, seat: str) -> None:
        """Play hold music to the voter who is talking at a seat."""
        await self._require_asterisk().put_call_on_hold(attempt_id, seat)

    async def hand_over_call_to_third_party(self, attempt_id: AttemptId) -> None:
        """Complete a transfer: connect the voter to the third party (the transfer target), and disconnect the agent."""
        await self._require_asterisk().hand_over_call_to_third_party(attempt_id)

    async def call_third_party(self, request: PartyRequest) -> None:
        """Call a third party (a transfer target or a supervisor), and connect them to a seat or to a voter.

        The voter is one who is being transferred to them.
        """
        await self._require_asterisk().call_third_party(request)

    async def move_third_party(self, party_id: PartyId, place: Place) -> None:
        """Move a third party to a seat, or to the voter who is being transferred to them."""
        await self._require_asterisk().move_third_party(party_id, place)

    async def hang_up_third_party(self, party_id: PartyId) -> None:
        """Hang up the call of a third party (a transfer target or a supervisor)."""
        await self._require_asterisk().hang_up_third_party(party_id)

    async def set_call_recording_muted(self, attempt_id: AttemptId, *, muted: bool) -> None:
        """Stop recording the audio of a call (`muted`), or record it again."""
        await self._require_asterisk().set_call_recording_muted(attempt_id, muted=muted)


def report_carrier_calls(sink: Callable[[SwitchEvent], None], carrier: CarrierSwitch) -> None:
    """Report `SwitchUp` with the carrier's live calls. Used at a site without Asterisk."""
    sink(SwitchUp(carrier.list_live_calls(), frozenset(), (), restarted=False))
    carrier.report_states_of_live_calls()
