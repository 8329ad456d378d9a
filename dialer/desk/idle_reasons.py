"""The reasons why a campaign places no calls, found in the dialler's messages. Without I/O.

Each reason is a code, for which the board has a text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dialer.domain.schema import MESSAGE
from dialer.domain.view import CallState, CampaignView, CentreState, SeatState, SeatView

_UNANSWERED = (CallState.SENDING, CallState.DIALLING, CallState.RINGING)


@dataclass(frozen=True, slots=True)
class IdleReason:
    """The reason why a campaign places no calls. The board has a text for each code.

    The code `dialling` means that some of the campaign's calls are being dialled or ring.
    """

    __pydantic_config__ = MESSAGE

    code: str
    figures: Mapping[str, int | float | str] = field(default_factory=dict)
    """the values in the text"""
    detail: str = ""
    """the dialler's text"""


def find_idle_reason_of_campaign(
    centre: CentreState | None, campaign: CampaignView, seats: Iterable[SeatView], *, connected: bool
) -> IdleReason:
    """Return why a campaign places no calls. `connected` says whether the desk is connected to the broker."""
    if not connected:
        return IdleReason("no-broker")
    if centre is None or not centre.online:
        return IdleReason("dialler-away")
    if campaign.hold is not None:
        until = campaign.hold.until
        figures = {"until": "none" if until is None else until}
        return IdleReason(campaign.hold.reason.value, figures, campaign.hold.text)
    unanswered = sum(campaign.calls.get(state, 0) for state in _UNANSWERED)
    if unanswered:
        return IdleReason("dialling", {"calls": unanswered})
    progress = campaign.progress
    if not progress.remaining:
        return IdleReason("nothing-due", {"numbers": progress.total, "closed": progress.completed})
    states = Counter(seat.state for seat in seats)
    figures = {
        "ready": states[SeatState.READY],
        "talking": states[SeatState.TALKING] + states[SeatState.RESERVED],
        "wrapup": states[SeatState.WRAP_UP],
        "paused": states[SeatState.PAUSED],
        "due": progress.remaining,
        "refused": sum(campaign.refused.values()),
    }
    return IdleReason(f"limit-{campaign.limited_by}", figures)
