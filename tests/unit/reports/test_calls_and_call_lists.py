"""Calls one by one, page by page and with a filter, the details of a call, and the reports on call lists."""

from __future__ import annotations

import json

import pytest

from dialer.reports import call_lists, calls
from dialer.reports.calls import CallFilter
from dialer.reports.tables import Window
from dialer.store.connection import open_store_snapshot
from tests.support.report_store import HOUR, INDIA, NOON, HandFilled


def find_calls(store: HandFilled, window: Window | None = None, **chosen: str | int | None) -> list[str]:
    """Return the attempt ids of the calls that match a filter, in the order of the page."""
    with open_store_snapshot(store.path, None) as db:
        found = calls.load_newest_calls(db, window or Window(), CallFilter(**chosen), 100)  # type: ignore[arg-type] # a test's shorthand
        return [call.attempt_id for call in found]


def test_calls_are_read_page_by_page_with_the_newest_first(store: HandFilled) -> None:
    made = [store.attempt(1 + number, NOON + number) for number in range(5)]
    seen: list[str] = []
    before = calls.FIRST_PAGE
    with open_store_snapshot(store.path, None) as db:
        while page := calls.load_newest_calls(db, Window(), CallFilter(), 2, before):
            assert len(page) <= 2
            seen += [call.attempt_id for call in page]
            before = page[-1].place
    assert seen == made[::-1]


def test_filter_selects_calls_by_period_campaign_agent_result_and_number(store: HandFilled) -> None:
    voted = store.answered(1, NOON, disposition="voted")
    busy = store.attempt(2, NOON + 60, campaign="ivr", outcome="busy")
    live = store.attempt(3, NOON + HOUR, outcome=None, ended_at=None)
    again = store.answered(1, NOON + 2 * HOUR, agent="a2")
    (voter,) = store.db.execute("SELECT voter_id FROM attempt WHERE attempt_id = ?", (busy,)).fetchone()
    assert find_calls(store) == [again, live, busy, voted]
    assert find_calls(store, Window(since=NOON + 60, until=NOON + 2 * HOUR)) == [live, busy]
    assert find_calls(store, Window(campaign="ivr")) == [busy]
    assert find_calls(store, agent="a1") == [voted]
    assert find_calls(store, outcome="connected") == [again, voted]
    assert find_calls(store, outcome="live") == [live]
    assert find_calls(store, disposition="voted") == [voted]
    assert find_calls(store, phone=1) == [again, voted]
    assert find_calls(store, phone=1, agent="a2") == [again]
    assert find_calls(store, Window(until=NOON + HOUR), phone=1) == [voted]
    assert find_calls(store, voter=voter) == [busy]


def test_history_of_a_call_has_its_legal_grounds_voter_statuses_and_answers(store: HandFilled) -> None:
    store.insert(
        "lawful", {"lawful_id": 7, "digest": "d", "grounds": json.dumps({"verdict": "allowed", "zones": "IST"})}
    )
    attempt = store.answered(1, NOON, lawful_id=7, gap_seconds=7200.0, technical_cause="200")
    (voter,) = store.db.execute("SELECT voter_id FROM attempt WHERE attempt_id = ?", (attempt,)).fetchone()
    store.mark(voter, "voted", NOON + 20, attempt_id=attempt, agent="a1")
    store.mark(voter, "not-yet", NOON - HOUR)
    store.insert("flow_answer", {"attempt_id": attempt, "name": "lift", "value": "yes", "at": NOON + 15})
    store.insert("flow_answer", {"attempt_id": attempt, "name": "message", "value": f"{attempt}-1", "at": NOON + 16})
    with open_store_snapshot(store.path, None) as db:
        history = calls.load_call_history(db, attempt)
        assert calls.load_call_history(db, "attempt-99") is None
    assert history is not None
    assert history.grounds == {"verdict": "allowed", "zones": "IST"}
    assert (history.details.gap_seconds, history.details.sip_status) == (7200.0, "200")
    assert history.marks == [(NOON + 20, "voted", "agent", "a1")]
    assert history.answers == [(NOON + 15, "lift", "yes")]


def add_number_to_list(store: HandFilled, phone: int, **fields: str | float | None) -> None:
    store.insert("target", {"campaign_id": "agents", "phone_id": phone, **fields})


@pytest.fixture
def listed(store: HandFilled) -> HandFilled:
    """A store whose campaign has six numbers in its call list."""
    add_number_to_list(store, 1)
    add_number_to_list(store, 2, attempts=1, due_at=NOON - 60)
    add_number_to_list(store, 3, attempts=1, due_at=NOON + 1800)
    add_number_to_list(store, 4, attempts=2, due_at=NOON + HOUR, promised=1)
    add_number_to_list(store, 5, attempts=2, state="closed")
    add_number_to_list(store, 6, state="closed", refused_by="no-consent")
    return store


def test_report_on_call_lists_counts_numbers_by_attempts(listed: HandFilled) -> None:
    with open_store_snapshot(listed.path, None) as db:
        report = call_lists.report_numbers_by_attempts(db, None)
        assert not call_lists.report_numbers_by_attempts(db, "ivr").rows
    assert report.rows == (("agents", 0, 2, 0, 1), ("agents", 1, 2, 0, 2), ("agents", 2, 2, 1, 1))
    assert report.total == ("all", None, 6, 1, 4)


def test_report_on_call_lists_shows_remaining_numbers_and_when_numbers_are_due(listed: HandFilled) -> None:
    with open_store_snapshot(listed.path, None) as db:
        report = call_lists.report_numbers_by_due_time(db, "agents", INDIA, NOON)
    assert report.rows == (
        ("agents", "", "", "due-now", 2),
        ("agents", "", "", "no-consent", 1),
        ("agents", "2026-04-22", "12:00", "retry", 1),
        ("agents", "2026-04-22", "13:00", "call-back", 1),
    )
    assert report.total == ("all", "", "", "", 5)
