"""Which ringing calls are cancelled first."""

from __future__ import annotations

from dialer.pacing.cancelling import sort_calls_to_hang_up


def test_calls_that_do_not_ring_yet_are_cancelled_before_ringing_calls() -> None:
    calls = [
        (1.0, 8.0, "rings since 8"),
        (2.0, 6.0, "rings since 6"),
        (3.0, 20.0, "rings since 20"),
        (4.0, None, "silent, first"),
        (9.0, None, "silent, then"),
        (9.0, None, "silent, at the same moment"),
    ]
    names = sort_calls_to_hang_up(calls, 30.0, 15.0)
    assert names == ["silent, at the same moment", "silent, then", "silent, first", "rings since 6", "rings since 8"]
