"""An attempt's live call: what is known of it, what an event changes, and which outcome an ending has. Pure.

Events come in no promised order (OriginateResponse was seen before the channel was up in 28 of 100 calls), so nothing here
waits for one before another: each event adds a fact, and the state is read off the facts. Every order of the same events
gives the same outcome.
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
    """What the switch has said of the voter's side, and what was asked of it."""

    began_seconds: float
    preview: Preview | None = None  # nothing is sent before the agent asks for it
    skipped: bool = False  # the agent has seen who it is for, and will not call now
    written: bool = False  # the Originate is with the switch, or may be
    ringing_at: float | None = None
    ringing_seconds: float | None = None
    answered_at: float | None = None
    answered_seconds: float | None = None
    waiting: bool = False  # stands where it can be connected to a seat
    message_started: bool = False
    cancelled: bool = False  # we asked for its end before an answer
    judged: bool = True  # False: answered, and whether by a person or a machine is not known yet
    machine: bool = False  # an answering machine, as the switch or the agent says
    not_counted: bool = False  # the pacer has given its answer up as a machine's, whatever is said later
    ended: CallEnded | None = None  # arrived while something that belongs to the call was still under way


@dataclass(frozen=True, slots=True)
class Talk:
    """A call with an agent."""

    seat: str | None = None  # reserved or talking
    agent: str | None = None
    connected_at: float | None = None
    connected_seconds: float | None = None
    agent_packets: int | None = None  # of sound, that had come from the agent's phone when they were connected
    heard_nobody: bool = False  # no sound came from the agent's phone while they were connected
    disposed: DispositionRecord | None = None  # what the agent said of it so far
    recorded: bool = False
    recording_paused: bool = False


@dataclass(frozen=True, slots=True)
class FlowPart:
    """A call in its flow."""

    under_way: bool = False
    name: str | None = None
    completed: bool = False
    left_at: str | None = None
    said: MarkKind | None = None  # the last mark of this call
    said_hour: int | None = None


NO_TALK = Talk()
NO_FLOW = FlowPart()


@dataclass(frozen=True, slots=True)
class Call:
    """A live call: whose it is, which stays, and its parts. Times ending in `_at` are epoch seconds, in `_seconds` the monotonic
    clock's. Facts are written here alone, each by the one step that tells of it.
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
    adopted: bool = False  # found after a restart: its leg begins then, and how long it rings is not known
    kept_seat: str | None = None  # reserved since before it was dialled: the call competes for no other
    worker: BoothWorker | None = None  # who is called, where it is no voter
    inbound: bool = False  # the voter called us
    flow_source: str | None = None  # the flow of the number that was called; None: the campaign's

    @property
    def state(self) -> CallState:
        """Where the call is, read off what is known of it."""
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
        """Whether somebody picked up."""
        return self.leg.answered_seconds is not None

    @property
    def began_seconds(self) -> float:
        """When it was placed."""
        return self.leg.began_seconds

    @property
    def ringing_seconds(self) -> float | None:
        """When a phone began to ring for it; None: none does yet."""
        return self.leg.ringing_seconds

    @property
    def seconds_to_answer(self) -> float:
        """From the start to the answer; 0 before it."""
        leg = self.leg
        return 0.0 if leg.answered_seconds is None else leg.answered_seconds - leg.began_seconds

    # The leg

    def previewed(self, preview: Preview) -> Call:
        """Its agent sees who it is for."""
        return self._leg(preview=preview)

    def asked_for(self) -> Call:
        """Its agent wants it dialled."""
        return self._leg(preview=None)

    def skipped(self) -> Call:
        """Its agent does not."""
        return self._leg(skipped=True)

    def sent(self, seconds: float) -> Call:
        """The Originate is being written."""
        return self._leg(written=True, began_seconds=seconds)

    def given_up(self) -> Call:
        """We ask for its end before an answer."""
        return self._leg(cancelled=True)

    def rang(self, now: Instant) -> Call:
        """The carrier says that it rings. Said again, it counts from then: a carrier that lets something be heard first (183) may
        say only later that the phone rings (180), and a ring that must last is the phone's. After the answer nothing changes.
        """
        return self if self.answered else self._leg(ringing_at=now.at, ringing_seconds=now.seconds)

    def picked_up(self, now: Instant) -> Call:
        """Somebody answered. A repeat changes nothing."""
        return self if self.answered else self._leg(answered_at=now.at, answered_seconds=now.seconds)

    def by_person(self, now: Instant) -> Call:
        """Somebody answered who is no machine, where that was still to be found out."""
        answered = self.picked_up(now)
        return answered if answered.leg.judged else answered._leg(judged=True)

    def by_machine(self) -> Call:
        """A machine picked up: no answer by a person. Of an answered call."""
        return self if self.leg.machine else self._leg(judged=True, machine=True, not_counted=True)

    def found_answered(self, then: Instant, *, talked: bool) -> Call:
        """The switch's history tells that somebody had answered, and whether an agent talked to them."""
        answered = self.picked_up(then)
        return answered._talk(connected_at=then.at) if talked and self.talk.connected_at is None else answered

    def waits(self) -> Call:
        """The voter can be connected to a seat."""
        return self._leg(waiting=True)

    def hears_message(self) -> Call:
        """The information message plays."""
        return self._leg(message_started=True, waiting=False)

    def message_cut_short(self) -> Call:
        """Somebody has the voter after all."""
        return self._leg(message_started=False) if self.leg.message_started else self

    def ending(self, ended: CallEnded) -> Call:
        """It has ended, and something that belongs to it is still waited for."""
        return self._leg(ended=ended)

    # The talk

    def reserved(self, seat: str, agent: str | None) -> Call:
        """The voter is on the way to a seat, or found at it."""
        return self._talk(seat=seat, agent=agent)

    def never_came(self) -> Call:
        """The voter did not reach the seat; the switch tells whether they wait. Unasked, a dead seat would be tried for ever."""
        return self._leg(waiting=False)._talk(seat=None)

    def connected(self, seat: str, agent: str | None, now: Instant) -> Call:
        """Voter and agent hear each other."""
        talking = self.picked_up(now)._leg(waiting=False)
        return talking._talk(seat=seat, agent=agent, connected_at=now.at, connected_seconds=now.seconds)

    def counted(self, packets: int) -> Call:
        """So many packets of sound had come from the agent's phone when the talk began."""
        return self._talk(agent_packets=packets)

    def unheard(self) -> Call:
        """Nothing came from the agent's phone while they were connected."""
        return self._talk(heard_nobody=True)

    def recording(self) -> Call:
        """The switch records it from now on."""
        return self if self.talk.recorded else self._talk(recorded=True)

    def muted(self, *, muted: bool) -> Call:
        """Its recording is paused, or goes on."""
        return self._talk(recording_paused=muted)

    def with_disposition(self, said: DispositionRecord | None) -> Call:
        """What the agent says of it."""
        return self._talk(disposed=said)

    def called_machine(self, *, machine: bool) -> Call:
        """The agent says whether a machine had picked up."""
        return self._leg(machine=machine, not_counted=self.leg.not_counted or machine)

    # The flow

    def into_flow(self, name: str) -> Call:
        """Its flow, of this name and version, has begun."""
        return replace(self, flow=replace(self.flow, under_way=True, name=name))

    def marked(self, kind: MarkKind, hour: int | None) -> Call:
        """What was keyed in it last."""
        return replace(self, flow=replace(self.flow, said=kind, said_hour=hour))

    def out_of_flow(self, *, completed: bool, left_at: str | None) -> Call:
        """Its flow is over."""
        return replace(self, flow=replace(self.flow, under_way=False, completed=completed, left_at=left_at))

    def _leg(self, **facts: Any) -> Call:
        return replace(self, leg=replace(self.leg, **facts))

    def _talk(self, **facts: Any) -> Call:
        return replace(self, talk=replace(self.talk, **facts))


# Q.850 causes as a real Asterisk gave them for SIP answers (404, 410, 484, 485, 604 / 403, 603 / ...).
_INVALID_NUMBER_CAUSES = frozenset({1, 22, 28})
_REJECTED_CAUSE = 21
_BUSY_CAUSE = 17
_NO_ANSWER_CAUSE = 19
_CONGESTION_CAUSE = 34
_SAYS_NOTHING_CAUSES = frozenset({0, 16, None})


def outcome_of(call: Call, ended: CallEnded) -> Outcome:
    """The one outcome of an ended call, from what was known of it and the switch's last word."""
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
    if call.talk.connected_at is not None:  # an agent's campaign, or a flow that handed the call over
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
        # Our own ring limit on a line that never rang: the trunk is dead, and the number is not to blame.
        return Outcome.NO_ANSWER if rang else Outcome.CARRIER_FAILURE
    if ended.cause in _INVALID_NUMBER_CAUSES:
        return Outcome.INVALID_NUMBER
    if ended.cause == _REJECTED_CAUSE:
        return Outcome.REJECTED
    if ended.cause == _NO_ANSWER_CAUSE or (ended.cause in _SAYS_NOTHING_CAUSES and rang):
        return Outcome.NO_ANSWER
    return Outcome.CARRIER_FAILURE
