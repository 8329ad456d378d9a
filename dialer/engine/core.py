"""The core that all features of the engine share: the clock, the current settings, requested effects and background
tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from zoneinfo import ZoneInfo

from dialer.domain.clock import Clock, Instant
from dialer.engine.effects import Effect
from dialer.engine.plan import EnginePlan


class Core:
    """The state that all features of the engine share: the clock, the current settings, requested effects and
    background tasks.
    """

    def __init__(
        self, centre_id: str, zone: ZoneInfo, clock: Clock, plan: EnginePlan, *, dialler: str | None = None
    ) -> None:
        """Create the state that all features share. `dialler` is the name by which other processes identify this run of
        the dialler.
        """
        self.centre_id = centre_id
        self.zone = zone
        self.clock = clock
        self.plan = plan  # replaced when the settings are reloaded, so do not store a copy
        self.dialler = dialler
        self.draining = False  # the dialler is stopping: no new calls
        self.wake = asyncio.Event()  # set: the next placing decision is due, after SECONDS_BETWEEN_DECISIONS at most
        self.in_event = False  # True while an event is being handled; its effects are carried out afterwards
        self._effects: list[Effect] = []
        self._tasks: asyncio.TaskGroup | None = None
        self._carry_out: Callable[[], object] = self.pop_requested_side_effects

    def read_clock(self) -> Instant:
        """Return the current time, as the wall clock and the monotonic clock show it."""
        return Instant.read_both_clocks(self.clock)

    def request_side_effects(self, *effects: Effect) -> None:
        """Request actions outside the feature, such as timers or orders to the switch. The engine performs them when
        the current event handler has finished.
        """
        if not self.in_event and not self._effects and self._tasks is not None:
            asyncio.get_running_loop().call_soon(self._carry_out)
        self._effects += effects

    def pop_requested_side_effects(self) -> list[Effect]:
        """Return the effects (such as timers or orders to the switch) that features have requested, and clear the list
        of them.
        """
        effects, self._effects = self._effects, []
        return effects

    def start_accepting_background_tasks(self, group: asyncio.TaskGroup, carry_out: Callable[[], None]) -> None:
        """Run background tasks in `group` from now on. If one of them fails, the engine stops. `carry_out` performs the
        side effects that features request.
        """
        self._tasks, self._carry_out = group, carry_out

    def stop_accepting_background_tasks(self) -> None:
        """Accept no further background tasks."""
        self._tasks = None

    def spawn_background_task(self, work: Coroutine[Any, Any, object], name: str) -> None:
        """Run a coroutine in the background, so that the event handler need not wait for the store or the switch.
        Coroutines start in the order in which they were passed.
        """
        if self._tasks is None:
            work.close()
            raise RuntimeError(f"the background task {name} needs a running engine: start the engine first")
        try:
            self._tasks.create_task(work, name=name)
        except RuntimeError:  # an error is ending the engine: the task would be cancelled before it starts
            work.close()

    def end_engine_with_error(self, error: Exception) -> None:
        """End the engine by raising `error` in one of its tasks, or here if the engine is not running."""
        if self._tasks is None:
            raise error
        self.spawn_background_task(_raise_unexpected_error(error), "unexpected-error")


async def _raise_unexpected_error(error: Exception) -> None:
    raise error
