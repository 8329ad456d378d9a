"""What every feature of the engine works with: the clock, the plan in force, effects and background tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from zoneinfo import ZoneInfo

from dialer.domain.clock import Clock, Instant
from dialer.engine.effects import Effect
from dialer.engine.plan import EnginePlan


class Core:
    """The shared core of one centre's engine."""

    def __init__(
        self, centre_id: str, zone: ZoneInfo, clock: Clock, plan: EnginePlan, *, dialler: str | None = None
    ) -> None:
        """`dialler` is the name of this run of the dialler, as others see it."""
        self.centre_id = centre_id
        self.zone = zone
        self.clock = clock
        self.plan = plan  # replaced when the settings are reloaded: read it when it is needed
        self.dialler = dialler
        self.draining = False  # the dialler is stopping: no new calls
        self.wake = asyncio.Event()  # set it to have the number of calls decided again at once
        self.in_event = False  # an event is being handled: its effects are carried out at its end
        self._effects: list[Effect] = []
        self._tasks: asyncio.TaskGroup | None = None
        self._carry_out: Callable[[], object] = self.take_effects

    def instant(self) -> Instant:
        """Return the current time by both clocks."""
        return Instant.by(self.clock)

    def do(self, *effects: Effect) -> None:
        """Have effects carried out, together with all others, when the code that is running now has returned to the loop."""
        if not self.in_event and not self._effects and self._tasks is not None:
            asyncio.get_running_loop().call_soon(self._carry_out)
        self._effects += effects

    def take_effects(self) -> list[Effect]:
        """Return the effects to carry out now, and forget them."""
        effects, self._effects = self._effects, []
        return effects

    def start_tasks(self, group: asyncio.TaskGroup, carry_out: Callable[[], None]) -> None:
        """Run background tasks in `group` from now on. A failure in one of them ends the engine (fail closed)."""
        self._tasks, self._carry_out = group, carry_out

    def stop_tasks(self) -> None:
        """Start no further background tasks."""
        self._tasks = None

    def spawn(self, work: Coroutine[Any, Any, object], name: str) -> None:
        """Run `work`, which waits for the store or the switch, in the background. Earlier work reaches the store earlier."""
        if self._tasks is None:
            work.close()
            raise RuntimeError("the engine is not running")
        try:
            self._tasks.create_task(work, name=name)
        except RuntimeError:  # an error is ending the engine: the task would be cancelled before it starts
            work.close()

    def fail(self, error: Exception) -> None:
        """End the engine with an unexpected error, as an error in a task does. Raise it where no engine is running."""
        if self._tasks is None:
            raise error
        self.spawn(_raise(error), "unexpected-error")


async def _raise(error: Exception) -> None:
    raise error
