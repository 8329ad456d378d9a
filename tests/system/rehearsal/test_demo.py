"""The demo: what its pacing begins with."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from dialer.pacing.factory import make_pacer
from dialer.pacing.port import PacingSnapshot
from dialer.rehearsal.demo import TAUGHT, DemoOptions, teach
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
    free = PacingSnapshot(0.0, free_seats=10, free_channels=90, cps_budget=90)
    assert taught.calls_to_place(free) > cold.calls_to_place(free)
    assert asyncio.run(learned(before='{"kept": true}')) == '{"kept": true}'
