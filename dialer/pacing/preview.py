"""Preview: the agent sees the voter first and asks for the call; the seat is kept for it all the while."""

from __future__ import annotations

from dialer.pacing.progressive import ProgressivePacer


class PreviewPacer(ProgressivePacer):
    """One voter offered per free seat.

    The number says how many seats may be offered a voter now. A seat that has an offer, or a call that it asked for,
    is reserved: it is not among the snapshot's free seats, and its call is not among the ringing ones.
    """
