"""Metrics match the views and the documentation, health checks report blocked processes, and alert rules fire."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from dialer.domain.alerts import AlertKind, create_alert
from dialer.domain.enums import CampaignKind
from dialer.domain.errors import PortInUse
from dialer.domain.model import CampaignProgress, CampaignState, Outcome
from dialer.domain.results import OutboxWait
from dialer.domain.view import (
    CallState,
    CampaignView,
    CentreState,
    CentreView,
    Hold,
    HoldReason,
    SeatState,
    TrunkView,
)
from dialer.metrics.families import (
    ProcessStatus,
    build_centre_metrics,
    build_metrics_of_centre_pages,
    build_metrics_of_headquarters_pages,
    build_metrics_of_result_import,
    build_uplink_metrics,
)
from dialer.metrics.server import serve_metrics
from tests.support.monitoring import ask, samples

ROOT = Path(__file__).parents[3]
CAMPAIGN = CampaignView(
    campaign_id="turnout",
    at=0.0,
    kind=CampaignKind.AGENTS,
    state=CampaignState.RUNNING,
    hold=Hold(HoldReason.NO_AGENT),
    calls={CallState.RINGING: 4},
    outcomes={Outcome.CONNECTED: 12, Outcome.ABANDONED: 1},
    attempts=17,
    answered=13,
    connected=12,
    abandoned=1,
    abandoned_rate=1 / 13,
    progress=CampaignProgress(100, 60, 40, 17),
    calls_placed=0,
    limited_by="seats",
    pacing="",
    refused={"calling-hours": 3},
    script=None,
    speed=None,
    abandoned_target=None,
    agent_share=None,
)
STATE = CentreState(
    centre="pune-1",
    at=0.0,
    switch_up=True,
    seats={SeatState.TALKING: 1},
    utilisation=0.5,
    trunks=(TrunkView("north", 4, 30, 0.3, 2, 17),),
    marks={"voted": 7},
    opt_outs=2,
    outbox=(OutboxWait("broker", 4, -30.0), OutboxWait("headquarters", 0, None)),
    figures={"loop_lag_median_seconds": 0.001, "loop_lag_p99_seconds": 0.004},
)
RESTING = create_alert(AlertKind.TRUNK, 0.0, trunk="north", until="14:05:00", failed=3, calls=3)
VIEW = CentreView(STATE, (CAMPAIGN,), (), (), (RESTING,))
SILENT = replace(VIEW, state=replace(STATE, switch_up=False))


async def test_metrics_show_the_current_figures_of_the_centre() -> None:
    async with serve_metrics("127.0.0.1", 0, lambda: build_centre_metrics(VIEW, broker_up=False, free_bytes=5)) as port:
        status, text = await ask(port, "/metrics")
    found = samples(text)
    assert status == 200
    wanted = {
        "matdan_switch_up": 1,
        "matdan_broker_up": 0,
        "matdan_calls,turnout,ringing": 4,
        "matdan_calls,turnout,talking": 0,
        "matdan_attempts_total,turnout,abandoned": 1,
        "matdan_refused_calls_total,turnout,calling-hours": 3,
        "matdan_campaign_held,turnout,no-agent": 1,
        "matdan_numbers_remaining,turnout": 40,
        "matdan_seats,talking": 1,
        "matdan_seats,lost": 0,
        "matdan_trunk_channels_used,north": 4,
        "matdan_trunk_state,working,north": 1,
        "matdan_trunk_failures_total,north": 2,
        "matdan_marks_total,voted": 7,
        "matdan_opt_outs_total": 2,
        "matdan_alert,trunk-north,warning": 1,
        "matdan_loop_lag_seconds,0.99": 0.004,
        "matdan_store_free_bytes": 5,
        "matdan_outbox_rows,broker": 4,
        "matdan_outbox_rows,headquarters": 0,
        "matdan_outbox_oldest_seconds,broker": 30,
        "matdan_outbox_oldest_seconds,headquarters": None,
    }
    assert {name: found.get(name) for name in wanted} == wanted
    assert found["process_open_fds"] > 0


@pytest.mark.parametrize(
    ("view", "status", "text"),
    [
        (VIEW, 200, "ok"),
        (SILENT, 503, "no connection to the switch"),
        (replace(VIEW, state=replace(STATE, draining=True)), 503, "the dialler is stopping"),
        (
            replace(VIEW, alerts=(create_alert(AlertKind.STORE, 0.0, problem="the disk is full"),)),
            503,
            "Dialling has stopped because the database is not available. Cause: the disk is full",
        ),
    ],
)
async def test_failed_readiness_check_names_the_reason_while_the_health_check_succeeds(
    view: CentreView, status: int, text: str
) -> None:
    async with serve_metrics("127.0.0.1", 0, lambda: build_centre_metrics(view, broker_up=None, free_bytes=5)) as port:
        assert await ask(port, "/ready") == (status, f"{text}\n")
        assert await ask(port, "/health") == (200, "ok\n")
        assert (await ask(port, "/voters"))[0] == 404


async def test_metrics_of_the_desk_report_a_lost_broker_connection() -> None:
    async with serve_metrics(
        "127.0.0.1", 0, lambda: build_metrics_of_centre_pages("pune-1", broker_up=False, streams=3)
    ) as port:
        assert (await ask(port, "/ready"))[0] == 503
        found = samples((await ask(port, "/metrics"))[1])
    assert (found["matdan_desk_broker_up"], found["matdan_desk_streams"]) == (0, 3)


async def test_health_check_reports_a_blocked_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialer.metrics.server.ANSWER_SECONDS", 0.1)
    async with serve_metrics("127.0.0.1", 0, lambda: build_centre_metrics(VIEW, broker_up=None, free_bytes=5)) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            assert b"503" in client.recv(64)  # this blocking call blocks the event loop


async def test_silent_client_does_not_block_other_metrics_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialer.metrics.server._Handler.timeout", 0.1)
    async with serve_metrics("127.0.0.1", 0, lambda: ProcessStatus(())) as port:
        with socket.create_connection(("127.0.0.1", port)):
            assert (await ask(port, "/health"))[0] == 200


async def test_occupied_metrics_port_gives_a_one_line_error() -> None:
    async with serve_metrics("127.0.0.1", 0, lambda: ProcessStatus(())) as port:
        with pytest.raises(PortInUse, match=rf"the metrics port 127\.0\.0\.1:{port} cannot be opened .*choose another"):
            async with serve_metrics("127.0.0.1", port, lambda: ProcessStatus(())):
                pass


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (build_uplink_metrics("pune-1", broker_up=True, headquarters_up=True), None),
        (build_uplink_metrics("pune-1", broker_up=True, headquarters_up=False), "no connection to headquarters"),
        (build_uplink_metrics("pune-1", broker_up=False, headquarters_up=True), "no connection to the broker"),
        (build_metrics_of_result_import(is_active=True, server_up=True, committed_at={}), None),
        (
            build_metrics_of_result_import(is_active=False, server_up=True, committed_at={}),
            "waiting for the database or for another gatherer to end",
        ),
        (
            build_metrics_of_result_import(is_active=False, server_up=False, committed_at={}),
            "no connection to headquarters' server",
        ),
        (build_metrics_of_headquarters_pages(server_up=True), None),
        (build_metrics_of_headquarters_pages(server_up=False), "no connection to headquarters' server"),
    ],
)
def test_readiness_status_of_a_process_names_the_missing_connection(status: ProcessStatus, problem: str | None) -> None:
    assert status.problem == problem


def list_metric_names() -> set[str]:
    """Return the names of all metrics of all processes."""
    statuses = (
        build_centre_metrics(VIEW, broker_up=True, free_bytes=0),
        build_metrics_of_centre_pages("pune-1", broker_up=True, streams=0),
        build_uplink_metrics("pune-1", broker_up=True, headquarters_up=True),
        build_metrics_of_result_import(
            is_active=True,
            server_up=True,
            committed_at={"pune-1": 1.0},
            contradicted_centres=["pune-1"],
            replaced_centres=["pune-1"],
            centres_with_unstored_results=["pune-1"],
            servers_with_outdated_copies=["hq-1"],
        ),
        build_metrics_of_headquarters_pages(server_up=True),
    )
    return {sample.name for status in statuses for family in status.families for sample in family.samples}


def load_alert_rules() -> list[dict[str, Any]]:
    """Return the shipped Prometheus alert rules."""
    text = (ROOT / "config/prometheus/alerts.yml").read_text(encoding="utf-8")
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def load_dashboard_queries() -> list[str]:
    """Return the queries of the shipped dashboard."""
    panels = json.loads((ROOT / "config/prometheus/dashboard.json").read_text(encoding="utf-8"))["panels"]
    assert len({each["id"] for each in panels}) == len(panels)
    return [target["expr"] for each in panels for target in each["targets"]]


def test_metrics_page_lists_exactly_the_existing_metrics() -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(matdan_\w+)`", page)) == list_metric_names()


def test_shipped_prometheus_alerts_and_dashboard_use_only_existing_metrics() -> None:
    queries = [*(rule["expr"] for rule in load_alert_rules()), *load_dashboard_queries()]
    assert {name for each in queries for name in re.findall(r"matdan_\w+", each)} <= list_metric_names()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_accepts_the_shipped_alert_rules_and_fires_the_alerts_of_each_example(tmp_path: Path) -> None:
    queries = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(load_dashboard_queries())]
    dashboard = tmp_path / "dashboard.yml"
    dashboard.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": queries}]}), encoding="utf-8")
    for verb, *files in (
        ("check", ROOT / "config/prometheus/alerts.yml", dashboard),
        ("test", Path(__file__).with_name("alerts_fire.yml")),
    ):
        result = subprocess.run(["promtool", str(verb), "rules", *files], capture_output=True, check=False)
        assert result.returncode == 0, result.stdout.decode() + result.stderr.decode()


def test_every_prometheus_alert_has_a_runbook() -> None:
    page = (ROOT / "docs/how-to/runbooks.md").read_text(encoding="utf-8")
    ours, of_dialler = page.split("## The dialler's own alerts")
    assert re.findall(r"^### (\w+)$", ours, re.MULTILINE) == [rule["alert"] for rule in load_alert_rules()]
    headings = re.findall(r"^### (\S+)$", of_dialler, re.MULTILINE)
    assert {re.sub("[A-Z]+", "*", each) for each in headings} == list_runbook_headings()


def list_runbook_headings() -> set[str]:
    """Return the runbook heading of each kind of alert that the dialler raises, with "*" for a name."""
    pages_only = {
        AlertKind.LIST_LOW,
        AlertKind.CAP_NEAR,
        AlertKind.SEAT_LOST,
        AlertKind.NO_PEER_UPDATES,
        AlertKind.OTHER,
    }
    codes = {kind.value if kind.subject is None else kind.make_alert_code("*") for kind in set(AlertKind) - pages_only}
    return {"rules-*" if code.startswith("rules-") else code for code in codes}
