"""One way to make a policy by its name, and those policies whose rule needs the present alone."""

from __future__ import annotations

from collections.abc import Sequence

from dialer.domain.enums import PacingPolicy
from dialer.pacing.governed import RatioPacer
from dialer.pacing.port import MOST_CALLS_AT_ONCE, Cap, Explanation, Limit, Pacer, PacingSnapshot
from dialer.pacing.predictive import PredictivePacer


class ProgressivePacer(Pacer):
    """One call per free seat that no other call may claim. It abandons nobody by design."""

    _enough = Limit.SEATS  # why no more, where the lines allow more

    def calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Free seats less calls in flight, within what the lines allow."""
        calls, limited_by = snapshot.within_lines(snapshot.seats_without_caller, self._enough)
        if snapshot.free_seats <= 0 and not snapshot.busy_seats:
            limited_by = Limit.NOBODY
        figures = {"free": float(max(0, snapshot.free_seats)), "ringing": float(len(snapshot.ringing))}
        self._explanation = Explanation(calls, limited_by, figures)
        return calls

    def excess_calls(self, snapshot: PacingSnapshot) -> int:
        """Ringing calls that have no free seat any more, because seats left since they were placed."""
        return min(len(snapshot.ringing), max(0, -snapshot.seats_without_caller))


class PreviewPacer(ProgressivePacer):
    """One voter offered per free seat: the agent sees the voter first and asks for the call. A seat that has an offer, or a call
    that it asked for, is reserved: it is not among the snapshot's free seats, and its call is not among the ringing ones.
    """

    _enough = Limit.AGENTS


class BroadcastPacer(Pacer):
    """IVR campaigns: fills the channels that the snapshot says are free, as fast as its CPS budget allows."""

    def calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Calls that channels and CPS leave room for."""
        calls, limited_by = snapshot.within_lines(MOST_CALLS_AT_ONCE + 1, Limit.CHANNELS)
        in_flight = len(snapshot.ringing) + max(0, snapshot.active_calls) + len(snapshot.waiting_seconds)
        self._explanation = Explanation(calls, limited_by, {"in-flight": float(in_flight)})
        return calls


def make_pacer(policy: PacingPolicy, *, caps: Sequence[Cap], connect_seconds: float = 2.0) -> Pacer:
    """A fresh pacer for one campaign. `caps`: the abandoned-call caps of its profile; with none, nothing is dialled ahead of free
    seats. `connect_seconds`: how long an answered voter may wait for a seat.
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
