"""A short run of the attack on headquarters. The long run is a command, see the package."""

from __future__ import annotations

from tests.attack.headquarters_histories import play_histories
from tests.attack.kill_histories import silence_log

FIRST, HISTORIES = 1, 2


def test_replaced_restored_doubled_and_set_back_centres_lose_no_row_and_count_none_twice() -> None:
    silence_log()
    figures, faulty = play_histories(range(FIRST, FIRST + HISTORIES))
    assert figures["histories"] == HISTORIES
    assert figures["rows"] > 200 * HISTORIES
    assert not faulty, faulty
