"""Who works in a rehearsal: the simulated agents, as the site's own agents, with their skills and languages."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable

from dialer.domain.enums import Purpose
from dialer.domain.errors import CommandRefused
from dialer.domain.view import Change, SeatView
from dialer.engine.booth_workers.commands import SeatSerials
from dialer.engine.command.base import FROM_DIALLER, Command, CommandContext
from dialer.engine.dispositions.commands import KeyedDisposition
from dialer.engine.seats.commands import SeatLogIn, SeatReady
from dialer.settings.site import Settings
from dialer.simulation.agents import AgentHabits, EngineLike, SimulatedAgents
from dialer.simulation.rehearsal.site import REHEARSAL_PIN, agent_number

_HABITS = AgentHabits(wrap_up_seconds=15.0, break_share=0.01, break_seconds=600.0)
_HIGHEST_SERIAL = 1000
_MOST_SERIALS = 5


def agents_of(site: Settings, rehearsed: Settings, engine: EngineLike, load: int, seed: int) -> SimulatedAgents:
    """The agents of a rehearsal, to be run: one at each seat, or as many as the site has where it names its agents."""
    seats = [seat.name for seat in rehearsed.seats]
    numbers: dict[str, str] = {}
    if site.agents:
        places = at_work(site)
        for copy in range(load):
            seats_of_copy = seats[copy * len(site.seats) :][: len(places)]
            numbers |= {
                seat: agent_number(site, copy, place) for seat, place in zip(seats_of_copy, places, strict=True)
            }
        seats = list(numbers)
    workers = {each.id for each in site.campaigns if each.purpose is Purpose.BOOTH_WORKERS}
    return SimulatedAgents(StaffDesk(engine, numbers, workers, seed), seats, _HABITS, seed)


class StaffDesk:
    """Says for simulated agents what they do not know of: their number and PIN, and what a booth worker is asked for."""

    def __init__(self, engine: EngineLike, numbers: dict[str, str], workers: set[str], seed: int) -> None:
        """`numbers` of agents by seat; `workers` are the campaigns that call booth workers."""
        self._engine = engine
        self._numbers = numbers
        self._workers = workers
        self._chance = random.Random(seed)
        self._campaign: dict[str, str | None] = {}  # by seat

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Hear changes, and keep of which campaign a seat's call is."""

        def heard(change: Change) -> None:
            if isinstance(change, SeatView):
                self._campaign[change.seat] = change.campaign_id
            callback(change)

        return self._engine.subscribe(heard)

    async def execute(self, command: Command, context: CommandContext = FROM_DIALLER) -> str:
        """Execute a command. Raises CommandRefused, StoreError."""
        if isinstance(command, SeatLogIn) and command.seat in self._numbers:
            command = SeatLogIn(seat=command.seat, agent=self._numbers[command.seat], pin=REHEARSAL_PIN)
        if isinstance(command, KeyedDisposition) and self._campaign.get(command.seat) in self._workers:
            return await self._end_worker_call(command.seat)
        return await self._engine.execute(command, context)

    async def _end_worker_call(self, seat: str) -> str:
        """Of a booth worker's call serials are noted, and no disposition is given."""
        serials = {self._chance.randint(1, _HIGHEST_SERIAL) for _ in range(self._chance.randint(1, _MOST_SERIALS))}
        # Of a worker of several parts one must be named, and the parts are on the agent's page alone.
        with contextlib.suppress(CommandRefused):
            await self._engine.execute(SeatSerials(seat=seat, serials=",".join(map(str, sorted(serials)))))
        return await self._engine.execute(SeatReady(seat=seat))


def at_work(settings: Settings) -> list[int]:
    """Which agents of the settings (counted from 0) have a seat where there are more of them than seats.

    One for each skill that a campaign asks for, and the rest from everywhere in the list: it may be in the order of shifts.
    """
    agents, seats = settings.agents, len(settings.seats)
    asked = sorted({campaign.skill for campaign in settings.campaigns if campaign.skill is not None})
    skilled = [next(place for place, agent in enumerate(agents) if skill in agent.skills) for skill in asked]
    step = max(1.0, len(agents) / max(1, seats))
    spread = [int(number * step) for number in range(min(seats, len(agents)))]
    return list(dict.fromkeys([*skilled, *spread]))[:seats]
