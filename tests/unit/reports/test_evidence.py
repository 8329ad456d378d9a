"""Evidence that the cap on abandoned calls was met in every window of every day, as the legal profile defines the cap."""

from __future__ import annotations

import contextlib
import csv
import io
import sqlite3
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from dialer.cli.main import app
from dialer.reports.evidence import LiveAnswer, compute_daily_evidence
from dialer.settings.jurisdiction import AbandonedCap, load_profile
from tests.support.roll_filler import fill_roll

INDIA = ZoneInfo("Asia/Kolkata")
HOUR = 3600.0
CAPS = (AbandonedCap(window_hours=24, share=0.03), AbandonedCap(window_hours=720, share=0.03))


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=INDIA).timestamp()


MIDNIGHT = at("2024-04-22T00:00")
SHARE = load_profile("neutral").machine_detection.false_positive_share


@hypothesis_settings(deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 5 * 24 * 4), st.booleans()), max_size=60),
    st.sampled_from([(1.0,), (24.0, 48.0), (36.0,)]),
    st.integers(0, 4),
)
def test_worst_abandoned_rate_of_a_day_is_that_of_its_worst_period(
    quarters: list[tuple[int, bool]], hours: tuple[float, ...], first_day: int
) -> None:
    """The result is compared with windows counted one by one."""
    answers = [LiveAnswer(MIDNIGHT + quarter * 900, abandoned, False) for quarter, abandoned in sorted(quarters)]
    caps = [AbandonedCap(window_hours=each, share=0.03) for each in hours]
    since = MIDNIGHT + first_day * 24 * HOUR
    expected: dict[str, list[float]] = {}
    for index, answer in enumerate(answers):
        if answer.at < since:
            continue
        worst = expected.setdefault(datetime.fromtimestamp(answer.at, INDIA).date().isoformat(), [0.0] * len(caps))
        for place, cap in enumerate(caps):
            window = [each for each in answers[: index + 1] if each.at > answer.at - cap.window_hours * HOUR]
            worst[place] = max(worst[place], sum(each.abandoned for each in window) / len(window))
    found = {day.day: day.worst for day in compute_daily_evidence(answers, caps, INDIA, since)}
    assert found == expected


def test_windows_of_the_evidence_report_include_answers_shortly_before_the_reported_day() -> None:
    answers = [
        *(LiveAnswer(MIDNIGHT - HOUR + second, True, False) for second in range(5)),
        *(LiveAnswer(MIDNIGHT + HOUR + second, False, second == 3) for second in range(95)),
    ]
    [day] = compute_daily_evidence(answers, CAPS, INDIA, MIDNIGHT)
    assert (day.day, day.live_answers, day.abandoned, day.left_waiting) == ("2024-04-22", 95, 0, 1)
    assert day.worst == pytest.approx([5 / 6, 5 / 6])  # in the window that ends at the day's first answer


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "centre.db"
    fill_roll(path, 900, voters_per_booth=300)
    with contextlib.closing(sqlite3.connect(path)) as db:
        for campaign in ("good", "bad"):
            db.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES (?, 'agents', 'turnout')", (campaign,))
        insert = (
            "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
            " answered_at, ended_at, outcome) VALUES (?, ?, ?, 1, 1, 't', 'c', ?, ?, ?, ?)"
        )
        noon = at("2024-04-22T12:00")
        for number in range(200):
            outcome = "abandoned" if number in {150, 199} else "dropped" if number == 7 else "connected"
            row = (f"g{number}", "good", number + 1, noon + number, noon + number, noon + number, outcome)
            db.execute(insert, row)
        for number in range(40):
            outcome = "abandoned" if number == 20 else "machine" if number == 5 else "connected"
            row = (f"b{number}", "bad", number + 1, noon + number, noon + number, noon + number, outcome)
            db.execute(insert, row)
        db.execute(insert, ("n", "bad", 300, noon, None, noon, "no-answer"))
        db.commit()
    return path


def run_report(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["report", "evidence", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def test_evidence_report_says_whether_each_abandoned_rate_cap_was_met(store: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run_report("--store", store, "--format", "csv"))))
    assert [(row["campaign"], row["day"], row["cap_met"]) for row in rows] == [
        ("bad", "2024-04-22", "NO"),
        ("good", "2024-04-22", "yes"),
    ]
    bad, good = rows
    assert (bad["live_answers"], bad["abandoned"], bad["left_waiting"]) == ("39", "1", "0")
    assert bad["taken_for_machines"] == "1"  # of which a share counts as abandoned people
    worst = max(SHARE / (5 + SHARE), (1 + SHARE) / (20 + SHARE))  # at the machine's call, or at the abandoned one
    assert float(bad["worst_rate_24_h"]) == pytest.approx(worst, abs=5e-5)
    assert (good["live_answers"], good["abandoned"], good["left_waiting"]) == ("200", "2", "1")
    assert float(good["abandoned_rate"]) == pytest.approx(0.01)
    assert float(good["worst_rate_720_h"]) == pytest.approx(2 / 200)
    table = " ".join(run_report("--store", store).split())
    assert "at most 3.0% in 24 h, 3.0% in 30 days of live answers" in table
    assert "profile neutral" in table
    assert run_report("--store", store, "--since", "2031-01-01").startswith("abandoned-call evidence")


def test_evidence_report_uses_the_windows_of_the_sites_profile(store: Path, tmp_path: Path) -> None:
    config = tmp_path / "centre.toml"
    config.write_text(
        "[rules.stricter.abandoned]\ncaps = [{ window_hours = 24, share = 0.005 }, { window_hours = 720, share = 0.03 }]\n",
        encoding="utf-8",
    )
    rows = list(csv.DictReader(io.StringIO(run_report("--store", store, "-c", config, "--format", "csv"))))
    assert [row["cap_met"] for row in rows] == ["NO", "NO"]
