"""The stores of a rehearsal: what the site's own says of the day, and a copy with its roll, and nothing that was called or said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dialer.domain.model import CampaignState
from dialer.rules.first_call import Areas, areas_of_roll
from dialer.store import numbers, voters
from dialer.store.cipher import StoreKey, connect
from dialer.store.connection import BUSY_SECONDS, open_reading, reading
from dialer.store.failures import explained

_FORGOTTEN = (
    "flow_answer",
    "unknown_serial",
    "mark",
    "outbox",
    "command",
    "seat_interval",
    "log_in",
    "attempt",
    "target",
    "campaign",
)
"""In an order in which nothing refers to what is gone. Opt-outs and registers stay: they must hold in a rehearsal too."""


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
        return dict(
            db.execute("SELECT campaign_id, min(due_at) FROM target WHERE state <> 'closed' GROUP BY campaign_id")
        )


def copy_roll(store: Path, copy: Path, key: StoreKey | None) -> int:
    """Copy the store's roll; how many voters it has. The store may be in use.

    With a `key` both are encrypted under it. Raises StoreError, StoreCorrupt.
    """
    source = open_reading(store, key=key)
    try:
        with explained(copy):
            target = connect(copy, "rwc", BUSY_SECONDS, key)
            try:
                source.backup(target, pages=10_000)
                for table in _FORGOTTEN:
                    target.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
                target.execute("UPDATE voter SET turnout = 'pending', reached = 0, not_yet = 0")
                (voters,) = target.execute("SELECT count(*) FROM voter").fetchone()
            finally:
                target.close()
    finally:
        source.close()
    return int(voters)
