"""A short run of the attack on headquarters. The long run is a command, see the package."""

from __future__ import annotations

from tests.attack.headquarters_histories import play_histories
from tests.attack.kill_histories import silence_log

SEEDS = (1, 2, 25)  # 25: a new batch takes the stream position of one that was lost when the nats-server was set back


def test_results_of_a_replaced_restored_or_copied_store_reach_headquarters_exactly_once() -> None:
    silence_log()
    figures, faulty = play_histories(SEEDS)
    assert figures["histories"] == len(SEEDS)
    assert figures["rows"] > 200 * len(SEEDS)
    assert not faulty, faulty
