"""Reports on agents' work, on trunks by SIP status and hour, and on abandoned calls in every window of the profile."""

from __future__ import annotations

import pytest

from dialer.reports import agents, evidence, trunk_calls
from dialer.reports.tables import Window
from dialer.settings.jurisdiction import load_profile
from dialer.store.connection import open_store_snapshot
from tests.support.report_store import HOUR, NOON, HandFilled, make_report, rows_by_column


async def test_report_on_agents_has_times_contacts_per_hour_and_utilisation(store: HandFilled) -> None:
    for state, start, seconds in (
        ("ready", 0, 900),
        ("talking", 900, 1800),
        ("wrap-up", 2700, 300),
        ("paused", 3000, 600),
        ("offline", 3600, 9000),
    ):
        store.seat(state, NOON + start, seconds)
    store.answered(1, NOON + 900, disposition="voted")
    store.answered(2, NOON + 1200)
    store.answered(3, NOON + 1500, outcome="machine")
    store.answered(4, NOON + 1500, agent="a2", seat="02")
    report = await make_report(store, lambda db, window, _: agents.report_work_of_agents(db, window))
    first, second = rows_by_column(report)
    assert first == {
        "agent": "a1",
        "logged_in_seconds": 3600,
        "talking_seconds": 1800,
        "wrap_up_seconds": 300,
        "ready_seconds": 900,
        "paused_seconds": 600,
        "utilisation": 2100 / 3600,
        "handling_seconds": 700,
        "calls": 3,
        "contacts": 2,
        "contacts_per_hour": 2,
        "dispositions": 1,
    }
    assert (second["agent"], second["calls"], second["logged_in_seconds"]) == ("a2", 1, 0)
    assert second["contacts_per_hour"] is second["utilisation"] is None
    assert report.total is not None
    assert report.total[:2] == ("all", 3600)
    assert report.total[8:11] == (4, 3, 3)


async def test_reports_on_agents_count_only_the_part_of_an_interval_inside_the_period(store: HandFilled) -> None:
    store.seat("paused", NOON - 600, 900)
    store.seat("paused", NOON + HOUR - 100, 900)
    with open_store_snapshot(store.path, None) as db:
        work = agents.report_work_of_agents(db, Window(NOON, NOON + HOUR))
        pauses = agents.report_pauses(db, Window(NOON, NOON + HOUR))
    assert rows_by_column(work)[0]["paused_seconds"] == rows_by_column(pauses)[0]["paused_seconds"] == 400


async def test_report_on_pauses_adds_up_each_agents_pauses_by_reason(store: HandFilled) -> None:
    for start, seconds, reason in ((0, 60, "meal"), (100, 30, "meal"), (200, 300, "break"), (600, 10, None)):
        store.seat("paused", NOON + start, seconds)
        store.db.execute("UPDATE seat_interval SET reason = ? WHERE from_at = ?", (reason, NOON + start))
    report = await make_report(store, lambda db, window, _: agents.report_pauses(db, window))
    assert report.rows == (("a1", "break", 1, 300), ("a1", "meal", 2, 90), ("a1", agents.NO_REASON, 1, 10))
    assert report.total == ("all", "", 4, 400)


async def test_report_on_trunks_by_status_counts_outcomes_with_their_sip_status(store: HandFilled) -> None:
    store.attempt(1, outcome="busy", technical_cause="486")
    store.attempt(2, outcome="busy", technical_cause="486")
    store.attempt(3, outcome="carrier-failure", technical_cause="503")
    store.answered(4, trunk="backup")
    store.attempt(5, outcome="refused", attempt_number=None)
    store.attempt(6, direction="inbound", outcome="missed", attempt_number=None)
    report = await make_report(store, lambda db, window, _: trunk_calls.report_trunk_calls_by_status(db, window))
    assert report.rows == (
        ("backup", "connected", "", 1, 1.0),
        ("carrier", "busy", "486", 2, 2 / 3),
        ("carrier", "carrier-failure", "503", 1, 1 / 3),
    )


async def test_report_on_trunks_by_hour_counts_seizures_in_the_centres_time_zone(store: HandFilled) -> None:
    store.answered(1, NOON)
    store.attempt(2, NOON + 60)
    store.attempt(3, NOON - 60)
    report = await make_report(store, trunk_calls.report_trunk_calls_by_hour)
    assert report.rows == (("carrier", "2026-04-22", "11:00", 1, 0, 0.0), ("carrier", "2026-04-22", "12:00", 2, 1, 0.5))


@pytest.mark.parametrize(("abandoned", "met"), [(0, "yes"), (2, "NO")])
async def test_abandoned_rate_report_compares_the_highest_rate_of_each_window_with_its_cap(
    store: HandFilled, abandoned: int, met: str
) -> None:
    profile = load_profile("india")
    for second in range(8):
        store.answered(1 + second, NOON + second)
    for second in range(abandoned):
        store.attempt(20 + second, NOON + 10 + second, outcome="abandoned", answered_at=NOON + 20 + second)
    rows = rows_by_column(await make_report(store, evidence.report_abandoned_rate_of_each_window, profile))
    assert [(row["window_hours"], row["cap"]) for row in rows] == [
        (cap.window_hours, cap.share) for cap in profile.abandoned.caps
    ]
    for row in rows:
        assert (row["live_answers"], row["abandoned"], row["cap_met"]) == (8 + abandoned, abandoned, met)
        assert row["highest_rate"] == abandoned / (8 + abandoned)
