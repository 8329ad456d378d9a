"""The abandoned-call rate is the same in every report and view, and calls answered by flows do not lower it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from dialer.domain import judged_calls
from dialer.domain.judged_calls import JudgedCalls
from dialer.domain.model import Outcome, calculate_abandoned_rate
from dialer.mqtt.messages import create_statistics_message
from dialer.reports import accounts, tables
from dialer.reports.evidence import report_compliance_with_abandoned_caps
from dialer.settings.jurisdiction import load_profile
from dialer.simulation.demo.report import build_demo_report
from dialer.store.connection import open_store_snapshot
from tests.support.centre import a_site
from tests.support.roll_filler import fill_roll
from tests.support.rules import neutral_with
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch

NOON = 1_713_765_600.0
AGENTS = {"connected": 197, "abandoned": 2, "dropped": 1, "machine": 40, "no-answer": 60}
IVR = {"completed": 300, "left": 99, "busy": 5}
DETECTING = {"completed": 90, "left": 9, "machine": 20}
RATE = 0.01  # 2 of 200, without the calls that detection took for machines
SHARE = load_profile("neutral").machine_detection.false_positive_share
PEOPLE = SHARE * AGENTS["machine"]
CHARGED = (2 + PEOPLE) / (200 + PEOPLE)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "centre.db"
    fill_roll(path, 900, voters_per_booth=300)
    with contextlib.closing(sqlite3.connect(path)) as db:
        campaigns = (("agents", "agents", AGENTS), ("detecting", "ivr", DETECTING), ("ivr", "ivr", IVR))
        for campaign, kind, outcomes in campaigns:
            db.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES (?, ?, 'turnout')", (campaign, kind))
            ended = [outcome for outcome, count in outcomes.items() for _ in range(count)]
            for place, outcome in enumerate(ended, 1):
                answered = NOON + place if outcome not in {"no-answer", "busy"} else None
                db.execute(
                    "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id,"
                    " created_at, answered_at, ended_at, outcome) VALUES (?, ?, ?, 1, 1, 't', 'c', ?, ?, ?, ?)",
                    (f"{campaign}{place}", campaign, place, NOON + place, answered, NOON + place + 9, outcome),
                )
        db.commit()
    return path


def cells(report: Any, row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip([column.name for column in report.columns], row, strict=True))


async def test_abandoned_rate_is_the_same_in_every_report_and_excludes_ivr_calls(store: Path) -> None:
    window = tables.Window(NOON - 60, NOON + 3600)
    with open_store_snapshot(store, None) as source:
        table = tables.report_abandoned_calls(source, window, UTC, SHARE)
        uncharged = tables.report_abandoned_calls(source, window, UTC, 0.0)
        proof = report_compliance_with_abandoned_caps(source, window, UTC, load_profile("neutral"))
    people = SHARE * DETECTING["machine"]
    of_flow = people / (99 + people)
    agents, detecting, ivr = (cells(table, row) for row in table.rows)
    rates = [each["abandoned_rate"] for each in (agents, detecting, ivr)]
    assert rates == [pytest.approx(CHARGED), pytest.approx(of_flow), None]  # a flow without detection abandons nobody
    assert (agents["abandoned"], agents["taken_for_machines"], detecting["live_answers"]) == (2, 40, 99)
    assert [cells(uncharged, row)["abandoned_rate"] for row in uncharged.rows] == [RATE, None, None]
    assert table.total is not None
    assert cells(table, table.total)["abandoned_rate"] == pytest.approx((2 + PEOPLE + people) / (299 + PEOPLE + people))
    proven = {cells(proof, row)["campaign"]: cells(proof, row)["abandoned_rate"] for row in proof.rows}
    assert proven == {"agents": pytest.approx(CHARGED), "detecting": pytest.approx(of_flow)}
    run_report = (build_demo_report(store, since=NOON - 60, journal=None)).convert_report_to_json_types()
    # The demo detects no machines.
    assert (run_report["abandoned_rate"], run_report["campaigns"]["agents"]["abandoned_rate"]) == (RATE, RATE)
    assert run_report["live_answers"] == 200


async def test_judged_calls_of_a_campaign_replace_its_share_of_people_in_every_report(store: Path) -> None:
    window = tables.Window(NOON - 60, NOON + 3600)
    with contextlib.closing(sqlite3.connect(store)) as db:
        judged = "INSERT INTO judged_call SELECT attempt_id, iif(attempt_number = 2, 'person', 'machine'), 1.0, 'asha'"
        db.execute("UPDATE attempt SET attempt_number = 2 WHERE outcome = 'machine' AND phone_id % 20 = 0")
        db.execute("INSERT INTO recording SELECT attempt_id, 1.0 FROM attempt WHERE outcome = 'machine'")
        db.execute(f"{judged} FROM attempt WHERE outcome = 'machine'")
        db.commit()
    measured = JudgedCalls(40, 2).false_positive_upper_bound
    with pytest.MonkeyPatch.context() as patch, open_store_snapshot(store, None) as source:
        patch.setattr(judged_calls, "LEAST_JUDGED", 40)
        table = tables.report_abandoned_calls(source, window, UTC, SHARE)
        hours = accounts.report_calls_by_hour(source, window, UTC, SHARE)
        proof = report_compliance_with_abandoned_caps(source, window, UTC, load_profile("neutral"))
        machines = tables.report_calls_taken_for_machines(source, window, SHARE)
    people = measured * AGENTS["machine"]
    for report in (table, hours, proof):
        rates = {cells(report, row)["campaign"]: cells(report, row)["abandoned_rate"] for row in report.rows}
        assert rates["agents"] == pytest.approx((2 + people) / (200 + people))
        assert rates["detecting"] == pytest.approx(SHARE * 20 / (99 + SHARE * 20))  # 20 calls are too few
    assert f"26.0%, {measured:.1%} in agents as measured (2 of 40), count as abandoned people" in proof.title
    assert machines.rows == (
        ("agents", 40, 40, 40, 2, 0.05, measured, measured),
        ("detecting", 20, 20, 20, 1, 0.05, JudgedCalls(20, 1).false_positive_upper_bound, SHARE),
    )


@virtual_time()
async def test_board_and_statistics_topic_have_the_same_abandoned_rate(tmp_path: Path) -> None:
    detects = {"machine_detection": "before-seat"}
    profile = neutral_with(machine_detection={"allowed": True})
    async with a_site(tmp_path, make_answering_switch(), campaign=detects, profile=profile) as site:
        [run] = site.centre.engine.features.loaded_campaigns.list_campaign_runs()  # set the outcomes of a whole day
        run.outcomes = Counter({Outcome(name): count for name, count in AGENTS.items()})
        run.taken_for_machines = AGENTS["machine"]
        [view] = site.centre_view.campaigns
        published = json.loads(create_statistics_message("pune-1", view).payload)["abandoned_rate"]
    assert (view.abandoned_rate, published) == pytest.approx((CHARGED, CHARGED), abs=1e-4)
    assert view.abandoned == 2
    assert calculate_abandoned_rate(AGENTS | IVR).abandoned_rate == RATE
