"""What the desk's pages show of the store: read through fixed statements on a connection of their own, beside the dialler."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.pacing.port import AnswersOfLate
from dialer.store.campaign_figures import LIVE, recent_answers
from dialer.store.connection import Reader
from dialer.store.untyped_sql import load_statements
from dialer.store.users import StoredUser, stored_users

SQL = load_statements("desk")


@dataclass(frozen=True, slots=True)
class CourseStretch:
    """A campaign's calls that were placed in one stretch of a day and have ended."""

    number: int  # from 0
    placed: int
    answered: int
    connected: int
    abandoned: int
    live_answers: int  # what abandoned ones are a share of: answers for whom a seat was wanted


@dataclass(frozen=True, slots=True)
class KeptTalk:
    """A talk that was recorded and has ended."""

    attempt: str
    campaign: str
    at: float  # epoch seconds
    seconds: float
    seat: str  # "": not known
    agent: str


class DeskReading(Reader):
    """The store as the desk's pages read it."""

    def course(self, campaign_id: str, since: float, stretch_seconds: float) -> list[CourseStretch]:
        """How the calls went since an epoch second, by stretches; those without any are left out."""
        bound = {"campaign_id": campaign_id, "since": since, "stretch_seconds": stretch_seconds, "live": LIVE}
        return self.read(lambda db: SQL["course"].all(db, CourseStretch, **bound))

    def live_answers(self, campaign_id: str, now: float, window_seconds: float) -> AnswersOfLate:
        """Live answers of the window that ends at `now`, and those abandoned."""
        found = self.read(lambda db: recent_answers(db, campaign_id, now, window_seconds, window_seconds * 2))
        return found[0] if found else AnswersOfLate(0.0, 0, 0)

    def booth_names(self) -> dict[int, tuple[str, str]]:
        """The names of each booth's constituency and of the booth, by its id. Reads them all: ask once."""
        found = self.read(lambda db: [*SQL["booth_names"].rows(db)])
        return {row.booth_id: (row.constituency_name, row.name) for row in found}

    def recordings(self, before: float, most: int, campaign_id: str | None) -> list[KeptTalk]:
        """The newest that began before an epoch second, of a campaign or of all. Whether their files are there is not asked."""
        bound = {"before": before, "most": most, "campaign": campaign_id}
        return self.read(lambda db: SQL["recordings"].all(db, KeptTalk, **bound))

    def users(self) -> list[StoredUser]:
        """Who may give commands beside those of the settings."""
        return self.read(stored_users)
