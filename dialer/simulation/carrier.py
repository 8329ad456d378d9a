"""The carrier of a simulated centre: channels, call starts per second, and what becomes of a call."""

from __future__ import annotations

from random import Random

from dialer.simulation.laws import Fate
from dialer.simulation.scenarios import Scenario


class Carrier:
    """The trunks of one scenario. Call starts are a token bucket of one second's worth, one at least."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._most_starts = max(1.0, scenario.calls_per_second)
        self._starts = self._most_starts
        self._filled_at = 0.0

    def room(self, now: float, channels_in_use: int) -> tuple[int, int]:
        """(free channels, call starts allowed at this instant)."""
        earned = (now - self._filled_at) * self._scenario.calls_per_second
        self._starts = min(self._most_starts, self._starts + earned)
        self._filled_at = now
        return max(0, self._scenario.channels - channels_in_use), int(self._starts)

    def seconds_to_next_start(self) -> float:
        """Seconds from the moment that `room` was last asked about, until a call may start; 0.0: at once."""
        return max(0.0, 1.0 - self._starts) / self._scenario.calls_per_second

    def start(self) -> None:
        """A call starts."""
        self._starts -= 1.0

    def gone_mad(self, now: float) -> bool:
        """Whether everything is answered at once and hung up."""
        false = self._scenario.false_answers
        return false is not None and false.from_seconds <= now < false.to_seconds

    def fate(self, now: float, chance: float, in_set_up: int, random: Random) -> tuple[Fate, float, float | None]:
        """(fate, seconds to its end or answer, seconds to "ringing" or None) of a call to a number with that chance."""
        scenario = self._scenario
        fate, seconds, set_up = scenario.ring.draw(random.random() < chance, random)
        if scenario.false_answers is not None and self.gone_mad(now):
            return Fate.ANSWERED, scenario.false_answers.answer_seconds, None
        if scenario.slow_after_calls is None:
            return fate, seconds, set_up
        delay = scenario.slow_seconds_per_call * max(0, in_set_up - scenario.slow_after_calls)
        seconds, set_up = seconds + delay, None if set_up is None else set_up + delay
        if seconds >= scenario.ring.ring_out_seconds:
            return Fate.RANG_OUT, scenario.ring.ring_out_seconds, set_up
        return fate, seconds, set_up
