"""How far the day will get: of the voters left, how many will be reached before the booths close. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MOST_TALKING_SHARE = 0.85
"""What an agent can talk and wrap up of the time at best; the rest goes to waiting for the next voter and to breaks."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a centre can do in an hour."""

    agent_contacts: float  # conversations and hour, all seats together
    flow_contacts: float  # completed flows and hour, all channels together


@dataclass(frozen=True, slots=True)
class Forecast:
    """What will be reached. Counts are voters, rounded down."""

    left: int
    by_agents: int
    by_flows: int

    @property
    def reached(self) -> int:
        """Voters who will be reached, by whomever."""
        return self.by_agents + self.by_flows


def agent_contacts_an_hour(seats: int, talk_seconds: float, wrap_up_seconds: float) -> float:
    """Conversations an hour of so many seats; 0 while nothing is known of how long they take."""
    handling = talk_seconds + wrap_up_seconds
    return seats * 3600.0 * MOST_TALKING_SHARE / handling if handling > 0 else 0.0


def flow_contacts_an_hour(
    channels: int, calls_per_second: float, answer_share: float, held_seconds: float, flow_seconds: float
) -> float:
    """Completed flows an hour: what the channels carry, or what may be started, whichever is less.

    A call that nobody answers holds its channel `held_seconds`, an answered one `flow_seconds` besides.
    """
    occupied = held_seconds + answer_share * flow_seconds
    by_channels = channels / occupied if occupied > 0 else 0.0
    return 3600.0 * answer_share * min(by_channels, calls_per_second)


def forecast(left: int, hours_left: float, voters_per_contact: float, capacity: Capacity) -> Forecast:
    """Split what is left between agents, who come first, and flows; no more than there are."""
    hours = max(0.0, hours_left)
    by_agents = min(left, int(capacity.agent_contacts * hours * voters_per_contact))
    by_flows = min(left - by_agents, int(capacity.flow_contacts * hours * voters_per_contact))
    return Forecast(left, by_agents, by_flows)
