"""`dialer doctor`: what a running site's processes, records and clocks say, and what is wrong with them."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.model import Announcement
from dialer.metrics.families import of_desk
from dialer.metrics.server import serving_metrics
from dialer.settings.site import Settings
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, SimulatedTrunk, seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.site import doctor
from dialer.site.checks.finding import Finding, Verdict
from dialer.site.doctor import examine, told
from tests.support.centre import site_settings
from tests.support.roll_filler import fill_roll
from tests.support.stores import NOW, SqliteBackend, dial, filled
from tests.support.virtual import virtual_time

STATE = {
    "online": True,
    "at": NOW - 2,
    "calls": 3,
    "seats": {"ready": 1, "talking": 2, "lost": 0},
    "campaigns": {"calls": "running"},
}
CAMPAIGN = {"campaign": "calls", "state": "running", "due": 1_200, "held_because": None}


@dataclass(frozen=True)
class Now:
    """A clock that stands still."""

    at: float = NOW

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    def since_boot(self) -> float:
        return 0.0


async def found(settings: Settings, **more: Any) -> dict[str, Finding]:
    return {each.what: each async for each in examine(settings, Now(), **more)}


def without_lines(directory: Path, **sections: Any) -> Settings:
    return site_settings(directory, 1, trunks=[], **sections)


async def test_a_site_whose_dialler_is_away_is_bad(tmp_path: Path) -> None:
    fill_roll(tmp_path / "centre.db", 9)
    seen = await found(without_lines(tmp_path))
    assert seen["dialler"].verdict is Verdict.NOTE  # the last word: its port is not set
    bad = [each async for each in examine(without_lines(tmp_path), Now()) if each.verdict is Verdict.BAD]
    assert bad[0].text.endswith("open to write: start the dialler (`dialer run`)")
    assert seen["store"] == Finding("store", Verdict.GOOD, "its pages are sound")


async def test_records_results_and_attempts_that_need_a_person_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = SqliteBackend(tmp_path)
    async with filled(backend) as store:
        await dial(store, 1)
        await store.announce([Announcement("results/marks", "{}")] * 2, NOW - 1_200)
    copy = backend.path.with_name(f"{backend.path.name}.schema-26")
    copy.mkdir()
    settings = without_lines(tmp_path, store={"path": backend.path}, broker={"enabled": False})
    seen = await found(settings)
    assert seen["seals"].verdict is Verdict.GOOD
    assert seen["copy"].text == f"{copy} is of before an upgrade: remove it once you do not go back"
    assert "outbox for broker" not in seen
    with closing(sqlite3.connect(backend.path)) as db:
        db.execute("UPDATE attempt SET trunk = 'another', ended_at = 1, outcome = 'unknown'")
        db.commit()
    (late,) = [
        each
        for each in doctor._store(settings.model_copy(update={"broker": Settings().broker}), NOW)
        if "outbox" in each.what
    ]
    assert (late.verdict, late.text.split(":")[0]) == (Verdict.BAD, "2 announcements wait, the oldest for 20 min")
    seen = await found(settings)
    assert seen["seals"].verdict is Verdict.BAD
    assert "`dialer audit verify` names all" in seen["seals"].text
    assert seen["unknown attempts"].text.startswith("1 attempt of which nobody knows")
    monkeypatch.setattr(doctor, "MOST_SEALS", 0)
    assert (await found(settings))["seals"].verdict is Verdict.NOTE


@pytest.mark.parametrize(
    ("names", "verdict", "text"),
    [
        ([], Verdict.BAD, "there is none of test in "),
        (["other-20240422-093000", "test-half-done"], Verdict.BAD, "there is none of test in "),
        (["test-20240420-093000", "test-20240421-093000"], Verdict.BAD, "the newest of 2 is 25 h old: see"),
        (["test-20240422-090100"], Verdict.GOOD, "the newest of 1 is 90 min old"),
    ],
)
async def test_the_age_of_the_newest_backup(tmp_path: Path, names: list[str], verdict: Verdict, text: str) -> None:
    for name in names:
        (tmp_path / name).mkdir()
    now = datetime.fromisoformat("2024-04-22T10:31:00+05:30").timestamp()
    seen = doctor._backup(without_lines(tmp_path), tmp_path, now)
    assert (seen.verdict, seen.text.startswith(text)) == (verdict, True), seen


async def test_a_process_is_asked_where_a_monitoring_server_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_roll(tmp_path / "centre.db", 9)
    async with serving_metrics("127.0.0.1", 0, lambda: of_desk("test", heard=True, streams=1)) as port:
        settings = without_lines(tmp_path, metrics={"desk_port": port})
        assert (await found(settings))["desk"].verdict is Verdict.GOOD
        monkeypatch.setattr(doctor, "version", lambda _: "9.9.9")
        told_of = [each async for each in examine(settings, Now()) if each.what == "desk"]
        assert [each.verdict for each in told_of] == [Verdict.BAD, Verdict.GOOD]
        assert "9.9.9 is installed: start it again" in told_of[0].text
    assert (await found(settings))["desk"].text.startswith(f"does not answer at 127.0.0.1:{port} (")
    async with serving_metrics("127.0.0.1", 0, lambda: of_desk("test", heard=False, streams=1)) as port:
        settings = without_lines(tmp_path, metrics={"desk_port": port})
        assert (await found(settings))["desk"].text == "the desk does not hear the broker: see docs/runbooks.md"


def test_another_program_at_a_process_port_is_told_in_a_line(tmp_path: Path) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"\xff\xfe" * doctor._MOST_ANSWER_BYTES)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (seen,) = doctor._process("desk", "127.0.0.1", server.server_port)
        server.shutdown()
    assert (seen.verdict, seen.text) == (Verdict.BAD, f"another program answers at 127.0.0.1:{server.server_port}")


@pytest.mark.parametrize(
    ("heard", "what", "verdict", "text"),
    [
        ({}, "dialler at the broker", Verdict.BAD, "was never heard there"),
        ({"centre": {"online": False, "at": NOW}}, "dialler at the broker", Verdict.BAD, "is away"),
        ({"centre": {**STATE, "at": NOW - 600}}, "dialler at the broker", Verdict.BAD, "has said nothing for 10 min"),
        ({"centre": STATE}, "dialler at the broker", Verdict.GOOD, "3 calls; seats: 1 ready, 2 talking"),
        (
            {
                "centre": STATE,
                "alerts": {"alerts": [{"code": "store", "level": "critical", "text": "the disk is full"}]},
            },
            *("alert store", Verdict.BAD, "the disk is full (docs/runbooks.md)"),
        ),
        ({"centre": STATE, "campaign/calls": CAMPAIGN}, "campaign calls", Verdict.GOOD, "running, 1,200 numbers due"),
        (
            {"centre": STATE, "campaign/calls": {**CAMPAIGN, "held_because": "no agent is free"}},
            *("campaign calls", Verdict.NOTE, "running, 1,200 numbers due; dials nobody: no agent is free"),
        ),
    ],
)
def test_what_the_dialler_says_of_itself(heard: dict[str, Any], what: str, verdict: Verdict, text: str) -> None:
    seen = {each.what: each for each in told(heard, NOW)}[what]
    assert (seen.verdict, seen.text.startswith(text)) == (verdict, True), seen


@pytest.mark.parametrize(("off", "verdict"), [(0.0, Verdict.GOOD), (-90.0, Verdict.BAD)])
def test_asterisk_says_what_time_it_is_there_and_which_lines_are_there(
    tmp_path: Path, off: float, verdict: Verdict
) -> None:
    fill_roll(tmp_path / "centre.db", 9)
    config = SimulatedAsteriskConfig(seats=seat_phones(2), trunks=(SimulatedTrunk("carrier"),))

    @virtual_time()
    async def run() -> None:
        async with SimulatedAsterisk(config) as switch:
            here = Now(switch.now() - off)
            seen = {each.what: each async for each in examine(site_settings(tmp_path, switch.ami_port), here)}
        assert seen["Asterisk's clock"].verdict is verdict
        assert seen["phones"].text == "2 of 2 are registered"
        assert seen["asterisk"].text.endswith("0 channels live")

    run()
