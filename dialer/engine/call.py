"""An attempt's live call: what is known of it, what an event changes, and which outcome an ending has. Pure.

Events come in no promised order (OriginateResponse was seen before the channel was up in 28 of 100 calls), so nothing here
waits for one before another: each event adds a fact, and the state is read off the facts. Every order of the same events
gives the same outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from config.words import CampaignKind
from dialer.domain.clock import Instant
from dialer.domain.model import AttemptId, BoothWorker, DispositionRecord, MarkKind, Outcome
from dialer.domain.switch import REDIRECTED, CallEnded, EndedBy
from dialer.domain.view import CallState
from dialer.pacing.number_answers import NumberSigns


@dataclass(frozen=True, slots=True)
class Call:
    """A live call. Times ending in `_at` are epoch seconds, in `_seconds` the monotonic clock's."""

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
    began_seconds: float
    written: bool = False  # the Originate is with the switch, or may be
    adopted: bool = False  # found after a restart: `began_seconds` is when, and how long it rings is not known
    ringing_at: float | None = None
    ringing_seconds: float | None = None
    answered_at: float | None = None
    answered_seconds: float | None = None
    waiting: bool = False  # stands where it can be connected to a seat
    seat: str | None = None  # reserved or talking
    kept_seat: str | None = None  # reserved since before it was dialled: the call competes for no other
    agent: str | None = None
    connected_at: float | None = None
    connected_seconds: float | None = None
    in_flow: bool = False
    flow: str | None = None
    flow_completed: bool = False
    left_at: str | None = None
    said: MarkKind | None = None  # the last mark of this call
    said_hour: int | None = None
    disposed: DispositionRecord | None = None  # what the agent said of it so far
    message_started: bool = False
    recorded: bool = False
    recording_paused: bool = False
    judged: bool = True  # False: answered, and whether by a person or a machine is not known yet
    agent_packets: int | None = None  # of sound, that had come from the agent's phone when they were connected
    heard_nobody: bool = False  # no sound came from the agent's phone while they were connected
    machine: bool = False  # an answering machine, as the switch or the agent says
    not_counted: bool = False  # the pacer has given its answer up as a machine's, whatever is said later
    worker: BoothWorker | None = None  # who is called, where it is no voter
    inbound: bool = False  # the voter called us
    flow_source: str | None = None  # the flow of the number that was called; None: the campaign's
    cancelled: bool = False  # we asked for its end before an answer
    signs: NumberSigns | None = None  # what was known of the number when it was dialled
    answer_probability: float | None = None  # of the number, as told then; None: the campaign's
    ended: CallEnded | None = None  # arrived while the flow's last commit was still under way

    @property
    def state(self) -> CallState:
        """Where the call is, read off what is known of it."""
        if self.ended is not None:
            return CallState.ENDED
        if self.message_started:
            return CallState.MESSAGE
        if self.connected_seconds is not None and self.seat is not None:
            return CallState.TALKING
        if self.in_flow:
            return CallState.IN_FLOW
        if self.seat is not None:
            return CallState.CONNECTING
        if self.answered_seconds is not None:
            return CallState.WAITING
        if self.ringing_seconds is not None:
            return CallState.RINGING
        return CallState.DIALLING if self.written else CallState.SENDING

    @property
    def answered(self) -> bool:
        """Whether somebody picked up."""
        return self.answered_seconds is not None

    @property
    def seconds_to_answer(self) -> float:
        """From the start to the answer; 0 before it."""
        return 0.0 if self.answered_seconds is None else self.answered_seconds - self.began_seconds

    def rang(self, now: Instant) -> Call:
        """The carrier says that it rings. Said again, it counts from then: a carrier that lets something be heard first (183) may
        say only later that the phone rings (180), and a ring that must last is the phone's. After the answer nothing changes.
        """
        return self if self.answered else replace(self, ringing_at=now.at, ringing_seconds=now.seconds)

    def picked_up(self, now: Instant) -> Call:
        """Somebody answered. A repeat changes nothing."""
        return self if self.answered else replace(self, answered_at=now.at, answered_seconds=now.seconds)

    def by_person(self, now: Instant) -> Call:
        """Somebody answered who is no machine, where that was still to be found out."""
        answered = self.picked_up(now)
        return answered if answered.judged else replace(answered, judged=True)

    def by_machine(self) -> Call:
        """A machine picked up: no answer by a person. Of an answered call."""
        return self if self.machine else replace(self, judged=True, machine=True, not_counted=True)

    def connected(self, seat: str, agent: str | None, now: Instant) -> Call:
        """Voter and agent hear each other."""
        answered = self.picked_up(now)
        return replace(
            answered, seat=seat, agent=agent, waiting=False, connected_at=now.at, connected_seconds=now.seconds
        )

    def ending(self, ended: CallEnded) -> Call:
        """It has ended, and something that belongs to it is still waited for."""
        return replace(self, ended=ended)


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
    if call.cancelled:
        return Outcome.CANCELLED
    return _unanswered_outcome(call, ended)


def _answered_outcome(call: Call, *, vanished: bool) -> Outcome:
    if call.machine:
        return Outcome.MACHINE
    if call.heard_nobody:
        return Outcome.ABANDONED
    if call.connected_at is not None:  # an agent's campaign, or a flow that handed the call over
        return Outcome.CONNECTED
    if call.kind is CampaignKind.IVR:
        return Outcome.COMPLETED if call.flow_completed else Outcome.LEFT
    # A call whose end nobody saw heard the dialplan's own message: it counts against the cap.
    return Outcome.ABANDONED if call.message_started or vanished else Outcome.DROPPED


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
