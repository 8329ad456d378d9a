"""What the abandoned-call caps have counted, from the records: a night that the dialler was off has passed there, and what it did
after it last kept a pacer's state is in them.
"""

from __future__ import annotations

from dialer.clock import Clock
from dialer.pacing.port import Governed, Pacer
from dialer.pacing.tally import BUCKETS
from dialer.store.port import Store


async def recount(pacer: Pacer, campaign_id: str, store: Store, clock: Clock) -> None:
    """Let the windows of a policy that holds caps hold what is on record; others have none. Raises StoreError."""
    if not isinstance(pacer, Governed):
        return
    now = clock.now()
    of_late = {
        window: await store.answers_of_late(campaign_id, now, window, window / BUCKETS)
        for window in {cap.window_seconds for cap in pacer.caps}
    }
    pacer.recount(clock.monotonic(), of_late)
