"""A monitoring server is told what the views have, in words that are documented; and a process that stands still says so."""

from __future__ import annotations

import ast
import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from dialer.domain.enums import CampaignKind
from dialer.domain.errors import PortInUse
from dialer.domain.model import CampaignProgress, CampaignState, Outcome
from dialer.domain.view import (
    Alert,
    AlertLevel,
    CallState,
    CampaignView,
    CentreState,
    CentreView,
    Hold,
    HoldReason,
    OutboxWait,
    SeatState,
    TrunkView,
)
from dialer.metrics.families import Readiness, of_centre, of_desk, of_gatherer, of_hq_desk, of_uplink
from dialer.metrics.server import serving_metrics
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
VIEW = CentreView(STATE, (CAMPAIGN,), (), (), (Alert("trunk-north", AlertLevel.WARNING, "north fails", 0.0),))
SILENT = replace(VIEW, state=replace(STATE, switch_up=False))


async def test_what_the_board_shows_is_told() -> None:
    async with serving_metrics("127.0.0.1", 0, lambda: of_centre(VIEW, broker_up=False, free_bytes=5)) as port:
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
        "matdan_campaign_held,no-agent,turnout": 1,
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
        (replace(VIEW, state=replace(STATE, draining=True)), 503, "it is stopping"),
        (
            replace(VIEW, alerts=(Alert("store", AlertLevel.CRITICAL, "the disk is full", 0.0),)),
            503,
            "the disk is full",
        ),
    ],
)
async def test_who_does_not_do_its_work_says_why_and_is_alive_all_the_same(
    view: CentreView, status: int, text: str
) -> None:
    async with serving_metrics("127.0.0.1", 0, lambda: of_centre(view, broker_up=None, free_bytes=5)) as port:
        assert await ask(port, "/ready") == (status, f"{text}\n")
        assert await ask(port, "/health") == (200, "ok\n")
        assert (await ask(port, "/voters"))[0] == 404


async def test_a_desk_tells_whether_it_hears_the_broker() -> None:
    async with serving_metrics("127.0.0.1", 0, lambda: of_desk("pune-1", heard=False, streams=3)) as port:
        assert (await ask(port, "/ready"))[0] == 503
        found = samples((await ask(port, "/metrics"))[1])
    assert (found["matdan_desk_hears_broker"], found["matdan_desk_streams"]) == (0, 3)


async def test_a_loop_that_stands_still_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialer.metrics.server.ANSWER_SECONDS", 0.1)
    async with serving_metrics("127.0.0.1", 0, lambda: of_centre(VIEW, broker_up=None, free_bytes=5)) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            assert b"503" in client.recv(64)  # which holds up the loop


async def test_who_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialer.metrics.server._Handler.timeout", 0.1)
    async with serving_metrics("127.0.0.1", 0, lambda: Readiness(())) as port:
        with socket.create_connection(("127.0.0.1", port)):
            assert (await ask(port, "/health"))[0] == 200


async def test_a_port_that_is_taken_is_one_line() -> None:
    async with serving_metrics("127.0.0.1", 0, lambda: Readiness(())) as port:
        with pytest.raises(PortInUse, match=rf"127\.0\.0\.1:{port} for metrics: .*choose another"):
            async with serving_metrics("127.0.0.1", port, lambda: Readiness(())):
                pass


@pytest.mark.parametrize(
    ("stands", "problem"),
    [
        (of_uplink("pune-1", heard=True, joined=True), None),
        (of_uplink("pune-1", heard=True, joined=False), "no connection to headquarters"),
        (of_uplink("pune-1", heard=False, joined=True), "the uplink does not hear the broker"),
        (of_gatherer(works=True, joined=True, kept_at={}), None),
        (
            of_gatherer(works=False, joined=True, kept_at={}),
            "it waits for the database, or for another gatherer to end",
        ),
        (of_gatherer(works=False, joined=False, kept_at={}), "no connection to headquarters' server"),
        (of_hq_desk(hears=True), None),
        (of_hq_desk(hears=False), "the pages do not hear the centres: no connection to the server"),
    ],
)
def test_uplink_gatherer_and_headquarters_pages_say_what_they_wait_for(stands: Readiness, problem: str | None) -> None:
    assert stands.not_ready == problem


def told() -> set[str]:
    """The names of all that is told."""
    each = (
        of_centre(VIEW, broker_up=True, free_bytes=0),
        of_desk("pune-1", heard=True, streams=0),
        of_uplink("pune-1", heard=True, joined=True),
        of_gatherer(works=True, joined=True, kept_at={"pune-1": 1.0}),
        of_hq_desk(hears=True),
    )
    return {sample.name for stands in each for family in stands.families for sample in family.samples}


def rules() -> list[dict[str, Any]]:
    """Prometheus' rules, as they ship."""
    text = (ROOT / "config/prometheus/alerts.yml").read_text(encoding="utf-8")
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def dashboard() -> list[str]:
    """The questions of the dashboard, as it ships."""
    panels = json.loads((ROOT / "config/prometheus/dashboard.json").read_text(encoding="utf-8"))["panels"]
    assert len({each["id"] for each in panels}) == len(panels)
    return [target["expr"] for each in panels for target in each["targets"]]


def test_metrics_page_lists_every_metric() -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(matdan_\w+)`", page)) == told()


def test_alerts_and_dashboard_ask_for_figures_that_there_are() -> None:
    asked = [*(rule["expr"] for rule in rules()), *dashboard()]
    assert {name for each in asked for name in re.findall(r"matdan_\w+", each)} <= told()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_reads_alerts_and_dashboard_and_wakes_somebody_when_it_should(tmp_path: Path) -> None:
    questions = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(dashboard())]
    asked = tmp_path / "dashboard.yml"
    asked.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": questions}]}), encoding="utf-8")
    for verb, *files in (
        ("check", ROOT / "config/prometheus/alerts.yml", asked),
        ("test", Path(__file__).with_name("alerts_fire.yml")),
    ):
        said = subprocess.run(["promtool", str(verb), "rules", *files], capture_output=True, check=False)
        assert said.returncode == 0, said.stdout.decode() + said.stderr.decode()


def test_every_alert_has_a_runbook() -> None:
    page = (ROOT / "docs/how-to/runbooks.md").read_text(encoding="utf-8")
    ours, of_dialler = page.split("## The dialler's own alerts")
    assert re.findall(r"^### (\w+)$", ours, re.MULTILINE) == [rule["alert"] for rule in rules()]
    headings = re.findall(r"^### (\S+)$", of_dialler, re.MULTILINE)
    assert {re.sub("[A-Z]+", "*", each) for each in headings} == alert_codes()


HANDED_ON = {"dialer/engine/alerts/state.py", "dialer/mqtt/link.py", "dialer/mqtt/commands/alerts.py"}
"""Where alerts are raised whose code others have given."""


def alert_codes() -> set[str]:
    """The codes of all alerts that the dialler's source raises; what differs from one to the next as "*"."""
    codes: set[str] = set()
    for path in (ROOT / "dialer").rglob("*.py"):
        text, file = path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))
        if (
            not re.search(r"\b(raise_alert|Alert|LinkPurpose|CountingAlert|CountingAlert)\(", text)
            or "simulation" in file
        ):
            continue
        tree = ast.parse(text)
        named: dict[str, list[ast.expr]] = {}
        for name, values in assigned(tree):
            named.setdefault(name, []).extend(values)
        for call in (each for each in ast.walk(tree) if isinstance(each, ast.Call) and each.args):
            what = ast.unparse(call.func).rpartition(".")[2]
            if what in {"raise_alert", "Alert", "CountingAlert", "_report", "LinkPurpose"}:
                code = call.args[1 if what == "LinkPurpose" else 0]
                found = named.get(code.id, [code]) if isinstance(code, ast.Name) else [code]
                words = {"".join(parts_of(each)) for each in found}
                assert words != {""} or file in HANDED_ON or what == "Alert", f"{file}: the code of {ast.unparse(call)}"
                codes |= words - {""}
    return codes


def assigned(tree: ast.Module) -> Iterator[tuple[str, list[ast.expr]]]:
    """What names stand for in a file: of assignments, and of loops over what is written there."""
    for each in ast.walk(tree):
        if isinstance(each, ast.Assign):
            pairs = [(each.targets[0], each.value)]
        elif isinstance(each, ast.For) and isinstance(each.iter, ast.Tuple):
            pairs = [(each.target, value) for value in each.iter.elts]
        else:
            continue
        found: dict[str, list[ast.expr]] = {}
        for target, value in pairs:
            parts = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                parts = [*zip(target.elts, value.elts, strict=True)]
            for name, part in parts:
                if isinstance(name, ast.Name):
                    found.setdefault(name.id, []).append(part)
        yield from found.items()


def parts_of(code: ast.expr) -> Iterator[str]:
    """A literal's text, of a text with values in it what stands between them."""
    if isinstance(code, ast.Constant) and isinstance(code.value, str):
        yield code.value
    elif isinstance(code, ast.JoinedStr):
        for each in code.values:
            yield str(each.value) if isinstance(each, ast.Constant) else "*"
