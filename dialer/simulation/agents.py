"""Simulated agents: they log in, wrap up after each call with a disposition, and take a break now and then.

They are clients of the engine like any desk: they hear its changes and send commands, nothing more.
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from dialer.domain.errors import CommandRefused, StoreError
from dialer.domain.model import AttemptId, Disposition
from dialer.domain.view import Change, SeatState, SeatView
from dialer.engine.command.base import FROM_DIALLER, Command, CommandContext
from dialer.engine.dispositions.commands import KeyedDisposition
from dialer.engine.preview.commands import SeatPreviewDial
from dialer.engine.seats.commands import SeatLogIn, SeatPause, SeatReady

_log = structlog.get_logger(__name__)

LOOKS_SECONDS = 5.0  # at whom a call is for, before it is dialled
# What a polling-day conversation comes to, by weight; later names an hour.
_DISPOSITIONS: tuple[tuple[Disposition, float], ...] = (
    (Disposition.VOTED, 0.42),
    (Disposition.NOT_YET, 0.20),
    (Disposition.LATER, 0.14),
    (Disposition.CALL_BACK, 0.09),
    (Disposition.WILL_NOT, 0.05),
    (Disposition.WRONG_NUMBER, 0.05),
    (Disposition.OPT_OUT, 0.03),
    (Disposition.LANGUAGE, 0.02),
)


@dataclass(frozen=True, slots=True)
class AgentHabits:
    """How the agents work. Seconds are means of exponential times, bounded below."""

    wrap_up_seconds: float = 6.0
    break_share: float = 0.01  # of calls after which an agent takes a break
    break_seconds: float = 20.0


class EngineLike(Protocol):
    """What an agent's desk needs of the engine."""

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Hear changes."""
        ...

    async def execute(self, command: Command, context: CommandContext = FROM_DIALLER) -> str:
        """Execute a command. Raises CommandRefused, StoreError."""
        ...


class EngineClient(ABC):
    """Hears an engine's changes and does what follows from them, each in a task of its own."""

    def __init__(self, engine: EngineLike) -> None:
        self._engine = engine
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`."""
        unsubscribe = self._engine.subscribe(self._on_change)
        try:
            await self._start()
            await stop.wait()
        finally:
            unsubscribe()
            for task in self._tasks:
                task.cancel()

    async def _start(self) -> None:  # noqa: B027 - nothing, for one that only hears
        """What is done first."""

    @abstractmethod
    def _on_change(self, change: Change) -> None:
        """The engine tells of a change."""

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class SimulatedAgents(EngineClient):
    """One agent per seat."""

    def __init__(self, engine: EngineLike, seats: Sequence[str], habits: AgentHabits, seed: int) -> None:
        """`seed` makes their choices repeatable."""
        super().__init__(engine)
        self._seats = seats
        self._habits = habits
        self._chance = random.Random(seed)
        self._shown: dict[str, str] = {}  # by seat: the call that was shown there before it was dialled

    async def _start(self) -> None:
        for number, seat in enumerate(self._seats, start=1):
            await self._ask(SeatLogIn(seat=seat, agent=f"agent-{number:02d}"))

    def _on_change(self, change: Change) -> None:
        if not isinstance(change, SeatView) or change.seat not in self._seats:
            return
        seat, attempt_id = change.seat, change.attempt_id
        if change.state is SeatState.WRAP_UP:
            self._begin(self._wrap_up(seat), "agent-wraps-up")
        elif change.preview is not None and attempt_id is not None and self._shown.get(seat) != attempt_id:
            self._shown[seat] = attempt_id
            self._begin(self._dial(seat, AttemptId(attempt_id)), "agent-dials")

    async def _dial(self, seat: str, attempt_id: AttemptId) -> None:
        await asyncio.sleep(LOOKS_SECONDS)
        await self._ask(SeatPreviewDial(seat=seat, attempt=attempt_id))

    async def _wrap_up(self, seat: str) -> None:
        habits, chance = self._habits, self._chance
        disposition = chance.choices(
            [disposition for disposition, _ in _DISPOSITIONS], [weight for _, weight in _DISPOSITIONS]
        )[0]
        hour = chance.randint(10, 17) if disposition is Disposition.LATER else None
        takes_break = chance.random() < habits.break_share
        await asyncio.sleep(max(1.0, chance.expovariate(1 / habits.wrap_up_seconds)))
        if takes_break:
            await self._ask(SeatPause(seat=seat, reason="break"))
        await self._ask(KeyedDisposition(seat=seat, disposition=disposition, hour=hour))
        if takes_break:
            await asyncio.sleep(max(2.0, chance.expovariate(1 / habits.break_seconds)))
            await self._ask(SeatReady(seat=seat))

    async def _ask(self, command: Command) -> None:
        try:
            await self._engine.execute(command)
        except (CommandRefused, StoreError) as error:  # the seat has moved on: an agent would see so on the page
            _log.info("agent.refused", command=type(command).__name__, answer=str(error))
