"""The simulated agents of a rehearsal, who have the numbers, skills and languages of the site's own agents."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable

from dialer.domain.enums import Purpose
from dialer.domain.errors import CommandRefused
from dialer.domain.view import Change, SeatView
from dialer.engine.booth_workers.commands import SeatSerials
from dialer.engine.command.base import FROM_DIALLER, Command, CommandContext
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.seats.commands import SeatLogIn, SeatReady
from dialer.settings.site import Settings
from dialer.simulation.agents import AgentHabits, EngineLike, SimulatedAgents
from dialer.simulation.rehearsal.site import REHEARSAL_PIN, make_agent_number

_HABITS = AgentHabits(wrap_up_seconds=15.0, break_share=0.01, break_seconds=600.0)
_HIGHEST_SERIAL = 1000
_MOST_SERIALS = 5


def create_rehearsal_agents(
    site: Settings, rehearsed: Settings, engine: EngineLike, load: int, seed: int
) -> SimulatedAgents:
    """Return the simulated agents of a rehearsal, at most one for each seat.

    If the site's settings list agents, `load` copies of them work. Otherwise, every seat has an agent.
    """
    seats = [seat.name for seat in rehearsed.seats]
    numbers: dict[str, str] = {}
    if site.agents:
        places = choose_agents_who_work_in_rehearsal(site)
        for copy in range(load):
            seats_of_copy = seats[copy * len(site.seats) :][: len(places)]
            numbers |= {
                seat: make_agent_number(site, copy, place) for seat, place in zip(seats_of_copy, places, strict=True)
            }
        seats = list(numbers)
    workers = {each.id for each in site.campaigns if each.purpose is Purpose.BOOTH_WORKERS}
    return SimulatedAgents(RehearsalStaff(engine, numbers, workers, seed), seats, _HABITS, seed)


class RehearsalStaff:
    """A wrapper of the engine, which adds agents' numbers and PINs to the log-ins of a rehearsal's simulated agents.

    At the end of calls to booth workers, the wrapper enters random serial numbers of voters.
    """

    def __init__(self, engine: EngineLike, numbers: dict[str, str], workers: set[str], seed: int) -> None:
        """Wrap an engine for the simulated agents of a rehearsal.

        `numbers` are the agents' numbers by seat. `workers` are the ids of the campaigns with calls to booth workers.
        """
        self._engine = engine
        self._numbers = numbers
        self._workers = workers
        self._random = random.Random(seed)
        self._campaign: dict[str, str | None] = {}  # by seat

    def subscribe_to_changes(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback` with every change of the engine's state. Return a function that ends the subscription."""

        def store_campaign_of_seat(change: Change) -> None:
            if isinstance(change, SeatView):
                self._campaign[change.seat] = change.campaign_id
            callback(change)

        return self._engine.subscribe_to_changes(store_campaign_of_seat)

    async def execute_command(self, command: Command, context: CommandContext = FROM_DIALLER) -> str:
        """Pass a simulated agent's command to the engine, and return the reply. Raises CommandRefused, StoreError.

        A log-in gets the agent's number and PIN. In a call to a booth worker, serial numbers are entered instead of an
        outcome.
        """
        if isinstance(command, SeatLogIn) and command.seat in self._numbers:
            command = SeatLogIn(seat=command.seat, agent=self._numbers[command.seat], pin=REHEARSAL_PIN)
        if isinstance(command, PhoneKeyDisposition) and self._campaign.get(command.seat) in self._workers:
            return await self._end_booth_worker_call(command.seat)
        return await self._engine.execute_command(command, context)

    async def _end_booth_worker_call(self, seat: str) -> str:
        """End a call to a booth worker by entering random serial numbers of voters, instead of a disposition."""
        serials = {self._random.randint(1, _HIGHEST_SERIAL) for _ in range(self._random.randint(1, _MOST_SERIALS))}
        # Refused for a worker of several parts: the agent's page asks for the part, a simulated agent cannot name it.
        with contextlib.suppress(CommandRefused):
            await self._engine.execute_command(SeatSerials(seat=seat, serials=",".join(map(str, sorted(serials)))))
        return await self._engine.execute_command(SeatReady(seat=seat))


def choose_agents_who_work_in_rehearsal(settings: Settings) -> list[int]:
    """Return the agents who work in the rehearsal, as positions in the settings (from 0).

    If there are more agents than seats, one agent for each required skill is chosen first. The rest are spread evenly
    over the list.
    """
    agents, seats = settings.agents, len(settings.seats)
    required = sorted({campaign.skill for campaign in settings.campaigns if campaign.skill is not None})
    skilled = [next(place for place, agent in enumerate(agents) if skill in agent.skills) for skill in required]
    step = max(1.0, len(agents) / max(1, seats))
    spread = [int(number * step) for number in range(min(seats, len(agents)))]
    return list(dict.fromkeys([*skilled, *spread]))[:seats]
