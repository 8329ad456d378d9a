"""Evidence of the abandoned-call cap: per campaign and day, as the site's profile defines it.

The share is abandoned calls over live answers of one campaign, in every window that ends at an answer of the day: not only at
its midnight. Both count at the moment of the answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from itertools import groupby

from dialer.domain.model import AbandonedRate
from dialer.reports.formats import Cell, Column, ColumnKind, Report, figures, texts
from dialer.reports.tables import SQL, Window
from dialer.settings.jurisdiction import AbandonedCap, Profile
from dialer.store.connection import Connection
from dialer.store.seal_verification import verify

_HOUR_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """A live answer."""

    at: float  # epoch seconds
    abandoned: bool
    left_waiting: bool  # the voter hung up before the connect limit


@dataclass(slots=True)
class DayEvidence:
    """A campaign's day."""

    day: str
    live_answers: int = 0
    abandoned: int = 0
    left_waiting: int = 0
    worst: list[float] = field(default_factory=list)  # by cap: the highest share in any window that ended that day


@dataclass(slots=True)
class _Sliding:
    """The answers of a window as it slides along."""

    seconds: float
    held: deque[LiveAnswer] = field(default_factory=deque)
    abandoned: int = 0

    def share_with(self, answer: LiveAnswer) -> float:
        """The share of the window that ends with this answer; one that is exactly as old as the window has left it."""
        self.held.append(answer)
        self.abandoned += answer.abandoned
        while self.held[0].at <= answer.at - self.seconds:
            self.abandoned -= self.held.popleft().abandoned
        return self.abandoned / len(self.held)


def by_day(
    answers: Iterable[LiveAnswer], caps: Sequence[AbandonedCap], zone: tzinfo, since: float
) -> Iterable[DayEvidence]:
    """Days of one campaign, whose answers come in order of time. Those before `since` fill the windows and make no day."""
    windows = [_Sliding(cap.window_hours * _HOUR_SECONDS) for cap in caps]
    days: dict[str, DayEvidence] = {}
    for answer in answers:
        shares = [window.share_with(answer) for window in windows]
        if answer.at < since:
            continue
        name = datetime.fromtimestamp(answer.at, zone).date().isoformat()
        day = days.setdefault(name, DayEvidence(name, worst=[0.0] * len(caps)))
        day.live_answers += 1
        day.abandoned += answer.abandoned
        day.left_waiting += answer.left_waiting
        day.worst = [max(worst, share) for worst, share in zip(day.worst, shares, strict=True)]
    return days.values()


def evidence(db: Connection, window: Window, zone: tzinfo, profile: Profile) -> Report:
    """The evidence, defined in the title. `held`: no window was above its cap; `proved`: the records are as they were written."""
    caps = profile.abandoned.caps
    longest = max(cap.window_hours for cap in caps) * _HOUR_SECONDS
    found = [*window.rows(db, SQL.live_answers, since=window.since - longest)]
    proved = "yes" if verify(db).intact else "NO"
    rows: list[tuple[Cell, ...]] = []
    for campaign, answered in groupby(found, key=lambda row: row.campaign_id):
        answers = (LiveAnswer(at, bool(abandoned), bool(left)) for _, at, abandoned, left in answered)
        for day in by_day(answers, caps, zone, window.since):
            held = all(worst <= cap.share for worst, cap in zip(day.worst, caps, strict=True))
            counts = (day.live_answers, day.abandoned, day.left_waiting)
            rate = AbandonedRate(day.live_answers, day.abandoned).rate
            rows.append((campaign, day.day, *counts, rate, *day.worst, "yes" if held else "NO", proved))
    told = ", ".join(f"{cap.share:.1%} in {_hours(cap)}" for cap in caps)
    return Report(
        f"abandoned-call evidence: at most {told} of live answers, per campaign; abandoned: {profile.abandoned.definition} "
        f"(profile {profile.name}: {profile.abandoned.source})",
        (
            *texts("campaign", "day"),
            *figures("live_answers", "abandoned", "left_waiting"),
            Column("abandoned_rate", ColumnKind.SHARE, "rate"),
            *(Column(f"worst_rate_{cap.window_hours:g}_h", ColumnKind.SHARE, f"worst {_hours(cap)}") for cap in caps),
            *texts("held", "proved"),
        ),
        tuple(rows),
    )


def _hours(cap: AbandonedCap) -> str:
    """A window for a person."""
    days = cap.window_hours / 24
    return f"{days:g} days" if days > 1 and days == int(days) else f"{cap.window_hours:g} h"
