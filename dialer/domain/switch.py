"""The interface between the engine and a telephone switch, such as Asterisk over AMI and FastAGI.

A method returns when the switch has accepted the request. Events (`dialer.domain.switch_events`) report later what
happened, in any order. Requests name call attempts and seats, never channels.
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
    """A request to the telephone switch to place a call."""

    attempt_id: AttemptId
    number: str  # E.164
    endpoint: str  # the trunk's endpoint on the switch
    caller_id: str
    kind: CampaignKind
    ring_seconds: float
    at: float  # epoch seconds
    detect_machine: bool = False  # before a seat or flow; a machine's call is reported by `MachineDetected` and ended
    message_to_machine: bool = False  # leave the information message on a machine first, in a flow's call
    record_machine: bool = False  # with `detect_machine`: record the call from its answer on if a machine is detected


@dataclass(frozen=True, slots=True)
class PartyRequest:
    """A request to the telephone switch to call a third party (transfer target or supervisor)."""

    party_id: PartyId
    endpoint: str  # of the phone, or of the trunk
    number: str | None  # E.164, over a trunk; None: the endpoint itself is the phone
    caller_id: str | None
    ring_seconds: float
    place: Place  # where the party goes after answering


class SeatSound(StrEnum):
    """A sound played to an agent after a key press on the phone. The value is its file name below `matdan/` in
    Asterisk's sounds.
    """

    KEY = "key"  # accepted, further keys are expected
    DONE = "done"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class PastCall:
    """The end of an earlier call, according to the switch's own call records."""

    answered_at: float | None  # epoch seconds; None: not answered
    dial_status: str | None = None  # BUSY, NOANSWER, CONGESTION; None: another failure
    seat: str | None = None  # the voter's seat at the end


@dataclass(frozen=True, slots=True)
class History:
    """The switch's own records of calls that ended while the dialler was not connected."""

    ended: Mapping[AttemptId, PastCall]
    first_at: float | None = None  # start of the oldest recorded call (epoch seconds); None: no records
    last_at: float | None = None  # end of the recorded call that ended last (epoch seconds); None: no records
    up_seconds: float | None = None  # uptime of the switch; calls from before its start have no records


class CallSwitch(Protocol):
    """The methods that the engine requires of every telephone switch, such as Asterisk or Twilio."""

    async def originate_call(self, request: OriginateRequest) -> None:
        """Place one call. Returns when the switch has queued it.

        Raises OriginateRefused (certainly not placed), SwitchUnreachable (nothing was sent) or OriginateUnsure (the
        call may exist: look for it in the switch, never place it again).
        """

    async def hang_up_call(self, attempt_id: AttemptId) -> None:
        """Hang up the attempt's call in any state. It is no error if the call has already ended."""

    async def connect_call_to_seat(self, attempt_id: AttemptId, seat: str, *, record: bool = False) -> None:
        """Connect a voter to a seat, and record the call from then on if `record`. Raises SwitchError.

        `CallConnected` reports that voter and agent hear each other, `RecordingStarted` that recording has started.
        """

    async def play_information_message(self, attempt_id: AttemptId) -> None:
        """Play the information message (who called, and that no agent was free) to an answered voter. The call ends
        after it. Raises SwitchError.
        """


class Switch(CallSwitch, Protocol):
    """The methods that the engine requires of a telephone switch with agents' phones (seats), such as Asterisk."""

    def get_age_of_oldest_pending_action(self, server: str) -> float:
        """Return how long the oldest pending AMI action has waited for its response (seconds; 0 = none is pending).

        Return infinity if another dialler may be using this Asterisk server.
        """

    async def read_call_records(self, attempt_ids: Collection[AttemptId], server: str) -> History:
        """Read from an Asterisk server's call records how the calls with these attempt ids ended.

        Raises SwitchError if the server has no records.
        """

    async def call_seat_phone(self, seat: str, endpoint: str) -> None:
        """Call the agent's phone and keep it connected to the seat. Raises SwitchError. `SeatUp` reports success.

        An older call of the phone is hung up. A voter at the seat stays connected to the seat.
        """

    async def call_seat_phone_for_log_in(self, seat: str, endpoint: str) -> None:
        """Call a seat's phone and ask for agent number and PIN. Raises SwitchError."""

    async def play_key_feedback_tone(self, seat: str, sound: SeatSound) -> None:
        """Play the agent a sound that confirms or rejects a pressed key. Raises SwitchError.

        The sound is lost if it comes too late or the phone has disconnected.
        """

    async def count_packets_from_seat_phone(self, seat: str) -> int:
        """Return how many audio packets the agent's phone has sent in its current call. Raises SwitchError if unknown."""

    async def hang_up_seat_phone(self, seat: str) -> None:
        """Hang up the agent's phone. It is no error if the phone is not connected."""

    # Transfers

    async def put_call_on_hold(self, attempt_id: AttemptId, seat: str) -> None:
        """Put a voter on hold with music. Raises SwitchError.

        After the maximum hold time, the switch returns the voter to the seat.
        """

    async def hand_over_call_to_third_party(self, attempt_id: AttemptId) -> None:
        """Connect a voter to a transfer target, without an agent. Raises SwitchError.

        `CallHandedOver` reports the connection. When voter or target hangs up, the call of the other ends too.
        """

    async def call_third_party(self, request: PartyRequest) -> None:
        """Call a transfer target or supervisor, to join a seat or a call. `PartyJoined` or `PartyLeft` reports the
        result. Raises SwitchError.
        """

    async def move_third_party(self, party_id: PartyId, place: Place) -> None:
        """Move a transfer target or supervisor who has answered to `place`: another seat or call. Raises SwitchError."""

    async def hang_up_third_party(self, party_id: PartyId) -> None:
        """Hang up a transfer target or supervisor in any state. It is no error if the call has already ended."""

    async def set_call_recording_muted(self, attempt_id: AttemptId, *, muted: bool) -> None:
        """Record silence in a call's recording (`muted`), or record the audio again. Raises SwitchError."""
