"""A dialler in this process that can be killed at any step, leaving its store's files as a crash or a power loss would.

A step is a statement on the store's writing connection, an order to the switch, or an event from it. Steps are counted as they
occur, so that a test can kill a dialler at step k for every k. After that nothing of the dialler reaches the store or the
switch: its tasks are cancelled, and anything that their clean-up tries is refused. The next dialler opens a copy of the files,
which contains only what was committed. After a power loss the files lack what was written and not synced.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
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
from dialer.simulation.site import create_profile_without_calling_hours
from dialer.site.plan import make_engine_plan_from_settings
from dialer.store.sent_journal import SentJournal, get_journal_path
from dialer.store.store import Store, open_store
from tests.support.power_loss import LossyDisk

PROFILE = create_profile_without_calling_hours()
SCRATCH = next((each for each in ("/dev/shm",) if Path(each).is_dir()), None)  # noqa: S108 - no disk to wait for


class Killed(BaseException):
    """The dialler was killed. A BaseException, so that no `except Exception` of the dialler catches it."""


class StepCounter:
    """Counts the steps of a dialler, and kills it at a given step or when `kill` is called."""

    def __init__(self, kill_at: int | None = None) -> None:
        """`kill_at` is the step, counted from 1, that is no longer done."""
        self.count = 0
        self.killed = asyncio.Event()
        self._kill_at = kill_at

    def count_step(self) -> None:
        """Count a step before it is done. Raises Killed if the dialler is killed here or was before."""
        if not self.killed.is_set():
            self.count += 1
            if self.count != self._kill_at:
                return
            self.kill()
        raise Killed

    def kill(self) -> None:
        """Let every further step raise Killed."""
        self.killed.set()


class _CountingConnection:
    """The store's writing connection. Every statement is a step; COMMIT is two, one before and one after it."""

    def __init__(self, db: sqlite3.Connection, steps: StepCounter) -> None:
        self._db = db
        self._steps = steps

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        self._steps.count_step()
        done = self._db.execute(statement, *parameters)
        if statement == "COMMIT":
            self._steps.count_step()
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


class KillableDialler:
    """One dialler, from `start` to `stop` or `kill`."""

    def __init__(
        self,
        path: Path,
        settings: Settings,
        flows: FlowLibrary,
        clock: LoopClock,
        switch: Callable[[StepCounter], Switch],
        kill_at: int | None = None,
    ) -> None:
        """`path` is the store's file. `switch` returns the switch port, which counts each order as a step."""
        self.steps = StepCounter(kill_at)
        self.switch = switch(self.steps)
        self.engine: Engine
        self.store: Store
        self._path = path
        self._settings = settings
        self._flows = flows
        self._clock = clock
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Open the store and run the engine. The network then sends SwitchUp."""
        self.store = await open_store(self._path)
        self.store._writer._db = _CountingConnection(self.store._db, self.steps)  # type: ignore[assignment]
        self._tasks.add(self.store._writer._task)
        plan = make_engine_plan_from_settings(self._settings, PROFILE)
        self.engine = Engine(
            Core(self._settings.centre.id, self._clock_zone(), self._clock, plan),
            Dependencies(
                self.store,
                self.switch,
                SentJournal(get_journal_path(self._path)),
                self._flows,
                certified=lambda _campaign, _flow: {},
                has_room=lambda: True,
            ),
        )
        try:
            await self.engine.load_engine_state()
        except (Killed, StoreError):
            if self.steps.killed.is_set():
                return
            raise
        self.running = self.start_task(self.engine.place_calls_until_stopped(self._stop))
        await asyncio.sleep(0)  # the engine accepts tasks from now on

    def _clock_zone(self) -> Any:
        from dialer.settings.site_time import get_site_zone

        return get_site_zone(self._settings)

    def receive_event(self, event: SwitchEvent) -> None:
        """Pass an event of the switch to the engine, as one step. A killed dialler ignores it."""
        try:
            self.steps.count_step()
        except Killed:
            return
        self.engine.on_switch_event(event)

    def start_task(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task of this process, which ends when the dialler is killed."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """Stop in order: drain live calls, then close the store."""
        self._stop.set()
        await self.running
        await self.store.close()

    async def kill(self, next_path: Path, disk: LossyDisk | None = None, power_loss: Random | None = None) -> None:
        """Kill the dialler if it is alive, cancel all its tasks, and copy its files to `next_path`.

        `disk` is the one that the files are on, if it is lossy. With `power_loss`, copy what that disk has after a power
        loss: each unsynced write is there or not, by chance.
        """
        self.steps.kill()
        found = self._path.parent
        if disk is not None and power_loss is not None:
            found = disk.after_power_loss(found / f"{next_path.name}-loss", power_loss)
        for suffix in ("", "-wal"):  # SQLite rebuilds the index of the WAL
            file = found / (self._path.name + suffix)
            if file.exists():
                shutil.copyfile(file, next_path.with_name(next_path.name + suffix))
        if hasattr(self, "engine"):
            self.engine.features.live_calls._calls.clear()  # so that late timers do nothing
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
        store._lock.release_lock()
        for suffix in ("", "-wal", "-shm", ".lock"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            if disk is not None:
                disk.delete(str(self._path) + suffix)
        if found != self._path.parent:
            shutil.rmtree(found)
