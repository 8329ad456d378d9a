"""A trunk at its CPS limit for a long time, and how long calls wait between the decision and their start."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialer.domain.clock import LoopClock
from dialer.engine.trunks.state import WIRE_SECONDS
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.voters import VoterProfile
from tests.support.centre import START_EPOCH, Site, a_site, agents_at_work

TICK_SECONDS = 2e-5  # advance per reading, as on a real clock
COMMIT_SECONDS = (0.002, 0.03)  # commit times of slow disks


class TickingClock(LoopClock):
    """A clock that advances with each reading, even while virtual time does not."""

    def __init__(self, start: float) -> None:
        super().__init__(start)
        self._read = 0.0

    def monotonic(self) -> float:
        self._read = max(super().monotonic(), self._read + TICK_SECONDS)
        return self._read


@dataclass(frozen=True, slots=True)
class Placed:
    """A placed call. Seconds since the start."""

    kind: str
    wired_at: float  # when the switch placed it
    waited: float  # from the decision to the switch


async def run_full_trunk(
    directory: Path, *, calls_per_second: float, minutes: float, seats: int, ivr_channels: int
) -> list[Placed]:
    """Return all calls of an agent and an IVR campaign, on a trunk that limits both."""
    config = SimulatedAsteriskConfig(
        seats=make_seat_phones(seats), start_epoch=START_EPOCH, profile=VoterProfile(answer_rate=0.3), seed=1
    )
    trunk = {"name": "carrier", "endpoint": "carrier", "channels": 300, "calls_per_second": calls_per_second}
    hours = [{"start": "00:00", "until": "23:59:59"}]
    campaigns = [
        {"id": "agents", "kind": "agents", "pacing": "progressive", "hours": hours},
        {
            "id": "ivr",
            "kind": "ivr",
            "flow": "turnout",
            "pacing": "broadcast",
            "channels": ivr_channels,
            "hours": hours,
        },
    ]
    decided: dict[str, tuple[str, float]] = {}
    voters = int(calls_per_second * minutes * 60 * 3)
    async with a_site(
        directory,
        config,
        voters=voters,
        seats=seats,
        clocked=TickingClock,
        trunks=[{**trunk, "caller_ids": ["+911140000001"]}],
        campaigns=campaigns,
    ) as site:
        _note_decisions(site, decided)
        async with agents_at_work(site):
            await asyncio.sleep(minutes * 60)
        began, placed = site.switch.get_current_time() - minutes * 60, list(site.switch.placed_calls)
    found = [(*decided[call.channel_id], call.placed_at) for call in placed if call.channel_id in decided]
    return [Placed(kind, wired - began, wired - at) for kind, at, wired in found]


def _note_decisions(site: Site, decided: dict[str, tuple[str, float]]) -> None:
    store, chance = site.centre.store, random.Random(7)
    commit = store.commit_new_attempts

    async def slow(attempts: Any, **limits: Any) -> Any:
        for attempt in attempts:
            decided[attempt.attempt_id] = (attempt.claim.campaign_id, attempt.at)
        await asyncio.sleep(chance.uniform(*COMMIT_SECONDS))
        return await commit(attempts, **limits)

    store.commit_new_attempts = slow  # type: ignore[method-assign]


def max_starts_per_second(placed: list[Placed]) -> int:
    """Return the highest number of call starts within one second, and the margin for the switch."""
    times = sorted(each.wired_at for each in placed)
    return max(
        sum(first <= at < first + 0.999 + WIRE_SECONDS for at in times[n : n + 200]) for n, first in enumerate(times)
    )
