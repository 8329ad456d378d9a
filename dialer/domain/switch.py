"""The switch as a port: what the engine asks of whatever carries its calls.

Asterisk over AMI and FastAGI is the first adapter. The engine names attempts and seats, never channels or actions.
Every method may be called at any time. Each returns when the switch has accepted the order, not when the order has had
its effect: effects are reported as events (`dialer.domain.switch_events`), in no guaranteed order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from dialer.domain.enums import CampaignKind
from dialer.domain.model import AttemptId
from dialer.domain.parties import PartyId, Place


@dataclass(frozen=True, slots=True)
class OriginateRequest:
    """One call to place."""

    attempt_id: AttemptId
    number: str  # E.164
    endpoint: str  # the trunk's endpoint on the switch
    caller_id: str
    kind: CampaignKind
    ring_seconds: float
    # Before a seat or a flow: the switch reports `MachineDetected` and ends the call.
    detect_machine: bool = False
    message_to_machine: bool = False  # a flow's call only: a machine hears the information message first


@dataclass(frozen=True, slots=True)
class PartyRequest:
    """One third party to call."""

    party_id: PartyId
    endpoint: str  # of the phone, or of the trunk
    number: str | None  # E.164, over a trunk; None: the endpoint itself is the phone
    caller_id: str | None
    ring_seconds: float
    place: Place  # where they go once they have answered


class SeatSound(StrEnum):
    """What an agent hears in answer to a key. The value is the name of the sound file below `matdan/`."""

    KEY = "key"  # accepted; more is to come
    DONE = "done"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class PastCall:
    """How a call ended, from the switch's own records."""

    answered_at: float | None  # epoch seconds; None: not answered
    dial_status: str | None = None  # BUSY, NOANSWER, CONGESTION; None: another failure
    seat: str | None = None  # where the voter was at the end


@dataclass(frozen=True, slots=True)
class History:
    """The switch's own records of calls that ended while the dialler was not connected."""

    ended: Mapping[AttemptId, PastCall]
    first_at: float | None = None  # start of the oldest call on record (epoch seconds); None: there is none
    up_seconds: float | None = None  # since the switch started: calls that were live before have no record


class CallSwitch(Protocol):
    """What the engine asks of any carrier of calls."""

    async def originate(self, request: OriginateRequest) -> None:
        """Place one call. Returns when the switch has queued it.

        Raises OriginateRefused (certainly not placed), SwitchUnreachable (nothing was written) or OriginateUnsure (it may
        exist: reconcile, never repeat).
        """

    async def hang_up(self, attempt_id: AttemptId) -> None:
        """End the attempt's call, in whatever state. A call that is already over is no error."""

    async def connect(self, attempt_id: AttemptId, seat: str, *, record: bool = False) -> None:
        """Send a voter to a seat.

        `CallConnected` reports that they hear each other. With `record` the call is recorded from then on, once, into a
        file named by the attempt: `RecordingStarted`. Raises SwitchError.
        """

    async def play_message(self, attempt_id: AttemptId) -> None:
        """Send an answered voter to the information message, after which the call ends by itself. Raises SwitchError."""


class Switch(CallSwitch, Protocol):
    """What the engine asks of a switch that has seats too."""

    def unanswered_seconds(self, server: str) -> float:
        """Return how long this Asterisk's oldest unanswered order has waited; 0: there is none.

        Infinity where another dialler may have the server.
        """

    async def history(self, attempt_ids: Collection[AttemptId], server: str) -> History:
        """Return this Asterisk's records of how these calls ended. Raises SwitchError where it keeps none."""

    async def call_seat(self, seat: str, endpoint: str) -> None:
        """Call the agent's phone and keep it on the line (`SeatUp`).

        A phone that was there is hung up then, and a voter stays. Raises SwitchError.
        """

    async def call_for_log_in(self, seat: str, endpoint: str) -> None:
        """Call a seat's phone and ask for agent number and PIN. Raises SwitchError."""

    async def answer_key(self, seat: str, sound: SeatSound) -> None:
        """Play the agent the answer to a key.

        It is not heard when it comes too late or the phone is gone. Raises SwitchError.
        """

    async def seat_packets(self, seat: str) -> int:
        """Return how many packets of sound have come from the agent's phone in its present call.

        Raises SwitchError where that is not known.
        """

    async def release_seat(self, seat: str) -> None:
        """Hang up the agent's phone. A seat that is already down is no error."""

    # Transfers

    async def hold(self, attempt_id: AttemptId, seat: str) -> None:
        """Take a voter out of a seat, to music.

        After the hold's limit the switch returns them to it. Raises SwitchError.
        """

    async def hand_over(self, attempt_id: AttemptId) -> None:
        """Send a voter to the third party, without an agent (`CallHandedOver`).

        When one leaves, the other's call ends too. Raises SwitchError.
        """

    async def call_party(self, request: PartyRequest) -> None:
        """Call a third party to a place. `PartyJoined` or `PartyLeft` reports the result. Raises SwitchError."""

    async def move_party(self, party_id: PartyId, place: Place) -> None:
        """Send a third party who has answered to another place. Raises SwitchError."""

    async def release_party(self, party_id: PartyId) -> None:
        """End a third party's call, in whatever state. One that is already over is no error."""

    async def mute_recording(self, attempt_id: AttemptId, *, muted: bool) -> None:
        """Record silence, or sound again. Raises SwitchError."""
