"""Create a pacing policy by its name. This module also has the policies that do not predict: progressive, preview and
broadcast.
"""

from __future__ import annotations

from collections.abc import Sequence

from dialer.domain.enums import PacingPolicy
from dialer.pacing.governed import RatioPacer
from dialer.pacing.port import MOST_CALLS_AT_ONCE, Cap, Explanation, Limit, Pacer, PacingSnapshot
from dialer.pacing.predictive import PredictivePacer


class ProgressivePacer(Pacer):
    """Places one call for each free seat for which no call is in flight. By design it never abandons a call."""

    _enough = Limit.SEATS  # the limit that is reported, if the trunks are not the limit

    def count_calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Return how many free seats have no call in flight, limited to what the trunks allow."""
        calls, limited_by = snapshot.limit_calls_to_trunk_capacity(
            snapshot.free_seats_minus_calls_in_flight, self._enough
        )
        if snapshot.free_seats <= 0 and not snapshot.busy_seats:
            limited_by = Limit.NOBODY
        figures = {"free": float(max(0, snapshot.free_seats)), "ringing": float(len(snapshot.ringing))}
        self._explanation = Explanation(calls, limited_by, figures)
        return calls

    def count_ringing_calls_to_hang_up(self, snapshot: PacingSnapshot) -> int:
        """Return how many calls in flight exceed the number of free seats, because agents have left."""
        return min(len(snapshot.ringing), max(0, -snapshot.free_seats_minus_calls_in_flight))


class PreviewPacer(ProgressivePacer):
    """Offers one call to the agent of each free seat. The agent sees the voter's data (preview) and then dials.

    A seat that has a preview, or a call that its agent dialled, does not count as free. Its call does not count as
    ringing.
    """

    _enough = Limit.AGENTS


class BroadcastPacer(Pacer):
    """Places as many calls of an IVR campaign as there are free channels, as fast as the CPS limits of the trunks
    allow.
    """

    def count_calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Return how many calls the free channels and the CPS limits of the trunks allow."""
        calls, limited_by = snapshot.limit_calls_to_trunk_capacity(MOST_CALLS_AT_ONCE + 1, Limit.CHANNELS)
        in_flight = len(snapshot.ringing) + max(0, snapshot.active_calls) + len(snapshot.waiting_seconds)
        self._explanation = Explanation(calls, limited_by, {"in-flight": float(in_flight)})
        return calls


def make_pacer(policy: PacingPolicy, *, caps: Sequence[Cap], connect_seconds: float = 2.0) -> Pacer:
    """Return a new pacer for one campaign.

    Args:
        caps: limits of the abandoned-call rate. Without any, no call is placed ahead of free agents.
        connect_seconds: how long an answered voter may wait for a seat.
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
