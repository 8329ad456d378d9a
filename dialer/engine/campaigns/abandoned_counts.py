"""Restore the counts for a campaign's abandoned-call limits (caps) from the calls in the store.

The pacer counts calls only while the dialler runs; the period of a cap may include earlier runs.
"""

from __future__ import annotations

from dialer.domain.clock import Clock
from dialer.engine.plan import CampaignSpec
from dialer.pacing.governor import BUCKETS
from dialer.pacing.port import Pacer
from dialer.store.store import Store


async def restore_counts_of_abandoned_calls(pacer: Pacer, campaign: CampaignSpec, store: Store, clock: Clock) -> None:
    """Restore a pacer's counts of answered and abandoned calls from the calls in the store. Raises StoreError."""
    now = clock.now()
    recent = {
        window: await store.count_recent_answers_by_interval(
            campaign.campaign_id, now, window, window / BUCKETS, campaign.false_positive_share
        )
        for window in {cap.window_seconds for cap in pacer.caps}
    }
    pacer.restore_answered_and_abandoned_counts(clock.monotonic(), recent)
