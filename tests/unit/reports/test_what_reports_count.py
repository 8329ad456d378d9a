"""What a report must not count: calls that came in as calls of ours, who is on a number no more, where a worker stands since."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dialer.cli.main import app
from dialer.reports import accounts, polling_day
from dialer.simulation.demo.report import build_report
from tests.support.command_line import run
from tests.support.report_store import HOUR, NOON, HandFilled, by_column, journal, made_of


def came_in(store: HandFilled, phone: int = 1, at: float = NOON, **fields: Any) -> str:
    """The voter calls us, and talks to somebody."""
    times = {"answered_at": at + 1, "connected_at": at + 2}
    row = {"direction": "inbound", "attempt_number": None, "outcome": "connected", **times, **fields}
    return store.attempt(phone, at, **row)


def config(store: HandFilled) -> Path:
    path = store.path.with_name("centre.toml")
    path.write_text(f'[store]\npath = "{store.path}"\n[broker]\nenabled = false\n', encoding="utf-8")
    return path


# Calls that came in


def test_calls_that_come_in_thin_out_no_share_of_abandoned_calls(store: HandFilled) -> None:
    for second in range(95):
        store.answered(1 + second % 30, NOON + second)
    for second in range(5):
        store.attempt(1 + second, NOON + 200 + second, outcome="abandoned", answered_at=NOON + 205 + second)
    before = CliRunner().invoke(app, ["report", "evidence", "-f", "csv", "--store", str(store.path)])
    for second in range(100):
        came_in(store, 1 + second % 30, NOON - HOUR + second)
    came_in(store, 31, NOON + 300, campaign="ivr", outcome="abandoned", connected_at=None)
    after = CliRunner().invoke(app, ["report", "evidence", "-f", "csv", "--store", str(store.path)])
    assert after.output == before.output
    [row] = csv.DictReader(io.StringIO(after.output))
    assert (row["live_answers"], row["abandoned"], row["held"]) == ("100", "5", "NO")


async def test_a_run_is_not_judged_by_calls_that_came_in(store: HandFilled, tmp_path: Path) -> None:
    """Who has voted or opted out may call us, and while we call them too: that breaks no rule about whom we call."""
    first = store.answered(1, NOON)
    store.mark(2, "voted", NOON)
    store.opt_out(3, NOON)
    for phone in (1, 2, 3):
        came_in(store, phone, NOON + 5)
    entries = journal(tmp_path, ("placed", first, store.number(1)), ("answered", first, None), ("ended", first, None))
    report = build_report(store.path, since=NOON - HOUR, journal=entries)
    assert report.holds, {name: check for name, check in report.checks.items() if not check.holds}
    assert report.outcomes == {"agents": {"connected": 1}}


def test_a_complaint_is_about_the_call_that_we_made(store: HandFilled) -> None:
    ours = store.answered(1, NOON)
    came_in(store, 1, NOON + 600, campaign="ivr")
    what = ("--about", "conduct", "--channel", "call", "--number", store.number(1), "--at", "2026-04-22T12:30+05:30")
    assert run("complaint", "add", *what, "-c", config(store), "--who", "ops")[0] == 0
    assert store.db.execute("SELECT campaign_id, attempt_id FROM complaint").fetchall() == [("agents", ours)]


def test_a_complaint_of_somebody_who_only_ever_called_us_has_no_call(store: HandFilled) -> None:
    came_in(store, 1, NOON)
    what = ("--about", "other", "--channel", "call", "--number", store.number(1))
    code, text = run("complaint", "add", *what, "-c", config(store), "--who", "ops")
    assert (code, "no call to the number is known" in text) == (0, True)
    assert store.db.execute("SELECT phone_id, attempt_id FROM complaint").fetchall() == [(1, None)]


# What was answered


async def test_answers_of_flows_and_of_scripts_are_counted_and_messages_that_callers_left_are_not(
    store: HandFilled, tmp_path: Path
) -> None:
    for phone, (campaign, name, value) in enumerate(
        [
            ("agents", "knows_booth", "told"),
            ("agents", "knows_booth", "told"),
            ("agents", "knows_booth", "knows"),
            ("ivr", "still_to_vote", "2"),
            ("ivr", "message", "RE" + "0" * 32),
        ],
        start=1,
    ):
        attempt = store.answered(phone, campaign=campaign)
        store.insert("flow_answer", {"attempt_id": attempt, "name": name, "value": value, "at": NOON})
    store.insert("flow_answer", {"attempt_id": attempt, "name": "own", "value": f"{attempt}-1", "at": NOON})
    code, text = run("report", "answers", "-f", "csv", "-c", config(store))
    assert code == 0
    assert [tuple(row.values()) for row in csv.DictReader(io.StringIO(text))] == [
        ("agents", "knows_booth", "told", "2", "0.6667"),
        ("agents", "knows_booth", "knows", "1", "0.3333"),
        ("ivr", "still_to_vote", "2", "1", "1.0"),
    ]
    assert run("report", "answers", "-f", "csv", "-c", config(store), "--since", "2026-04-23")[1].count("\n") == 1


# Who is on a number


async def test_an_opt_out_counts_where_somebody_is_on_the_number_still(store: HandFilled) -> None:
    store.insert("link", {"voter_id": 50, "phone_id": 1, "dropped_at": NOON})
    store.opt_out(1, NOON)
    report = await made_of(store, polling_day.turnout)
    assert [(row["part"], row["opt_outs"]) for row in by_column(report)] == [(1, 1), (2, 0), (3, 0)]


# Where a booth worker stood


async def test_a_call_stays_on_the_account_of_where_its_worker_stood(store: HandFilled) -> None:
    store.db.execute("UPDATE booth SET constituency_number = 175 WHERE booth_id = 3")
    store.insert("worker", {"worker_id": 1, "phone_id": 40})
    store.insert("worker_booth", {"worker_id": 1, "booth_id": 2})
    store.answered(40, NOON, worker_id=1, voter_id=None)
    store.answered(1, NOON)
    store.db.execute("UPDATE worker_booth SET booth_id = 3")
    store.answered(40, NOON + HOUR, worker_id=1, voter_id=None)
    store.db.execute("DELETE FROM worker_booth")
    found = by_column(await made_of(store, accounts.expenditure, {}))
    assert [(row["constituency"], row["calls"]) for row in found] == [(174, 2), (175, 1)]


# Bad input


@pytest.mark.parametrize("option", ["--part", "--constituency"])
@pytest.mark.parametrize("number", ["12345678901234567890123", "1000000000", "-1"])
def test_a_place_that_no_roll_has_is_refused(store: HandFilled, option: str, number: str) -> None:
    out = store.path.with_name("list.csv")
    code, text = run("list", "strike-off", "--for", "w", "-o", out, option, number, "-c", config(store))
    assert (code, option in text, out.exists()) == (2, True, False)


def test_a_complaint_of_a_number_that_none_has_is_refused(store: HandFilled) -> None:
    code, _ = run("complaint", "answer", "9" * 23, "--done", "explained", "-c", config(store), "--who", "ops")
    assert code == 2


# Slips


def test_a_slip_that_was_taken_back_reached_nobody(store: HandFilled) -> None:
    for voter in (1, 2, 3):
        store.mark(voter, "voted", NOON, source="booth-worker", key=f"slip{voter}")
    for voter in (2, 3):
        store.mark(voter, "not-yet", NOON + 1, source="correction", undoes=f"slip{voter}")
    store.mark(3, "voted", NOON + 2 * HOUR, source="agent")

    def told(by: str) -> list[dict[str, str]]:
        ran = CliRunner().invoke(app, ["report", "turnout", "--by", by, "-f", "csv", "--store", str(store.path)])
        return list(csv.DictReader(io.StringIO(ran.output)))

    booths = told("booth")
    assert (sum(int(row["reached"]) for row in booths), sum(int(row["voted"]) for row in booths)) == (2, 2)
    # Voter 3 has voted when it was said anew, not when the slip came.
    assert [(row["newly_reached"], row["newly_voted"]) for row in told("hour")] == [("1", "1"), ("1", "1")]


def test_each_answer_is_told_with_wishes_and_messages(store: HandFilled) -> None:
    surveyed, called = store.answered(1), store.answered(2, campaign="ivr", direction="inbound")
    for attempt, name, value in (
        (surveyed, "opinion", "2"),
        (called, "call_back", "1"),
        (called, "message", f"{called}-1"),
    ):
        store.insert("flow_answer", {"attempt_id": attempt, "name": name, "value": value, "at": NOON})
    whole = ("report", "answers", "--each", "-f", "json", "-c", config(store))
    rows = {row["question"]: row for row in json.loads(run(*whole)[1])["rows"]}
    assert {name: (row["phone"], row["answer"], row["is"]) for name, row in rows.items()} == {
        "opinion": (1, "2", "answer"),
        "call_back": (2, "1", "answer"),
        "message": (2, f"{called}-1", "message"),
    }
    assert rows["message"]["direction"] == "inbound"
    wishes = json.loads(run(*whole, "--question", "call_back")[1])["rows"]
    assert [row["attempt"] for row in wishes] == [called]
    sums = json.loads(run("report", "answers", "--question", "opinion", "-f", "json", "-c", config(store))[1])["rows"]
    assert [(row["question"], row["calls"]) for row in sums] == [("opinion", 1)]
