"""Putting the roll's numbers into a campaign's queue."""

from __future__ import annotations

from dialer.store.store import Store

PIECE_NUMBERS = 250
"""The size of one transaction during calls: their results wait no longer than it takes."""


async def enrol_in_chunks(store: Store, campaign_id: str) -> None:
    """Put the roll's numbers into a campaign's queue, piece by piece. Raises StoreError."""
    for first in range(0, await store.last_phone() + 1, PIECE_NUMBERS):
        await store.enrol(campaign_id, first, first + PIECE_NUMBERS - 1)
