"""A monitoring server is told what the views have, in words that are documented; and a process that stands still says so."""

from __future__ import annotations

import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from config.words import CampaignKind
from dialer.domain.errors import PortInUse
from dialer.domain.model import CampaignProgress, CampaignState, Outcome
from dialer.domain.view import (
    Alert,
    AlertLevel,
    CallState,
    CampaignView,
    CentreView,
    Hold,
    HoldReason,
    SeatState,
    SeatView,
    TrunkView,
)
from dialer.metrics.families import Readiness, of_centre, of_desk
from dialer.metrics.server import serving_metrics
from tests.support.monitoring import ask, samples

ROOT = Path(__file__).parents[3]
CAMPAIGN = CampaignView(
    campaign_id="turnout",
    kind=CampaignKind.AGENTS,
    state=CampaignState.RUNNING,
    calls={CallState.RINGING: 4},
    outcomes={Outcome.CONNECTED: 12, Outcome.ABANDONED: 1},
    attempts=17,
    answered=13,
    connected=12,
    abandoned=1,
    abandoned_rate=1 / 13,
    progress=CampaignProgress(100, 60, 40, 17),
    placing=0,
    limited_by="seats",
    pacing="",
    pacing_words="",
    hold=Hold(HoldReason.NO_AGENT),
    refused={"calling-hours": 3},
)
VIEW = CentreView(
    centre="pune-1",
    at=0.0,
    switch_up=True,
    draining=False,
    campaigns=(CAMPAIGN,),
    seats=(SeatView("01", "17", SeatState.TALKING, 5.0, "turnout", "a", 0.5, 3),),
    trunks=(TrunkView("north", 4, 30, 0.3, 2, 17),),
    booths=(),
    marks={"voted": 7},
    opt_outs=2,
    alerts=(Alert("trunk-north", AlertLevel.WARNING, "north fails", 0.0),),
    figures={"loop_lag_median_seconds": 0.001, "loop_lag_p99_seconds": 0.004},
)
SILENT = replace(VIEW, switch_up=False)


async def test_what_the_board_shows_is_told() -> None:
    async with serving_metrics("127.0.0.1", 0, lambda: of_centre(VIEW, broker_up=False)) as port:
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
        "matdan_numbers_due,turnout": 40,
        "matdan_seats,talking": 1,
        "matdan_seats,lost": 0,
        "matdan_trunk_channels_used,north": 4,
        "matdan_trunk_state,working,north": 1,
        "matdan_trunk_failures_total,north": 2,
        "matdan_marks_total,voted": 7,
        "matdan_opt_outs_total": 2,
        "matdan_alert,trunk-north,warning": 1,
        "matdan_loop_lag_seconds,0.99": 0.004,
    }
    assert {name: found.get(name) for name in wanted} == wanted
    assert found["process_open_fds"] > 0


@pytest.mark.parametrize(
    ("view", "status", "text"),
    [
        (VIEW, 200, "well"),
        (SILENT, 503, "no connection to the switch"),
        (replace(VIEW, draining=True), 503, "it is stopping"),
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
    async with serving_metrics("127.0.0.1", 0, lambda: of_centre(view, broker_up=None)) as port:
        assert await ask(port, "/ready") == (status, f"{text}\n")
        assert await ask(port, "/health") == (200, "well\n")
        assert (await ask(port, "/voters"))[0] == 404


async def test_a_desk_tells_whether_it_hears_the_broker() -> None:
    async with serving_metrics("127.0.0.1", 0, lambda: of_desk("pune-1", heard=False, streams=3)) as port:
        assert (await ask(port, "/ready"))[0] == 503
        found = samples((await ask(port, "/metrics"))[1])
    assert (found["matdan_desk_hears_broker"], found["matdan_desk_streams"]) == (0, 3)


async def test_a_loop_that_stands_still_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialer.metrics.server.ANSWER_SECONDS", 0.1)
    async with serving_metrics("127.0.0.1", 0, lambda: of_centre(VIEW, broker_up=None)) as port:
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


def told() -> set[str]:
    """The names of all that is told."""
    families = (*of_centre(VIEW, broker_up=True).families, *of_desk("pune-1", heard=True, streams=0).families)
    return {sample.name for family in families for sample in family.samples}


def test_every_figure_is_documented_and_none_else() -> None:
    page = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    table = page.partition("## Figures")[2].partition("## Alerts")[0]
    assert set(re.findall(r"`(matdan_\w+)`", table)) == told()


def test_every_alert_is_of_figures_that_there_are_and_says_what_to_do() -> None:
    text = (ROOT / "config/prometheus/alerts.yml").read_text(encoding="utf-8")
    rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    page = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8").partition("## Alerts")[2]
    for rule in rules:
        assert set(re.findall(r"matdan_\w+", rule["expr"])) <= told(), rule["alert"]
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == [rule["alert"] for rule in rules]
