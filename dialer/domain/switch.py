"""The switch as a port: what the engine asks of it, and what it hears back.

Asterisk over AMI and FastAGI is the first adapter. The engine never learns of channels, actions or commands: it names
attempts and seats. Every method may be called at any time; each returns when the switch has taken the order, not when
the order has had its effect: effects come as events, in no promised order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType, Protocol

from dialer.domain.enums import CampaignKind
from dialer.domain.model import AttemptId


@dataclass(frozen=True, slots=True)
class OriginateRequest:
    """One call to place."""

    attempt_id: AttemptId
    number: str  # E.164
    endpoint: str  # the trunk's endpoint on the switch
    caller_id: str
    kind: CampaignKind
    ring_seconds: float
    # Before a seat or a flow: `MachineDetected` tells of one, and the switch ends the call.
    detect_machine: bool = False
    message_to_machine: bool = False  # of a flow's call: a machine hears the information message before that


class PlaceKind(StrEnum):
    """Where a third party can be."""

    SEAT = "seat"  # in a seat's conference: a consult, a three-way, a barge
    ASIDE = "aside"  # in a conference of one attempt's own, without an agent
    LISTEN = "listen"  # hears a seat
    WHISPER = "whisper"  # hears a seat, and its agent hears them


@dataclass(frozen=True, slots=True)
class Place:
    """A place for a third party: of a seat by its name, or aside by the attempt's id."""

    kind: PlaceKind
    name: str


PartyId = NewType("PartyId", str)
"""A third party's channel: neither voter nor agent. Made by `transfer_party` and `supervision_party`."""

TRANSFER_PARTY = "help-"
SUPERVISION_PARTY = "ear-"


_ATTEMPT_ID_LENGTH = 36  # a UUID


def transfer_party(attempt_id: AttemptId, target: str, token: str) -> PartyId:
    """The id of somebody who is called for an attempt: `target` by its name in the allow-list, which a dialler that comes
    back knows from nowhere else. `token` makes it new each time.
    """
    return PartyId(f"{TRANSFER_PARTY}{attempt_id}-{target}-{token}")


def supervision_party(token: str) -> PartyId:
    """The id of a supervisor's phone that is called to listen."""
    return PartyId(f"{SUPERVISION_PARTY}{token}")


def attempt_of(party_id: PartyId) -> AttemptId | None:
    """The attempt that a party was called for; None: it was called for no transfer."""
    if not party_id.startswith(TRANSFER_PARTY):
        return None
    return AttemptId(party_id[len(TRANSFER_PARTY) :][:_ATTEMPT_ID_LENGTH])


def target_of(party_id: PartyId) -> str | None:
    """The name of the target that a party is; None: it was called for no transfer, or an older dialler called it."""
    if not party_id.startswith(TRANSFER_PARTY):
        return None
    return party_id[len(TRANSFER_PARTY) + _ATTEMPT_ID_LENGTH + 1 :].rpartition("-")[0] or None


@dataclass(frozen=True, slots=True)
class PartyRequest:
    """One third party to call."""

    party_id: PartyId
    endpoint: str  # of the phone, or of the trunk
    number: str | None  # E.164, over a trunk; None: the endpoint itself is the phone
    caller_id: str | None
    ring_seconds: float
    place: Place  # where they go once they have answered


class EndedBy(StrEnum):
    """What the switch could tell of an ending, before anybody judges it; see `dialer.engine.calls.state.outcome_of`."""

    HANGUP = "hangup"  # a channel existed and is gone
    NO_CHANNEL = "no-channel"  # the switch failed before there was one
    NOT_PLACED = "not-placed"  # the order never reached the switch, or was refused
    VANISHED = "vanished"  # it was live before a loss of the link or a restart, and is not any more


@dataclass(frozen=True, slots=True)
class CallEvent:
    """Something of an attempt's call."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class CallRinging(CallEvent):
    """The carrier says that the phone rings."""


@dataclass(frozen=True, slots=True)
class CallAnswered(CallEvent):
    """Somebody picked up. May come after `CallWaiting` or a flow's start, or be repeated."""


@dataclass(frozen=True, slots=True)
class CallWaiting(CallEvent):
    """An answered voter stands in our context and can be connected to a seat now."""


@dataclass(frozen=True, slots=True)
class CallConnected(CallEvent):
    """Voter and agent hear each other."""

    seat: str


@dataclass(frozen=True, slots=True)
class CallLeftSeat(CallEvent):
    """The voter's channel left the seat: the agent's phone is gone, or the voter was sent elsewhere. Not an end."""

    seat: str


@dataclass(frozen=True, slots=True)
class MessageStarted(CallEvent):
    """The information message plays because no seat came: ours, or the switch's own fail-safe."""


@dataclass(frozen=True, slots=True)
class MessageUnheard(CallEvent):
    """The switch could not play the information message: the voter heard nothing."""


@dataclass(frozen=True, slots=True)
class CallAside(CallEvent):
    """The voter hears the third party, in the attempt's own conference; no agent is there."""


@dataclass(frozen=True, slots=True)
class CallRecorded(CallEvent):
    """The recording of the call has begun."""


@dataclass(frozen=True, slots=True)
class MachineDetected(CallEvent):
    """An answering machine has the call, not a person. The switch ends it."""


REDIRECTED = "CANCEL"
"""The dial status of a call that was answered "call elsewhere" (SIP 3xx), which nobody does, and of no other of ours: as a real
Asterisk tells it, with cause 16 or 23, with and without a ring before it. Asterisk calls another channel for it."""


@dataclass(frozen=True, slots=True)
class CallEnded(CallEvent):
    """The call is over: nothing of it exists on the switch any more. Comes once per attempt."""

    by: EndedBy
    answered: bool  # as the switch saw it
    timed_out: bool = False  # the switch gave up ringing: our own ring limit
    cause: int | None = None  # Q.850
    technical_cause: str | None = None  # SIP status
    dial_status: str | None = None  # BUSY, NOANSWER, CONGESTION, ...
    ever_ringing: bool = False


@dataclass(frozen=True, slots=True)
class CallStray(CallEvent):
    """A call lives on the switch that is over, or never was, as far as anybody told."""


@dataclass(frozen=True, slots=True)
class SeatUp:
    """The agent's phone is on the line, nailed up in its seat."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatDown:
    """The agent's phone is gone."""

    seat: str


class SeatSound(StrEnum):
    """What an agent hears in answer to a key. The value names the sound file below `matdan/`."""

    KEY = "key"  # taken; more is to come
    DONE = "done"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class SeatKey:
    """The agent pressed a key on the nailed-up phone. The voter has not heard it."""

    seat: str
    key: str  # as the phone sent it


@dataclass(frozen=True, slots=True)
class SeatSilent:
    """The switch has given up the agent's phone, because no sound came from it for the seat's timeout. After `SeatDown`."""

    seat: str


@dataclass(frozen=True, slots=True)
class PhoneAway:
    """The switch does not reach a phone any more, or it has registered anew from elsewhere. It may be on the line all the same."""

    endpoint: str


@dataclass(frozen=True, slots=True)
class PhoneBack:
    """A phone has registered: it can be called."""

    endpoint: str
    contact: str  # where it is: a page that is loaded again is another one


@dataclass(frozen=True, slots=True)
class PartyCame:
    """A third party has answered and is in a conference."""

    party_id: PartyId
    place: Place


@dataclass(frozen=True, slots=True)
class PartyGone:
    """A third party's call is over: not reached, or hung up."""

    party_id: PartyId


@dataclass(frozen=True, slots=True)
class SwitchUp:
    """The link is up and resynced: these attempts and seats live on the switch, and no others."""

    live_attempts: frozenset[AttemptId]
    live_seats: frozenset[str]
    talking: tuple[tuple[AttemptId, str], ...]  # attempts found in a seat's conference
    restarted: bool  # the switch itself began anew since we last saw it
    held: tuple[tuple[AttemptId, str], ...] = ()  # attempts on hold, and the seats that they go back to
    aside: frozenset[AttemptId] = frozenset()  # attempts in a conference of their own
    parties: tuple[tuple[PartyId, Place | None], ...] = ()  # every third party; None: in no conference
    box: str = ""  # of several Asterisks the one that it is about, and no other


@dataclass(frozen=True, slots=True)
class SwitchDown:
    """The link is lost. Nothing may be dialled there until the next `SwitchUp`."""

    reason: str
    box: str = ""


SwitchEvent = (
    CallEvent
    | SeatUp
    | SeatDown
    | SeatKey
    | SeatSilent
    | PhoneAway
    | PhoneBack
    | PartyCame
    | PartyGone
    | SwitchUp
    | SwitchDown
)

EventSink = Callable[[SwitchEvent], None]
"""Takes an event at once, in order, and never blocks."""


@dataclass(frozen=True, slots=True)
class PastCall:
    """How a call ended, as the switch has kept it."""

    answered_at: float | None  # epoch seconds; None: nobody picked up
    dial_status: str | None = None  # BUSY, NOANSWER, CONGESTION; None: another failure
    seat: str | None = None  # where the voter was at the end


@dataclass(frozen=True, slots=True)
class History:
    """What the switch has kept of calls that ended unseen."""

    ended: Mapping[AttemptId, PastCall]
    first_at: float | None = None  # epoch seconds of the oldest call that is kept; None: none is
    up_seconds: float | None = None  # since the switch itself began: what lived before that was not kept


class CallSwitch(Protocol):
    """What the engine asks of whatever carries calls."""

    async def originate(self, request: OriginateRequest) -> None:
        """Place one call. Returns when the switch has queued it.

        Raises OriginateRefused (certainly not placed), SwitchUnreachable (nothing was written) or OriginateUnsure (it may
        exist: reconcile, never repeat).
        """

    async def hang_up(self, attempt_id: AttemptId) -> None:
        """End the attempt's call, in whatever state. A call that is gone already is no error."""

    async def connect(self, attempt_id: AttemptId, seat: str, *, record: bool = False) -> None:
        """Send a voter to a seat. `CallConnected` tells that they hear each other. With `record` the call is recorded from
        then on, once, into a file named by the attempt: `CallRecorded`. Raises SwitchError.
        """

    async def play_message(self, attempt_id: AttemptId) -> None:
        """Send an answered voter to the information message, after which the call ends by itself. Raises SwitchError."""


class Switch(CallSwitch, Protocol):
    """What the engine asks of a switch that has seats too."""

    def unanswered_seconds(self, box: str) -> float:
        """Seconds that this Asterisk has left something unanswered, 0: nothing; for ever where it may be another dialler's."""

    async def history(self, attempt_ids: Collection[AttemptId], box: str) -> History:
        """How these calls ended, as far as this Asterisk has kept it. Raises SwitchError where it keeps nothing."""

    async def call_seat(self, seat: str, endpoint: str) -> None:
        """Ring the phone and nail it up (`SeatUp`); one that was there is hung up then, and a voter stays. Raises SwitchError."""

    async def call_for_log_in(self, seat: str, endpoint: str) -> None:
        """Ring a seat's phone and ask who answers for agent number and PIN. Raises SwitchError."""

    async def answer_key(self, seat: str, sound: SeatSound) -> None:
        """Let the agent hear what became of a key; too late or without a phone it is not heard. Raises SwitchError."""

    async def seat_packets(self, seat: str) -> int:
        """Packets of sound from the agent's phone since it is on the line. Raises SwitchError where nobody can say."""

    async def release_seat(self, seat: str) -> None:
        """Hang up the agent's phone. A seat that is down already is no error."""

    # Transfers

    async def hold(self, attempt_id: AttemptId, seat: str) -> None:
        """Take a voter out of a seat, to music. After the hold's limit the switch brings them back. Raises SwitchError."""

    async def hand_over(self, attempt_id: AttemptId) -> None:
        """Send a voter to the third party aside (`CallAside`); when one leaves, the call of both ends. Raises SwitchError."""

    async def call_party(self, request: PartyRequest) -> None:
        """Call a third party to a place. `PartyCame` or `PartyGone` tells what became of it. Raises SwitchError."""

    async def move_party(self, party_id: PartyId, place: Place) -> None:
        """Send a third party who has answered to another place. Raises SwitchError."""

    async def release_party(self, party_id: PartyId) -> None:
        """End a third party's call, in whatever state. One that is gone already is no error."""

    async def mute_recording(self, attempt_id: AttemptId, *, muted: bool) -> None:
        """Record silence, or sound again. Raises SwitchError."""
