"""Policies whose rule needs the present alone. Progressive: one call for each free seat, so that no answered call lacks one."""

from __future__ import annotations

from dialer.pacing.port import MOST_CALLS_AT_ONCE, Explanation, Limit, Pacer, PacingSnapshot


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
    """One voter offered per free seat: the agent sees the voter first and asks for the call.

    The number says how many seats may be offered a voter now. A seat that has an offer, or a call that it asked for,
    is reserved: it is not among the snapshot's free seats, and its call is not among the ringing ones.
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
