"""One live call: the facts known about it, and the outcome when it ends. This module does no I/O.

Each event of the switch adds a fact. State and outcome follow from all facts, so the events may arrive in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dialer.domain.clock import Instant
from dialer.domain.enums import CampaignKind, MarkKind
from dialer.domain.model import AttemptId, BoothWorker, DispositionRecord, Outcome
from dialer.domain.switch_events import NO_AUDIO_STATUSES, REDIRECTED, CallEnded, EndedBy
from dialer.domain.view import CallState, Preview


@dataclass(frozen=True, slots=True)
class Leg:
    """Facts about the voter's side of a call: when it was placed, rang, and was answered."""

    began_seconds: float
    preview: Preview | None = None  # set while an agent is shown the call before it is dialled
    skipped: bool = False  # the agent skipped the preview
    originate_sent: bool = False  # the Originate was sent to the switch, or may have been
    ringing_at: float | None = None
    ringing_seconds: float | None = None
    answered_at: float | None = None
    answered_seconds: float | None = None
    waiting: bool = False  # the voter can be connected to a seat
    message_started: bool = False
    cancelled: bool = False  # we requested a hang-up before the answer
    answer_classified: bool = True  # False: machine detection has no result yet
    machine: bool = False  # answered by an answering machine, according to the switch or the agent
    taken_for_machine: bool = False  # by machine detection, which ended the call before anybody talked to the voter
    message_left: bool = False  # the machine has the whole information message
    excluded_from_pacing: bool = False  # the pacer does not count the answer, even if a person answered after all
    ended: CallEnded | None = None  # the call has ended, but a flow or a phone check is pending


@dataclass(frozen=True, slots=True)
class Talk:
    """Facts about the conversation of a call with an agent."""

    seat: str | None = None  # the seat that is reserved, or that has the call
    agent: str | None = None
    connected_at: float | None = None
    connected_seconds: float | None = None
    agent_packets: int | None = None  # audio packets received from the agent's phone when the talk began
    agent_silent: bool = False  # the agent's phone sent no audio during the talk
    disposition: DispositionRecord | None = None  # the latest disposition
    recorded: bool = False
    recording_paused: bool = False


@dataclass(frozen=True, slots=True)
class FlowPart:
    """Facts about the IVR flow of a call."""

    is_running: bool = False
    name: str | None = None
    completed: bool = False
    left_at: str | None = None  # the node at which the voter hung up
    last_mark: MarkKind | None = None  # the last mark made in this call
    last_mark_hour: int | None = None


NO_TALK = Talk()
NO_FLOW = FlowPart()


@dataclass(frozen=True, slots=True)
class Call:
    """A live call: its identity, which never changes, and the facts known about it. Methods return a changed copy.

    Times ending in `_at` are epoch seconds, times ending in `_seconds` are monotonic.
    """

    attempt_id: AttemptId
    campaign_id: str
    kind: CampaignKind
    phone_id: int
    voter_id: int
    booth_id: int
    attempt_number: int
    language: str
    pending_voters: int  # voters still to be called on the number, when it was claimed
    trunk: str
    leg: Leg
    talk: Talk = NO_TALK
    flow: FlowPart = NO_FLOW
    adopted: bool = False  # placed by an earlier run of the dialler: its ringing time is unknown
    reserved_seat: str | None = None  # the seat that was reserved before the call was dialled
    worker: BoothWorker | None = None  # set if a booth worker is called, not a voter
    inbound: bool = False  # the voter called us
    flow_source: str | None = None  # the flow of the number that was called; None: the campaign's flow

    @property
    def call_state(self) -> CallState:
        """Return the state of the call, derived from its facts."""
        leg, talk = self.leg, self.talk
        if leg.ended is not None:
            return CallState.ENDED
        if leg.message_started:
            return CallState.MESSAGE
        if talk.connected_seconds is not None and talk.seat is not None:
            return CallState.TALKING
        if self.flow.is_running:
            return CallState.IN_FLOW
        if talk.seat is not None:
            return CallState.CONNECTING
        if leg.answered_seconds is not None:
            return CallState.WAITING
        if leg.ringing_seconds is not None:
            return CallState.RINGING
        if leg.preview is not None:
            return CallState.PREVIEW
        return CallState.DIALLING if leg.originate_sent else CallState.SENDING

    @property
    def is_answered(self) -> bool:
        """Return whether the call was answered, by a person or a machine."""
        return self.leg.answered_seconds is not None

    @property
    def placed_monotonic_seconds(self) -> float:
        """Return when the call was placed (monotonic seconds)."""
        return self.leg.began_seconds

    @property
    def ringing_monotonic_seconds(self) -> float | None:
        """Return when the called phone began to ring (monotonic seconds), or None."""
        return self.leg.ringing_seconds

    @property
    def seconds_from_start_to_answer(self) -> float:
        """Return the seconds from the start of the call to its answer (0 before the answer)."""
        leg = self.leg
        return 0.0 if leg.answered_seconds is None else leg.answered_seconds - leg.began_seconds

    # The leg

    def copy_call_with_preview(self, preview: Preview) -> Call:
        """Return a copy of the call with a preview, which is shown to an agent before the call is dialled."""
        return self._copy_call_with_changed_voter_leg(preview=preview)

    def copy_call_without_preview(self) -> Call:
        """Return a copy of the call without its preview, because the agent has dialled it."""
        return self._copy_call_with_changed_voter_leg(preview=None)

    def copy_call_with_preview_skipped(self) -> Call:
        """Return a copy of the call with its preview marked as skipped by the agent."""
        return self._copy_call_with_changed_voter_leg(skipped=True)

    def copy_call_with_originate_sent(self, seconds: float) -> Call:
        """Return a copy of the call with its Originate sent to the switch at `seconds` (monotonic)."""
        return self._copy_call_with_changed_voter_leg(originate_sent=True, began_seconds=seconds)

    def copy_call_with_cancellation(self) -> Call:
        """Return a copy of the call, now cancelled: its hang-up was requested before it was answered."""
        return self._copy_call_with_changed_voter_leg(cancelled=True)

    def mark_call_as_ringing(self, now: Instant) -> Call:
        """Return a copy of the call, with its phone ringing since `now`.

        Until the call is answered, a later report of ringing replaces an earlier one, because a carrier may report
        early media (183) before the phone rings.
        """
        return (
            self
            if self.is_answered
            else self._copy_call_with_changed_voter_leg(ringing_at=now.at, ringing_seconds=now.seconds)
        )

    def copy_call_with_answer(self, now: Instant) -> Call:
        """Return a copy of the call, answered at `now`. If the call is answered already, return it unchanged."""
        return (
            self
            if self.is_answered
            else self._copy_call_with_changed_voter_leg(answered_at=now.at, answered_seconds=now.seconds)
        )

    def copy_call_with_human_answer(self, now: Instant) -> Call:
        """Return a copy of the call, answered by a person."""
        answered = self.copy_call_with_answer(now)
        return (
            answered
            if answered.leg.answer_classified
            else answered._copy_call_with_changed_voter_leg(answer_classified=True)
        )

    def copy_call_with_machine_answer(self) -> Call:
        """Return a copy of the call, answered by an answering machine."""
        return (
            self
            if self.leg.machine
            else self._copy_call_with_changed_voter_leg(
                answer_classified=True, machine=True, taken_for_machine=True, excluded_from_pacing=True
            )
        )

    def copy_call_with_message_on_machine(self) -> Call:
        """Return a copy of the call, with the information message left on the answering machine."""
        return self._copy_call_with_changed_voter_leg(message_left=True)

    def copy_call_with_answer_from_cdr(self, then: Instant, *, talked: bool) -> Call:
        """Return a copy of the call, answered at `then`: the time in the switch's call detail record (CDR).

        `talked` is True if an agent talked to the voter.
        """
        answered = self.copy_call_with_answer(then)
        return (
            answered._copy_call_with_changed_conversation(connected_at=then.at)
            if talked and self.talk.connected_at is None
            else answered
        )

    def copy_call_with_voter_waiting(self) -> Call:
        """Return a copy of the call, with its voter waiting for a seat."""
        return self._copy_call_with_changed_voter_leg(waiting=True)

    def copy_call_with_information_message_started(self) -> Call:
        """Return a copy of the call, with its voter hearing the information message."""
        return self._copy_call_with_changed_voter_leg(message_started=True, waiting=False)

    def copy_call_with_information_message_stopped(self) -> Call:
        """Return a copy of the call with its information message stopped, because an agent or transfer target talks to
        the voter.
        """
        return self._copy_call_with_changed_voter_leg(message_started=False) if self.leg.message_started else self

    def copy_call_as_ended_on_switch(self, ended: CallEnded) -> Call:
        """Return a copy of the call, ended on the switch while its IVR flow or a check of the agent's phone still
        runs.
        """
        return self._copy_call_with_changed_voter_leg(ended=ended)

    # The talk

    def copy_call_with_seat_assigned(self, seat: str, agent: str | None) -> Call:
        """Return a copy of the call with the seat and agent to which the voter is being connected."""
        return self._copy_call_with_changed_conversation(seat=seat, agent=agent)

    def copy_call_without_seat(self) -> Call:
        """Return a copy of the call without its seat, because the voter was not connected to the seat.

        The voter counts as waiting again only when the switch reports it. Otherwise a dead seat would be tried
        repeatedly.
        """
        return self._copy_call_with_changed_voter_leg(waiting=False)._copy_call_with_changed_conversation(seat=None)

    def copy_call_with_voter_connected(self, seat: str, agent: str | None, now: Instant) -> Call:
        """Return a copy of the call, with its voter connected at `now` to the agent at this seat."""
        talking = self.copy_call_with_answer(now)._copy_call_with_changed_voter_leg(waiting=False)
        return talking._copy_call_with_changed_conversation(
            seat=seat, agent=agent, connected_at=now.at, connected_seconds=now.seconds
        )

    def copy_call_with_agent_packet_count(self, packets: int) -> Call:
        """Return a copy of the call with the number of audio packets that the agent's phone had sent when the talk
        began.
        """
        return self._copy_call_with_changed_conversation(agent_packets=packets)

    def copy_call_with_silent_agent_phone(self) -> Call:
        """Return a copy of the call which records that the agent's phone sent no audio during the talk."""
        return self._copy_call_with_changed_conversation(agent_silent=True)

    def copy_call_with_recording(self) -> Call:
        """Return a copy of the call, marked as being recorded by the switch."""
        return self if self.talk.recorded else self._copy_call_with_changed_conversation(recorded=True)

    def copy_call_with_recording_paused(self, *, paused: bool) -> Call:
        """Return a copy of the call with its recording paused, or resumed if `paused` is False."""
        return self._copy_call_with_changed_conversation(recording_paused=paused)

    def copy_call_with_disposition(self, said: DispositionRecord | None) -> Call:
        """Return a copy of the call with the agent's disposition (call result), or without one (None)."""
        return self._copy_call_with_changed_conversation(disposition=said)

    def copy_call_with_machine_report(self, *, machine: bool) -> Call:
        """Return a copy of the call with the agent's report on who answered: a machine or, if `machine` is False, a
        person.
        """
        return self._copy_call_with_changed_voter_leg(
            machine=machine, excluded_from_pacing=self.leg.excluded_from_pacing or machine
        )

    # The flow

    def copy_call_with_flow_started(self, name: str) -> Call:
        """Return a copy of the call, with an IVR flow running. `name` is the flow's name and version."""
        return replace(self, flow=replace(self.flow, is_running=True, name=name))

    def copy_call_with_flow_answer(self, kind: MarkKind, hour: int | None) -> Call:
        """Return a copy of the call with the voter's latest answer in the IVR flow, and the hour that the voter entered
        with it, or None.
        """
        return replace(self, flow=replace(self.flow, last_mark=kind, last_mark_hour=hour))

    def copy_call_with_flow_ended(self, *, completed: bool, left_at: str | None) -> Call:
        """Return a copy of the call with its IVR flow ended. `left_at` is the node of the flow at which the voter hung
        up.
        """
        return replace(self, flow=replace(self.flow, is_running=False, completed=completed, left_at=left_at))

    def _copy_call_with_changed_voter_leg(self, **facts: Any) -> Call:
        return replace(self, leg=replace(self.leg, **facts))

    def _copy_call_with_changed_conversation(self, **facts: Any) -> Call:
        return replace(self, talk=replace(self.talk, **facts))


# Q.850 causes that Asterisk 22 reports for SIP responses: 404, 410, 484, 485 and 604; 403 and 603; ...
_INVALID_NUMBER_CAUSES = frozenset({1, 22, 28})
_REJECTED_CAUSE = 21
_BUSY_CAUSE = 17
_NO_ANSWER_CAUSE = 19
_CONGESTION_CAUSE = 34
_OUTCOMES_BY_SIP_STATUS: Mapping[str, Outcome] = {
    "401": Outcome.CARRIER_FAILURE,  # the carrier refuses our account, for which Asterisk reports 21, as for a person
    "407": Outcome.CARRIER_FAILURE,
    "483": Outcome.CARRIER_FAILURE,  # a loop in the network, for which Asterisk reports 19 (no answer)
    "607": Outcome.REJECTED,  # unwanted (RFC 8197) and blocked by the voter's network (RFC 8688): 127, as for an error
    "608": Outcome.REJECTED,
}
"""Outcomes for which the SIP status counts, because Asterisk's cause says something else."""
_SAYS_NOTHING_CAUSES = frozenset({0, 16, None})


def derive_outcome_of_ended_call(call: Call, ended: CallEnded) -> Outcome:
    """Return the outcome of a call that has ended, derived from the facts about it."""
    if call.is_answered or ended.answered:
        return _derive_outcome_of_answered_call(call, ended)
    if ended.by is EndedBy.VANISHED:
        return Outcome.UNKNOWN
    if call.inbound:
        return Outcome.MISSED
    if ended.by in {EndedBy.NO_CHANNEL, EndedBy.NOT_PLACED}:
        return Outcome.REFUSED
    if call.leg.cancelled:
        return Outcome.CANCELLED
    rang = ended.ever_ringing or call.ringing_monotonic_seconds is not None
    return derive_outcome_of_unanswered_call(ended, rang=rang)


def _derive_outcome_of_answered_call(call: Call, ended: CallEnded) -> Outcome:
    if call.leg.machine:
        return Outcome.MACHINE
    if call.talk.agent_silent:
        return Outcome.ABANDONED
    if call.talk.connected_at is not None:  # a campaign with agents, or a flow that connected the voter to an agent
        return Outcome.CONNECTED
    if ended.technical_cause in NO_AUDIO_STATUSES and not call.inbound:  # nobody could hear or be heard
        return Outcome.CARRIER_FAILURE
    if call.kind is CampaignKind.IVR:
        return Outcome.COMPLETED if call.flow.completed else Outcome.LEFT
    # If the end was not seen, the dialplan has played its own message: the call counts against the cap.
    return Outcome.ABANDONED if call.leg.message_started or ended.by is EndedBy.VANISHED else Outcome.DROPPED


def derive_outcome_of_unanswered_call(ended: CallEnded, *, rang: bool) -> Outcome:
    """Return the outcome of a call that was not answered: the carrier ended it, or it rang for too long.

    `rang` is True if the phone rang or early media was heard.
    """
    if ended.dial_status == REDIRECTED:
        return Outcome.CARRIER_FAILURE
    by_status = _OUTCOMES_BY_SIP_STATUS.get(ended.technical_cause or "")
    if by_status is not None and not ended.timed_out:
        return by_status
    if ended.dial_status == "BUSY" or ended.cause == _BUSY_CAUSE:
        return Outcome.BUSY
    if ended.dial_status == "CONGESTION" or ended.cause == _CONGESTION_CAUSE:
        return Outcome.CONGESTION
    if ended.timed_out:
        # Our ring limit expired and the phone never rang: the trunk failed, not the number.
        return Outcome.NO_ANSWER if rang else Outcome.CARRIER_FAILURE
    if ended.cause in _INVALID_NUMBER_CAUSES:
        return Outcome.INVALID_NUMBER
    if ended.cause == _REJECTED_CAUSE:
        return Outcome.REJECTED
    if ended.cause == _NO_ANSWER_CAUSE or (ended.cause in _SAYS_NOTHING_CAUSES and rang):
        return Outcome.NO_ANSWER
    return Outcome.CARRIER_FAILURE
