"""Reports of the desk: the figures of known calls, the filter, the files, the roles, and the limits of size and time."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from typing import Any

import openpyxl
import pytest
from structlog.testing import capture_logs

from dialer.desk import call_reports, report_reader, reports
from dialer.desk.pages_built import SOURCES
from dialer.desk.reports import CALL_REPORT_ROLES, REPORTS
from dialer.domain.enums import ReportFormat, SupervisorRole
from dialer.mqtt.dialler_client import Reply
from tests.support.desk import DeskUnderTest, run_desk
from tests.support.report_store import HOUR, NOON, HandFilled

DAY = {"since": "2026-04-22", "until": "2026-04-23"}


@pytest.fixture
def store(tmp_path: Path) -> HandFilled:
    """Return a store with four calls at noon and one an hour earlier, of two campaigns."""
    made = HandFilled(tmp_path / "centre.db")
    with closing(made.db):
        made.answered(1, NOON, disposition="voted")
        made.answered(2, NOON + 1, disposition="not-yet")
        made.attempt(3, NOON + 2, outcome="abandoned", answered_at=NOON + 9)
        made.attempt(4, NOON + 3, campaign="ivr")
        made.attempt(5, NOON - HOUR)
    return made


@pytest.fixture
async def desk(store: HandFilled, tmp_path: Path) -> AsyncIterator[DeskUnderTest]:
    async with run_desk(tmp_path) as stand:
        yield stand


async def read_report(desk: DeskUnderTest, name: str, **chosen: str) -> dict[str, Any]:
    """Return the JSON of a report, as a supervisor's page receives it."""
    answer = await desk.browser.get(
        f"/api/reports/{name}", params={**DAY, **chosen}, headers=await desk.cookie("supervisor")
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def download_report(desk: DeskUnderTest, name: str, form: str, **chosen: str) -> Any:
    """Return the response with a report's file, as a supervisor's page receives it."""
    return await desk.browser.get(
        f"/api/reports/{name}/file",
        params={**DAY, **chosen, "format": form},
        headers=await desk.cookie("supervisor"),
    )


def rows_of(shown: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a shown report as dicts by column name."""
    return [dict(zip([each["name"] for each in shown["columns"]], row, strict=True)) for row in shown["rows"]]


async def test_hourly_report_counts_calls_by_campaign_and_hour(desk: DeskUnderTest) -> None:
    shown = await read_report(desk, "hours")
    found = [
        (row["campaign"], row["hour"], row["attempts"], row["contacts"], row["abandoned"]) for row in rows_of(shown)
    ]
    assert found == [("agents", "11:00", 1, 0, 0), ("agents", "12:00", 3, 2, 1), ("ivr", "12:00", 1, 0, 0)]
    assert shown["at"] == [NOON - HOUR, NOON, NOON]
    assert shown["row_count"] == 3
    assert shown["total"][3] == 5
    assert {each["name"]: each["kind"] for each in shown["columns"]}["abandoned_rate"] == "share"


async def test_filter_of_a_report_selects_period_and_campaign(desk: DeskUnderTest) -> None:
    assert [row["campaign"] for row in rows_of(await read_report(desk, "hours", campaign="ivr"))] == ["ivr"]
    early = await read_report(desk, "hours", until="2026-04-22T12:00")
    assert [row["hour"] for row in rows_of(early)] == ["11:00"]
    assert not (await read_report(desk, "hours", campaign="' OR 1=1 --"))["rows"]


@pytest.mark.parametrize(
    "chosen",
    [{"since": "yesterday-noon"}, {"since": "2026-04-23"}, {"since": "0001-01-01", "until": "9999-12-31T24:00"}],
)
async def test_report_with_an_unreadable_or_empty_period_is_refused(
    desk: DeskUnderTest, chosen: dict[str, str]
) -> None:
    answer = await desk.browser.get(
        "/api/reports/hours", params={**DAY, **chosen}, headers=await desk.cookie("supervisor")
    )
    assert (answer.status_code, answer.json()) == (422, {"problem": "report-period"})


async def test_downloaded_report_file_has_the_rows_shown_on_the_page(desk: DeskUnderTest) -> None:
    for name in ("hours", "outcomes", "dispositions"):
        shown = rows_of(await read_report(desk, name, campaign="agents"))
        answer = await download_report(desk, name, "csv", campaign="agents")
        assert answer.headers["content-disposition"].startswith(f'attachment; filename="{name}-')
        written = [*csv.DictReader(io.StringIO(answer.text))]
        assert len(written) == len(shown) > 0
        for row, line in zip(shown, written, strict=True):
            assert {
                key: "" if cell is None else str(cell) for key, cell in row.items() if isinstance(cell, int | str)
            } == {key: line[key] for key, cell in row.items() if isinstance(cell, int | str)}
        workbook = (await download_report(desk, name, "xlsx", campaign="agents")).content
        cells = [*openpyxl.load_workbook(io.BytesIO(workbook)).worksheets[0].iter_rows(values_only=True)]
        assert [row[0] for row in cells[1 : len(shown) + 1]] == [row["campaign"] for row in shown]
        pdf = await download_report(desk, name, "pdf", campaign="agents")
        assert (pdf.content[:5], pdf.headers["content-type"]) == (b"%PDF-", "application/pdf")


async def test_reports_page_offers_each_role_its_reports_and_all_campaigns(desk: DeskUnderTest) -> None:
    for role in SupervisorRole:
        answer = await desk.get("/api/reports", role)
        if answer.status_code == 200:
            offered = [name for name, each in REPORTS.items() if role in each.roles]
            assert answer.json()["reports"] == offered + ["calls"] * (role in CALL_REPORT_ROLES)
            assert answer.json()["campaigns"] == ["agents", "ivr", "turnout-agents", "turnout-ivr"]
        for name, report in REPORTS.items():
            expected = 200 if role in report.roles else 403
            assert (await desk.get(f"/api/reports/{name}", role)).status_code == expected


async def test_every_column_of_a_report_has_a_text_on_the_page(desk: DeskUnderTest) -> None:
    texts = (SOURCES / "locales/reports/en.ftl").read_text("utf-8")
    for name in REPORTS:
        for column in (await read_report(desk, name))["columns"]:
            assert f"\ncolumn-{column['name'].replace('_', '-')} = " in texts, name


async def test_reports_page_shows_first_rows_and_total_of_a_long_report(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MAX_SHOWN_ROWS", 2)
    shown = await read_report(desk, "hours")
    assert (len(shown["rows"]), len(shown["at"]), shown["row_count"]) == (2, 2, 3)


async def test_report_file_with_too_many_rows_is_refused(desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "MAX_FILE_ROWS", {ReportFormat.CSV: 3, ReportFormat.PDF: 2})
    assert (await download_report(desk, "hours", "csv")).status_code == 200
    answer = await download_report(desk, "hours", "pdf")
    assert (answer.status_code, answer.json()) == (409, {"problem": "report-too-long", "rows": 2})


async def test_report_that_exceeds_the_time_limit_is_cancelled(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    monkeypatch.setattr(reports, "read_campaign_states", lambda db: db.execute(endless).fetchall())
    monkeypatch.setattr(report_reader, "MAX_READ_SECONDS", 0.0)
    answer = await desk.get("/api/reports", "supervisor")
    assert (answer.status_code, answer.json()) == (409, {"problem": "report-too-slow", "seconds": 0})


async def test_call_list_is_paginated_and_its_downloaded_file_has_every_call(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_reports, "CALLS_OF_PAGE", 2)
    seen: list[dict[str, Any]] = []
    page: dict[str, Any] = {"before": None}
    while True:
        older = {} if page["before"] is None else {"before": str(page["before"])}
        page = await read_report(desk, "calls", **older)
        seen += page["calls"]
        if page["before"] is None:
            break
    assert [(call["phone"], call["outcome"]) for call in seen] == [
        (5, "no-answer"),
        (4, "no-answer"),
        (3, "abandoned"),
        (2, "connected"),
        (1, "connected"),
    ]
    assert (seen[3]["seconds"], seen[3]["disposition"], seen[3]["agent"]) == (40.0, "not-yet", "a1")
    written = [*csv.DictReader(io.StringIO((await download_report(desk, "calls", "csv")).text))]
    assert [row["attempt"] for row in written] == [call["attempt"] for call in seen]


async def test_filter_of_the_call_list_also_applies_to_its_downloaded_file(desk: DeskUnderTest) -> None:
    for chosen, phones in (
        ({"disposition": "voted"}, [1]),
        ({"agent": "a1", "outcome": "connected"}, [2, 1]),
        ({"phone": "4"}, [4]),
        ({"until": "2026-04-22T12:00"}, [5]),
        ({"campaign": "ivr"}, [4]),
    ):
        assert [call["phone"] for call in (await read_report(desk, "calls", **chosen))["calls"]] == phones
        answer = await download_report(desk, "calls", "csv", **chosen)
        assert [int(row["phone"]) for row in csv.DictReader(io.StringIO(answer.text))] == phones
    for chosen in ({"phone": "x"}, {"voter": "-1"}, {"agent": "a" * 99}, {"before": "-1"}):
        answer = await desk.browser.get("/api/reports/calls", params=chosen, headers=await desk.cookie("supervisor"))
        assert (answer.status_code, answer.json()) == (422, {"problem": "values"})


async def test_search_for_a_phone_number_returns_its_id_after_the_dialler_has_written_an_audit_entry(
    desk: DeskUnderTest, store: HandFilled, tmp_path: Path
) -> None:
    with closing(connect(tmp_path / "centre.db")) as db:
        phone, number = db.execute("SELECT phone_id, e164 FROM phone LIMIT 1").fetchone()
    asked = {"id": "0f9a7c1e-click", "number": number}
    with capture_logs() as logs:
        answer = await desk.post("/api/reports/calls/number", asked, "compliance")
    assert answer.json() == {"phone": phone}
    assert desk.dialler_client.asked == [("compliance", asked["id"], "number-search", {"phone_id": phone})]
    assert number not in str(logs)
    unknown = await desk.post("/api/reports/calls/number", {**asked, "number": "+919876500000"}, "compliance")
    assert unknown.json() == {"phone": None}
    assert desk.dialler_client.asked[1:] == [("compliance", asked["id"], "number-search", {})]
    wrong = await desk.post("/api/reports/calls/number", {**asked, "number": "12"}, "compliance")
    assert (wrong.status_code, wrong.json()) == (422, {"problem": "number-unreadable"})


async def test_phone_number_is_not_looked_up_for_a_user_whose_search_is_not_audited(desk: DeskUnderTest) -> None:
    asked = {"id": "0f9a7c1e-click", "number": "+919876500000"}
    for role in ("viewer", "coach"):
        assert (await desk.post("/api/reports/calls/number", asked, role)).status_code == 403
    desk.dialler_client.reply = Reply("unanswered", "")
    answer = await desk.post("/api/reports/calls/number", asked, "supervisor")
    assert (answer.status_code, answer.json()) == (503, {"problem": "search-not-audited"})


async def test_history_of_a_call_is_shown_to_permitted_roles_only(desk: DeskUnderTest) -> None:
    [call] = (await read_report(desk, "calls", phone="2"))["calls"]
    path = f"/api/reports/calls/{call['attempt']}"
    history = (await desk.get(path, "compliance")).json()
    assert [(each["name"], each["at"]) for each in history["moments"]] == [
        ("created", NOON + 1),
        ("answered", NOON + 11),
        ("connected", NOON + 12),
        ("ended", NOON + 51),
    ]
    assert (history["trunk"], history["caller_id"], history["grounds"]) == ("carrier", "+911140000001", {})
    assert (await desk.get(path, "viewer")).status_code == 403
    assert (await desk.get(f"{path}9", "supervisor")).json() == {"problem": "no-call"}
