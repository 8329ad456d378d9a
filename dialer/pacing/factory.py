"""One way to make a policy by its name."""

from __future__ import annotations

from collections.abc import Sequence

from config.words import PacingPolicy
from dialer.pacing.governed import RatioPacer
from dialer.pacing.port import Cap, Pacer
from dialer.pacing.predictive import PredictivePacer
from dialer.pacing.progressive import BroadcastPacer, PreviewPacer, ProgressivePacer


def make_pacer(policy: PacingPolicy, *, caps: Sequence[Cap], connect_seconds: float = 2.0) -> Pacer:
    """A fresh pacer for one campaign.

    `caps` are the abandoned-call caps of the campaign's profile; with none, nothing is dialled ahead of free seats.
    `connect_seconds` is how long an answered voter may wait for a seat.
    """
    match policy:
        case PacingPolicy.PREDICTIVE:
            return PredictivePacer(caps, connect_seconds=connect_seconds)
        case PacingPolicy.RATIO:
            return RatioPacer(caps)
        case PacingPolicy.PROGRESSIVE:
            return ProgressivePacer()
        case PacingPolicy.PREVIEW:
            return PreviewPacer()
        case PacingPolicy.BROADCAST:
            return BroadcastPacer()
