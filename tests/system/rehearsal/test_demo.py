"""The demo: what its pacing begins with, and who may sign in."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from dialer.domain.pin_proof import PinProver, read_proof
from dialer.pacing.factory import make_pacer
from dialer.pacing.port import PacingSnapshot
from dialer.rehearsal.demo import TAUGHT, DemoOptions, demo_settings, teach
from dialer.rehearsal.demo_desk import DemoVisitors
from dialer.simulation.baselines import caps_for
from dialer.store.sqlite import open_store


def test_a_new_demo_dials_as_one_that_has_learned_and_a_kept_one_goes_on_with_its_own(tmp_path: Path) -> None:
    async def learned(*, before: str | None = None) -> str:
        store = await open_store(tmp_path / "centre.db")
        try:
            if before is not None:
                await store.save_pacer_state(TAUGHT, before)
            await teach(store, DemoOptions(seats=10))
            return str(await store.pacer_state(TAUGHT))
        finally:
            await store.close()

    first = asyncio.run(learned())
    cold, taught = (make_pacer("predictive", caps=caps_for(0.03)) for _ in range(2))
    taught.restore(json.loads(first))
    free = PacingSnapshot(0.0, free_seats=20, free_channels=90, cps_budget=90)
    assert taught.calls_to_place(free) > cold.calls_to_place(free)
    assert asyncio.run(learned(before='{"kept": true}')) == '{"kept": true}'


def test_a_demo_with_a_desk_has_seats_and_agents_for_who_sits_at_the_machine(tmp_path: Path) -> None:
    visitors = DemoVisitors.after(10)
    settings = demo_settings(DemoOptions(desk=True), tmp_path / "centre.db", 5038, visitors)
    assert [seat.name for seat in settings.seats][-len(visitors.seats) :] == [*visitors.seats]
    assert len(settings.seats) == 10 + len(visitors.seats)
    hashes = {agent.number: agent.pin.get_secret_value() for agent in settings.agents}
    assert {*visitors.agents, *map(str, range(1, 11))} == {*hashes}
    for number in visitors.agents:
        proof = read_proof(PinProver(hashes).prove("demo", visitors.seats[0], number, visitors.pin, 1_713_765_600.0))
        assert proof.holds(hashes[number], "demo", visitors.seats[0], number)
    assert visitors.pin not in repr(visitors)
    assert demo_settings(DemoOptions(), tmp_path / "centre.db", 5038, None).agents == ()
