"""The demo of a headquarters with real and virtual centres: uploads, peer updates, material and a stop of all."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from dialer.simulation.demo.headquarters import HqDemoOptions, run_hq_demo
from dialer.uplink import material

TIMING_CHECK = "uploads take less than 5 s"  # depends on the machine; a bench measures it


async def test_headquarters_demo_passes_all_checks_of_headquarters_and_centres(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(material, "CHECK_SECONDS", 2.0)
    shown = io.StringIO()
    report = tmp_path / "report.json"
    options = HqDemoOptions(for_seconds=14.0, report_path=report, centres=6, voters=400, rows_per_second=40.0)
    checks = await run_hq_demo(options, Console(file=shown, width=200))
    assert {check.name: check.seen for check in checks if not check.holds and check.name != TIMING_CHECK} == {}
    assert len(checks) == 7
    assert checks[0].seen.endswith("the centres run turnout-2, turnout-2, turnout-2")
    assert "6 of 6 centres stopped" in checks[1].seen
    assert "6 centres connected" in shown.getvalue()
    assert json.loads(report.read_text(encoding="utf-8"))["stop-all"]["holds"]
