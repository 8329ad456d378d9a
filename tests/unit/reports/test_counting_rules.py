"""Counting rules: inbound calls, voters without the number, moved booth workers and undone marks do not distort reports."""

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
from dialer.simulation.demo.report import build_demo_report
from tests.support.command_line import run
from tests.support.report_store import HOUR, NOON, HandFilled, make_report, rows_by_column, write_journal


def add_inbound_call(store: HandFilled, phone: int = 1, at: float = NOON, **fields: Any) -> str:
    """Add an inbound call that was connected to an agent."""
    times = {"answered_at": at + 1, "connected_at": at + 2}
    row = {"direction": "inbound", "attempt_number": None, "outcome": "connected", **times, **fields}
    return store.attempt(phone, at, **row)


def write_config(store: HandFilled) -> Path:
    path = store.path.with_name("centre.toml")
    path.write_text(f'[store]\npath = "{store.path}"\n[broker]\nenabled = false\n', encoding="utf-8")
    return path


# Inbound calls


def test_inbound_calls_do_not_change_the_abandoned_call_rate(store: HandFilled) -> None:
    for second in range(95):
        store.answered(1 + second % 30, NOON + second)
    for second in range(5):
        store.attempt(1 + second, NOON + 200 + second, outcome="abandoned", answered_at=NOON + 205 + second)
    before = CliRunner().invoke(app, ["report", "evidence", "-f", "csv", "--store", str(store.path)])
    for second in range(100):
        add_inbound_call(store, 1 + second % 30, NOON - HOUR + second)
    add_inbound_call(store, 31, NOON + 300, campaign="ivr", outcome="abandoned", connected_at=None)
    after = CliRunner().invoke(app, ["report", "evidence", "-f", "csv", "--store", str(store.path)])
    assert after.output == before.output
    [row] = csv.DictReader(io.StringIO(after.output))
    assert (row["live_answers"], row["abandoned"], row["cap_met"]) == ("100", "5", "NO")


async def test_demo_report_ignores_inbound_calls_in_its_checks(store: HandFilled, tmp_path: Path) -> None:
    """A voter who has voted or opted out may call us, also while an outbound call is live; that breaks no rule."""
    first = store.answered(1, NOON)
    store.mark(2, "voted", NOON)
    store.opt_out(3, NOON)
    for phone in (1, 2, 3):
        add_inbound_call(store, phone, NOON + 5)
    entries = write_journal(
        tmp_path, ("placed", first, store.number(1)), ("answered", first, None), ("ended", first, None)
    )
    report = build_demo_report(store.path, since=NOON - HOUR, journal=entries)
    assert report.has_passed_all_checks, {name: check for name, check in report.checks.items() if not check.holds}
    assert report.outcomes == {"agents": {"connected": 1}}


def test_complaint_is_assigned_to_the_outbound_call_to_the_same_phone_number(store: HandFilled) -> None:
    ours = store.answered(1, NOON)
    add_inbound_call(store, 1, NOON + 600, campaign="ivr")
    what = ("--about", "conduct", "--channel", "call", "--number", store.number(1), "--at", "2026-04-22T12:30+05:30")
    assert run("complaint", "add", *what, "-c", write_config(store), "--who", "ops")[0] == 0
    assert store.db.execute("SELECT campaign_id, attempt_id FROM complaint").fetchall() == [("agents", ours)]


def test_complaint_about_a_number_with_inbound_calls_only_has_no_attempt(store: HandFilled) -> None:
    add_inbound_call(store, 1, NOON)
    what = ("--about", "other", "--channel", "call", "--number", store.number(1))
    code, text = run("complaint", "add", *what, "-c", write_config(store), "--who", "ops")
    assert (code, "the store has no call to the number" in text) == (0, True)
    assert store.db.execute("SELECT phone_id, attempt_id FROM complaint").fetchall() == [(1, None)]


# Answers


async def test_answers_report_counts_answers_in_flows_and_scripts_but_no_recorded_messages(
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
    code, text = run("report", "answers", "-f", "csv", "-c", write_config(store))
    assert code == 0
    assert [tuple(row.values()) for row in csv.DictReader(io.StringIO(text))] == [
        ("agents", "knows_booth", "told", "2", "0.6667"),
        ("agents", "knows_booth", "knows", "1", "0.3333"),
        ("ivr", "still_to_vote", "2", "1", "1.0"),
    ]
    assert run("report", "answers", "-f", "csv", "-c", write_config(store), "--since", "2026-04-23")[1].count("\n") == 1


# Numbers without a voter


async def test_opt_out_counts_only_in_the_booths_of_voters_who_have_the_number(store: HandFilled) -> None:
    store.insert("link", {"voter_id": 50, "phone_id": 1, "dropped_at": NOON})
    store.opt_out(1, NOON)
    report = await make_report(store, polling_day.report_turnout)
    assert [(row["part"], row["opt_outs"]) for row in rows_by_column(report)] == [(1, 1), (2, 0), (3, 0)]


# Booths of workers


async def test_booth_worker_call_counts_in_the_workers_constituency_at_that_time(store: HandFilled) -> None:
    store.db.execute("UPDATE booth SET constituency_number = 175 WHERE booth_id = 3")
    store.insert("worker", {"worker_id": 1, "phone_id": 40})
    store.insert("worker_booth", {"worker_id": 1, "booth_id": 2})
    store.answered(40, NOON, worker_id=1, voter_id=None)
    store.answered(1, NOON)
    store.db.execute("UPDATE worker_booth SET booth_id = 3")
    store.answered(40, NOON + HOUR, worker_id=1, voter_id=None)
    store.db.execute("DELETE FROM worker_booth")
    found = rows_by_column(await make_report(store, accounts.report_expenditure, {}))
    assert [(row["constituency"], row["calls"]) for row in found] == [(174, 2), (175, 1)]


# Invalid input


@pytest.mark.parametrize("option", ["--part", "--constituency"])
@pytest.mark.parametrize("number", ["12345678901234567890123", "1000000000", "-1"])
def test_voter_list_command_rejects_impossible_part_and_constituency_numbers(
    store: HandFilled, option: str, number: str
) -> None:
    out = store.path.with_name("list.csv")
    code, text = run("list", "strike-off", "--for", "w", "-o", out, option, number, "-c", write_config(store))
    assert (code, option in text, out.exists()) == (2, True, False)


def test_answer_to_a_complaint_with_an_impossible_complaint_number_is_rejected(store: HandFilled) -> None:
    code, _ = run("complaint", "answer", "9" * 23, "--done", "explained", "-c", write_config(store), "--who", "ops")
    assert code == 2


# Undone marks


def test_voter_whose_recorded_answer_was_undone_does_not_count_as_contacted(store: HandFilled) -> None:
    for voter in (1, 2, 3):
        store.mark(voter, "voted", NOON, source="booth-worker", key=f"slip{voter}")
    for voter in (2, 3):
        store.mark(voter, "not-yet", NOON + 1, source="correction", undoes=f"slip{voter}")
    store.mark(3, "voted", NOON + 2 * HOUR, source="agent")

    def report_turnout(by: str) -> list[dict[str, str]]:
        ran = CliRunner().invoke(app, ["report", "turnout", "--by", by, "-f", "csv", "--store", str(store.path)])
        return list(csv.DictReader(io.StringIO(ran.output)))

    booths = report_turnout("booth")
    assert (sum(int(row["contacted"]) for row in booths), sum(int(row["voted"]) for row in booths)) == (2, 2)
    # Voter 3 counts as voted at the second, valid mark, not at the undone one.
    assert [(row["newly_contacted"], row["newly_voted"]) for row in report_turnout("hour")] == [("1", "1"), ("1", "1")]


def test_each_answer_report_lists_answers_call_back_requests_and_messages(store: HandFilled) -> None:
    surveyed, called = store.answered(1), store.answered(2, campaign="ivr", direction="inbound")
    for attempt, name, value in (
        (surveyed, "opinion", "2"),
        (called, "call_back", "1"),
        (called, "message", f"{called}-1"),
    ):
        store.insert("flow_answer", {"attempt_id": attempt, "name": name, "value": value, "at": NOON})
    whole = ("report", "answers", "--each", "-f", "json", "-c", write_config(store))
    rows = {row["question"]: row for row in json.loads(run(*whole)[1])["rows"]}
    assert {name: (row["phone"], row["answer"], row["is"]) for name, row in rows.items()} == {
        "opinion": (1, "2", "answer"),
        "call_back": (2, "1", "answer"),
        "message": (2, f"{called}-1", "message"),
    }
    assert rows["message"]["direction"] == "inbound"
    requests = json.loads(run(*whole, "--question", "call_back")[1])["rows"]
    assert [row["attempt"] for row in requests] == [called]
    sums = json.loads(run("report", "answers", "--question", "opinion", "-f", "json", "-c", write_config(store))[1])[
        "rows"
    ]
    assert [(row["question"], row["calls"]) for row in sums] == [("opinion", 1)]
