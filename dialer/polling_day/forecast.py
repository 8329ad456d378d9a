"""How far the day will get: of the voters not reached yet, how many will be before the last call, at the pace so far. Pure."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_SECONDS = 600.0
"""Nothing is said of the day before the centre has worked so long."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What will be reached. Counts are voters."""

    left: int
    by_agents: int
    by_flows: int
    until: float  # epoch seconds: the last call of the day

    @property
    def reached(self) -> int:
        """Voters who will be reached, by whomever."""
        return self.by_agents + self.by_flows


def forecast(
    left: int, reached_by_agents: int, reached_by_flows: int, worked_seconds: float, now: float, until: float
) -> Forecast | None:
    """The pace of `worked_seconds` carried on until `until`, agents first, and no more than there are; None: too early to say."""
    if worked_seconds < LEAST_SECONDS:
        return None
    times = max(0.0, until - now) / worked_seconds
    by_agents = min(left, int(reached_by_agents * times))
    by_flows = min(left - by_agents, int(reached_by_flows * times))
    return Forecast(left, by_agents, by_flows, until)
