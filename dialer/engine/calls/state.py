"""One live call: what is known of it, what an event changes, and the outcome of its end. Pure.

Events come in no promised order, so no event waits for another: each one adds a fact, and the state is derived from the
facts. Any order of the same events leads to the same outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dialer.domain.clock import Instant
from dialer.domain.enums import CampaignKind, MarkKind
from dialer.domain.model import AttemptId, BoothWorker, DispositionRecord, Outcome
from dialer.domain.switch_events import REDIRECTED, CallEnded, EndedBy
from dialer.domain.view import CallState, Preview


@dataclass(frozen=True, slots=True)
class Leg:
    """What is known of the voter's side of a call."""

    began_seconds: float
    preview: Preview | None = None  # shown to an agent; nothing is sent before the agent dials
    skipped: bool = False  # the agent decided not to call now
    written: bool = False  # the Originate was sent to the switch, or may have been
    ringing_at: float | None = None
    ringing_seconds: float | None = None
    answered_at: float | None = None
    answered_seconds: float | None = None
    waiting: bool = False  # can be connected to a seat
    message_started: bool = False
    cancelled: bool = False  # we asked for its end before an answer
    judged: bool = True  # False: answered, and not known yet whether by a person or a machine
    machine: bool = False  # an answering machine, according to the switch or the agent
    not_counted: bool = False  # the pacer does not count its answer, whatever is found out later
    ended: CallEnded | None = None  # it has ended, and something that belongs to it is still pending


@dataclass(frozen=True, slots=True)
class Talk:
    """What is known of the conversation with an agent."""

    seat: str | None = None  # reserved or talking
    agent: str | None = None
    connected_at: float | None = None
    connected_seconds: float | None = None
    agent_packets: int | None = None  # of audio from the agent's phone, when the talk began
    heard_nobody: bool = False  # no audio came from the agent's phone during the talk
    disposed: DispositionRecord | None = None  # the latest disposition
    recorded: bool = False
    recording_paused: bool = False


@dataclass(frozen=True, slots=True)
class FlowPart:
    """What is known of the call's flow."""

    under_way: bool = False
    name: str | None = None
    completed: bool = False
    left_at: str | None = None
    said: MarkKind | None = None  # the last mark made in this call
    said_hour: int | None = None


NO_TALK = Talk()
NO_FLOW = FlowPart()


@dataclass(frozen=True, slots=True)
class Call:
    """A live call: its identity, which never changes, and its leg, talk and flow.

    Times ending in `_at` are epoch seconds, in `_seconds` monotonic. Each fact is set by one method.
    """

    attempt_id: AttemptId
    campaign_id: str
    kind: CampaignKind
    phone_id: int
    voter_id: int
    booth_id: int
    attempt_number: int
    language: str
    pending_voters: int  # on the number, when it was claimed
    trunk: str
    leg: Leg
    talk: Talk = NO_TALK
    flow: FlowPart = NO_FLOW
    adopted: bool = False  # found after a restart: its ringing time is unknown
    reserved_seat: str | None = None  # the seat that was reserved before it was dialled
    worker: BoothWorker | None = None  # the booth worker who is called, if it is not a voter
    inbound: bool = False  # the voter called us
    flow_source: str | None = None  # of the number that was called; None: the campaign's flow

    @property
    def state(self) -> CallState:
        """Return the state of the call, derived from its facts."""
        leg, talk = self.leg, self.talk
        if leg.ended is not None:
            return CallState.ENDED
        if leg.message_started:
            return CallState.MESSAGE
        if talk.connected_seconds is not None and talk.seat is not None:
            return CallState.TALKING
        if self.flow.under_way:
            return CallState.IN_FLOW
        if talk.seat is not None:
            return CallState.CONNECTING
        if leg.answered_seconds is not None:
            return CallState.WAITING
        if leg.ringing_seconds is not None:
            return CallState.RINGING
        if leg.preview is not None:
            return CallState.PREVIEW
        return CallState.DIALLING if leg.written else CallState.SENDING

    @property
    def answered(self) -> bool:
        """Return whether the call was answered."""
        return self.leg.answered_seconds is not None

    @property
    def began_seconds(self) -> float:
        """Return when the call was placed (monotonic)."""
        return self.leg.began_seconds

    @property
    def ringing_seconds(self) -> float | None:
        """Return when a phone began to ring (monotonic), or None."""
        return self.leg.ringing_seconds

    @property
    def seconds_to_answer(self) -> float:
        """Return the seconds from the start to the answer; 0 before it."""
        leg = self.leg
        return 0.0 if leg.answered_seconds is None else leg.answered_seconds - leg.began_seconds

    # The leg

    def previewed(self, preview: Preview) -> Call:
        """Note that the call is shown to an agent."""
        return self._leg(preview=preview)

    def asked_for(self) -> Call:
        """Note that the agent dials it."""
        return self._leg(preview=None)

    def skipped(self) -> Call:
        """Note that the agent skips it."""
        return self._leg(skipped=True)

    def sent(self, seconds: float) -> Call:
        """Note that the Originate is being sent."""
        return self._leg(written=True, began_seconds=seconds)

    def given_up(self) -> Call:
        """Note that we ask for its end before an answer."""
        return self._leg(cancelled=True)

    def rang(self, now: Instant) -> Call:
        """Note that the phone rings. Before the answer the latest report counts: a carrier may report early media (183)
        first.
        """
        return self if self.answered else self._leg(ringing_at=now.at, ringing_seconds=now.seconds)

    def picked_up(self, now: Instant) -> Call:
        """Note that the call was answered. A repeat changes nothing."""
        return self if self.answered else self._leg(answered_at=now.at, answered_seconds=now.seconds)

    def by_person(self, now: Instant) -> Call:
        """Note that a person answered, if that was not known yet."""
        answered = self.picked_up(now)
        return answered if answered.leg.judged else answered._leg(judged=True)

    def by_machine(self) -> Call:
        """Note that a machine answered."""
        return self if self.leg.machine else self._leg(judged=True, machine=True, not_counted=True)

    def answered_unseen(self, then: Instant, *, talked: bool) -> Call:
        """Note from the switch's records that the call was answered, and whether an agent talked to the voter."""
        answered = self.picked_up(then)
        return answered._talk(connected_at=then.at) if talked and self.talk.connected_at is None else answered

    def waits(self) -> Call:
        """Note that the voter can be connected to a seat."""
        return self._leg(waiting=True)

    def hears_message(self) -> Call:
        """Note that the information message plays."""
        return self._leg(message_started=True, waiting=False)

    def message_cut_short(self) -> Call:
        """Note that the message was stopped: somebody has the voter after all."""
        return self._leg(message_started=False) if self.leg.message_started else self

    def ending(self, ended: CallEnded) -> Call:
        """Note that the call has ended while something is still pending."""
        return self._leg(ended=ended)

    # The talk

    def reserved(self, seat: str, agent: str | None) -> Call:
        """Note that the voter is on the way to a seat, or was found there."""
        return self._talk(seat=seat, agent=agent)

    def voter_did_not_arrive(self) -> Call:
        """Note that the voter did not reach the seat. Only the switch says whether they still wait: a dead seat is not
        tried again.
        """
        return self._leg(waiting=False)._talk(seat=None)

    def connected(self, seat: str, agent: str | None, now: Instant) -> Call:
        """Note that voter and agent hear each other."""
        talking = self.picked_up(now)._leg(waiting=False)
        return talking._talk(seat=seat, agent=agent, connected_at=now.at, connected_seconds=now.seconds)

    def counted(self, packets: int) -> Call:
        """Note how many packets of audio had come from the agent's phone when the talk began."""
        return self._talk(agent_packets=packets)

    def unheard(self) -> Call:
        """Note that no audio came from the agent's phone during the talk."""
        return self._talk(heard_nobody=True)

    def recording(self) -> Call:
        """Note that the call is being recorded."""
        return self if self.talk.recorded else self._talk(recorded=True)

    def muted(self, *, muted: bool) -> Call:
        """Note whether the recording is paused."""
        return self._talk(recording_paused=muted)

    def with_disposition(self, said: DispositionRecord | None) -> Call:
        """Note the agent's disposition."""
        return self._talk(disposed=said)

    def judged_by_agent(self, *, machine: bool) -> Call:
        """Note whether a machine answered, according to the agent."""
        return self._leg(machine=machine, not_counted=self.leg.not_counted or machine)

    # The flow

    def into_flow(self, name: str) -> Call:
        """Note that a flow of this name and version has started."""
        return replace(self, flow=replace(self.flow, under_way=True, name=name))

    def marked(self, kind: MarkKind, hour: int | None) -> Call:
        """Note the last mark that the voter made."""
        return replace(self, flow=replace(self.flow, said=kind, said_hour=hour))

    def out_of_flow(self, *, completed: bool, left_at: str | None) -> Call:
        """Note that the flow has ended."""
        return replace(self, flow=replace(self.flow, under_way=False, completed=completed, left_at=left_at))

    def _leg(self, **facts: Any) -> Call:
        return replace(self, leg=replace(self.leg, **facts))

    def _talk(self, **facts: Any) -> Call:
        return replace(self, talk=replace(self.talk, **facts))


# Q.850 causes as a real Asterisk reported them for SIP responses (404, 410, 484, 485, 604 / 403, 603 / ...).
_INVALID_NUMBER_CAUSES = frozenset({1, 22, 28})
_REJECTED_CAUSE = 21
_BUSY_CAUSE = 17
_NO_ANSWER_CAUSE = 19
_CONGESTION_CAUSE = 34
_SAYS_NOTHING_CAUSES = frozenset({0, 16, None})


def outcome_of(call: Call, ended: CallEnded) -> Outcome:
    """Return the outcome of a call that has ended."""
    if call.answered or ended.answered:
        return _answered_outcome(call, vanished=ended.by is EndedBy.VANISHED)
    if ended.by is EndedBy.VANISHED:
        return Outcome.UNKNOWN
    if call.inbound:
        return Outcome.MISSED
    if ended.by in {EndedBy.NO_CHANNEL, EndedBy.NOT_PLACED}:
        return Outcome.REFUSED
    if call.leg.cancelled:
        return Outcome.CANCELLED
    return _unanswered_outcome(call, ended)


def _answered_outcome(call: Call, *, vanished: bool) -> Outcome:
    if call.leg.machine:
        return Outcome.MACHINE
    if call.talk.heard_nobody:
        return Outcome.ABANDONED
    if call.talk.connected_at is not None:  # an agent's campaign, or a flow that connected the call to an agent
        return Outcome.CONNECTED
    if call.kind is CampaignKind.IVR:
        return Outcome.COMPLETED if call.flow.completed else Outcome.LEFT
    # A call whose end nobody saw heard the dialplan's own message: it counts against the cap.
    return Outcome.ABANDONED if call.leg.message_started or vanished else Outcome.DROPPED


def _unanswered_outcome(call: Call, ended: CallEnded) -> Outcome:
    rang = ended.ever_ringing or call.ringing_seconds is not None
    if ended.dial_status == REDIRECTED:
        return Outcome.CARRIER_FAILURE
    if ended.dial_status == "BUSY" or ended.cause == _BUSY_CAUSE:
        return Outcome.BUSY
    if ended.dial_status == "CONGESTION" or ended.cause == _CONGESTION_CAUSE:
        return Outcome.CONGESTION
    if ended.timed_out:
        # Our own ring limit, and the phone never rang: the trunk failed, not the number.
        return Outcome.NO_ANSWER if rang else Outcome.CARRIER_FAILURE
    if ended.cause in _INVALID_NUMBER_CAUSES:
        return Outcome.INVALID_NUMBER
    if ended.cause == _REJECTED_CAUSE:
        return Outcome.REJECTED
    if ended.cause == _NO_ANSWER_CAUSE or (ended.cause in _SAYS_NOTHING_CAUSES and rang):
        return Outcome.NO_ANSWER
    return Outcome.CARRIER_FAILURE
