"""What each event of the switch means for calls, seats and helpers: the one place that they all pass, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from audio.message import MESSAGE_SOUND
from dialer.domain import switch as switch_port
from dialer.domain.model import AttemptId
from dialer.domain.switch import CallEnded, Switch, SwitchEvent
from dialer.domain.view import AlertLevel, SeatState
from dialer.engine.acd import Acd
from dialer.engine.agents import Agents
from dialer.engine.answers import Answers
from dialer.engine.call import Call
from dialer.engine.flows import FlowService
from dialer.engine.inbound import Inbound
from dialer.engine.reconcile import Reconciler
from dialer.engine.results import Results
from dialer.engine.seat_silence import SeatSilence
from dialer.engine.supervision.assistance import Assistance
from dialer.engine.transfers.service import Transfers
from dialer.engine.trunk_desk import TrunkDesk
from dialer.engine.unheard import hold_unheard
from dialer.engine.world import Centre
from dialer.pacing.port import PacingEventKind

FLOW_GRACE_SECONDS = 5.0  # after a hang-up, for the flow's last commit


class SwitchEvents:
    """Applies events at once, without waiting for anything; what follows from them runs as tasks beside."""

    def __init__(
        self,
        centre: Centre,
        switch: Switch,
        results: Results,
        acd: Acd,
        assistance: Assistance,
        trunk_desk: TrunkDesk,
        answers: Answers,
        *,
        transfers: Transfers,
        seat_desk: Agents,
        flow_desk: FlowService,
        inbound_desk: Inbound,
        silence: SeatSilence,
    ) -> None:
        """`reconciled` is set once store and switch were first brought to agree."""
        self._centre = centre
        self._results = results
        self._acd = acd
        self._assistance = assistance
        self._trunk_desk = trunk_desk
        self._answers = answers
        self._transfers = transfers
        self._seat_desk = seat_desk
        self._flow_desk = flow_desk
        self._inbound_desk = inbound_desk
        self._silence = silence
        self.reconciler = Reconciler(centre, switch, results, inbound_desk, self._finish)
        self.reconciled = asyncio.Event()

    def take(self, event: SwitchEvent) -> None:
        """Apply an event, at once and in order. Events of calls that are not live any more change nothing."""
        match event:
            case switch_port.SwitchUp():
                self._switch_up(event)
            case switch_port.SwitchDown(reason=reason):
                self._centre.switch_up = False
                self._centre.raise_alert("switch-down", AlertLevel.CRITICAL, f"no link to the switch: {reason}")
                self._centre.wake.set()
            case switch_port.SeatUp(seat=seat):
                self._acd.phone_came(seat)
            case switch_port.SeatDown(seat=seat):
                self._phone_went(seat)
            case switch_port.PartyCame() | switch_port.PartyGone():
                self._assistance.party(event)
            case switch_port.SeatSilent(seat=seat):
                self._silence.given_up(seat)
            case switch_port.PhoneAway(endpoint=endpoint):
                self._silence.phone_away(endpoint)
            case switch_port.SeatKey(seat=seat, key=key):
                self._seat_desk.key(seat, key)
            case _:
                call = self._centre.calls.get(event.attempt_id)
                if call is None:
                    self._on_unknown_call(event)
                elif isinstance(event, switch_port.MessageUnheard):
                    hold_unheard(self._centre, call, MESSAGE_SOUND)
                else:
                    self._on_call_event(call, event)

    def _on_unknown_call(self, event: switch_port.CallEvent) -> None:
        """A stranger's, or one that is over for us."""
        if isinstance(event, CallEnded):
            self._inbound_desk.ended(event)
        elif isinstance(event, switch_port.CallStray):
            self.reconciler.stray(event.attempt_id)

    def _on_call_event(self, call: Call, event: switch_port.CallEvent) -> None:
        match event:
            case switch_port.CallRinging():
                now = self._centre.instant()
                self._centre.update_call(call, call.rang(now))
                if call.ringing_seconds is None and not call.adopted:  # one of those may have rung for long
                    run = self._centre.campaigns[call.campaign_id]
                    self._results.observe(run, PacingEventKind.RINGING, now.seconds - call.began_seconds, call=call)
                    self._trunk_desk.rang(call)
            case switch_port.CallAnswered():
                self._answers.picked_up(call)
            case switch_port.CallWaiting():
                waiting = self._answers.by_person(call)
                if not waiting.waiting and waiting.seat is None and not waiting.message_started:
                    self._acd.voter_waits(waiting)
            case switch_port.CallConnected(seat=seat):
                self._transfers.voter_came(call.attempt_id)
                self._acd.connected(self._answers.by_person(call), seat)
                self._silence.connected(call, seat)
            case switch_port.CallLeftSeat(seat=seat):
                if not self._transfers.keeps(call.attempt_id):
                    self._acd.left_seat(call, seat)
            case switch_port.CallAside() | switch_port.CallRecorded():
                self._assistance.call_event(self._answers.picked_up(call), event)
            case switch_port.MessageStarted():
                self._transfers.message_started(call)
                self._acd.message_started(self._answers.by_person(call))
            case switch_port.MachineDetected():
                self._answers.by_machine(call)
            case switch_port.CallEnded():
                self._ended(call, event)

    def _ended(self, call: Call, ended: CallEnded) -> None:
        """The call is over; one whose flow is still committing waits for it, so that the outcome tells all."""
        if call.in_flow:
            self._centre.calls[call.attempt_id] = replace(call, ended=ended)
            asyncio.get_running_loop().call_later(FLOW_GRACE_SECONDS, self._flow_overdue, call)
            return
        if self._silence.must_ask(call, ended):
            ending = replace(call, ended=ended)
            self._centre.calls[call.attempt_id] = ending
            self._centre.spawn(self._silence.ask(ending, lambda live: self._finish(live, ended)), "ask-seat")
            return
        self._finish(call, ended)

    def _flow_overdue(self, call: Call) -> None:
        live = self._centre.calls.get(call.attempt_id)
        if live is not None and live.ended is not None:
            self._finish(live, live.ended)

    def flow_ended(
        self,
        attempt_id: str,
        *,
        completed: bool,
        left_at: str | None,
        answers: Mapping[str, str] = MappingProxyType({}),
        unheard: str | None = None,
    ) -> None:
        """A call's flow is over. If the switch has ended the call in the meantime, it is finished now."""
        live = self._centre.calls.get(AttemptId(attempt_id))
        if live is not None and unheard is not None:
            hold_unheard(self._centre, live, unheard)
        call = self._flow_desk.end(AttemptId(attempt_id), completed=completed, left_at=left_at, answers=answers)
        if call is not None and call.ended is not None:
            self._finish(call, call.ended)

    def _finish(self, call: Call, ended: CallEnded) -> None:
        if call.attempt_id in self._centre.calls:
            self._results.watch_for_silence(call)
            self._transfers.call_over(call.attempt_id)
            self._acd.call_over(call)
            self._results.end(self._centre.calls[call.attempt_id], ended)

    def _phone_went(self, seat: str) -> None:
        self._transfers.agents_phone_went(seat)
        self._acd.phone_went(seat)

    def _switch_up(self, up: switch_port.SwitchUp) -> None:
        centre = self._centre
        self.reconciler.resync(up)
        self._seat_desk.adopt(up.live_seats)
        for seat in list(centre.seats.values()):
            if seat.name in up.live_seats and not seat.phone_up:
                self._acd.phone_came(seat.name)
            elif seat.name not in up.live_seats and seat.phone_up:
                self._phone_went(seat.name)
        for attempt_id, seat_name in up.talking:
            call = centre.calls.get(attempt_id)
            if call is not None and seat_name in centre.seats:
                seat = centre.seats[seat_name]
                if call.connected_at is None:
                    self._acd.connected(self._answers.by_person(call), seat_name)
                elif seat.state is not SeatState.TALKING:
                    self._acd.talks_on(call, seat_name)
        self._assistance.resync(up)
        centre.switch_up = True
        self.reconciled.set()
        centre.clear_alert("switch-down")
        for name in centre.seats:
            self._acd.call_phone(name)
        centre.wake.set()
