"""`dialer check` asks Asterisk itself: which sounds it finds, whether a hold has music, which lines and phones are there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialer.flows.catalogue import load_flow
from dialer.flows.sounds import sounds_said
from dialer.flows.texts import shipped_texts
from dialer.simulation.asterisk.config import PhoneMode, SimulatedAsteriskConfig, SimulatedTrunk, seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.site.checks.asterisk import SOUNDS_AT_ONCE, asterisk
from dialer.site.checks.finding import Finding, Verdict
from tests.support.centre import site_settings
from tests.support.virtual import virtual_time

FLOW = {"kind": "ivr", "flow": "turnout", "pacing": "broadcast", "channels": 5}
SAID = sounds_said(load_flow("turnout"), "hi", shipped_texts())
CONFIG = SimulatedAsteriskConfig(
    seats=seat_phones(3), trunks=(SimulatedTrunk("carrier", registration="Registered"),), early_originate_response=0.0
)


async def told(
    directory: Path, config: SimulatedAsteriskConfig = CONFIG, away: tuple[str, ...] = ()
) -> dict[str, Finding]:
    """What the check finds, by what it looked at."""
    lines: dict[str, Any] = {
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
        ]
    }
    async with SimulatedAsterisk(config) as switch:
        for endpoint in away:
            switch.set_phone(endpoint, PhoneMode.UNREGISTERED)
        settings = site_settings(directory, switch.ami_port, seats=3, campaign=FLOW, **lines)
        found = {finding.what: finding async for finding in asterisk(settings)}
        assert not switch.placed
        assert not switch.channels
    return found


@virtual_time()
async def test_all_is_there(tmp_path: Path) -> None:
    found = await told(tmp_path)
    assert {finding.verdict for finding in found.values()} == {Verdict.GOOD}, found
    assert found["phones"].text == "3 of 3 are registered"
    assert found["trunk carrier"].text == "192.0.2.1: registered and answers"
    assert f"all {len(SAID) + 6} sounds" in found["sounds heard"].text


@pytest.mark.parametrize("missing", [SAID, SAID[-1:], ("matdan/message",)])
def test_sounds_that_asterisk_does_not_find_are_named(tmp_path: Path, missing: tuple[str, ...]) -> None:
    """In another directory than Asterisk's, or one of them alone: a whole list was called in silence, and nothing said so."""

    @virtual_time()
    async def run() -> None:
        found = await told(tmp_path, replace(CONFIG, missing_sounds=frozenset(missing)))
        assert found["sounds heard"].verdict is Verdict.BAD
        assert f"does not find {len(missing):,} of" in found["sounds heard"].text
        assert missing[0] in found["sounds heard"].text

    run()


@virtual_time()
async def test_a_hold_without_music_is_told(tmp_path: Path) -> None:
    found = await told(tmp_path, replace(CONFIG, silent_music=frozenset({"default"})))
    assert found["music on hold"].verdict is Verdict.NOTE


@pytest.mark.parametrize("state", ["Rejected", "Unregistered", ""])
def test_a_trunk_that_is_not_registered_is_bad(tmp_path: Path, state: str) -> None:
    @virtual_time()
    async def run() -> None:
        found = await told(tmp_path, replace(CONFIG, trunks=(SimulatedTrunk("carrier", registration=state),)))
        assert found["trunk carrier"].verdict is Verdict.BAD
        assert f"not registered at 192.0.2.1 ({state or 'unknown'})" in found["trunk carrier"].text

    run()


@virtual_time()
async def test_phones_that_are_away_are_named(tmp_path: Path) -> None:
    found = await told(tmp_path, away=("agent02",))
    assert found["phones"] == Finding("phones", Verdict.NOTE, "2 of 3 are registered; not there: seat 02")


def test_more_sounds_than_one_action_can_carry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialer.site.checks.asterisk.SOUNDS_AT_ONCE", 3)
    assert SOUNDS_AT_ONCE <= 120  # lines of a message: 128

    @virtual_time()
    async def run() -> None:
        found = await told(tmp_path, replace(CONFIG, missing_sounds=frozenset(SAID)))
        assert f"does not find {len(SAID)} of {len(SAID) + 6} sounds" in found["sounds heard"].text

    run()
