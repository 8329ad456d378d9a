"""Evidence that each campaign met the limit (cap) on its abandoned-call rate on each day.

The legal profile sets the cap and the length of its time window. The rate is abandoned calls / live answers of one
campaign. It is computed for every window that ends at an answered call of the day, not only at midnight.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from itertools import groupby

from dialer.domain.model import AbandonedRate
from dialer.reports.formats import Cell, Column, ColumnKind, Report, make_count_columns, make_text_columns
from dialer.reports.tables import SQL, Window
from dialer.settings.jurisdiction import AbandonedCap, Profile
from dialer.store.connection import Connection
from dialer.store.judged_calls import read_false_positive_shares
from dialer.store.seal_verification import verify_seals

_HOUR_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """An outbound call that a person answered, or that detection took for a machine."""

    at: float  # time of the answer (epoch seconds)
    abandoned: bool
    left_waiting: bool  # the voter hung up before the connect limit
    taken_for_machine: bool = False
    share: float = 1.0  # the probability that a person answered (0-1)


@dataclass(slots=True)
class DayEvidence:
    """A campaign's call counts and worst abandoned-call rates on one day."""

    day: str
    live_answers: int = 0
    abandoned: int = 0
    left_waiting: int = 0
    taken_for_machines: int = 0
    people_taken_for_machines: float = 0.0  # an estimate
    worst: list[float] = field(default_factory=list)  # for each cap, the highest rate of any window that ended that day


@dataclass(slots=True)
class _SlidingWindow:
    """The live answers of the last `seconds` before the newest answer."""

    seconds: float
    answers: deque[LiveAnswer] = field(default_factory=deque)
    live: float = 0.0
    abandoned: float = 0.0

    def add_answer_and_compute_abandoned_rate(self, answer: LiveAnswer) -> float:
        """Add the next live answer, and return the abandoned-call rate of the time window that ends at this answer.

        The start of the window is exclusive.
        """
        self.answers.append(answer)
        self.live += answer.share
        self.abandoned += answer.abandoned * answer.share
        while self.answers[0].at <= answer.at - self.seconds:
            oldest = self.answers.popleft()
            self.live -= oldest.share
            self.abandoned -= oldest.abandoned * oldest.share
        return AbandonedRate(self.live, self.abandoned).abandoned_rate


def compute_daily_evidence(
    answers: Iterable[LiveAnswer], caps: Sequence[AbandonedCap], zone: tzinfo, since: float
) -> Iterable[DayEvidence]:
    """Return the call counts and the worst abandoned-call rates of one campaign on each day.

    `answers` has the campaign's live answers, sorted by time. Days before `since` (epoch seconds) are left out. Their
    answers still count in time windows that end on a later day.
    """
    windows = [_SlidingWindow(cap.window_hours * _HOUR_SECONDS) for cap in caps]
    days: dict[str, DayEvidence] = {}
    for answer in answers:
        rates = [window.add_answer_and_compute_abandoned_rate(answer) for window in windows]
        if answer.at < since:
            continue
        name = datetime.fromtimestamp(answer.at, zone).date().isoformat()
        day = days.setdefault(name, DayEvidence(name, worst=[0.0] * len(caps)))
        if answer.taken_for_machine:
            day.taken_for_machines += 1
            day.people_taken_for_machines += answer.share
        else:
            day.live_answers += 1
            day.abandoned += answer.abandoned
        day.left_waiting += answer.left_waiting
        day.worst = [max(worst, rate) for worst, rate in zip(day.worst, rates, strict=True)]
    return days.values()


def report_compliance_with_abandoned_caps(db: Connection, window: Window, zone: tzinfo, profile: Profile) -> Report:
    """Report whether each campaign met the limits (caps) on abandoned calls on each day.

    The caps come from `profile`. The column `cap_met` says whether every time window was within its cap. The column
    `verified` says whether the stored records match their signatures.
    """
    caps = profile.abandoned.caps
    verified = "yes" if verify_seals(db).is_evidence_intact else "NO"
    rows: list[tuple[Cell, ...]] = []
    for campaign, day in _read_daily_evidence(db, window, zone, profile):
        cap_met = all(worst <= cap.share for worst, cap in zip(day.worst, caps, strict=True))
        counts = (day.live_answers, day.abandoned, day.left_waiting, day.taken_for_machines)
        people = day.people_taken_for_machines
        rate = AbandonedRate(day.live_answers + people, day.abandoned + people).abandoned_rate
        rows.append((campaign, day.day, *counts, rate, *day.worst, "yes" if cap_met else "NO", verified))
    limits = ", ".join(f"{cap.share:.1%} in {_format_period_of_abandoned_cap(cap)}" for cap in caps)
    return Report(
        f"abandoned-call evidence: at most {limits} of live answers, per campaign; abandoned: {profile.abandoned.definition}; "
        f"of calls taken for machines {_format_charged_shares(db, profile)} count as abandoned people "
        f"(profile {profile.name}: {profile.abandoned.source})",
        (
            *make_text_columns("campaign", "day"),
            *make_count_columns("live_answers", "abandoned", "left_waiting", "taken_for_machines"),
            Column("abandoned_rate", ColumnKind.SHARE, "rate"),
            *(
                Column(
                    f"worst_rate_{cap.window_hours:g}_h",
                    ColumnKind.SHARE,
                    f"worst {_format_period_of_abandoned_cap(cap)}",
                )
                for cap in caps
            ),
            *make_text_columns("cap_met", "verified"),
        ),
        tuple(rows),
    )


def report_abandoned_rate_of_each_window(db: Connection, window: Window, zone: tzinfo, profile: Profile) -> Report:
    """Report each campaign's highest abandoned-call rate on each day, for each cap of the profile and its time window.

    The signatures of the records are not checked, because this takes long.
    """
    caps = profile.abandoned.caps
    return Report(
        "abandoned-call rate in every window",
        (
            *make_text_columns("campaign", "day"),
            *make_count_columns("window_hours", "live_answers", "abandoned"),
            Column("highest_rate", ColumnKind.SHARE, "highest"),
            Column("cap", ColumnKind.SHARE),
            *make_text_columns("cap_met"),
        ),
        tuple(
            (
                *(campaign, day.day, cap.window_hours, day.live_answers, day.abandoned),
                *(worst, cap.share, "yes" if worst <= cap.share else "NO"),
            )
            for campaign, day in _read_daily_evidence(db, window, zone, profile)
            for worst, cap in zip(day.worst, caps, strict=True)
        ),
    )


def _read_daily_evidence(
    db: Connection, window: Window, zone: tzinfo, profile: Profile
) -> Iterator[tuple[str, DayEvidence]]:
    """Yield (campaign, figures that show how it kept the rules on one day), for each campaign and day."""
    caps, share = profile.abandoned.caps, profile.machine_detection.false_positive_share
    shares = read_false_positive_shares(db, share)
    longest = max(cap.window_hours for cap in caps) * _HOUR_SECONDS
    found = window.query_rows_of_period(db, SQL.live_answers, since=window.since - longest, share=share)
    for campaign, answered in groupby(found, key=lambda row: row.campaign_id):
        part = shares.get_share_of_campaign(campaign)
        answers = (
            LiveAnswer(row.at, abandoned=True, left_waiting=False, taken_for_machine=True, share=part)
            if row.taken_for_machine
            else LiveAnswer(row.at, bool(row.abandoned), bool(row.left_waiting))
            for row in answered
        )
        for day in compute_daily_evidence(answers, caps, zone, window.since):
            yield campaign, day


def _format_charged_shares(db: Connection, profile: Profile) -> str:
    """Return a text that says which share of the calls taken for machines counts as abandoned people.

    The text has the profile's share, and the measured share of each campaign with enough judged calls.
    """
    shares = read_false_positive_shares(db, profile.machine_detection.false_positive_share)
    measured = ", ".join(
        f"{shares.get_share_of_campaign(campaign):.1%} in {campaign} as measured ({judged.people} of {judged.judged})"
        for campaign, judged in sorted(shares.judged.items())
        if shares.get_share_of_campaign(campaign) != shares.profile_share
    )
    return f"{shares.profile_share:.1%}" + (f", {measured}," if measured else "")


def _format_period_of_abandoned_cap(cap: AbandonedCap) -> str:
    """Return a text, such as "24 h" or "30 days", for the period in which a limit of the abandoned-call rate (cap)
    applies.
    """
    days = cap.window_hours / 24
    return f"{days:g} days" if days > 1 and days == int(days) else f"{cap.window_hours:g} h"
