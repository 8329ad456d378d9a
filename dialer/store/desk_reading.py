"""Read-only database access for the desk (the web pages), on a separate connection while the dialler is running."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from dialer.domain.judged_calls import JudgedCalls
from dialer.pacing.port import RecentAnswers
from dialer.store import campaign_figures, judged_calls, users
from dialer.store.async_connection import AsyncConnection
from dialer.store.campaign_figures import LIVE, LONGEST_UNANSWERED_SECONDS
from dialer.store.keys import StoreKey
from dialer.store.sql import Query, Statements
from dialer.store.users import StoredUser


@dataclass(frozen=True, slots=True)
class CallsOfInterval:
    """Counts of a campaign's calls that were placed in one interval of a day and have ended."""

    number: int  # of the interval, from 0
    placed: int
    answered: int
    connected: int
    abandoned: float  # a call that detection took for a machine counts as a part of one
    live_answers: float  # answers by people for whom a seat was wanted


@dataclass(frozen=True, slots=True)
class RecordedTalk:
    """An ended call that was recorded: a conversation, or a call that detection took for an answering machine."""

    attempt: str
    campaign: str
    at: float  # epoch seconds
    seconds: float
    seat: str  # "": unknown
    agent: str
    judged: str | None  # who answered a call taken for a machine: person, machine, or open if nobody has judged it


class BoothName(NamedTuple):
    """The names of a polling station (booth) and its constituency."""

    booth_id: int
    constituency_name: str
    name: str


class SQL(Statements):
    calls_by_interval = Query(CallsOfInterval)
    booth_names = Query(BoothName)
    recordings = Query(RecordedTalk)


class DeskReading:
    """Read-only access to the store for the desk (the web pages). Methods raise StoreError."""

    def __init__(self, db: AsyncConnection) -> None:
        """Wrap a read-only connection. Callers use `DeskReading.open`, which connects to the store."""
        self._db = db

    @classmethod
    async def open(cls, path: Path, key: StoreKey | None) -> Self:
        """Open the store for reading. Raises StoreError, StoreCorrupt."""
        return cls(await AsyncConnection.connect_to_store_for_reading(path, key))

    async def count_calls_by_interval(
        self, campaign_id: str, since: float, interval_seconds: float, false_positive_share: float
    ) -> list[CallsOfInterval]:
        """Count a campaign's calls since a time (epoch seconds), by interval of the day.

        `false_positive_share` is the share of people among the calls that detection took for machines (0-1). Intervals
        without calls are left out.
        """
        return await self._db.fetch_all_rows(
            SQL.calls_by_interval,
            campaign_id=campaign_id,
            since=since,
            interval_seconds=interval_seconds,
            live=LIVE,
            share=false_positive_share,
        )

    async def count_recently_answered_and_abandoned_calls(
        self, campaign_id: str, now: float, window_seconds: float, false_positive_share: float
    ) -> RecentAnswers:
        """Count a campaign's live answers in the time window before `now`, and how many of them were abandoned."""
        found = await self._db.fetch_first_row(
            campaign_figures.SQL.recent_answers,
            campaign_id=campaign_id,
            now=now,
            window_seconds=window_seconds,
            interval_seconds=window_seconds * 2,
            longest_seconds=LONGEST_UNANSWERED_SECONDS,
            live=LIVE,
            share=false_positive_share,
        )
        return RecentAnswers(0.0, found.answers, found.abandoned) if found else RecentAnswers(0.0, 0.0, 0.0)

    async def count_judged_calls(self, campaign_id: str) -> JudgedCalls:
        """Return how many of a campaign's calls that detection took for machines were judged, and how many were people."""
        found = await self._db.fetch_first_row(judged_calls.SQL.judged_by_campaign, campaign_id=campaign_id)
        return JudgedCalls(found.judged, found.people) if found else JudgedCalls()

    async def read_booth_names(self) -> dict[int, tuple[str, str]]:
        """Return the constituency's name and the polling station's name of each booth, by booth id.

        Slow, because it reads all booths: call it once a day.
        """
        return {
            row.booth_id: (row.constituency_name, row.name) for row in await self._db.fetch_all_rows(SQL.booth_names)
        }

    async def list_recordings(
        self, before: float, most: int, campaign_id: str | None, *, unjudged: bool
    ) -> list[RecordedTalk]:
        """Return the newest recordings that began before a time (epoch seconds), of one campaign or of all campaigns.

        With `unjudged`, return only calls taken for answering machines for which nobody has recorded who answered.
        Sound files of listed recordings may be missing.
        """
        return await self._db.fetch_all_rows(
            SQL.recordings, before=before, most=most, campaign=campaign_id, unjudged=unjudged
        )

    async def read_users(self) -> list[StoredUser]:
        """Return the users that are stored in the store. They may give commands, like the users named in the settings."""
        return await self._db.fetch_all_rows(users.SQL.users)

    async def close(self) -> None:
        """Close the connection."""
        await self._db.close()
