"""What the store's suite needs of an implementation: a roll in it, opening, and opening again after it was closed.

A second implementation adds its class here and to `BACKENDS`; the suite itself speaks only to the `Store` protocol.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Protocol

from dialer.domain.enums import CampaignKind, MarkKind, Purpose
from dialer.domain.model import (
    Announcement,
    AttemptId,
    BoothTurnout,
    Claim,
    EndedAttempt,
    Mark,
    MarkSource,
    NewAttempt,
    Outcome,
)
from dialer.domain.results import Encode, OptOut, Result
from dialer.roll.workers import import_workers
from dialer.store.attempts import Refusal
from dialer.store.driver import connect
from dialer.store.keys import StoreKey
from dialer.store.store import Store, open_store
from tests.support.roll_filler import fill_roll

DAY_START = 1_713_724_200.0  # Monday 22 April 2024, 00:00 in India
NOW = DAY_START + 10 * 3600
LEASE_SECONDS = 60.0
TEST_KEY = StoreKey(Path("a key file"), "0123456789abcdef" * 4)
CAMPAIGN = "turnout"


def key_file(path: Path) -> Path:
    """The test's key as a file, at `path`."""
    path.write_text(TEST_KEY.digits + "\n", encoding="ascii")
    path.chmod(0o600)
    return path


class Backend(Protocol):
    """One kind of store, at one place."""

    encode: Encode
    written_past: bool  # a test wrote rows by its own SQL, which no seal fits

    def fill(self, voters: int, voters_per_booth: int) -> None:
        """Put in the roll of `tests.support.roll_filler`. The store is closed."""
        ...

    def list_workers(self, file: Path) -> None:
        """Take a list of booth workers. The store is closed."""
        ...

    async def open(self) -> Store:
        """Open the store, after a `close` too."""
        ...

    def connect(self) -> sqlite3.Connection:
        """Somebody else's connection to the same store, in autocommit mode."""
        ...

    def seat_seconds(self) -> dict[tuple[str, str], float]:
        """What is kept of the seats' time: seconds by seat and state."""
        ...


def announce_by_kind(result: Result) -> Announcement:
    """An encoder: the topic is the kind of the result; the payload the hash of an opt-out, else the kind again."""
    kind = type(result).__name__
    hashed = result.number_hash if isinstance(result, OptOut) else None
    return Announcement(kind, hashed or kind)


class SqliteBackend:
    """The store of one file."""

    key: StoreKey | None = None

    def __init__(self, directory: Path, encode: Encode = announce_by_kind) -> None:
        self.path = directory / "centre.db"
        self.encode = encode
        self.written_past = False

    def fill(self, voters: int, voters_per_booth: int) -> None:
        fill_roll(self.path, voters, voters_per_booth=voters_per_booth, key=self.key)

    def list_workers(self, file: Path) -> None:
        import_workers(file, self.path, "IN", key=self.key)

    async def open(self) -> Store:
        return await open_store(self.path, encode=self.encode, key=self.key)

    def connect(self) -> sqlite3.Connection:
        """Somebody else's connection, with the key in hand where there is one; in autocommit mode."""
        return connect(self.path, "rw", self.key)

    def seat_seconds(self) -> dict[tuple[str, str], float]:
        with closing(self.connect()) as db:
            found = db.execute("SELECT seat, state, sum(until_at - from_at) FROM seat_interval GROUP BY seat, state")
            return {(seat, state): seconds for seat, state, seconds in found}


class EncryptedBackend(SqliteBackend):
    """The same, encrypted."""

    key = TEST_KEY


BACKENDS: dict[str, type[SqliteBackend]] = {"sqlite": SqliteBackend, "encrypted": EncryptedBackend}


@asynccontextmanager
async def filled(
    backend: Backend, voters: int = 54, *, voters_per_booth: int = 9, campaigns: Sequence[str] = (CAMPAIGN,)
) -> AsyncIterator[Store]:
    """An open store with a roll, every number enrolled in each of `campaigns`.

    54 voters have 36 numbers in 6 booths. The first households are of 1, 1, 2, 1, 1 and 3 voters: number 3 is that of
    voters 3 and 4, number 6 that of 7, 8 and 9.
    """
    backend.fill(voters, voters_per_booth)
    store = await backend.open()
    try:
        for campaign_id in campaigns:
            await store.ensure_campaign(campaign_id, CampaignKind.AGENTS, Purpose.TURNOUT)
            await store.enrol(campaign_id)
        yield store
    finally:
        await store.close()


async def claim(store: Store, limit: int = 1, *, campaign_id: str = CAMPAIGN, now: float = NOW) -> list[Claim]:
    """Claims for one owner, "engine"."""
    return await store.claim(campaign_id, limit, owner="engine", now=now, lease_seconds=LEASE_SECONDS)


async def claim_phone(store: Store, phone_id: int, *, campaign_id: str = CAMPAIGN, now: float = NOW) -> Claim:
    """The claim of one number; all others go back."""
    claims = await claim(store, 1000, campaign_id=campaign_id, now=now)
    [wanted] = [each for each in claims if each.phone_id == phone_id]
    await store.release([each for each in claims if each is not wanted])
    return wanted


def attempt(claim: Claim, *, at: float = NOW) -> NewAttempt:
    """A new attempt at a claim."""
    return NewAttempt(AttemptId(str(uuid.uuid4())), claim, "trunk", "+911140000000", at)


async def open_one(store: Store, new: NewAttempt, *, since: float = DAY_START, max_attempts: int = 3) -> Refusal | None:
    """Open one attempt."""
    [refusal] = await store.open_attempts([new], max_attempts_since=since, max_attempts=max_attempts)
    return refusal


async def dial(store: Store, phone_id: int, *, campaign_id: str = CAMPAIGN, now: float = NOW) -> NewAttempt:
    """Claim a number and open an attempt on it."""
    new = attempt(await claim_phone(store, phone_id, campaign_id=campaign_id, now=now), at=now)
    assert await open_one(store, new) is None
    return new


async def end(
    store: Store,
    new: NewAttempt,
    outcome: Outcome = Outcome.NO_ANSWER,
    *,
    retry_at: float | None = None,
) -> bool:
    """End one attempt 30 s after it began."""
    ended = EndedAttempt(new.attempt_id, outcome, new.at + 30.0, retry_at=retry_at)
    [was_open] = await store.end_attempts([ended])
    return was_open


async def call(
    store: Store,
    phone_id: int,
    outcome: Outcome = Outcome.NO_ANSWER,
    *,
    retry_at: float | None = None,
    now: float = NOW,
) -> NewAttempt:
    """One whole call."""
    new = await dial(store, phone_id, now=now)
    assert await end(store, new, outcome, retry_at=retry_at)
    return new


def mark(
    voter_id: int,
    kind: MarkKind,
    *,
    key: str = "",
    source: MarkSource = MarkSource.AGENT,
    new: NewAttempt | None = None,
) -> Mark:
    """A mark; its key is made of voter, kind and source, unless given."""
    attempt_id = None if new is None else new.attempt_id
    return Mark(key or f"{voter_id}/{kind}/{source}", voter_id, kind, source, NOW + 60.0, attempt_id=attempt_id)


async def turnout_of(store: Store, booth_id: int = 1) -> BoothTurnout:
    [turnout] = [each for each in await store.booth_turnout() if each.booth_id == booth_id]
    return turnout
