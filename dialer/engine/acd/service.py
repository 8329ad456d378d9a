"""ACD (automatic call distribution): connect answered voters to free agents, longest idle seat first.

A voter for whom no seat becomes free in time hears the information message.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from dialer.domain.clock import Instant
from dialer.domain.model import AttemptId
from dialer.domain.switch import Switch
from dialer.domain.view import SeatState
from dialer.engine.asterisk_servers.state import AsteriskServers
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call
from dialer.engine.campaigns.runs import CampaignRuns
from dialer.engine.core import Core
from dialer.engine.effects import (
    StartTimer,
    StopTimer,
    TimerExpired,
    TimerKind,
    UpdatePacer,
    make_order_to_switch,
)
from dialer.engine.placing.eligibility import Eligibility
from dialer.engine.seats.seats import Seats
from dialer.engine.seats.state import Seat, choose_seat
from dialer.pacing.port import PacingEventKind

MESSAGE_MARGIN_SECONDS = 0.2  # the message is ordered this long before the connect limit expires
CONNECT_SECONDS = 2.0  # a reserved seat whose voter has not arrived by then is released
PHONE_RETRY_SECONDS = 5.0  # before the phone of a lost seat is called again


class Acd:
    """Connects answered voters to agents' seats, and frees each seat for the next voter after a call."""

    def __init__(
        self,
        core: Core,
        servers: AsteriskServers,
        calls: LiveCalls,
        seats: Seats,
        runs: CampaignRuns,
        eligibility: Eligibility,
        switch: Switch,
    ) -> None:
        """Create the ACD (automatic call distribution). `eligibility` decides whether the rules still allow a call at
        the moment when it is connected.
        """
        self._core = core
        self._servers = servers
        self._calls = calls
        self._seats = seats
        self._runs = runs
        self._eligibility = eligibility
        self._switch = switch
        self._wrapping_up: dict[str, Call] = {}  # by seat: the call that is being wrapped up
        self._flow_handovers: dict[AttemptId, asyncio.Future[bool]] = {}  # calls that a flow is connecting to a seat

    # Voters

    def connect_or_queue_voter(self, call: Call) -> None:
        """Connect an answered voter to a free seat. If no seat is free, connect the voter to the next seat that becomes
        free within the connect limit (the time that a voter may wait).
        """
        now = self._core.read_clock()
        known = self._calls.update_call(call, call.copy_call_with_human_answer(now))
        if known.leg.waiting or known.talk.seat is not None or known.leg.message_started:
            return
        waiting = self._calls.update_call(known, known.copy_call_with_voter_waiting())
        if not self._eligibility.do_rules_allow_connecting_answered_call(waiting):
            self.play_information_message_to_voter(call.attempt_id)
        elif not self._try_connect_call_to_seat(waiting):
            limit = self._runs[call.campaign_id].spec.connect_limit_seconds - MESSAGE_MARGIN_SECONDS
            left = max(0.0, limit - (now.seconds - (waiting.leg.answered_seconds or 0.0)))
            due = TimerExpired(TimerKind.CONNECT_LIMIT, attempt_id=call.attempt_id)
            self._core.request_side_effects(StartTimer(f"call/{call.attempt_id}", left, due))

    async def connect_flow_call_to_seat(self, attempt_id: AttemptId) -> bool:
        """Connect the voter of a call in an IVR flow to a free seat. Return True when agent and voter hear each other,
        and False if no seat took the call or the rules forbid the call now.
        """
        call = self._calls.find_live_call(attempt_id)
        if call is None or attempt_id in self._flow_handovers:
            return False
        if not self._eligibility.do_rules_allow_connecting_answered_call(call) or not self._try_connect_call_to_seat(
            call
        ):
            return False
        came: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._flow_handovers[attempt_id] = came
        try:
            return await came
        finally:
            del self._flow_handovers[attempt_id]

    def _report_agent_connection_to_ivr_flow(self, attempt_id: AttemptId, came: bool) -> None:
        """Report to a call's IVR flow whether the voter was connected to an agent."""
        waiting = self._flow_handovers.get(attempt_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(came)

    def _try_connect_call_to_seat(self, call: Call) -> bool:
        """Connect an answered call to a free seat. Return whether there was a suitable seat."""
        seat = self._choose_seat_for_call(call)
        if seat is None:
            return False
        now = self._core.read_clock()
        if seat.state is SeatState.READY:  # otherwise the seat was reserved for this call before it was dialled
            self._seats.update_seat_state(seat, seat.reserve_seat_for_call(call.attempt_id, call.campaign_id, now))
        self._calls.update_call(call, call.copy_call_with_seat_assigned(seat.name, seat.agent))
        spec = self._runs[call.campaign_id].spec
        voter_did_not_arrive = TimerExpired(TimerKind.VOTER_NOT_CONNECTED, seat.name, call.attempt_id)
        self._core.request_side_effects(
            make_order_to_switch(
                self._switch.connect_call_to_seat, call.attempt_id, seat.name, record=spec.record
            ).copy_order_with_failure_event(voter_did_not_arrive),
            StopTimer(f"call/{call.attempt_id}"),
            StartTimer(f"seat/{seat.name}", CONNECT_SECONDS + spec.announcement_seconds, voter_did_not_arrive),
        )
        return True

    def _choose_seat_for_call(self, call: Call) -> Seat | None:
        """Return the seat to which a call is connected: the seat reserved for the call, otherwise the best free seat,
        or None if no seat is free.
        """
        kept = self._seats.find_seat(call.reserved_seat or "")
        if kept is not None and kept.state is SeatState.RESERVED and kept.attempt_id == call.attempt_id:
            return None if kept.phone_suspect else kept  # a doubted phone is being checked
        skill = self._runs[call.campaign_id].spec.skill
        server = self._servers.get_server_of_trunk(call.trunk)
        return choose_seat(
            self._seats.find_reachable_seats(),
            call.language,
            skill,
            call.campaign_id,
            server,
            self._runs.list_skills_of_dialling_campaigns(),
        )

    def free_seat_after_failed_connection(self, seat_name: str, attempt_id: AttemptId) -> None:
        """Free a seat to which a voter was being connected, because the connection failed. The switch reports
        separately what happens to the voter.
        """
        seat = self._seats[seat_name]
        if seat.state is SeatState.RESERVED and seat.attempt_id == attempt_id:
            self.update_seat_and_connect_waiting_voter(seat, seat.end_call_at_seat(self._core.read_clock()))
        call = self._calls.find_live_call(attempt_id)
        if call is not None and call.talk.seat == seat_name and call.talk.connected_at is None:
            self._calls.update_call(call, call.copy_call_without_seat())
            self._report_agent_connection_to_ivr_flow(attempt_id, False)

    def play_information_message_to_voter(self, attempt_id: AttemptId) -> None:
        """Play the information message to a voter who got no seat in time or must not be connected.

        The message says who called, and that no agent is free.
        """
        call = self._calls.find_live_call(attempt_id)
        if call is not None and call.leg.waiting and call.talk.seat is None and not call.leg.message_started:
            self.on_information_message_started(call)
            self._core.request_side_effects(make_order_to_switch(self._switch.play_information_message, attempt_id))

    def on_information_message_started(self, call: Call) -> None:
        """Record that a voter hears the information message (who called, and that no agent is free). The call counts as
        abandoned unless an agent has talked to the voter before.
        """
        call = self._calls.update_call(call, call.copy_call_with_human_answer(self._core.read_clock()))
        if not call.leg.message_started:
            self._calls.update_call(call, call.copy_call_with_information_message_started())
            self._core.request_side_effects(StopTimer(f"call/{call.attempt_id}"))
            self._core.wake.set()

    def on_voter_connected(self, call: Call, seat_name: str) -> None:
        """Record that voter and agent hear each other, as the switch has reported.

        The switch reports this again when the voter has come back to the seat, for example from hold. A duplicate
        report changes nothing.
        """
        now = self._core.read_clock()
        call = self._calls.update_call(call, call.copy_call_with_human_answer(now))
        seat = self._seats.find_seat(seat_name)
        if seat is None:
            return
        if call.talk.connected_at is not None:
            if (
                _can_seat_take_returning_voter(seat, call) or seat.state is SeatState.PAUSED
            ):  # a paused seat is paused again after the call
                self._resume_conversation_at_seat(
                    self._calls.update_call(call, call.copy_call_with_information_message_stopped()), seat_name
                )
            return
        self._wrapping_up.pop(seat_name, None)  # dispositions from now on are about this call
        self._seats.update_seat_state(seat, seat.start_conversation(call.attempt_id, call.campaign_id, now))
        self._seats.count_call_accepted_by_agent(seat_name)
        self._calls.update_call(call, call.copy_call_with_voter_connected(seat_name, seat.agent, now))
        self._core.request_side_effects(StopTimer(f"call/{call.attempt_id}"), StopTimer(f"seat/{seat_name}"))
        self._report_agent_connection_to_ivr_flow(call.attempt_id, True)

    def restore_conversation_at_seat(self, call: Call, seat_name: str) -> None:
        """Set a seat's state to talking, because the switch has already connected the voter to this seat.

        Used after a restart of the dialler, and when a voter comes back from a transfer.
        """
        now = self._core.read_clock()
        seat = self._seats[seat_name]
        self._seats.update_seat_state(seat, seat.start_conversation(call.attempt_id, call.campaign_id, now))
        self._calls.update_call(call, call.copy_call_with_seat_assigned(seat_name, seat.agent))

    def _resume_conversation_at_seat(self, call: Call, seat_name: str) -> None:
        """Set a seat's state to talking, and stop its wrap-up, because its voter has come back."""
        self._core.request_side_effects(StopTimer(f"seat/{seat_name}"))
        self._wrapping_up.pop(seat_name, None)
        self.restore_conversation_at_seat(call, seat_name)

    def choose_seat_after_failed_transfer(self, call: Call, seat_name: str) -> str | None:
        """Choose a seat for a voter whose transfer failed, and set the seat to talking.

        The seat of the agent who transferred the call is preferred. Returns the name of the seat, or None if no seat is
        free.
        """
        own = self._seats.find_seat(seat_name)
        if own is None or not own.phone_up or not _can_seat_take_returning_voter(own, call):
            own = self._choose_seat_for_call(call)
        if own is None:
            return None
        self._resume_conversation_at_seat(call, own.name)
        return own.name

    def update_seat_of_ended_call(self, call: Call) -> None:
        """Update the seat of a call that has ended. After a talk the seat goes to wrap-up. A seat that was only
        reserved is free again.
        """
        self._core.request_side_effects(StopTimer(f"call/{call.attempt_id}"))
        self._report_agent_connection_to_ivr_flow(call.attempt_id, False)
        seat = call.talk.seat or call.reserved_seat
        if seat is not None:
            self.on_voter_left_seat(call, seat)

    def on_voter_left_seat(self, call: Call, seat_name: str) -> None:
        """Update the seat that a voter has left: after a talk the seat goes to wrap-up.

        The call itself may continue without the agent, for example after a transfer.
        """
        seat = self._seats.find_seat(seat_name)
        if seat is None or seat.attempt_id != call.attempt_id or seat.state is SeatState.WRAP_UP:
            return
        now = self._core.read_clock()
        talked = seat.state is SeatState.TALKING
        if talked:
            self._core.request_side_effects(
                _create_pacing_event_of_ended_conversation(
                    call.campaign_id, PacingEventKind.TALK_ENDED, seat, now, call
                )
            )
            self._wrapping_up[seat_name] = call
        after = seat.end_call_at_seat(now)
        if after.agent is None and talked:  # adopted after a restart, and no agent is logged in to wrap it up
            after = after.end_wrap_up(now)
        self.update_seat_and_connect_waiting_voter(seat, after)
        if after.state is SeatState.WRAP_UP:
            seconds = self._runs[call.campaign_id].spec.wrap_up_seconds
            self._core.request_side_effects(
                StartTimer(f"seat/{seat_name}", seconds, TimerExpired(TimerKind.WRAP_UP_EXPIRED, seat_name))
            )

    # Wrap-up

    def find_latest_call_at_seat(self, seat: Seat) -> Call | None:
        """Return the call at a seat, or the call that is being wrapped up there, or None."""
        return self._wrapping_up.get(seat.name) or self._calls.find_call_at_seat(seat)

    def mark_talk_as_ending_soon(self, seat: Seat) -> None:
        """Record that an agent will soon end the talk or the wrap-up, so that the next voter can be dialled in time.

        A repeated request changes nothing. Raises CommandRefused.
        """
        now = self._core.clock.monotonic()
        after = seat.mark_talk_as_ending_soon(now)
        if after is seat:
            return
        self._seats.update_seat_state(seat, after)
        self._core.wake.set()

    def on_wrap_up_expired(self, seat_name: str) -> None:
        """End a seat's wrap-up that has reached its time limit."""
        seat = self._seats[seat_name]
        if seat.state is SeatState.WRAP_UP:
            self.end_wrap_up(seat)

    def end_wrap_up(self, seat: Seat) -> None:
        """End the wrap-up at a seat, because the agent has saved a disposition or sent a command, or the time limit is
        reached.
        """
        now = self._core.read_clock()
        self._wrapping_up.pop(seat.name, None)
        after = seat.end_wrap_up(now)
        if seat.campaign_id is not None and seat.campaign_id in self._runs:
            self._core.request_side_effects(
                _create_pacing_event_of_ended_conversation(seat.campaign_id, PacingEventKind.WRAP_UP_ENDED, seat, now)
            )
        self.update_seat_and_connect_waiting_voter(seat, after)

    def update_seat_and_connect_waiting_voter(self, before: Seat, after: Seat) -> None:
        """Store the new state of a seat, and connect a waiting voter if the seat is free now."""
        if after.state is not before.state:  # a pause requested during wrap-up must not stop the wrap-up's timer
            self._core.request_side_effects(StopTimer(f"seat/{before.name}"))
        self._seats.update_seat_state(before, after)
        if after.state is SeatState.OFFLINE and before.state is not SeatState.OFFLINE:
            self._wrapping_up.pop(before.name, None)
            if after.phone_up:
                self._core.request_side_effects(make_order_to_switch(self._switch.hang_up_seat_phone, before.name))
        self._connect_waiting_voters()
        self._core.wake.set()

    def _connect_waiting_voters(self) -> None:
        """Connect waiting voters to free seats, longest waiting first."""
        for call in sorted(
            self._calls.find_calls_waiting_for_seat(), key=lambda call: call.leg.answered_seconds or 0.0
        ):
            if not self._eligibility.do_rules_allow_connecting_answered_call(call):
                self.play_information_message_to_voter(call.attempt_id)
            else:
                self._try_connect_call_to_seat(call)  # a voter without a suitable seat does not block the next voter

    # Phones

    def on_phone_connected(self, seat_name: str) -> None:
        """Update the state of a seat after its agent's phone has connected. A lost seat, whose phone was disconnected,
        becomes ready or paused.
        """
        seat = self._seats.find_seat(seat_name)
        if seat is not None:
            self.update_seat_and_connect_waiting_voter(seat, seat.connect_phone(self._core.read_clock()))

    def on_phone_disconnected(self, seat_name: str) -> None:
        """Update the state of a seat after its agent's phone has disconnected. If the agent is logged in, the phone is
        called again.
        """
        seat = self._seats.find_seat(seat_name)
        if seat is None:
            return
        now = self._core.read_clock()
        call = self._calls.find_call_at_seat(seat)
        if seat.state is SeatState.TALKING and call is not None:
            self._wrapping_up[seat_name] = call  # the agent may still enter a disposition
            self._core.request_side_effects(
                _create_pacing_event_of_ended_conversation(
                    call.campaign_id, PacingEventKind.TALK_ENDED, seat, now, call
                )
            )
        after = seat.disconnect_phone(now)
        self.update_seat_and_connect_waiting_voter(seat, after)
        if (
            after.agent is not None and seat.phone_suspect
        ):  # a reloaded page may have registered its phone again already
            self.call_seat_phone(seat_name)
        elif after.agent is not None:
            self.schedule_redial_of_seat_phone(seat_name)

    def on_phone_registered(self, endpoint: str) -> None:
        """Call an agent's phone that has registered, if the agent is logged in and the phone is disconnected."""
        seat = self._seats.find_seat_by_endpoint(endpoint)
        if seat is not None:
            self.call_seat_phone(seat.name)

    def set_seat_phone_suspected_dead(self, seat_name: str, doubted: bool) -> None:
        """Set whether a seat's phone is suspected to be dead, because it seems to send no audio. Such a seat gets no
        voters.
        """
        seat = self._seats[seat_name]
        if seat.phone_suspect is not doubted and seat.phone_up:
            self.update_seat_and_connect_waiting_voter(seat, replace(seat, phone_suspect=doubted))

    def set_seat_phone_on_hold(self, seat_name: str, on_hold: bool) -> None:
        """Set whether the agent has put the seat's phone on hold with the phone's own key. No voters are connected to
        such a seat.
        """
        seat = self._seats[seat_name]
        if seat.phone_on_hold is not on_hold:
            self.update_seat_and_connect_waiting_voter(seat, replace(seat, phone_on_hold=on_hold))
            self._seats.publish_seat_view(seat_name)

    def call_seat_phone(self, seat_name: str) -> None:
        """Call a seat's phone if an agent is logged in and the phone is disconnected."""
        seat = self._seats[seat_name]
        if seat.agent is not None and not seat.phone_up and seat.server in self._servers.up:
            not_called = TimerExpired(TimerKind.PHONE_NOT_CALLED, seat_name)
            self._core.request_side_effects(
                StopTimer(f"phone/{seat_name}"),
                make_order_to_switch(
                    self._switch.call_seat_phone, seat_name, seat.endpoint
                ).copy_order_with_failure_event(not_called),
            )

    def schedule_redial_of_seat_phone(self, seat_name: str) -> None:
        """Start a timer that calls an agent's phone again if the phone has not connected after `PHONE_RETRY_SECONDS`."""
        self._core.request_side_effects(
            StartTimer(f"phone/{seat_name}", PHONE_RETRY_SECONDS, TimerExpired(TimerKind.CALL_PHONE, seat_name))
        )


def _can_seat_take_returning_voter(seat: Seat, call: Call) -> bool:
    """Return whether a voter whose transfer has failed may be connected to a seat.

    The seat must be free, or its agent must still be wrapping up this voter's call.
    """
    wraps_up = seat.state is SeatState.WRAP_UP and seat.attempt_id == call.attempt_id
    return seat.is_free_for_voter or (wraps_up and not seat.phone_suspect)


def _create_pacing_event_of_ended_conversation(
    campaign_id: str, kind: PacingEventKind, seat: Seat, now: Instant, call: Call | None = None
) -> UpdatePacer:
    """Return an event for the campaign's pacer with the duration of a conversation or wrap-up that has just ended."""
    closing = seat.closing_since_seconds
    return UpdatePacer(
        campaign_id,
        kind,
        now.seconds - seat.since.seconds,
        call,
        None if closing is None else now.seconds - closing,
    )
