"""A short run of the attack on headquarters. The long run is a command, see the package."""

from __future__ import annotations

from tests.attack.headquarters_histories import play_histories
from tests.attack.kill_histories import silence_log

FIRST, HISTORIES = 1, 2


def test_headquarters_loses_and_duplicates_no_result_of_replaced_restored_or_copied_centre_stores() -> None:
    silence_log()
    figures, faulty = play_histories(range(FIRST, FIRST + HISTORIES))
    assert figures["histories"] == HISTORIES
    assert figures["rows"] > 200 * HISTORIES
    assert not faulty, faulty
