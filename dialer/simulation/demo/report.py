"""The report of a demo or rehearsal: its figures from the store, and checks of the rules that must hold.

The last check compares the store with the simulated Asterisk's own journal of every call it placed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from dialer.domain.model import ANSWERED, Outcome, calculate_abandoned_rate
from dialer.simulation.asterisk.journal import read_journal_of_calls
from dialer.store.connection import open_store_snapshot
from dialer.store.keys import StoreKey
from dialer.store.sql import Query, Scalar, Statements

SHOWN = 5  # most examples of violations per rule

JOURNAL_CHECK = "placed_calls_match_attempts"
PLACED_CHECK = "calls_were_placed"
PLACED_RULE = "calls were placed"
JOURNAL_RULE = "every call placed by the switch matches one attempt, and no number had two calls at once"


class OutcomeCount(NamedTuple):
    """The number of a campaign's attempts with one outcome; "live" for attempts that have not ended."""

    campaign_id: str
    outcome_or_live: str
    attempts: int


class SeatUtilisation(NamedTuple):
    """The share of a seat's time in talk or wrap-up (0-1)."""

    seat: str
    share: float


class MarkCount(NamedTuple):
    """The number of marks of one kind in a polling booth. A mark is a recorded fact about a voter, such as "voted"."""

    kind: str
    constituency_number: int
    part_number: int
    marks: int


class PlacedAttempt(NamedTuple):
    """A placed call attempt: its id, the called number, and its outcome."""

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
    SQL.answered_calls_have_outcomes: "every answered call has an outcome of answered calls",
    SQL.nobody_called_after_voted: "no voter was called after a 'voted' mark",
    SQL.nobody_called_after_opt_out: "no number was called after it opted out",
}
"""The rules by the SQL statement that finds their violations."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of checking one rule on the calls of a run: the number of violations, and attempt ids of some of them."""

    rule: str
    holds: bool
    broken: int
    found: list[str]


@dataclass(frozen=True, slots=True)
class DemoReport:
    """The figures of a demo or rehearsal since its start, and the results of the checks, by the name of the check."""

    since: float  # epoch seconds
    outcomes: Mapping[str, Mapping[str, int]]  # number of attempts by campaign, then by outcome; "live": not ended
    utilisation: Mapping[str, float]  # by seat (0-1)
    marks: Mapping[str, Mapping[str, int]]  # by booth ("constituency/part"), then by kind
    opt_outs: int
    checks: Mapping[str, CheckResult]

    @property
    def has_passed_all_checks(self) -> bool:
        """Whether every check of the report passed."""
        return all(check.holds for check in self.checks.values())

    def add_check_that_calls_were_placed(self) -> DemoReport:
        """Return the report with a check that calls were placed. Without calls, all other checks would pass."""
        placed = any(self.outcomes.values())
        check = CheckResult(PLACED_RULE, placed, 0 if placed else 1, [])
        return replace(self, checks={**self.checks, PLACED_CHECK: check})

    def convert_report_to_json_types(self) -> dict[str, Any]:
        """Return the report as JSON types, in the form of the file that --report writes."""
        total: Counter[str] = sum(map(Counter, self.outcomes.values()), Counter())
        kinds: Counter[str] = sum(map(Counter, self.marks.values()), Counter())
        seats = dict(self.utilisation)
        return {
            "since": self.since,
            **_compute_outcome_figures(total),
            "campaigns": {
                campaign: _compute_outcome_figures(outcomes) for campaign, outcomes in sorted(self.outcomes.items())
            },
            "utilisation": {"mean": round(sum(seats.values()) / len(seats), 4) if seats else None, "seats": seats},
            "turnout": {
                "marks": sum(kinds.values()),
                "by_kind": dict(kinds.most_common()),
                "by_booth": {booth: dict(by_kind) for booth, by_kind in self.marks.items()},
            },
            "opt_outs": self.opt_outs,
            "holds": self.has_passed_all_checks,
            "checks": {name: asdict(check) for name, check in self.checks.items()},
        }


def _compute_outcome_figures(outcomes: Mapping[str, int]) -> dict[str, Any]:
    """Return totals and rates of call attempts from their counts by outcome."""
    rate = calculate_abandoned_rate(outcomes)
    return {
        "attempts": sum(outcomes.values()),
        "outcomes": dict(sorted(outcomes.items(), key=lambda item: (-item[1], item[0]))),
        "answered": sum(outcomes.get(outcome, 0) for outcome in ANSWERED),
        "connected": outcomes.get(Outcome.CONNECTED, 0),
        "live_answers": rate.live_answers,
        "abandoned": rate.abandoned,
        "abandoned_rate": round(rate.abandoned_rate, 4),
        "unknown": outcomes.get(Outcome.UNKNOWN, 0),
    }


def build_demo_report(
    store_path: Path, *, since: float, journal: Path | None, key: StoreKey | None = None
) -> DemoReport:
    """Return the figures of a demo or rehearsal since `since` (epoch seconds), and the results of its checks.

    The checks read the store, and the journal of placed calls if there is one. Raises StoreError or StoreCorrupt if the
    store cannot be read, OSError if the journal cannot.
    """
    with open_store_snapshot(store_path, key) as db:
        outcomes: dict[str, dict[str, int]] = defaultdict(dict)
        for campaign, outcome, number in SQL.outcomes.iterate_rows(db, since=since):
            outcomes[campaign][outcome] = number
        utilisation = {seat: round(share, 4) for seat, share in SQL.utilisation.iterate_rows(db, since=since)}
        marks: dict[str, dict[str, int]] = defaultdict(dict)
        for kind, constituency, part, number in SQL.marks.iterate_rows(db, since=since):
            marks[f"{constituency}/{part}"][kind] = number
        opt_outs = SQL.opt_outs.fetch_only_value(db, since=since)
        checks = {
            query.name: _create_check_result(rule, query.fetch_all_values(db, since=since))
            for query, rule in RULES.items()
        }
        if journal is not None:
            attempts = [*SQL.attempts_with_numbers.iterate_rows(db, since=since)]
            checks[JOURNAL_CHECK] = _create_check_result(
                JOURNAL_RULE, compare_call_attempts_with_journal(journal, attempts)
            )
    return DemoReport(since, dict(outcomes), utilisation, dict(marks), opt_outs, checks)


def _create_check_result(rule: str, broken: list[str]) -> CheckResult:
    return CheckResult(rule, not broken, len(broken), broken[:SHOWN])


def compare_call_attempts_with_journal(journal: Path, attempts: Sequence[PlacedAttempt]) -> list[str]:
    """Return the differences between the journal of placed calls and the stored attempts, by attempt id.

    The simulated Asterisk writes the journal. An answered attempt must be in it. Another stored attempt may be missing,
    because its Originate may have failed. The differences contain no phone numbers.
    """
    entries = read_journal_of_calls(journal)
    known = {attempt: (_extract_digits_of_number(number), outcome) for attempt, number, outcome in attempts}
    placed: Counter[str] = Counter()
    problems: list[str] = []
    for entry in entries:
        if entry["event"] != "placed":
            continue
        channel = entry["channel"]
        placed[channel] += 1
        if channel not in known:
            problems.append(f"{channel}: placed without an attempt")
        elif known[channel][0] != _extract_digits_of_number(entry["number"]):
            problems.append(f"{channel}: placed to a number other than its attempt's")
        elif known[channel][1] == Outcome.REFUSED:
            problems.append(f"{channel}: placed although its attempt was refused")
    problems += [f"{channel}: placed {times} times" for channel, times in placed.items() if times > 1]
    answered = {attempt for attempt, (_, outcome) in known.items() if outcome in ANSWERED}
    problems += [f"{attempt}: answered but never placed" for attempt in sorted(answered - placed.keys())]
    return problems + _find_simultaneous_calls(entries)


def _find_simultaneous_calls(entries: list[dict[str, Any]]) -> list[str]:
    """Return the calls, by channel id, that were placed to a number while another call to the same number was in
    progress.
    """
    number_of: dict[str, str] = {}
    live: dict[str, str] = {}
    problems: list[str] = []
    for entry in entries:
        channel = entry["channel"]
        if entry["event"] == "placed":
            number_of[channel] = number = entry["number"]
            if number in live:
                problems.append(f"{channel}: placed while {live[number]} to the same number was live")
            live[number] = channel
        elif entry["event"] == "ended" and live.get(number_of.get(channel, "")) == channel:
            del live[number_of[channel]]
    return problems


def _extract_digits_of_number(number: str) -> str:
    return "".join(digit for digit in number if digit in "0123456789")
