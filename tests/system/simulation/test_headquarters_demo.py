"""The demo of a headquarters with real and virtual centres: uploads, peer updates, material and a stop of all."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console

from dialer.domain.view import SeatState
from dialer.simulation.demo.headquarters import (
    HqDemoOptions,
    RealCentre,
    has_centre_unstored_results,
    run_hq_demo,
)
from dialer.uplink import material
from tests.support.waiting import HANG_SECONDS


@pytest.mark.parametrize(
    ("calls", "seat", "open_attempts", "unfinished"),
    [
        (0, SeatState.READY, 0, False),
        (1, SeatState.READY, 0, True),
        (0, SeatState.WRAP_UP, 0, True),
        (0, SeatState.READY, 1, True),  # the end of the call is not committed yet
    ],
)
def test_demo_compares_databases_only_after_the_last_result_is_stored(
    calls: int, seat: SeatState, open_attempts: int, unfinished: bool
) -> None:
    view = SimpleNamespace(seats=[SimpleNamespace(state=seat)], campaigns=[SimpleNamespace(calls={"talking": calls})])
    centre = SimpleNamespace(
        site=SimpleNamespace(centre_view=view), query_database_of_centre=lambda _: [(open_attempts,)]
    )
    assert has_centre_unstored_results(cast(RealCentre, centre)) is unfinished


@pytest.mark.parametrize("started", ["postgresql/PG_VERSION", "nats/*.conf"])
async def test_sigterm_signal_ends_the_headquarters_demo_and_its_servers(started: str) -> None:
    """PostgreSQL is being started, or runs while nats-server is being started."""
    command = [sys.executable, "-m", "dialer", "hq", "demo", "--centres", "4"]
    with tempfile.TemporaryDirectory() as folder:  # short, because PostgreSQL's socket is in it
        environment = {**os.environ, "TMPDIR": folder}
        with Path(folder, "output").open("wb") as output:  # noqa: ASYNC230 - a small local file
            demo = await asyncio.create_subprocess_exec(*command, env=environment, stdout=output, stderr=output)
        try:
            async with asyncio.timeout(HANG_SECONDS):
                while not list(Path(folder).glob(f"matdan-hq-*/{started}")):
                    assert demo.returncode is None, Path(folder, "output").read_text(encoding="utf-8")
                    await asyncio.sleep(0.01)
                demo.terminate()
                assert await demo.wait() == 128 + signal.SIGTERM, Path(folder, "output").read_text(encoding="utf-8")
            assert list_processes_with(folder) == []
        finally:
            if demo.returncode is None:
                demo.kill()


def list_processes_with(text: str) -> list[str]:
    """Return the command lines of all processes that contain `text`."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # the process has ended
            lines.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in lines if text in line]


async def test_headquarters_demo_passes_all_checks_of_headquarters_and_centres(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(material, "CHECK_SECONDS", 2.0)
    shown = io.StringIO()
    report = tmp_path / "report.json"
    options = HqDemoOptions(for_seconds=14.0, report_path=report, centres=6, voters=400, rows_per_second=40.0)
    checks = await run_hq_demo(options, Console(file=shown, width=200))
    assert {check.name: check.seen for check in checks if not check.holds} == {}
    assert len(checks) == 7
    assert checks[0].seen.endswith("the centres run turnout-2, turnout-2, turnout-2")
    assert "6 of 6 centres stopped" in checks[1].seen
    assert "6 centres connected" in shown.getvalue()
    assert json.loads(report.read_text(encoding="utf-8"))["stop-all"]["holds"]
