"""The events that a switch reports to the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dialer.domain.model import AttemptId
from dialer.domain.newest_call import NewestCall
from dialer.domain.parties import PartyId, Place

REDIRECTED: Final = "CANCEL"
"""The dial status of a call that was answered with a redirection (SIP 3xx), which our configuration never follows.

Asterisk 22 reports cause 16 or 23 for it, with or without ringing before, and calls another channel. No other call of
ours has this status.
"""

NO_AUDIO_STATUSES: Final = frozenset({"406", "488"})
"""SIP statuses of a call that Asterisk ended, because the answer has no session description or no codec that it offers."""


@dataclass(frozen=True, slots=True)
class CallEvent:
    """Base class of the events of one call, which its attempt id identifies."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class CallSentToCarrier(CallEvent):
    """Asterisk has sent the call to the carrier (SIP INVITE)."""


@dataclass(frozen=True, slots=True)
class CallRinging(CallEvent):
    """The carrier reports that the phone rings."""


@dataclass(frozen=True, slots=True)
class CallAnswered(CallEvent):
    """The call was answered. This event may be repeated, and may arrive after `CallWaiting` or after an IVR flow has
    started.
    """


@dataclass(frozen=True, slots=True)
class CallWaiting(CallEvent):
    """An answered voter waits for an agent and can be connected to a seat."""


@dataclass(frozen=True, slots=True)
class CallConnected(CallEvent):
    """Voter and agent hear each other."""

    seat: str


@dataclass(frozen=True, slots=True)
class CallLeftSeat(CallEvent):
    """The voter was disconnected from the agent's seat: the agent's phone hung up, or the voter was moved. The call
    continues.
    """

    seat: str


@dataclass(frozen=True, slots=True)
class CallHandedOver(CallEvent):
    """The voter and a transfer target are connected to each other, without an agent."""


@dataclass(frozen=True, slots=True)
class MessageStarted(CallEvent):
    """The information message (who called, and that no agent was free) plays to a voter.

    The engine ordered it, or the dialplan played it because no order arrived.
    """


@dataclass(frozen=True, slots=True)
class MessageFailed(CallEvent):
    """The switch could not play the information message (who called, and that no agent was free), so the voter heard
    silence.
    """


@dataclass(frozen=True, slots=True)
class RecordingStarted(CallEvent):
    """The switch has started to record the call."""


@dataclass(frozen=True, slots=True)
class MachineDetected(CallEvent):
    """An answering machine answered. The switch ends the call."""


@dataclass(frozen=True, slots=True)
class MachineMessageLeft(CallEvent):
    """The information message was played to an answering machine to its end, after the machine's beep."""


class EndedBy(StrEnum):
    """The way in which the switch noticed that a call has ended."""

    HANGUP = "hangup"  # its channel was hung up
    NO_CHANNEL = "no-channel"  # the switch failed before it created a channel
    NOT_PLACED = "not-placed"  # the order never reached the switch, or was refused
    VANISHED = "vanished"  # the call disappeared while the link was lost or the switch restarted


@dataclass(frozen=True, slots=True)
class CallEnded(CallEvent):
    """A call has ended, and the switch has no channel of the call any more. Reported once per call attempt."""

    by: EndedBy
    answered: bool  # as far as the switch knows
    timed_out: bool = False  # our ring limit expired
    cause: int | None = None  # Q.850
    technical_cause: str | None = None  # SIP status
    dial_status: str | None = None  # BUSY, NOANSWER, CONGESTION, ...
    ever_ringing: bool = False


@dataclass(frozen=True, slots=True)
class StrayCallFound(CallEvent):
    """The switch reports a live call that the engine does not know, or that the engine considers ended."""


@dataclass(frozen=True, slots=True)
class SeatUp:
    """The agent's phone is connected to its seat."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatDown:
    """The agent's phone has disconnected from its seat."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatKeyPressed:
    """The agent pressed a key (DTMF). The voter did not hear it."""

    seat: str
    key: str  # as the phone sent it


@dataclass(frozen=True, slots=True)
class SeatPhoneSilent:
    """The switch hung up the agent's phone, because it sent no audio within the seat's timeout.

    `SeatDown` precedes this event.
    """

    seat: str


@dataclass(frozen=True, slots=True)
class SeatPhoneHeld:
    """The agent pressed the hold key of the phone. The phone now sends no audio, so a connected voter hears silence."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatPhoneResumed:
    """The agent has ended the hold with the phone's own key."""

    seat: str


@dataclass(frozen=True, slots=True)
class PhoneUnreachable:
    """The registration of an agent's phone has ended, or the phone does not answer. Its call may still be connected."""

    endpoint: str


@dataclass(frozen=True, slots=True)
class PhoneRegistered:
    """An agent's phone has registered and can be called."""

    endpoint: str
    contact: str  # the phone's address; a reloaded page has a new one


@dataclass(frozen=True, slots=True)
class UnregisteredTrunksListed:
    """The switch has listed the trunks that should be registered with their carriers and are not."""

    endpoints: frozenset[str]
    server: str = ""  # the Asterisk server, if there are several


@dataclass(frozen=True, slots=True)
class PartyJoined:
    """A transfer target or supervisor has answered and joined a conference."""

    party_id: PartyId
    place: Place


@dataclass(frozen=True, slots=True)
class PartyLeft:
    """The call of a transfer target or supervisor has ended: the phone was not answered, or somebody hung up."""

    party_id: PartyId


@dataclass(frozen=True, slots=True)
class SwitchUp:
    """The connection to the switch works. The event lists all calls, seats and third parties that are live on the
    switch now.
    """

    live_attempts: frozenset[AttemptId]
    live_seats: frozenset[str]
    talking: tuple[tuple[AttemptId, str], ...]  # attempts in a seat's conference, each with its seat
    restarted: bool  # the switch itself has restarted since the last link
    held: tuple[tuple[AttemptId, str], ...] = ()  # attempts on hold, each with the seat to return to
    handed_over: frozenset[AttemptId] = frozenset()  # attempts connected to a third party without an agent
    parties: tuple[tuple[PartyId, Place | None], ...] = ()  # third parties; place None: in no conference
    server: str = ""  # the Asterisk server, if there are several
    newest_call: NewestCall | None = None  # as it is recorded in Asterisk's database


@dataclass(frozen=True, slots=True)
class SwitchDown:
    """The connection to the switch is lost. Nothing may be dialled over it until the next `SwitchUp`."""

    reason: str
    server: str = ""


PhoneEvent = (
    SeatUp
    | SeatDown
    | SeatKeyPressed
    | SeatPhoneSilent
    | SeatPhoneHeld
    | SeatPhoneResumed
    | PhoneUnreachable
    | PhoneRegistered
)
"""An event of an agent's phone."""

SwitchEvent = CallEvent | PhoneEvent | UnregisteredTrunksListed | PartyJoined | PartyLeft | SwitchUp | SwitchDown

EventSink = Callable[[SwitchEvent], None]
"""Function that handles an event immediately, in order, without blocking."""
