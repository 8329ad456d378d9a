"""A roll whose store remembers earlier calls: what an engine knows of numbers, and no oracle.

Each number has a probability of an answer of its own and a past that it drew from it. The pacer is told what the engine's own
estimator (`dialer.pacing.number_answers`) makes of that past, and what it learns of the outcomes as they come.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from dialer.domain.phone_facts import NumberHistory
from dialer.pacing.number_answers import NumberSigns
from dialer.simulation.laws import NumberLaw


@dataclass(frozen=True, slots=True)
class RollLaw:
    """Numbers as `numbers` draws them (what it would have told is thrown away), each with 0 to `most_calls` earlier calls.

    Of the earlier calls that nobody answered `busy_share` met a busy line, the others rang out; `near_share` of all were at
    about this time of day. With `alike` all numbers have the day's level, and their past says nothing.
    """

    numbers: NumberLaw = field(default_factory=NumberLaw)
    most_calls: int = 6
    busy_share: float = 0.2
    near_share: float = 0.2
    booths: int = 100
    alike: bool = False

    def draw(self, level: float, random: Random) -> tuple[float, NumberSigns]:
        """(true answer probability at the day's present `level`, what the store knows of the number)."""
        chance, _ = self.numbers.draw(level, random)
        if self.alike:
            chance = level
        ends = {"answers": 0, "busy": 0, "no_answers": 0, "near_answers": 0, "near_misses": 0}
        calls = random.randrange(self.most_calls + 1)
        for _ in range(calls):
            near = random.random() < self.near_share
            if random.random() < chance:
                ends["answers"] += 1
                ends["near_answers"] += near
            else:
                ends["busy" if random.random() < self.busy_share else "no_answers"] += 1
                ends["near_misses"] += near
        attempt = 1 + random.randrange(calls + 1)
        return chance, NumberSigns(NumberHistory(**ends), attempt, random.randrange(self.booths))
