"""The demo of one centre: its pretrained pacing, and the accounts of its desk."""

from __future__ import annotations

import asyncio
import json
from io import StringIO
from pathlib import Path
from random import Random
from statistics import fmean

import pytest
from rich.console import Console

from dialer.centre_model.policies import make_abandoned_rate_caps
from dialer.domain.enums import PacingPolicy
from dialer.domain.pin_proof import PinProver, parse_pin_proof
from dialer.pacing.factory import make_pacer
from dialer.pacing.port import PacingSnapshot
from dialer.settings.site import load_settings
from dialer.simulation.demo import centre as demo
from dialer.simulation.demo.centre import (
    PRETRAINED_CAMPAIGN,
    DemoOptions,
    create_scenario_to_train_pacer,
    make_demo_settings,
    run_demo,
)
from dialer.simulation.demo.desk import DemoVisitors
from dialer.store.store import open_store


def test_demo_pacing_is_pretrained_unless_an_earlier_demo_has_learned_rates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []

    class CentreStarts(Exception):
        """Raised in place of starting the centre, which would load the pacer state of the store."""

    async def inspect_store(_options: DemoOptions, store_path: Path, *_: object) -> None:
        store = await open_store(store_path)
        try:
            found.append(str(await store.read_pacer_state(PRETRAINED_CAMPAIGN)))
            await store.save_pacer_state(PRETRAINED_CAMPAIGN, '{"learned": true}')
        finally:
            await store.close()
        raise CentreStarts

    monkeypatch.setattr(demo, "_run_centre", inspect_store)
    for _ in range(2):
        with pytest.raises(CentreStarts):
            asyncio.run(run_demo(DemoOptions(seats=10, voters=20, directory=tmp_path), Console(quiet=True)))
    first, second = found
    cold, pretrained = (make_pacer(PacingPolicy.PREDICTIVE, caps=make_abandoned_rate_caps(0.03)) for _ in range(2))
    pretrained.restore_learned_state(json.loads(first))
    free = PacingSnapshot(0.0, free_seats=20, free_channels=90, cps_budget=90)
    assert pretrained.count_calls_to_place(free) > cold.count_calls_to_place(free)
    assert second == '{"learned": true}'


def _start_demo(directory: Path, monkeypatch: pytest.MonkeyPatch, *, is_cold: bool) -> tuple[dict[str, object], str]:
    """Start a demo up to the start of its centre. Return the stored pacer state, and what the demo printed."""
    found: list[dict[str, object]] = []

    async def read_store_instead(_options: DemoOptions, store_path: Path, journal: Path, _console: Console) -> None:
        journal.touch()
        store = await open_store(store_path)
        try:
            found.append(json.loads(str(await store.read_pacer_state(PRETRAINED_CAMPAIGN))))
        finally:
            await store.close()

    monkeypatch.setattr(demo, "_run_centre", read_store_instead)
    console = Console(record=True, width=200, file=StringIO())
    options = DemoOptions(seats=10, voters=20, directory=directory, headless=True, is_cold=is_cold)
    asyncio.run(run_demo(options, console))
    return found[0], console.export_text()


def test_demo_prints_whether_its_pacing_was_trained_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    untrained = make_pacer(PacingPolicy.PREDICTIVE, caps=make_abandoned_rate_caps(0.03)).get_learned_state()
    state, said = _start_demo(tmp_path, monkeypatch, is_cold=False)
    assert state != untrained
    assert "The pacer was trained on a simulated hour with the same voters (--cold: untrained)." in said
    again, said = _start_demo(tmp_path, monkeypatch, is_cold=False)
    assert again == state
    assert "The pacer continues with what it learned in the earlier demo" in said
    cold, said = _start_demo(tmp_path, monkeypatch, is_cold=True)
    assert cold == untrained  # also in the folder of an earlier demo
    assert "The pacer starts untrained" in said


def test_pretraining_of_pacing_uses_the_ring_times_of_the_demos_voters() -> None:
    hour = create_scenario_to_train_pacer(DemoOptions(answer_rate=0.45))
    random = Random(1)
    rings = [hour.ring.pick_random_ring_time(answered, random) for answered in (True, False) for _ in range(2_000)]
    answers, others = rings[:2_000], rings[2_000:]
    assert {answered for answered, _, _ in answers} == {True, False}  # some would answer too late
    assert fmean(seconds for answered, seconds, _ in answers if answered) == pytest.approx(11.8, abs=0.3)
    silent = [seconds for _, seconds, set_up in others if set_up is None]
    assert len(silent) / len(others) == pytest.approx(0.33, abs=0.04)  # busy, unavailable, invalid, congestion
    assert max(silent) <= 2.0
    assert max(seconds for _, seconds, _ in rings) == 30.0


def test_demo_with_a_desk_creates_seats_and_agents_for_the_demo_user(tmp_path: Path) -> None:
    visitors = DemoVisitors.create_visitor_seats_and_agents(10)
    settings = make_demo_settings(DemoOptions(desk=True), tmp_path / "centre.db", 5038, visitors)
    assert [seat.name for seat in settings.seats][-len(visitors.seats) :] == [*visitors.seats]
    assert len(settings.seats) == 10 + len(visitors.seats)
    hashes = {agent.number: agent.pin.get_secret_value() for agent in settings.agents}
    assert {*visitors.agents, *map(str, range(1, 11))} == {*hashes}
    for number in visitors.agents:
        proof = parse_pin_proof(
            PinProver(hashes).create_pin_proof("demo", visitors.seats[0], number, visitors.pin, 1_713_765_600.0)
        )
        assert proof.is_valid_pin_proof(hashes[number], "demo", visitors.seats[0], number)
    assert visitors.pin not in repr(visitors)
    assert settings.desk.campaigns_file == tmp_path / "campaigns.toml"
    assert settings.desk.agents_file == tmp_path / "agents.toml"
    assert (
        load_settings(tmp_path / "centre.toml").model_dump() == settings.model_dump()
    )  # a reload after a new campaign changes nothing else
    assert make_demo_settings(DemoOptions(), tmp_path / "centre.db", 5038, None).agents == ()
