"""A dialler that can be killed at any step of its work, in this process: its engine, and its store's file as a crash leaves it.

A step is a statement of the writing connection, an order to the switch, or an event from it; the steps are counted as they come,
so that "die at step k, for every k" needs no list of crash points. From its death on nothing of that life reaches the store or the
switch: its tasks are cancelled, and whatever their clean-up tries is refused. The next life opens a copy of the files as they were
then, with what was committed, and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from dialer.domain.clock import LoopClock
from dialer.domain.errors import StoreError
from dialer.domain.switch import Switch
from dialer.domain.switch_events import SwitchEvent
from dialer.engine.core import Core
from dialer.engine.engine import Engine
from dialer.engine.plan import Dependencies
from dialer.flows.library import FlowLibrary
from dialer.settings.site import Settings
from dialer.simulation.site import simulated_profile
from dialer.site.plan import engine_plan
from dialer.store.sent_journal import SentJournal, journal_beside
from dialer.store.store import Store, open_store

PROFILE = simulated_profile()
SCRATCH = next((each for each in ("/dev/shm",) if Path(each).is_dir()), None)  # noqa: S108 - no disk to wait for


class Killed(BaseException):
    """The process is gone. No `except Exception` of the dialler may see it."""


class Mortal:
    """Counts the steps of a life, and ends it at one of them, or when `kill` is called."""

    def __init__(self, die_at: int | None = None) -> None:
        """`die_at`: the step that is not done any more, counted from 1."""
        self.steps = 0
        self.dead = asyncio.Event()
        self._die_at = die_at

    def step(self) -> None:
        """One more step is about to be done. Raises Killed in its place once this life is over."""
        if not self.dead.is_set():
            self.steps += 1
            if self.steps != self._die_at:
                return
            self.kill()
        raise Killed

    def kill(self) -> None:
        """The end."""
        self.dead.set()


class _MortalConnection:
    """The writing connection: every statement is a step, and a COMMIT is one before it and one behind it."""

    def __init__(self, db: sqlite3.Connection, mortal: Mortal) -> None:
        self._db = db
        self._mortal = mortal

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        self._mortal.step()
        done = self._db.execute(statement, *parameters)
        if statement == "COMMIT":
            self._mortal.step()
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


class Life:
    """One dialler from its start to its end: `async with Life(...)` starts it, and leaving stops it in order, if it still lives."""

    def __init__(
        self,
        path: Path,
        settings: Settings,
        flows: FlowLibrary,
        clock: LoopClock,
        switch: Callable[[Mortal], Switch],
        die_at: int | None = None,
    ) -> None:
        """`path` is the store's file; `switch` gives this life's way to the line, on which each order is a step."""
        self.mortal = Mortal(die_at)
        self.switch = switch(self.mortal)
        self.engine: Engine
        self.store: Store
        self._path = path
        self._settings = settings
        self._flows = flows
        self._clock = clock
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def begin(self) -> None:
        """Open the store and run. The switch is told of by the line: `event(SwitchUp(...))`."""
        self.store = await open_store(self._path)
        self.store._writer._db = _MortalConnection(self.store._db, self.mortal)  # type: ignore[assignment]
        self._tasks.add(self.store._writer._task)
        plan = engine_plan(self._settings, PROFILE)
        self.engine = Engine(
            Core(self._settings.centre.id, self._clock_zone(), self._clock, plan),
            Dependencies(
                self.store,
                self.switch,
                SentJournal(journal_beside(self._path)),
                self._flows,
                certified=lambda _campaign, _flow: {},
                has_room=lambda: True,
            ),
        )
        try:
            await self.engine.prepare()
        except (Killed, StoreError):
            if self.mortal.dead.is_set():
                return
            raise
        self.running = self.spawn(self.engine.run(self._stop))
        await asyncio.sleep(0)  # it takes tasks from now on

    def _clock_zone(self) -> Any:
        from dialer.settings.site_time import site_zone

        return site_zone(self._settings)

    def event(self, event: SwitchEvent) -> None:
        """The line tells something."""
        try:
            self.mortal.step()
        except Killed:
            return
        self.engine.on_switch_event(event)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Work of this process, that ends with it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """In order: what lives is drained, and the store is closed."""
        self._stop.set()
        await self.running
        await self.store.close()

    async def bury(self, next_path: Path) -> None:
        """After its death: let nothing of it go on, and leave its files, as they were, at `next_path`."""
        self.mortal.kill()
        for suffix in ("", "-wal"):  # the index of the WAL is made anew
            file = self._path.with_name(self._path.name + suffix)
            if file.exists():
                shutil.copyfile(file, next_path.with_name(next_path.name + suffix))
        if hasattr(self, "engine"):
            self.engine.features.calls._calls.clear()  # for timers that fire late
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for task in list(self._tasks):
            with contextlib.suppress(asyncio.CancelledError):
                task.exception()
        store = self.store
        store._closed = True
        store._reader.close()
        if store._db.in_transaction:
            store._db.execute("ROLLBACK")
        store._db.close()
        store._read_thread.shutdown(wait=False)
        store._write_thread.shutdown(wait=False)
        store._lock.release()
        for suffix in ("", "-wal", "-shm", ".lock"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
