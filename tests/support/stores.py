"""Store implementations for the store's test suite, and helpers for its tests.

Another implementation adds its class to `BACKENDS`. The tests use only the `Store` protocol.
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
from dialer.roll.workers import import_booth_workers
from dialer.store.attempts import Refusal
from dialer.store.driver import connect_to_database_file
from dialer.store.keys import StoreKey
from dialer.store.store import Store, open_store
from tests.support.roll_filler import fill_roll

DAY_START = 1_713_724_200.0  # Monday 22 April 2024, 00:00 in India
NOW = DAY_START + 10 * 3600
LEASE_SECONDS = 60.0
TEST_KEY = StoreKey(Path("a key file"), "0123456789abcdef" * 4)
CAMPAIGN = "turnout"


def key_file(path: Path) -> Path:
    """Write the test key to `path`. Return the path."""
    path.write_text(TEST_KEY.digits + "\n", encoding="ascii")
    path.chmod(0o600)
    return path


class Backend(Protocol):
    """A kind of store for the store's tests, in one folder."""

    encode: Encode
    written_past: bool  # set by a test that writes rows without seals, by its own SQL

    def fill(self, voters: int, voters_per_booth: int) -> None:
        """Add a roll to the store while it is closed."""
        ...

    def import_booth_workers(self, file: Path) -> None:
        """Import a list of booth workers while the store is closed."""
        ...

    async def open(self) -> Store:
        """Open the store, also again after it was closed."""
        ...

    def connect(self) -> sqlite3.Connection:
        """Return another connection to the same store, in autocommit mode."""
        ...

    def seat_seconds(self) -> dict[tuple[str, str], float]:
        """Return the stored seconds by (seat, state)."""
        ...


def announce_by_kind(result: Result) -> Announcement:
    """Encode a result: the topic is its class name; the payload an opt-out's hash, otherwise the class name."""
    kind = type(result).__name__
    hashed = result.number_hash if isinstance(result, OptOut) else None
    return Announcement(kind, hashed or kind)


_WRITES = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}


class SqliteBackend:
    """The SQLite store."""

    key: StoreKey | None = None

    def __init__(self, directory: Path, encode: Encode = announce_by_kind) -> None:
        self.path = directory / "centre.db"
        self.encode = encode
        self.written_past = False

    def fill(self, voters: int, voters_per_booth: int) -> None:
        fill_roll(self.path, voters, voters_per_booth=voters_per_booth, key=self.key)

    def import_booth_workers(self, file: Path) -> None:
        import_booth_workers(file, self.path, "IN", key=self.key)

    async def open(self) -> Store:
        return await open_store(self.path, encode=self.encode, key=self.key)

    def connect(self) -> sqlite3.Connection:
        """Return another connection to the store, with its key if it has one, in autocommit mode. What it writes is not sealed."""
        db = connect_to_database_file(self.path, "rw", self.key)

        def notice(action: int, *_: object) -> int:
            self.written_past |= action in _WRITES
            return sqlite3.SQLITE_OK

        db.set_authorizer(notice)
        return db

    def seat_seconds(self) -> dict[tuple[str, str], float]:
        with closing(self.connect()) as db:
            found = db.execute("SELECT seat, state, sum(until_at - from_at) FROM seat_interval GROUP BY seat, state")
            return {(seat, state): seconds for seat, state, seconds in found}


class EncryptedBackend(SqliteBackend):
    """The encrypted SQLite store."""

    key = TEST_KEY


BACKENDS: dict[str, type[SqliteBackend]] = {"sqlite": SqliteBackend, "encrypted": EncryptedBackend}


@asynccontextmanager
async def open_filled_store(
    backend: Backend, voters: int = 54, *, voters_per_booth: int = 9, campaigns: Sequence[str] = (CAMPAIGN,)
) -> AsyncIterator[Store]:
    """Open a store with a roll whose numbers are all enrolled in each of `campaigns`.

    54 voters have 36 numbers in 6 booths. The first households have 1, 1, 2, 1, 1 and 3 voters: number 3 belongs to
    voters 3 and 4, number 6 to voters 7, 8 and 9.
    """
    backend.fill(voters, voters_per_booth)
    store = await backend.open()
    try:
        for campaign_id in campaigns:
            await store.add_or_update_campaign(campaign_id, CampaignKind.AGENTS, Purpose.TURNOUT)
            await store.add_roll_numbers_to_queue(campaign_id)
        yield store
    finally:
        await store.close()


async def claim_numbers(store: Store, limit: int = 1, *, campaign_id: str = CAMPAIGN, now: float = NOW) -> list[Claim]:
    """Claim up to `limit` numbers for the owner "engine"."""
    return await store.claim_queued_numbers(campaign_id, limit, owner="engine", now=now, lease_seconds=LEASE_SECONDS)


async def claim_one_number(store: Store, phone_id: int, *, campaign_id: str = CAMPAIGN, now: float = NOW) -> Claim:
    """Claim one number for dialling. All other claims are released."""
    claims = await claim_numbers(store, 1000, campaign_id=campaign_id, now=now)
    [wanted] = [each for each in claims if each.phone_id == phone_id]
    await store.release_claimed_numbers([each for each in claims if each is not wanted])
    return wanted


def make_attempt(claim: Claim, *, at: float = NOW) -> NewAttempt:
    """Return a new attempt for a claim."""
    return NewAttempt(AttemptId(str(uuid.uuid4())), claim, "trunk", "+911140000000", at)


async def commit_new_attempt(
    store: Store, new: NewAttempt, *, since: float = DAY_START, max_attempts: int = 3
) -> Refusal | None:
    """Open one attempt. Return its refusal, or None."""
    [refusal] = await store.commit_new_attempts([new], max_attempts_since=since, max_attempts=max_attempts)
    return refusal


async def claim_and_open_attempt(
    store: Store, phone_id: int, *, campaign_id: str = CAMPAIGN, now: float = NOW
) -> NewAttempt:
    """Claim a number and open an attempt on it."""
    new = make_attempt(await claim_one_number(store, phone_id, campaign_id=campaign_id, now=now), at=now)
    assert await commit_new_attempt(store, new) is None
    return new


async def end_attempt(
    store: Store,
    new: NewAttempt,
    outcome: Outcome = Outcome.NO_ANSWER,
    *,
    retry_at: float | None = None,
) -> bool:
    """End one attempt 30 s after its start. Return whether the attempt was open."""
    ended = EndedAttempt(new.attempt_id, outcome, new.at + 30.0, retry_at=retry_at)
    [was_open] = await store.end_attempts([ended])
    return was_open


async def make_ended_call(
    store: Store,
    phone_id: int,
    outcome: Outcome = Outcome.NO_ANSWER,
    *,
    retry_at: float | None = None,
    now: float = NOW,
) -> NewAttempt:
    """Open and end an attempt to call a number. Return the attempt."""
    new = await claim_and_open_attempt(store, phone_id, now=now)
    assert await end_attempt(store, new, outcome, retry_at=retry_at)
    return new


def make_mark(
    voter_id: int,
    kind: MarkKind,
    *,
    key: str = "",
    source: MarkSource = MarkSource.AGENT,
    new: NewAttempt | None = None,
) -> Mark:
    """Return a mark (recorded answer about a voter).

    Its key consists of voter, kind and source, unless a key is given.
    """
    attempt_id = None if new is None else new.attempt_id
    return Mark(key or f"{voter_id}/{kind}/{source}", voter_id, kind, source, NOW + 60.0, attempt_id=attempt_id)


async def read_turnout(store: Store, booth_id: int = 1) -> BoothTurnout:
    [turnout] = [each for each in await store.count_booth_turnout() if each.booth_id == booth_id]
    return turnout
