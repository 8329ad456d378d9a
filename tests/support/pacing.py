"""A simulated day under the predictive policy, with or without what the snapshot tells of numbers."""

from __future__ import annotations

from dialer.pacing.port import PacingEvent, PacingSnapshot
from dialer.pacing.predictive import PredictivePacer
from dialer.simulation.baselines import caps_for
from dialer.simulation.centre import simulate
from dialer.simulation.day_result import DayResult
from dialer.simulation.scenarios import Scenario


class BlindPacer(PredictivePacer):
    """Sees no number's own probability."""

    def calls_to_place(self, snapshot: PacingSnapshot) -> int:
        return super().calls_to_place(_blinded(snapshot))

    def excess_calls(self, snapshot: PacingSnapshot) -> int:
        return super().excess_calls(_blinded(snapshot))

    def observe(self, event: PacingEvent) -> None:
        super().observe(event._replace(answer_probability=None))


def a_day(scenario: Scenario, *, blind: bool = False, seed: int = 1) -> DayResult:
    """One day at a cap of 3 %; `blind`: the pacer is kept from what is told."""
    pacer = BlindPacer if blind else PredictivePacer
    return simulate(scenario, lambda: pacer(caps_for(0.03), connect_seconds=scenario.connect_seconds), seed)


def _blinded(snapshot: PacingSnapshot) -> PacingSnapshot:
    return PacingSnapshot(
        now_seconds=snapshot.now_seconds,
        hour=snapshot.hour,
        free_seats=snapshot.free_seats,
        busy_seats=snapshot.busy_seats,
        paused_seats=snapshot.paused_seats,
        ringing=tuple(call._replace(answer_probability=None) for call in snapshot.ringing),
        waiting_seconds=snapshot.waiting_seconds,
        free_channels=snapshot.free_channels,
        cps_budget=snapshot.cps_budget,
        active_calls=snapshot.active_calls,
        seconds_left=snapshot.seconds_left,
    )
