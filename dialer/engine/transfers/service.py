"""Transfers: hold, consult, three-way call and transfer of a voter.

Each step is recorded before its request is sent to the switch, so that the engine knows it when events arrive. If
anything fails, the voter goes back to an agent or hears the information message.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Mapping
from dataclasses import replace

import structlog

from dialer.domain.errors import CommandRefused, OriginateUnsure, SwitchError
from dialer.domain.model import AttemptId
from dialer.domain.parties import (
    PartyId,
    Place,
    PlaceKind,
    make_transfer_party_id,
    parse_transfer_attempt_id,
    parse_transfer_target_name,
)
from dialer.domain.switch import PartyRequest, Switch
from dialer.domain.switch_events import SwitchUp
from dialer.domain.view import SeatState, TransferStage
from dialer.engine.acd.service import Acd
from dialer.engine.asterisk_servers.state import AsteriskServers
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call
from dialer.engine.core import Core
from dialer.engine.effects import TimerExpired, TimerKind, make_order_to_switch
from dialer.engine.seats.seats import Seats
from dialer.engine.transfers.state import (
    AGENT_WAITS,
    TARGET_AT_SEAT,
    VOTER_AWAY,
    WITH_TARGET,
    CallTransfer,
    CallTransfers,
    TransferStep,
    require_allowed_transfer_step,
)
from dialer.engine.trunks.channels import Channels
from dialer.engine.trunks.state import TrunkPool
from dialer.rules import numbers
from dialer.settings.transfers import TransferSettings

_log = structlog.get_logger(__name__)


class Transfers:
    """Executes agents' transfer commands, and handles the events that follow."""

    def __init__(
        self,
        core: Core,
        servers: AsteriskServers,
        transfers: CallTransfers,
        calls: LiveCalls,
        channels: Channels,
        seats: Seats,
        switch: Switch,
        acd: Acd,
        trunks: TrunkPool,
    ) -> None:
        """Create the service for transfers. The site's rules on numbers are checked each time a target outside the site
        is called.
        """
        self._core = core
        self._servers = servers
        self._transfers = transfers
        self._calls = calls
        self._channels = channels
        self._seats = seats
        self._switch = switch
        self._acd = acd
        self._trunks = trunks

    # Commands

    async def put_voter_on_hold(self, seat_name: str) -> str:
        """Put the voter at a seat on hold. Raises CommandRefused; the call is then unchanged."""
        call, _ = self._require_transfer_step(seat_name, TransferStep.HOLD)
        self.set_transfer_of_call(CallTransfer(call.attempt_id, seat_name, TransferStage.HOLD))
        await self._send_transfer_order_to_switch(
            self._switch.put_call_on_hold(call.attempt_id, seat_name), call.attempt_id, None
        )
        return f"seat {seat_name}: the voter is on hold"

    async def start_blind_transfer(self, seat_name: str, to: str) -> str:
        """Transfer the voter at a seat to a target without a consultation: the agent leaves at once."""
        call, now = self._require_transfer_step(seat_name, TransferStep.TRANSFER)
        await self._call_transfer_target(call, now, seat_name, self._require_transfer_target(to), blind=True)
        return f"seat {seat_name}: transferring to {to}"

    async def start_consultation(self, seat_name: str, to: str) -> str:
        """Call a transfer target, so that the agent can talk to the target while the voter is on hold."""
        call, now = self._require_transfer_step(seat_name, TransferStep.CONSULT)
        await self._call_transfer_target(call, now, seat_name, self._require_transfer_target(to), blind=False)
        return f"seat {seat_name}: calling {to}"

    async def resume_conversation_after_hold(self, seat_name: str) -> str:
        """Bring the voter at a seat back from hold."""
        _, now = self._require_transfer(seat_name, TransferStep.RESUME)
        if self._seats[seat_name].phone_on_hold:
            raise CommandRefused(f"the phone of seat {seat_name} is on hold: take it off hold with the phone's own key")
        await self._return_voter_to_seat(now, replace(now, stage=TransferStage.RETURNING))
        return f"seat {seat_name}: the voter is off hold"

    async def start_three_way_call(self, seat_name: str) -> str:
        """Join voter, agent and transfer target in a three-way call."""
        _, now = self._require_transfer(seat_name, TransferStep.MERGE)
        await self._return_voter_to_seat(now, replace(now, stage=TransferStage.MERGING))
        return f"seat {seat_name}: three-way call"

    async def complete_transfer(self, seat_name: str) -> str:
        """Complete a warm transfer: the agent leaves, voter and transfer target stay connected."""
        call, now = self._require_transfer(seat_name, TransferStep.COMPLETE)
        await self._complete_transfer(call, now)
        return f"seat {seat_name}: transferred to {now.to or 'the target'}"

    async def cancel_consultation(self, seat_name: str) -> str:
        """Hang up the transfer target, so that the agent is alone with the voter again."""
        _, now = self._require_transfer(seat_name, TransferStep.CANCEL)
        await self._cancel_consultation(now)
        return f"seat {seat_name}: the target was hung up"

    def _require_transfer_step(self, seat_name: str, asked: TransferStep) -> tuple[Call, CallTransfer | None]:
        """Return the call at a seat and its transfer. Raises CommandRefused if this step of a transfer is not possible
        now.
        """
        call = self._require_call_at_seat(seat_name)
        now = self._transfers.find_transfer_of_call(call.attempt_id)
        require_allowed_transfer_step(asked, seat_name, now)
        return call, now

    def _require_transfer(self, seat_name: str, asked: TransferStep) -> tuple[Call, CallTransfer]:
        call, now = self._require_transfer_step(seat_name, asked)
        assert now is not None  # noqa: S101 - these steps are refused without a transfer
        return call, now

    def _require_call_at_seat(self, seat_name: str) -> Call:
        seat = self._seats.require_known_seat(seat_name)
        call = self._calls.find_call_at_seat(seat)
        if call is None or seat.state is not SeatState.TALKING:
            raise CommandRefused(f"seat {seat_name} has no call that could be held or transferred")
        return call

    def _require_transfer_target(self, name: str) -> TransferSettings:
        targets = self._core.plan.transfers
        target = targets.get(name)
        if target is None:
            known_targets = ", ".join(targets) or "none"
            raise CommandRefused(
                f"unknown transfer target: choose a `name` from [[transfers]] in the settings: {known_targets}"
            )
        return target

    async def _call_transfer_target(
        self, call: Call, before: CallTransfer | None, seat: str, target: TransferSettings, *, blind: bool
    ) -> None:
        place = Place(PlaceKind.HANDOVER, call.attempt_id) if blind else Place(PlaceKind.SEAT, seat)
        request = self._make_call_request_to_transfer_target(call.attempt_id, target, place)
        stage = TransferStage.TRANSFER if blind else TransferStage.CALLING
        self.set_transfer_of_call(CallTransfer(call.attempt_id, seat, stage, request.party_id, target.name))
        try:
            if before is None:
                await self._send_transfer_order_to_switch(
                    self._switch.put_call_on_hold(call.attempt_id, seat), call.attempt_id, None
                )
            if self._find_transfer_of_target(request.party_id) is None:
                raise CommandRefused(
                    f"seat {seat}: {target.name} was not called, because the voter or the agent has left"
                )
            await self._switch.call_third_party(request)
        except CommandRefused:
            self._transfers.party_trunks.pop(request.party_id, None)
            raise
        except SwitchError as error:
            if isinstance(error, OriginateUnsure):  # the target's phone may ring, and nobody would be there to talk to
                self.hang_up_transfer_target(request.party_id)
            self.on_transfer_target_left(request.party_id)
            raise CommandRefused(f"seat {seat}: {target.name} was not called: {error}") from error
        live = self._find_transfer_of_target(request.party_id)
        if live is None:  # the transfer ended meanwhile
            self.hang_up_transfer_target(request.party_id)
        elif blind and live.stage not in AGENT_WAITS:
            self._free_agent_whose_voter_was_transferred(call.attempt_id)

    def _make_call_request_to_transfer_target(
        self, attempt_id: AttemptId, target: TransferSettings, place: Place
    ) -> PartyRequest:
        party_id = make_transfer_party_id(attempt_id, target.name, secrets.token_hex(6))
        if target.number is None or target.trunk is None:
            return PartyRequest(party_id, target.endpoint or "", None, None, target.ring_seconds, place)
        rules = self._core.plan.gate.rules
        reason = numbers.find_reason_number_is_refused(target.number, rules.allowed_prefixes, rules.denied_prefixes)
        if reason is not None:
            raise CommandRefused(f"transfer target {target.name} was not called: {reason}")
        now = self._core.clock.monotonic()
        taken = self._trunks.choose_trunk_for_call(
            (target.trunk,),
            self._channels.count_used_channels(),
            now,
            self._channels.count_unsent_calls(),
            reports_end=False,
        )
        if taken is None:
            raise CommandRefused(
                f"transfer target {target.name} was not called: trunk {target.trunk} has no free channel. Try again"
            )
        trunk, caller_id = taken
        self._transfers.party_trunks[party_id] = trunk.name
        return PartyRequest(party_id, trunk.endpoint, target.number, caller_id, target.ring_seconds, place)

    async def _return_voter_to_seat(self, before: CallTransfer, after: CallTransfer) -> None:
        self.set_transfer_of_call(after)
        await self._send_transfer_order_to_switch(
            self._switch.connect_call_to_seat(after.attempt_id, after.seat), after.attempt_id, before
        )

    async def _complete_transfer(self, call: Call, transfer: CallTransfer) -> None:
        assert transfer.party_id is not None  # noqa: S101 - a target exists in these stages
        self.set_transfer_of_call(replace(transfer, stage=TransferStage.HANDING_OVER))
        aside = Place(PlaceKind.HANDOVER, call.attempt_id)
        await self._send_transfer_order_to_switch(
            self._switch.move_third_party(transfer.party_id, aside), call.attempt_id, transfer
        )
        if call.attempt_id not in self._calls:
            raise CommandRefused(f"seat {transfer.seat}: the transfer was not completed, because the voter has hung up")
        live = self._transfers.find_transfer_of_call(call.attempt_id)
        # If the target has hung up meanwhile, the voter is back with the agent, or being returned.
        if live is None or live.stage in AGENT_WAITS:
            raise CommandRefused(
                f"seat {transfer.seat}: {transfer.to or 'the target'} has hung up. The call stays with you"
            )
        self._free_agent_whose_voter_was_transferred(call.attempt_id)

    async def _cancel_consultation(self, transfer: CallTransfer) -> None:
        if transfer.stage is TransferStage.THREE_WAY:
            self.remove_transfer(transfer.attempt_id)
        else:
            await self._return_voter_to_seat(
                transfer, replace(transfer, stage=TransferStage.RETURNING, party_id=None, to=None)
            )
        self._hang_up_transfer_target_if_any(transfer.party_id)

    async def _send_transfer_order_to_switch(
        self, order: Awaitable[None], attempt_id: AttemptId, before: CallTransfer | None
    ) -> None:
        """Send an order of a transfer to the switch, and wait until the switch has accepted it. If the switch refuses
        the order, restore the transfer to `before` and raise CommandRefused.
        """
        entered = self._transfers.find_transfer_of_call(attempt_id)
        try:
            await order
        except SwitchError as error:
            if self._transfers.find_transfer_of_call(attempt_id) is entered:
                self.remove_transfer(attempt_id) if before is None else self.set_transfer_of_call(before)
            raise CommandRefused(f"the call was not changed, because Asterisk refused the request: {error}") from error

    # Events

    def is_voter_away_because_of_transfer(self, attempt_id: AttemptId) -> bool:
        """Return whether the voter of a call has left the seat because of a transfer."""
        live = self._transfers.find_transfer_of_call(attempt_id)
        return live is not None and live.stage in VOTER_AWAY

    def on_voter_returned(self, attempt_id: AttemptId) -> None:
        """Update the transfer when the voter is back at the agent's seat, after a hold or to join the consultation."""
        live = self._transfers.find_transfer_of_call(attempt_id)
        if live is None:
            return
        if live.stage in {TransferStage.MERGING, TransferStage.CONSULT}:
            self.set_transfer_of_call(replace(live, stage=TransferStage.THREE_WAY))
        elif live.stage in {TransferStage.HOLD, TransferStage.RETURNING}:
            self.remove_transfer(attempt_id)

    def on_agent_phone_put_on_hold(self, seat_name: str) -> None:
        """Put the voter at a seat on hold, because the agent has pressed the phone's own hold key."""
        if seat_name in self._seats:
            self._acd.set_seat_phone_on_hold(seat_name, True)
            self.hold_voter_if_phone_held(seat_name)

    def hold_voter_if_phone_held(self, seat_name: str) -> None:
        """Put the voter at a seat on hold if the agent's phone is on hold, because the voter would otherwise hear
        silence.
        """
        seat = self._seats.find_seat(seat_name)
        if seat is None or not seat.phone_on_hold or seat.state is not SeatState.TALKING:
            return
        call = self._calls.find_call_at_seat(seat)
        if call is not None and self._transfers.find_transfer_of_call(call.attempt_id) is None:
            self.set_transfer_of_call(CallTransfer(call.attempt_id, seat_name, TransferStage.HOLD, by_phone=True))
            self._core.request_side_effects(
                make_order_to_switch(self._switch.put_call_on_hold, call.attempt_id, seat_name)
            )

    def on_agent_phone_taken_off_hold(self, seat_name: str) -> None:
        """Return the voter to the agent who has taken the phone off hold, if the hold was started on the phone."""
        seat = self._seats.find_seat(seat_name)
        if seat is None:
            return
        self._acd.set_seat_phone_on_hold(seat_name, False)
        call = self._calls.find_call_at_seat(seat)
        live = None if call is None else self._transfers.find_transfer_of_call(call.attempt_id)
        if live is not None and live.by_phone and live.stage is TransferStage.HOLD:
            self.return_voter_to_agent(live)

    def on_voter_connected_to_transfer_target(self, call: Call) -> None:
        """Record that the transfer is complete: the switch has connected the voter to the transfer target."""
        live = self._transfers.find_transfer_of_call(call.attempt_id)
        answered = call.copy_call_with_answer(self._core.read_clock())
        self._calls.update_call(call, answered.copy_call_with_information_message_stopped())
        if live is not None:
            self.set_transfer_of_call(replace(live, stage=TransferStage.TRANSFERRED))

    def on_information_message_started(self, call: Call) -> None:
        """End a transfer whose voter hears the information message because no agent was available."""
        live = self._transfers.find_transfer_of_call(call.attempt_id)
        if live is not None and live.stage in {TransferStage.RETURNING, TransferStage.MERGING}:
            self.remove_transfer(call.attempt_id)
            self._hang_up_transfer_target_if_any(live.party_id)
            self._acd.on_voter_left_seat(call, live.seat)

    def on_transfer_target_answered(self, party_id: PartyId, place: Place) -> None:
        """Update the transfer when its target has answered."""
        live = self._find_transfer_of_target(party_id)
        if live is None:
            self.hang_up_transfer_target(party_id)
        elif live.stage is TransferStage.CALLING:
            self.set_transfer_of_call(replace(live, stage=TransferStage.CONSULT))
        elif place.kind is PlaceKind.HANDOVER and live.stage in {TransferStage.TRANSFER, TransferStage.HANDING_OVER}:
            self.set_transfer_of_call(replace(live, stage=TransferStage.HANDING_OVER))
            lost = TimerExpired(TimerKind.HAND_OVER_FAILED, attempt_id=live.attempt_id)
            self._core.request_side_effects(
                make_order_to_switch(
                    self._switch.hand_over_call_to_third_party, live.attempt_id
                ).copy_order_with_failure_event(lost)
            )

    def on_agents_phone_disconnected(self, seat: str) -> None:
        """Update the transfer after the phone of the transferring agent has disconnected.

        A voter on hold hears the information message. In a three-way call the voter stays with the target.
        """
        live = next(
            (
                each
                for each in self._transfers.list_transfers_in_progress()
                if each.seat == seat and each.stage in AGENT_WAITS
            ),
            None,
        )
        if live is None:
            return
        if live.stage is TransferStage.THREE_WAY and live.party_id is not None:
            self.set_transfer_of_call(replace(live, stage=TransferStage.HANDING_OVER))
            aside = Place(PlaceKind.HANDOVER, live.attempt_id)
            lost = TimerExpired(TimerKind.HAND_OVER_FAILED, attempt_id=live.attempt_id)
            self._core.request_side_effects(
                make_order_to_switch(self._switch.move_third_party, live.party_id, aside).copy_order_with_failure_event(
                    lost
                )
            )
            return
        self.remove_transfer(live.attempt_id)
        self._hang_up_transfer_target_if_any(live.party_id)
        # In these two stages the dialplan itself plays the message.
        if live.stage not in {TransferStage.RETURNING, TransferStage.MERGING}:
            self._core.request_side_effects(
                make_order_to_switch(self._switch.play_information_message, live.attempt_id)
            )

    def end_transfer_of_ended_call(self, attempt_id: AttemptId) -> None:
        """End the transfer of a call that has ended."""
        live = self._transfers.find_transfer_of_call(attempt_id)
        if live is not None:
            self.remove_transfer(attempt_id)
            self._hang_up_transfer_target_if_any(live.party_id)

    # Steps

    def set_transfer_of_call(self, transfer: CallTransfer) -> None:
        """Set the transfer of a call, and notify subscribers that the view of the call's seat has changed."""
        self._transfers.add_or_replace_transfer(transfer)
        _log.info(
            "transfer.changed",
            attempt=transfer.attempt_id,
            seat=transfer.seat,
            stage=transfer.stage.value,
            to=transfer.to,
        )
        self._seats.publish_seat_view(transfer.seat)

    def restore_transfer_target_found_on_server(self, party_id: PartyId) -> str | None:
        """Record a transfer target that was found on the switch after a restart. Return the target's name."""
        name = parse_transfer_target_name(party_id)
        target = self._core.plan.transfers.get(name or "")
        if target is not None and target.trunk is not None:
            self._transfers.party_trunks[party_id] = target.trunk
        return name

    def remove_transfer(self, attempt_id: AttemptId) -> None:
        """Remove the transfer of a call, and notify subscribers that the view of the call's seat has changed."""
        gone = self._transfers.pop_transfer(attempt_id)
        if gone is not None:
            self._seats.publish_seat_view(gone.seat)

    def hang_up_transfer_target(self, party_id: PartyId) -> None:
        """Hang up a transfer target."""
        self._transfers.party_trunks.pop(party_id, None)
        self._core.request_side_effects(make_order_to_switch(self._switch.hang_up_third_party, party_id))

    def _find_transfer_of_target(self, party_id: PartyId) -> CallTransfer | None:
        attempt_id = parse_transfer_attempt_id(party_id)
        live = self._transfers.find_transfer_of_call(attempt_id) if attempt_id is not None else None
        return live if live is not None and live.party_id == party_id else None

    def on_transfer_target_left(self, party_id: PartyId) -> None:
        """Return the voter to the agent, because the transfer target was not reached or has hung up."""
        self._transfers.party_trunks.pop(party_id, None)
        live = self._find_transfer_of_target(party_id)
        if live is None:
            return
        if live.stage is TransferStage.THREE_WAY:
            self.remove_transfer(live.attempt_id)
        elif live.stage is TransferStage.TRANSFERRED:  # the dialplan ends the voter's call as well
            self.set_transfer_of_call(replace(live, party_id=None))
        else:
            self.return_voter_to_agent(replace(live, party_id=None, to=None))

    def return_voter_to_agent(self, live: CallTransfer) -> None:
        """Return the voter of a failed transfer to an agent.

        Agents are tried in this order: the agent who waits for the voter, the agent who transferred the call, any free
        agent. If no agent is free, the voter hears the information message.
        """
        call = self._calls.find_live_call(live.attempt_id)
        if call is None:
            return
        seat = self._seats.find_seat(live.seat)
        waits = seat is not None and seat.attempt_id == live.attempt_id and seat.state is SeatState.TALKING
        name = live.seat if waits else self._acd.choose_seat_after_failed_transfer(call, live.seat)
        if name is None:
            self.remove_transfer(live.attempt_id)
            self._core.request_side_effects(
                make_order_to_switch(self._switch.play_information_message, live.attempt_id)
            )
            return
        self.set_transfer_of_call(replace(live, stage=TransferStage.RETURNING, seat=name))
        self._core.request_side_effects(make_order_to_switch(self._switch.connect_call_to_seat, live.attempt_id, name))

    def on_connection_to_transfer_target_failed(self, attempt_id: AttemptId) -> None:
        """Hang up a transfer target, because the switch did not connect the voter to this target."""
        live = self._transfers.find_transfer_of_call(attempt_id)
        if live is not None:
            self._hang_up_transfer_target_if_any(live.party_id)

    def _free_agent_whose_voter_was_transferred(self, attempt_id: AttemptId) -> None:
        call = self._calls.find_live_call(attempt_id)
        if call is not None and call.talk.seat is not None:
            self._acd.on_voter_left_seat(call, call.talk.seat)

    def _hang_up_transfer_target_if_any(self, party_id: PartyId | None) -> None:
        if party_id is not None:
            self.hang_up_transfer_target(party_id)

    # After a start and after each loss of the link

    def resync_transfers_with_server(self, up: SwitchUp) -> None:
        """Bring the transfers of all live calls into agreement with an Asterisk server. Calls and seats must already
        agree with it.
        """
        parties: dict[AttemptId, tuple[PartyId, Place | None]] = {}
        for party_id, place in up.parties:
            attempt_id = parse_transfer_attempt_id(party_id)
            if attempt_id is None:
                continue
            if attempt_id in self._calls and attempt_id not in parties:
                parties[attempt_id] = (party_id, place)
            elif attempt_id not in up.handed_over:  # not with a voter of another server, whose call may be unknown yet
                self.hang_up_transfer_target(party_id)
        live = {party_id for party_id, _ in up.parties}
        servers = self._servers
        for party_id, trunk in list(self._transfers.party_trunks.items()):
            if party_id not in live and servers.get_server_of_trunk(trunk) == up.server:
                del self._transfers.party_trunks[party_id]
        held, talking = dict(up.held), dict(up.talking)
        for call in list(self._calls.list_live_calls()):
            party: PartyId | None
            party, place = parties.get(call.attempt_id, (None, None))
            known = self._transfers.find_transfer_of_call(call.attempt_id)
            if self._resync_transfer_between_two_asterisk_servers(call, known, party, up):
                continue
            if (
                known is None
                and party is None
                and call.attempt_id not in held
                and call.attempt_id not in up.handed_over
            ):
                continue
            if call.attempt_id in up.handed_over:
                self._resync_call_with_transfer_target(call, party, place)
            elif call.attempt_id in held:
                self._resync_call_on_hold(call, held[call.attempt_id], party, place)
            else:
                self._resync_call_at_seat(call, talking, party, place)

    def _resync_transfer_between_two_asterisk_servers(
        self, call: Call, known: CallTransfer | None, party_id: PartyId | None, up: SwitchUp
    ) -> bool:
        """Bring a transfer into agreement with an Asterisk server after its connection.

        Unknown targets are hung up; a target that is no longer reported has left. Return False, and change nothing, if
        voter and target are on the same server.
        """
        # Each server reports only its own calls. A target that talks to the agent is reported by the server of the seat.
        # A target that talks to the voter is reported by the target's own server.
        at = None if known is None or known.stage not in TARGET_AT_SEAT else known.party_id
        seat = None if known is None or at is None else self._seats.find_seat(known.seat)
        if self._servers.get_server_of_trunk(call.trunk) == up.server:
            if seat is not None:
                return seat.server != up.server
            here = {call.attempt_id} <= up.handed_over | dict(up.held).keys()
            with_target = known is not None and known.party_id is not None and known.stage in WITH_TARGET
            return with_target and party_id is None and not here and len(self._servers.names) > 1
        if party_id is not None and call.attempt_id in up.handed_over:
            seat_name = call.talk.seat or ""
            self.set_transfer_of_call(
                CallTransfer(
                    call.attempt_id,
                    seat_name,
                    TransferStage.TRANSFERRED,
                    party_id,
                    self.restore_transfer_target_found_on_server(party_id),
                )
            )
        elif party_id is not None and (known is None or known.party_id != party_id):
            self.hang_up_transfer_target(party_id)
        elif party_id is None and at is not None and seat is not None and seat.server == up.server:
            self.on_transfer_target_left(at)
        return True

    def _resync_call_with_transfer_target(self, call: Call, party_id: PartyId | None, place: Place | None) -> None:
        seat = call.talk.seat or ""
        if party_id is not None and place is not None and place.kind is PlaceKind.HANDOVER:
            self.set_transfer_of_call(
                CallTransfer(
                    call.attempt_id,
                    seat,
                    TransferStage.TRANSFERRED,
                    party_id,
                    self.restore_transfer_target_found_on_server(party_id),
                )
            )
        else:
            self._hang_up_transfer_target_if_any(party_id)
            self.return_voter_to_agent(CallTransfer(call.attempt_id, seat, TransferStage.TRANSFERRED))

    def _resync_call_on_hold(self, call: Call, seat: str, party_id: PartyId | None, place: Place | None) -> None:
        known = self._transfers.find_transfer_of_call(call.attempt_id)
        if party_id is not None and place is not None and place.kind is PlaceKind.HANDOVER:
            self.set_transfer_of_call(
                CallTransfer(
                    call.attempt_id,
                    seat,
                    TransferStage.HANDING_OVER,
                    party_id,
                    self.restore_transfer_target_found_on_server(party_id),
                )
            )
            self.on_transfer_target_answered(party_id, place)
        elif party_id is not None and place is not None:
            self._reassign_call_to_agent_at_seat(call, seat)
            self.set_transfer_of_call(
                CallTransfer(
                    call.attempt_id,
                    seat,
                    TransferStage.CONSULT,
                    party_id,
                    self.restore_transfer_target_found_on_server(party_id),
                )
            )
        elif known is not None and known.party_id == party_id and known.stage is not TransferStage.RETURNING:
            return  # unchanged while the link was down: on hold, or the target's phone still rings
        else:
            self._hang_up_transfer_target_if_any(party_id)
            self._reassign_call_to_agent_at_seat(call, seat)
            self.return_voter_to_agent(CallTransfer(call.attempt_id, seat, TransferStage.RETURNING))

    def _resync_call_at_seat(
        self, call: Call, talking: Mapping[AttemptId, str], party_id: PartyId | None, place: Place | None
    ) -> None:
        seat = talking.get(call.attempt_id)
        if seat is not None and party_id is not None and place == Place(PlaceKind.SEAT, seat):
            self.set_transfer_of_call(
                CallTransfer(
                    call.attempt_id,
                    seat,
                    TransferStage.THREE_WAY,
                    party_id,
                    self.restore_transfer_target_found_on_server(party_id),
                )
            )
        else:
            self._hang_up_transfer_target_if_any(party_id)
            self.remove_transfer(call.attempt_id)

    def _reassign_call_to_agent_at_seat(self, call: Call, seat_name: str) -> None:
        """Assign a call to the agent at the seat again, after a restart."""
        seat = self._seats.find_seat(seat_name)
        if seat is not None and seat.phone_up and seat.attempt_id is None and seat.state is not SeatState.TALKING:
            self._acd.restore_conversation_at_seat(call, seat_name)
