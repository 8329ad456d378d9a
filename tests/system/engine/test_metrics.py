"""Health and metrics for monitoring servers, if the settings have a port for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.app import assemble_centre
from dialer.desk.board_account import serve_desk_metrics as metrics_of_desk
from dialer.mqtt.dialler_client import DeskStatus
from dialer.settings.site import Settings
from dialer.site.metrics import serve_dialler_metrics
from dialer.web.page_state import PageState
from tests.support.centre import site_settings
from tests.support.monitoring import ask, samples
from tests.support.roll_filler import fill_roll


async def test_dialler_without_asterisk_reports_alive_but_not_ready(tmp_path: Path) -> None:
    fill_roll(tmp_path / "centre.db", 3)
    settings = site_settings(tmp_path, 5038, metrics={"port": 0})
    async with (
        assemble_centre(settings) as centre,
        serve_dialler_metrics(settings, centre.engine, centre.monitor) as port,
    ):
        assert port is not None
        assert await ask(port, "/health") == (200, "ok\n")
        assert await ask(port, "/ready") == (503, "no connection to the switch\n")
        found = samples((await ask(port, "/metrics"))[1])
    assert (found["matdan_switch_up"], found["matdan_seats,offline"]) == (0, len(settings.seats))


@pytest.mark.parametrize("heard", [True, False])
async def test_desk_metrics_report_ready_only_while_the_broker_is_connected(heard: bool) -> None:
    page_state = PageState(lambda: 0.0)
    page_state.set_value_of_key("desk", DeskStatus(heard, 0.0))
    async with metrics_of_desk(Settings(metrics={"desk_port": 0}), page_state) as port:
        assert port is not None
        assert (await ask(port, "/ready"))[0] == (200 if heard else 503)


async def test_dialler_serves_no_metrics_without_a_port_in_the_settings(tmp_path: Path) -> None:
    fill_roll(tmp_path / "centre.db", 3)
    settings = site_settings(tmp_path, 5038)
    async with (
        assemble_centre(settings) as centre,
        serve_dialler_metrics(settings, centre.engine, centre.monitor) as port,
    ):
        assert port is None
    async with metrics_of_desk(settings, PageState(lambda: 0.0)) as port:
        assert port is None
