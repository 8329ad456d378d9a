"""Restore the counts of the abandoned-call caps from the stored calls, which include times without a running dialler."""

from __future__ import annotations

from dialer.domain.clock import Clock
from dialer.pacing.governor import BUCKETS
from dialer.pacing.port import Pacer
from dialer.store.store import Store


async def restore_counts(pacer: Pacer, campaign_id: str, store: Store, clock: Clock) -> None:
    """Fill the windows of a pacer's caps with the answers and abandoned calls in the store. Raises StoreError."""
    now = clock.now()
    recent = {
        window: await store.recent_answers(campaign_id, now, window, window / BUCKETS)
        for window in {cap.window_seconds for cap in pacer.caps}
    }
    pacer.restore_counts(clock.monotonic(), recent)
