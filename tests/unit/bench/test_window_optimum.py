"""The best spending of an abandoned-call window, compared with the governor's rule."""

from __future__ import annotations

import numpy as np
import pytest

from bench.window_optimum import CAREFUL_SHARE, DROPS, Vector, _evaluate, compute_best_spending, main
from dialer.pacing.tuning import TUNED


def _cost(by_room: Vector) -> float:
    drops = len(by_room) - 1
    return _evaluate(by_room[::-1].copy(), np.arange(drops + 1, dtype=np.float64), drops)[1]


@pytest.mark.parametrize("drops", DROPS)
def test_total_cost_of_idle_agents_and_drops_is_lowest_at_the_optimal_drop_rate(drops: int) -> None:
    best = compute_best_spending(drops)
    assert _cost(best.by_room) == pytest.approx(best.cost)
    for other in (0.5, 0.8, 1.0, 1.5):
        even = np.full(drops + 1, other)
        even[0] = CAREFUL_SHARE
        assert best.cost < _cost(even)
    for room in range(1, drops + 1):
        changed = best.by_room.copy()
        changed[room] *= 1.2
        assert _cost(changed) >= best.cost - 1e-12


@pytest.mark.parametrize("drops", DROPS)
def test_drop_rate_that_pacing_allows_is_a_fixed_share_of_the_optimum(drops: int) -> None:
    rooms = np.arange(1, min(drops, 6) + 1)
    over = compute_best_spending(drops).by_room[rooms] / rooms**TUNED.room_power
    assert over == pytest.approx(np.full(len(rooms), over.mean()), rel=0.2)
    assert 0.25 < over.mean() < 0.45


def test_optimal_drop_rate_approaches_the_cap_as_more_drops_are_allowed() -> None:
    shares = [compute_best_spending(drops).mean_share for drops in DROPS]
    assert shares == sorted(shares)
    assert 0.9 < shares[-1] < 1.0


def test_abandoned_rate_window_that_allows_no_dropped_call_is_rejected() -> None:
    with pytest.raises(ValueError, match="nothing to spend"):
        compute_best_spending(0)


def test_table_of_optimal_drop_rates_shows_the_allowed_drop_rates_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["window_optimum", "--drops", "9"])
    main()
    shown = capsys.readouterr().out
    assert "   9 drops:" in shown
    assert " governor:" in shown
