"""The checks that `dialer doctor` makes of a running site's processes, records, clocks and trunks."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.alerts import AlertKind, AlertList, create_alert
from dialer.domain.finding import Finding, Level
from dialer.domain.model import Announcement, CampaignProgress, CampaignState
from dialer.domain.view import CentreState, Hold, HoldReason, SeatState
from dialer.metrics.families import build_metrics_of_centre_pages
from dialer.metrics.server import serve_metrics
from dialer.mqtt.latest_messages import LatestMessages
from dialer.settings.site import Settings
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, SimulatedTrunk, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.site.checks import processes, store
from dialer.site.checks.processes import check_published_dialler_state, check_running_process
from dialer.site.checks.store import check_backup, check_stored_records
from dialer.site.checks.while_running import check_running_site
from tests.support.centre import site_settings
from tests.support.fake_centre import campaign_view
from tests.support.roll_filler import fill_roll
from tests.support.stores import NOW, SqliteBackend, claim_and_open_attempt, open_filled_store
from tests.support.virtual import virtual_time

STATE = CentreState(
    centre="pune-1",
    at=NOW - 2,
    calls=3,
    seats={SeatState.READY: 1, SeatState.TALKING: 2, SeatState.LOST: 0},
    campaigns={"calls": CampaignState.RUNNING},
)
CAMPAIGN = replace(campaign_view("calls"), progress=CampaignProgress(5_000, 3_800, 1_200, 4_000))
HELD = replace(CAMPAIGN, hold=Hold(HoldReason.NO_AGENT, "no agent is free"))
ALERTS = AlertList(NOW, (create_alert(AlertKind.STORE, NOW, problem="the disk is full"),))


@dataclass(frozen=True)
class Now:
    """A clock that always shows the same time."""

    at: float = NOW

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    def get_seconds_since_boot(self) -> float:
        return 0.0


async def group_findings_by_subject(settings: Settings, **more: Any) -> dict[str, Finding]:
    return {each.subject: each async for each in check_running_site(settings, Now(), **more)}


def without_lines(directory: Path, **sections: Any) -> Settings:
    return site_settings(directory, 1, trunks=[], **sections)


async def test_dialer_doctor_reports_that_no_dialler_is_running(tmp_path: Path) -> None:
    fill_roll(tmp_path / "centre.db", 9)
    seen = await group_findings_by_subject(without_lines(tmp_path))
    assert (seen["store lock"].level, seen["store lock"].remedy) == (Level.ERROR, "start the dialler (`dialer run`)")
    assert (seen["dialler"].level, seen["dialler"].remedy) == (
        Level.WARNING,
        "set metrics.port (docs/how-to/monitoring.md)",
    )
    assert seen["store"] == Finding(Level.OK, "store", "the pages of the database file are intact")


async def test_dialer_doctor_reports_changed_records_pending_results_and_unknown_attempts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = SqliteBackend(tmp_path)
    async with open_filled_store(backend) as opened:
        await claim_and_open_attempt(opened, 1)
        await opened.add_messages_to_outbox([Announcement("results/marks", "{}")] * 2, NOW - 1_200)
    copy = backend.path.with_name(f"{backend.path.name}.schema-26")
    copy.mkdir()
    settings = without_lines(tmp_path, store={"path": backend.path}, broker={"enabled": False})
    seen = await group_findings_by_subject(settings)
    assert seen["signed records"].level is Level.OK
    assert seen["copy"].text == f"{copy} is from before an upgrade"
    assert "outbox for broker" not in seen
    with closing(sqlite3.connect(backend.path)) as db:
        db.execute("UPDATE attempt SET trunk = 'another', ended_at = 1, outcome = 'unknown'")
        db.commit()
    (late,) = [
        each
        for each in check_stored_records(settings.model_copy(update={"broker": Settings().broker}), NOW)
        if "outbox" in each.subject
    ]
    assert (late.level, late.text) == (Level.ERROR, "2 announcements pending, the oldest for 20 min")
    seen = await group_findings_by_subject(settings)
    assert seen["signed records"].level is Level.ERROR
    assert seen["signed records"].remedy == "`dialer audit verify` lists all"
    assert seen["unknown attempts"].text.startswith("1 attempt with an unknown result")
    monkeypatch.setattr(store, "MAX_SEALS", 0)
    assert (await group_findings_by_subject(settings))["signed records"].level is Level.WARNING


@pytest.mark.parametrize(
    ("names", "level", "text"),
    [
        ([], Level.ERROR, "FOLDER has no backup of test"),
        (["other-20240422-093000", "test-half-done"], Level.ERROR, "FOLDER has no backup of test"),
        (["test-20240420-093000", "test-20240421-093000"], Level.ERROR, "the newest of 2 is 25 h old"),
        (["test-20240422-090100"], Level.OK, "the newest of 1 is 90 min old"),
    ],
)
async def test_dialer_doctor_reports_a_missing_or_old_backup(
    tmp_path: Path, names: list[str], level: Level, text: str
) -> None:
    for name in names:
        (tmp_path / name).mkdir()
    now = datetime.fromisoformat("2024-04-22T10:31:00+05:30").timestamp()
    seen = check_backup(without_lines(tmp_path), tmp_path, now)
    assert (seen.level, seen.text) == (level, text.replace("FOLDER", str(tmp_path)))


async def test_dialer_doctor_reads_version_and_readiness_of_a_process_from_the_metrics_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_roll(tmp_path / "centre.db", 9)
    async with serve_metrics(
        "127.0.0.1", 0, lambda: build_metrics_of_centre_pages("test", broker_up=True, streams=1)
    ) as port:
        settings = without_lines(tmp_path, metrics={"desk_port": port})
        assert (await group_findings_by_subject(settings))["desk"].level is Level.OK
        monkeypatch.setattr(processes, "version", lambda _: "9.9.9")
        findings = [each async for each in check_running_site(settings, Now()) if each.subject == "desk"]
        assert [each.level for each in findings] == [Level.ERROR, Level.OK]
        assert (findings[0].text.endswith("but 9.9.9 is installed"), findings[0].remedy) == (True, "restart it")
    assert (await group_findings_by_subject(settings))["desk"].text.startswith(f"does not answer at 127.0.0.1:{port} (")
    async with serve_metrics(
        "127.0.0.1", 0, lambda: build_metrics_of_centre_pages("test", broker_up=False, streams=1)
    ) as port:
        settings = without_lines(tmp_path, metrics={"desk_port": port})
        assert (await group_findings_by_subject(settings))["desk"].text == "not ready: no connection to the broker"


def test_dialer_doctor_reports_another_program_on_the_metrics_port(tmp_path: Path) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"\xff\xfe" * processes._MAX_ANSWER_BYTES)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (seen,) = check_running_process("desk", "127.0.0.1", server.server_port)
        server.shutdown()
    assert (seen.level, seen.text) == (Level.ERROR, f"another program answers at 127.0.0.1:{server.server_port}")


@pytest.mark.parametrize(
    ("messages", "subject", "level", "text"),
    [
        ({}, "dialler at the broker", Level.ERROR, "the dialler has never published its state"),
        ({"centre": replace(STATE, online=False)}, "dialler at the broker", Level.ERROR, "the dialler is offline"),
        (
            {"centre": replace(STATE, at=NOW - 600)},
            "dialler at the broker",
            Level.ERROR,
            "the dialler has not published its state for 10 min",
        ),
        ({"centre": STATE}, "dialler at the broker", Level.OK, "3 calls; seats: 1 ready, 2 talking"),
        ({"centre": STATE, "alerts": ALERTS}, "alert store", Level.ERROR, "Dialling has stopped"),
        ({"centre": STATE, "campaign/calls": CAMPAIGN}, "campaign calls", Level.OK, "running, 1,200 numbers remaining"),
        (
            {"centre": STATE, "campaign/calls": HELD},
            *("campaign calls", Level.WARNING, "running, 1,200 numbers remaining; not dialling: no agent is free"),
        ),
    ],
)
def test_dialer_doctor_reports_a_missing_offline_or_old_dialler_state(
    messages: dict[str, object], subject: str, level: Level, text: str
) -> None:
    latest = LatestMessages("pune-1")
    for key, message in messages.items():
        latest.store_latest_message(key, message)
    findings = check_published_dialler_state(latest.centre_state, latest.build_centre_view(NOW), NOW)
    seen = {each.subject: each for each in findings}[subject]
    assert (seen.level, seen.text.startswith(text)) == (level, True), seen


@pytest.mark.parametrize(("ahead", "level"), [(0.0, Level.OK), (-90.0, Level.ERROR)])
def test_dialer_doctor_checks_clock_trunks_and_phones_of_a_running_asterisk(
    tmp_path: Path, ahead: float, level: Level
) -> None:
    fill_roll(tmp_path / "centre.db", 9)
    config = SimulatedAsteriskConfig(seats=make_seat_phones(2), trunks=(SimulatedTrunk("carrier"),))

    @virtual_time()
    async def run() -> None:
        async with SimulatedAsterisk(config) as switch:
            here = Now(switch.get_current_time() - ahead)
            seen = {
                each.subject: each async for each in check_running_site(site_settings(tmp_path, switch.ami_port), here)
            }
        assert seen["Asterisk's clock"].level is level
        assert seen["phones"].text == "2 of 2 are registered"
        assert seen["asterisk"].text.endswith("0 live channels")

    run()
