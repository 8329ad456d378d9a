"""Restore and correct the counts for a campaign's abandoned-call limits (caps) from the calls in the store.

The pacer counts calls only while the dialler runs; the period of a cap may include earlier runs.
"""

from __future__ import annotations

from dialer.domain.clock import Clock
from dialer.domain.judged_calls import JudgedCalls
from dialer.engine.campaigns.runs import CampaignRun
from dialer.pacing.governor import BUCKETS
from dialer.pacing.port import RecentAnswers
from dialer.store.store import Store


async def restore_counts_of_abandoned_calls(run: CampaignRun, store: Store, clock: Clock) -> None:
    """Restore the counts of answered and abandoned calls of a campaign's pacer from the calls in the store. Raises
    StoreError.
    """
    now = clock.now()
    recent = {
        window: await store.count_recent_answers_by_interval(
            run.spec.campaign_id, now, window, window / BUCKETS, run.false_positive_share
        )
        for window in {cap.window_seconds for cap in run.pacer.caps}
    }
    run.pacer.restore_answered_and_abandoned_counts(clock.monotonic(), recent)


async def apply_measured_false_positive_share(
    run: CampaignRun, judged: JudgedCalls, store: Store, clock: Clock
) -> None:
    """Apply a newly measured false-positive share to a campaign, and correct its counts of abandoned calls.

    The share (0-1) is the part of the calls hung up as answering machines that people had answered. It counts as
    abandoned, also in past calls. `judged` has the results of supervisors' judgements of recordings. Raises StoreError.
    """
    now = clock.now()
    machines = {
        window: await store.count_recent_calls_taken_for_machines(run.spec.campaign_id, now, window, window / BUCKETS)
        for window in {cap.window_seconds for cap in run.pacer.caps}
    }
    before = run.false_positive_share
    run.judged = judged
    change = run.false_positive_share - before
    changes = {
        window: [RecentAnswers(age, change * calls, change * calls) for age, calls in found]
        for window, found in machines.items()
    }
    run.pacer.correct_answered_and_abandoned_counts(clock.monotonic(), changes)
