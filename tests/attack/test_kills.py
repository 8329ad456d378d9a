"""Short attacks by killing; the long ones are commands (see the package)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attack import kill_real
from tests.attack.kill_histories import MUST_BE_NONE, faults_of, play_all, play_every_step, quiet

FIRST, HISTORIES = 1, 50


@pytest.fixture(autouse=True)
def _quiet() -> None:
    quiet()


def test_killed_at_seeded_steps_nothing_is_lost_and_nobody_is_dialled_twice() -> None:
    figures, faulty = play_all(range(FIRST, FIRST + HISTORIES))
    assert figures["kills"] > HISTORIES
    assert figures["calls"] > 5 * HISTORIES
    assert figures["marks acknowledged"] > 20 * HISTORIES
    assert not faulty, (faulty, {name: figures[name] for name in MUST_BE_NONE})


@pytest.mark.parametrize("seed", [3])
def test_killed_between_every_two_steps_nothing_is_lost_and_nobody_is_dialled_twice(seed: int) -> None:
    steps, figures, faulty = play_every_step(seed, most=50)
    assert steps > 300
    assert not faulty, (faulty, faults_of(figures))


async def test_processes_that_are_killed_in_real_time_lose_nothing_and_dial_nobody_twice(tmp_path: Path) -> None:
    figures = await kill_real.play(tmp_path, rounds=3, seed=1)
    assert figures["marks acknowledged"] > 0
    assert not kill_real.faults_of(figures), figures
