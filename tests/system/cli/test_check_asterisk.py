"""`dialer check` with a running Asterisk: sounds, hold music, trunks and phones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.errors import SwitchError
from dialer.domain.finding import Finding, Level
from dialer.flows.catalogue import load_flow
from dialer.flows.sounds import list_sounds_of_flow
from dialer.flows.texts import load_shipped_texts
from dialer.simulation.asterisk import sessions
from dialer.simulation.asterisk.config import PhoneMode, SimulatedAsteriskConfig, SimulatedTrunk, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.site.checks.asterisk import SOUNDS_PER_REQUEST, check_asterisk
from tests.support.centre import site_settings
from tests.support.virtual import virtual_time

FLOW = {"kind": "ivr", "flow": "turnout", "pacing": "broadcast", "channels": 5}
SAID = list_sounds_of_flow(load_flow("turnout"), "hi", load_shipped_texts())
CONFIG = SimulatedAsteriskConfig(
    seats=make_seat_phones(3),
    trunks=(SimulatedTrunk("carrier", registration="Registered"),),
    early_originate_response=0.0,
)


async def list_findings(
    directory: Path,
    config: SimulatedAsteriskConfig = CONFIG,
    unregistered: tuple[str, ...] = (),
    history: str = "",
) -> dict[str, Finding]:
    """Return what `dialer check` reports, by subject. By default Asterisk's call history is in the directory."""
    folder = directory / "cdr-custom"
    folder.mkdir(exist_ok=True)
    lines: dict[str, Any] = {
        "asterisk": {"history": history or folder / "matdan.csv"},
        "trunks": [
            {
                "name": "carrier",
                "endpoint": "carrier",
                "host": "192.0.2.1",
                "username": "us",
                "password": "not-a-password",
                "registers": True,
                "channels": 5,
                "calls_per_second": 1,
                "caller_ids": ["+911140000001"],
            }
        ],
    }
    async with SimulatedAsterisk(config) as switch:
        for endpoint in unregistered:
            switch.set_reaction_of_seat_phone(endpoint, PhoneMode.UNREGISTERED)
        settings = site_settings(directory, switch.ami_port, seats=3, campaign=FLOW, **lines)
        found = {finding.subject: finding async for finding in check_asterisk(settings)}
        assert not switch.placed_calls
        assert not switch.channels
    return found


@virtual_time()
async def test_dialer_check_of_a_complete_site_prints_no_warnings(tmp_path: Path) -> None:
    found = await list_findings(tmp_path)
    assert {finding.level for finding in found.values()} == {Level.OK}, found
    assert found["phones"].text == "3 of 3 are registered"
    assert found["trunk carrier"].text == "192.0.2.1: registered and answers"
    assert f"all {len(SAID) + 6} sounds" in found["sounds in asterisk"].text


@pytest.mark.parametrize("missing", [SAID, SAID[-1:], ("matdan/message",)])
def test_dialer_check_names_sound_files_that_asterisk_lacks(tmp_path: Path, missing: tuple[str, ...]) -> None:
    """All sounds (a wrong folder) or one may be missing; without this check, every call would be silent."""

    @virtual_time()
    async def run() -> None:
        found = await list_findings(tmp_path, replace(CONFIG, missing_sounds=frozenset(missing)))
        assert found["sounds in asterisk"].level is Level.ERROR
        assert f"does not find {len(missing):,} of" in found["sounds in asterisk"].text
        assert missing[0] in found["sounds in asterisk"].text

    run()


@virtual_time()
async def test_dialer_check_warns_if_asterisk_has_no_music_on_hold(tmp_path: Path) -> None:
    found = await list_findings(tmp_path, replace(CONFIG, silent_music=frozenset({"default"})))
    assert found["music on hold"].level is Level.WARNING


@pytest.mark.parametrize("state", ["Rejected", "Unregistered", ""])
def test_dialer_check_reports_a_trunk_that_is_not_registered_at_the_carrier(tmp_path: Path, state: str) -> None:
    @virtual_time()
    async def run() -> None:
        found = await list_findings(tmp_path, replace(CONFIG, trunks=(SimulatedTrunk("carrier", registration=state),)))
        assert found["trunk carrier"].level is Level.ERROR
        assert f"not registered at 192.0.2.1 ({state or 'unknown'})" in found["trunk carrier"].text

    run()


@virtual_time()
async def test_dialer_check_names_seats_whose_phone_is_not_registered(tmp_path: Path) -> None:
    found = await list_findings(tmp_path, unregistered=("agent02",))
    assert found["phones"] == Finding(Level.WARNING, "phones", "2 of 3 are registered; not registered: seat 02")


def test_dialer_check_asks_asterisk_for_many_sounds_in_several_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dialer.site.checks.asterisk.SOUNDS_PER_REQUEST", 3)
    assert SOUNDS_PER_REQUEST <= 120  # lines of a message: 128

    @virtual_time()
    async def run() -> None:
        found = await list_findings(tmp_path, replace(CONFIG, missing_sounds=frozenset(SAID)))
        assert f"does not find {len(SAID)} of {len(SAID) + 6} sounds" in found["sounds in asterisk"].text

    run()


@virtual_time()
async def test_dialer_check_warns_that_results_of_lost_calls_stay_unknown_without_call_records(tmp_path: Path) -> None:
    off = (await list_findings(tmp_path, history="off"))["call history"]
    missing = (await list_findings(tmp_path, history=str(tmp_path / "missing/cdr-custom/matdan.csv")))["call history"]
    assert {off.level, missing.level} == {Level.WARNING}
    assert f"{tmp_path}/missing/cdr-custom does not exist or cannot be read" in missing.text
    assert "call history" not in await list_findings(tmp_path)


@pytest.mark.parametrize(
    "banner", ["Asterisk Call Manager/1.1", "Asterisk Call Manager/5.0.2", "Asterisk Call Manager"]
)
def test_dialer_check_reports_an_asterisk_version_that_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, banner: str
) -> None:
    monkeypatch.setattr(sessions, "BANNER", f"{banner}\r\n".encode())

    @virtual_time()
    async def run() -> None:
        with pytest.raises(SwitchError, match="Asterisk 18 or newer is needed"):
            await list_findings(tmp_path)

    run()
