"""Which calls go first when more ring than seats will come free for."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.pacing.cancelling import cancelled_first


@dataclass(frozen=True)
class Ringing:
    name: str
    began_seconds: float
    ringing_seconds: float | None = None


def test_the_silent_go_youngest_first_then_those_that_rang_long_enough_longest_first() -> None:
    calls = [
        Ringing("rings since 8", 1.0, 8.0),
        Ringing("rings since 6", 2.0, 6.0),
        Ringing("rings since 20", 3.0, 20.0),
        Ringing("silent, first", 4.0),
        Ringing("silent, then", 9.0),
        Ringing("silent, at the same moment", 9.0),
    ]
    names = [call.name for call in cancelled_first(calls, 30.0, 15.0)]
    assert names == ["silent, at the same moment", "silent, then", "silent, first", "rings since 6", "rings since 8"]
