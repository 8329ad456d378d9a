"""Short runs of the attacks that kill diallers. The long runs are commands, see the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attack import kill_real
from tests.attack.kill_histories import MUST_BE_ZERO, find_faults, play_every_step, play_histories, silence_log

FIRST, HISTORIES = 1, 50


@pytest.fixture(autouse=True)
def _silence_log() -> None:
    silence_log()


def test_dialler_killed_at_random_steps_neither_loses_answers_nor_repeats_calls() -> None:
    figures, faulty = play_histories(range(FIRST, FIRST + HISTORIES))
    assert figures["kills"] > HISTORIES // 2 < figures["power losses"]
    assert figures["calls"] > 5 * HISTORIES
    assert figures["marks acknowledged"] > 20 * HISTORIES
    assert not faulty, (faulty, {name: figures[name] for name in MUST_BE_ZERO})


@pytest.mark.parametrize("seed", [3])
def test_dialler_killed_at_any_single_step_neither_loses_answers_nor_repeats_calls(seed: int) -> None:
    steps, figures, faulty = play_every_step(seed, most=50)
    assert steps > 300
    assert not faulty, (faulty, find_faults(figures))


async def test_killed_dialler_processes_neither_lose_answers_nor_repeat_calls(tmp_path: Path) -> None:
    figures = await kill_real.play(tmp_path, rounds=3, seed=1)
    assert figures["marks acknowledged"] > 0 < figures["power losses"]
    assert not kill_real.find_faults(figures), figures
