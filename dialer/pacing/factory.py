"""Making a policy by its name, and the policies that need the present only."""

from __future__ import annotations

from collections.abc import Sequence

from dialer.domain.enums import PacingPolicy
from dialer.pacing.governed import RatioPacer
from dialer.pacing.port import MOST_CALLS_AT_ONCE, Cap, Explanation, Limit, Pacer, PacingSnapshot
from dialer.pacing.predictive import PredictivePacer


class ProgressivePacer(Pacer):
    """One call per free seat that no other call may need. It abandons nobody by design."""

    _enough = Limit.SEATS  # what limits the calls, if the trunks do not

    def calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Return free seats less calls in flight, as far as the trunks allow."""
        calls, limited_by = snapshot.within_lines(snapshot.seats_without_caller, self._enough)
        if snapshot.free_seats <= 0 and not snapshot.busy_seats:
            limited_by = Limit.NOBODY
        figures = {"free": float(max(0, snapshot.free_seats)), "ringing": float(len(snapshot.ringing))}
        self._explanation = Explanation(calls, limited_by, figures)
        return calls

    def excess_calls(self, snapshot: PacingSnapshot) -> int:
        """Return the ringing calls that no longer have a free seat, because seats have left."""
        return min(len(snapshot.ringing), max(0, -snapshot.seats_without_caller))


class PreviewPacer(ProgressivePacer):
    """One preview per free seat: the agent sees the voter and dials.

    A seat with a preview, or with the call that its agent dialled, is reserved: it is not free in the snapshot, and its
    call is not among the ringing ones.
    """

    _enough = Limit.AGENTS


class BroadcastPacer(Pacer):
    """For IVR campaigns: uses all free channels, as fast as the CPS limits allow."""

    def calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Return how many calls channels and CPS allow."""
        calls, limited_by = snapshot.within_lines(MOST_CALLS_AT_ONCE + 1, Limit.CHANNELS)
        in_flight = len(snapshot.ringing) + max(0, snapshot.active_calls) + len(snapshot.waiting_seconds)
        self._explanation = Explanation(calls, limited_by, {"in-flight": float(in_flight)})
        return calls


def make_pacer(policy: PacingPolicy, *, caps: Sequence[Cap], connect_seconds: float = 2.0) -> Pacer:
    """Return a new pacer for one campaign.

    `caps`: the abandoned-call caps of its profile; without any, nothing is dialled ahead. `connect_seconds`: how long
    an answered voter may wait for a seat.
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
