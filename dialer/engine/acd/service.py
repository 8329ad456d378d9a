"""The ACD: seats and the voters who wait for them. Longest idle first; a voter too late for a seat hears the message."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from dialer.domain.clock import Instant
from dialer.domain.model import AttemptId
from dialer.domain.switch import Switch
from dialer.domain.view import CallState, SeatState
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
    order,
)
from dialer.engine.placing.eligibility import Eligibility
from dialer.engine.seats.seats import Seats
from dialer.engine.seats.state import Seat, choose_seat
from dialer.pacing.port import PacingEventKind

MESSAGE_MARGIN_SECONDS = 0.2  # the message is ordered this long before the connect limit, so that it is heard within it
CONNECT_SECONDS = 2.0  # a reserved seat whose voter has not come by then is free again
PHONE_RETRY_SECONDS = 5.0  # before a lost seat's phone is called again
LOST_SECONDS = 900.0  # an agent whose phone has been gone so long has gone too: the phone must not ring all night
MAX_INTERVALS = 2_000
_WITH_VOTER = frozenset({SeatState.RESERVED, SeatState.TALKING})


class Acd:
    """Seats, and the way of an answered voter to one."""

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
        """Has the seats of the centre's plan; `eligibility` is asked before each connect."""
        self._core = core
        self._servers = servers
        self._calls = calls
        self._seats = seats
        self._runs = runs
        self._eligibility = eligibility
        self._switch = switch
        self._ended: dict[str, Call] = {}  # by seat: the call whose wrap-up goes on
        self._handed_over: dict[AttemptId, asyncio.Future[bool]] = {}  # calls on their way from a flow to a seat

    # Voters

    def voter_waits(self, call: Call) -> None:
        """An answered voter can be connected: to a seat at once, or when one comes free before the limit."""
        now = self._core.instant()
        known = self._calls.update(call, call.by_person(now))
        if known.leg.waiting or known.talk.seat is not None or known.leg.message_started:
            return
        waiting = self._calls.update(known, known.waits())
        if not self._eligibility.admits(waiting):
            self.too_late(call.attempt_id)
        elif not self._seat_for(waiting):
            limit = self._runs[call.campaign_id].spec.connect_limit_seconds - MESSAGE_MARGIN_SECONDS
            left = max(0.0, limit - (now.seconds - (waiting.leg.answered_seconds or 0.0)))
            due = TimerExpired(TimerKind.VOTER_WAITED_TOO_LONG, attempt_id=call.attempt_id)
            self._core.do(StartTimer(f"call/{call.attempt_id}", left, due))

    async def take_from_flow(self, attempt_id: AttemptId) -> bool:
        """Give a call in a flow to a ready seat: True when agent and voter hear each other, False when no seat took it.

        A call that has become forbidden since its flow began is not given to anybody: False too.
        """
        call = self._calls.get(attempt_id)
        if call is None or attempt_id in self._handed_over:
            return False
        if not self._eligibility.admits(call) or not self._seat_for(call):
            return False
        came: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._handed_over[attempt_id] = came
        try:
            return await came
        finally:
            del self._handed_over[attempt_id]

    def _arrived(self, attempt_id: AttemptId, came: bool) -> None:
        waiting = self._handed_over.get(attempt_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(came)

    def _seat_for(self, call: Call) -> bool:
        seat = self._choose(call)
        if seat is None:
            return False
        now = self._core.instant()
        if seat.state is SeatState.READY:  # else it was kept for this call
            self._seats.put(seat, seat.reserved(call.attempt_id, call.campaign_id, now))
        self._calls.update(call, call.reserved(seat.name, seat.agent))
        spec = self._runs[call.campaign_id].spec
        never_came = TimerExpired(TimerKind.VOTER_NOT_CONNECTED, seat.name, call.attempt_id)
        self._core.do(
            order(self._switch.connect, call.attempt_id, seat.name, record=spec.record).or_else(never_came),
            StopTimer(f"call/{call.attempt_id}"),
            StartTimer(f"seat/{seat.name}", CONNECT_SECONDS + spec.announcement_seconds, never_came),
        )
        return True

    def _choose(self, call: Call) -> Seat | None:
        kept = self._seats.get(call.kept_seat or "")
        if kept is not None and kept.state is SeatState.RESERVED and kept.attempt_id == call.attempt_id:
            return None if kept.doubted else kept  # a second will show; then it is there, or any other serves
        skill = self._runs[call.campaign_id].spec.skill
        server = self._servers.of_trunk(call.trunk)
        return choose_seat(self._seats.reachable(), call.language, skill, call.campaign_id, server)

    def never_came(self, seat_name: str, attempt_id: AttemptId) -> None:
        """The voter did not reach the seat: it is free again. What became of the voter the switch will tell."""
        seat = self._seats[seat_name]
        if seat.state is SeatState.RESERVED and seat.attempt_id == attempt_id:
            self.free(seat, seat.call_ended(self._core.instant()))
        call = self._calls.get(attempt_id)
        if call is not None and call.talk.seat == seat_name and call.talk.connected_at is None:
            self._calls.update(call, call.never_came())
            self._arrived(attempt_id, False)

    def too_late(self, attempt_id: AttemptId) -> None:
        """A voter waited as long as anybody may, or is forbidden: the message, by order or the dialplan's own fail-safe."""
        call = self._calls.get(attempt_id)
        if call is not None and call.leg.waiting and call.talk.seat is None and not call.leg.message_started:
            self.message_started(call)
            self._core.do(order(self._switch.play_message, attempt_id))

    def message_started(self, call: Call) -> None:
        """The voter hears the information message: an abandoned call, unless a seat had it before (its phone died)."""
        call = self._calls.update(call, call.by_person(self._core.instant()))
        if not call.leg.message_started:
            self._calls.update(call, call.hears_message())
            self._core.do(StopTimer(f"call/{call.attempt_id}"))
            self._core.wake.set()

    def connected(self, call: Call, seat_name: str) -> None:
        """Voter and agent hear each other. A repeat changes nothing; a voter who had left the seat may be back in it."""
        now = self._core.instant()
        call = self._calls.update(call, call.by_person(now))
        seat = self._seats.get(seat_name)
        if seat is None:
            return
        if call.talk.connected_at is not None:
            if _is_open_to(seat, call) or seat.state is SeatState.PAUSED:  # a pause goes on after the call
                self._talks_again(self._calls.update(call, call.message_cut_short()), seat_name)
            return
        self._ended.pop(seat_name, None)  # what is said from now on is said of this call
        self._seats.put(seat, seat.talking(call.attempt_id, call.campaign_id, now))
        self._seats.count_call(seat_name)
        self._calls.update(call, call.connected(seat_name, seat.agent, now))
        self._core.do(StopTimer(f"call/{call.attempt_id}"), StopTimer(f"seat/{seat_name}"))
        self._arrived(call.attempt_id, True)

    def talks_on(self, call: Call, seat_name: str) -> None:
        """A conversation that an earlier run of the dialler connected goes on: the seat is busy with it."""
        now = self._core.instant()
        seat = self._seats[seat_name]
        self._seats.put(seat, seat.talking(call.attempt_id, call.campaign_id, now))
        self._calls.update(call, call.reserved(seat_name, seat.agent))

    def _talks_again(self, call: Call, seat_name: str) -> None:
        self._core.do(StopTimer(f"seat/{seat_name}"))
        self._ended.pop(seat_name, None)
        self.talks_on(call, seat_name)

    def take_back(self, call: Call, seat_name: str) -> str | None:
        """A seat for a voter whose transfer came to nothing: the one of the agent who had left, if still free, else another one.

        Returns the seat, which talks from now on; None: nobody is free.
        """
        own = self._seats.get(seat_name)
        if own is None or not own.phone_up or not _is_open_to(own, call):
            own = self._choose(call)
        if own is None:
            return None
        self._talks_again(call, own.name)
        return own.name

    def call_over(self, call: Call) -> None:
        """The call has ended: its seat goes to wrap-up, or is free again if the voter never came."""
        self._core.do(StopTimer(f"call/{call.attempt_id}"))
        self._arrived(call.attempt_id, False)
        seat = call.talk.seat or call.kept_seat
        if seat is not None:
            self.left_seat(call, seat)

    def left_seat(self, call: Call, seat_name: str) -> None:
        """The voter is with the seat's agent no more: wrap-up after a talk, though the call may live on without its agent."""
        seat = self._seats.get(seat_name)
        if seat is None or seat.attempt_id != call.attempt_id or seat.state is SeatState.WRAP_UP:
            return
        now = self._core.instant()
        talked = seat.state is SeatState.TALKING
        if talked:
            self._core.do(_ended(call.campaign_id, PacingEventKind.TALK_ENDED, seat, now, call))
            self._ended[seat_name] = call
        after = seat.call_ended(now)
        if after.agent is None and talked:  # a call adopted after a restart: nobody is there to wrap it up
            after = after.wrapped_up(now)
        self.free(seat, after)
        if after.state is SeatState.WRAP_UP:
            seconds = self._runs[call.campaign_id].spec.wrap_up_seconds
            self._core.do(StartTimer(f"seat/{seat_name}", seconds, TimerExpired(TimerKind.WRAP_UP_OVER, seat_name)))

    # Wrap-up

    def latest_call(self, seat: Seat) -> Call | None:
        """The call that the seat has now, or whose wrap-up goes on."""
        return self._ended.get(seat.name) or self._calls.at_seat(seat)

    def closing(self, seat: Seat) -> None:
        """The talk or the wrap-up comes to its end. A repeat changes nothing. Raises CommandRefused."""
        now = self._core.clock.monotonic()
        after = seat.closing(now)
        if after is seat:
            return
        self._seats.put(seat, after)
        self._core.wake.set()

    def wrap_up_ran_out(self, seat_name: str) -> None:
        """The time for it is over."""
        seat = self._seats[seat_name]
        if seat.state is SeatState.WRAP_UP:
            self.end_wrap_up(seat)

    def end_wrap_up(self, seat: Seat) -> None:
        """The wrap-up is over, by a disposition, a command or its time."""
        now = self._core.instant()
        self._ended.pop(seat.name, None)
        after = seat.wrapped_up(now)
        if seat.campaign_id is not None and seat.campaign_id in self._runs:
            self._core.do(_ended(seat.campaign_id, PacingEventKind.WRAP_UP_ENDED, seat, now))
            if after.state is not SeatState.READY:
                self._core.do(UpdatePacer(seat.campaign_id, PacingEventKind.BREAK_STARTED))
        self.free(seat, after)

    def free(self, before: Seat, after: Seat) -> None:
        """Put a seat's next state in place; a voter who waits gets it if it is ready."""
        if after.state is not before.state:  # a pause that is asked for in a wrap-up must not stop its clock
            self._core.do(StopTimer(f"seat/{before.name}"))
        self._seats.put(before, after)
        if after.state is SeatState.OFFLINE and before.state is not SeatState.OFFLINE:
            self._ended.pop(before.name, None)
            if after.phone_up:
                self._core.do(order(self._switch.release_seat, before.name))
        self._serve_waiting()
        self._core.wake.set()

    def _serve_waiting(self) -> None:
        waiting = [call for call in self._calls.all() if call.state is CallState.WAITING and call.leg.waiting]
        for call in sorted(waiting, key=lambda call: call.leg.answered_seconds or 0.0):
            if not self._eligibility.admits(call):
                self.too_late(call.attempt_id)
            else:
                self._seat_for(call)  # one that no free seat may serve does not hold up the next

    # Phones

    def phone_came(self, seat_name: str) -> None:
        """The agent's phone is on the line."""
        seat = self._seats.get(seat_name)
        if seat is not None:
            self.free(seat, seat.phone_came(self._core.instant()))

    def phone_went(self, seat_name: str) -> None:
        """The agent's phone is gone. It is called again while its agent is logged in."""
        seat = self._seats.get(seat_name)
        if seat is None:
            return
        now = self._core.instant()
        call = self._calls.at_seat(seat)
        if seat.state is SeatState.TALKING and call is not None:
            self._ended[seat_name] = call  # its agent may still say how it went
            self._core.do(
                _ended(call.campaign_id, PacingEventKind.TALK_ENDED, seat, now, call),
                UpdatePacer(call.campaign_id, PacingEventKind.BREAK_STARTED),
            )
        after = seat.phone_went(now)
        self.free(seat, after)
        if after.agent is not None and seat.doubted:  # a page that was reloaded may be there already
            self.call_phone(seat_name)
        elif after.agent is not None:
            self.expect_phone(seat_name)

    def phone_back(self, endpoint: str) -> None:
        """A phone can be called: at once, where an agent waits for it."""
        seat = self._seats.with_endpoint(endpoint)
        if seat is not None:
            self.call_phone(seat.name)

    def doubt(self, seat_name: str, doubted: bool) -> None:
        """Send no voter to the seat, for nothing may come from its phone; or do so again."""
        seat = self._seats[seat_name]
        if seat.doubted is not doubted and seat.phone_up:
            self.free(seat, replace(seat, doubted=doubted))

    def call_phone(self, seat_name: str) -> None:
        """Ring the seat's phone, if an agent waits for it and it is not there."""
        seat = self._seats[seat_name]
        if seat.agent is not None and not seat.phone_up and seat.server in self._servers.up:
            not_called = TimerExpired(TimerKind.PHONE_NOT_CALLED, seat_name)
            self._core.do(
                StopTimer(f"phone/{seat_name}"),
                order(self._switch.call_seat, seat_name, seat.endpoint).or_else(not_called),
            )

    def expect_phone(self, seat_name: str) -> None:
        """The agent's phone is about to be nailed up; if it does not come, it is called."""
        self._core.do(
            StartTimer(f"phone/{seat_name}", PHONE_RETRY_SECONDS, TimerExpired(TimerKind.CALL_PHONE, seat_name))
        )


def _is_open_to(seat: Seat, call: Call) -> bool:
    """Whether a voter may come back to the seat: it is free, or still wraps up that very call."""
    wraps_up = seat.state is SeatState.WRAP_UP and seat.attempt_id == call.attempt_id
    return seat.free or (wraps_up and not seat.doubted)


def _ended(campaign_id: str, kind: PacingEventKind, seat: Seat, now: Instant, call: Call | None = None) -> UpdatePacer:
    """What the pacer learns of a talk or a wrap-up at a seat that ends now."""
    closing = seat.closing_since_seconds
    return UpdatePacer(
        campaign_id,
        kind,
        now.seconds - seat.since.seconds,
        call,
        None if closing is None else now.seconds - closing,
    )
