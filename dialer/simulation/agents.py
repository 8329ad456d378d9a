"""Simulated agents, who log in, take calls, enter dispositions, and sometimes take a break.

They react to changes of the engine's state and send commands, as the agents' page does.
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
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.preview.commands import SeatPreviewDial
from dialer.engine.seats.commands import SeatLogIn, SeatPause, SeatReady

_log = structlog.get_logger(__name__)

PREVIEW_READ_SECONDS = 5.0  # an agent reads a preview this long before dialling
# Dispositions of polling-day conversations and their weights. "Later" also needs an hour.
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
    """The habits of simulated agents: how long they wrap up, and when they take breaks. Seconds are the means of
    exponential distributions with a lower limit.
    """

    wrap_up_seconds: float = 6.0
    break_share: float = 0.01  # share of calls that are followed by a break (0-1)
    break_seconds: float = 20.0


class EngineLike(Protocol):
    """The engine's methods that a simulated agent calls."""

    def subscribe_to_changes(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback` with every change of the engine's state. Return a function that ends the subscription."""
        ...

    async def execute_command(self, command: Command, context: CommandContext = FROM_DIALLER) -> str:
        """Execute a command of the engine, such as a log-in, and return its reply. Raises CommandRefused, StoreError."""
        ...


class EngineClient(ABC):
    """Base class of simulated people, such as agents, who react to changes of the engine's state."""

    def __init__(self, engine: EngineLike) -> None:
        self._engine = engine
        self._tasks: set[asyncio.Task[None]] = set()

    async def react_to_engine_until_stopped(self, stop: asyncio.Event) -> None:
        """React to changes of the engine's state until `stop` is set, then cancel the reactions in progress."""
        unsubscribe = self._engine.subscribe_to_changes(self._react_to_changed_engine_state)
        try:
            await self._send_first_commands_of_simulated_person()
            await stop.wait()
        finally:
            unsubscribe()
            for task in self._tasks:
                task.cancel()

    async def _send_first_commands_of_simulated_person(self) -> None:  # noqa: B027 - optional: some clients only react to changes
        """Send the simulated person's first commands, such as a log-in. The default is to send none."""

    @abstractmethod
    def _react_to_changed_engine_state(self, change: Change) -> None:
        """React to a change of the engine's state, such as a voter who was connected to the seat. Subclasses implement
        this.
        """

    def _start_task_of_simulated_person(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class SimulatedAgents(EngineClient):
    """Simulated agents, one for each seat."""

    def __init__(self, engine: EngineLike, seats: Sequence[str], habits: AgentHabits, seed: int) -> None:
        """Create one agent for each of `seats`. The same `seed` gives the same choices."""
        super().__init__(engine)
        self._seats = seats
        self._habits = habits
        self._random = random.Random(seed)
        self._shown: dict[str, str] = {}  # by seat: the attempt of the preview shown there last

    async def _send_first_commands_of_simulated_person(self) -> None:
        for number, seat in enumerate(self._seats, start=1):
            await self._execute_seat_command(SeatLogIn(seat=seat, agent=f"agent-{number:02d}"))

    def _react_to_changed_engine_state(self, change: Change) -> None:
        if not isinstance(change, SeatView) or change.seat not in self._seats:
            return
        seat, attempt_id = change.seat, change.attempt_id
        if change.state is SeatState.WRAP_UP:
            self._start_task_of_simulated_person(self._finish_wrap_up_of_seat(seat), "agent-wraps-up")
        elif change.preview is not None and attempt_id is not None and self._shown.get(seat) != attempt_id:
            self._shown[seat] = attempt_id
            self._start_task_of_simulated_person(self._dial_previewed_call(seat, AttemptId(attempt_id)), "agent-dials")

    async def _dial_previewed_call(self, seat: str, attempt_id: AttemptId) -> None:
        await asyncio.sleep(PREVIEW_READ_SECONDS)
        await self._execute_seat_command(SeatPreviewDial(seat=seat, attempt_id=attempt_id))

    async def _finish_wrap_up_of_seat(self, seat: str) -> None:
        habits, random_numbers = self._habits, self._random
        disposition = random_numbers.choices(
            [disposition for disposition, _ in _DISPOSITIONS], [weight for _, weight in _DISPOSITIONS]
        )[0]
        hour = random_numbers.randint(10, 17) if disposition is Disposition.LATER else None
        takes_break = random_numbers.random() < habits.break_share
        await asyncio.sleep(max(1.0, random_numbers.expovariate(1 / habits.wrap_up_seconds)))
        if takes_break:
            await self._execute_seat_command(SeatPause(seat=seat, reason="break"))
        await self._execute_seat_command(PhoneKeyDisposition(seat=seat, disposition=disposition, hour=hour))
        if takes_break:
            await asyncio.sleep(max(2.0, random_numbers.expovariate(1 / habits.break_seconds)))
            await self._execute_seat_command(SeatReady(seat=seat))

    async def _execute_seat_command(self, command: Command) -> None:
        try:
            await self._engine.execute_command(command)
        except (
            CommandRefused,
            StoreError,
        ) as error:  # the seat has changed state meanwhile; a real agent would see that on the page
            _log.info("simulated_agent.command_refused", command=type(command).__name__, reason=str(error))
