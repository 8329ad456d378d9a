"""The trunks of a simulated centre: channels, calls per second, and delays and false answers of the carrier."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from dialer.centre_model.distributions import Ring
from dialer.centre_model.scenario import Scenario

if TYPE_CHECKING:
    from dialer.engine.trunks.state import CallStarts

_NO_LIMIT = 1_000_000


class SimulatedTrunks:
    """The trunks of a simulated centre. The trunks limit call starts by the same rule as the engine (`CallStarts`)."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._starts: CallStarts | None = None
        if scenario.calls_per_second is not None:
            from dialer.engine.trunks.state import CallStarts  # noqa: PLC0415 - imports the site's settings, which are slow

            self._starts = CallStarts(scenario.calls_per_second, 0.0)

    def get_free_channels_and_call_starts(self, now: float, channels_in_use: int) -> tuple[int, int]:
        """Return two counts: the free channels of the trunks, and the calls that may start at this moment."""
        starts = _NO_LIMIT if self._starts is None else self._starts.count_available_call_starts(now, unsent=0)
        return max(0, self._scenario.channels - channels_in_use), starts

    def get_seconds_to_next_call_start(self, now: float) -> float:
        """Return the seconds until the trunks allow another call to start (0.0 = now)."""
        return 0.0 if self._starts is None else self._starts.count_seconds_until_next_call_start(now, unsent=0)

    def count_call_start(self, now: float) -> None:
        """Count a call start against the limit of calls per second."""
        if self._starts is not None:
            self._starts.grant_call_start_now(now)
            self._starts.record_call_sent_on_trunk(now)

    def is_carrier_answering_falsely(self, now: float) -> bool:
        """Return whether the carrier now answers every call at once and then hangs up, without connecting the voter."""
        false = self._scenario.false_answers
        return false is not None and false.from_seconds <= now < false.to_seconds

    def pick_random_ring_time(self, now: float, answer_chance: float, in_set_up: int, random: Random) -> Ring:
        """Draw the ring time of a call, including the carrier's delays and false answers.

        The call is answered with probability `answer_chance`.
        """
        scenario = self._scenario
        answered, seconds, set_up = scenario.ring.pick_random_ring_time(random.random() < answer_chance, random)
        if scenario.false_answers is not None and self.is_carrier_answering_falsely(now):
            return True, scenario.false_answers.answer_seconds, None
        if scenario.slow_after_calls is None:
            return answered, seconds, set_up
        delay = scenario.slow_seconds_per_call * max(0, in_set_up - scenario.slow_after_calls)
        seconds, set_up = seconds + delay, None if set_up is None else set_up + delay
        if seconds >= scenario.ring.maximum_ring_seconds:
            return False, scenario.ring.maximum_ring_seconds, set_up
        return answered, seconds, set_up
