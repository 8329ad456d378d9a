"""The stages of a transfer, and the steps between them.

If the target cannot be reached, or leaves, the voter goes back to the agent. Steps are between dashes:

    with the agent --hold--> hold --resume--> with the agent
    with the agent or hold --consult--> calling --answers--> consult --merge--> three-way
    consult or three-way --complete--> handing over --> transferred
    with the agent or hold --transfer--> transfer --answers--> handing over --> transferred
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from dialer.domain.errors import CommandRefused
from dialer.domain.model import AttemptId
from dialer.domain.parties import PartyId
from dialer.domain.view import TransferStage


class TransferStep(StrEnum):
    """A step of a transfer that an agent can request during a call. The values are verbs, for use in messages."""

    HOLD = "hold"
    RESUME = "resume"
    TRANSFER = "transfer"
    CONSULT = "consult"
    MERGE = "merge"
    COMPLETE = "complete a transfer"
    CANCEL = "cancel a consult"


VOTER_AWAY = frozenset(TransferStage) - {TransferStage.THREE_WAY}
"""Stages in which the voter has left the seat, or is leaving it, because of the transfer. The talk has not ended."""
AGENT_WAITS = frozenset(
    {
        TransferStage.HOLD,
        TransferStage.RETURNING,
        TransferStage.CALLING,
        TransferStage.CONSULT,
        TransferStage.MERGING,
        TransferStage.THREE_WAY,
    }
)
"""Stages in which the agent still has the call."""

TARGET_AT_SEAT = frozenset(
    {TransferStage.CALLING, TransferStage.CONSULT, TransferStage.MERGING, TransferStage.THREE_WAY}
)
"""Stages in which the target is called to the agent's seat, not to the voter."""

WITH_TARGET = frozenset({TransferStage.HANDING_OVER, TransferStage.TRANSFERRED})
"""Stages in which the agent has left, and voter and target are connected or being connected."""

_SITUATION = {
    None: "the voter is with the agent",
    TransferStage.HOLD: "the voter is on hold",
    TransferStage.RETURNING: "the voter is being returned to the agent",
    TransferStage.CALLING: "the target's phone rings",
    TransferStage.CONSULT: "the agent is consulting the target",
    TransferStage.MERGING: "the voter is being joined to the three-way call",
    TransferStage.THREE_WAY: "a three-way call is in progress",
    TransferStage.TRANSFER: "the voter is being transferred",
    TransferStage.HANDING_OVER: "the voter is being transferred",
    TransferStage.TRANSFERRED: "the voter has been transferred",
}
_ALLOWED: dict[TransferStep, frozenset[TransferStage | None]] = {
    TransferStep.HOLD: frozenset({None}),
    TransferStep.RESUME: frozenset({TransferStage.HOLD}),
    TransferStep.TRANSFER: frozenset({None, TransferStage.HOLD}),
    TransferStep.CONSULT: frozenset({None, TransferStage.HOLD}),
    TransferStep.MERGE: frozenset({TransferStage.CONSULT}),
    TransferStep.COMPLETE: frozenset({TransferStage.CONSULT, TransferStage.THREE_WAY}),
    TransferStep.CANCEL: frozenset({TransferStage.CALLING, TransferStage.CONSULT, TransferStage.THREE_WAY}),
}


@dataclass(frozen=True, slots=True)
class CallTransfer:
    """The hold, consultation or transfer of one call."""

    attempt_id: AttemptId
    seat: str  # the seat of the agent who started it, to which the voter returns
    stage: TransferStage
    party_id: PartyId | None = None
    to: str | None = None  # the target's name
    by_phone: bool = False  # held by the hold key of the agent's phone, whose release returns the voter


class CallTransfers:
    """The transfers of calls in progress by attempt id, and the trunks that their targets use."""

    def __init__(self) -> None:
        self._transfers: dict[AttemptId, CallTransfer] = {}
        self.party_trunks: dict[PartyId, str] = {}  # the trunk of each outside target

    def find_transfer_of_call(self, attempt_id: AttemptId) -> CallTransfer | None:
        """Return the transfer of a call, or None if the call has none."""
        return self._transfers.get(attempt_id)

    def list_transfers_in_progress(self) -> Collection[CallTransfer]:
        """Return all transfers in progress."""
        return self._transfers.values()

    def add_or_replace_transfer(self, transfer: CallTransfer) -> None:
        """Add or replace the transfer of a call."""
        self._transfers[transfer.attempt_id] = transfer

    def pop_transfer(self, attempt_id: AttemptId) -> CallTransfer | None:
        """Remove and return the transfer of a call, if there is one."""
        return self._transfers.pop(attempt_id, None)


def require_allowed_transfer_step(asked: TransferStep, seat_name: str, transfer: CallTransfer | None) -> None:
    """Raise CommandRefused if a step is not possible in the current stage of the transfer."""
    stage = None if transfer is None else transfer.stage
    if stage not in _ALLOWED[asked]:
        situation = _SITUATION[stage]
        raise CommandRefused(f"seat {seat_name} cannot {asked.value} now: {situation}")
