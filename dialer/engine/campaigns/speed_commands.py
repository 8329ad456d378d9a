"""The commands for a campaign's speed: what a supervisor holds it to, below what caps and lines allow, and the abandoned share that
its pacing steers to. Pure.
"""

from __future__ import annotations

from dialer.domain.model import LEAST_PER_SEAT, MOST_CALLS, MOST_PER_SEAT
from dialer.engine.campaigns.commands import CAMPAIGN
from dialer.engine.command.desks import Desks
from dialer.engine.command.registry import SUPERVISOR_ALONE, Command, Value, number_of, offered

CALLS = Value(
    "most_calls",
    f"a whole number of 1 to {MOST_CALLS}",
    number_of(1, MOST_CALLS),
    int,
    "of speed: no more calls of the campaign at once; left out: what settings and trunks allow",
)
PER_SEAT = Value(
    "calls_per_seat",
    f"a number of {LEAST_PER_SEAT:g} to {MOST_PER_SEAT:g}",
    number_of(LEAST_PER_SEAT, MOST_PER_SEAT, whole=False),
    float,
    "of speed: no more unanswered calls for each agent at work; left out: as many as the pacing finds right",
)


@offered("speed", CAMPAIGN, may=(CALLS, PER_SEAT), roles=SUPERVISOR_ALONE, repeatable=True, takes_sender=True)
class SetSpeed(Command):
    """Hold a campaign to so many calls, until the day ends; with neither figure it is held to none. Never more than it may."""

    campaign: str
    most_calls: int | None
    calls_per_seat: float | None
    supervisor: str

    async def carry_out(self, desks: Desks) -> str:
        return await desks.campaigns.set_speed(self.campaign, self.most_calls, self.calls_per_seat, self.supervisor)


LEAST_TARGET, MOST_TARGET = 0.0005, 0.1
TARGET = Value(
    "abandoned_target",
    f"a share of {LEAST_TARGET:g} to {MOST_TARGET:g}",
    number_of(LEAST_TARGET, MOST_TARGET, whole=False),
    float,
    "of abandoned-target: the share of live answers, 0.01 for 1 %, that pacing steers to; left out: the settings' own",
)


@offered("abandoned-target", CAMPAIGN, may=(TARGET,), roles=SUPERVISOR_ALONE, repeatable=True, takes_sender=True)
class SteerTo(Command):
    """Steer a campaign's pacing to another abandoned share, at most the rules profile's, until it is taken back; no cap moves."""

    campaign: str
    abandoned_target: float | None
    supervisor: str

    async def carry_out(self, desks: Desks) -> str:
        return await desks.campaigns.steer(self.campaign, self.abandoned_target, self.supervisor)
