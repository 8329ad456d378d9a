"""Add the phone numbers of the electoral roll to a campaign's queue."""

from __future__ import annotations

from dialer.store.store import Store

PIECE_NUMBERS = 250
"""Numbers per transaction while calls go on: results of calls wait for at most one transaction."""


async def add_roll_numbers_to_campaign_queue(store: Store, campaign_id: str) -> None:
    """Add the phone numbers of the electoral roll to a campaign's queue, in several transactions. Raises StoreError."""
    for first in range(0, await store.find_last_phone_id() + 1, PIECE_NUMBERS):
        await store.add_roll_numbers_to_queue(campaign_id, first, first + PIECE_NUMBERS - 1)
