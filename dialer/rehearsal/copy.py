"""What the site's own says of the day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dialer.domain.model import CampaignState
from dialer.rules.first_call import Areas, areas_of_roll
from dialer.store import numbers, queues, voters
from dialer.store.cipher import StoreKey
from dialer.store.connection import reading


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What the site's store says of the day that is to come."""

    areas: Areas | None  # the polling areas of the roll; None: it has no roll yet
    states: Mapping[str, CampaignState]  # what operators asked for, by campaign


def store_facts(store: Path, key: StoreKey | None, last_call_seconds: float) -> StoreFacts:
    """Read it. `last_call_seconds` are the settings'. The store may be in use. Raises StoreError, StoreCorrupt."""
    with reading(store, key) as db:
        return StoreFacts(areas_of_roll(voters.booths(db).values(), last_call_seconds), numbers.campaign_states(db))


def first_due(copy: Path, key: StoreKey | None) -> dict[str, float]:
    """By campaign, when the first number that still waits is due, epoch seconds; where none waits, the campaign is not there.

    Raises StoreError, StoreCorrupt.
    """
    with reading(copy, key) as db:
        return queues.first_due(db)
