"""The events that a switch reports to the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dialer.domain.model import AttemptId
from dialer.domain.parties import PartyId, Place

REDIRECTED: Final = "CANCEL"
"""The dial status of a call that was answered with a redirection (SIP 3xx), which our configuration never follows.

Asterisk 22 gives it cause 16 or 23, with and without ringing before it, and calls another channel for it. No other call
of ours has this status.
"""


@dataclass(frozen=True, slots=True)
class CallEvent:
    """An event of one attempt's call."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class CallRinging(CallEvent):
    """The carrier reports that the phone rings."""


@dataclass(frozen=True, slots=True)
class CallAnswered(CallEvent):
    """The call was answered. May come after `CallWaiting` or the start of a flow, and may be repeated."""


@dataclass(frozen=True, slots=True)
class CallWaiting(CallEvent):
    """An answered voter waits and can be connected to a seat now."""


@dataclass(frozen=True, slots=True)
class CallConnected(CallEvent):
    """Voter and agent hear each other."""

    seat: str


@dataclass(frozen=True, slots=True)
class CallLeftSeat(CallEvent):
    """The voter left the seat, because the agent's phone is gone or the voter was sent elsewhere. The call goes on."""

    seat: str


@dataclass(frozen=True, slots=True)
class CallHandedOver(CallEvent):
    """Voter and third party hear each other in a conference of their own, without an agent."""


@dataclass(frozen=True, slots=True)
class MessageStarted(CallEvent):
    """The information message plays because no seat was free: by our order, or by the switch's own fail-safe."""


@dataclass(frozen=True, slots=True)
class MessageFailed(CallEvent):
    """The switch could not play the information message: the voter heard nothing."""


@dataclass(frozen=True, slots=True)
class RecordingStarted(CallEvent):
    """The switch records the call from now on."""


@dataclass(frozen=True, slots=True)
class MachineDetected(CallEvent):
    """An answering machine answered. The switch ends the call."""


class EndedBy(StrEnum):
    """How the switch knows that a call is over. `dialer.engine.calls.state.outcome_of` makes the outcome of it."""

    HANGUP = "hangup"  # its channel was hung up
    NO_CHANNEL = "no-channel"  # the switch failed before there was a channel
    NOT_PLACED = "not-placed"  # the order never reached the switch, or was refused
    VANISHED = "vanished"  # it was live before the link was lost or the switch restarted, and is not any more


@dataclass(frozen=True, slots=True)
class CallEnded(CallEvent):
    """The call is over and the switch has nothing of it any more. Comes once per attempt."""

    by: EndedBy
    answered: bool  # as far as the switch saw
    timed_out: bool = False  # it rang for our ring limit
    cause: int | None = None  # Q.850
    technical_cause: str | None = None  # SIP status
    dial_status: str | None = None  # BUSY, NOANSWER, CONGESTION, ...
    ever_ringing: bool = False


@dataclass(frozen=True, slots=True)
class StrayCallFound(CallEvent):
    """The switch has a live call that, as far as was reported, has ended or never began."""


@dataclass(frozen=True, slots=True)
class SeatUp:
    """The agent's phone is on the line in its seat."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatDown:
    """The agent's phone has left its seat."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatKeyPressed:
    """The agent pressed a key (DTMF). The voter has not heard it."""

    seat: str
    key: str  # as the phone sent it


@dataclass(frozen=True, slots=True)
class SeatPhoneSilent:
    """The switch hung up the agent's phone, which sent no sound for the seat's timeout. Comes after `SeatDown`."""

    seat: str


@dataclass(frozen=True, slots=True)
class PhoneUnreachable:
    """A phone's registration ended or the phone does not answer. Its call may still be up."""

    endpoint: str


@dataclass(frozen=True, slots=True)
class PhoneRegistered:
    """A phone has registered and can be called."""

    endpoint: str
    contact: str  # its address; a page that was reloaded has a new one


@dataclass(frozen=True, slots=True)
class PartyJoined:
    """A third party has answered and is in a conference."""

    party_id: PartyId
    place: Place


@dataclass(frozen=True, slots=True)
class PartyLeft:
    """A third party's call is over: it was not answered, or was hung up."""

    party_id: PartyId


@dataclass(frozen=True, slots=True)
class SwitchUp:
    """The link is up and synchronised: these attempts, seats and parties live on the switch, and no others."""

    live_attempts: frozenset[AttemptId]
    live_seats: frozenset[str]
    talking: tuple[tuple[AttemptId, str], ...]  # attempts in a seat's conference, with the seat
    restarted: bool  # the switch itself has restarted since the last link
    held: tuple[tuple[AttemptId, str], ...] = ()  # attempts on hold, with the seat that they return to
    handed_over: frozenset[AttemptId] = frozenset()  # attempts in a handover's conference
    parties: tuple[tuple[PartyId, Place | None], ...] = ()  # every third party; None: in no conference
    server: str = ""  # the Asterisk that this is about, where there are several


@dataclass(frozen=True, slots=True)
class SwitchDown:
    """The link is lost. Nothing may be dialled there until the next `SwitchUp`."""

    reason: str
    server: str = ""


SwitchEvent = (
    CallEvent
    | SeatUp
    | SeatDown
    | SeatKeyPressed
    | SeatPhoneSilent
    | PhoneUnreachable
    | PhoneRegistered
    | PartyJoined
    | PartyLeft
    | SwitchUp
    | SwitchDown
)

EventSink = Callable[[SwitchEvent], None]
"""Handles an event at once, in order, and never blocks."""
