"""What a run says of itself: its figures from the store, and the rules it is held to.

The last check has a second witness: the journal that the simulated Asterisk keeps of every call it truly placed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dialer.domain.model import ANSWERED, Outcome, abandoned_rate
from dialer.simulation.asterisk.journal import read_journal
from dialer.store.connection import read_snapshot
from dialer.store.keys import StoreKey
from dialer.store.sql import Query, Scalar, Statements

SHOWN = 5  # examples of what broke a rule

JOURNAL_CHECK = "placed_calls_match_attempts"
JOURNAL_RULE = "every call that the switch placed is one attempt, and no number was called twice at once"


class OutcomeCount(NamedTuple):
    """Attempts of a campaign with one outcome."""

    campaign_id: str
    outcome_or_live: str
    attempts: int


class SeatUtilisation(NamedTuple):
    """The share of its time that a seat was talking or in wrap-up."""

    seat: str
    share: float


class MarkCount(NamedTuple):
    """Marks of one kind in a booth."""

    kind: str
    constituency_number: int
    part_number: int
    marks: int


class PlacedAttempt(NamedTuple):
    """An attempt and its number."""

    attempt_id: str
    e164: str
    outcome: str | None


class SQL(Statements):
    outcomes = Query(OutcomeCount)
    utilisation = Query(SeatUtilisation)
    marks = Query(MarkCount)
    attempts_with_numbers = Query(PlacedAttempt)
    opt_outs = Scalar(int)
    no_number_with_two_open_attempts = Scalar(str)
    answered_calls_have_outcomes = Scalar(str)
    nobody_called_after_voted = Scalar(str)
    nobody_called_after_opt_out = Scalar(str)


RULES = {
    SQL.no_number_with_two_open_attempts: "no number had two open attempts at once",
    SQL.answered_calls_have_outcomes: "every answered call has an outcome that says so",
    SQL.nobody_called_after_voted: "nobody was called after having said 'voted'",
    SQL.nobody_called_after_opt_out: "no number was called after it opted out",
}
"""The statements that find what broke a rule."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether a rule held; `found` are the first things that broke it (attempt ids, no numbers), of `broken` in all."""

    rule: str
    holds: bool
    broken: int
    found: list[str]


@dataclass(frozen=True, slots=True)
class DemoReport:
    """Figures of a run since its start, and its checks by name."""

    since: float
    outcomes: Mapping[str, Mapping[str, int]]  # by campaign; "live": not ended
    utilisation: Mapping[str, float]  # by seat, 0..1
    marks: Mapping[str, Mapping[str, int]]  # by booth ("constituency/part"), then by kind
    opt_outs: int
    checks: Mapping[str, CheckResult]

    @property
    def holds(self) -> bool:
        """Whether every check held."""
        return all(check.holds for check in self.checks.values())

    def as_json(self) -> dict[str, Any]:
        """report.json, as plain JSON types."""
        total: Counter[str] = sum(map(Counter, self.outcomes.values()), Counter())
        kinds: Counter[str] = sum(map(Counter, self.marks.values()), Counter())
        seats = dict(self.utilisation)
        return {
            "since": self.since,
            **_figures(total),
            "campaigns": {campaign: _figures(outcomes) for campaign, outcomes in sorted(self.outcomes.items())},
            "utilisation": {"mean": round(sum(seats.values()) / len(seats), 4) if seats else None, "seats": seats},
            "turnout": {
                "marks": sum(kinds.values()),
                "by_kind": dict(kinds.most_common()),
                "by_booth": {booth: dict(by_kind) for booth, by_kind in self.marks.items()},
            },
            "opt_outs": self.opt_outs,
            "holds": self.holds,
            "checks": {name: asdict(check) for name, check in self.checks.items()},
        }


def _figures(outcomes: Mapping[str, int]) -> dict[str, Any]:
    """Attempts and what became of them; the abandoned rate is abandoned / live answers."""
    rate = abandoned_rate(outcomes)
    return {
        "attempts": sum(outcomes.values()),
        "outcomes": dict(sorted(outcomes.items(), key=lambda item: (-item[1], item[0]))),
        "answered": sum(outcomes.get(outcome, 0) for outcome in ANSWERED),
        "connected": outcomes.get(Outcome.CONNECTED, 0),
        "live_answers": rate.live_answers,
        "abandoned": rate.abandoned,
        "abandoned_rate": round(rate.rate, 4),
        "unknown": outcomes.get(Outcome.UNKNOWN, 0),
    }


def build_report(store_path: Path, *, since: float, journal: Path | None, key: StoreKey | None = None) -> DemoReport:
    """Read a run's figures since `since` (epoch seconds) from its store and check it, against the journal too if there is one.

    Raises StoreError or StoreCorrupt where the store cannot be read, OSError where the journal cannot.
    """
    with read_snapshot(store_path, key) as db:
        outcomes: dict[str, dict[str, int]] = defaultdict(dict)
        for campaign, outcome, number in SQL.outcomes.rows(db, since=since):
            outcomes[campaign][outcome] = number
        utilisation = {seat: round(share, 4) for seat, share in SQL.utilisation.rows(db, since=since)}
        marks: dict[str, dict[str, int]] = defaultdict(dict)
        for kind, constituency, part, number in SQL.marks.rows(db, since=since):
            marks[f"{constituency}/{part}"][kind] = number
        opt_outs = SQL.opt_outs.one(db, since=since)
        checks = {query.name: _result(rule, query.all(db, since=since)) for query, rule in RULES.items()}
        if journal is not None:
            attempts = [*SQL.attempts_with_numbers.rows(db, since=since)]
            checks[JOURNAL_CHECK] = _result(JOURNAL_RULE, compare_with_journal(journal, attempts))
    return DemoReport(since, dict(outcomes), utilisation, dict(marks), opt_outs, checks)


def _result(rule: str, broken: list[str]) -> CheckResult:
    return CheckResult(rule, not broken, len(broken), broken[:SHOWN])


def compare_with_journal(journal: Path, attempts: Sequence[PlacedAttempt]) -> list[str]:
    """What the switch's journal and the attempts (id, number, outcome) do not agree on. Ids only, no number.

    An attempt need not be in the journal, for its Originate may not have come that far; but one that was answered must be.
    """
    entries = read_journal(journal)
    known = {attempt: (_digits(number), outcome) for attempt, number, outcome in attempts}
    placed: Counter[str] = Counter()
    problems: list[str] = []
    for entry in entries:
        if entry["event"] != "placed":
            continue
        channel = entry["channel"]
        placed[channel] += 1
        if channel not in known:
            problems.append(f"{channel}: placed, and there is no attempt of it")
        elif known[channel][0] != _digits(entry["number"]):
            problems.append(f"{channel}: placed to another number than its attempt's")
        elif known[channel][1] == Outcome.REFUSED:
            problems.append(f"{channel}: placed, and its attempt says that it was refused")
    problems += [f"{channel}: placed {times} times" for channel, times in placed.items() if times > 1]
    answered = {attempt for attempt, (_, outcome) in known.items() if outcome in ANSWERED}
    problems += [f"{attempt}: answered, and never placed" for attempt in sorted(answered - placed.keys())]
    return problems + _twice_at_once(entries)


def _twice_at_once(entries: list[dict[str, Any]]) -> list[str]:
    """Numbers that were called while a call to them was live, told by channel."""
    number_of: dict[str, str] = {}
    live: dict[str, str] = {}
    problems: list[str] = []
    for entry in entries:
        channel = entry["channel"]
        if entry["event"] == "placed":
            number_of[channel] = number = entry["number"]
            if number in live:
                problems.append(f"{channel}: placed to a number while {live[number]} was live on it")
            live[number] = channel
        elif entry["event"] == "ended" and live.get(number_of.get(channel, "")) == channel:
            del live[number_of[channel]]
    return problems


def _digits(number: str) -> str:
    return "".join(digit for digit in number if digit in "0123456789")
